"""Serving: the embedded models' child, the workers, a graceful stop, and the first curl to try."""

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Any, cast

import uvicorn
from msgspec import json
from uvicorn.supervisors import Multiprocess

from agents.local import embeddings, hearing, speaking
from agents.local.errors import LocalModelError
from agents.local.fetch import installed_chat, installed_whisper
from agents.local.shelf import default_models_dir
from agents.local.supervise import LocalModels
from router.app import LOCAL_VARIABLE, create_app
from router.audio_menu import missing_kinds
from router.edge import EdgeProtocol
from router.front import Front
from router.ground import database_url_of
from router.realtime.wire import MOST_MESSAGE_BYTES
from router.rows import LocalEndpoint, is_keyless
from router.settings import Settings, SettingsWrong, environment_of
from router.wiring import build
from storage.database import check_writable, is_postgres, sqlite_path
from storage.errors import StorageError
from storage.migrations import HEAD, revision_of, upgrade

DRAIN_WITHIN_S = 30
KEEP_ALIVE_S = 75
PING_EVERY_S = 30.0
QUESTION = "Quelle est la capitale de la France ?"


def run(settings: Settings) -> None:
    """Serve until a signal says stop.

    Raises:
        SettingsWrong: The house cannot be built.

    """
    prepare(settings)
    # What a graceful stop ends with is success, not death by signal.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _exit)
    with ExitStack() as stack:
        local = start_local(settings, stack)
        if local is not None:
            os.environ[LOCAL_VARIABLE] = json.encode(local).decode()
        if settings.workers > 1:
            # Whether the settings hold is found out here, once, not in each worker; it makes the secret they share too.
            build(settings, environment_of(Path.cwd()), local)
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="router-metrics-"))
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            _run_workers(settings)
        else:
            _run_one(settings, local)


def prepare(settings: Settings) -> None:
    """Make the data folder and the books, so that what is wrong with either is told before anything starts.

    Raises:
        SettingsWrong: One of them cannot be written.

    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as cause:
        raise SettingsWrong([f"ROUTER_DATA_DIR: {cause}; name a folder that can be written"]) from cause
    if not os.access(settings.data_dir, os.R_OK | os.W_OK | os.X_OK):
        raise SettingsWrong([f"ROUTER_DATA_DIR: {settings.data_dir} cannot be written; name a folder that can"])
    try:
        url = database_url_of(settings)
        if revision_of(url) != HEAD:
            _upgrade_apart(url)
        upgrade(url)
        if not is_postgres(url):
            check_writable(sqlite_path(url))
    except StorageError as cause:
        raise SettingsWrong([f"ROUTER_DATABASE_URL: {cause}"]) from cause


def _upgrade_apart(url: str) -> None:
    """Upgrade in a process of its own: the 24 MB that Alembic and SQLAlchemy take go with it.

    What fails there is tried again here, and told.
    """

    def attempt() -> None:
        with suppress(StorageError):
            upgrade(url)

    # This early there is one thread, so a fork is whole.
    apart = multiprocessing.get_context("fork").Process(target=attempt, name="upgrade")
    apart.start()
    apart.join()
    apart.close()


def start_local(settings: Settings, stack: ExitStack) -> LocalEndpoint | None:
    """Start the embedded models if they are on; the stack stops them.

    Beside a vendor's key and without `ROUTER_LOCAL=on` chat is left out, and nobody waits: of the others those are
    served that no provider that can be called has, and those that a setting names.
    """
    if settings.local == "off":
        return None
    environ = environment_of(Path.cwd())
    whole = settings.local == "on" or is_keyless(settings, environ)
    missing = missing_kinds(settings, environ)
    whisper = _whisper(settings) if whole or "transcription" in missing else None
    speaks = speaking.installed() and (whole or "speech" in missing)
    embeds = embeddings.installed() and (whole or settings.embeddings_model in {None, embeddings.MODEL})
    if not (whole or whisper or speaks or embeds):
        return None
    path, name = _chat_model(settings) if whole else (None, None)
    models = LocalModels(path, name, embeddings=embeds, whisper=whisper, speech=speaks)
    try:
        models.start() if whole else models.begin()
    except LocalModelError as cause:
        raise SettingsWrong([f"ROUTER_LOCAL: {cause}"]) from cause
    stack.callback(models.stop)
    return LocalEndpoint(
        base_url=models.base_url,
        api_key=models.api_key,
        model=name,
        embeddings=embeddings.MODEL if embeds else None,
        transcription=hearing.MODEL if whisper else None,
        speech=speaking.MODEL if speaks else None,
    )


def _whisper(settings: Settings) -> Path | None:
    """Return the folder of the transcription model, where it and its engine are installed."""
    return installed_whisper(settings.models_dir or default_models_dir()) if hearing.installed() else None


def _chat_model(settings: Settings) -> tuple[Path, str]:
    """Return the file and the name of the embedded chat model."""
    models_dir = settings.models_dir or default_models_dir()
    if settings.local_gguf is not None:
        return settings.local_gguf, settings.local_gguf.stem.lower()
    found = installed_chat(models_dir)
    if found is None:
        mend = "run `make setup`, set ROUTER_LOCAL_GGUF to a model file, or set a provider key and ROUTER_LOCAL=off"
        raise SettingsWrong([f"ROUTER_LOCAL: no embedded model in {models_dir.name}; {mend}"])
    return found.path, found.model


def _config(application: Front | str, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        cast("Any", application),
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        factory=isinstance(application, str),
        loop="uvloop",
        http=EdgeProtocol,
        ws="none",  # the edge upgrades by itself
        ws_max_size=MOST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=2 * PING_EVERY_S,  # behind a slow line a pong comes after what was sent before
        interface="asgi3",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_WITHIN_S,
    )


class Server(uvicorn.Server):
    """A server that says where it is once it listens."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        if self.started:
            announce(self._settings, self.servers[0].sockets[0].getsockname()[1])


def _run_one(settings: Settings, local: LocalEndpoint | None) -> None:
    house = build(settings, environment_of(Path.cwd()), local)
    server = Server(_config(create_app(house), settings), settings)
    server.run()
    if not server.started:
        raise SystemExit(1)


def _run_workers(settings: Settings) -> None:
    config = _config("router.app:from_environment", settings)
    listener = config.bind_socket()
    announce(settings, listener.getsockname()[1])
    Multiprocess(config, sockets=[listener]).run()


def announce(settings: Settings, port: int) -> None:
    """Print where the gateway is, and in development one curl that works as it stands."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{port}"
    sys.stdout.write(f"Routeur IA answers on {url}\n")
    if settings.development:
        token = f'$(curl -s -X POST {url}/auth/token | sed \'s/.*"access_token":"\\([^"]*\\)".*/\\1/\')'
        sys.stdout.write(
            f"curl -s {url}/completion -H 'Content-Type: application/json' "
            f'-H "Authorization: Bearer {token}" -d \'{{"message":"{QUESTION}"}}\'\n'
        )
    sys.stdout.flush()


def _exit(number: int, frame: FrameType | None) -> None:
    del number, frame
    sys.exit(0)
