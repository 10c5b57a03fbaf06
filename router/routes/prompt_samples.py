"""`/api/v1/prompts/{name}/samples`: golden samples kept, listed, deleted, and run again as a batch (3.2.6)."""

from asyncio import CancelledError
from collections.abc import Awaitable
from typing import Any, TypeVar, cast

from litestar import Request, Response, delete, get, post
from litestar.params import FromPath

from accounts.pages import MOST_ROWS, USUAL_ROWS, Cut
from agents.prompts.errors import PromptInvalid
from agents.prompts.prompt import StoredPrompt, Which
from agents.prompts.samples import Kept, Samples
from agents.prompts.samples_store import Sample
from metering.middleware import Scope
from metering.receipt import Receipt
from router.auth import Principal
from router.bodies import page_limit, sent
from router.decoding import ClientGone
from router.departure import Departure
from router.framing import answers, as_json
from router.line import line_of
from router.metered import STOPPING, caller_of
from router.prompt_access import MOST_BYTES, NAMED, TAGS, Desk, desk_of
from router.prompt_desk import PromptDesk
from router.prompt_paths import name_in
from router.routes.prompt_keys import Done
from router.sample_runs import SampleRuns
from router.sample_views import (
    MOST_AT_A_TIME,
    BatchReport,
    BatchRequest,
    SampleAnswer,
    SampleList,
    SampleRequest,
    sample_answer,
    sample_row,
)

PATH = f"{NAMED}/samples"
ONE = f"{PATH}/{{sample_id:str}}"
ROUTE = "/api/v1/prompts/{name}/samples"  # as the ledger names the run that makes a sample

T = TypeVar("T")


@get(PATH, tags=TAGS)
async def list_samples(request: Request[Principal, Any, Any], name: FromPath[str]) -> SampleList:
    """List the samples of a prompt, oldest first; `limit` and `after`, an id, page through them."""
    _, prompt = await _found(request, name)
    after, limit = request.query_params.get("after", ""), page_limit(request, MOST_ROWS, USUAL_ROWS)
    if not (after.isascii() and (after.isprintable() or not after)):
        raise PromptInvalid("'after' must be the id of a sample", param="after")
    page = await _samples(request).page(prompt.id, Cut(after, limit))
    return SampleList([sample_row(sample) for sample in page.rows], page.has_more)


@post(PATH, status_code=200, tags=TAGS, opt={"body": SampleRequest}, responses=answers(SampleAnswer))
async def keep_sample(request: Request[Principal, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Keep an answer as the one that later versions are held against; without `output`, that of a run made now."""
    desk, prompt = await _found(request, name)
    asked, samples = await sent(request, SampleRequest, MOST_BYTES), _samples(request)
    plain = await samples.check_free(prompt.id, asked.name, asked.variables)
    if asked.output is None:
        kept, receipt = await _while_there(request, _answered(request, prompt, asked))
    else:
        if asked.version is not None:
            await desk.prompts.version(desk.project_id, prompt.name, Which(asked.version))
        kept, receipt = Kept(output=asked.output, version=asked.version), None
    sample = await samples.keep(prompt.id, plain, asked.variables, kept, desk.author)
    return Response(as_json(sample_answer(sample, receipt)), media_type="application/json")


@get(ONE, tags=TAGS)
async def find_sample(
    request: Request[Principal, Any, Any], name: FromPath[str], sample_id: FromPath[str]
) -> SampleAnswer:
    """Return a sample."""
    _, prompt = await _found(request, name)
    return sample_answer(await _samples(request).find(prompt.id, sample_id))


@delete(ONE, status_code=200, tags=TAGS)
async def delete_sample(request: Request[Principal, Any, Any], name: FromPath[str], sample_id: FromPath[str]) -> Done:
    """Delete a sample."""
    _, prompt = await _found(request, name)
    await _samples(request).remove(prompt.id, sample_id)
    return Done()


@post(f"{PATH}/run", status_code=200, tags=TAGS, opt={"body": BatchRequest}, responses=answers(BatchReport))
async def run_samples(request: Request[Principal, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Run samples again with one version, and report what each answer is beside the one that is kept.

    Each run is a request of its own: admitted, limited, charged and in the books. Whoever leaves ends what is left.
    """
    _, prompt = await _found(request, name)
    asked = await sent(request, BatchRequest)
    if asked.version is not None and asked.label is not None:
        raise PromptInvalid("send 'version' or 'label', not both", param="label")
    runs: PromptDesk = request.app.state.prompt_desk

    async def caller() -> Principal:
        return await caller_of(runs.authenticator, _scope(request))

    runnable = await runs.find(await caller(), prompt.name, Which(asked.version, asked.label))
    samples = await _chosen(_samples(request), prompt, asked)
    report = await _while_there(request, SampleRuns(runs, runnable, caller).report(samples))
    return Response(as_json(report), media_type="application/json")


async def _found(request: Request[Principal, Any, Any], name: str) -> tuple[Desk, StoredPrompt]:
    """Return what the caller may manage, and the prompt of this name in it.

    Raises:
        PromptUnknown: There is none.
        Refused: As `desk_of`.

    """
    desk = await desk_of(request)
    return desk, await desk.prompts.find(desk.project_id, name_in(name))


async def _answered(
    request: Request[Principal, Any, Any], prompt: StoredPrompt, asked: SampleRequest
) -> tuple[Kept, Receipt]:
    """Run the prompt once for a new sample."""
    runs: PromptDesk = request.app.state.prompt_desk
    caller = await caller_of(runs.authenticator, _scope(request))
    runnable = await runs.find(caller, prompt.name, Which(asked.version))
    ran = await runs.run(runs.asked(caller, runnable, asked.variables), ROUTE, runs.meter())
    return Kept(output=ran.output, version=runnable.version, request_id=ran.receipt.request_id), ran.receipt


async def _chosen(samples: Samples, prompt: StoredPrompt, asked: BatchRequest) -> list[Sample]:
    """Return the samples of a batch: those that are named, else all.

    Raises:
        PromptUnknown: The prompt has not got one of them.
        PromptInvalid: It has more than a batch takes, and none is named.

    """
    if asked.samples is not None:
        return await samples.these(prompt.id, asked.samples)
    page = await samples.page(prompt.id, Cut(limit=MOST_AT_A_TIME))
    if page.has_more:
        told = f"The prompt has more than {MOST_AT_A_TIME} samples: name those to run, {MOST_AT_A_TIME} at a time"
        raise PromptInvalid(told, param="samples")
    return page.rows


async def _while_there(request: Request[Any, Any, Any], work: Awaitable[T]) -> T:
    """Return what work brings for a client that waits for it; it is cancelled when the client leaves.

    Raises:
        ClientGone: The client left.
        Refused: `overloaded`: the server is stopping.

    """
    client = Departure(line_of(_scope(request)))
    try:
        async with client:
            return await work
    except CancelledError as cause:
        raise STOPPING from cause
    raise ClientGone


def _scope(request: Request[Any, Any, Any]) -> Scope:
    return cast("Scope", request.scope)


def _samples(request: Request[Any, Any, Any]) -> Samples:
    return request.app.state.samples


ROUTES = (list_samples, keep_sample, find_sample, delete_sample, run_samples)
