"""A speech as vendors answer it: bare samples, or events that carry them."""

import base64
import re
import struct
from array import array
from math import isfinite

from msgspec import Raw, Struct
from msgspec.json import Decoder

from agents.errors import ProviderDown
from agents.messages import Done, Sound
from agents.providers.audio_usage import busy_seconds, said
from agents.providers.failure import failure
from agents.providers.sse import EventStream, EventTooLong
from metering.usage import Usage, UsageAbsurd

RATE = 24_000  # of `pcm`, where the answer names no other. Source: OpenAI, "Text to speech" guide.
SLOWEST, FASTEST = 8_000, 192_000
STEP_BYTES = 1 << 16

_NULL = Raw(b"null")
_RATE = re.compile(r";\s*rate=([0-9]{4,6})\s*(?:;|$)", re.IGNORECASE)
_FORMAT = struct.Struct("<HHIIHH")
_INTEGERS, _FLOATS, _LOUDEST = 1, 3, 32_767
_DELTA, _END = "speech.audio.delta", "speech.audio.done"


class Event(Struct, gc=False):
    """An event of a speech: `audio` in base64, or at its end the `usage`."""

    type: str = ""
    audio: str = ""
    usage: Raw = _NULL
    error: Raw = _NULL


_decode = Decoder(Event).decode


def read_pcm(body: bytes, media_type: str, busy: str) -> Done:
    """Return the end of an answer that is samples of 16 bit.

    Args:
        body: The samples.
        media_type: May name their rate.
        busy: The header of the embedded provider that tells its processor time; may be empty.

    Raises:
        ProviderDown: It is not a sound.

    """
    found = _RATE.search(media_type)
    rate = RATE if found is None else int(found[1])
    # An error page is not to be heard; a text without a word in it has an empty sound.
    if not media_type.strip().lower().startswith(("audio/", "application/octet-stream")):
        raise _malformed()
    busy_s = busy_seconds(busy)
    return Done(None if busy_s is None else Usage(busy_s=busy_s), sound=_sound(body, rate))


def read_events(body: bytes) -> Done:
    """Return the end of an answer that is events.

    Raises:
        ProviderDown: It is not a sound, or broke off.

    """
    pieces: list[bytes] = []
    for event in _events(body):
        if event.error != _NULL:
            raise failure(ProviderDown, "error_object", accepted=True)
        if event.type == _DELTA:
            pieces.append(_opened(event.audio))
        elif event.type == _END:
            return _ended(event.usage, _sound(b"".join(pieces), RATE))
    raise failure(ProviderDown, "cut", accepted=True)


def read_wav(encoded: str) -> Done:
    """Return the end of an answer that is a WAV file in base64, of integers of 16 bit or of floats.

    Raises:
        ProviderDown: It is not a sound.

    """
    head, data = _chunks(_opened(encoded))
    try:
        kind, channels, rate, _, _, bits = _FORMAT.unpack_from(head)
    except struct.error:
        raise _malformed() from None
    if channels != 1 or (kind, bits) not in {(_INTEGERS, 16), (_FLOATS, 32)}:
        raise _malformed()
    pcm = data if kind == _INTEGERS else _in_integers(data)
    return Done(sound=_sound(pcm, rate))


def _chunks(wav: bytes) -> tuple[bytes, bytes]:
    """Return the format and the samples; a length that passes the end, as streams have it, ends there.

    Source: Multimedia Programming Interface and Data Specifications 1.0, IBM and Microsoft, 1991, "WAVE".
    """
    if wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
        raise _malformed()
    head = b""
    at = 12
    while at + 8 <= len(wav):
        name, size = wav[at : at + 4], int.from_bytes(wav[at + 4 : at + 8], "little")
        if name == b"data":
            return head, wav[at + 8 : at + 8 + size]
        if name == b"fmt ":
            head = wav[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise _malformed()


def _in_integers(data: bytes) -> bytes:
    floats = array("f", data[: len(data) // 4 * 4])
    return array(
        "h", [round(max(-1.0, min(1.0, each)) * _LOUDEST) if isfinite(each) else 0 for each in floats]
    ).tobytes()


def _events(body: bytes) -> list[Event]:
    stream = EventStream()
    try:
        steps = [stream.feed(body[at : at + STEP_BYTES]) for at in range(0, len(body), STEP_BYTES)]
        return [_decode(data) for step in steps for data in step]
    except (ValueError, RecursionError, EventTooLong):
        raise _malformed() from None


def _opened(audio: str) -> bytes:
    try:
        return base64.b64decode(audio, validate=True)
    except ValueError:
        raise _malformed() from None


def _sound(pcm: bytes, rate: int) -> Sound:
    if not SLOWEST <= rate <= FASTEST:
        raise _malformed()
    return Sound(pcm if len(pcm) % 2 == 0 else pcm[:-1], rate)


def _ended(usage: Raw, sound: Sound) -> Done:
    if usage == _NULL:
        return Done(sound=sound)
    try:
        return Done(said(usage), sound=sound)
    except UsageAbsurd as absurd:
        return Done(usage_refused=str(absurd), sound=sound)


def _malformed() -> ProviderDown:
    return failure(ProviderDown, "malformed", accepted=True)
