"""Replicas killed under load: what was answered is in the books once, and what the dead held is given back."""

import asyncio
import random
import re
from collections.abc import Callable

import pytest

from tests.accounts.accounting import assert_booked_once, spent_by, statuses
from tests.accounts.honest import text_of
from tests.accounts.ordeal import Harm, Ordeal, endured, killing_replicas, killing_workers
from tests.faults.served import figure, until
from tests.faults.upstream import FaultyUpstream
from tests.replicas import LEASE_S, Key, Replicas

ALLOWED_AFTER_LEASE_S = 5.0
AMPLE, TIGHT = "1000", "0.05"

Killing = Callable[[Replicas, int], Harm]


def survive(
    replicas: Replicas, vendor: FaultyUpstream, harm: Harm, patience_s: float, limit: str = AMPLE
) -> tuple[Key, Ordeal]:
    """Do harm under load; check the books and what is held."""
    seed = random.randrange(10_000)
    admin = replicas.admin
    key = admin.key(name=f"ordeal {seed}")
    budget = admin.budget(limit, scope="project", scope_id=key.project)

    ordeal = asyncio.run(endured(replicas, key, budget, harm, seed))
    released_s = until(lambda: admin.figures(budget["id"]).reserved == 0, patience_s)

    rows = replicas.rows_of(key.project)
    seen = {found for request in vendor.requests for found in re.findall(rf"ordeal{seed}-\S+", text_of(request))}
    figure(
        f"seed {seed}: {len(ordeal.told)} requests, {sum(told.answered for told in ordeal.told)} answered, rows "
        f"{statuses(rows)}; nothing reserved {released_s:.1f} s after the last; looked {ordeal.watch.looks}"
    )
    assert ordeal.watch.broken == []
    assert_booked_once(ordeal.told, rows)
    assert len(rows) >= len(seen)
    assert statuses(rows).get("unknown", 0) > 0
    assert admin.figures(budget["id"]).spent == spent_by(rows, "EUR")
    assert replicas.complaints() == []
    admin.drop_budget(budget["id"])
    return key, ordeal


def codes_of(ordeal: Ordeal) -> set[tuple[int | None, str | None]]:
    return {(told.status, told.code) for told in ordeal.told if told.answer is not None}


# Must-show 2.
def test_ten_kills_of_replicas_lose_nothing_and_hold_nothing(trio: Replicas, vendor: FaultyUpstream) -> None:
    _, ordeal = survive(trio, vendor, killing_replicas(trio, 10), LEASE_S + ALLOWED_AFTER_LEASE_S)

    assert codes_of(ordeal) <= {(200, None), (503, "overloaded")}


@pytest.mark.parametrize("killing", [killing_replicas, killing_workers], ids=["gateway", "worker"])
def test_kills_over_sqlite_give_back_at_once(pair: Replicas, vendor: FaultyUpstream, killing: Killing) -> None:
    _, ordeal = survive(pair, vendor, killing(pair, 2), ALLOWED_AFTER_LEASE_S)

    assert codes_of(ordeal) <= {(200, None), (503, "overloaded")}


@pytest.mark.prove
def test_kills_while_the_budget_binds_overspend_nothing(trio: Replicas, vendor: FaultyUpstream) -> None:
    _, ordeal = survive(trio, vendor, killing_replicas(trio, 20), LEASE_S + ALLOWED_AFTER_LEASE_S, TIGHT)

    assert (429, "budget_exceeded_eur") in codes_of(ordeal)


@pytest.mark.prove
def test_a_hundred_kills_of_replicas_lose_nothing_and_hold_nothing(trio: Replicas, vendor: FaultyUpstream) -> None:
    survive(trio, vendor, killing_replicas(trio, 100), LEASE_S + ALLOWED_AFTER_LEASE_S)


@pytest.mark.prove
@pytest.mark.parametrize("killing", [killing_replicas, killing_workers], ids=["gateway", "worker"])
def test_a_hundred_kills_over_sqlite_give_back_at_once(
    pair: Replicas, vendor: FaultyUpstream, killing: Killing
) -> None:
    survive(pair, vendor, killing(pair, 100), ALLOWED_AFTER_LEASE_S)
