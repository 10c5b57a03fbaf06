"""`/v1/organization/budgets`: what may be spent in euros and grams, by whom and in which window (6.6b)."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from accounts.budgets.budget import BudgetChange, BudgetState, Kind, NewBudget, Scope, Unit
from accounts.budgets.budgets import Budgets
from accounts.budgets.store import Asked
from accounts.budgets.windows import Every
from router.bodies import sent
from router.framing import answers, in_full

MOST_ROWS = 100
PATH = "/v1/organization/budgets"

Limit = Annotated[int, QueryParameter(ge=1, le=MOST_ROWS)]


class BudgetView(Struct, frozen=True, kw_only=True):
    """A budget in its current window; amounts are of its unit and have all their digits.

    `remaining` is the limit less what was spent and what running requests may still take; `resets_at` is when the next
    window opens.
    """

    id: str
    scope: Scope
    scope_id: str | None
    unit: Unit
    limit: Decimal
    window: Every
    kind: Kind
    emails: tuple[str, ...]
    timezone: str
    spent: Decimal
    reserved: Decimal
    remaining: Decimal
    resets_at: datetime


class BudgetList(Struct, frozen=True, kw_only=True):
    """Some budgets, oldest first."""

    object: str = "list"
    data: list[BudgetView]
    first_id: str | None
    last_id: str | None
    has_more: bool


class BudgetDeleted(Struct, frozen=True, kw_only=True):
    """A budget is gone."""

    id: str
    object: str = "organization.budget.deleted"
    deleted: bool = True


@post(PATH, status_code=200, tags=["budgets"], opt={"body": NewBudget}, responses=answers(BudgetView))
async def create_budget(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Make a budget; once this answers, it is in force in every process."""
    new = await sent(request, NewBudget)
    return _json(view_of(await _budgets(request).create(new)))


@get(PATH, tags=["budgets"], responses=answers(BudgetList))
async def list_budgets(
    request: Request[Any, Any, Any],
    owner: Annotated[Scope | None, QueryParameter(name="scope")] = None,
    scope_id: FromQuery[str | None] = None,
    unit: FromQuery[Unit | None] = None,
    kind: FromQuery[Kind | None] = None,
    limit: Limit = 20,
    after: FromQuery[str | None] = None,
) -> Response[bytes]:
    """List budgets, oldest first."""
    asked = Asked(scope=owner, scope_id=scope_id, unit=unit, kind=kind, limit=limit, after=after)
    page = await _budgets(request).list(asked)
    views = [view_of(state) for state in page.states]
    first, last = (views[0].id, views[-1].id) if views else (None, None)
    return _json(BudgetList(data=views, first_id=first, last_id=last, has_more=page.has_more))


@get(PATH + "/{budget_id:str}", tags=["budgets"], responses=answers(BudgetView))
async def show_budget(request: Request[Any, Any, Any], budget_id: FromPath[str]) -> Response[bytes]:
    """Return a budget in its current window."""
    return _json(view_of(await _budgets(request).get(budget_id)))


@patch(PATH + "/{budget_id:str}", tags=["budgets"], opt={"body": BudgetChange}, responses=answers(BudgetView))
async def change_budget(request: Request[Any, Any, Any], budget_id: FromPath[str]) -> Response[bytes]:
    """Change a budget; once this answers, the change is in force in every process."""
    change = await sent(request, BudgetChange)
    return _json(view_of(await _budgets(request).change(budget_id, change)))


@delete(PATH + "/{budget_id:str}", status_code=200, tags=["budgets"])
async def delete_budget(request: Request[Any, Any, Any], budget_id: FromPath[str]) -> BudgetDeleted:
    """Remove a budget; once this answers, it stops nobody."""
    await _budgets(request).delete(budget_id)
    return BudgetDeleted(id=budget_id)


ROUTES = (create_budget, list_budgets, show_budget, change_budget, delete_budget)


def view_of(state: BudgetState) -> BudgetView:
    """Return a budget as people see it."""
    budget = state.budget
    return BudgetView(
        id=budget.id,
        scope=budget.scope,
        scope_id=budget.scope_id or None,
        unit=budget.unit,
        limit=budget.amount,
        window=budget.every,
        kind=budget.kind,
        emails=budget.emails,
        timezone=budget.timezone,
        spent=state.spent,
        reserved=state.reserved,
        remaining=state.remaining,
        resets_at=state.resets_at,
    )


def _budgets(request: Request[Any, Any, Any]) -> Budgets:
    return request.app.state.budgets


def _json(view: Struct) -> Response[bytes]:
    return Response(in_full(view), media_type="application/json")
