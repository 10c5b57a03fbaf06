"""`/v1/organization/usage/*` and `/costs`: what the organisation used, spent and emitted, for its administrators."""

from collections.abc import AsyncIterator
from itertools import chain
from typing import Any

from litestar import Request, Response, get
from litestar.response import Stream
from msgspec import Struct
from msgspec.structs import replace

from metering.question import CARBON, EURO, SECONDS_HEARD, SPLIT_EURO
from metering.reports import Reports
from router.framing import answers, as_json
from router.report_audio import SpeechesResult, TranscriptionsResult, speeches, transcriptions
from router.report_export import written
from router.report_pages import (
    CompletionsResult,
    CostsResult,
    EmbeddingsResult,
    EmissionsResult,
    Page,
    completions,
    costs,
    embeddings,
    emissions,
    nothing,
)
from router.report_query import COST_LIMITS, USAGE_LIMITS, Form, asked, every_page, refused, with_amounts

FILTERS = frozenset({"project_ids", "user_ids", "api_key_ids", "models", "group_by"})
WHO = ("project_id", "user_id", "api_key_id")
COMPLETIONS = Form(
    limits=USAGE_LIMITS, lists=FILTERS, groups=(*WHO, "model", "batch", "service_tier"), switches=frozenset({"batch"})
)
OTHERS = Form(limits=USAGE_LIMITS, lists=FILTERS, groups=(*WHO, "model"))
EMISSIONS = Form(
    limits=USAGE_LIMITS,
    lists=FILTERS,
    groups=(*WHO, "model", "method", "basis", "zone", "batch", "service_tier"),
)
COSTS = Form(
    limits=COST_LIMITS,
    lists=frozenset({"project_ids", "user_ids", "api_key_ids", "line_items", "group_by"}),
    groups=(*WHO, "line_item"),
)
EXPORT = Form(limits=USAGE_LIMITS, lists=FILTERS, groups=EMISSIONS.groups, switches=frozenset({"format"}))
MEDIA = {"csv": "text/csv; charset=utf-8; header=present", "json": "application/json"}
Asking = Request[Any, Any, Any]


@get(
    "/v1/organization/usage/completions",
    tags=["reports"],
    responses=answers(Page[CompletionsResult]),
)
async def completions_usage(request: Asking) -> Response[bytes]:
    """Tokens and requests of language models, by bucket; batches are not offered, so `batch=true` has none.

    What was asked of an embeddings model, such as to take in a document, is in the report of embeddings. What was asked
    of one that hears or speaks is in theirs, but for requests that end with a language model, as minutes do.
    """
    query = asked(request.scope["query_string"], COMPLETIONS)
    batch = query.switches.get("batch", "false")
    if batch not in {"true", "false"}:
        raise refused("batch", "give true or false")
    if batch == "true":
        return _written(nothing(query))
    reports: Reports = request.app.state.reports
    question = replace(query.question, not_models=request.app.state.chatless_models)
    return _written(completions(query, await reports.lines(question)))


@get(
    "/v1/organization/usage/embeddings",
    tags=["reports"],
    responses=answers(Page[EmbeddingsResult]),
)
async def embeddings_usage(request: Asking) -> Response[bytes]:
    """Tokens and requests of embeddings models, by bucket."""
    query = asked(request.scope["query_string"], OTHERS)
    known: tuple[str, ...] = request.app.state.embeddings_models
    wanted = query.question.models
    models = known if wanted is None else tuple(name for name in wanted if name in known)
    if not models:
        return _written(nothing(query))
    reports: Reports = request.app.state.reports
    return _written(embeddings(query, await reports.lines(replace(query.question, models=models))))


@get(
    "/v1/organization/usage/audio_transcriptions",
    tags=["reports"],
    responses=answers(Page[TranscriptionsResult]),
)
async def transcriptions_usage(request: Asking) -> Response[bytes]:
    """Seconds of audio that were heard, by bucket; each part of a recording is a model request of its own.

    A model is the one that a request asked for, which for a spoken conversation is the one that answers.
    """
    query = asked(request.scope["query_string"], OTHERS)
    reports: Reports = request.app.state.reports
    return _written(transcriptions(query, await reports.lines(with_amounts(query.question, SECONDS_HEARD))))


@get(
    "/v1/organization/usage/audio_speeches",
    tags=["reports"],
    responses=answers(Page[SpeechesResult]),
)
async def speeches_usage(request: Asking) -> Response[bytes]:
    """Characters that were spoken, by bucket; as in the usage of audio transcriptions."""
    query = asked(request.scope["query_string"], OTHERS)
    reports: Reports = request.app.state.reports
    return _written(speeches(query, await reports.lines(query.question)))


@get("/v1/organization/costs", tags=["reports"], responses=answers(Page[CostsResult]))
async def spending(request: Asking) -> Response[bytes]:
    """Euros by day; a line item is `<model>, input` or `<model>, output`, by the model that answered."""
    query = asked(request.scope["query_string"], COSTS)
    if "line_item" in query.group_by or "line_items" in query.lists:
        question = with_amounts(query.question, SPLIT_EURO, "resolved_model", "model")
    else:
        question = with_amounts(query.question, EURO)
    reports: Reports = request.app.state.reports
    return _written(costs(query, question, await reports.lines(question)))


@get(
    "/v1/organization/usage/emissions",
    tags=["reports"],
    responses=answers(Page[EmissionsResult]),
)
async def emissions_usage(request: Asking) -> Response[bytes]:
    """Footprints by bucket, with their range, how many requests have one, and by which methods."""
    query = asked(request.scope["query_string"], EMISSIONS)
    question = with_amounts(query.question, CARBON, "method", "basis")
    reports: Reports = request.app.state.reports
    return _written(emissions(query, question, await reports.lines(question)))


@get("/v1/organization/usage/export", tags=["reports"], media_type="text/csv")
async def export(request: Asking) -> Stream:
    """Everything at once, as a file: `format` is csv or json."""
    query: bytes = request.scope["query_string"]
    pages = every_page(query, EXPORT)
    first = next(pages)
    kind = first.switches.get("format", "csv")
    if kind not in ("csv", "json"):
        raise refused("format", "give csv or json")
    chunks = written(request.app.state.reports, chain([first], pages), kind)
    # What goes wrong at once is told as an error, not in the middle of a file.
    begun = [await anext(chunks), await anext(chunks, b"")]
    name = f"usage-{first.question.start:%Y-%m-%d}.{kind}"
    return Stream(
        _resumed(begun, chunks),
        media_type=MEDIA[kind],
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


async def _resumed(begun: list[bytes], chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in begun:
        yield chunk
    async for chunk in chunks:
        yield chunk


def _written(page: Struct) -> Response[bytes]:
    return Response(as_json(page), media_type="application/json")


ROUTES = (completions_usage, embeddings_usage, transcriptions_usage, speeches_usage, spending, emissions_usage, export)
