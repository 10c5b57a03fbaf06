"""The pages of usage, costs and emissions: buckets of results, in OpenAI's shape (6.2, 6.2.1, 6.2.2)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct, field

from metering.hours import EXACT, Sums, added, plus
from metering.question import Column, Line, Question
from router.report_query import COLUMNS, Asked

T = TypeVar("T")
METHODS_DIFFER = "methods-differ: the sum is of figures made by different methods; group by method to part them"


class Bucket(Struct, Generic[T], frozen=True, kw_only=True):
    """Results from `start_time` to `end_time` (excluded), in seconds of the epoch, aligned in UTC."""

    object: Literal["bucket"] = "bucket"
    start_time: int
    end_time: int
    results: list[T]


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """Some buckets, oldest first."""

    object: Literal["page"] = "page"
    data: list[Bucket[T]]
    has_more: bool
    next_page: str | None


class CompletionsResult(Struct, frozen=True, kw_only=True):
    """Tokens and requests; a field that was not grouped by is null, and so is a sum of which nothing is known."""

    object: Literal["organization.usage.completions.result"] = "organization.usage.completions.result"
    input_tokens: int | None
    output_tokens: int | None
    input_cached_tokens: int | None
    num_model_requests: int
    project_id: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    model: str | None = None
    batch: bool | None = None
    service_tier: str | None = None


class EmbeddingsResult(Struct, frozen=True, kw_only=True):
    """Tokens and requests of embeddings; as in `CompletionsResult`."""

    object: Literal["organization.usage.embeddings.result"] = "organization.usage.embeddings.result"
    input_tokens: int | None
    num_model_requests: int
    project_id: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    model: str | None = None


class Euros(Struct, frozen=True):
    """An amount; null where nothing is known."""

    value: Decimal | None
    currency: Literal["eur"] = "eur"


class CostsResult(Struct, frozen=True, kw_only=True):
    """What was spent; a line item is what one model read or generated."""

    object: Literal["organization.costs.result"] = "organization.costs.result"
    amount: Euros
    line_item: str | None = None
    project_id: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None


class Coverage(Struct, frozen=True):
    """The share, from 0 to 1, of requests and of output tokens whose footprint is known; null of none."""

    requests: float | None
    output_tokens: float | None


class EmissionsResult(Struct, frozen=True, kw_only=True):
    """The footprint of the requests that have one, and how it came to be."""

    object: Literal["organization.usage.emissions.result"] = "organization.usage.emissions.result"
    emissions_kg: Decimal | None = field(name="emissions_kgCO2eq")
    emissions_min_kg: Decimal | None = field(name="emissions_min_kgCO2eq")
    emissions_max_kg: Decimal | None = field(name="emissions_max_kgCO2eq")
    embodied_kg: Decimal | None = field(name="embodied_kgCO2eq")
    energy_kwh: Decimal | None = field(name="energy_kWh")
    water_liters: Decimal | None
    num_model_requests: int
    coverage: Coverage
    methods: list[str]
    basis: list[str]
    warnings: list[str]
    project_id: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    model: str | None = None
    method: str | None = None
    zone: str | None = None
    batch: bool | None = None
    service_tier: str | None = None


def page_of(asked: Asked, lines: Iterable[Line], results: Callable[[Sequence[Line]], list[T]]) -> Page[T]:
    """Return the buckets of a page, empty ones too."""
    by_bucket: dict[datetime | None, list[Line]] = defaultdict(list)
    for line in lines:
        by_bucket[line.opens_at].append(line)
    data = [
        Bucket(
            start_time=int(start.timestamp()),
            end_time=int(start.timestamp()) + asked.seconds,
            results=results(by_bucket[start]) if start in by_bucket else [],
        )
        for start in asked.starts
    ]
    return Page(data=data, has_more=asked.next_page is not None, next_page=asked.next_page)


def nothing(asked: Asked) -> Page[CompletionsResult]:
    """Return the page of what nobody does yet."""
    return page_of(asked, [], lambda _: [])


def completions(asked: Asked, lines: Iterable[Line]) -> Page[CompletionsResult]:
    """Return the usage of language models."""

    def result(line: Line) -> CompletionsResult:
        return CompletionsResult(
            input_tokens=line.sums.input_tokens,
            output_tokens=line.sums.output_tokens,
            input_cached_tokens=line.sums.cached_tokens,
            num_model_requests=line.sums.requests,
            **names(asked, asked.question, line),
        )

    return page_of(asked, lines, lambda found: [result(line) for line in found])


def embeddings(asked: Asked, lines: Iterable[Line]) -> Page[EmbeddingsResult]:
    """Return the usage of embeddings models."""

    def result(line: Line) -> EmbeddingsResult:
        return EmbeddingsResult(
            input_tokens=line.sums.input_tokens,
            num_model_requests=line.sums.requests,
            **names(asked, asked.question, line),
        )

    return page_of(asked, lines, lambda found: [result(line) for line in found])


def costs(asked: Asked, question: Question, lines: Iterable[Line]) -> Page[CostsResult]:
    """Return the euros; by line item, `question` was grouped by the model that answered, and by the one asked."""
    wanted = asked.lists.get("line_items")
    itemised = "line_item" in asked.group_by

    def results(found: Sequence[Line]) -> list[CostsResult]:
        if not itemised and wanted is None:
            return [CostsResult(amount=Euros(line.sums.cost_eur), **names(asked, question, line)) for line in found]
        totals: dict[tuple[Any, ...], Decimal | None] = {}
        for line in found:
            known = names(asked, question, line)
            for item, amount in items(question, line):
                if wanted is None or item in wanted:
                    at = (item if itemised else None, *known.items())
                    totals[at] = plus(totals.get(at), amount)
        return [CostsResult(amount=Euros(total), line_item=at[0], **dict(at[1:])) for at, total in totals.items()]

    return page_of(asked, lines, results)


def items(question: Question, line: Line) -> list[tuple[str, Decimal | None]]:
    """Part a cost in what was read and what was generated; what cannot be parted exactly is under the model alone."""
    told = dict(zip(question.by, line.group, strict=True))
    model, sums = told["resolved_model"] or told["model"] or "", line.sums
    if sums.cost_eur is None:
        return [(model, None)]
    parts = [(f"{model}, input", sums.input_eur), (f"{model}, output", sums.output_eur)]
    rest = sums.cost_eur
    for _, part in parts:
        rest = EXACT.subtract(rest, part or Decimal(0))
    return [part for part in parts if part[1] is not None] + ([(model, rest)] if rest else [])


def emissions(asked: Asked, question: Question, lines: Iterable[Line]) -> Page[EmissionsResult]:
    """Return the footprints; `question` was grouped by method and basis too, so that no mixture goes unsaid."""

    def results(found: Sequence[Line]) -> list[EmissionsResult]:
        groups: dict[tuple[Any, ...], list[Line]] = defaultdict(list)
        for line in found:
            groups[tuple(names(asked, question, line).items())].append(line)
        return [_emissions(question, dict(at), each) for at, each in groups.items()]

    return page_of(asked, lines, results)


def _emissions(question: Question, known: dict[str, Any], lines: Sequence[Line]) -> EmissionsResult:
    told = [dict(zip(question.by, line.group, strict=True)) for line in lines]
    methods = sorted({each["method"] for each in told if each["method"]})
    sums = Sums()
    for line in lines:
        sums = added(sums, line.sums)
    known.pop("basis", None)
    return EmissionsResult(
        emissions_kg=sums.emissions_kg,
        emissions_min_kg=sums.emissions_min_kg,
        emissions_max_kg=sums.emissions_max_kg,
        embodied_kg=sums.embodied_kg,
        energy_kwh=sums.energy_kwh,
        water_liters=sums.water_liters,
        num_model_requests=sums.requests,
        coverage=coverage(sums),
        methods=methods,
        basis=sorted({each["basis"] for each in told if each["basis"]}),
        warnings=[METHODS_DIFFER] if len(methods) > 1 else [],
        **known,
    )


def coverage(sums: Sums) -> Coverage:
    """Return how much of the requests has a footprint."""
    tokens = sums.output_tokens
    return Coverage(
        sums.carbon_known / sums.requests if sums.requests else None, sums.carbon_tokens / tokens if tokens else None
    )


def names(asked: Asked, question: Question, line: Line) -> dict[str, Any]:
    """Return what a line was grouped by, as it was asked."""
    told: dict[Column, str | None] = dict(zip(question.by, line.group, strict=True))
    return {name: told[COLUMNS[name]] for name in asked.group_by if name in COLUMNS}
