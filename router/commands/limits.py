"""`router limits`: show, set and clear how fast keys and projects may call, beside a running gateway or without one."""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, TypeVar

from cyclopts import App

from router.process import on_database, refuse, settings_of_process

if TYPE_CHECKING:
    from accounts.limits.limits import Limits
    from accounts.limits.store import Limit

T = TypeVar("T")
Scope = Literal["key", "project"]

app = App(name="limits", help="How fast keys and projects may call: requests and tokens a minute, requests at once.")


@app.command
def show(scope: Scope | None = None, scope_id: str | None = None, *, json: bool = False) -> None:
    """Print the limits of a key or project, or of all that have some.

    Parameters
    ----------
    scope
        `key` or `project`; without it, everything that has limits of its own.
    scope_id
        Its id.
    json
        One JSON object a line.

    """
    if scope is None:
        for named, owner, own in _run(lambda limits: limits.read_all()):
            _print(named, owner, own, json=json)
        return
    if scope_id is None:
        refuse([f"limits show {scope}: give its id too, or neither to see all"])
    _print(scope, scope_id, _run(lambda limits: limits.read(scope, scope_id)), json=json)


@app.command(name="set")
def set_(
    scope: Scope,
    scope_id: str,
    *,
    requests: int | None = None,
    tokens: int | None = None,
    running: int | None = None,
    json: bool = False,
) -> None:
    """Set limits of a key or project; those not given stay. It holds in every process within half a second.

    Parameters
    ----------
    scope
        `key` or `project`.
    scope_id
        Its id.
    requests
        Requests a minute.
    tokens
        Tokens a minute, in and out.
    running
        Requests at once; for keys alone.
    json
        Print a JSON object.

    """
    from accounts.limits.store import Limit  # noqa: PLC0415 - `--help` must be quick

    given = Limit(requests, tokens, running)
    if given == Limit():
        refuse(["limits set: give --requests, --tokens or --running"])
    _print(scope, scope_id, _run(lambda limits: limits.change(scope, scope_id, given)), json=json)


@app.command
def clear(scope: Scope, scope_id: str, *, json: bool = False) -> None:
    """Take its own limits from a key or project.

    Parameters
    ----------
    scope
        `key` or `project`.
    scope_id
        Its id.
    json
        Print a JSON object.

    """
    from accounts.limits.store import Limit  # noqa: PLC0415 - `--help` must be quick

    _run(lambda limits: limits.delete(scope, scope_id))
    _print(scope, scope_id, Limit(), json=json)


def _run(work: "Callable[[Limits], Awaitable[T]]") -> T:
    """Do something with the limits."""
    from accounts.limits.limits import Limits  # noqa: PLC0415 - `--help` must be quick
    from accounts.revision import Revision  # noqa: PLC0415 - same reason

    return on_database(settings_of_process(), lambda database: work(Limits(database, Revision(database))))


def _print(scope: Scope, scope_id: str, own: "Limit", *, json: bool) -> None:
    from router.framing import as_json  # noqa: PLC0415 - `--help` must be quick
    from router.routes.limits import view_of  # noqa: PLC0415 - same reason

    if json:
        sys.stdout.write(as_json(view_of(scope, scope_id, own)).decode() + "\n")
        return
    numbers = (own.requests_per_minute, own.tokens_per_minute, own.concurrent_requests)
    names = ("requests a minute", "tokens a minute", "requests at once")
    told = [f"{number:,} {name}" for number, name in zip(numbers, names, strict=True) if number is not None]
    sys.stdout.write(f"{scope:8} {scope_id:32}  {', '.join(told) or 'no limits of its own'}\n")
