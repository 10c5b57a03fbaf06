"""How the faulty upstream answers, by the name of the model."""

import asyncio
import json
import zlib

from tests.faults.call import Call, Scenario
from tests.faults.wire import (
    DEEP,
    ERROR,
    LAST_CHUNK,
    PLAIN_ERROR,
    SECRET,
    USAGE,
    WORD,
    WORDS,
    bomb,
    completion,
    counted,
    event,
    head,
    piece,
    plain,
    response,
    streamed,
)


def whole(body: bytes, events: list[bytes] | None = None) -> Scenario:
    """Answer with `body`, or with `events` (by default one event with the same body) when a stream is asked."""

    async def play(call: Call) -> None:
        await call.answer(body, [event(body)] if events is None else events)

    return play


def status(line: str, *headers: str, body: bytes = b'{"error":{"message":"' + SECRET.encode() + b'"}}') -> Scenario:
    async def play(call: Call) -> None:
        kind = "text/html" if body.startswith(b"<") else "application/json"
        await call.send(response(body, line, kind, f"Set-Cookie: session={SECRET}", f"X-Secret: {SECRET}", *headers))

    return play


def usage(told: object, last: object = None) -> Scenario:
    tail = [counted(told)] if last is None else [counted(told), counted(last)]
    return whole(completion(usage=told if last is None else last), streamed(piece("", "stop"), *tail, b"[DONE]"))


def usage_json(told: bytes) -> Scenario:
    quoted = json.dumps(USAGE).encode()
    swap = [e.replace(quoted, told) for e in streamed()]
    return whole(completion().replace(quoted, told), swap)


def raw(data: bytes, *, then: str = "cut") -> Scenario:
    async def play(call: Call) -> None:
        await call.send(data)
        getattr(call, then)()

    return play


def packed(encoding: str, wbits: int, lost: int = 0) -> Scenario:
    """An honest answer, compressed though nobody asked; `lost` bytes are missing at its end."""

    async def play(call: Call) -> None:
        body, kind = plain(stream=call.stream)
        packer = zlib.compressobj(wbits=wbits)
        data = packer.compress(body) + packer.flush()
        await call.send(response(data[: len(data) - lost], "200 OK", kind, f"Content-Encoding: {encoding}"))

    return play


def framed(before: bytes, *headers: str) -> Scenario:
    """An honest answer with something before it and more headers."""

    async def play(call: Call) -> None:
        body, kind = plain(stream=call.stream)
        await call.send(before + response(body, "200 OK", kind, *headers))

    return play


async def close_delimited(call: Call) -> None:
    """An honest answer without a length: it ends with the connection."""
    body, kind = plain(stream=call.stream)
    await call.send(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode() + body)
    call.cut()


async def hang(call: Call) -> None:
    await call.hang()


async def slow_head(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    await call.hang()


async def slow_body(call: Call) -> None:
    await call.send(head("text/event-stream" if call.stream else "application/json"))
    await call.hang()


async def stall_mid(call: Call) -> None:
    await call.send(head("text/event-stream" if call.stream else "application/json"))
    await call.chunks(*(streamed()[:2] if call.stream else [completion()[:40]]))
    await call.hang()


async def drip(call: Call) -> None:
    """One byte at a time, for ever."""
    await call.send(head())
    while not call.leaving():
        await call.chunks(b":")
        await asyncio.sleep(0.005)


async def paced(call: Call) -> None:
    """An honest answer of 40 words, one each hundredth of a second; a whole one takes as long."""
    await steps(call, 40, 0.01)


async def brisk(call: Call) -> None:
    """An honest answer of 10 words in a twentieth of a second."""
    await steps(call, 10, 0.005)


async def lasting(call: Call) -> None:
    """The same for longer than anybody waits."""
    await steps(call, 100_000, 0.05)


async def steps(call: Call, words: int, seconds: float) -> None:
    if call.stream:
        await call.send(head())
    for _ in range(words):
        await asyncio.sleep(seconds)
        if call.leaving():
            return
        call.visit.pieces += 1
        if call.stream:
            await call.chunks(event(piece(WORD)))
    usage = {"prompt_tokens": 11, "completion_tokens": words, "total_tokens": 11 + words}
    if call.stream:
        await call.chunks(*(event(data) for data in (piece("", "stop"), counted(usage), b"[DONE]")))
        await call.send(LAST_CHUNK)
    else:
        await call.send(response(completion(WORD * words, usage)))


async def flood(call: Call) -> None:
    """As many words as are read, up to 35 MB."""
    await call.send(head())
    block = event(piece(WORD * 250)) * 16
    for _ in range(2000):
        if call.leaving():
            return
        call.visit.pieces += 16
        await call.chunks(block)
    await call.chunks(*(event(data) for data in (piece("", "stop"), counted(), b"[DONE]")))
    await call.send(LAST_CHUNK)


async def half(call: Call) -> None:
    await call.send(head("text/event-stream" if call.stream else "application/json"))
    await call.chunks(*(streamed()[:3] if call.stream else [completion()[:40]]))


async def truncated(call: Call) -> None:
    """Cut in the middle of a chunked body."""
    await half(call)
    call.cut()


async def truncated_reset(call: Call) -> None:
    await half(call)
    await asyncio.sleep(0.02)  # a reset throws away what the other side has not read yet
    call.reset()


async def truncated_close_delimited(call: Call) -> None:
    """Without a length, only the missing end of the answer tells."""
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + b"".join(streamed()[:3]))
    call.cut()


async def short_length(call: Call) -> None:
    await call.send(response(completion())[:-20])
    call.cut()


async def one_byte_chunks(call: Call) -> None:
    """Every byte alone: characters and lines are split everywhere."""
    await call.send(head())
    await call.chunks(*(bytes([b]) for b in b"".join(streamed())))
    await call.send(LAST_CHUNK)


async def stale_keepalive(call: Call) -> None:
    if call.answered_before:
        call.reset()
        return
    await call.answer(completion(), streamed())


async def stale_half(call: Call) -> None:
    """The second call of a connection gets the start of a head."""
    if call.answered_before:
        await call.send(b"HTTP/1.1 2")
        call.cut()
        return
    await call.answer(completion(), streamed())


async def talks_unasked(call: Call) -> None:
    await call.send(response(completion()) + response(completion("an answer for somebody else")))


async def done_and_silent(call: Call) -> None:
    """The end mark comes, the end of the body does not."""
    await call.send(head())
    await call.chunks(*streamed())
    await call.hang()


async def gzip_unended(call: Call) -> None:
    """The compressed body is whole, the end of the message does not come."""
    body, kind = plain(stream=call.stream)
    packer = zlib.compressobj(wbits=31)
    await call.send(head(kind, "Content-Encoding: gzip"))
    await call.chunks(packer.compress(body) + packer.flush())
    await call.hang()


async def gzip_bomb(call: Call) -> None:
    data = bomb(256)
    kind = "text/event-stream" if call.stream else "application/json"
    await call.send(response(data, "200 OK", kind, "Content-Encoding: gzip"))


async def giant_line(call: Call) -> None:
    """One line that never ends."""
    await call.send(head())
    for _ in range(200):
        await call.chunks(b"data: " + b"x" * (1 << 20))


async def giant_body(call: Call) -> None:
    await call.send(head("application/json"))
    for _ in range(200):
        await call.chunks(b" " * (1 << 20))


# Scenarios that end only when the other side leaves.
WATCHED = frozenset(
    {
        "hang",
        "slow_head",
        "slow_body",
        "stall_mid",
        "drip",
        "done_and_silent",
        "gzip_unended",
        "giant_line",
        "giant_body",
    }
)

REFUSALS = (400, 401, 403, 404, 408, 409, 413, 418, 422, 429)
BREAKDOWNS = (500, 502, 503, 504, 529, 599)

# What other tests teach the upstream, by name.
TAUGHT: dict[str, Scenario] = {}
SCENARIOS: dict[str, Scenario] = {
    "ok": whole(completion(), streamed()),
    **{f.__name__: f for f in (hang, slow_head, slow_body, stall_mid, drip, done_and_silent)},
    **{f.__name__: f for f in (truncated, truncated_reset, truncated_close_delimited, short_length, one_byte_chunks)},
    **{f.__name__: f for f in (paced, brisk, lasting, flood)},
    **{f.__name__: f for f in (stale_keepalive, stale_half, talks_unasked, gzip_unended)},
    **{f.__name__: f for f in (gzip_bomb, giant_line, giant_body)},
    **{f"s{code}": status(f"{code} Status") for code in (*REFUSALS, *BREAKDOWNS)},
    "s500_html": status("500 Status", body=b"<html>" + SECRET.encode()),
    "s500_empty": status("500 Status", body=b""),
    "s429_seconds": status("429 Status", "Retry-After: 1"),
    "s429_long": status("429 Status", "Retry-After: 120"),
    "s429_year": status("429 Status", "Retry-After: 31536000"),
    "s429_date": status("429 Status", "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT"),
    "s429_garbage": status("429 Status", "Retry-After: soon"),
    "malformed_json": whole(b'{"choices": [{"mess', [event(b'{"choices": [{"del')]),
    "null": whole(b"null"),
    "nan": whole(completion().replace(b'"x"', b"NaN", 1), [event(piece("a").replace(b"0", b"NaN", 1))]),
    "deep": whole(DEEP),
    "no_choices": whole(completion(choices=[]), [event(b'{"id":"x"}')]),
    "wrong_types": whole(completion(content=5), [event(piece(5))]),
    "bad_utf8": whole(completion().replace(b"The", b"\xff\xfe"), [event(piece("The").replace(b"The", b"\xff\xfe"))]),
    "html": whole(b"<html>hello</html>", [b"<html>hello</html>"]),
    "empty": whole(b"", []),
    "only_done": whole(b"[DONE]", [event(b"[DONE]")]),
    "error_200": whole(ERROR),
    "error_first": whole(ERROR, [b"event: error\n" + event(ERROR)]),
    "error_event": whole(ERROR, [*streamed()[:2], b"event: error\n" + event(ERROR), *streamed()[2:]]),
    "error_plain_event": whole(PLAIN_ERROR, [*streamed()[:2], event(PLAIN_ERROR)]),
    "malformed_mid": whole(b"{", [*streamed()[:2], event(b"{")]),
    "truncated_clean": whole(b"{", streamed()[:3]),
    "no_done": whole(completion(), streamed(piece("", "stop"), counted())),
    "usage_none": whole(completion(usage=None), streamed(piece("", "stop"), b"[DONE]")),
    "usage_zero": usage({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
    "usage_negative": usage({"prompt_tokens": 11, "completion_tokens": -5, "total_tokens": 6}),
    "usage_string": usage({"prompt_tokens": "11", "completion_tokens": "5", "total_tokens": "16"}),
    "usage_huge": usage({"prompt_tokens": 11, "completion_tokens": 2**63, "total_tokens": 2**63 + 11}),
    "usage_endless": usage_json(b'{"prompt_tokens":' + b"9" * 5000 + b',"completion_tokens":1e999}'),
    "usage_list": usage([1, 2, 3]),
    "usage_twice": usage({"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}, USAGE),
    "usage_null_choices": whole(completion(), streamed(piece("", "stop"), counted(choices=None), b"[DONE]")),
    "ctype_json_for_stream": raw(response(completion())),
    "ctype_stream_for_json": raw(response(b"".join(streamed()), kind="text/event-stream")),
    "ctype_text": raw(response(completion(), kind="text/plain")),
    "gzip": packed("gzip", 31),
    "deflate": packed("deflate", 15),
    "brotli": packed("br", 31),
    "gzip_short": packed("gzip", 31, lost=12),
    "interim": framed(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"),
    "closes": framed(b"", "Connection: close"),
    "close_delimited": close_delimited,
    "reset": raw(b"", then="reset"),
    "closed": raw(b""),
    "garbage": raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "giant_headers": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n"),
    "many_headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 20_000 + b"\r\n"),
    "gzip_lie": raw(response(completion(), "200 OK", "application/json", "Content-Encoding: gzip")),
    "crlf": whole(completion(), [e.replace(b"\n", b"\r\n") for e in streamed()]),
    "cr": whole(completion(), [e.replace(b"\n", b"\r") for e in streamed()]),
    "bom": whole(completion(), [b"\xef\xbb\xbf", *streamed()]),
    "comments": whole(
        completion(), [b": keep-alive\n\n", *streamed()[:2], b":\n\nid: 7\nretry: 5\n\n", *streamed()[2:]]
    ),
    "one_read": whole(completion(), [b"".join(streamed())]),
    "mistral": whole(
        completion([{"type": "thinking", "thinking": []}, *({"type": "text", "text": w} for w in WORDS)]),
        streamed(*(piece([{"type": "text", "text": w}]) for w in WORDS), counted(), b"[DONE]", words=()),
    ),
}
for _code in (301, 302, 307, 308):
    SCENARIOS[f"redirect_{_code}"] = status(f"{_code} Moved", "Location: /v1/canary")
