"""The decoding process: what is done to one upload in a sealed fork, from the first byte to the last sample."""

import io
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO, cast

import av
import msgspec
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError

from agents.audio.clip import RATE, SAMPLE_BYTES, wav_header
from agents.audio.formats import format_of
from agents.audio.heard import Heard, Refused, Request, Told, TooLong, write
from agents.audio.pauses import Loudness
from sandbox.serve import serve

# Written, and listened to, in pieces of two seconds.
PIECE_BYTES = 2 * RATE * SAMPLE_BYTES
# Short uploads are waited for; what goes on longer than this gives way to the gateway.
POLITE_FRAMES, NICENESS = 120 * RATE, 10

# What speech is recorded with, by the names of FFmpeg's decoders; no picture is ever decoded.
_DECODERS = frozenset(
    {"aac", "aac_fixed", "ac3", "alac", "eac3", "flac", "gsm", "gsm_ms", "libopus", "libvorbis"}
).union({"libopus", "libvorbis", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "opus", "vorbis"})
_FAMILIES = ("pcm_", "adpcm_")
_ALLOWED = sorted(name for name in av.codecs_available if name in _DECODERS or name.startswith(_FAMILIES))

_requests = msgspec.msgpack.Decoder(Request)


class Unusable(Exception):
    """The upload cannot be decoded; the text is a plain sentence for whoever sent it."""


def decode(job: bytes, source: BinaryIO, result: BinaryIO) -> None:
    """Write the samples of `source` to `result` and how it went behind them; `job` is a Request."""
    write(_told(source, result, _requests.decode(job).most_frames), result)


def _told(source: BinaryIO, result: BinaryIO, most_frames: int) -> Told:
    try:
        with _opened(source) as container:
            return _written(container, result, most_frames)
    except MemoryError:  # FFmpeg's is one of both kinds
        raise
    except Unusable as why:
        return Refused(str(why))
    except (FFmpegError, ValueError, OverflowError):
        return Refused("it is damaged")


def _written(container: InputContainer, result: BinaryIO, most_frames: int) -> Told:
    loudness = Loudness()
    frames = 0
    for piece in _pieces(_samples(container, _first_sound(container))):
        frames += len(piece) // SAMPLE_BYTES
        if frames > most_frames:
            return TooLong(_declared(container))
        result.write(piece)
        loudness.take(piece)
        if frames > POLITE_FRAMES:
            os.nice(max(0, NICENESS - os.nice(0)))
    if not frames:
        raise Unusable("there is no sound in it")
    return Heard(frames, loudness.pauses())


def _opened(source: BinaryIO) -> InputContainer:
    demuxer = format_of(source)
    if demuxer is None:
        raise Unusable("it is in none of the formats that are read here")
    # Nothing but the file itself is read: no protocol, no other container, no decoder that is not listed.
    lists = {"protocol_whitelist": "", "format_whitelist": demuxer, "codec_whitelist": ",".join(_ALLOWED)}
    return av.open(source, "r", format=demuxer, container_options=lists, metadata_errors="ignore")


def _first_sound(container: InputContainer) -> AudioStream:
    stream = next(iter(container.streams.audio), None)
    if stream is None:
        raise Unusable("there is no sound in it")
    context = cast("AudioCodecContext | None", stream.codec_context)
    if context is None or context.name not in _ALLOWED:
        raise Unusable("its sound is coded in a way that is not read here")
    context.thread_count = 1
    return stream


def _samples(container: InputContainer, stream: AudioStream) -> Iterator[bytes]:
    """Yield the samples as they are decoded; what cannot be is passed over, unless that is most of it."""
    resampler, made_of = _resampler(), None
    good = broken = 0
    for packet in container.demux(stream):
        try:
            decoded = packet.decode()
        except InvalidDataError:
            broken += 1
            continue
        for frame in decoded:
            good += 1
            now = (frame.format.name, frame.layout.name, frame.sample_rate)
            if made_of not in (None, now):  # it changes on the way: what the old resampler holds comes first
                yield from _resampled(resampler, None)
                resampler = _resampler()
            made_of = now
            yield from _resampled(resampler, frame)
    if made_of is not None:
        yield from _resampled(resampler, None)
    if broken > good:
        raise Unusable("it is damaged")


def _resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="mono", rate=RATE)


def _resampled(resampler: AudioResampler, frame: AudioFrame | None) -> Iterator[bytes]:
    if frame is not None:
        frame.pts = None  # samples count, not what the file says of their time
    for out in resampler.resample(frame):
        yield bytes(out.planes[0])[: out.samples * SAMPLE_BYTES]


def _pieces(samples: Iterator[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for some in samples:
        waiting += some
        if len(waiting) >= PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def _declared(container: InputContainer) -> float | None:
    return None if container.duration is None else container.duration / av.time_base


def main() -> None:
    """Serve; the argument is after how many idle seconds to end."""
    # What is only looked up and set up at a first use would be so in every fork.
    silence = wav_header(RATE) + bytes(RATE * SAMPLE_BYTES)
    decode(msgspec.msgpack.encode(Request(RATE)), io.BytesIO(silence), io.BytesIO())
    serve(decode, float(sys.argv[1]))


if __name__ == "__main__":
    main()
