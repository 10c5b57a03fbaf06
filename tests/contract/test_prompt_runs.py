"""Runs of prompts on either database: read back newest first, and figures that add up to the book to the digit."""

import asyncio
import math
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from msgspec import structs

from accounts.gate.clerk import Clerk
from metering import prompt_runs
from metering.ledger import Entry, Ledger, close_as_unknown
from metering.prompt_runs import PromptRuns, RunsAsked, VersionFigures
from metering.question import EVER, FOREVER
from storage.script import Query, Script
from tests.contract.databases import opened, writing
from tests.unit.metering.samples import NOON, entry

pytestmark = pytest.mark.anyio


@dataclass
class Book:
    """The runs of one project in a database that others share."""

    url: str
    tag: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def project(self) -> str:
        return f"proj-{self.tag}"

    @property
    def prompt(self) -> str:
        return f"prompt-{self.tag}"

    @property
    def asked(self) -> RunsAsked:
        return RunsAsked(project_id=self.project)

    def run(self, number: int, *, other: str = "", version: int = 1, status: str = "ok", **fields: object) -> Entry:
        """Return the n-th run, let in n minutes after noon, whose latency is its number in seconds."""
        cost = Decimal(number) + Decimal("0.000000000000000000001")
        name = fields.pop("name", number)
        one = entry(f"run-{other}{name}-{self.tag}", project_id=self.project, cost=cost, **fields)
        at = NOON + timedelta(minutes=number)
        admission = structs.replace(one.admission, opened_at=at, prompt_id=self.prompt + other, prompt_version=version)
        receipt = structs.replace(one.receipt, latency_s=float(number))
        return structs.replace(one, admission=admission, settled_at=at, status=status, receipt=receipt)

    def plain(self, number: int) -> Entry:
        """Return a request that runs no prompt."""
        return entry(f"plain-{number}-{self.tag}", project_id=self.project)

    @asynccontextmanager
    async def holding(self, entries: Sequence[Entry]) -> AsyncIterator[PromptRuns]:
        """Write entries as a gateway does, and read them."""
        async with writing(self.url, Clerk(self.tag, lists_open=False)) as writer:
            ledger = Ledger(writer, None)
            await asyncio.gather(*(ledger.append(each) for each in entries))
        async with opened(self.url) as database:
            yield PromptRuns(database)

    async def sums(self, runs: PromptRuns, start: datetime = EVER, end: datetime = FOREVER) -> list[VersionFigures]:
        return await runs.statistics(self.prompt, start, end)


@pytest.fixture
def book(shared_url: str) -> Book:
    return Book(shared_url)


async def test_runs_are_listed_newest_first_page_after_page(book):
    noise = [book.plain(n) for n in range(5)] + [book.run(3, other="b")]
    async with book.holding([*noise, *(book.run(n, version=1 + n % 2) for n in range(7))]) as runs:
        asked = structs.replace(book.asked, prompt_id=book.prompt)

        first = await runs.page(asked, None, 4)
        rest = await runs.page(asked, await runs.place(book.project, first.rows[-1].request_id), 4)
        odd = await runs.page(structs.replace(asked, version=2), None, 10)
        all_of_project = await runs.page(book.asked, None, 10)

        assert [each.request_id for each in first.rows + rest.rows] == [f"run-{n}-{book.tag}" for n in range(6, -1, -1)]
        assert (first.has_more, rest.has_more) == (True, False)
        assert [each.version for each in odd.rows] == [2, 2, 2]
        assert len(all_of_project.rows) == 8
        newest = first.rows[0]
        assert newest.cost_eur == Decimal("6.000000000000000000001")
        assert (newest.at, newest.latency_s, newest.total_tokens) == (NOON + timedelta(minutes=6), 6.0, 57)


async def test_runs_that_came_at_the_same_time_are_each_listed_once(book):
    same = [book.run(n) for n in range(9)]
    same = [structs.replace(one, admission=structs.replace(one.admission, opened_at=NOON)) for one in same]
    async with book.holding(same) as runs:
        seen, place = [], None
        while place is None or seen[-1][1]:
            page = await runs.page(book.asked, place, 2)
            seen += [(row.request_id, page.has_more) for row in page.rows]
            place = await runs.place(book.project, page.rows[-1].request_id)

        assert sorted(each for each, _ in seen) == sorted(one.admission.request_id for one in same)


async def test_runs_are_filtered_by_status_and_by_time(book):
    entries = [book.run(n, status="error" if n % 3 == 0 else "ok") for n in range(9)]
    async with book.holding(entries) as runs:
        failed = await runs.page(structs.replace(book.asked, status="error"), None, 10)
        start, end = NOON + timedelta(minutes=2), NOON + timedelta(minutes=4)
        some = await runs.page(structs.replace(book.asked, start=start, end=end), None, 10)

        assert [each.latency_s for each in failed.rows] == [6.0, 3.0, 0.0]
        assert [each.latency_s for each in some.rows] == [3.0, 2.0]
        assert await runs.place("proj-1", f"run-1-{book.tag}") is None
        assert await runs.place(book.project, "no-such-run") is None


async def test_sums_of_a_version_equal_those_of_its_receipts_to_the_digit(book):
    entries = [book.run(n, version=1 + n % 2, **({"kg": None} if n % 5 == 0 else {})) for n in range(60)]
    async with book.holding([*entries, book.run(1, other="b"), book.plain(0)]) as runs:
        second, first = await book.sums(runs)

        assert (second.version, first.version) == (2, 1)
        for told in (first, second):
            own = [one for one in entries if one.admission.prompt_version == told.version]
            known = [one.receipt.emissions_kg for one in own if one.receipt.emissions_kg is not None]
            assert Fraction(told.cost_eur) == sum(Fraction(one.receipt.pricing.total_cost) for one in own)
            assert Fraction(told.emissions_kg) == sum(map(Fraction, known))
            assert (told.runs, told.cost_unknown, told.emissions_unknown) == (30, 0, 30 - len(known))
            assert (told.input_tokens, told.output_tokens, told.total_tokens) == (19 * 30, 38 * 30, 57 * 30)
            assert told.last_run_at == max(one.admission.opened_at for one in own)


async def test_what_no_run_knows_is_null_and_counted(book):
    async with book.holding([book.run(n, kg=None) for n in range(3)]) as runs:
        (told,) = await book.sums(runs)

        assert (told.emissions_kg, told.emissions_unknown) == (None, 3)


async def test_runs_that_died_with_their_process_are_errors_without_figures(book):
    died = book.run(1).admission
    async with book.holding([book.run(2)]) as runs, opened(book.url) as database:
        await database.write(lambda: close_as_unknown([died], NOON))
        (told,) = await book.sums(runs)
        page = await runs.page(book.asked, None, 10)

        assert (told.runs, told.errors, told.error_rate) == (2, 1, 0.5)
        assert (told.cost_unknown, told.tokens_unknown, told.total_tokens) == (1, 1, 57)
        assert told.cost_eur == book.run(2).receipt.pricing.total_cost
        assert [(each.status, each.cost_eur) for each in page.rows] == [("ok", told.cost_eur), ("unknown", None)]


async def test_percentiles_are_latencies_that_were_measured_by_nearest_rank(book):
    counts = [1, 2, 3, 19, 20, 21, 100]  # of the runs of a version, which is called by its count
    answered = [book.run(n, version=count, name=f"{count}-{n}") for count in counts for n in range(1, count + 1)]
    slow = [book.run(1000, version=count, name=f"{count}-slow", status="error") for count in counts]
    async with book.holding(answered + slow) as runs:
        told = {each.version: (each.p50_s, each.p95_s) for each in await book.sums(runs)}

        assert told == {count: (math.ceil(count / 2), math.ceil(count * 95 / 100)) for count in counts}


async def test_what_is_an_error_and_what_is_not_is_told_apart(book):
    statuses = ["ok", "ok", "error", "partial", "client_gone", "error", "ok", "ok"]
    async with book.holding([book.run(n, status=status) for n, status in enumerate(statuses)]) as runs:
        (told,) = await book.sums(runs)

        assert (told.runs, told.errors, told.partial, told.client_gone) == (8, 2, 1, 1)
        assert told.error_rate == 0.25


async def test_only_runs_of_the_time_count(book):
    async with book.holding([book.run(n) for n in range(10)]) as runs:
        start, end = NOON + timedelta(minutes=2), NOON + timedelta(minutes=5)
        (told,) = await book.sums(runs, start, end)

        assert (told.runs, told.p95_s, told.last_run_at) == (3, 4.0, end - timedelta(minutes=1))
        assert await book.sums(runs, end + timedelta(days=1), FOREVER) == []


async def test_sums_do_not_depend_on_how_many_entries_are_read_at_a_time(book):
    count = prompt_runs.SLICE + 3
    async with book.holding([]) as runs, opened(book.url) as database:
        await database.write(lambda: many(count, book))
        (told,) = await book.sums(runs)

        assert (told.runs, told.cost_eur, told.cost_unknown) == (count, count * Decimal("0.1"), 0)


def many(count: int, book: Book) -> Script[None]:
    sql = """
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
        INSERT INTO ledger (request_id, opened_at, settled_at, route, agent, model, project_id, subject, status,
                            cost_eur, prompt_id, prompt_version)
        SELECT ? || n, '2026-11-21T12:00:00.000000+00:00', '2026-11-21T12:00:01.000000+00:00', '/api/v1/run', 'V2',
               'gpt-4o', ?, 'user', 'ok', '0.1', ?, 1 FROM numbers
    """
    yield Query(sql, (count, book.tag, book.project, book.prompt))
