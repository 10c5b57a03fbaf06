"""Reports that add up to the ledger: exact sums over a time, in buckets and groups, in one read."""

from metering.hours import Sums
from metering.question import Line, Question
from metering.reports_store import answer
from storage.script import Database, Script


class Reports:
    """Reads sums from the hours that were kept, and entry by entry where a time cuts an hour."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lines(self, question: Question) -> list[Line]:
        """Return a line for each bucket and group that has requests, by bucket and then by group.

        Raises:
            StorageDown: The database cannot be read now.

        """

        def script() -> Script[list[Line]]:
            return answer(question)

        return await self._database.read(script)

    async def total(self, question: Question) -> Sums:
        """Return the figures of everything that is asked, in one sum; nothing known of no requests."""
        lines = await self.lines(question)
        return lines[0].sums if lines else Sums()
