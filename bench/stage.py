"""The stage of a run: upstream and load on one core, the services on the other, all on loopback and ended with it."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import msgspec
from machine import memory_mb, on_core, own_memory_mb, processor
from targets import Target

HERE = Path(__file__).parent
START_SECONDS = 30
STOP_SECONDS = 15
OK = 200


class StageError(RuntimeError):
    """Something on the stage did not start or did not end."""


@dataclass(frozen=True)
class Measure:
    """One load: what is asked, by how many at once, and its bounds."""

    name: str
    connections: int
    seconds: float
    model: str = "bench-fast"
    stream: bool = False
    requests: int = 1_000_000
    spread_ms: float = 0
    late_ms: float = 50


@dataclass(frozen=True)
class Running:
    """A service that answers; `pid` is None for upstream itself, whose cost is nobody's."""

    target: Target
    port: int
    pid: int | None
    directory: Path
    start_seconds: float | None = None

    def environment(self) -> dict[str, str]:
        """Return what the service was started with: nothing of ours but the path and the home."""
        ours = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        filled = {k: v.replace("{dir}", str(self.directory)) for k, v in self.target.environment.items()}
        return {**ours, **filled}

    def memory_mb(self) -> float | None:
        """Return the service's memory now."""
        return memory_mb(self.pid) if self.pid else None

    def own_memory_mb(self) -> float:
        """Return the memory of its own, in MB; 0 for a target without a process."""
        return own_memory_mb(self.pid) if self.pid else 0.0


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def upstream(*settings: str) -> Iterator[int]:
    """Run the fake upstream; yield its port."""
    port = free_port()
    command = on_core(0, [sys.executable, str(HERE / "upstream.py"), "--port", str(port), *settings])
    process = subprocess.Popen(command)
    try:
        _await_health(port, process, OK)
        yield port
    finally:
        _end(process)


@contextmanager
def running(target: Target, upstream_port: int) -> Iterator[Running]:
    """Run `target` in a folder of its own; yield it when it answers /health."""
    with TemporaryDirectory(prefix=f"bench-{target.name}-") as folder:
        directory = Path(folder)
        if not target.command:
            yield Running(target, upstream_port, None, directory)
            return
        port = free_port()
        known = {
            "{dir}": folder,
            "{port}": str(port),
            "{upstream}": f"http://127.0.0.1:{upstream_port}/v1",
            "{upstream_address}": f"127.0.0.1:{upstream_port}",
        }
        for name, text in target.files.items():
            (directory / name).write_text(_fill(text, known))
        command = on_core(1, [_fill(word, known) for word in target.command])
        environment = Running(target, port, None, directory).environment()
        for words in target.before:
            filled = [_fill(word, known) for word in words]
            subprocess.run(filled, env=environment, cwd=directory, stdout=subprocess.DEVNULL, check=True)
        with (directory / "log").open("wb") as log:
            started = time.perf_counter()
            process = subprocess.Popen(command, env=environment, cwd=directory, stdout=log, stderr=subprocess.STDOUT)
        try:
            if target.port_file:
                port = _await_address(directory / target.port_file, process)
            _await_health(port, process, target.health, directory / "log")
            yield Running(target, port, process.pid, directory, time.perf_counter() - started)
        finally:
            _end(process)
            if process.returncode not in {0, -15}:
                print(f"{target.name} ended with {process.returncode}", file=sys.stderr)


def load(service: Running, measure: Measure) -> dict:
    """Put one load on `service`; return its figures, with what it cost the service."""
    target = service.target
    words = {
        "port": service.port,
        "path": target.path,
        "shape": target.shape,
        "model": target.model_prefix + measure.model,
        "connections": measure.connections,
        "requests": measure.requests,
        "seconds": measure.seconds,
        "spread-ms": measure.spread_ms,
        "late-ms": measure.late_ms,
    }
    command = [sys.executable, str(HERE / "load.py"), *(f"--{name}={value}" for name, value in words.items())]
    command += [f"--header={header}" for header in target.headers] + ["--stream"] * measure.stream
    before = processor(service.pid) if service.pid else None
    ran = subprocess.run(on_core(0, command), stdout=subprocess.PIPE, check=True)
    found = json.loads(ran.stdout)
    if service.pid is None or before is None:
        return found
    after = processor(service.pid)
    waited = (after.waited - before.waited) / 1e9 / found["seconds"]
    return {**found, "cpu_ns": after.since(before), "waited": waited}


class Row(msgspec.Struct):
    """What the bench reads of a row of the books."""

    status: str
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True)
class Books:
    """The ledger in three counts."""

    rows: int
    settled: int
    tokens: int


def books(service: Running) -> Books:
    """Return the counts of the service's ledger, read by its own command."""
    ran = subprocess.run(
        service.target.books, env=service.environment(), cwd=service.directory, stdout=subprocess.PIPE, check=True
    )
    rows = msgspec.json.Decoder(Row).decode_lines(ran.stdout)
    settled = [row for row in rows if row.status == "ok"]
    tokens = sum((row.input_tokens or 0) + (row.output_tokens or 0) for row in settled)
    return Books(len(rows), len(settled), tokens)


def served(port: int) -> dict[str, float]:
    """Return upstream's own count of what it did."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/served")
    return json.loads(connection.getresponse().read())


def _fill(text: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(name, value)
    return text


def _await_address(path: Path, process: subprocess.Popen[bytes]) -> int:
    for _ in _patiently(process, path.with_name("log")):
        if path.exists():
            return urlsplit(path.read_text()).port or 80
    raise AssertionError


def _await_health(port: int, process: subprocess.Popen[bytes], status: int, log: Path | None = None) -> None:
    for _ in _patiently(process, log):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == status:
                return
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()


def _patiently(process: subprocess.Popen[bytes], log: Path | None) -> Iterator[None]:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        yield
        time.sleep(0.005)
    said = log.read_text(errors="replace")[-2000:] if log else ""
    raise StageError(f"{process.args} did not start: {said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"{process.args} did not end on request", file=sys.stderr)
        process.kill()
        process.wait()
