"""A decoder that decodes bytes, shared by the tests of a file."""

from collections.abc import Iterator

import pytest

from tests.audio.hearer import Hearer


@pytest.fixture(scope="module")
def hearer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearer]:
    with Hearer(tmp_path_factory.mktemp("heard")) as opened:
        yield opened


@pytest.fixture
def decodes_on(hearer: Hearer) -> Iterator[None]:
    """After the test as before it, a good file is decoded, by the same process, and no fork is left."""
    hearer.is_well()
    yield
    assert hearer.is_well()
