"""`GET /usage`: a project's own figures, which agree with its receipts to the digit (C-8)."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct, field

from metering.hours import Sums
from metering.question import EVER, FOREVER, Question
from metering.reports import Reports
from router.auth import Principal
from router.errors import Refused
from router.families import F1
from router.framing import answers, as_json
from router.moments import moment_in


class Totals(Struct, frozen=True, kw_only=True):
    """Sums over requests, exact; `unknown` counts those that lack a figure, which the sums leave out.

    A sum is null when there were requests and not one of them has the figure.
    """

    requests: int
    input_tokens: int | None
    output_tokens: int | None
    cost_eur: Decimal | None
    emissions_kg: Decimal | None = field(name="emissions_kgCO2eq")
    unknown: int


NO_REQUESTS = Totals(
    requests=0, input_tokens=0, output_tokens=0, cost_eur=Decimal(0), emissions_kg=Decimal(0), unknown=0
)


@get("/usage", tags=["usage"], responses=answers(Totals))
async def usage(
    request: Request[Principal, Any, Any],
    start: Annotated[str | None, QueryParameter(name="from")] = None,
    end: Annotated[str | None, QueryParameter(name="to")] = None,
    model: FromQuery[str | None] = None,
    key: FromQuery[str | None] = None,
) -> Response[bytes]:
    """Sum what the caller's project was let in for from `from` (included) to `to` (excluded).

    `model` takes one asked model alone, `key` the requests of one key of the project by its id, or `mine`.
    """
    question = Question(
        start=moment_in(start, "from", F1) or EVER,
        end=moment_in(end, "to", F1) or FOREVER,
        amounts=("cost_eur", "emissions_kg"),
        projects=(request.user.project_id,),
        models=None if model is None else (model,),
        keys=None if key is None else (_own(request.user) if key == "mine" else key,),
    )
    reports: Reports = request.app.state.reports
    return Response(as_json(_totals(await reports.total(question))), media_type="application/json")


def _totals(sums: Sums) -> Totals:
    if not sums.requests:
        return NO_REQUESTS
    return Totals(
        requests=sums.requests,
        input_tokens=sums.input_tokens,
        output_tokens=sums.output_tokens,
        cost_eur=sums.cost_eur,
        emissions_kg=sums.emissions_kg,
        unknown=sums.unknown,
    )


def _own(caller: Principal) -> str:
    if caller.key_id is None:
        raise Refused("invalid_request", "« mine » demande une clé ; ce jeton n'en a pas", param="key", source="query")
    return caller.key_id
