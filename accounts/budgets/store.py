"""The budgets' SQL: what applies to a request, what is spent and held, and the rows themselves."""

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal

import msgspec
from msgspec import Struct

from accounts.budgets.budget import Budget, BudgetState, Kind, Scope, Unit, counters_of, window_id
from accounts.budgets.windows import Every, Window, window_at
from accounts.decimals import EXACT, ZERO, as_text, total
from accounts.errors import KeyUnknown, ProjectUnknown
from storage.script import Query, Rows, Script, Write, places
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
_HARD_MONTHS = (
    f"{_SELECT} WHERE scope = ? AND scope_id = ? AND unit = 'EUR' AND kind = 'hard' AND every = 'month' ORDER BY id"
)


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


def forget_empty() -> Script[None]:
    """Delete counters of which nothing is held: every window of every budget leaves one for each process."""
    yield Query("DELETE FROM holds WHERE amount = '0'")


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


def one(budget_id: str) -> Script[Budget | None]:
    """Return a budget."""
    if not can_be(budget_id):
        return None
    rows = yield Query(f"{_SELECT} WHERE id = ?", (budget_id,))
    return _budget(rows[0]) if rows else None


def one_to_change(budget_id: str) -> Script[Budget | None]:
    """Return a budget, kept from change by others."""
    if not can_be(budget_id):
        return None
    rows = yield Query(f"{_SELECT} WHERE id = ? ORDER BY id", (budget_id,), locks=True)
    return _budget(rows[0]) if rows else None


def hard_months(scope: Scope, scope_id: str) -> Script[list[Budget]]:
    """Return the hard monthly euro budgets of an owner, the tightest first."""
    rows = yield Query(_HARD_MONTHS, (scope, scope_id))
    return _tightest_first(rows)


def hard_months_to_change(scope: Scope, scope_id: str) -> Script[list[Budget]]:
    """Return the hard monthly euro budgets of an owner, the tightest first, kept from change by others."""
    rows = yield Query(_HARD_MONTHS, (scope, scope_id), locks=True)
    return _tightest_first(rows)


def _tightest_first(rows: Rows) -> list[Budget]:
    return sorted(map(_budget, rows), key=attrgetter("amount"))


def states(budgets: Collection[Budget], moment: datetime) -> Script[list[BudgetState]]:
    """Return the budgets in the windows of this moment, in the same order."""
    windows = [window_at(moment, budget.every, budget.timezone) for budget in budgets]
    pairs = list(zip(budgets, windows, strict=True))
    sums = yield from spent([window_id(budget.id, window) for budget, window in pairs])
    holds = yield from held({counter for budget, window in pairs for counter in counters_of(budget, window)})
    return [
        BudgetState(
            budget,
            sums[window_id(budget.id, window)],
            total(holds[counter] for counter in counters_of(budget, window)),
            window.closes_at,
        )
        for budget, window in pairs
    ]


def check_owner(scope: Scope, scope_id: str) -> Script[None]:
    """Refuse a project or key that does not exist.

    Raises:
        ProjectUnknown: There is no such project.
        KeyUnknown: There is no such key.

    """
    if scope == "organization":
        return
    table, unknown = ("projects", ProjectUnknown) if scope == "project" else ("keys", KeyUnknown)
    rows = yield Query(f"SELECT 1 FROM {table} WHERE id = ?", (scope_id if can_be(scope_id) else "",))  # noqa: S608 - names of ours
    if not rows:
        raise unknown(scope_id[:64], param="scope_id")


def can_be(text: str) -> bool:
    """Whether every database can hold a text; PostgreSQL knows no NUL."""
    return "\0" not in text


def former_counters(budget: Budget) -> Script[tuple[str, ...]]:
    """Return the counters of a budget, of any window, that requests hold now."""
    # An underscore matches any letter: what else was found is sorted out below.
    rows = yield Query("SELECT counter, amount FROM holds WHERE counter LIKE ? ORDER BY counter", (f"{budget.id}@%",))
    mine = {counter for counter, amount in rows if counter.startswith(f"{budget.id}@") and Decimal(amount)}
    return tuple(sorted(mine))


def drop(budget: Budget) -> Script[None]:
    """Remove a budget, its windows and what is held of it."""
    counters = yield from former_counters(budget)
    yield Write(DROP_BUDGET, [(budget.id,)])
    yield Write(DROP_WINDOWS, [(budget.id,)])
    if counters:
        yield Write(DROP_HOLDS, [(counter,) for counter in counters])


class Asked(Struct, frozen=True, kw_only=True):
    """Which budgets to list, in the order they were made or against it: those that have every value given.

    `after` is the one that the list begins behind; of those ahead of `before` the last ones come.
    """

    scope: Scope | None = None
    scope_id: str | None = None
    unit: Unit | None = None
    kind: Kind | None = None
    every: Every | None = None
    limit: int = 20
    after: str | None = None
    before: str | None = None
    order: Literal["asc", "desc"] = "asc"


def listed(asked: Asked) -> Script[tuple[list[Budget], bool]]:
    """Return budgets and whether there are more in that direction."""
    tests, values = ["1 = 1"], list[str]()
    for column in ("scope", "scope_id", "unit", "kind", "every"):
        value: str | None = getattr(asked, column)
        if value is not None:
            tests.append(f"{column} = ?")
            values.append(value)
    if not all(map(can_be, (*values, asked.after or "", asked.before or ""))):
        return [], False
    ahead, behind = ("<", ">") if asked.order == "asc" else (">", "<")
    for sign, cursor in ((behind, asked.after), (ahead, asked.before)):
        if cursor is not None:
            tests.append(f"(created_at, id) {sign} (SELECT created_at, id FROM budgets WHERE id = ?)")  # noqa: S608 - ours
            values.append(cursor)
    # What is just ahead of a budget is read from there backwards, and turned round.
    backwards = asked.before is not None and asked.after is None
    way = "DESC" if (asked.order == "desc") != backwards else "ASC"
    order = f"ORDER BY created_at {way}, id {way} LIMIT {asked.limit + 1}"
    rows = yield Query(f"{_SELECT} WHERE {' AND '.join(tests)} {order}", tuple(values))
    found = [_budget(row) for row in rows[: asked.limit]]
    return (found[::-1] if backwards else found), len(rows) > asked.limit
