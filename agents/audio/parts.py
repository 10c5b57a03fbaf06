"""Cuts a recording into parts that a model takes: in pauses, where there are any, and without its long silences."""

from bisect import bisect_left
from collections.abc import Iterator

from msgspec import Struct

from agents.audio.clip import RATE, Clip
from agents.audio.recording import Pause, Recording

# A stretch of silence so long is not sent to be heard, nor paid for, but for a margin where speech begins and ends. It
# has to be next to nothing: the noise of a quiet room is louder, and who speaks far from the microphone is too.
LONG_FRAMES = 30 * RATE
SILENT_DB = -66.0
MARGIN_FRAMES = RATE // 2

# Pauses over a second are all as good as one of a second: sentences end there.
GOOD_FRAMES = RATE
# A cut stays so far from where somebody speaks.
AWAY_FRAMES = RATE // 20


class Part(Struct, frozen=True):
    """A stretch of a recording that is heard on its own.

    Attributes:
        clip: Its samples.
        overlap: So many of its first samples are the last ones of the part before it; 0 where the cut is in a pause,
            or after a silence that was left out.

    """

    clip: Clip
    overlap: int

    @property
    def start(self) -> int:
        """Where it begins, in samples of the recording."""
        return self.clip.first

    @property
    def end(self) -> int:
        """The first sample of the recording after it."""
        return self.clip.first + self.clip.frames


def parts_of(recording: Recording, most_s: int, overlap_s: int) -> tuple[Part, ...]:
    """Cut a recording into parts; every sample is in one, but for those of long silences, and times stay true.

    Args:
        recording: Of any length, 0 included, which has no parts.
        most_s: How many seconds a part may last.
        overlap_s: How many seconds two parts share where there is no pause to cut them in; under half of `most_s`.

    Returns:
        The parts in their order. A recording of nothing but silence, if that is long, has none.

    Raises:
        ValueError: `most_s` or `overlap_s` makes no sense.

    """
    if not 0 <= 2 * overlap_s < most_s:
        raise ValueError("parts must be longer than what they share")
    return tuple(
        Part(recording.clip(first, end - first), overlap)
        for begin, stop in _heard(recording)
        for first, end, overlap in _cuts(begin, stop, recording.pauses, most_s * RATE, overlap_s * RATE)
    )


def _heard(recording: Recording) -> Iterator[tuple[int, int]]:
    """Yield what is between the long silences."""
    begin = 0
    for pause in recording.pauses:
        if pause.frames < LONG_FRAMES or pause.loudest > SILENT_DB:
            continue
        end = pause.first + MARGIN_FRAMES if pause.first else 0
        if end > begin:
            yield begin, end
        begin = pause.end - MARGIN_FRAMES if pause.end < recording.frames else recording.frames
    if begin < recording.frames:
        yield begin, recording.frames


def _cuts(begin: int, stop: int, pauses: tuple[Pause, ...], most: int, shared: int) -> Iterator[tuple[int, int, int]]:
    """Yield the first sample, the end and the overlap of each part of a stretch."""
    overlap = 0
    while stop - begin > most:
        latest = min(begin + most, stop - most // 4)  # no crumb is left over
        earliest = min(begin + most // 2, latest - most // 4)
        cut = _best(pauses, earliest, latest)
        if cut is None:
            yield begin, latest, overlap
            begin, overlap = latest - shared, shared
        else:
            yield begin, cut, overlap
            begin, overlap = cut, 0
    yield begin, stop, overlap


def _best(pauses: tuple[Pause, ...], earliest: int, latest: int) -> int | None:
    """Return where to cut in the best pause within reach: long and deep, the later one of two alike."""
    best: tuple[float, int] | None = None
    for index in range(bisect_left(pauses, earliest, key=lambda pause: pause.end), len(pauses)):
        pause = pauses[index]
        if pause.first >= latest:
            break
        cut = min(max(pause.first + pause.frames // 2, earliest), latest)
        if pause.first + AWAY_FRAMES <= cut <= pause.end - AWAY_FRAMES:
            best = max(best or (0.0, 0), (min(pause.frames, GOOD_FRAMES) * pause.depth, cut))
    return best and best[1]
