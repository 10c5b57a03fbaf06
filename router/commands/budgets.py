"""`router budgets`: list, create, show, change and delete budgets, beside a running gateway or without one."""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from cyclopts import App

from router.process import on_database, refuse, settings_of_process

if TYPE_CHECKING:
    from accounts.budgets.budget import BudgetState
    from accounts.budgets.budgets import Budgets

T = TypeVar("T")
Scope = Literal["organization", "project", "key"]
Unit = Literal["EUR", "gCO2e"]
Every = Literal["day", "month"]
Kind = Literal["hard", "soft"]

app = App(name="budgets", help="What may be spent in euros and grams of CO2e, by whom and in which window.")


@app.command(name="list")
def list_(
    *,
    scope: Scope | None = None,
    scope_id: str | None = None,
    unit: Unit | None = None,
    kind: Kind | None = None,
    json: bool = False,
) -> None:
    """List budgets, oldest first, with what is spent, reserved and left in their current windows.

    Parameters
    ----------
    scope
        Only those of this scope.
    scope_id
        Only those of this project or key.
    unit
        Only those in this unit.
    kind
        Only hard or soft ones.
    json
        One JSON object a line.

    """
    from accounts.budgets.store import Asked  # noqa: PLC0415 - `--help` must be quick

    asked = Asked(scope=scope, scope_id=scope_id, unit=unit, kind=kind, limit=sys.maxsize - 1)
    states = _run(lambda budgets: budgets.list(asked)).states
    _print(states, json=json)


@app.command
def create(  # noqa: PLR0913 - one an option of the command
    *,
    unit: Unit,
    limit: str,
    window: Every,
    scope: Scope = "organization",
    scope_id: str | None = None,
    kind: Kind = "hard",
    email: tuple[str, ...] = (),
    timezone: str | None = None,
    json: bool = False,
) -> None:
    """Make a budget; it is in force in every process when this ends.

    Parameters
    ----------
    unit
        Euros or grams of CO2 equivalent.
    limit
        How much in each window, a decimal number.
    window
        Calendar day or month.
    scope
        Whose requests count.
    scope_id
        The id of the project or key.
    kind
        A hard budget refuses what could pass it, a soft one sends e-mails.
    email
        Whom to tell; give it several times for several.
    timezone
        Whose days and months: an IANA name, ROUTER_TIMEZONE if none is given.
    json
        Print a JSON object.

    """
    from accounts.budgets.budget import NewBudget  # noqa: PLC0415 - `--help` must be quick

    fields = {"unit": unit, "limit": limit, "window": window, "scope": scope, "kind": kind, "emails": email}
    new = _stated(NewBudget, fields | {"scope_id": scope_id, "timezone": timezone})
    _print([_run(lambda budgets: budgets.create(new))], json=json)


@app.command
def show(budget: str, *, json: bool = False) -> None:
    """Show one budget.

    Parameters
    ----------
    budget
        Its id.
    json
        Print a JSON object.

    """
    _print([_run(lambda budgets: budgets.get(budget))], json=json)


@app.command
def change(
    budget: str,
    *,
    limit: str | None = None,
    window: Every | None = None,
    kind: Kind | None = None,
    email: tuple[str, ...] | None = None,
    timezone: str | None = None,
    json: bool = False,
) -> None:
    """Change a budget; what is not given stays.

    Parameters
    ----------
    budget
        Its id.
    limit
        How much in each window, a decimal number.
    window
        Calendar day or month; what was spent is then summed anew.
    kind
        Hard or soft.
    email
        Whom to tell instead; give it several times for several.
    timezone
        Whose days and months, an IANA name.
    json
        Print a JSON object.

    """
    from accounts.budgets.budget import BudgetChange  # noqa: PLC0415 - `--help` must be quick

    given = {"limit": limit, "window": window, "kind": kind, "emails": email, "timezone": timezone}
    wanted = _stated(BudgetChange, {name: value for name, value in given.items() if value is not None})
    _print([_run(lambda budgets: budgets.change(budget, wanted))], json=json)


@app.command
def delete(budget: str, *, json: bool = False) -> None:
    """Remove a budget; it stops nobody when this ends.

    Parameters
    ----------
    budget
        Its id.
    json
        Print a JSON object.

    """
    _run(lambda budgets: budgets.delete(budget))
    sys.stdout.write(f'{{"id":"{budget}","deleted":true}}\n' if json else f"{budget} is deleted\n")


def _stated(kind: type[T], fields: dict[str, Any]) -> T:
    import msgspec  # noqa: PLC0415 - `--help` must be quick

    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as cause:
        fault, _, field = str(cause).rstrip("`").partition(" - at `$.")
        refuse([f"--{field}: {fault}"])


def _run(work: "Callable[[Budgets], Awaitable[T]]") -> T:
    """Do something with the budgets."""
    from accounts.budgets.budgets import Budgets  # noqa: PLC0415 - `--help` must be quick

    settings = settings_of_process()
    return on_database(settings, lambda database: work(Budgets(database, settings.timezone)))


def _print(states: "list[BudgetState]", *, json: bool) -> None:
    from router.framing import in_full  # noqa: PLC0415 - `--help` must be quick
    from router.routes.budgets import view_of  # noqa: PLC0415 - same reason

    for state in states:
        sys.stdout.write(in_full(view_of(state)).decode() + "\n" if json else _told(state) + "\n")


def _told(state: "BudgetState") -> str:
    from accounts.decimals import as_text  # noqa: PLC0415 - `--help` must be quick

    budget = state.budget
    limit, spent, reserved, left = map(as_text, (budget.amount, state.spent, state.reserved, state.remaining))
    whose = budget.scope_id or budget.scope
    figures = f"spent {spent}  reserved {reserved}  left {left}"
    window = f"{budget.every} of {budget.timezone}, until {state.resets_at.isoformat(timespec='minutes')}"
    return f"{budget.id}  {budget.kind}  {whose}  {limit} {budget.unit}  {figures}  {window}"
