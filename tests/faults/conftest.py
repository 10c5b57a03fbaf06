"""Fixtures of the faults: the faulty upstream, and gateways on which nothing but the test ends a call."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.served import alone, served
from tests.faults.upstream import FaultyUpstream
from tests.gateway import Gateway

SCENARIOS = ("ok", "brisk", "paced", "lasting", "flood", "hang")


@pytest.fixture(scope="module")
def faulty() -> Iterator[FaultyUpstream]:
    with served() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def fresh(gateway_with: Callable[..., Gateway], faulty: FaultyUpstream) -> Callable[..., Gateway]:
    """Start a gateway of the test's own, whose models are `my-` and the name of a scenario."""
    rows = "".join(alone(f"my-{name}", faulty.base_url, name) for name in SCENARIOS)
    toml = rows.replace("0.8", "120").replace("2.5", "600")
    return lambda **settings: gateway_with({"router.toml": toml}, **settings)
