"""The OpenAPI document: the cold routes as they are, and a twin of each raw one that is never called."""

import re
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import Components, OpenAPIType, Schema, SecurityScheme
from litestar.params import Body, FromQuery
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition
from msgspec import UNSET, Struct, UnsetType

from agents.reading import Check, Source
from metering.receipt import Receipt, UsageSums
from router.families import (
    F1,
    F2,
    F3,
    F4,
    F5,
    AnthropicProblem,
    Failure,
    LangfuseProblem,
    OpenAIProblem,
    Problem,
    family_of,
)
from router.minuted import MeetingAnswer
from router.requests import CompletionRequest
from router.routes.meeting import USUAL_S
from router.routes.run import TRIAL
from router.routes.transcription import MOST_S, TranscriptionAnswer
from router.run_refusals import ROUTE as RUN
from router.run_twins import RUN_TWINS
from router.tool_twins import TWINS as TOOL_TWINS

TITLE = "CAPL Routeur IA API"
VERSION = "1.0.0"
SHAPES = {F1: Problem, F2: Failure, F3: OpenAIProblem, F4: AnthropicProblem, F5: LangfuseProblem}
PARAMETER = re.compile(r":\w+\}")
REFUSALS = (400, 401, 404, 409, 413, 415, 429, 502, 503, 504)
STREAM_DOC = (
    "With `stream: true` the answer is `text/event-stream`: lines `data: {json}` with `content`, `done` and "
    "`metadata`; the last one has `done: true` and the receipt."
)
HEARD_DOC = (
    "The recording is a form's part `file`: wav, mp3, m4a, mp4, webm, ogg or flac, whatever it is called, of at most "
    "four hours. `duration` is in seconds, by decoding."
)
MEETING_DOC = (
    "The meeting is a form's part `file`, in any of the formats of `/transcription`. `text` holds its minutes in "
    "Markdown, `transcript` what was said and when, in seconds. With `Accept: text/event-stream` lines `data: {json}` "
    "tell how far it is; the last one has `done: true`, the whole answer beside it, and the receipt as `metadata`."
)


class CompletionMetadata(Receipt, frozen=True, kw_only=True):
    """The receipt, how many messages the conversation has with the answer, and what was read of documents."""

    message_count: int
    sources: list[Source] | UnsetType = UNSET
    check: Check | UnsetType = UNSET


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


@post(
    "/transcription",
    status_code=200,
    tags=["transcription"],
    description=HEARD_DOC,
    responses={status: ResponseSpec(Problem, description="Error F1", generate_examples=False) for status in REFUSALS},
)
async def hear(language: FromQuery[str | None] = None) -> TranscriptionAnswer:
    """Transcribe a recording, with a receipt."""
    raise NotImplementedError(language)


@post(
    "/transcription/meeting",
    status_code=200,
    tags=["transcription"],
    description=MEETING_DOC,
    responses={status: ResponseSpec(Problem, description="Error F1", generate_examples=False) for status in REFUSALS},
)
async def meet(language: FromQuery[str | None] = None) -> MeetingAnswer:
    """Write the minutes of a recorded meeting, with its transcript and a receipt."""
    raise NotImplementedError(language)


# The routes that are served beside the framework, with the forms of those that take one.
TWINS = (*TOOL_TWINS, *RUN_TWINS)
RAW_ROUTES = (complete, hear, meet, *TWINS)
LANGUAGE = {"type": "string", "description": "ISO 639-1; detected where neither form nor query says it"}
FORMS: dict[str, dict[str, Any]] = {
    "/transcription": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {
                "type": "string",
                "format": "binary",
                "description": "At most 25 MB; its content tells its format",
            },
            "language": LANGUAGE,
        },
    },
    "/transcription/meeting": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {
                "type": "string",
                "format": "binary",
                "description": "At most 200 MB; its content tells its format",
            },
            "project_id": {"type": "string", "description": "What it is booked on; the caller's own project without"},
            "max_duration_seconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_S,
                "default": USUAL_S,
                "description": "A longer recording is refused",
            },
            "language": LANGUAGE,
        },
    },
}
CREDENTIALS: list[dict[str, list[str]]] = [{"bearer": []}, {"key": []}]
STREAMED = ("/completion", "/transcription/meeting", RUN, TRIAL)


class ExactNumbers(OpenAPISchemaPlugin):
    """Decimals leave as JSON numbers, not as the strings that the framework would write."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:  # noqa: ANN401 - the framework's own signature
        """Say whether this is a decimal."""
        return value is Decimal

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: object) -> Schema:
        """Describe a decimal."""
        del field_definition, schema_creator
        return Schema(type=OpenAPIType.NUMBER)


@cache
def document(routes: tuple[HTTPRouteHandler, ...]) -> bytes:
    """Return the OpenAPI document of these routes and the raw ones, as JSON."""
    bearer = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
    key = SecurityScheme(type="apiKey", name="x-api-key", security_scheme_in="header")
    pair = SecurityScheme(
        type="http", scheme="basic", description="Any public key, and a key of ours as the secret one"
    )
    config = OpenAPIConfig(
        title=TITLE,
        version=VERSION,
        components=Components(security_schemes={"bearer": bearer, "key": key, "pair": pair}),
        security=CREDENTIALS,
        create_examples=False,
    )
    handlers = [*routes, *RAW_ROUTES]
    twin = Litestar(route_handlers=handlers, openapi_config=config, logging_config=None, plugins=[ExactNumbers()])
    schema = twin.openapi_schema.to_schema()
    _say_what_the_framework_cannot(schema, (*routes, *TWINS))
    return msgspec.json.format(msgspec.json.encode(schema), indent=2)


def _say_what_the_framework_cannot(document: dict[str, Any], routes: tuple[HTTPRouteHandler, ...]) -> None:
    """Mark what is public, say what bodies hold, give every refusal its shape, name the second form of an answer."""
    paths = document["paths"]
    for path in STREAMED:
        content = paths[path]["post"]["responses"]["200"]["content"]
        content["text/event-stream"] = {"schema": {"type": "string"}}
    for path, form in FORMS.items():
        paths[path]["post"]["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    shapes = [route.opt["body"] for route in routes if "body" in route.opt]
    references, described = msgspec.json.schema_components(
        [*SHAPES.values(), *shapes], ref_template="#/components/schemas/{name}"
    )
    document["components"]["schemas"] |= described
    refusals = dict(zip(SHAPES, references, strict=False))
    bodies = dict(zip(shapes, references[len(SHAPES) :], strict=True))
    for route in routes:
        for path in route.paths:
            shown = PARAMETER.sub("}", path)
            for method in route.http_methods:
                _describe(paths[shown][method.lower()], route, refusals[family_of(path)], bodies)
                if family_of(path) is F5:
                    paths[shown][method.lower()]["security"] = [{"pair": []}, *CREDENTIALS]


def _describe(
    operation: dict[str, Any], route: HTTPRouteHandler, refusal: dict[str, Any], bodies: dict[type, dict[str, Any]]
) -> None:
    """Say of one operation what the framework cannot know."""
    told = {"description": "Refused", "content": {"application/json": {"schema": refusal}}}
    body = bodies.get(route.opt.get("body", type(None)))
    if body is not None:
        content = {"application/json": {"schema": body}}
        if "form" in route.opt:
            content["multipart/form-data"] = {"schema": route.opt["form"]}
        operation["requestBody"] = {"required": True, "content": content}
    if body is not None or "400" in operation["responses"]:
        operation["responses"]["400"] = told
    if route.opt.get("public"):
        operation["security"] = []
    else:
        operation["responses"]["401"] = told


@get("/openapi.json", tags=["discovery"])
async def describe(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return this document."""
    return Response(document(request.app.state.routes), media_type="application/json")
