"""The child process: loads the embedded models, says `ready <port>`, serves it until stopped or orphaned."""

import argparse
import os
import socket
import sys
import threading
from pathlib import Path

import uvicorn

from agents.local.busy import Busy
from agents.local.embeddings import Embeddings
from agents.local.engine import Engine, EngineOptions
from agents.local.errors import EngineFailed
from agents.local.hearing import Hearing
from agents.local.speaking import Speaking
from agents.local.surface import Served, Surface

KEY_VARIABLE = "ROUTER_LOCAL_KEY"
LOOPBACK = "127.0.0.1"


class _Options(argparse.Namespace):
    gguf: Path | None
    name: str
    embeddings: bool
    whisper: Path | None
    speech: bool
    port: int
    threads: int
    slots: int
    context: int


def _options() -> _Options:
    parser = argparse.ArgumentParser(prog="python -m agents.local.serve", description=__doc__)
    usual = EngineOptions()
    parser.add_argument("--gguf", type=Path, help="the chat model's file; none without it")
    parser.add_argument("--name", default="", help="the name it is served under")
    parser.add_argument("--embeddings", action="store_true", help="serve the embeddings model, loaded when first asked")
    parser.add_argument("--whisper", type=Path, help="the transcription model's folder, loaded when first asked")
    parser.add_argument("--speech", action="store_true", help="serve the voices, loaded when first asked")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--threads", type=int, default=usual.threads)
    parser.add_argument("--slots", type=int, default=usual.slots, help="calls in flight")
    parser.add_argument("--context", type=int, default=usual.context, help="tokens a slot")
    return parser.parse_args(namespace=_Options())


def _listen(port: int) -> socket.socket:
    """Bind beside the supervisor's own reservation of the port, which needs the same options on both sides."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((LOOPBACK, port))
    listener.listen(128)
    return listener


def _exit_with_parent() -> None:
    """End at once when standard input closes: whoever held it, alive or killed, is gone."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


def main() -> None:
    """Serve; the key comes by the environment, standard input is the parent's lifeline."""
    options, key = _options(), os.environ.get(KEY_VARIABLE)
    if not key:
        sys.exit(f"{KEY_VARIABLE} is not set")
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    busy = Busy()
    try:
        limits = EngineOptions(threads=options.threads, slots=options.slots, context=options.context)
        served = Served(
            name=options.name,
            engine=None if options.gguf is None else Engine(options.gguf, limits, busy),
            encoder=Embeddings(busy) if options.embeddings else None,
            hearing=None if options.whisper is None else Hearing(options.whisper, busy),
            speaking=Speaking(busy) if options.speech else None,
        )
        listener = _listen(options.port)
    except (EngineFailed, OSError) as cause:
        sys.exit(str(cause))
    config = uvicorn.Config(
        Surface(key, served),
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="error",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    sys.stdout.write(f"ready {listener.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])
    # The engine's threads may be inside a call: there is nothing of theirs to save.
    os._exit(0)


if __name__ == "__main__":
    main()
