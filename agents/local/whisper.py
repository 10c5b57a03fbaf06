"""The transcription model: stretches of speech found, grouped into chunks, each heard in its own language."""

from __future__ import annotations

import os
import zlib
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, cast

from msgspec import Struct

from agents.audio.clip import RATE
from agents.messages import Word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

THREADS = 2
# The encoder reads windows of 30 s; a chunk stays below, and its window is cut to what it needs.
MOST_CHUNK_S = 28
LEAST_WINDOW_S, MARGIN_S = 8, 2
FRAMES_PER_S = 100
# Text this repetitive is not what was said, and text this improbable over what is hardly speech is invented.
# Source: Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision, 2022, §4.5.
MOST_COMPRESSION, LEAST_LOGPROB, MOST_SILENCE = 2.4, -1.0, 0.6
SILENCE_MS = 500


class Stretch(Struct, frozen=True):
    """Samples with speech in them: `first` to `last`, which is not one of them."""

    first: int
    last: int


class HeardSegment(Struct, frozen=True):
    """What is said in a part of a chunk, in seconds from the beginning of the clip."""

    text: str
    start_s: float
    end_s: float
    language: str
    logprob: float
    compression: float
    silence: float
    words: tuple[Word, ...] = ()


class _Encoded(Protocol):
    """What the encoder made of a window; only the engine looks inside."""


class _Generated(Protocol):
    sequences_ids: list[list[int]]
    scores: list[float]
    no_speech_prob: float


class _Engine(Protocol):
    def detect_language(self, encoded: _Encoded, /) -> list[list[tuple[str, float]]]: ...
    def generate(self, encoded: _Encoded, prompts: list[list[int]], /, **options: object) -> list[_Generated]: ...


class _Tokens(Protocol):
    sot_sequence: list[int]
    timestamp_begin: int
    eot: int

    def decode(self, tokens: list[int], /) -> str: ...


class _Whisper(Protocol):
    model: _Engine
    hf_tokenizer: object
    supported_languages: list[str]
    max_length: int

    def feature_extractor(self, samples: Any, /) -> Any: ...  # noqa: ANN401 - numpy arrays, imported late
    def encode(self, features: Any, /) -> _Encoded: ...  # noqa: ANN401
    def find_alignment(
        self, tokens: _Tokens, texts: list[list[int]], encoded: _Encoded, frames: int, /
    ) -> list[list[dict[str, Any]]]: ...


class Whisper:
    """A loaded model; its methods may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        """Load the model, which takes half a second and 200 MB."""
        os.environ["HF_HUB_OFFLINE"] = "1"
        # Imported with numpy by those who transcribe: an idle child stays small.
        library = import_module("faster_whisper")
        self._np = import_module("numpy")
        self._pad = import_module("faster_whisper.transcribe").pad_or_trim
        self._vad = import_module("faster_whisper.vad")
        self._tokenizer = import_module("faster_whisper.tokenizer").Tokenizer
        self._whisper = cast(
            "_Whisper",
            library.WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=THREADS, num_workers=1),
        )

    def stretches(self, pcm: memoryview) -> list[Stretch]:
        """Return where there is speech, none longer than a chunk."""
        found = self._vad.get_speech_timestamps(
            self._samples(pcm), max_speech_duration_s=MOST_CHUNK_S, min_silence_duration_ms=SILENCE_MS
        )
        return [Stretch(row["start"], row["end"]) for row in found]

    def hear(self, pcm: memoryview, chunk: Stretch, language: str | None, *, words: bool) -> list[HeardSegment]:
        """Return what is said in a chunk, in `language`, or in the one it sounds like."""
        features = self._whisper.feature_extractor(self._samples(pcm[chunk.first * 2 : chunk.last * 2]))
        frames = features.shape[-1]
        window = min(3000, max(LEAST_WINDOW_S * FRAMES_PER_S, frames + MARGIN_S * FRAMES_PER_S))
        encoded = self._whisper.encode(self._pad(features, window))
        language = language or self._whisper.model.detect_language(encoded)[0][0][0][2:-2]
        tokens = cast(
            "_Tokens",
            self._tokenizer(self._whisper.hf_tokenizer, multilingual=True, task="transcribe", language=language),
        )
        said = self._whisper.model.generate(
            encoded,
            [list(tokens.sot_sequence)],
            beam_size=1,
            max_length=self._whisper.max_length,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        return self._told(said, tokens, chunk, language)

    def _samples(self, pcm: memoryview) -> Any:  # noqa: ANN401
        return self._np.frombuffer(pcm, "<i2").astype(self._np.float32) / 32768

    def _told(self, said: _Generated, tokens: _Tokens, chunk: Stretch, language: str) -> list[HeardSegment]:
        ids = said.sequences_ids[0]
        logprob = said.scores[0] * len(ids) / (len(ids) + 1)
        start = chunk.first / RATE
        segments: list[HeardSegment] = []
        marks = [at for at, token in enumerate(ids) if token >= tokens.timestamp_begin]
        for begin, end in pairwise([*marks, len(ids)]):
            text = tokens.decode([token for token in ids[begin + 1 : end] if token < tokens.eot]).strip()
            if not text:
                continue
            first = (ids[begin] - tokens.timestamp_begin) * 0.02
            last = (ids[end] - tokens.timestamp_begin) * 0.02 if end < len(ids) else (chunk.last - chunk.first) / RATE
            segments.append(
                HeardSegment(
                    text, start + first, start + last, language, logprob, _compression(text), said.no_speech_prob
                )
            )
        return segments


def chunks(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Group stretches that fit into one window."""
    grouped: list[Stretch] = []
    for stretch in stretches:
        if grouped and stretch.last - grouped[-1].first <= MOST_CHUNK_S * RATE:
            grouped[-1] = Stretch(grouped[-1].first, stretch.last)
        else:
            grouped.append(stretch)
    return grouped


def _compression(text: str) -> float:
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))
