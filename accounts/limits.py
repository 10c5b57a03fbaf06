"""The limits of keys and projects: requests and tokens a minute, requests at once."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from accounts.errors import KeyUnknown, LimitInvalid, ProjectUnknown
from accounts.gcra import Rate
from accounts.revision import CHANGED, Revision
from storage.script import Database, Query, Script

MOST = 1_000_000_000
MOST_REMEMBERED = 10_000

Scope = Literal["key", "project"]
Number = Annotated[int, Meta(ge=1, le=MOST)]


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """What one key or project may do; None where it has no limit of its own. Only keys have `concurrent_requests`."""

    requests_per_minute: Number | None = None
    tokens_per_minute: Number | None = None
    concurrent_requests: Number | None = None


class Applied(Struct, frozen=True):
    """The limits that a request is under: its key's and its project's.

    Attributes:
        requests: What it takes of each limit of requests.
        tokens: Counter and tokens a minute of each limit of tokens.
        running_cap: How many requests of the key may run at once.

    """

    requests: tuple[Rate, ...]
    tokens: tuple[tuple[str, int], ...]
    running_cap: int | None

    def rates_of(self, tokens: int) -> tuple[Rate, ...]:
        """Return what a request takes that may use so many tokens."""
        if not self.tokens:
            return self.requests
        return (*self.requests, *[Rate(counter, per_minute, tokens) for counter, per_minute in self.tokens])


class Limits:
    """Sets and reads limits, and remembers them until the accounts change.

    Args:
        database: Where they are kept.
        revision: Says whether what is remembered still holds.
        default_rpm: Requests a minute of each key that has no such limit of its own, and of each project when its
            caller has no key.
        default_tpm: Tokens a minute, in the same way.

    """

    def __init__(
        self, database: Database, revision: Revision, default_rpm: int | None = None, default_tpm: int | None = None
    ) -> None:
        self._database = database
        self._revision = revision
        self._default = Limit(default_rpm, default_tpm)
        self._remembered: dict[tuple[str | None, str], Applied] = {}
        self._forgotten = 0
        revision.on_change(self._forget)

    def remembered(self, key_id: str | None, project_id: str) -> Applied | None:
        """Return the limits of a caller when they are known and hold; None when `applied` must ask."""
        return self._remembered.get((key_id, project_id)) if self._revision.fresh else None

    async def applied(self, key_id: str | None, project_id: str) -> Applied:
        """Return the limits of a caller.

        Raises:
            StorageDown: They cannot be read.

        """
        known = self.remembered(key_id, project_id)
        if known is not None:
            return known
        forgotten = self._forgotten
        found = await self._database.read(lambda: read_limits([("key", key_id or ""), ("project", project_id)]))
        applied = self._combined(key_id, project_id, found)
        # What was read before the last change may not be remembered after it.
        if forgotten == self._forgotten:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[key_id, project_id] = applied
        return applied

    async def read(self, scope: Scope, scope_id: str) -> Limit:
        """Return the limits that a key or project has of its own.

        Raises:
            KeyUnknown: There is no such key.
            ProjectUnknown: There is no such project.
            StorageDown: They cannot be read.

        """
        return await self._database.read(lambda: _read_one(scope, scope_id))

    async def all(self) -> list[tuple[Scope, str, Limit]]:
        """Return everything that has limits of its own, with them.

        Raises:
            StorageDown: They cannot be read.

        """
        return await self._database.read(_read_all)

    async def set(self, scope: Scope, scope_id: str, limit: Limit) -> Limit:
        """Give a key or project these limits, in place of those it had.

        Raises:
            LimitInvalid: A number is out of range, or a project is to have a limit that only keys have.
            KeyUnknown: There is no such key.
            ProjectUnknown: There is no such project.
            StorageDown: They cannot be written.

        """
        check(scope, limit)
        return await self._database.write(lambda: _set(scope, scope_id, limit))

    async def change(self, scope: Scope, scope_id: str, requests: int | None, tokens: int | None) -> Limit:
        """Change those of the limits a minute that are given, and keep the others.

        Raises:
            LimitInvalid: A number is out of range.
            KeyUnknown: There is no such key.
            ProjectUnknown: There is no such project.
            StorageDown: They cannot be written.

        """
        check(scope, Limit(requests, tokens))
        return await self._database.write(lambda: _change(scope, scope_id, requests, tokens))

    async def delete(self, scope: Scope, scope_id: str) -> None:
        """Take its own limits from a key or project.

        Raises:
            KeyUnknown: There is no such key.
            ProjectUnknown: There is no such project.
            StorageDown: They cannot be written.

        """
        await self._database.write(lambda: _delete(scope, scope_id))

    def _combined(self, key_id: str | None, project_id: str, found: dict[tuple[str, str], Limit]) -> Applied:
        key, project = found.get(("key", key_id or ""), Limit()), found.get(("project", project_id), Limit())
        if key_id is None:
            project = self._with_default(project)
        else:
            key = self._with_default(key)
        owners = [(f"project:{project_id}", project)] if key_id is None else []
        owners = owners or [(f"key:{key_id}", key), (f"project:{project_id}", project)]
        return Applied(
            tuple(Rate(f"requests:{name}", one.requests_per_minute, 1) for name, one in owners if one.requests_per_minute),
            tuple((f"tokens:{name}", one.tokens_per_minute) for name, one in owners if one.tokens_per_minute),
            key.concurrent_requests,
        )

    def _with_default(self, own: Limit) -> Limit:
        return Limit(
            own.requests_per_minute or self._default.requests_per_minute,
            own.tokens_per_minute or self._default.tokens_per_minute,
            own.concurrent_requests,
        )

    def _forget(self) -> None:
        self._forgotten += 1
        self._remembered.clear()


def check(scope: Scope, limit: Limit) -> None:
    """Check limits that no decoder has checked.

    Raises:
        LimitInvalid: A number is out of range, or a project is to have a limit that only keys have.

    """
    for name in limit.__struct_fields__:
        value = getattr(limit, name)
        if value is not None and not 1 <= value <= MOST:
            raise LimitInvalid(param=name)
    if scope == "project" and limit.concurrent_requests is not None:
        raise LimitInvalid("only keys have concurrent_requests", param="concurrent_requests")


_COLUMNS = "scope, scope_id, requests_per_minute, tokens_per_minute, running"
_SET = Query(
    f"INSERT INTO limits ({_COLUMNS}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (scope, scope_id) DO UPDATE SET "
    "requests_per_minute = excluded.requests_per_minute, tokens_per_minute = excluded.tokens_per_minute, "
    "running = excluded.running"
)
