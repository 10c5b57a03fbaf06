"""Fixtures of the accounts: an honest vendor, three replicas over PostgreSQL, two workers over SQLite."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tests.accounts.honest as _honest  # noqa: F401 - it teaches the faulty upstream the scenario of this name
from tests.faults.served import PATIENT, model, provider, served
from tests.faults.upstream import FaultyUpstream
from tests.gateway import Gateway, environment
from tests.replicas import SHARED, Replicas
from tests.servers import PostgresServer, ValkeyServer

MODELS = {"my-honest": "honest", "my-broken": "honest", "my-ok": "ok", "my-brisk": "brisk", "my-hang": "hang"}
FREE = """
[[model]]
name = "my-free"
provider = "with-my-ok"
upstream = "ok"
context_window = 8000
description = "Costs no euro"
[model.price]
currency = "EUR"
input = 0
output = 0
[model.carbon]
watts = 10
"""


@pytest.fixture(scope="session")
def vendor() -> Iterator[FaultyUpstream]:
    with served() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def gateway_in(tmp_path_factory: pytest.TempPathFactory, vendor: FaultyUpstream) -> Iterator[Callable[..., Gateway]]:
    """Make gateways, not started, with a model of each kind."""
    made: list[Gateway] = []
    rows = [
        provider(f"with-{name}", vendor.base_url, PATIENT) + model(name, f"with-{name}", scenario)
        for name, scenario in MODELS.items()
    ]
    toml = "".join(rows) + FREE

    def make(**settings: str) -> Gateway:
        folder: Path = tmp_path_factory.mktemp("replica")
        (folder / "router.toml").write_text(toml)
        gateway = Gateway(folder, environment(folder, **SHARED | settings))
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.process.kill()
            gateway.process.wait()


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that nobody else stops: the replicas over it live as long as the tests."""
    server = PostgresServer()
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def own_valkey() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def trio(gateway_in: Callable[..., Gateway], own_postgres: PostgresServer) -> Iterator[Replicas]:
    """Three replicas over PostgreSQL."""
    url = own_postgres.fresh()
    with Replicas.running(lambda: gateway_in(ROUTER_DATABASE_URL=url), 3, shared_database=True) as replicas:
        yield replicas


@pytest.fixture(scope="session")
def trio_with_valkey(
    gateway_in: Callable[..., Gateway], own_postgres: PostgresServer, own_valkey: ValkeyServer
) -> Iterator[Replicas]:
    """Three replicas over PostgreSQL that share their rates in Valkey."""
    settings = {"ROUTER_DATABASE_URL": own_postgres.fresh(), "ROUTER_VALKEY_URL": own_valkey.url}
    with Replicas.running(lambda: gateway_in(**settings), 3, shared_database=True) as replicas:
        yield replicas


@pytest.fixture(scope="session")
def pair(gateway_in: Callable[..., Gateway]) -> Iterator[Replicas]:
    """One gateway of two workers over SQLite."""
    with Replicas.running(lambda: gateway_in(ROUTER_WORKERS="2"), 1, shared_database=False) as replicas:
        yield replicas
