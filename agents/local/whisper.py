"""The transcription model: where there is speech, in which language, what is said, and when each word is."""

import os
import zlib
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, cast

from msgspec import Struct

from agents.audio.clip import RATE, SAMPLE_BYTES
from agents.messages import Word

# One reader for each lane of `Hearing`: they share the weights and, when both read, the processor.
READERS, THREADS = 2, 2
MOST_STRETCH_S = 20  # a window has 30; whoever else wants the engine waits for one to be read
# A pause that ends a stretch: shorter than between two people who take turns, and longer than within most sentences.
PAUSE_MS = 300
# The model was trained on windows of 30 s, and reads shorter ones five times as fast: 6 % of the words were wrong with
# either, over 27 turns in two languages.
WINDOW_S, MARGIN_S = 6.0, 1.5
FRAMES_PER_S, MOST_FRAMES = 100, 3_000
TIMESTAMP_S = 0.02
LEAST_SENTENCE_S = 0.1
# Nobody says more tokens in a second; what writes more goes round in circles.
TOKENS_PER_S, MORE_TOKENS, MOST_TOKENS = 25, 24, 448


class Stretch(Struct, frozen=True):
    """Samples with speech in them: from `first` to `stop`, which is not one of them."""

    first: int
    stop: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return (self.stop - self.first) / RATE


class Manner(Struct, frozen=True):
    """How carefully a stretch is read: hypotheses kept, the least window, tokens that are never repeated in a row."""

    beam: int
    window_s: float
    unlike: int = 0


# Five hypotheses cost a seventh more than one, and halve the wrong words of short questions.
QUICK, CAREFUL, PROBE = Manner(5, WINDOW_S), Manner(5, 10.0, unlike=8), Manner(1, WINDOW_S, unlike=3)


class Window(Struct, frozen=True):
    """What the encoder made of a stretch, and how long the stretch is in frames."""

    encoded: "_Encoded"
    stretch: Stretch
    frames: int


class Reading(Struct, frozen=True):
    """What a stretch is read as: its tokens, and what tells whether to believe them.

    `logprob` is the mean of a token, natural logarithm; `silence` the probability that nothing is said; `compression`
    how often text fits into its compressed self.
    """

    language: str
    tokens: list[int]
    text: str
    logprob: float
    silence: float
    compression: float


class Sentence(Struct, frozen=True):
    """A part of a reading, and when it is said, in seconds from the beginning of the clip."""

    text: str
    start_s: float
    end_s: float


class _Encoded(Protocol):
    """Only the engine looks inside."""


class _Generated(Protocol):
    sequences_ids: list[list[int]]
    scores: list[float]
    no_speech_prob: float


class _Engine(Protocol):
    def detect_language(self, encoded: _Encoded, /) -> list[list[tuple[str, float]]]: ...
    def generate(self, encoded: _Encoded, prompts: list[list[int]], /, **options: object) -> list[_Generated]: ...


class _Tokenizer(Protocol):
    @property
    def sot_sequence(self) -> list[int]: ...
    @property
    def timestamp_begin(self) -> int: ...
    @property
    def eot(self) -> int: ...
    def decode(self, tokens: list[int], /) -> str: ...


class _Model(Protocol):
    model: _Engine
    hf_tokenizer: object
    supported_languages: list[str]

    def feature_extractor(self, samples: Any, /) -> Any: ...  # noqa: ANN401 - numpy arrays, imported late
    def encode(self, features: Any, /) -> _Encoded: ...  # noqa: ANN401 - the same
    def find_alignment(
        self, tokenizer: _Tokenizer, texts: list[list[int]], encoded: _Encoded, frames: int, /
    ) -> list[list[dict[str, Any]]]: ...


class Whisper:
    """The loaded model; several threads may call it."""

    def __init__(self, folder: Path) -> None:
        """Load the model, which takes a second and 230 MB; the network is not asked for anything."""
        os.environ["HF_HUB_OFFLINE"] = "1"
        # Imported with numpy by those who transcribe: an idle child stays small.
        library, self._np = import_module("faster_whisper"), import_module("numpy")
        self._parts, self._vad = import_module("faster_whisper.transcribe"), import_module("faster_whisper.vad")
        model = library.WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=THREADS, num_workers=READERS
        )
        self._model = cast("_Model", model)
        self._tokenizers: dict[str, _Tokenizer] = {}

    @property
    def languages(self) -> list[str]:
        """The languages that it knows, by their codes."""
        return self._model.supported_languages

    def stretches(self, pcm: memoryview) -> list[Stretch]:
        """Return where there is speech."""
        found = self._vad.get_speech_timestamps(
            self._samples(pcm), max_speech_duration_s=MOST_STRETCH_S, min_silence_duration_ms=PAUSE_MS
        )
        return [Stretch(row["start"], row["end"]) for row in found]

    def encode(self, pcm: memoryview, stretch: Stretch, manner: Manner) -> Window:
        """Return a stretch as the model sees it."""
        samples = self._samples(pcm[stretch.first * SAMPLE_BYTES : stretch.stop * SAMPLE_BYTES])
        features = self._model.feature_extractor(samples)
        frames = min(int(features.shape[-1]), MOST_FRAMES)
        window = round(max(manner.window_s, frames / FRAMES_PER_S + MARGIN_S) * FRAMES_PER_S)
        padded = self._parts.pad_or_trim(features, min(window, MOST_FRAMES))
        return Window(self._model.encode(padded), stretch, frames)

    def sounds_like(self, window: Window) -> list[tuple[str, float]]:
        """Return the languages with their probabilities, the likeliest first."""
        return [(token[2:-2], p) for token, p in self._model.model.detect_language(window.encoded)[0]]

    def read(self, window: Window, language: str, manner: Manner) -> Reading:
        """Return what is said, in this language."""
        tokenizer = self._tokenizer(language)
        prompt = list(tokenizer.sot_sequence)
        most = len(prompt) + MORE_TOKENS + round(TOKENS_PER_S * window.stretch.seconds)
        said = self._model.model.generate(
            window.encoded,
            [prompt],
            beam_size=manner.beam,
            no_repeat_ngram_size=manner.unlike,
            max_length=min(most, MOST_TOKENS),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = said.sequences_ids[0]
        text = tokenizer.decode([token for token in tokens if token < tokenizer.eot]).strip()
        # The engine's score is a mean that leaves the end of the text out.
        logprob = said.scores[0] * len(tokens) / (len(tokens) + 1)
        return Reading(language, tokens, text, logprob, said.no_speech_prob, _compression(text))

    def sentences(self, window: Window, reading: Reading) -> list[Sentence]:
        """Return the reading cut where the model tells times; what it says after the end of the stretch is not said."""
        tokenizer, tokens = self._tokenizer(reading.language), reading.tokens
        zero = tokenizer.timestamp_begin
        begin, stop = window.stretch.first / RATE, window.stretch.stop / RATE
        marks: list[int] = [at for at, token in enumerate(tokens) if token >= zero]
        times: dict[int, float] = {at: min(begin + (tokens[at] - zero) * TIMESTAMP_S, stop) for at in marks} | {
            -1: begin
        }
        told: list[Sentence] = []
        cuts: list[int] = [*([] if marks[:1] == [0] else [-1]), *marks, len(tokens)]
        for mark, following in pairwise(cuts):
            text = tokenizer.decode([token for token in tokens[mark + 1 : following] if token < tokenizer.eot]).strip()
            if text and (not told or times[mark] < stop - LEAST_SENTENCE_S):
                told.append(Sentence(text, times[mark], max(times[mark], times.get(following, stop))))
        return told

    def words(self, window: Window, reading: Reading) -> list[Word]:
        """Return the words of a reading, with their times in the clip."""
        tokenizer = self._tokenizer(reading.language)
        tokens = [token for token in reading.tokens if token < tokenizer.eot]
        begin = window.stretch.first / RATE
        words: list[Word] = []
        for aligned in self._model.find_alignment(tokenizer, [tokens], window.encoded, window.frames):
            for row in aligned:
                raw = str(row["word"])
                word = Word(raw.strip(), begin + float(row["start"]), begin + float(row["end"]))
                if words and not raw.startswith(" ") and not word.text[:1].isalnum():
                    # Punctuation comes as a word of its own, and so does what follows a hyphen.
                    last = words.pop()
                    word = Word(last.text + word.text, last.start_s, max(last.end_s, word.end_s))
                words.append(word)
        return [word for word in words if word.text]

    def _tokenizer(self, language: str) -> _Tokenizer:
        if language not in self._tokenizers:
            made = self._parts.Tokenizer(
                self._model.hf_tokenizer, multilingual=True, task="transcribe", language=language
            )
            self._tokenizers[language] = cast("_Tokenizer", made)
        return self._tokenizers[language]

    def _samples(self, pcm: memoryview) -> Any:  # noqa: ANN401 - a numpy array, imported late
        return self._np.frombuffer(pcm, "<i2").astype(self._np.float32) / 32768


def _compression(text: str) -> float:
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))
