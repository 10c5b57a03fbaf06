"""The OpenAPI document: the cold routes as they are, and a twin of the raw one that is never called."""

from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import Body
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from metering.receipt import Receipt, UsageSums
from router.errors import Problem
from router.requests import CompletionRequest

TITLE = "CAPL Routeur IA API"
VERSION = "1.0.0"
REFUSALS = (400, 401, 404, 413, 415, 429, 502, 503, 504)
STREAM_DOC = (
    "With `stream: true` the answer is `text/event-stream`: lines `data: {json}` with `content`, `done` and "
    "`metadata`; the last one has `done: true` and the receipt."
)


class CompletionMetadata(Receipt, frozen=True, kw_only=True):
    """The receipt, and how many messages the conversation has with the answer."""

    message_count: int


class CompletionAnswer(Struct, frozen=True):
    """The answer and what it cost."""

    response: str
    model: str
    agent: Literal["V1", "V2"]
    usage: UsageSums
    metadata: CompletionMetadata


@post(
    "/completion",
    status_code=200,
    tags=["completion"],
    description=STREAM_DOC,
    responses={status: ResponseSpec(Problem, description="Error F1", generate_examples=False) for status in REFUSALS},
)
async def complete(data: Annotated[CompletionRequest, Body()]) -> CompletionAnswer:
    """Answer a message with a model, through a pipeline, with a receipt."""
    raise NotImplementedError(data)


@cache
def document(routes: tuple[ControllerRouterHandler, ...]) -> bytes:
    """Return the OpenAPI document of these routes and the raw one, as JSON."""
    bearer = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
    config = OpenAPIConfig(
        title=TITLE,
        version=VERSION,
        components=Components(security_schemes={"bearer": bearer}),
        security=[{"bearer": []}],
        create_examples=False,
    )
    twin = Litestar(route_handlers=[*routes, complete], openapi_config=config, logging_config=None)
    return msgspec.json.format(msgspec.json.encode(twin.openapi_schema.to_schema()), indent=2)


@get("/openapi.json", tags=["discovery"])
async def describe(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return this document."""
    return Response(document(request.app.state.routes), media_type="application/json")
