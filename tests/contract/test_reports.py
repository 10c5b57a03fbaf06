"""Reports on either database: what a gateway wrote adds up to the book, however it is cut, grouped and filtered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from msgspec import structs

from accounts.gate.clerk import Clerk
from metering.ledger import Entry
from metering.ledger_reader import LedgerReader
from metering.question import CARBON, EURO, SECONDS_HEARD, Question
from metering.reports import Reports
from tests.contract.databases import opened, writing
from tests.unit.metering.samples import NOON, entry

pytestmark = pytest.mark.anyio

CUTS = [(0, 0), (17, 0), (0, 43), (17, 43), (30, -200)]  # minutes off both ends, in


def entries() -> list[Entry]:
    """Return requests every seven minutes for a day and a half, of two projects and keys, some without footprint."""
    return [
        structs.replace(
            one,
            admission=structs.replace(
                one.admission, opened_at=NOON + timedelta(minutes=7 * n), key_id=None if n % 3 else "key_1"
            ),
        )
        for n in range(300)
        for one in [entry(f"r{n}", project_id=f"proj-{n % 2}", calls=n // 3 % 3, **({} if n % 5 else {"kg": None}))]
    ]


@asynccontextmanager
async def written(url: str) -> AsyncIterator[Reports]:
    async with writing(url, Clerk("me", lists_open=False)) as writer:
        await asyncio.gather(*(writer.submit(one, durable=True) for one in entries()))
    async with opened(url) as database:
        yield Reports(database)


@pytest.mark.parametrize("width", [None, "1m", "1h", "1d"])
async def test_reports_add_up_to_what_was_written(url, width):
    async with written(url) as reports:
        for first, last in CUTS:
            start, end = NOON + timedelta(minutes=first), NOON + timedelta(minutes=7 * 300 - last)
            question = Question(
                start=start, end=end, width=width, by=("project_id", "basis"), amounts=EURO + CARBON, keys=("key_1",)
            )

            lines = await reports.lines(question)

            asked = [each for each in entries() if start <= each.admission.opened_at < end and each.admission.key_id]
            assert sum(line.sums.requests for line in lines) == len(asked)
            assert sum(line.sums.output_tokens or 0 for line in lines) == 38 * len(asked)
            euros = sum(Fraction(each.receipt.pricing.total_cost) for each in asked)
            assert sum(Fraction(line.sums.cost_eur or 0) for line in lines) == euros
            grams = sum(Fraction(each.receipt.emissions_kg or 0) for each in asked)
            assert sum(Fraction(line.sums.emissions_kg or 0) for line in lines) == grams
            assert {line.group[0] for line in lines} == {"proj-0", "proj-1"}
            assert {line.group[1] for line in lines} == {None, "ecologits"}


async def test_book_is_read_in_the_order_it_was_written(url):
    async with written(url):
        pass
    async with opened(url) as database:
        lines = [line async for line in LedgerReader(database).read()]

    assert {line.request_id for line in lines} == {f"r{n}" for n in range(300)}
    assert {line.key_id for line in lines} == {None, "key_1"}


def answered(one: Entry, by: str | None = None) -> Entry:
    """Return the entry as one that `by` answered in the end, or the model that was asked."""
    return structs.replace(one, receipt=structs.replace(one.receipt, resolved_model=by or one.admission.model))


def sounding(one: Entry, seconds: str | None, characters: int | None) -> Entry:
    """Return the entry as one whose calls each heard or spoke so much."""
    heard = None if seconds is None else Decimal(seconds)
    calls = tuple(structs.replace(call, audio_s=heard, characters=characters) for call in one.receipt.calls)
    return structs.replace(one, receipt=structs.replace(one.receipt, calls=calls))


async def test_what_was_heard_and_spoken_adds_up_to_the_digit(url):
    booked = [sounding(entry(f"h{n}", model="whisper-1", minutes=n, calls=2), "0.0000625", None) for n in range(40)]
    booked += [sounding(entry(f"s{n}", model="tts-1", minutes=n), None, 7) for n in range(40)]
    booked += [entry(f"c{n}", minutes=n) for n in range(5)]
    async with writing(url, Clerk("me", lists_open=False)) as writer:
        await asyncio.gather(*(writer.submit(one, durable=True) for one in booked))
    async with opened(url) as database:
        reports = Reports(database)
        for cut in (timedelta(0), timedelta(minutes=17)):  # from sums of hours, and from entries
            question = Question(
                start=NOON - timedelta(hours=1) + cut, end=NOON + timedelta(days=1, minutes=5), amounts=SECONDS_HEARD
            )

            lines = await reports.lines(structs.replace(question, by=("model",)))

            told = {line.group[0]: (line.sums.heard, line.sums.audio_s, line.sums.spoken) for line in lines}
            assert told["whisper-1"] == (80, 80 * Decimal("0.0000625"), 0)
            assert told["tts-1"] == (0, None, 40)
            assert {line.group[0]: line.sums.characters for line in lines}["tts-1"] == 280
            assert told["gpt-4o"] == (0, None, 0)


async def test_what_ends_with_another_model_is_not_left_out_with_the_one_that_was_asked(url):
    booked = [answered(entry("minutes", model="whisper-1"), "gpt-4o"), answered(entry("plain", model="whisper-1"))]
    async with writing(url, Clerk("me", lists_open=False)) as writer:
        await asyncio.gather(*(writer.submit(one, durable=True) for one in booked))
    async with opened(url) as database:
        for width in ("1m", "1h"):  # from entries, and from sums of hours
            question = Question(
                start=NOON, end=NOON + timedelta(hours=1), width=width, not_models=("whisper-1", "tts-1")
            )

            (line,) = await Reports(database).lines(question)

            assert line.sums.requests == 1


async def test_reports_of_some_models_and_of_all_others_add_up_to_the_whole(url):
    booked = [answered(entry(f"r{n}", model="mistral-embed" if n % 3 else "gpt-4o", minutes=n)) for n in range(60)]
    async with writing(url, Clerk("me", lists_open=False)) as writer:
        await asyncio.gather(*(writer.submit(one, durable=True) for one in booked))
    async with opened(url) as database:
        reports = Reports(database)
        for cut in (timedelta(0), timedelta(minutes=17)):  # from sums of hours, and from entries
            question = Question(start=NOON - timedelta(hours=1) + cut, end=NOON + timedelta(days=1, minutes=5))

            whole = await reports.total(question)
            some = await reports.total(structs.replace(question, models=("mistral-embed", "no-such-model")))
            others = await reports.total(structs.replace(question, not_models=("mistral-embed", "no-such-model")))

            assert (some.requests, others.requests, whole.requests) == (40, 20, 60)
            assert (some.input_tokens or 0) + (others.input_tokens or 0) == whole.input_tokens
