"""Speech for tests: said by the embedded voices, in any container, and compared word by word."""

import io
import re
import unicodedata
from fractions import Fraction
from functools import cache

import av
import numpy as np
from py_nanotts import NanoTTS

RATE = 16_000
VOICES = {"fr": "fr-FR", "en": "en-GB", "de": "de-DE", "es": "es-ES", "it": "it-IT"}
# Container and codec by file name extension.
CONTAINERS = {
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "m4a": ("ipod", "aac"),
    "mp4": ("mp4", "aac"),
    "webm": ("webm", "libopus"),
    "ogg": ("ogg", "libopus"),
    "flac": ("flac", "flac"),
}
WORD = re.compile(r"\w+")
FRENCH = "Bonjour à tous. La réunion de demain matin commence à midi dans la petite salle."
ENGLISH = "Good morning, this is a transcription test. The meeting starts tomorrow morning in the large room."


@cache
def say(text: str, language: str = "fr") -> bytes:
    """Return the text as raw PCM of 16 bit, mono, 16 kHz."""
    return NanoTTS().speak(text, voice=VOICES[language])


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def seconds_of(pcm: bytes) -> float:
    return len(pcm) / 2 / RATE


@cache
def encoded(pcm: bytes, extension: str) -> bytes:
    """Return PCM as a file of the container that the extension names."""
    container, codec = CONTAINERS[extension]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        rate = 48_000 if codec == "libopus" else RATE
        stream = out.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def words(text: str) -> list[str]:
    """Return the words as they sound: lower case, no accents, no punctuation."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return WORD.findall(plain)


def word_error_rate(said: str, heard: str) -> float:
    """Return the words substituted, lost and added, over the words that were said."""
    ours, theirs = words(said), words(heard)
    costs = list(range(len(theirs) + 1))
    for row, word in enumerate(ours, 1):
        before, costs[0] = costs[0], row
        for column, other in enumerate(theirs, 1):
            before, costs[column] = (
                costs[column],
                min(costs[column] + 1, costs[column - 1] + 1, before + (word != other)),
            )
    return costs[-1] / len(ours)
