"""Databases at head for tests that are not about how they come there: copied, for making one takes a while."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from storage.migrations import upgrade


def file_at_head(path: Path) -> Path:
    """Put a database at head at `path`."""
    shutil.copyfile(Path(_made_once().name) / "router.db", path)
    return path


@cache
def _made_once() -> TemporaryDirectory[str]:
    # It goes when the process ends, and its folder with it.
    folder = TemporaryDirectory(prefix="router-head-")
    upgrade(f"sqlite:///{folder.name}/router.db")
    return folder
