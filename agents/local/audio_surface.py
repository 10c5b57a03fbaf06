"""Transcription and speech on the child's surface, in OpenAI's shapes."""

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from agents.audio.clip import RATE, SAMPLE_BYTES, wav_header
from agents.local import hearing, speaking
from agents.local.answering import answer, body_of, decoded, refusal, start, while_wanted, write
from agents.local.audio_wire import (
    DurationUsage,
    PlainTranscript,
    SpeechRequest,
    TranscriptSegment,
    TranscriptWord,
    VerboseTranscript,
)
from agents.local.errors import ClipRefused, SpeechRefused
from agents.local.forms import Form, form_of
from agents.local.hearing import Heard, Hearing
from agents.local.speaking import Speaking, Spoken
from agents.local.waves import samples_of

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope

MOST_CLIP_BYTES = 30_000_000
PLAIN, VERBOSE = "json", "verbose_json"
# What the usage of speech is told in: its body is sound alone.
BUSY_HEADER, CHARACTERS_HEADER = b"x-busy-seconds", b"x-characters"


async def transcribe(
    model: Hearing, scope: "HTTPScope", receive: "ASGIReceiveCallable", send: "ASGISendCallable"
) -> None:
    """Answer `POST /v1/audio/transcriptions`.

    Raises:
        Refused: The form, what it asks for or its file cannot be used.

    """
    content_type = dict(scope["headers"]).get(b"content-type", b"")
    form = form_of(content_type, await body_of(receive, MOST_CLIP_BYTES))
    told = form.one("response_format") or PLAIN
    if form.one("model") not in {None, hearing.MODEL}:
        raise refusal(404, f"the transcription model served here is {hearing.MODEL}", "model_not_found")
    if told not in {PLAIN, VERBOSE}:
        raise refusal(400, f"response_format must be {PLAIN} or {VERBOSE}")
    await while_wanted(receive, partial(_transcribe, model, form, told, send))


async def _transcribe(model: Hearing, form: Form, told: str, send: "ASGISendCallable") -> None:
    if form.file is None:
        raise refusal(400, "the field `file` is missing")
    words = "word" in form.fields.get("timestamp_granularities", [])
    try:
        heard = await model.hear(samples_of(form.file), form.one("language"), times_words=words)
    except ClipRefused as cause:
        raise refusal(400, str(cause)) from cause
    usage = DurationUsage(heard.seconds, heard.busy_s)
    if told == PLAIN:
        await answer(send, 200, PlainTranscript(heard.text, usage))
    else:
        await answer(send, 200, _verbose(heard, usage, words=words))


def _verbose(heard: Heard, usage: DurationUsage, *, words: bool) -> VerboseTranscript:
    transcript = VerboseTranscript(
        text=heard.text,
        language=heard.language,
        duration=heard.seconds,
        usage=usage,
        segments=[
            TranscriptSegment(
                id=index,
                start=round(segment.start_s, 3),
                end=round(segment.end_s, 3),
                text=segment.text,
                language=segment.language,
                avg_logprob=segment.logprob,
                compression_ratio=segment.compression,
                no_speech_prob=segment.silence,
            )
            for index, segment in enumerate(heard.segments)
        ],
    )
    if not words:
        return transcript
    told = [TranscriptWord(word.text, round(word.start_s, 3), round(word.end_s, 3)) for word in heard.words]
    return replace(transcript, words=told)


async def speak(model: Speaking, receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
    """Answer `POST /v1/audio/speech`.

    Raises:
        Refused: What is asked for cannot be said.

    """
    asked = decoded(await body_of(receive), SpeechRequest)
    if asked.model not in {None, speaking.MODEL}:
        raise refusal(404, f"the speech model served here is {speaking.MODEL}", "model_not_found")
    await while_wanted(receive, partial(_speak, model, asked, send))


async def _speak(model: Speaking, asked: SpeechRequest, send: "ASGISendCallable") -> None:
    try:
        spoken = await model.speak(asked.input, asked.language, asked.speed)
    except SpeechRefused as cause:
        raise refusal(400, str(cause)) from cause
    usage = (
        (BUSY_HEADER, str(spoken.busy_s).encode()),
        (CHARACTERS_HEADER, str(spoken.characters).encode()),
    )
    await start(send, 200, _content_type(asked), *usage)
    await write(send, _sound(asked, spoken), more=False)


def _content_type(asked: SpeechRequest) -> bytes:
    return b"audio/wav" if asked.response_format == "wav" else f"audio/pcm;rate={RATE}".encode()


def _sound(asked: SpeechRequest, spoken: Spoken) -> bytes:
    if asked.response_format == "pcm":
        return spoken.pcm
    return wav_header(len(spoken.pcm) // SAMPLE_BYTES) + spoken.pcm
