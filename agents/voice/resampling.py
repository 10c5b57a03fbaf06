"""Sound from one form to another as it streams: rates, and packets of Opus."""

from importlib import import_module
from typing import Any, Protocol, cast

from agents.audio.clip import RATE, SAMPLE_BYTES
from agents.messages import Sound


class Unheard(Exception):
    """The sound cannot be decoded."""


class Decoding(Protocol):
    """Makes PCM of 16 bit, mono, at `RATE` of what comes."""

    def feed(self, piece: bytes) -> bytes:
        """Return the next samples; some may wait for the next piece.

        Raises:
            Unheard: The piece is not what was announced.

        """
        ...


class Same:
    """PCM that is at `RATE` already."""

    def feed(self, piece: bytes) -> bytes:
        """Return the piece, without half a sample at its end."""
        return piece[: len(piece) // SAMPLE_BYTES * SAMPLE_BYTES]


class Resampler:
    """PCM of one rate to another, mono."""

    def __init__(self, source: int, target: int) -> None:
        self._av = cast("Any", import_module("av"))
        self._source = source
        self._target = target
        self._shape: object = None
        self._swr = self._to_target()

    def feed(self, piece: bytes) -> bytes:
        """Return the next samples at the target's rate."""
        frames = len(piece) // SAMPLE_BYTES
        if not frames:
            return b""
        frame = self._av.AudioFrame(format="s16", layout="mono", samples=frames, align=1)
        frame.planes[0].update(piece[: frames * SAMPLE_BYTES])
        frame.sample_rate = self._source
        return _pcm(self._swr.resample(frame))

    def frame(self, frame: object) -> bytes:
        """Return the samples of a frame that was decoded, whatever its rate and its channels are."""
        decoded = cast("Any", frame)
        shape = (decoded.format.name, decoded.layout.name, decoded.sample_rate)
        if self._shape is not None and shape != self._shape:
            self._swr = self._to_target()  # which takes one shape only, and whoever sends may change it
        self._shape = shape
        return _pcm(self._swr.resample(decoded))

    def _to_target(self) -> Any:  # noqa: ANN401 - of an untyped library
        return self._av.AudioResampler(format="s16", layout="mono", rate=self._target)

    def flush(self) -> bytes:
        """Return what waited."""
        return _pcm(self._swr.resample(None))


class Opus:
    """Packets of Opus, one a piece."""

    def __init__(self) -> None:
        self._av = cast("Any", import_module("av"))
        self._codec = self._av.CodecContext.create("opus", "r")
        self._codec.sample_rate = 48_000
        self._swr = Resampler(48_000, RATE)

    def feed(self, piece: bytes) -> bytes:
        """Return the samples of a packet."""
        if not piece:
            return b""
        try:
            frames = self._codec.decode(self._av.Packet(piece))
            return b"".join(self._swr.frame(frame) for frame in frames)
        except self._av.FFmpegError as error:
            raise Unheard from error


def resampled(sound: Sound, rate: int) -> Sound:
    """Return a whole sound at another rate."""
    resampler = Resampler(sound.rate, rate)
    return Sound(resampler.feed(sound.pcm) + resampler.flush(), rate)


def _pcm(frames: list[Any]) -> bytes:
    return b"".join(bytes(frame.planes[0])[: frame.samples * SAMPLE_BYTES] for frame in frames)
