"""What the commands of prompts share: the prompts of a project, and what was done with them, told to a person."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import Parameter

from router.process import on_database, print_json, print_table, settings_of_process
from storage.script import Database

if TYPE_CHECKING:
    from agents.prompts.diff import Difference
    from agents.prompts.exchange import Outcome
    from agents.prompts.prompts import Prompts

T = TypeVar("T")
DEFAULT = "proj-default"
Number = Annotated[int | None, Parameter(name="--version")]
AUTHOR = "command line"
"""Whose work it is in the books of the prompts: who may reach the database needs no key."""


def with_prompts(project: str, work: "Callable[[Prompts], Awaitable[T]]") -> T:
    """Do something with the prompts of a project, or say on stderr why not and exit with status 2.

    What it changes is in force in every process when it returns.
    """
    from agents.prompts.prompts import Prompts  # noqa: PLC0415 - `--help` must be quick

    async def on(database: Database) -> T:
        await _check_project(database, project)
        return await work(Prompts(database))

    return on_database(settings_of_process(), on)


def with_many_prompts(project: str, work: "Callable[[Prompts], Awaitable[T]]") -> T:
    """Do the same where much may change, and wait once until it is in force."""
    from accounts.revision import FRESH_FOR_S  # noqa: PLC0415 - `--help` must be quick
    from agents.prompts.prompts import Prompts  # noqa: PLC0415 - same reason

    async def on(database: Database) -> T:
        await _check_project(database, project)
        try:
            return await work(Prompts(database, noticed_s=0))
        finally:
            await asyncio.sleep(FRESH_FOR_S)

    return on_database(settings_of_process(), on)


async def _check_project(database: Database, project: str) -> None:
    from accounts.projects import Projects  # noqa: PLC0415 - `--help` must be quick
    from accounts.revision import Revision  # noqa: PLC0415 - same reason

    await Projects(database, Revision(database)).check_open(project)


def diff_told(before: int, after: int, found: "Difference") -> Iterator[str]:
    """Yield the lines of a difference, as a person reads them; none where there is none."""
    for message in found.messages:
        yield f"--- version {before}, {message.role}"
        yield f"+++ version {after}, {message.role}"
        if message.diff:
            yield message.diff
    for setting in found.settings:
        yield f"{setting.field}: {_told(setting.before)} -> {_told(setting.after)}"


def _told(value: object) -> str:
    from msgspec import json  # noqa: PLC0415 - `--help` must be quick

    return "-" if value is None else json.encode(value).decode()


def print_outcomes(outcomes: "list[Outcome]", *, as_json: bool) -> None:
    """Print what became of each prompt and its file."""
    if as_json:
        print_json(outcomes)
    else:
        print_table(
            ("done", "version", "name", "file"), [(each.done, each.version, each.name, each.path) for each in outcomes]
        )
