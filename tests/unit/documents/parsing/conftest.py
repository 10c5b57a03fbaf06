"""A parser that reads bytes, shared by the tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.documents.parsing.reader import Reader


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with Reader(tmp_path_factory.mktemp("uploads")) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
