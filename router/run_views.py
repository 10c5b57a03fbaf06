"""Runs of prompts as callers see them: one by one, and what each version's add up to."""

from datetime import datetime
from decimal import Decimal

from msgspec import Struct, field

from metering.hours import EXACT
from metering.prompt_runs import Run, VersionFigures
from metering.receipt import RequestStatus


class RunTokens(Struct, frozen=True):
    """Tokens read, generated, and both; null where they are unknown."""

    input: int | None
    output: int | None
    total: int | None


class RunRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """A run; `promptName` is null once the prompt is deleted, `model` the one that was asked for. Times in UTC."""

    request_id: str
    prompt_name: str | None
    prompt_version: int
    status: RequestStatus
    model: str
    resolved_model: str | None
    agent: str
    route: str
    duration_ms: int | None
    tokens: RunTokens
    cost_eur: Decimal | None
    emissions_g: Decimal | None = field(name="emissionsGCO2eq")
    at: datetime


class RunList(Struct, frozen=True, rename="camel"):
    """Runs, the newest first, and whether there are older ones."""

    runs: list[RunRow]
    has_more: bool
    success: bool = True


class VersionStatistics(Struct, frozen=True, kw_only=True, rename="camel"):
    """The runs of one version; a sum is null when not one of them has the figure, and leaves out those that lack it.

    `errors` ended without an answer or with their process; `partial` and `clientGone` are counted apart. Latencies are
    those of runs that ended well, by nearest rank.
    """

    prompt_version: int
    runs: int
    errors: int
    error_rate: float
    partial: int
    client_gone: int
    latency_p50_ms: int | None
    latency_p95_ms: int | None
    tokens: RunTokens
    tokens_unknown: int
    cost_eur: Decimal | None
    cost_unknown: int
    emissions_g: Decimal | None = field(name="emissionsGCO2eq")
    emissions_unknown: int
    last_run_at: datetime


class StatisticsAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The versions that were run from `from` (included) to `to` (excluded), the highest number first. Times in UTC."""

    prompt_name: str
    start: datetime = field(name="from")
    end: datetime = field(name="to")
    versions: list[VersionStatistics]
    success: bool = True


def run_row(run: Run, name: str | None) -> RunRow:
    """Return a run as it is shown."""
    return RunRow(
        request_id=run.request_id,
        prompt_name=name,
        prompt_version=run.version,
        status=run.status,
        model=run.model,
        resolved_model=run.resolved_model,
        agent=run.agent,
        route=run.route,
        duration_ms=milliseconds(run.latency_s),
        tokens=RunTokens(run.input_tokens, run.output_tokens, run.total_tokens),
        cost_eur=run.cost_eur,
        emissions_g=grams(run.emissions_kg),
        at=run.at,
    )


def statistics_of(figures: VersionFigures) -> VersionStatistics:
    """Return the figures of a version as they are shown."""
    return VersionStatistics(
        prompt_version=figures.version,
        runs=figures.runs,
        errors=figures.errors,
        error_rate=figures.error_rate,
        partial=figures.partial,
        client_gone=figures.client_gone,
        latency_p50_ms=milliseconds(figures.p50_s),
        latency_p95_ms=milliseconds(figures.p95_s),
        tokens=RunTokens(figures.input_tokens, figures.output_tokens, figures.total_tokens),
        tokens_unknown=figures.tokens_unknown,
        cost_eur=figures.cost_eur,
        cost_unknown=figures.cost_unknown,
        emissions_g=grams(figures.emissions_kg),
        emissions_unknown=figures.emissions_unknown,
        last_run_at=figures.last_run_at,
    )


def milliseconds(seconds: float | None) -> int | None:
    """Return seconds as the answers of runs tell them (3.1.2)."""
    return None if seconds is None else round(seconds * 1000)


def grams(kilograms: Decimal | None) -> Decimal | None:
    """Return kilograms as grams, with every digit."""
    return None if kilograms is None else kilograms.scaleb(3, EXACT)
