"""Runs of prompts as the OpenAPI document describes them: twins of the raw routes, never called."""

from typing import Any, Literal

from litestar import post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath
from msgspec import Struct

from metering.receipt import Receipt, UsageSums
from router.families import Failure
from router.routes.run import TRIAL, RunRequest, TrialRequest
from router.run_refusals import ROUTE

REFUSALS = (400, 401, 403, 404, 413, 429, 500)
RUN_DOC = (
    "Every variable of the version must be given; what is given beyond them is left aside. With `stream: true` the "
    "answer is `text/event-stream`: lines `data: {json}` with `success`, `delta` and `done`; the last one has `done: "
    "true`, the whole `output` and the receipt as `metadata`, or `success: false` and `error`."
)
RUN: dict[str, Any] = {
    "status_code": 200,
    "tags": ["prompts"],
    "description": RUN_DOC,
    "responses": dict.fromkeys(REFUSALS, ResponseSpec(Failure, description="Error F2", generate_examples=False)),
}


class RunAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a version of a prompt answered, in how many milliseconds, and what it cost."""

    success: Literal[True]
    output: str
    prompt_version: int
    duration_ms: int
    model: str
    usage: UsageSums
    metadata: Receipt


@post(ROUTE, **RUN, opt={"body": RunRequest})
async def run_prompt() -> RunAnswer:
    """Run a prompt by its name: the version in production, or the one of a label or number."""
    raise NotImplementedError


@post(TRIAL.replace("{name}", "{name:str}").replace("{number}", "{number:int}"), **RUN, opt={"body": TrialRequest})
async def try_version(name: FromPath[str], number: FromPath[int]) -> RunAnswer:
    """Run one version of a prompt, a draft too."""
    raise NotImplementedError(name, number)


RUN_TWINS = (run_prompt, try_version)
