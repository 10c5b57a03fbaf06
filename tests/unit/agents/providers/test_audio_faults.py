"""How the audio of both vendors fails: told as chat is, bounded, and left at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from agents.errors import PromptRefused, ProviderBusy, ProviderDown, ProviderTimeout
from agents.messages import Prompt
from agents.providers.transport import Timeouts
from tests.hearing import Blocks, answered, asked, clip, connected, failed, hearing, saying
from tests.upstream import Upstream

pytestmark = pytest.mark.anyio

HASTY = Timeouts(connect=1, first_byte=0.3, idle=0.3, total=5)
PROMPTS = {
    "whisper": hearing("whisper-1"),
    "gpt-4o-transcribe": hearing("gpt-4o-transcribe"),
    "voxtral": hearing("voxtral-mini-latest"),
    "tts": saying("tts-1"),
    "gpt-4o-mini-tts": saying("gpt-4o-mini-tts"),
    "voxtral tts": saying("voxtral-mini-tts-latest"),
}
EVERY = pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)


@pytest.fixture
def server() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


def url_of(server: Upstream, prompt: Prompt) -> str:
    return server.openai_url if prompt.model.provider == "openai" else server.mistral_url


STATUSES = [
    (401, {}, ProviderDown, False, None),
    (403, {}, ProviderDown, False, None),
    (404, {}, ProviderDown, False, None),
    (400, {}, PromptRefused, False, None),
    (413, {}, PromptRefused, False, None),
    (422, {}, PromptRefused, False, None),
    (429, {}, ProviderBusy, False, None),
    (429, {"Retry-After": "1"}, ProviderBusy, True, 1.0),
    (429, {"Retry-After": "86400"}, ProviderBusy, True, 3600.0),
    (500, {}, ProviderDown, True, None),
    (503, {"Retry-After": "2"}, ProviderDown, True, 2.0),
]


@EVERY
async def test_a_status_means_what_it_means_for_chat(server, prompt):
    for status, headers, kind, retryable, wait in STATUSES:
        asked_before = len(server.audio.heard) + len(server.audio.said)
        server.audio.expect(status=status, headers=headers, body=b'{"error": {"message": "sk-upstream-openai"}}')

        error = await failed(url_of(server, prompt), prompt)

        assert (type(error), error.code, str(error)) == (kind, f"http_{status}", f"http_{status}")
        assert (error.retryable, error.retry_after, error.accepted) == (retryable, wait, False)
        assert len(server.audio.heard) + len(server.audio.said) == asked_before + 1


@EVERY
async def test_a_redirect_is_not_followed(server, prompt):
    elsewhere = url_of(server, prompt) + "/audio/transcriptions"
    server.audio.expect(status=307, headers={"Location": elsewhere})
    before = len(server.audio.heard)

    error = await failed(url_of(server, prompt), prompt)

    assert (type(error), error.code, error.retryable) == (ProviderDown, "redirect", False)
    assert len(server.audio.heard) <= before + 1


@EVERY
async def test_an_answer_that_breaks_off_is_told_and_owed(server, prompt):
    server.audio.expect(cut=True)

    error = await failed(url_of(server, prompt), prompt)

    assert (type(error), error.code, error.accepted, error.retryable) == (ProviderDown, "cut", True, False)


@EVERY
async def test_a_silent_provider_is_given_up_and_owed(server, prompt):
    reply = server.audio.expect(held=True)

    error = await failed(url_of(server, prompt), prompt, HASTY)

    assert (type(error), error.code, error.accepted) == (ProviderTimeout, "timeout_first_byte", True)
    server.audio.release(reply)


ODD = {
    "no JSON": b"<html>Bad gateway</html>",
    "empty": b"",
    "another shape": b'{"answer": 42}',
    "no text": b'{"text": null, "model": "m", "usage": {}, "language": null}',
    "a number": b'{"text": 7, "audio_data": 7}',
    "a list": b"[]",
    "deep": b'{"segments":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
@EVERY
async def test_what_is_no_answer_is_malformed_and_owed(server, prompt, body):
    server.audio.expect(body=body)

    error = await failed(url_of(server, prompt), prompt)

    # Events that never come to their end are told as a stream of chat that does not.
    assert (type(error), error.code in {"malformed", "cut"}, error.accepted) == (ProviderDown, True, True)


# What no header should have, and what a body that is JSON is not read by.
KINDS = ["{kind}; x=\u00e9", "{kind}; charset=idna", "{kind}; charset=utf-16", "{kind}; charset=nothing"]


@pytest.mark.parametrize("kind", KINDS)
@EVERY
async def test_an_odd_content_type_spoils_no_answer(server, prompt, kind):
    usual = "audio/pcm" if prompt.model.name == "tts-1" else "application/json"
    body = b'{"text": "Bonjour.", "model": "m", "usage": {}, "language": null, "audio_data": ""}'
    server.audio.expect(body=body, headers={"Content-Type": kind.format(kind=usual), "X-Busy-Seconds": "\u00e9"})

    if prompt.clip is None and prompt.model.name != "tts-1":
        # It is no sound, and told as that.
        assert (await failed(url_of(server, prompt), prompt)).code == "malformed"
    else:
        done = await asked(url_of(server, prompt), prompt)
        assert done.transcript is None or done.transcript.text == "Bonjour."


@EVERY
async def test_an_answer_beyond_every_honest_one_is_not_read_on(server, prompt):
    server.audio.expect(body=b" " * (40 << 20))

    error = await failed(url_of(server, prompt), prompt)

    assert (type(error), error.code, error.accepted) == (ProviderDown, "too_large", True)


async def test_the_loop_goes_on_while_the_longest_transcript_is_read(server):
    chat = connected(server.openai_url)
    server.audio.expect(text="Bonjour.")
    server.audio.expect(body=b'{"text": "%b"}' % (b"le chat " * 250_000))
    await answered(chat, PROMPTS["whisper"])
    blocks = Blocks()

    done = await answered(chat, PROMPTS["whisper"])

    assert done.transcript is not None
    assert len(done.transcript.text) == 1_999_999
    assert await blocks.end() < 0.05
    await chat.aclose()


@EVERY
async def test_who_leaves_is_gone_from_the_provider_within_a_second(server, prompt):
    server.audio.expect(held=True)
    chat = connected(url_of(server, prompt), prompt.model.provider)
    before = len(server.audio.heard), len(server.audio.said)
    asking = asyncio.create_task(anext(aiter(chat.stream(prompt))))
    while (len(server.audio.heard), len(server.audio.said)) == before:
        await asyncio.to_thread(time.sleep, 0.01)
    seen = (server.audio.heard if prompt.clip is not None else server.audio.said)[-1]
    assert await asyncio.to_thread(seen.answering.wait, 5)

    left_at = time.monotonic()
    asking.cancel()

    assert await asyncio.to_thread(seen.dropped.wait, 5)
    assert seen.dropped_at is not None
    assert seen.dropped_at - left_at < 1
    await chat.aclose()


@EVERY
async def test_nobody_there_is_told_as_for_chat(prompt):
    error = await failed("http://127.0.0.1:9/v1", prompt)

    assert (type(error), error.code, error.retryable, error.accepted) == (ProviderDown, "refused", True, False)


@asynccontextmanager
async def raw(answer: bytes, read: int) -> AsyncIterator[str]:
    """Serve one answer to whoever has sent so many bytes, and read no further."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(read)
        writer.write(answer)
        await writer.drain()
        await left.wait()
        writer.close()

    left = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        left.set()
        server.close()


@pytest.mark.parametrize("name", ["whisper-1", "voxtral-mini-latest"])
async def test_a_refusal_in_the_middle_of_an_upload_ends_it(name):
    refused = b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n"

    async with raw(refused, 10_000) as url:
        error = await failed(url, hearing(name, 600))

    assert (type(error), error.code) == (PromptRefused, "http_413")


@pytest.mark.parametrize("name", ["whisper-1", "voxtral-mini-latest"])
async def test_an_upload_that_is_not_taken_is_given_up_and_not_owed(name):
    async with raw(b"", 10_000) as url:
        error = await failed(url, hearing(name, 600), HASTY)

    assert (type(error), error.code, error.accepted) == (ProviderTimeout, "timeout_first_byte", False)


async def test_a_clip_is_sent_again_from_its_beginning_when_a_kept_connection_had_been_closed():
    whole = b'{"text": "Bonjour."}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await reader.readuntil(b"\r\n\r\n")
        size = int(said.lower().partition(b"content-length: ")[2].split()[0])
        bodies.append(await reader.readexactly(size))
        writer.write(head % len(whole) + whole)
        await reader.read(1)  # the next request on this connection, which is then dropped
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    chat = connected(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    for _ in range(2):
        await answered(chat, PROMPTS["whisper"])
    await chat.aclose()
    server.close()

    assert len(bodies) == 2
    assert all(body.count(clip().wav().read()) == 1 for body in bodies)


async def test_a_wrong_key_is_refused_by_both(server):
    for prompt in (PROMPTS["whisper"], PROMPTS["voxtral"], PROMPTS["tts"]):
        with pytest.raises(ProviderDown, match="http_401"):
            await asked(url_of(server, prompt), prompt, key="sk-wrong")
