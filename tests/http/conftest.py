"""A gateway whose budgets its admin sets, and the admin, who leaves none behind."""

from collections.abc import Callable, Iterator

import pytest

from tests.admin import ADMIN_KEY, BUDGETS, Admin
from tests.gateway import SECRET, Gateway, vendors
from tests.upstream import Upstream


@pytest.fixture(scope="session")
def budgeted(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    return gateway_with(**vendors(upstream), ROUTER_JWT_SECRET=SECRET, ROUTER_ADMIN_KEY=ADMIN_KEY)


@pytest.fixture
def admin(budgeted: Gateway) -> Iterator[Admin]:
    admin = Admin(budgeted)
    yield admin
    for budget in admin.listed(limit=100):
        admin.call("DELETE", f"{BUDGETS}/{budget['id']}")
