"""Projects: what keys, budgets, limits and every request belong to (6.6c)."""

import re
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from accounts.errors import IdInvalid, ProjectKept, ProjectTaken, ProjectUnknown
from accounts.ids import new_id
from accounts.keys.service_accounts import checked_name
from accounts.pages import Cut, Page, rows_of
from accounts.revision import CHANGED, Revision
from storage.script import Database, Query, Script

DEFAULT_PROJECT = "proj-default"
ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
MOST_REMEMBERED = 10_000
_SELECT = "SELECT id, name, created_at, archived_at FROM projects"


class Project(Struct, frozen=True):
    """A project; times in UTC."""

    id: str
    name: str
    created_at: datetime
    archived_at: datetime | None


class Projects:
    """Makes, finds, lists, renames and archives projects; remembers which are open until anything changes."""

    def __init__(self, database: Database, revision: Revision) -> None:
        self._database = database
        self._revision = revision
        self._open: set[str] = set()
        self._changes = 0
        revision.on_change(self._forget)

    def is_known_open(self, project_id: str) -> bool:
        """Whether the project is known to be open, without looking; False may mean that it has to be looked up."""
        return project_id in self._open and self._revision.fresh

    async def check_open(self, project_id: str) -> None:
        """Look for a project.

        Raises:
            ProjectUnknown: There is none, or it is archived.

        """
        changes = self._changes
        if (await self.find(project_id)).archived_at is not None:
            raise ProjectUnknown(project_id[:128], param="project_id")
        self._remember(project_id, changes)

    async def open_by_name(self, project_id: str) -> None:
        """Make a project if there is none of this id: in development, naming one is enough.

        Raises:
            IdInvalid: This can be no id.
            ProjectUnknown: It is archived.

        """
        _check_id(project_id)
        try:
            await self.check_open(project_id)
        except ProjectUnknown:
            await self._database.write(lambda: _insert_if_missing(project_id, project_id))
            await self.check_open(project_id)

    async def create(self, name: str, project_id: str | None = None) -> Project:
        """Make a project, with an id of its own unless one is given.

        Raises:
            IdInvalid, NameInvalid: The id or the name is not as it must be.
            ProjectTaken: The id is in use, maybe by an archived project.

        """
        made_id = new_id("proj_") if project_id is None else _check_id(project_id)
        plain = checked_name(name)

        def script() -> Script[tuple[Any, ...]]:
            if not (yield from _insert_if_missing(made_id, plain)):
                raise ProjectTaken(made_id, param="id")
            return (yield Query(f"{_SELECT} WHERE id = ?", (made_id,)))[0]

        return _project(await self._database.write(script))

    async def find(self, project_id: str) -> Project:
        """Return a project, archived ones too.

        Raises:
            ProjectUnknown: There is none.

        """

        def script() -> Script[Project]:
            rows = yield Query(f"{_SELECT} WHERE id = ?", (project_id,))
            if not rows:
                raise ProjectUnknown(project_id[:128], param="project_id")
            return _project(rows[0])

        return await self._database.read(script)

    async def page(self, cut: Cut) -> Page[Project]:
        """Return some of the open projects, by id."""
        return await self._page("archived_at IS NULL", cut)

    async def page_with_archived(self, cut: Cut) -> Page[Project]:
        """Return some of all projects, by id."""
        return await self._page("id <> ''", cut)

    async def _page(self, condition: str, cut: Cut) -> Page[Project]:
        page = await self._database.read(lambda: rows_of(f"{_SELECT} WHERE {condition}", (), cut))
        return Page([_project(row) for row in page.rows], page.has_more)

    async def rename(self, project_id: str, name: str) -> Project:
        """Give a project another name.

        Raises:
            ProjectUnknown, NameInvalid: As above.

        """
        return await self._change(project_id, "name = ?", checked_name(name))

    async def archive(self, project_id: str) -> Project:
        """End a project: from now on its keys open nothing, and nothing can be booked on it.

        Raises:
            ProjectKept: It is the default project.
            ProjectUnknown: There is none.

        """
        if project_id == DEFAULT_PROJECT:
            raise ProjectKept(param="project_id")
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        return await self._change(project_id, "archived_at = COALESCE(archived_at, ?)", now)

    async def _change(self, project_id: str, assignment: str, value: str) -> Project:
        def script() -> Script[Project]:
            sql = f"UPDATE projects SET {assignment} WHERE id = ? RETURNING id, name, created_at, archived_at"  # noqa: S608 - constants
            rows = yield Query(sql, (value, project_id))
            if not rows:
                raise ProjectUnknown(project_id[:128], param="project_id")
            yield CHANGED
            return _project(rows[0])

        return await self._database.write(script)

    def _remember(self, project_id: str, changes: int) -> None:
        # What was read before a change must not be remembered after it.
        if changes == self._changes:
            if len(self._open) >= MOST_REMEMBERED:
                self._open.clear()
            self._open.add(project_id)

    def _forget(self) -> None:
        self._changes += 1
        self._open.clear()


def _check_id(project_id: str) -> str:
    if ID.fullmatch(project_id) is None:
        raise IdInvalid(param="id")
    return project_id


def _insert_if_missing(project_id: str, name: str) -> Script[bool]:
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    sql = "INSERT INTO projects (id, name, created_at) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING id"
    rows = yield Query(sql, (project_id, name, now))
    if rows:
        yield CHANGED
    return bool(rows)


def _project(row: tuple[Any, ...]) -> Project:
    archived = row[3] and datetime.fromisoformat(row[3])
    return Project(row[0], row[1], datetime.fromisoformat(row[2]), archived)
