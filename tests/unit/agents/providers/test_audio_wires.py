"""What the vendors' audio endpoints are asked and how they are read, over real sockets."""

import base64
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from agents.audio.clip import Clip
from agents.messages import Segment, Sound, Transcript, Word
from metering.usage import Usage
from tests.hearing import KEYS, answered, asked, clip, connected, hearing, saying
from tests.upstream import Upstream

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[4]
# What SDKs read of the environment, each of which would send a request, or tell of it, elsewhere.
ELSEWHERE = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "OPENAI_API_KEY": "sk-of-the-environment",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "OPENAI_ORG_ID": "org-of-the-environment",
    "OPENAI_PROJECT_ID": "proj-of-the-environment",
    "OPENAI_CUSTOM_HEADERS": "X-Of: the-environment",
    "OPENAI_LOG": "debug",
    "MISTRAL_API_KEY": "of-the-environment",
    "MISTRAL_DEBUG": "1",
    "MISTRAL_SDK_TELEMETRY": "dedicated",
    "MISTRAL_SA_TOKEN_PATH": "/nowhere/of-the-environment",
}
SENT = {
    *("host", "authorization", "content-type", "content-length"),
    *("accept", "accept-encoding", "user-agent"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


async def test_whisper_is_asked_for_times_and_tells_its_language_by_its_code(server):
    server.audio.expect(text=" Bonjour. ", language="fr")

    done = await asked(server.openai_url, hearing("whisper-1"))

    assert done.transcript == Transcript("Bonjour.", "fr", (Segment("Bonjour.", 0.0, 2.0),))
    assert done.usage == Usage(audio_s=Decimal(2))
    heard = server.audio.heard[-1]
    assert heard.pcm == clip().source
    assert heard.file == ("audio.wav", "audio/wav")
    assert heard.fields == {
        "model": ["whisper-1"],
        "response_format": ["verbose_json"],
        "timestamp_granularities[]": ["segment"],
    }


async def test_words_of_long_clips_stand_in_their_segments(server):
    server.audio.expect(
        text="Un deux. Trois.",
        segments=[{"text": "Un deux.", "start": 0, "end": 9.5}, {"text": "Trois.", "start": 9.5, "end": 12}],
        words=[
            {"word": "Un", "start": 0.0, "end": 1.0},
            {"word": "deux", "start": 1.0, "end": 9.5},
            {"word": "Trois", "start": 9.5, "end": 12},
        ],
    )

    done = await asked(server.openai_url, hearing("whisper-1", 31, "fr"))

    assert done.transcript is not None
    assert [segment.words for segment in done.transcript.segments] == [
        (Word("Un", 0.0, 1.0), Word("deux", 1.0, 9.5)),
        (Word("Trois", 9.5, 12.0),),
    ]
    assert server.audio.heard[-1].one("language") == "fr"
    assert server.audio.heard[-1].fields["timestamp_granularities[]"] == ["segment", "word"]


async def test_tokens_of_gpt_4o_transcribe_are_kept_apart_from_those_of_text(server):
    server.audio.expect(
        text="Bonjour.",
        usage={
            "type": "tokens",
            "input_tokens": 24,
            "output_tokens": 4,
            "total_tokens": 28,
            "input_token_details": {"audio_tokens": 20, "text_tokens": 4},
        },
    )

    done = await asked(server.openai_url, hearing("gpt-4o-transcribe"))

    assert done.transcript == Transcript("Bonjour.")
    assert done.usage == Usage(input_uncached=4, audio_input=20, output_visible=4, audio_s=Decimal(2))
    assert server.audio.heard[-1].fields == {"model": ["gpt-4o-transcribe"], "response_format": ["json"]}


async def test_voxtral_gives_times_unless_it_is_given_the_language(server):
    server.audio.expect(text="Bonjour.", language="fr")
    server.audio.expect(text="Bonjour.", language="fr")

    timed = await asked(server.mistral_url, hearing("voxtral-mini-latest"))
    told = await asked(server.mistral_url, hearing("voxtral-mini-latest", language="fr"))

    assert timed.transcript == Transcript("Bonjour.", "fr", (Segment("Bonjour.", 0.0, 2.0),))
    assert told.transcript == Transcript("Bonjour.", "fr")
    assert timed.usage == Usage(input_uncached=4, audio_input=25, output_visible=20, audio_s=Decimal(2))
    assert server.audio.heard[-1].pcm == clip().source
    assert server.audio.heard[-1].one("language") == "fr"


async def test_bare_samples_have_the_rate_that_their_type_names(server):
    server.audio.expect(pcm=b"\1\0\2\0")
    server.audio.expect(pcm=b"\1\0\2\0", headers={"Content-Type": "audio/pcm;rate=16000", "X-Busy-Seconds": "0.125"})

    plain = await asked(server.openai_url, saying("tts-1"))
    named = await asked(server.openai_url, saying("tts-1"))

    assert (plain.sound, plain.usage) == (Sound(b"\1\0\2\0", 24_000), None)
    assert (named.sound, named.usage) == (Sound(b"\1\0\2\0", 16_000), Usage(busy_s=0.125))
    assert server.audio.said[-1].fields == {
        "model": ["tts-1"],
        "input": ["Bonjour à tous."],
        "voice": ["alloy"],
        "response_format": ["pcm"],
    }


async def test_events_carry_the_samples_and_the_tokens_that_were_spoken(server):
    server.audio.expect(pcm=bytes(range(200)) * 1000)

    done = await asked(server.openai_url, saying("gpt-4o-mini-tts"))

    assert done.sound == Sound(bytes(range(200)) * 1000, 24_000)
    assert done.usage == Usage(input_uncached=15, audio_output=30)
    assert server.audio.said[-1].one("stream_format") == "sse"


async def test_a_server_that_knows_no_events_is_heard_all_the_same(server):
    server.audio.expect(body=b"\1\0\2\0", headers={"Content-Type": "audio/pcm"})

    done = await asked(server.openai_url, saying("gpt-4o-mini-tts"))

    assert (done.sound, done.usage) == (Sound(b"\1\0\2\0", 24_000), None)


async def test_voxtral_speaks_in_the_voice_of_the_language_and_its_file_is_opened(server):
    server.audio.expect(pcm=b"\1\0\2\0")

    done = await asked(server.mistral_url, saying("voxtral-mini-tts-latest", language="fr"))

    assert done.sound == Sound(b"\1\0\2\0", 24_000)
    assert server.audio.said[-1].one("voice_id").startswith("fr_")


async def test_samples_of_floats_become_integers(server):
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 0, b"WAVE", b"fmt ", 16, 3, 1, 24_000, 96_000, 4, 32, b"data", 20)
    wav = head + struct.pack("<5f", 0.0, 1.0, -1.0, 2.0, float("nan"))
    server.audio.expect(body=json.dumps({"audio_data": base64.b64encode(wav).decode()}).encode())

    done = await asked(server.mistral_url, saying("voxtral-mini-tts-latest"))

    assert done.sound == Sound(struct.pack("<5h", 0, 32_767, -32_767, 32_767, 0), 24_000)


@pytest.mark.parametrize("name", ["whisper-1", "voxtral-mini-latest"])
async def test_a_clip_of_a_file_is_sent_from_its_first_frame_on_its_connection_kept(server, name, tmp_path):
    recording = tmp_path / "recording.pcm"
    recording.write_bytes(bytes(range(250)) * 2560)
    cut = Clip(recording, 16_000, 160_000)
    prompt = hearing(name)
    url = server.openai_url if name == "whisper-1" else server.mistral_url
    chat = connected(url, prompt.model.provider)

    for _ in range(3):
        await answered(chat, type(prompt)(prompt.model, (), clip=cut))
        assert server.audio.heard[-1].pcm == recording.read_bytes()[32_000:352_000]

    await chat.aclose()


@pytest.mark.parametrize("name", ["whisper-1", "gpt-4o-mini-tts", "voxtral-mini-latest", "voxtral-mini-tts-latest"])
def test_nothing_of_the_environment_is_sent_nor_the_key_written_and_the_loop_goes_on(server, name):
    mistral = name.startswith("voxtral")
    url = server.mistral_url if mistral else server.openai_url

    run = subprocess.run(
        [sys.executable, "-m", "tests.hearing", url, name],
        cwd=ROOT,
        env=os.environ | ELSEWHERE,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    seen = (server.audio.said if "tts" in name else server.audio.heard)[-1]
    assert set(seen.headers) == SENT
    assert seen.headers["authorization"] == f"Bearer {KEYS['mistralai' if mistral else 'openai']}"
    assert "environment" not in json.dumps(seen.headers)
    assert not any(key in run.stdout + run.stderr for key in KEYS.values())
    told = json.loads(run.stdout)
    sys.stdout.write(f"{name}: {told}\n")
    assert told["longest_block_s"] < 0.05
