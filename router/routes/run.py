"""`POST /api/v1/run`, and the trial of one version: decode, resolve, fill, admit, run, write (3.1, 3.3)."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from accounts.idempotency.idempotency import Idempotency
from accounts.idempotency.store import Stored
from agents.prompts.prompt import Which
from metering.meter import Meter
from metering.middleware import Receive, Scope, Send
from router.answering import answer
from router.decoding import decode, read_body, require_json
from router.errors import Refused
from router.metered import admitted, caller_of, end_unforeseen, require_post
from router.order import Order
from router.prompt_desk import IN_PRODUCTION, PromptDesk
from router.prompt_paths import name_in
from router.replays import Replays
from router.run_refusals import ROUTE, RUNS
from router.words import ENGLISH
from router.writer import Writer

TRIAL = "/api/v1/prompts/{name}/versions/{number}/run"
MOST_BODY_BYTES = 1_000_000
LONGEST_ASKED = 1_000  # characters: a name that is decomposed has more than one for each of ours
HIGHEST = 2**31 - 1  # of the numbers that are looked for
LONGEST_NUMBER = 9  # digits

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_ASKED)]


class RunRequest(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of `POST /api/v1/run`; without `label` and `version` the version in production is meant."""

    prompt_name: Name
    variables: dict[str, Any] = {}
    stream: bool = False
    label: Name | None = None
    version: Annotated[int, Meta(ge=1, le=HIGHEST)] | None = None


class TrialRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of the trial of one version, which the path names."""

    variables: dict[str, Any] = {}
    stream: bool = False


class Wanted(Struct, frozen=True):
    """What a request wants to run."""

    name: str
    which: Which
    variables: dict[str, Any]
    stream: bool


class Run:
    """The ASGI application behind a route that runs prompts.

    Args:
        desk: What every run meets.
        idempotency: Claims keys.
        route: As the ledger names it.
        wanted: Reads what a request wants, from its scope and body.

    """

    def __init__(
        self, desk: PromptDesk, idempotency: Idempotency, route: str, wanted: Callable[[Scope, bytes], Wanted]
    ) -> None:
        self._desk = desk
        self._idempotency = idempotency
        self._route = route
        self._wanted = wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send, meter: Meter) -> None:
        """Serve one request."""
        writer = Writer(send, meter, self._desk.metrics, self._route, scope, RUNS)
        try:
            order = await admitted(self._admit(scope, receive, meter), writer)
            if order is not None:
                await answer(order, scope, writer, meter)
        except Exception as error:  # noqa: BLE001 - the last boundary: an unforeseen error must not leak either
            await end_unforeseen(error, writer, meter)

    async def _admit(self, scope: Scope, receive: Receive, meter: Meter) -> Order | Stored:
        require_post(scope)
        headers = scope["headers"]
        principal = await caller_of(self._desk.authenticator, scope)
        require_json(headers, ENGLISH)
        body = await read_body(receive, headers, MOST_BODY_BYTES, ENGLISH)
        wanted = self._wanted(scope, body)
        runnable = await self._desk.find(principal, wanted.name, wanted.which)
        asked = self._desk.asked(principal, runnable, wanted.variables, stream=wanted.stream)
        # The path says what is run too, where it is not in the body.
        replays = Replays(self._idempotency, scope["path"])
        keeper = await replays.claim(headers, principal.project_id, body, meter)
        if isinstance(keeper, Stored):
            return keeper
        return await self._desk.let_in(asked, meter, self._route, keeper)


def run_of(desk: PromptDesk, idempotency: Idempotency) -> Run:
    """Return the application behind `POST /api/v1/run`."""
    decoder = msgspec.json.Decoder(RunRequest)

    def wanted(scope: Scope, body: bytes) -> Wanted:
        del scope
        request = decode(decoder, body, ENGLISH)
        return Wanted(request.prompt_name, _which(request), request.variables, request.stream)

    return Run(desk, idempotency, ROUTE, wanted)


def trial_of(desk: PromptDesk, idempotency: Idempotency) -> Run:
    """Return the application behind the trial of one version."""
    decoder = msgspec.json.Decoder(TrialRequest)

    def wanted(scope: Scope, body: bytes) -> Wanted:
        # As TRIAL has it, which is how the front came here.
        *_, name, _, number, _ = scope["path"].split("/")
        request = decode(decoder, body, ENGLISH)
        return Wanted(name_in(name), Which(version=_number(number)), request.variables, request.stream)

    return Run(desk, idempotency, TRIAL, wanted)


def _which(request: RunRequest) -> Which:
    if request.label is None and request.version is None:
        return IN_PRODUCTION
    if request.label is not None and request.version is not None:
        raise Refused("invalid_request", "send 'label' or 'version', not both", param="label")
    return Which(request.version, request.label)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER and int(text) >= 1):
        raise Refused("invalid_request", "a version is a whole number from 1", param="version", source="path")
    return int(text)
