"""The embedded speech models, from the real child, as OpenAI's own client meets them."""

import http.client
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from agents.audio.clip import wav_header
from agents.local.fetch import installed_whisper
from agents.local.shelf import default_models_dir
from agents.local.supervise import LocalModels
from tests.speech import ENGLISH, FRENCH, RATE, encoded, say, seconds_of, silence, word_error_rate, words

WHISPER = installed_whisper(default_models_dir())
pytestmark = pytest.mark.skipif(
    WHISPER is None, reason="the transcription model is not on this machine: `make setup` fetches it"
)

HEARS, SPEAKS = "whisper-base", "pico"
# The voice swallows the end of `salle` at the end of the text, and no model of this size finds it again.
CLIPS = {
    "fr": "Bonjour à tous. Le premier point concerne le budget du projet pour l'année prochaine.",
    "en": ENGLISH,
}
DIALOGUE = [("fr", FRENCH), ("en", ENGLISH), ("fr", CLIPS["fr"]), ("en", "Thank you all, and see you next week.")] * 2


@pytest.fixture(scope="module")
def child() -> Iterator[LocalModels]:
    models = LocalModels(None, None, whisper=WHISPER, speech=True).start()
    yield models
    models.stop()


@pytest.fixture(scope="module")
def client(child: LocalModels) -> Iterator[OpenAI]:
    with OpenAI(base_url=child.base_url, api_key=child.api_key, max_retries=0, timeout=60) as client:
        yield client


def heard(client: OpenAI, pcm: bytes, **asked):
    file = ("clip.wav", wav_header(len(pcm) // 2) + pcm)
    return client.audio.transcriptions.create(file=file, model=HEARS, response_format="verbose_json", **asked)


def resident_mb(child: LocalModels) -> float:
    pages = int(Path(f"/proc/{child.pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def dialogue(turns: list[tuple[str, str]]) -> bytes:
    pauses = random.Random(1)
    return b"".join(say(text, language) + silence(pauses.uniform(0.3, 0.9)) for language, text in turns)


def noise(seconds: float) -> bytes:
    return (np.random.default_rng(1).normal(0, 3_000, round(seconds * RATE))).astype("<i2").tobytes()


def test_a_child_that_was_asked_nothing_holds_no_model():
    models = LocalModels(None, None, whisper=WHISPER, speech=True).start()
    try:
        assert resident_mb(models) < 60
    finally:
        models.stop()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_clip_comes_back_word_for_word_with_its_language_and_duration(client, language):
    pcm = say(CLIPS[language], language)

    answer = heard(client, pcm)

    assert words(answer.text) == words(CLIPS[language])
    assert answer.language == language
    assert answer.duration == pytest.approx(seconds_of(pcm), abs=0.02)
    assert answer.usage.seconds == answer.duration
    assert 0 < answer.usage.model_extra["busy_s"] < answer.duration


def test_each_word_has_its_time_in_its_order(client):
    pcm = silence(2) + say(CLIPS["en"], "en")

    answer = heard(client, pcm, timestamp_granularities=["segment", "word"])

    times = [time for word in answer.words for time in (word.start, word.end)]
    assert words(" ".join(word.word for word in answer.words)) == words(CLIPS["en"])
    assert times == sorted(times)
    assert 1.5 < times[0] < 3
    assert times[-1] <= answer.duration
    assert all(segment.start < segment.end for segment in answer.segments)


def test_the_plain_form_is_text_and_usage(client):
    file = ("clip.wav", encoded(say(CLIPS["en"], "en"), "wav"))

    answer = client.audio.transcriptions.create(file=file, model=HEARS, language="en")

    assert words(answer.text) == words(CLIPS["en"])
    assert answer.usage.seconds > 0


def test_each_turn_of_a_dialogue_is_heard_in_its_own_language(client):
    answer = heard(client, dialogue(DIALOGUE))

    assert word_error_rate(" ".join(text for _, text in DIALOGUE), answer.text) <= 0.1
    assert {segment.model_extra["language"] for segment in answer.segments} == {"fr", "en"}


@pytest.mark.parametrize("pcm", [silence(5), noise(5), b"", silence(0.01)], ids=["silence", "noise", "none", "short"])
def test_nothing_is_made_up_where_nothing_is_said(client, pcm):
    answer = heard(client, pcm)

    assert (answer.text, answer.segments, answer.language) == ("", [], None)
    assert answer.duration == pytest.approx(seconds_of(pcm), abs=0.02)


@pytest.mark.parametrize("language", ["fr", "en", "de", "es", "it"])
def test_what_is_spoken_is_heard_again(client, language):
    said = {
        "fr": "Quelle est la capitale de la France ?",
        "en": "The capital of Italy is Rome.",
        "de": "Die Hauptstadt von Italien ist Rom.",
        "es": "La capital de Italia es Roma.",
        "it": "Buongiorno, la riunione comincia domani mattina.",
    }[language]

    sound = client.audio.speech.with_raw_response.create(
        input=f"**{said}**", model=SPEAKS, voice="alloy", response_format="pcm", extra_body={"language": language}
    )

    assert sound.headers["content-type"] == "audio/pcm;rate=16000"
    assert float(sound.headers["x-busy-seconds"]) > 0
    assert int(sound.headers["x-characters"]) == len(said) + 4
    assert word_error_rate(said, heard(client, sound.content, language=language).text) <= 0.35


def test_speech_comes_as_a_wav_file_too_and_at_another_speed(client):
    asked = {"input": ENGLISH, "model": SPEAKS, "voice": "nova", "extra_body": {"language": "en"}}

    file = client.audio.speech.create(**asked, response_format="wav").read()
    fast = client.audio.speech.create(**asked, response_format="pcm", speed=2).read()

    assert file[:4] == b"RIFF"
    assert len(fast) < 0.7 * len(file)


def test_a_text_without_a_word_is_an_empty_sound(client):
    assert client.audio.speech.create(input=" … ", model=SPEAKS, voice="nova", response_format="pcm").read() == b""


@pytest.mark.parametrize(
    "file",
    [b"", b"garbage" * 100, encoded(say(ENGLISH, "en"), "mp3"), encoded(say(ENGLISH, "en"), "wav")[:40]],
    ids=["empty", "garbage", "mp3", "cut"],
)
def test_what_is_not_pcm_is_refused(client, file):
    with pytest.raises(BadRequestError):
        client.audio.transcriptions.create(file=("clip.wav", file), model=HEARS)


@pytest.mark.parametrize("asked", [{"language": "zz"}, {"language": "../x"}])
def test_a_language_that_nobody_knows_is_refused(client, asked):
    with pytest.raises(BadRequestError, match="language"):
        heard(client, say(ENGLISH, "en"), **asked)
    with pytest.raises(BadRequestError, match="language"):
        client.audio.speech.create(input="hm", model=SPEAKS, voice="a", response_format="pcm", extra_body=asked)


def test_other_models_formats_and_texts_are_refused(client):
    with pytest.raises(NotFoundError):
        client.audio.transcriptions.create(file=("clip.wav", b""), model="whisper-1")
    with pytest.raises(NotFoundError):
        client.audio.speech.create(input="hm", model="tts-1", voice="alloy", response_format="pcm")
    for refused in ({"response_format": "mp3"}, {"response_format": "pcm", "input": "x" * 5_000}):
        with pytest.raises(BadRequestError):
            client.audio.speech.create(**{"input": "hm", "model": SPEAKS, "voice": "a"} | refused)


def test_an_utterance_does_not_wait_for_a_recording(client):
    recording = dialogue(DIALOGUE)
    with ThreadPoolExecutor(1) as other:
        meeting = other.submit(heard, client, recording)

        answer = heard(client, say(CLIPS["fr"], "fr"), language="fr")

        assert not meeting.done()
        assert words(answer.text) == words(CLIPS["fr"])
        assert meeting.result().duration == pytest.approx(seconds_of(recording), abs=0.02)


def test_a_client_that_leaves_stops_the_work(child, client):
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    body += encoded(dialogue(DIALOGUE * 8), "wav") + b"\r\n--b--\r\n"  # a minute of work and more
    headers = {"Authorization": f"Bearer {child.api_key}", "Content-Type": "multipart/form-data; boundary=b"}
    with closing(http.client.HTTPConnection(child.base_url.split("/")[2], timeout=30)) as leaving:
        leaving.request("POST", "/v1/audio/transcriptions", body, headers)

    # Long enough to wait for the lane that the other has left.
    begun = time.monotonic()
    heard(client, dialogue(DIALOGUE[:3]), language="fr")

    assert time.monotonic() - begun < 20


def test_memory_stays_what_the_model_takes(child, client):
    heard(client, dialogue(DIALOGUE[:3]))
    before = resident_mb(child)

    for _ in range(5):
        heard(client, say(ENGLISH, "en"))
        client.audio.speech.create(input=ENGLISH, model=SPEAKS, voice="a", response_format="pcm").read()

    assert resident_mb(child) < before + 30
    assert before < 450
