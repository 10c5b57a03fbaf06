"""`GET /usage`: a project's own figures, which agree with its receipts to the digit (C-8)."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.params import Parameter
from msgspec import Struct, field

from metering.ledger import Ledger
from router.auth import Principal
from router.errors import Refused

_encoder = msgspec.json.Encoder(decimal_format="number")


class UsageAnswer(Struct, frozen=True, kw_only=True):
    """Sums over a project's requests; `unknown` counts those whose figures were lost and are in no sum."""

    requests: int
    input_tokens: int
    output_tokens: int
    cost_eur: Decimal
    emissions_kg: Decimal = field(name="emissions_kgCO2eq")
    unknown: int


@get("/usage", tags=["usage"])
async def usage(
    request: Request[Principal, Any, Any],
    start: Annotated[str | None, Parameter(query="from")] = None,
    end: Annotated[str | None, Parameter(query="to")] = None,
    model: str | None = None,
) -> Response[bytes]:
    """Sum the caller's project from `from` (included) to `to` (excluded), of one model if named."""
    ledger: Ledger = request.app.state.ledger
    totals = await ledger.totals(request.user.project_id, _moment(start, "from"), _moment(end, "to"), model)
    answer = UsageAnswer(
        requests=totals.requests,
        input_tokens=totals.input_tokens,
        output_tokens=totals.output_tokens,
        cost_eur=totals.cost_eur,
        emissions_kg=totals.emissions_kg,
        unknown=totals.unknown,
    )
    return Response(_encoder.encode(answer), media_type="application/json")


def _moment(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as cause:
        reason = f"« {name} » doit être une date ISO 8601"
        raise Refused("invalid_request", reason, param=name, source="query") from cause
    return moment.astimezone()
