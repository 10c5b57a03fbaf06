"""Fixtures: a gateway whose accounts tests may change, one whose budgets, and whoever does either."""

from collections.abc import Callable, Iterator

import pytest

from tests.admin import ADMIN_KEY, BUDGETS, Admin
from tests.gateway import SECRET, Gateway, vendors
from tests.http.accounts import Administrator, admin_key
from tests.http.sitting import boardroom_files
from tests.upstream import Upstream


@pytest.fixture(scope="session")
def house(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    return gateway_with(**vendors(upstream))


@pytest.fixture(scope="session")
def admin(house: Gateway) -> Administrator:
    return Administrator(house, admin_key(house))


@pytest.fixture(scope="session")
def archive(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """A gateway that reads documents, with the fake vendor's embeddings."""
    return gateway_with(**vendors(upstream), ROUTER_EMBEDDINGS_MODEL="text-embedding-3-small")


@pytest.fixture(scope="session")
def archivist(archive: Gateway) -> Administrator:
    return Administrator(archive, admin_key(archive))


@pytest.fixture(scope="session")
def budgeted(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    return gateway_with(**vendors(upstream), ROUTER_JWT_SECRET=SECRET, ROUTER_ADMIN_KEY=ADMIN_KEY)


@pytest.fixture
def treasurer(budgeted: Gateway) -> Iterator[Admin]:
    """Whoever sets the budgets, and leaves none behind."""
    treasurer = Admin(budgeted)
    yield treasurer
    for budget in treasurer.listed(limit=100):
        treasurer.call("DELETE", f"{BUDGETS}/{budget['id']}")


@pytest.fixture(scope="session")
def ears() -> Iterator[Upstream]:
    """A vendor that nobody but meetings asks: what it hears is told by the meeting of each test."""
    with Upstream() as server:
        yield server


@pytest.fixture(scope="session")
def boardroom(gateway_with: Callable[..., Gateway], ears: Upstream) -> Gateway:
    """A gateway whose meetings are heard in parts of seconds."""
    return gateway_with(boardroom_files(ears), **vendors(ears), ROUTER_MEETING_MODEL="short-ears")


@pytest.fixture(scope="session")
def chair(boardroom: Gateway) -> Administrator:
    return Administrator(boardroom, admin_key(boardroom))
