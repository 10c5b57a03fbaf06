"""What every command shares: its settings, its accounts, how it prints, and how it refuses."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never, TypeVar

from router.settings import Settings, SettingsWrong, load_settings

if TYPE_CHECKING:
    from router.tenancy import Tenancy

T = TypeVar("T")
WRONG = 2  # the exit status of a refusal


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


def with_accounts(work: "Callable[[Tenancy], Awaitable[T]]") -> T:
    """Do something with the accounts, beside a running gateway or without one, or say why not and exit."""
    # Imported here because `--help` must be quick.
    from accounts.errors import AccountError  # noqa: PLC0415 - as above
    from router.tenancy import tenancy_of  # noqa: PLC0415 - as above
    from router.wiring import database_of, database_url_of  # noqa: PLC0415 - as above
    from storage.errors import StorageError  # noqa: PLC0415 - as above
    from storage.migrations import upgrade  # noqa: PLC0415 - as above
    from storage.sqlite import Sqlite  # noqa: PLC0415 - as above

    settings = settings_of_process()

    async def run() -> T:
        database = Sqlite(database_of(settings))
        try:
            return await work(tenancy_of(settings, database))
        finally:
            await database.aclose()

    try:
        upgrade(database_url_of(settings))
        return asyncio.run(run())
    except AccountError as cause:
        refuse([str(cause)])
    except StorageError as cause:
        refuse([f"ROUTER_DATABASE_URL: {cause}"])


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
