"""The budgets' SQL: what applies to a request, what is spent and held, and the rows themselves."""

from collections.abc import Collection, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from accounts.budgets import Budget, Scope, window_id
from accounts.decimals import EXACT, ZERO, as_text
from accounts.windows import Window
from storage.script import Query, Script, places
from storage.statement import Row, delete_from, upsert

COLUMNS = (
    *("id", "scope", "scope_id", "unit", "amount", "every", "kind", "timezone", "emails", "created_at"),
    *("currency", "quoted", "subject_prefix", "former"),
)
PUT_BUDGET = upsert("budgets", COLUMNS, key=1, rank=2)
PUT_WINDOW = upsert("budget_windows", ("id", "budget_id", "opens_at", "closes_at", "spent"), key=1, rank=2)
PUT_HOLD = upsert("holds", ("counter", "owner", "amount"), key=2, rank=2)
DROP_BUDGET = delete_from("budgets", "id", rank=3)
DROP_WINDOWS = delete_from("budget_windows", "budget_id", rank=3)
DROP_HOLDS = delete_from("holds", "counter", rank=3)

_SELECT = f"SELECT {','.join(COLUMNS)} FROM budgets"  # noqa: S608 - names of ours, never input


def matching(project_ids: Collection[str], key_ids: Collection[str]) -> Script[list[Budget]]:
    """Return every budget of the organisation, of these projects and of these keys, by id, kept from change."""
    owners: set[tuple[Scope, str]] = {("organization", "")}
    owners |= {("project", project_id) for project_id in project_ids}
    owners |= {("key", key_id) for key_id in key_ids}
    ids = sorted({scope_id for _, scope_id in owners})
    rows = yield Query(f"{_SELECT} WHERE scope_id IN ({places(len(ids))}) ORDER BY id", tuple(ids), locks=True)
    # Whoever names projects may give one the id of a key.
    return [budget for budget in map(_budget, rows) if (budget.scope, budget.scope_id) in owners]


def spent(window_ids: Collection[str]) -> Script[dict[str, Decimal]]:
    """Return what was spent in each of these windows, 0 for one that nobody wrote yet."""
    ids = sorted(set(window_ids))
    rows = yield Query(f"SELECT id, spent FROM budget_windows WHERE id IN ({places(len(ids))})", tuple(ids))  # noqa: S608 - placeholders
    return dict.fromkeys(ids, ZERO) | {identity: Decimal(amount) for identity, amount in rows}


def held(counters: Collection[str]) -> Script[dict[str, Decimal]]:
    """Return what all processes together hold of each of these counters, 0 where none does."""
    names = sorted(set(counters))
    rows = yield Query(f"SELECT counter, amount FROM holds WHERE counter IN ({places(len(names))})", tuple(names))  # noqa: S608 - placeholders
    sums = dict.fromkeys(names, ZERO)
    for counter, amount in rows:
        sums[counter] = EXACT.add(sums[counter], Decimal(amount))
    return sums


def window_row(budget: Budget, window: Window, amount: Decimal) -> Row:
    """Return the row of PUT_WINDOW that says how much was spent in a window."""
    return (
        window_id(budget.id, window),
        budget.id,
        window.opens_at.isoformat(timespec="microseconds"),
        window.closes_at.isoformat(timespec="microseconds"),
        as_text(amount),
    )


def budget_row(budget: Budget) -> Row:
    """Return the row of PUT_BUDGET."""
    return (
        *(budget.id, budget.scope, budget.scope_id, budget.unit, as_text(budget.amount), budget.every, budget.kind),
        *(budget.timezone, _json(budget.emails), budget.created_at.isoformat(timespec="microseconds")),
        *(budget.currency, None if budget.quoted is None else as_text(budget.quoted), budget.subject_prefix),
        _json(budget.former) if budget.former else None,
    )


def _budget(row: tuple[Any, ...]) -> Budget:
    return _read(*row)


# Read for every request that is let in, and nearly always the same.
@lru_cache(maxsize=4096)
def _read(*row: str | None) -> Budget:
    fields: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    fields["former"] = fields["former"] or "[]"
    for name in ("emails", "former"):
        fields[name] = msgspec.json.decode(fields[name], type=tuple[str, ...])
    return msgspec.convert(fields, Budget)


def _json(texts: Iterable[str]) -> str:
    return msgspec.json.encode(list(texts)).decode()
