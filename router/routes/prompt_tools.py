"""`POST /v1/experimental/{generate,improve,templatize}_prompt`: the prompt tools as Anthropic offers them (5.1-5.4)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

import msgspec

from accounts.idempotency.store import Stored
from metering.meter import Meter
from metering.middleware import Receive, Scope, Send
from metering.prometheus import Metrics
from metering.receipt import Receipt
from router.decoding import decode, read_body, require_json
from router.errors import Refused
from router.families import F4
from router.framing import as_json
from router.manners import Manner
from router.metered import admitted, caller_of, end_unforeseen, require_post, write_whole
from router.tool_desk import Job, ToolDesk
from router.tool_work import Asked, GenerateRequest, ImproveRequest, Reach, TemplatizeRequest
from router.words import ENGLISH
from router.writer import Writer

PATH = "/v1/experimental"
BETA = "prompt-tools-2025-04-02"
# The vendor takes 32 MB (5.4). The longest prompt that is taken here has fewer bytes than this, however it is escaped,
# so whatever is larger is told so before it is read.
MOST_BODY_BYTES = 4_000_000
Admit = Callable[[Scope, Receive, Meter], Awaitable[Job | Stored]]
TOOLS: Mapping[str, type[GenerateRequest] | type[ImproveRequest] | type[TemplatizeRequest]] = {
    f"{PATH}/generate_prompt": GenerateRequest,
    f"{PATH}/improve_prompt": ImproveRequest,
    f"{PATH}/templatize_prompt": TemplatizeRequest,
}


class PromptTool:
    """The ASGI application behind one of the tools.

    Args:
        metrics: Where answered requests are counted.
        route: As the ledger names it.
        admit: Returns what a request wants and was let in with, or the answer that it had before.
        manner: How it refuses; None for that of the path's family.

    """

    def __init__(self, metrics: Metrics, route: str, admit: Admit, manner: Manner | None = None) -> None:
        self._metrics = metrics
        self._route = route
        self._admit = admit
        self._manner = manner

    async def __call__(self, scope: Scope, receive: Receive, send: Send, meter: Meter) -> None:
        """Serve one request."""
        writer = Writer(send, meter, self._metrics, self._route, scope, self._manner)
        try:
            await self._serve(scope, receive, writer, meter)
        except Exception as error:  # noqa: BLE001 - the last boundary: an unforeseen error must not leak either
            await end_unforeseen(error, writer, meter)

    async def _serve(self, scope: Scope, receive: Receive, writer: Writer, meter: Meter) -> None:
        job = await admitted(self._admit(scope, receive, meter), writer)
        if job is None:
            return
        writer.holds(job.order.hold)
        try:
            await write_whole(job.work(job.order.reach, meter), job.order.keeper, scope, writer, meter)
        finally:
            await job.order.end(meter)


class VendorEdge:
    """How requests come in that have the vendor's shapes.

    Args:
        desk: What each of them meets.
        route: Which tool.

    """

    def __init__(self, desk: ToolDesk, route: str) -> None:
        self._desk = desk
        self._route = route
        self._decoder: msgspec.json.Decoder[Asked] = msgspec.json.Decoder(TOOLS[route])

    async def admit(self, scope: Scope, receive: Receive, meter: Meter) -> Job | Stored:
        """Return what a request wants and was let in with, or the answer that it had before.

        Raises:
            Refused: It is not as it must be, or may not be made.
            AccountError, StorageDown: As `ToolDesk.take` says.
            ClientGone: Nobody waits for it.

        """
        require_post(scope)
        headers = scope["headers"]
        principal = await caller_of(self._desk.authenticator, scope)
        self._desk.check_permission(principal, F4)
        if self._desk.require_beta:
            require_beta(headers)
        require_json(headers, ENGLISH)
        body = await read_body(receive, headers, MOST_BODY_BYTES, ENGLISH)
        asked = decode(self._decoder, body, ENGLISH)
        texts = asked.texts()
        order = await self._desk.take(principal, texts, scope=scope, body=body, meter=meter, route=self._route)
        return order if isinstance(order, Stored) else Job(order, partial(_body, asked))


async def _body(asked: Asked, reach: Reach | None, meter: Meter) -> Callable[[Receipt], bytes]:
    reply = await asked.reply(reach)
    for warning in reply.warnings:
        meter.warn(warning)
    return lambda receipt: as_json(reply.answer(receipt))


def tool_of(desk: ToolDesk, route: str) -> PromptTool:
    """Return the application behind one of the vendor's tools."""
    return PromptTool(desk.metrics, route, VendorEdge(desk, route).admit)


def require_beta(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse a request that does not name the tools' beta, in a list by comma or in a header of its own (5.1.4).

    Raises:
        Refused: `invalid_request`.

    """
    named = [value for name, value in headers if name == b"anthropic-beta"]
    if BETA.encode() not in {beta.strip() for value in named for beta in value.split(b",")}:
        reason = f"the prompt tools are in beta: send the header 'anthropic-beta: {BETA}'"
        raise Refused("invalid_request", reason, param="anthropic-beta", source="header")
