"""Fixtures: one fake vendor and one gateway for the whole run, others on demand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway import OLD_SECRET, SECRET, Client, Gateway, environment, vendors
from tests.upstream import Upstream


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "prove: takes long; runs in `make prove` (pytest -m prove) only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("prove")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture(scope="session")
def gateway_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Gateway]]:
    """Start gateways with settings of their own; each must end with exit code 0 when it is told to stop."""
    started: list[Gateway] = []

    def start(files: dict[str, str] | None = None, **settings: str) -> Gateway:
        folder = tmp_path_factory.mktemp("gateway")
        for name, text in (files or {}).items():
            (folder / name).write_text(text)
        gateway = Gateway(folder, environment(folder, **settings))
        started.append(gateway)
        gateway.start()
        return gateway

    yield start
    for gateway in started:
        if gateway.process is not None and gateway.process.poll() is None:
            assert gateway.stop() == 0, gateway.log


@pytest.fixture(scope="session")
def gateway(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """The gateway most tests share: both vendors, known secrets, nothing else."""
    secrets = {"ROUTER_JWT_SECRET": SECRET, "ROUTER_JWT_KEYS": f"old={OLD_SECRET}"}
    return gateway_with(**vendors(upstream), **secrets)


@pytest.fixture(scope="session")
def token(gateway: Gateway) -> str:
    return gateway.token()


@pytest.fixture(scope="session")
def client(gateway: Gateway, token: str) -> Client:
    return Client(gateway, token)


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    """The environment of a gateway that has nothing set."""
    return environment(tmp_path)
