"""How a request that was let in is answered: as one body, or as events as they come; settled before the last write."""

from asyncio import CancelledError
from collections.abc import Callable
from functools import partial

from agents.messages import Done
from metering.meter import Meter
from metering.middleware import Scope
from metering.receipt import Receipt
from router.departure import Departure
from router.line import line_of
from router.metered import FORESEEN, STOPPING, settle_without_answer, write_whole
from router.order import Order
from router.writer import Writer


async def answer(order: Order, scope: Scope, writer: Writer, meter: Meter) -> None:
    """Run an order, and write its answer or why there is none."""
    writer.holds(order.hold)
    try:
        if order.task.stream:
            await _stream(order, scope, writer, meter)
        else:
            await write_whole(_collected(order), order.keeper, scope, writer, meter)
    finally:
        await order.end(meter)


async def text_of(order: Order) -> str:
    """Run an order to its end, and return the whole answer."""
    pieces: list[str] = []
    async with order.opened() as events:
        async for event in events:
            if not isinstance(event, Done):
                pieces += event.pieces
    return "".join(pieces)


async def _collected(order: Order) -> Callable[[Receipt], bytes]:
    """Collect the stream into one body."""
    text = await text_of(order)
    order.framing.before_body()
    return partial(order.framing.body, text, order.turns)


async def _stream(order: Order, scope: Scope, writer: Writer, meter: Meter) -> None:
    """Write whole events as they come; settle, then write the last one."""
    error: Exception | None = None
    kept = None if order.keeper is None else order.keeper.blocks
    async with Departure(line_of(scope), writer.keep_alive, writer.last_write) as client:
        try:
            async with order.opened() as events:
                async for event in events:
                    if not isinstance(event, Done):
                        await writer.pieces(order.framing, event.pieces, kept)
        except FORESEEN as failure:
            # Its traceback holds this frame and all that came of the answer: they would wait for the collector.
            error = failure.with_traceback(None)
        except CancelledError:
            if client.gone:
                raise
            # The server is stopping: the stream ends with an error event, not with a cut.
            error = STOPPING
    if client.gone:
        await settle_without_answer(meter, "client_gone")
        return
    if error is not None and not writer.started:
        await settle_without_answer(meter, "error")
        await writer.refuse(error)
        return
    await writer.last(order.framing, order.turns, error, order.keeper)
