"""The models folder: which data files lie there whole, checked once and remembered by a mark beside each."""

import hashlib
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from agents.local.weights import DataFile


class Mark(Struct, frozen=True):
    """A file that was hashed: it is not hashed again while its size and time stay the same."""

    sha256: str
    size: int
    mtime_ns: int


def default_models_dir() -> Path:
    """Return `$ROUTER_MODELS_DIR`, or the folder in the user's cache that all checkouts share."""
    chosen = os.environ.get("ROUTER_MODELS_DIR")
    if chosen:
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "routeur-ia" / "models"


def holds(folder: Path, file: DataFile) -> bool:
    """Tell whether `folder` has the published bytes of `file`; hashes it only when it is new or has changed."""
    path = folder / file.name
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    if _read_mark(path) == _mark_of(path, file.sha256):
        return True
    if sha256_of(path) != file.sha256:
        return False
    remember(path, file.sha256)
    return True


def remember(path: Path, sha256: str) -> None:
    """Leave the mark of a file whose hash is known; a folder that cannot be written to goes without."""
    with suppress(OSError):
        _mark_path(path).write_bytes(msgspec.json.encode(_mark_of(path, sha256)))


def sha256_of(path: Path) -> str:
    """Hash a file, in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def workspace(folder: Path) -> Generator[Path]:
    """Make a folder on the same disk as `folder`, so that a finished file moves into place in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as name:
        yield Path(name)


def _mark_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _mark_of(path: Path, sha256: str) -> Mark:
    stat = path.stat()
    return Mark(sha256, stat.st_size, stat.st_mtime_ns)


def _read_mark(path: Path) -> Mark | None:
    try:
        return msgspec.json.decode(_mark_path(path).read_bytes(), type=Mark)
    except (OSError, msgspec.DecodeError):
        return None
