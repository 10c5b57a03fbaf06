"""`spend_limit` and `spend_alerts` in OpenAI's shapes: monthly euro budgets in cents, of all or of a project (6.2)."""

from typing import Annotated, Any, Literal

from litestar import Request, delete, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Meta, Struct

from accounts.budgets.budget import BudgetState
from accounts.budgets.spend_limits import Alert, Currency, Owner, SpendLimits, Threshold, threshold_of
from accounts.budgets.store import Asked
from accounts.errors import BudgetInvalid
from router.bodies import sent

ALL = "/v1/organization"
PROJECT = "/v1/organization/projects/{project_id:str}"
LIMIT = "/spend_limit"
ALERTS = "/spend_alerts"
ALERT = ALERTS + "/{alert_id:str}"
MOST_CENTS = 10**14
MOST_ROWS = 100


class NewLimit(Struct, frozen=True):
    """What is asked for; fields that the vendor may add are ignored."""

    threshold_amount: Annotated[int, Meta(ge=1, le=MOST_CENTS)]
    currency: Currency
    interval: Literal["month"]


class Channel(Struct, frozen=True):
    """Whom an alert tells."""

    recipients: tuple[str, ...]
    type: Literal["email"]
    subject_prefix: str | None = None


class NewAlert(Struct, frozen=True):
    """What is asked for; fields that the vendor may add are ignored."""

    threshold_amount: Annotated[int, Meta(ge=0, le=MOST_CENTS)]
    currency: Currency
    interval: Literal["month"]
    notification_channel: Channel


class Enforcement(Struct, frozen=True):
    """`enforcing` while requests that cost are refused, for nothing is left."""

    status: Literal["inactive", "enforcing"]


class SpendLimit(Struct, frozen=True, kw_only=True):
    """A hard monthly limit."""

    object: str
    threshold_amount: int
    currency: Currency
    interval: str = "month"
    enforcement: Enforcement


class SpendAlert(Struct, frozen=True, kw_only=True):
    """A soft monthly limit."""

    id: str
    object: str
    threshold_amount: int
    currency: Currency
    interval: str = "month"
    notification_channel: Channel


class SpendAlertList(Struct, frozen=True, kw_only=True):
    """Some alerts."""

    object: str = "list"
    data: list[SpendAlert]
    first_id: str | None
    last_id: str | None
    has_more: bool


class LimitDeleted(Struct, frozen=True, kw_only=True):
    """The limit is gone."""

    object: str
    deleted: bool = True


class AlertDeleted(Struct, frozen=True, kw_only=True):
    """An alert is gone."""

    id: str
    object: str
    deleted: bool = True


@get([ALL + LIMIT, PROJECT + LIMIT], tags=["budgets"])
async def show_limit(request: Request[Any, Any, Any]) -> SpendLimit:
    """Return the hard monthly limit in euros."""
    owner = _owner(request)
    return _limit_view(owner, await _limits(request).limit(owner))


@post([ALL + LIMIT, PROJECT + LIMIT], status_code=200, tags=["budgets"], opt={"body": NewLimit})
async def set_limit(request: Request[Any, Any, Any]) -> SpendLimit:
    """Set the hard monthly limit; dollars are turned into euros at the latest rate, once."""
    owner, new = _owner(request), await sent(request, NewLimit)
    threshold = Threshold(new.threshold_amount, new.currency)
    return _limit_view(owner, await _limits(request).set_limit(owner, threshold))


@delete([ALL + LIMIT, PROJECT + LIMIT], status_code=200, tags=["budgets"])
async def remove_limit(request: Request[Any, Any, Any]) -> LimitDeleted:
    """Remove the hard monthly limit."""
    owner = _owner(request)
    await _limits(request).remove_limit(owner)
    return LimitDeleted(object=f"{owner.scope}.spend_limit.deleted")


@get([ALL + ALERTS, PROJECT + ALERTS], tags=["budgets"])
async def list_alerts(
    request: Request[Any, Any, Any],
    limit: Annotated[int, QueryParameter(ge=1, le=MOST_ROWS)] = 20,
    after: FromQuery[str | None] = None,
    before: FromQuery[str | None] = None,
    order: FromQuery[Literal["asc", "desc"]] = "asc",
) -> SpendAlertList:
    """List the soft monthly limits."""
    owner = _owner(request)
    page = await _limits(request).alerts(owner, Asked(limit=limit, after=after, before=before, order=order))
    views = [_alert_view(owner, state) for state in page.states]
    first, last = (views[0].id, views[-1].id) if views else (None, None)
    return SpendAlertList(data=views, first_id=first, last_id=last, has_more=page.has_more)


@post([ALL + ALERTS, PROJECT + ALERTS], status_code=200, tags=["budgets"], opt={"body": NewAlert})
async def create_alert(request: Request[Any, Any, Any]) -> SpendAlert:
    """Make a soft monthly limit."""
    owner, new = _owner(request), await sent(request, NewAlert)
    return _alert_view(owner, await _limits(request).add_alert(owner, _asked(new)))


@get([ALL + ALERT, PROJECT + ALERT], tags=["budgets"])
async def show_alert(request: Request[Any, Any, Any], alert_id: FromPath[str]) -> SpendAlert:
    """Return a soft monthly limit."""
    owner = _owner(request)
    return _alert_view(owner, await _limits(request).alert(owner, alert_id))


@post([ALL + ALERT, PROJECT + ALERT], status_code=200, tags=["budgets"], opt={"body": NewAlert})
async def change_alert(request: Request[Any, Any, Any], alert_id: FromPath[str]) -> SpendAlert:
    """Put another soft monthly limit in the place of one."""
    owner, new = _owner(request), await sent(request, NewAlert)
    return _alert_view(owner, await _limits(request).change_alert(owner, alert_id, _asked(new)))


@delete([ALL + ALERT, PROJECT + ALERT], status_code=200, tags=["budgets"])
async def remove_alert(request: Request[Any, Any, Any], alert_id: FromPath[str]) -> AlertDeleted:
    """Remove a soft monthly limit."""
    owner = _owner(request)
    await _limits(request).remove_alert(owner, alert_id)
    return AlertDeleted(id=alert_id, object=f"{owner.scope}.spend_alert.deleted")


ROUTES = (
    show_limit,
    set_limit,
    remove_limit,
    list_alerts,
    create_alert,
    show_alert,
    change_alert,
    remove_alert,
)


def _owner(request: Request[Any, Any, Any]) -> Owner:
    project_id = request.path_params.get("project_id")
    return Owner() if project_id is None else Owner("project", project_id)


def _asked(new: NewAlert) -> Alert:
    channel = new.notification_channel
    if not channel.recipients:
        raise BudgetInvalid("an alert tells somebody", param="notification_channel.recipients")
    return Alert(Threshold(new.threshold_amount, new.currency), channel.recipients, channel.subject_prefix)


def _limit_view(owner: Owner, state: BudgetState) -> SpendLimit:
    threshold = threshold_of(state.budget)
    return SpendLimit(
        object=f"{owner.scope}.spend_limit",
        threshold_amount=threshold.cents,
        currency=threshold.currency,
        enforcement=Enforcement("enforcing" if state.remaining <= 0 else "inactive"),
    )


def _alert_view(owner: Owner, state: BudgetState) -> SpendAlert:
    threshold, budget = threshold_of(state.budget), state.budget
    return SpendAlert(
        id=budget.id,
        object=f"{owner.scope}.spend_alert",
        threshold_amount=threshold.cents,
        currency=threshold.currency,
        notification_channel=Channel(budget.emails, "email", budget.subject_prefix),
    )


def _limits(request: Request[Any, Any, Any]) -> SpendLimits:
    return request.app.state.spend_limits
