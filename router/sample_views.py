"""Golden samples as callers see them, and the report of a batch that was run again (3.2.6)."""

import functools
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from agents.prompts.prompt import LONGEST_TEXT
from agents.prompts.samples_store import Sample
from agents.prompts.template import Value
from metering.hours import EXACT
from metering.receipt import Receipt

MOST_AT_A_TIME = 100  # samples of one batch
HIGHEST = 2**31 - 1  # of the numbers that are looked for
LONGEST_ASKED = 1_000  # characters of a label

Number = Annotated[int, Meta(ge=1, le=HIGHEST)]
Id = Annotated[str, Meta(min_length=1, max_length=64)]
Verdict = Literal["identical", "modified", "error"]


class SampleRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A sample to keep; without `output` the version, or the one in production, is run for it once."""

    name: str
    variables: dict[str, Value] = {}
    output: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None
    version: Number | None = None


class BatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Which version is held against which samples: the one in production and all of them when nothing is said."""

    version: Number | None = None
    label: Annotated[str, Meta(min_length=1, max_length=LONGEST_ASKED)] | None = None
    samples: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=MOST_AT_A_TIME)] | None = None


class SampleRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """A sample; `version` and `requestId` say whose answer it is, as far as that is known. Times in UTC."""

    id: str
    name: str
    variables: dict[str, Value]
    output: str
    version: int | None
    request_id: str | None
    author: str
    created_at: datetime


class SampleAnswer(SampleRow, frozen=True, kw_only=True, rename="camel"):
    """A sample, and in `metadata` the receipt of the run that made its answer now, if one did."""

    metadata: Receipt | None = None
    success: bool = True


class SampleList(Struct, frozen=True, rename="camel"):
    """Samples by age, and whether there are more after the last one."""

    samples: list[SampleRow]
    has_more: bool
    success: bool = True


class SampleResult(Struct, frozen=True, kw_only=True, rename="camel"):
    """A sample that was run again; `similarity` goes from 0 to 1, `diff` from what is kept to what was answered.

    Of an `error` neither is known; it has figures where the run was let in. `resolvedModel` is the one that answered.
    """

    sample_id: str
    name: str
    verdict: Verdict
    similarity: float | None = None
    diff: str | None = None
    error: str | None = None
    request_id: str | None = None
    resolved_model: str | None = None
    duration_ms: int | None = None
    cost_eur: Decimal | None = None
    emissions_g: Decimal | None = field(name="emissionsGCO2eq", default=None)
    water_liters: Decimal | None = None


class BatchTotals(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a batch came to; a sum is null when not one of the runs that were let in has the figure.

    The `_unknown` count the runs that lack it. `latencyP50Ms` is of the runs that were answered, by nearest rank.
    """

    identical: int
    modified: int
    errors: int
    not_run: int
    cost_eur: Decimal | None
    emissions_g: Decimal | None = field(name="emissionsGCO2eq")
    emissions_unknown: int
    water_liters: Decimal | None
    water_unknown: int
    latency_p50_ms: int | None


class BatchReport(Struct, frozen=True, kw_only=True, rename="camel"):
    """A batch that was run again: `stopped` says why those of `notRun` were not, and is null when all were."""

    prompt_name: str
    prompt_version: int
    model: str
    agent: str
    results: list[SampleResult]
    totals: BatchTotals
    stopped: str | None
    not_run: list[str]
    success: bool = True


def sample_row(sample: Sample) -> SampleRow:
    """Return a sample as it is listed."""
    return SampleRow(**_fields(sample))


def sample_answer(sample: Sample, receipt: Receipt | None = None) -> SampleAnswer:
    """Return a sample as it is told alone."""
    return SampleAnswer(**_fields(sample), metadata=receipt)


def totals_of(results: Sequence[SampleResult], not_run: int) -> BatchTotals:
    """Add the results of a batch up."""
    let_in = [each for each in results if each.request_id is not None]
    answered = sorted(each.duration_ms or 0 for each in results if each.verdict != "error")

    def count(verdict: Verdict) -> int:
        return sum(each.verdict == verdict for each in results)

    def unknown(figure: Callable[[SampleResult], Decimal | None]) -> int:
        return sum(figure(each) is None for each in let_in)

    return BatchTotals(
        identical=count("identical"),
        modified=count("modified"),
        errors=count("error"),
        not_run=not_run,
        cost_eur=_sum(each.cost_eur for each in let_in),
        emissions_g=_sum(each.emissions_g for each in let_in),
        emissions_unknown=unknown(lambda each: each.emissions_g),
        water_liters=_sum(each.water_liters for each in let_in),
        water_unknown=unknown(lambda each: each.water_liters),
        latency_p50_ms=answered[ceil(len(answered) / 2) - 1] if answered else None,
    )


def _sum(figures: Iterable[Decimal | None]) -> Decimal | None:
    """Return the exact sum of what is known; where nothing ran nothing was used, and that is known."""
    told = list(figures)
    known = [each for each in told if each is not None]
    return functools.reduce(EXACT.add, known, Decimal(0)) if known or not told else None


def _fields(sample: Sample) -> dict[str, Any]:
    return {name: getattr(sample, name) for name in SampleRow.__struct_fields__}
