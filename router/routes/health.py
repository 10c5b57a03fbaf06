"""`/health` and `/metrics`: what machines ask (2.5.3, 2.5.4)."""

import hmac
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromQuery
from msgspec import Struct

from accounts.gate.gate import Gate
from accounts.revision import Revision
from agents.providers.reach import Reach, reach_all
from metering.ledger import Ledger
from metering.prometheus import CONTENT_TYPE, Metrics
from router.errors import Refused

VERSION = "1.0.0"
TITLE = "CAPL Routeur IA API"


class Health(Struct, frozen=True, omit_defaults=True):
    """How the gateway is; `timestamp` is UTC without offset, six digits of a second."""

    status: str
    version: str
    title: str
    environment: str
    timestamp: str
    providers: dict[str, Reach] | None = None


@get("/health", opt={"public": True}, tags=["health"])
async def health(request: Request[Any, Any, Any], deep: FromQuery[bool] = False) -> Health:  # noqa: FBT002 - a query
    """Say how the gateway is; `deep` looks at each provider too."""
    state = request.app.state
    ledger: Ledger = state.ledger
    providers = await reach_all(state.base_urls) if deep else None
    gate: Gate = state.gate
    revision: Revision = state.revision
    sound = ledger.healthy and gate.healthy and revision.answered and not (providers and "down" in providers.values())
    return Health(
        status="healthy" if sound else "degraded",
        version=VERSION,
        title=TITLE,
        environment=state.environment,
        timestamp=datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds"),
        providers=providers,
    )


@get("/metrics", opt={"public": True}, media_type="text/plain", tags=["health"])
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Expose every counter in the Prometheus text format."""
    token: str | None = request.app.state.metrics_token
    sent = request.headers.get("authorization", "")
    if token is not None and not hmac.compare_digest(sent.encode(), f"Bearer {token}".encode()):
        raise Refused("unauthorized")
    gathered: Metrics = request.app.state.metrics
    return Response(gathered.text(), media_type=CONTENT_TYPE)
