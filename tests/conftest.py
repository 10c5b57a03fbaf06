"""Fixtures: one fake vendor and one gateway for the whole run, others on demand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.gateway import OLD_SECRET, SECRET, Client, Gateway, environment, vendors
from tests.servers import PostgresServer, ValkeyServer
from tests.upstream import MISTRAL_KEY, Upstream


def pytest_configure(config: pytest.Config) -> None:
    # A shared processor may pause any example for longer than Hypothesis waits; what is slow has a bound of its own.
    hypothesis.settings.register_profile("house", deadline=None)
    hypothesis.settings.load_profile("house")
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
def _postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def postgres(_postgres: PostgresServer) -> PostgresServer:
    """A PostgreSQL that runs now; a test may stop and start it."""
    _postgres.start()
    return _postgres


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """An empty database of that PostgreSQL."""
    url = postgres.fresh()
    yield url
    postgres.start()
    postgres.drop(url)


@pytest.fixture
def postgres_url_at_head(postgres: PostgresServer) -> Iterator[str]:
    """A database at head of that PostgreSQL."""
    url = postgres.at_head()
    yield url
    postgres.start()
    postgres.drop(url)


@pytest.fixture(scope="session")
def _valkey() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    yield server
    server.close()


@pytest.fixture
def valkey(_valkey: ValkeyServer) -> ValkeyServer:
    """An empty Valkey that runs now; a test may stop and start it."""
    _valkey.start()
    _valkey.flush()
    return _valkey


@pytest.fixture
def valkey_url(valkey: ValkeyServer) -> str:
    """The URL of that Valkey."""
    return valkey.url


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


ROUTER_TOML = """
[[provider]]
name = "cluster"
kind = "openai"
base_url = "{openai}"
zone = "FRA"
pue = 1.2
[provider.timeouts]
connect = 1
first_byte = 1
idle = 1
total = 3

[[provider]]
name = "nowhere"
kind = "openai"
base_url = "http://127.0.0.1:1/v1"

[[provider]]
name = "second-mistral"
kind = "mistral"
base_url = "{mistral}"
api_key_env = "SECOND_MISTRAL_KEY"

[[model]]
name = "llama-cluster"
aliases = ["llama"]
provider = "cluster"
upstream = "meta-llama/Llama-3.1-8B-Instruct"
context_window = 128000
description = "Our own Llama"
price_of = "gpt-4o"
ecologits = "openai/gpt-4o"

[[model]]
name = "priced-here"
provider = "second-mistral"
context_window = 32000
description = "A price and an architecture of its own"
[model.price]
currency = "EUR"
input = 1.5
output = 7.5
cached_input = 0.15
[model.carbon]
active_params_b = 8
total_params_b = 47

[[model]]
name = "dark"
provider = "cluster"
context_window = 8000
description = "Its carbon is stated as unknown"
price_of = "gpt-4o"
carbon = "unknown"

[[model]]
name = "unreachable"
provider = "nowhere"
context_window = 8000
description = "Nobody listens there"
price_of = "gpt-4o"
ecologits = "openai/gpt-4o"
"""


@pytest.fixture(scope="session")
def configured(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """A gateway with a `router.toml` (C-4) and a `.env`, one vendor's key missing, and `/metrics` closed."""
    toml = ROUTER_TOML.format(openai=upstream.openai_url, mistral=upstream.mistral_url)
    dotenv = "ROUTER_METRICS_TOKEN=metrics-token-of-the-tests\nOPENAI_API_KEY=the-environment-wins-over-this\n"
    files = {"router.toml": toml, ".env": dotenv}
    keys = {name: value for name, value in vendors(upstream).items() if name != "MISTRAL_API_KEY"}
    return gateway_with(files, **keys, SECOND_MISTRAL_KEY=MISTRAL_KEY)


@pytest.fixture(scope="session")
def configured_client(configured: Gateway) -> Client:
    return Client(configured, configured.token())


@pytest.fixture(scope="session")
def embedded(gateway_with: Callable[..., Gateway]) -> Gateway:
    """A gateway without any vendor's key, which the embedded models answer for."""
    return gateway_with(ROUTER_LOCAL="auto")
