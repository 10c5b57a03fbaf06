"""The chat engine in this process: llama.cpp behind one asynchronous call that can be left at any moment."""

import asyncio
import importlib
import os
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agents.local.busy import Busy
from agents.local.errors import EngineFailed
from agents.local.tokens import count_tokens
from agents.local.wire import EngineError, Piece, Turn

# Prompt tokens read between two moments at which a call can be left: half a second on two cores at 0.5B.
BATCH_TOKENS = 64
GGUF_MAGIC = b"GGUF"

_BAD_REQUEST, _BROKEN = 400, 500


class EngineOptions(Struct, frozen=True):
    """How much of the machine the model may use; `context` is in tokens for each of the `slots` calls in flight."""

    threads: int = 2
    slots: int = 2
    context: int = 4096
    prompt_cache_mib: int = 256


class _Llama(Protocol):
    @property
    def listening_address(self) -> str: ...

    def handle_chat_completions(self, prompt: bytes, callback: Callable[[bytes], bool], /) -> None: ...


class Engine:
    """A loaded chat model; as many calls run at once as it has slots, the others wait their turn."""

    def __init__(self, gguf: Path, options: EngineOptions, busy: Busy) -> None:
        """Load the model; `busy` shares the processor's time with whatever else runs here.

        Raises:
            EngineFailed: The file is not a model that llama.cpp can load, or the `local` extra is not installed.

        """
        self._key = secrets.token_urlsafe(32)
        self._llama = _load(gguf, options, self._key)
        self._busy = busy
        self._threads = ThreadPoolExecutor(options.slots, thread_name_prefix="slot")

    async def stream(self, request: bytes) -> AsyncGenerator[Piece, None]:
        """Yield the pieces of one answer; closing the generator frees its slot at the next batch or token.

        An error is the last piece, whatever it is. The usage piece carries `busy_s`.
        """
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        left = threading.Event()

        def deliver(piece: Piece) -> bool:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)
            return left.is_set()

        call = loop.run_in_executor(self._threads, self._run, request, deliver)
        call.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            call.result()
        finally:
            left.set()
            call.cancel()

    async def count(self, messages: Sequence[Turn]) -> int:
        """Return how many tokens a call with these messages reads: by the model's own template and vocabulary.

        Raises:
            EngineFailed: The engine does not answer as it should.

        """
        return await asyncio.to_thread(count_tokens, self._llama.listening_address, self._key, messages)

    def _run(self, request: bytes, deliver: Callable[[Piece], bool]) -> None:
        begun = self._busy.begin()

        def receive(raw: bytes) -> bool:
            try:
                piece = msgspec.json.decode(raw, type=Piece)
            except msgspec.DecodeError:
                return deliver(Piece(error=EngineError(_BROKEN, "the engine's words are not understood"))) or True
            if piece.usage is not None:
                piece = replace(piece, usage=replace(piece.usage, busy_s=round(self._busy.seconds(begun), 6)))
            return deliver(piece)

        try:
            self._llama.handle_chat_completions(request, receive)
        except ValueError as cause:
            deliver(Piece(error=EngineError(_BAD_REQUEST, str(cause), "invalid_request_error")))
        except RuntimeError as cause:
            deliver(Piece(error=EngineError(_BROKEN, str(cause))))
        finally:
            self._busy.end()


def _load(gguf: Path, options: EngineOptions, key: str) -> _Llama:
    _check(gguf)
    # Its OpenMP threads would spin at every barrier: ten times slower once anything else runs.
    os.environ["OMP_WAIT_POLICY"] = "passive"
    try:
        xllamacpp = importlib.import_module("xllamacpp")
    except ImportError as cause:
        raise EngineFailed(f"the `local` extra is not installed: {cause}") from cause
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_parallel = options.slots
    params.n_ctx = options.slots * options.context
    params.n_batch = BATCH_TOKENS
    params.cache_ram_mib = options.prompt_cache_mib
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    # So small a model states more that is right when it wanders less; a client may ask otherwise.
    params.sampling.temp = 0.2
    params.fit_params = False
    params.verbosity = -1  # it would log prompts
    params.sse_ping_interval = -1
    # The library opens a server of its own on a free loopback port: only this process knows its key.
    params.api_keys = [key]
    params.ui = params.endpoint_slots = False
    params.n_threads_http = 1
    try:
        return cast("_Llama", xllamacpp.Server(params))
    except RuntimeError as cause:
        raise EngineFailed(f"{gguf}: {cause}") from cause


def _check(gguf: Path) -> None:
    try:
        with gguf.open("rb") as stream:
            magic = stream.read(len(GGUF_MAGIC))
    except OSError as cause:
        raise EngineFailed(f"{gguf}: {cause.strerror}") from cause
    if magic != GGUF_MAGIC:
        raise EngineFailed(f"{gguf}: not a GGUF file")
