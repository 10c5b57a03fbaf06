"""Who has budgets at all, remembered: whoever has none is let in without asking the database."""

from accounts.revision import Revision
from storage.script import Database, Query, Script

_READ = Query("SELECT DISTINCT scope, scope_id FROM budgets")
ORGANIZATION = ("organization", "")


class Budgeted:
    """The organisation, projects and keys that have budgets; a new budget is seen within half a second."""

    def __init__(self, database: Database, revision: Revision) -> None:
        self._database = database
        self._revision = revision
        self._owners: frozenset[tuple[str, str]] | None = None
        self._forgotten = 0
        revision.on_change(self._forget)

    def certainly_free(self, project_id: str, key_id: str | None) -> bool:
        """Whether no budget can apply; False when that is not known."""
        owners = self._owners
        if owners is None or not self._revision.fresh:
            return False
        return not owners or not (
            ORGANIZATION in owners or ("project", project_id) in owners or ("key", key_id) in owners
        )

    async def learn(self) -> None:
        """Read it, if what is remembered may be wrong.

        Raises:
            StorageDown: It cannot be read.

        """
        if self._owners is None:
            forgotten = self._forgotten
            owners = await self._database.read(_owners)
            # What was read before the last change may not be remembered after it.
            if forgotten == self._forgotten:
                self._owners = owners

    def _forget(self) -> None:
        self._owners = None
        self._forgotten += 1


def _owners() -> Script[frozenset[tuple[str, str]]]:
    rows = yield _READ
    return frozenset((scope, scope_id) for scope, scope_id in rows)
