"""`/models`, `/agents`, `/equivalences` and `HEAD /`: what there is to call (2.5)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from litestar import Request, Response, get, head
from msgspec import Struct

from agents import PIPELINES
from metering.equivalences import Published, published
from metering.impact import Basis
from metering.reckoning import Scale, plain
from metering.usage import Usage
from router.framing import answers, as_json
from router.menu import Menu, Row

# A thousand tokens stay under every tier, so the first rate is the one that shows.
THOUSAND_EACH = Usage(input_uncached=1000, output_visible=1000)
AGENT_TEXTS = {"V1": "Current production orchestrated workflow", "V2": "Isolated V2 workflow (default)"}


class TokenPrices(Struct, frozen=True):
    """Euros per million tokens at today's rate."""

    input: Decimal
    output: Decimal


class CarbonBasis(Struct, frozen=True):
    """What the footprint of a model rests on."""

    basis: Basis
    zone: str | None
    canonical: str


class ModelRow(Struct, frozen=True):
    """One callable model; `stand_in` names the embedded model that answers for it, if one does."""

    name: str
    provider: str
    description: str
    supports_streaming: bool
    context_window: int
    pricing_eur_per_million: TokenPrices
    emissions: CarbonBasis
    available: bool
    stand_in: str | None


class ModelList(Struct, frozen=True):
    """Every model."""

    models: list[ModelRow]
    total: int


class AgentRow(Struct, frozen=True):
    """One pipeline."""

    type: str
    name: str
    description: str
    available: bool


class AgentList(Struct, frozen=True):
    """Every pipeline."""

    agents: list[AgentRow]
    total: int


@get("/models", tags=["discovery"], responses=answers(ModelList))
async def list_models(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the chat models, with today's prices in euros."""
    menu: Menu = request.app.state.menu
    scales: dict[str, Scale] = request.app.state.scales
    rows = [_model_row(row, scales[row.model.name]) for row in menu.rows()]
    return Response(as_json(ModelList(rows, len(rows))), media_type="application/json")


def _model_row(row: Row, scale: Scale) -> ModelRow:
    model = row.model
    cost = scale.tariff.cost(THOUSAND_EACH, datetime.now(UTC).date())
    impact = scale.impact.impact(1, 1.0, None)
    return ModelRow(
        name=model.name,
        provider=model.provider,
        description=model.description,
        supports_streaming=True,
        context_window=model.context_window,
        pricing_eur_per_million=TokenPrices(plain(cost.input * 1000), plain(cost.output * 1000)),
        emissions=CarbonBasis(impact.basis, impact.zone, model.canonical),
        available=row.available,
        stand_in=None if row.stand_in is None else row.stand_in.name,
    )


@get("/agents", tags=["discovery"])
async def list_agents() -> AgentList:
    """List the pipelines."""
    rows = [AgentRow(name, name, AGENT_TEXTS[name], available=True) for name in PIPELINES]
    return AgentList(rows, len(rows))


@get("/equivalences", opt={"public": True}, tags=["discovery"], responses=answers(Published))
async def list_equivalences() -> Response[bytes]:
    """Publish the factors behind the equivalences, with their sources (M-10)."""
    return Response(as_json(published()), media_type="application/json")


@head("/", opt={"public": True}, tags=["discovery"])
async def greet() -> None:
    """Say that somebody is here."""
