"""Odd and absurd answers of audio models: what can be used is, and no count is believed that cannot be."""

import json
from decimal import Decimal

import pytest

from agents.errors import ProviderDown
from agents.messages import Done, Segment, Transcript, Word
from agents.providers.audio_sound import read_events, read_pcm, read_wav
from agents.providers.audio_transcript import read_transcript
from agents.providers.languages import code_of
from metering.usage import Usage
from tests.hearing import named

WHISPER, BY_TOKENS, EMBEDDED = named("whisper-1"), named("gpt-4o-transcribe"), named("whisper-base")
TWO = Decimal(2)


def read(answer: object, model=WHISPER) -> Done:
    return read_transcript(json.dumps(answer).encode(), model, TWO)


ABSURD = {
    "negative seconds": {"type": "duration", "seconds": -1},
    "seconds without end": {"type": "duration", "seconds": 1e999},
    "seconds in words": {"type": "duration", "seconds": "two"},
    "nothing": {},
    "a list": [1, 2],
    "negative tokens": {"type": "tokens", "input_tokens": -5, "output_tokens": 5, "total_tokens": 0},
    "more audio than input": {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_token_details": {"audio_tokens": 11},
    },
    "a total that is no sum": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 99},
    "more than any model takes": {"input_tokens": 10**9, "output_tokens": 5, "total_tokens": 10**9 + 5},
    "no word counted": {"input_tokens": 10, "output_tokens": 0, "total_tokens": 10},
    "a total below its parts": {"prompt_tokens": 40, "completion_tokens": 20, "total_tokens": 50},
    "a negative time of the processor": {"type": "duration", "seconds": 2, "busy_s": -1},
}


@pytest.mark.parametrize("usage", ABSURD.values(), ids=ABSURD)
def test_an_absurd_count_is_refused_and_the_transcript_stands(usage):
    done = read({"text": "Bonjour.", "usage": usage})

    assert (done.usage, bool(done.usage_refused)) == (None, True)
    assert done.transcript == Transcript("Bonjour.")


@pytest.mark.parametrize(
    ("seconds", "owed"), [(3, "2"), (2.0, "2"), (1.5, "1.5"), (0, "0")], ids=["rounded up", "all", "less", "none"]
)
def test_no_more_seconds_are_owed_than_were_sent(seconds, owed):
    done = read({"text": "Bonjour.", "usage": {"type": "duration", "seconds": seconds}})

    assert done.usage == Usage(audio_s=Decimal(owed))


def test_seconds_alone_are_no_count_where_tokens_cost():
    usage = {"type": "duration", "seconds": 2}

    assert read({"text": "Bonjour.", "usage": usage}, BY_TOKENS).usage_refused == "counts missing"
    assert read({"text": "Bonjour."}, BY_TOKENS) == Done(transcript=Transcript("Bonjour."))


def test_the_embedded_model_tells_its_processor_time_and_the_language_of_each_segment():
    segments = [
        {"id": 0, "start": 0.0, "end": 1.0, "text": " Bonjour.", "language": "fr"},
        {"id": 1, "start": 1.0, "end": 2.0, "text": " Hello.", "language": "en"},
    ]
    usage = {"type": "duration", "seconds": 2.0, "busy_s": 0.25}

    done = read({"text": "Bonjour. Hello.", "language": "fr", "segments": segments, "usage": usage}, EMBEDDED)

    assert done.usage == Usage(audio_s=TWO, busy_s=0.25)
    assert done.transcript == Transcript(
        "Bonjour. Hello.",
        "fr",
        (Segment("Bonjour.", 0.0, 1.0, language="fr"), Segment("Hello.", 1.0, 2.0, language="en")),
    )


def test_silence_is_a_transcript_without_text():
    done = read({"text": "", "language": None, "segments": [], "usage": {"type": "duration", "seconds": 2}})

    assert done.transcript == Transcript("")


def test_times_that_cannot_be_become_the_nearest_that_can():
    body = b"""{"text": "a b c d", "segments": [
        {"text": "a", "start": -3, "end": 0.5}, {"text": "b", "start": NaN, "end": Infinity},
        {"text": "c", "start": 1.5, "end": 99}, {"text": "d", "start": 0.2, "end": null},
        {"text": "", "start": 0, "end": 1}]}"""

    done = read_transcript(body, WHISPER, TWO)

    assert done.transcript is not None
    assert [(segment.text, segment.start_s, segment.end_s) for segment in done.transcript.segments] == [
        ("a", 0.0, 0.5),
        ("b", 0.0, 0.0),
        ("c", 1.5, 2.0),
        ("d", 1.5, 1.5),
    ]


@pytest.mark.parametrize(
    "odd", [{"segments": 7}, {"segments": [1]}, {"words": "none"}, {"language": 7}, {"language": "klingon"}]
)
def test_what_is_not_the_text_never_breaks_an_answer(odd):
    assert read({"text": "Bonjour."} | odd).transcript == Transcript("Bonjour.")


def test_words_before_and_behind_every_segment_are_kept():
    words = [{"word": word, "start": at, "end": at + 0.1} for word, at in (("a", 0.0), ("b", 0.6), ("c", 1.9))]
    segments = [{"text": "b", "start": 0.5, "end": 1.0}]

    done = read({"text": "a b c", "segments": segments, "words": words})

    assert done.transcript is not None
    assert [word.text for word in done.transcript.segments[0].words] == ["a", "b", "c"]
    assert done.transcript.segments[0].words[1] == Word("b", 0.6, 0.7)


def test_an_error_instead_of_a_transcript_is_told_and_not_owed():
    with pytest.raises(ProviderDown) as raised:
        read({"error": {"message": "overloaded"}})

    assert (raised.value.code, raised.value.accepted) == ("error_object", False)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        *(("french", "fr"), ("English", "en"), ("fr", "fr"), ("fr-FR", "fr"), ("pt_BR", "pt"), ("lao", "lo")),
        *(("haitian creole", "ht"), ("jw", "jv"), ("cantonese", "yue"), ("klingon", None), ("", None)),
    ],
)
def test_languages_go_by_their_codes(told, code):
    assert code_of(told) == code


@pytest.mark.parametrize("media_type", ["application/json", "text/html", ""])
def test_a_page_is_not_heard(media_type):
    with pytest.raises(ProviderDown, match="malformed"):
        read_pcm(b"{}", media_type, "")


@pytest.mark.parametrize("media_type", ["audio/pcm;rate=0100", "audio/pcm; rate=999999"])
def test_a_rate_that_no_voice_has_is_refused(media_type):
    with pytest.raises(ProviderDown, match="malformed"):
        read_pcm(b"\0\0", media_type, "")


@pytest.mark.parametrize("busy", ["", "soon", "-1", "nan", "inf"])
def test_a_processor_time_that_cannot_be_is_none(busy):
    assert read_pcm(b"\0\0", "audio/pcm", busy).usage is None


def events(*told: object) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in told)


DELTA, SOUND = {"type": "speech.audio.delta", "audio": "AAAA"}, b"\0\0"


@pytest.mark.parametrize("usage", [{"input_tokens": 5}, {"input_tokens": 5, "output_tokens": 0}, [], "many"])
def test_an_absurd_count_of_a_speech_is_refused_and_the_sound_stands(usage):
    done = read_events(events(DELTA, {"type": "speech.audio.done", "usage": usage}))

    assert (done.usage, bool(done.usage_refused)) == (None, True)
    assert done.sound is not None
    assert done.sound.pcm == SOUND


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (events(DELTA), "cut"),
        (events(DELTA, {"error": {"message": "overloaded"}}), "error_object"),
        (events({"type": "speech.audio.delta", "audio": "no base64!"}), "malformed"),
        (b"data: {\n\n", "malformed"),
        (b"data: " + b"a" * (3 << 20), "malformed"),
    ],
    ids=["no end", "an error", "no base64", "no JSON", "an event without end"],
)
def test_events_that_are_no_sound_are_told(body, code):
    with pytest.raises(ProviderDown) as raised:
        read_events(body)

    assert raised.value.code == code
    assert raised.value.accepted


@pytest.mark.parametrize("encoded", ["", "UklGRg==", "!", "UklGRgAAAABXQVZFZGF0YQIAAAAAAA=="])
def test_a_file_that_is_no_sound_is_told(encoded):
    with pytest.raises(ProviderDown, match="malformed"):
        read_wav(encoded)
