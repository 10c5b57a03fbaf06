"""Speaking in this process: text is said sentence by sentence, in the voice of its language."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

from msgspec import Struct

from agents.audio.languages import likely_language
from agents.local.busy import Busy
from agents.local.errors import SpeechRefused

MODEL = "pico"
VOICES = {"fr": "fr-FR", "en": "en-GB", "de": "de-DE", "es": "es-ES", "it": "it-IT"}
MOST_CHARACTERS = 4_096
# The voice holds the interpreter while it speaks, 6 ms for a second of speech: so little at a time.
MOST_PIECE = 150
# What is written but not said: Markdown, and what the voice would take for its own, tags and control characters.
_MARKS = re.compile(r"[*`~#]+|^\s*[-+•]\s+", re.MULTILINE)
_UNSAID = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff_|\[\]{}\\]|<[^>]*>?|>")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?…])\s+|\n+")


class Spoken(Struct, frozen=True):
    """Speech as PCM of 16 bit, mono, 16 kHz; the characters that were asked for, the share of the processor."""

    pcm: bytes
    characters: int
    busy_s: float


class _Voice(Protocol):
    def speak(self, text: str, /, *, voice: str, speed: float) -> bytes: ...


class Speaking:
    """The voices; loaded by the first call, which takes some milliseconds."""

    def __init__(self, busy: Busy) -> None:
        self._busy = busy
        self._voice: _Voice | None = None
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="voice")

    async def speak(self, text: str, language: str | None, speed: float) -> Spoken:
        """Return the text as speech; whoever stops waiting stops it at the end of a sentence.

        Raises:
            SpeechRefused: There is no voice for the language, or the text is too long.

        """
        if len(text) > MOST_CHARACTERS:
            raise SpeechRefused(f"the input is longer than {MOST_CHARACTERS} characters")
        voice = VOICES.get(language_of(text) if language is None else language.lower().split("-")[0])
        if voice is None:
            raise SpeechRefused(f"there is no voice for the language {language!r}; there are {', '.join(VOICES)}")
        sound, busy_s = bytearray(), 0.0
        for piece in pieces(text):
            pcm, share = await asyncio.get_running_loop().run_in_executor(self._lane, self._say, piece, voice, speed)
            sound += pcm
            busy_s += share
        return Spoken(bytes(sound), len(text), round(busy_s, 6))

    def _say(self, piece: str, voice: str, speed: float) -> tuple[bytes, float]:
        begun = self._busy.begin()
        try:
            if self._voice is None:
                self._voice = cast("_Voice", import_module("py_nanotts").NanoTTS())
            return self._voice.speak(piece, voice=voice, speed=speed), self._busy.seconds(begun)
        finally:
            self._busy.end()


def installed() -> bool:
    """Tell whether the voices are here: they come with the `local` extra."""
    return find_spec("py_nanotts") is not None


def language_of(text: str) -> str:
    """Return the language of a text by its commonest words, French where they do not tell."""
    return likely_language(text) or "fr"


def pieces(text: str) -> list[str]:
    """Cut a text into sentences, and sentences that are too long at commas or between words."""
    said = _UNSAID.sub(" ", _MARKS.sub("", _LINK.sub(r"\1", text)))
    found: list[str] = []
    for sentence in _BETWEEN_SENTENCES.split(said):
        rest = " ".join(sentence.split())
        while len(rest) > MOST_PIECE:
            at = max(rest.rfind(mark, 0, MOST_PIECE) for mark in (",", ";", ":"))
            at = at + 1 if at > 0 else rest.rfind(" ", 0, MOST_PIECE)
            at = at if at > 0 else MOST_PIECE
            found.append(rest[:at].strip())
            rest = rest[at:].strip()
        if rest:
            found.append(rest)
    return [piece for piece in found if any(character.isalnum() for character in piece)]
