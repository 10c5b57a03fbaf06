"""Fixtures: one gateway whose keys and projects tests may change, and whoever administers it."""

from collections.abc import Callable

import pytest

from tests.gateway import Gateway, vendors
from tests.http.accounts import Administrator, admin_key
from tests.upstream import Upstream


@pytest.fixture(scope="session")
def house(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    return gateway_with(**vendors(upstream))


@pytest.fixture(scope="session")
def admin(house: Gateway) -> Administrator:
    return Administrator(house, admin_key(house))
