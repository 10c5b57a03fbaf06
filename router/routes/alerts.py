"""`GET /v1/organization/alerts`: the mails about budgets, and how far each got (6.6)."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct

from accounts.alerts.alerts import Alerts
from accounts.alerts.store import Alert
from router.auth import Principal
from router.framing import answers, as_json

NS = 1_000_000_000


class AlertRow(Struct, frozen=True, kw_only=True):
    """One mail; times in seconds of the epoch.

    `threshold` is in per cent of the limit, `state` is `sent`, `waiting` or `unaddressed`, `failure` is why the last
    try did not succeed.
    """

    object: str = "organization.alert"
    id: str
    budget_id: str
    window_id: str
    threshold: int
    state: str
    recipients: tuple[str, ...]
    subject: str
    created_at: int
    sent_at: int | None
    next_try_at: int | None
    tries: int
    failure: str | None


class AlertPage(Struct, frozen=True, kw_only=True):
    """Alerts, newest first; the next page begins `after` the last of them."""

    object: str = "list"
    data: list[AlertRow]
    first_id: str | None
    last_id: str | None
    has_more: bool


def row_of(alert: Alert) -> AlertRow:
    """Return an alert as it is shown."""
    return AlertRow(
        id=alert.id,
        budget_id=alert.budget_id,
        window_id=alert.window_id,
        threshold=alert.threshold,
        state=alert.state,
        recipients=alert.recipients,
        subject=alert.subject,
        created_at=int(alert.created_at.timestamp()),
        sent_at=None if alert.sent_at is None else int(alert.sent_at.timestamp()),
        next_try_at=alert.due_ns // NS if alert.state == "waiting" else None,
        tries=alert.tries,
        failure=alert.failure,
    )


@get("/v1/organization/alerts", tags=["organization"], responses=answers(AlertPage))
async def list_alerts(
    request: Request[Principal, Any, Any],
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
    after: FromQuery[str | None] = None,
) -> Response[bytes]:
    """List the mails about budgets, newest first."""
    alerts: Alerts = request.app.state.alerts
    found = await alerts.listed(limit + 1, after)
    rows = [row_of(alert) for alert in found[:limit]]
    first, last = (rows[0].id, rows[-1].id) if rows else (None, None)
    page = AlertPage(data=rows, first_id=first, last_id=last, has_more=len(found) > limit)
    return Response(as_json(page), media_type="application/json")


ROUTES = (list_alerts,)
