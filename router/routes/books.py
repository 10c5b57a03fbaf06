"""`GET /usage`: a project's own figures, which agree with its receipts to the digit (C-8)."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import FromQuery, QueryParameter

from metering.ledger_reader import LedgerReader, Totals
from router.auth import Principal
from router.errors import Refused
from router.framing import answers, as_json

EVER = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


@get("/usage", tags=["usage"], responses=answers(Totals))
async def usage(
    request: Request[Principal, Any, Any],
    start: Annotated[str | None, QueryParameter(name="from")] = None,
    end: Annotated[str | None, QueryParameter(name="to")] = None,
    model: FromQuery[str | None] = None,
) -> Response[bytes]:
    """Sum the caller's project from `from` (included) to `to` (excluded), of one model if named."""
    reader: LedgerReader = request.app.state.reader
    since, until = _moment(start, "from") or EVER, _moment(end, "to") or FOREVER
    totals = await asyncio.to_thread(reader.totals, request.user.project_id, since, until, model)
    return Response(as_json(totals), media_type="application/json")


def _moment(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        # A plus that was not escaped arrives as a blank.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError) as cause:
        reason = f"« {name} » doit être une date ISO 8601"
        raise Refused("invalid_request", reason, param=name, source="query") from cause
