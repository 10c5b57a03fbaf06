"""A recording that was decoded: its samples in a file, how many they are, and where nobody speaks."""

from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from agents.audio.clip import RATE, Clip


class Pause(Struct, frozen=True, array_like=True):
    """A stretch in which nobody speaks.

    Attributes:
        first: Its first sample.
        frames: How many samples it has.
        depth: How far it lies under the speech around it, in dB.
        loudest: Its loudest fiftieth of a second, in dB of full scale: 0 is as loud as can be, -90 is nothing. Of a
            pause over two seconds, the half second on either side, where speech fades, is not looked at.

    """

    first: int
    frames: int
    depth: float
    loudest: float

    @property
    def end(self) -> int:
        """The first sample after it."""
        return self.first + self.frames


class Recording(Struct, frozen=True):
    """Raw PCM as `Clip` has it; the file is its holder's, who discards it.

    Attributes:
        path: The file.
        frames: How many samples there are.
        pauses: In their order; they do not touch.

    """

    path: Path
    frames: int
    pauses: tuple[Pause, ...]

    @property
    def seconds(self) -> Decimal:
        """How long it lasts, exact."""
        return Decimal(self.frames) / RATE

    def clip(self, first: int, frames: int) -> Clip:
        """Return a stretch of it, no longer than it is."""
        return Clip(self.path, first, max(0, min(frames, self.frames - first)))

    def whole(self) -> Clip:
        """Return all of it."""
        return Clip(self.path, 0, self.frames)

    def discard(self) -> None:
        """Delete the file, if it is still there; of hours of sound that takes half a second, so in a thread."""
        self.path.unlink(missing_ok=True)
