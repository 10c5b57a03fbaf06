"""What every command needs: the settings, the database, and a way to say what is wrong."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never, TypeVar

from router.settings import Settings, SettingsWrong, load_settings
from storage.script import Database

if TYPE_CHECKING:
    from router.tenancy import Tenancy

T = TypeVar("T")
WRONG = 2  # the exit status of a refusal to start


def settings_of_process(**given: str | None) -> Settings:
    """Return the settings, or say on stderr what must be mended and exit with status 2."""
    stated = {name: value for name, value in given.items() if value is not None}
    try:
        return load_settings(os.environ, Path.cwd(), **stated)
    except SettingsWrong as wrong:
        refuse(wrong.problems)


def refuse(problems: list[str]) -> Never:
    """Print what must be mended and exit."""
    for problem in problems:
        sys.stderr.write(f"router: {problem}\n")
    raise SystemExit(WRONG)


def on_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do something with the database at head, or say on stderr why not and exit with status 2."""
    from router.ground import database_for  # noqa: PLC0415 - `--help` must be quick

    return _on(database_for(settings), work)


def with_accounts(work: "Callable[[Tenancy], Awaitable[T]]") -> T:
    """Do something with keys and projects, beside a running gateway or without one."""
    from router.tenancy import tenancy_of  # noqa: PLC0415 - `--help` must be quick

    settings = settings_of_process()
    return on_database(settings, lambda database: work(tenancy_of(settings, database)))


def on_books_as_they_are(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do the same without bringing the database to head: it is only read, and may be on a disk that is full."""
    from router.ground import database_of  # noqa: PLC0415 - `--help` must be quick

    return _on(closing_of(database_of(settings)), work)


@asynccontextmanager
async def closing_of(database: Database) -> AsyncGenerator[Database]:
    """Close the database at the end."""
    try:
        yield database
    finally:
        await database.aclose()


def _on(opening: AbstractAsyncContextManager[Database], work: Callable[[Database], Awaitable[T]]) -> T:
    from accounts.errors import AccountError  # noqa: PLC0415 - `--help` must be quick
    from agents.prompts.errors import PromptError  # noqa: PLC0415 - same reason
    from storage.errors import StorageError  # noqa: PLC0415 - same reason

    async def run() -> T:
        async with opening as database:
            return await work(database)

    try:
        return asyncio.run(run())
    except AccountError as refusal:
        refuse([str(refusal)])
    except PromptError as refusal:
        refuse(refusal.detail.splitlines() or [(type(refusal).__doc__ or "").partition("\n")[0]])
    except StorageError as down:
        refuse([f"ROUTER_DATABASE_URL: the books cannot be reached: {down}"])


def print_json(rows: Sequence[object]) -> None:
    """Print one JSON object a line."""
    from msgspec import json  # noqa: PLC0415 - `--help` must be quick

    sys.stdout.writelines(json.encode(row).decode() + "\n" for row in rows)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print columns for a person to read; what is not known is a dash."""
    texts = [[str(head) for head in heads], *[["-" if cell is None else str(cell) for cell in row] for row in rows]]
    widths = [max(len(line[column]) for line in texts) for column in range(len(heads))]
    for line in texts:
        padded = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write(padded.rstrip() + "\n")
