"""Service accounts: named programs of a project, which own keys."""

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from accounts.errors import NameInvalid
from accounts.ids import new_id
from accounts.keys import store as keys_store
from accounts.pages import Cut, Page, rows_of
from accounts.revision import CHANGED
from storage.script import Database, Query, Script

LONGEST_NAME = 256


class ServiceAccount(Struct, frozen=True):
    """A program of a project; `created_at` in UTC."""

    id: str
    name: str
    created_at: datetime


class ServiceAccounts:
    """Makes, lists and ends the service accounts of projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, project_id: str, name: str) -> ServiceAccount:
        """Add one to an open project.

        Raises:
            ProjectUnknown: There is no such project, or it is archived.
            NameInvalid: The name is empty or too long.

        """
        made = new_account(name)
        await self._database.write(lambda: insert(made, project_id))
        return made

    async def find(self, account_id: str, project_id: str) -> ServiceAccount:
        """Return one of the project.

        Raises:
            ServiceAccountUnknown: The project has no such service account.

        """
        return _account(await self._database.read(lambda: keys_store.service_account(account_id, project_id)))

    async def named(self, project_id: str) -> dict[str, ServiceAccount]:
        """Return all of a project, by id."""

        def script() -> Script[list[tuple[Any, ...]]]:
            return (
                yield Query("SELECT id, name, created_at FROM service_accounts WHERE project_id = ?", (project_id,))
            )

        return {row[0]: _account(row) for row in await self._database.read(script)}

    async def page(self, project_id: str, cut: Cut) -> Page[ServiceAccount]:
        """Return some of a project, by id."""
        select = "SELECT id, name, created_at FROM service_accounts WHERE project_id = ?"
        page = await self._database.read(lambda: rows_of(select, (project_id,), cut))
        return Page([_account(row) for row in page.rows], page.has_more)

    async def remove(self, account_id: str, project_id: str) -> None:
        """Remove one, and revoke its keys and all that was made with them.

        Raises:
            ServiceAccountUnknown: The project has no such service account.

        """
        now = datetime.now(UTC).isoformat(timespec="microseconds")

        def script() -> Script[None]:
            # No key of it is being made from here on, so all there will ever be are found.
            yield from keys_store.service_account_to_change(account_id, project_id)
            yield from keys_store.end_all("service_account_id = ?", account_id, now)
            yield Query("DELETE FROM service_accounts WHERE id = ?", (account_id,))
            yield CHANGED

        await self._database.write(script)


def new_account(name: str) -> ServiceAccount:
    """Return a service account that is not written yet.

    Raises:
        NameInvalid: As below.

    """
    return ServiceAccount(new_id("sa_"), checked_name(name), datetime.now(UTC))


def insert(made: ServiceAccount, project_id: str) -> Script[None]:
    """Add a service account to an open project."""
    yield from keys_store.open_project(project_id)
    yield Query(
        "INSERT INTO service_accounts (id, project_id, name, created_at) VALUES (?, ?, ?, ?)",
        (made.id, project_id, made.name, made.created_at.isoformat(timespec="microseconds")),
    )


def checked_name(name: str) -> str:
    """Return a name without the blanks around it.

    Raises:
        NameInvalid: It is empty, too long, or holds what cannot be shown.

    """
    plain = name.strip()
    if not plain or len(plain) > LONGEST_NAME or not plain.isprintable():
        raise NameInvalid(param="name")
    return plain


def _account(row: tuple[Any, ...]) -> ServiceAccount:
    return ServiceAccount(row[0], row[1], datetime.fromisoformat(row[2]))
