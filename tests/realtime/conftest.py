"""Fixtures: a gateway where anybody on this machine may talk, and one of production."""

from collections.abc import Callable

import pytest

from tests.admin import ADMIN_KEY
from tests.gateway import SECRET, Gateway, vendors
from tests.http.accounts import Administrator, Caller
from tests.upstream import Upstream

PAGE = "https://app.example.org"
PEPPER = "Pk3-acceptance-pepper-of-the-sockets-000000000000001"


@pytest.fixture(scope="session")
def open_house(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    return gateway_with(**vendors(upstream), ROUTER_ADMIN_KEY=ADMIN_KEY, ROUTER_JWT_SECRET=SECRET)


@pytest.fixture(scope="session")
def host(open_house: Gateway) -> Administrator:
    return Administrator(open_house, ADMIN_KEY)


@pytest.fixture(scope="session")
def production(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    settings = {"ROUTER_ENVIRONMENT": "production", "ROUTER_JWT_SECRET": SECRET, "ROUTER_ADMIN_KEY": ADMIN_KEY}
    return gateway_with(**vendors(upstream), **settings, ROUTER_KEY_PEPPER=PEPPER, ROUTER_ORIGINS=PAGE)


@pytest.fixture(scope="session")
def doorkeeper(production: Gateway) -> Administrator:
    return Administrator(production, ADMIN_KEY)


@pytest.fixture(scope="session")
def key(doorkeeper: Administrator) -> str:
    """A key of production."""
    return doorkeeper.key("proj-default")["value"]


@pytest.fixture(scope="session")
def jwt(production: Gateway, key: str) -> str:
    """A token made from it."""
    return Caller(production, key, "x-api-key").made("/auth/token", None)["access_token"]
