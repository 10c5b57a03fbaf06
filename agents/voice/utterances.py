"""A stream of sound cut into utterances: where somebody begins to speak, and where they have finished."""

from collections import deque
from typing import Literal

from msgspec import Struct

from agents.audio.clip import RATE, SAMPLE_BYTES, Clip
from agents.voice.detector import WINDOW, Detector

WINDOW_BYTES = WINDOW * SAMPLE_BYTES
LIKELY = 0.4  # from here on a window is speech, and once somebody speaks, until it falls below the next
UNLIKELY = 0.25
ONSET = (3, 5)  # windows of speech among so many make a beginning: 100 ms, short enough to be stopped by
PRE_ROLL = round(0.3 * RATE / WINDOW)  # windows before the beginning: the breath and the soft consonants
PAUSE = round(0.55 * RATE / WINDOW)  # windows of silence that end an utterance
TAIL = round(0.2 * RATE / WINDOW)  # of which this much is kept
LONGEST = 30 * RATE // WINDOW  # windows; whoever speaks longer is heard in pieces


class Spoken(Struct, frozen=True):
    """Something somebody said, whole."""

    clip: Clip


Heard = Literal["began"] | Spoken


class Utterances:
    """Cuts one stream, given piece by piece."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._uncut = bytearray()
        self._recent: deque[bool] = deque(maxlen=ONSET[1])
        self._windows: deque[bytes] | list[bytes] = self._nothing()
        self._speaking = False
        self._silent = 0

    def feed(self, pcm: bytes) -> list[Heard]:
        """Return what begins and ends in the next samples of 16 bit at 16 kHz, in order."""
        self._uncut += pcm
        heard: list[Heard] = []
        whole = len(self._uncut) // WINDOW_BYTES * WINDOW_BYTES
        for at in range(0, whole, WINDOW_BYTES):
            heard += self._window(bytes(self._uncut[at : at + WINDOW_BYTES]))
        del self._uncut[:whole]
        return heard

    def end(self) -> list[Heard]:
        """Return the utterance that was under way when the stream ended, if there was one."""
        return [self._whole()] if self._speaking else []

    def _window(self, window: bytes) -> list[Heard]:
        likely = self._detector.speech(window)
        self._windows.append(window)
        return self._go_on(likely) if self._speaking else self._wait(likely)

    def _wait(self, likely: float) -> list[Heard]:
        self._recent.append(likely >= LIKELY)
        if sum(self._recent) < ONSET[0]:
            return []
        self._speaking = True
        self._silent = 0
        self._windows = list(self._windows)
        return ["began"]

    def _go_on(self, likely: float) -> list[Heard]:
        self._silent = self._silent + 1 if likely < UNLIKELY else 0
        if self._silent < PAUSE and len(self._windows) < LONGEST:
            return []
        return [self._whole()]

    def _whole(self) -> Spoken:
        windows = list(self._windows)
        if self._silent > TAIL:
            windows = windows[: TAIL - self._silent]
        self._speaking = False
        self._recent.clear()
        self._windows = self._nothing()
        pcm = b"".join(windows)
        return Spoken(Clip(pcm, 0, len(pcm) // SAMPLE_BYTES))

    def _nothing(self) -> deque[bytes]:
        return deque(maxlen=PRE_ROLL + ONSET[1])
