"""How fast a key or project may call: its limits, remembered until the accounts change."""

from msgspec import Struct

from accounts.limits.gcra import TOKENS, Rate
from accounts.limits.store import (
    Limit,
    Scope,
    change_limit,
    check,
    delete_limit,
    read_all_limits,
    read_limit,
    read_limits,
    write_limit,
)
from accounts.revision import Revision
from storage.script import Database

REQUESTS = "requests:"
MOST_REMEMBERED = 10_000


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
        default_rpm: Requests a minute of each key that has no such limit of its own, and of each project whose caller
            has no key.
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
        key, project = found.get(("key", key_id or ""), Limit()), found.get(("project", project_id), Limit())
        applied = _of_project(project_id, self._or_default(project))
        if key_id is not None:
            applied = _of_key(key_id, self._or_default(key), _of_project(project_id, project))
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
        return await self._database.read(lambda: read_limit(scope, scope_id))

    async def read_all(self) -> list[tuple[Scope, str, Limit]]:
        """Return every key and project that has limits of its own, with them.

        Raises:
            StorageDown: They cannot be read.

        """
        return await self._database.read(read_all_limits)

    async def set(self, scope: Scope, scope_id: str, limit: Limit) -> Limit:
        """Give a key or project these limits, in place of those it had.

        Raises:
            LimitInvalid: A number is out of range, or a project is to have a limit that only keys have.
            KeyUnknown: There is no such key.
            ProjectUnknown: There is no such project.
            StorageDown: They cannot be written.

        """
        check(scope, limit)
        return await self._database.write(lambda: write_limit(scope, scope_id, limit))

    async def change(self, scope: Scope, scope_id: str, given: Limit) -> Limit:
        """Give a key or project those limits that are given, let it keep the others, and return them all.

        Raises:
            LimitInvalid: As for `set`.
            KeyUnknown: There is no such key.
            ProjectUnknown: There is no such project.
            StorageDown: They cannot be written.

        """
        check(scope, given)
        return await self._database.write(lambda: change_limit(scope, scope_id, given))

    async def delete(self, scope: Scope, scope_id: str) -> None:
        """Take its own limits from a key or project.

        Raises:
            KeyUnknown: There is no such key.
            ProjectUnknown: There is no such project.
            StorageDown: They cannot be written.

        """
        await self._database.write(lambda: delete_limit(scope, scope_id))

    def _or_default(self, own: Limit) -> Limit:
        return Limit(
            own.requests_per_minute or self._default.requests_per_minute,
            own.tokens_per_minute or self._default.tokens_per_minute,
            own.concurrent_requests,
        )

    def _forget(self) -> None:
        self._forgotten += 1
        self._remembered.clear()


def _of_project(project_id: str, limit: Limit) -> Applied:
    return Applied(*_rates_of(f"project:{project_id}", limit), None)


def _of_key(key_id: str, limit: Limit, project: Applied) -> Applied:
    requests, tokens = _rates_of(f"key:{key_id}", limit)
    return Applied(requests + project.requests, tokens + project.tokens, limit.concurrent_requests)


def _rates_of(owner: str, limit: Limit) -> tuple[tuple[Rate, ...], tuple[tuple[str, int], ...]]:
    requests, tokens = limit.requests_per_minute, limit.tokens_per_minute
    return (
        (Rate(REQUESTS + owner, requests, 1),) if requests else (),
        ((TOKENS + owner, tokens),) if tokens else (),
    )
