"""What the vendors' audio endpoints refuse, and the shapes of what they answer."""

import asyncio
import base64
import io
import json
import math
import re
import struct
import threading
import wave
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

OPENAI_KEY = "sk-upstream-openai"
MISTRAL_KEY = "upstream-mistral"
MOST_FILE_BYTES = 25 << 20
LONGEST_S = 1400
LONGEST_TEXT = 4096
RATE = 24_000
NAMES = {"fr": "french", "en": "english", "de": "german", "es": "spanish", "it": "italian"}
VOICES = {"alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse"}
DISPOSITION = re.compile(r'(name|filename)="([^"]*)"')
TYPE = re.compile(r"content-type: (\S+)", re.IGNORECASE)
EARS = {"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper-base"}
MISTRAL_EARS = {"voxtral-mini-latest", "voxtral-mini-2507", "voxtral-mini-2602", "voxtral-small-latest"}
MOUTHS = {"tts-1", "tts-1-hd", "gpt-4o-mini-tts", "pico"}
MISTRAL_MOUTHS = {"voxtral-mini-tts-2603", "voxtral-mini-tts-latest"}
OPENAI_FORM = {"model", "language", "prompt", "response_format", "temperature", "timestamp_granularities[]"}
OPENAI_FORM |= {"include[]", "stream", "chunking_strategy"}
MISTRAL_FORM = {"file_url", "file_id", "model", "language", "temperature", "stream", "diarize"}
MISTRAL_FORM |= {"context_bias", "timestamp_granularities"}
OPENAI_SPEECH = {"input", "model", "voice", "instructions", "response_format", "speed", "stream_format", "language"}
MISTRAL_SPEECH = {"input", "model", "voice_id", "response_format", "stream"}


@dataclass
class Reply:
    """How one request is answered; None leaves it to the vendor's habit."""

    text: str | None = None
    language: str | None = None
    segments: list[dict[str, Any]] | None = None
    words: list[dict[str, Any]] | None = None
    usage: dict[str, Any] | None = field(default_factory=dict)  # empty: as the vendor counts; None: none
    pcm: bytes | None = None
    frames: int | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    held: bool = False
    cut: bool = False
    released: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Heard:
    """One request: its form or its JSON, its file, and how its connection ended."""

    path: str
    headers: dict[str, str]
    fields: dict[str, list[str]] = field(default_factory=dict)
    wav: bytes = b""
    file: tuple[str | None, str | None] = (None, None)
    answering: threading.Event = field(default_factory=threading.Event)
    dropped: threading.Event = field(default_factory=threading.Event)
    dropped_at: float | None = None

    @property
    def pcm(self) -> bytes:
        with wave.open(io.BytesIO(self.wav)) as wav:
            return wav.readframes(wav.getnframes())

    @property
    def frames(self) -> int:
        return len(self.pcm) // 2

    @property
    def seconds(self) -> float:
        return self.frames / 16_000

    @property
    def of_mistral(self) -> bool:
        return self.path.startswith("/mistral/")

    def one(self, name: str) -> str:
        return self.fields.get(name, [""])[0]


def read_form(heard: Heard, body: bytes) -> None:
    """Fill in what a multipart body says."""
    _, _, boundary = heard.headers["content-type"].partition("boundary=")
    for section in body.split(b"--" + boundary.encode())[1:-1]:
        head, _, content = section.partition(b"\r\n\r\n")
        content = content.removesuffix(b"\r\n")
        told = dict(DISPOSITION.findall(head.decode()))
        if told["name"] == "file":
            heard.wav, heard.file = content, (told.get("filename"), TYPE.findall(head.decode())[0])
        else:
            heard.fields.setdefault(told["name"], []).append(content.decode())


def refused_form(heard: Heard) -> web.Response | None:
    """Return what a transcription is refused with, if it is."""
    return _refused_by_mistral(heard, MISTRAL_FORM) if heard.of_mistral else _refused_by_openai(heard)


def refused_text(said: Heard) -> web.Response | None:
    """Return what a speech is refused with, if it is."""
    if said.of_mistral:
        return _refused_by_mistral(said, MISTRAL_SPEECH)
    model, text = said.one("model"), said.one("input")
    known = said.one("voice") in VOICES and said.one("response_format") in {"pcm", "wav", "mp3", "opus"}
    odd = bool(set(said.fields) - OPENAI_SPEECH) or not 0 < len(text) <= LONGEST_TEXT or not known
    in_events = said.one("stream_format") == "sse" and model.startswith("tts-")
    return _first_error(
        (_forbidden(said), 401, "Incorrect API key provided."),
        (model not in MOUTHS, 404, f"The model '{model}' does not exist."),
        (odd or in_events, 400, "A field, voice, format or stream_format that this model does not take."),
    )


def _refused_by_openai(heard: Heard) -> web.Response | None:
    model, shape = heard.one("model"), heard.one("response_format") or "json"
    by_tokens, is_wav = model.startswith("gpt-"), heard.wav.startswith(b"RIFF") and heard.file[0] is not None
    early = "timestamp_granularities[]" in heard.fields and shape != "verbose_json"
    seconds = heard.seconds if is_wav else 0
    return _first_error(
        (_forbidden(heard), 401, "Incorrect API key provided."),
        (len(heard.wav) > MOST_FILE_BYTES, 413, "Maximum content size limit (26214400) exceeded."),
        (bool(set(heard.fields) - OPENAI_FORM), 400, "Unrecognized request argument supplied."),
        (model not in EARS, 404, f"The model '{model}' does not exist."),
        (by_tokens and shape != "json", 400, f"response_format '{shape}' is not compatible with model '{model}'."),
        (early, 400, "timestamp_granularities needs verbose_json."),
        (not is_wav, 400, "Invalid file format."),
        (len(heard.one("language") or "fr") != 2, 400, "Language must be in ISO-639-1."),
        (seconds < 0.1 or (by_tokens and seconds > LONGEST_S), 400, "Audio is too short, or longer than 1400 s."),
    )


def _forbidden(asked: Heard) -> bool:
    return asked.headers.get("authorization") not in {f"Bearer {OPENAI_KEY}", None}


def _first_error(*rules: tuple[bool, int, str]) -> web.Response | None:
    for broken, status, message in rules:
        if broken:
            return _openai_error(status, message)
    return None


def _refused_by_mistral(heard: Heard, fields: set[str]) -> web.Response | None:
    if heard.headers.get("authorization") != f"Bearer {MISTRAL_KEY}":
        return web.json_response({"detail": "Unauthorized"}, status=401)
    if unknown := set(heard.fields) - fields:
        detail = [{"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs"} for name in unknown]
        return web.json_response({"object": "error", "message": {"detail": detail}}, status=422)
    if heard.one("model") not in MISTRAL_EARS | MISTRAL_MOUTHS:
        return web.json_response({"object": "error", "message": "Invalid model", "code": "1500"}, status=400)
    if "language" in heard.fields and "timestamp_granularities" in heard.fields:
        # Source: Mistral, "Audio & Transcription": the two exclude each other.
        return web.json_response({"object": "error", "message": "language excludes timestamps"}, status=422)
    return None


def _openai_error(status: int, message: str) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return web.json_response({"error": error}, status=status)


def transcript(heard: Heard, reply: Reply) -> tuple[str, bytes]:
    """Return the type and the body of a transcription."""
    text = f"{heard.seconds:.3f} seconds." if reply.text is None else reply.text
    code = reply.language or heard.one("language") or "fr"
    whole = [{"text": text, "start": 0.0, "end": heard.seconds}] if text else []
    segments = whole if reply.segments is None else reply.segments
    answer: dict[str, Any] = {"text": text}
    model = heard.one("model")
    if heard.of_mistral:
        timed = "timestamp_granularities" in heard.fields
        answer |= {"model": model, "language": reply.language, "segments": segments if timed else []}
        audio = math.ceil(heard.seconds * 12.5)
        usage = {"prompt_audio_seconds": math.ceil(heard.seconds), "prompt_tokens": 4, "completion_tokens": 20}
        usage["total_tokens"] = 24 + audio
    elif heard.one("response_format") == "verbose_json":
        answer |= {"task": "transcribe", "language": NAMES[code], "duration": heard.seconds, "segments": segments}
        if "word" in heard.fields.get("timestamp_granularities[]", []):
            answer["words"] = reply.words or []
        usage = {"type": "duration", "seconds": math.ceil(heard.seconds)}
    else:
        audio = math.ceil(heard.seconds * 10)
        details = {"audio_tokens": audio, "text_tokens": 0}
        usage = {"type": "tokens", "input_tokens": audio, "output_tokens": 20, "total_tokens": audio + 20}
        usage["input_token_details"] = details
    if reply.usage is not None:
        answer["usage"] = reply.usage or usage
    return "application/json", json.dumps(answer, ensure_ascii=False).encode()


def sound(said: Heard, reply: Reply) -> tuple[str, bytes]:
    """Return the type and the body of a speech."""
    text = said.one("input")
    samples = (round(8000 * math.sin(2 * math.pi * 440 * at / RATE)) for at in range(round(len(text) * 0.05 * RATE)))
    pcm = struct.pack(f"<{round(len(text) * 0.05 * RATE)}h", *samples) if reply.pcm is None else reply.pcm
    if said.of_mistral:
        file = io.BytesIO()
        with wave.open(file, "wb") as wav:
            wav.setparams((1, 2, RATE, 0, "NONE", ""))
            wav.writeframes(pcm)
        return "application/json", json.dumps({"audio_data": base64.b64encode(file.getvalue()).decode()}).encode()
    if said.one("stream_format") != "sse":
        return "audio/pcm", pcm
    usage = {"input_tokens": len(text), "output_tokens": 30, "total_tokens": len(text) + 30}
    half = len(pcm) // 2
    events: list[dict[str, Any]] = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()} for piece in (pcm[:half], pcm[half:])
    ]
    told = {} if reply.usage is None else {"usage": reply.usage or usage}
    events.append({"type": "speech.audio.done"} | told)
    return "text/event-stream", b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
