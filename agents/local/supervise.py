"""Start, watch, restart and stop the child that serves the embedded models."""

import logging
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO, Self

from msgspec import Struct

import agents
from agents.local.engine import EngineOptions
from agents.local.errors import EngineFailed
from agents.local.serve import KEY_VARIABLE, LOOPBACK

_log = logging.getLogger(__name__)

READY_SECONDS = 60.0
STOP_SECONDS = 5.0
FIRST_BACKOFF_SECONDS = 0.1
MOST_BACKOFF_SECONDS = 30.0
STDERR_LINES = 20

# All the child gets of the environment: where programs and libraries are, and the language. No key of a provider.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")


class Child(Struct):
    """One life of the child process, and the last lines it said in anger.

    `told` is set once the child has said that it serves, or can say no more; `serves` is which.
    """

    process: subprocess.Popen[str]
    stderr: deque[str]
    told: threading.Event
    serves: bool = False
    listener: threading.Thread | None = None


class LocalModels:
    """The embedded models as the gateway's parent process owns them.

    Plain threads, no event loop. Address, key and name stay the same across restarts, so that workers are given them
    once. The child ends with this process however it ends: its standard input closes.
    """

    def __init__(
        self,
        gguf: Path | None,
        model_name: str | None,
        options: EngineOptions = EngineOptions(),  # noqa: B008 - frozen
        *,
        embeddings: bool = False,
        whisper: Path | None = None,
        speech: bool = False,
    ) -> None:
        """Reserve a port; nothing is started yet.

        Args:
            gguf: The chat model's file, None for no chat.
            model_name: Its name in the catalogue.
            options: How much of the machine it may use.
            embeddings: Whether the embeddings model is served.
            whisper: The transcription model's folder, None for no transcription.
            speech: Whether the voices are served.

        """
        self._gguf = gguf
        self._options = options
        self._embeddings = embeddings
        self._whisper = whisper
        self._speech = speech
        self._model_name = model_name
        self._key = secrets.token_urlsafe(32)
        self._reserved = _reserve_port()
        self._stopping = threading.Event()
        self._changing = threading.Lock()
        self._child: Child | None = None
        self._watcher: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """The OpenAI base URL, ending in `/v1`."""
        return f"http://{LOOPBACK}:{self._port}/v1"

    @property
    def api_key(self) -> str:
        """The bearer key, drawn for this object."""
        return self._key

    @property
    def model_name(self) -> str | None:
        """The catalogue name of the chat model, None where embeddings alone are served."""
        return self._model_name

    @property
    def pid(self) -> int | None:
        """The child's process id, None before the first start."""
        return self._child.process.pid if self._child else None

    def start(self) -> Self:
        """Start the child, wait until its model is loaded, and watch it from then on.

        Raises:
            EngineFailed: It ended or was silent for a minute; the text has its last lines.

        """
        self._child = child = self._spawn()
        if not _is_ready(child):
            self.stop()
            raise EngineFailed(f"the embedded models did not start: {_last_words(child)}")
        return self._watched()

    def begin(self) -> Self:
        """Start the child and watch it, without waiting: until it serves, connections are refused."""
        self._child = self._spawn()
        return self._watched()

    def _watched(self) -> Self:
        self._watcher = threading.Thread(target=self._watch, name="local-models", daemon=True)
        self._watcher.start()
        return self

    def stop(self) -> None:
        """Stop the child: asked first, killed after five seconds."""
        with self._changing:
            self._stopping.set()
        if self._child:
            _end(self._child)
        if self._watcher:
            self._watcher.join()
        self._reserved.close()

    @property
    def _port(self) -> int:
        port: int = self._reserved.getsockname()[1]
        return port

    def _watch(self) -> None:
        """Restart the child whenever it ends, ever more slowly while it does not come up."""
        backoff = FIRST_BACKOFF_SECONDS
        while child := self._child:
            code = child.process.wait()
            _end(child)
            if self._stopping.wait(backoff):
                return
            _log.warning("the embedded models ended with code %d and are started again: %s", code, _last_words(child))
            with self._changing:
                if self._stopping.is_set():
                    return
                self._child = child = self._spawn()
            if _is_ready(child):
                backoff = FIRST_BACKOFF_SECONDS
            else:
                _end(child)
                backoff = min(backoff * 2, MOST_BACKOFF_SECONDS)

    def _spawn(self) -> Child:
        options = self._options
        command = [sys.executable, "-m", "agents.local.serve"]
        if self._gguf is not None:
            command += ["--gguf", str(self._gguf), "--name", self._model_name or self._gguf.stem]
        if self._embeddings:
            command.append("--embeddings")
        if self._whisper is not None:
            command += ["--whisper", str(self._whisper)]
        if self._speech:
            command.append("--speech")
        command += ["--port", str(self._port), "--threads", str(options.threads)]
        command += ["--slots", str(options.slots), "--context", str(options.context)]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self._environment(),
            start_new_session=True,  # Ctrl-C is for the gateway, which lets answers end before it stops the child
        )
        child = Child(process, deque(maxlen=STDERR_LINES), threading.Event())
        threading.Thread(target=_announce, args=(child, process.stdout), daemon=True).start()
        child.listener = threading.Thread(target=_listen, args=(child, process.stderr), daemon=True)
        child.listener.start()
        return child

    def _environment(self) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        root = Path(agents.__path__[0]).parent
        return passed_on | {
            KEY_VARIABLE: self._key,
            "OMP_WAIT_POLICY": "passive",
            # One thread a lane: more would neither share its low priority nor leave chat a processor.
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": str(root),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
        }


def _announce(child: Child, stdout: IO[str]) -> None:
    """Pass the child's word on, and its end, so that nobody waits for the dead."""
    with stdout:
        for line in stdout:
            if line.startswith("ready "):
                child.serves = True
                child.told.set()
    child.told.set()


def _listen(child: Child, stderr: IO[str]) -> None:
    with stderr:
        child.stderr.extend(line.rstrip() for line in stderr)


def _is_ready(child: Child) -> bool:
    # A child that fails closes its output a moment before it can be waited for.
    return child.told.wait(READY_SECONDS) and child.serves and child.process.poll() is None


def _last_words(child: Child) -> str:
    if child.listener:
        child.listener.join(1)
    return "\n".join(child.stderr) or "nothing was said"


def _end(child: Child) -> None:
    process = child.process
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


def _reserve_port() -> socket.socket:
    """Hold a free port for as long as this lives: bound without listening, so that only our child may serve it.

    While the child is down a connection is refused at once, and no other user can take the port and receive the key.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind((LOOPBACK, 0))
    return holder
