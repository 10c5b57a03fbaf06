"""`/v1/organization/limits`, and `rate_limits` in OpenAI's shape: how fast keys and projects may call (6.2)."""

from typing import Annotated, Any, Literal

from litestar import Request, delete, get, post, put
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from accounts.limits.limits import Limits
from accounts.limits.store import MOST, Limit, Number, Scope
from router.bodies import sent
from router.errors import Refused

PROJECT = "/v1/organization/projects/{project_id:str}/rate_limits"
OURS = "/v1/organization/limits"
ONE = OURS + "/{owner:str}/{owner_id:str}"
ALL_MODELS = "rl-default"
MOST_ROWS = 100
# Limits that the vendor knows and nothing here would enforce: they are refused, not ignored.
UNENFORCED = (
    "batch_1_day_max_input_tokens",
    "max_audio_megabytes_per_1_minute",
    "max_images_per_1_minute",
    "max_requests_per_1_day",
)


class RateLimit(Struct, frozen=True, kw_only=True):
    """The limits of a project for all models together; 1,000,000,000 where it has none, for the shape knows no null."""

    id: str = ALL_MODELS
    object: str = "project.rate_limit"
    model: str = "*"
    max_requests_per_1_minute: int
    max_tokens_per_1_minute: int


class RateLimitList(Struct, frozen=True, kw_only=True):
    """The one row of a project."""

    object: str = "list"
    data: list[RateLimit]
    first_id: str | None
    last_id: str | None
    has_more: bool = False


class RateLimitChange(Struct, frozen=True):
    """What is to change; fields that the vendor may add are ignored."""

    max_requests_per_1_minute: Number | None = None
    max_tokens_per_1_minute: Number | None = None
    batch_1_day_max_input_tokens: int | None = None
    max_audio_megabytes_per_1_minute: int | None = None
    max_images_per_1_minute: int | None = None
    max_requests_per_1_day: int | None = None


class LimitView(Struct, frozen=True, kw_only=True):
    """The limits that a key or project has of its own, null where it has none."""

    object: str = "organization.limit"
    scope: Scope
    scope_id: str
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_requests: int | None


class LimitList(Struct, frozen=True, kw_only=True):
    """Every key and project that has limits of its own."""

    object: str = "list"
    data: list[LimitView]
    has_more: bool = False


class LimitDeleted(Struct, frozen=True, kw_only=True):
    """A key or project has no limits of its own any more."""

    object: str = "organization.limit.deleted"
    scope: Scope
    scope_id: str
    deleted: bool = True


@get(PROJECT, tags=["limits"])
async def list_rate_limits(
    request: Request[Any, Any, Any],
    project_id: FromPath[str],
    limit: Annotated[int, QueryParameter(ge=1, le=MOST_ROWS)] = MOST_ROWS,
    after: FromQuery[str | None] = None,
    before: FromQuery[str | None] = None,
) -> RateLimitList:
    """Return the rate limits of a project: one row, for all models."""
    own = await _limits(request).read("project", project_id)
    if ALL_MODELS in {after, before}:
        return RateLimitList(data=[], first_id=None, last_id=None)
    return RateLimitList(data=[_vendor_view(own)][:limit], first_id=ALL_MODELS, last_id=ALL_MODELS)


@post(PROJECT + "/{rate_limit_id:str}", status_code=200, tags=["limits"], opt={"body": RateLimitChange})
async def change_rate_limit(
    request: Request[Any, Any, Any], project_id: FromPath[str], rate_limit_id: FromPath[str]
) -> RateLimit:
    """Change the rate limits of a project; what is not given stays."""
    if rate_limit_id != ALL_MODELS:
        raise Refused("not_found", f"a project has one rate limit here, {ALL_MODELS}", param="rate_limit_id")
    change = await sent(request, RateLimitChange)
    for name in UNENFORCED:
        if getattr(change, name) is not None:
            raise Refused("invalid_request", f"{name}: no such limit is enforced here", param=name)
    given = Limit(change.max_requests_per_1_minute, change.max_tokens_per_1_minute)
    return _vendor_view(await _limits(request).change("project", project_id, given))


@get(OURS, tags=["limits"])
async def list_limits(request: Request[Any, Any, Any]) -> LimitList:
    """Return every key and project that has limits of its own."""
    return LimitList(data=[view_of(scope, scope_id, own) for scope, scope_id, own in await _limits(request).read_all()])


@get(ONE, tags=["limits"])
async def show_limit(request: Request[Any, Any, Any], owner: FromPath[str], owner_id: FromPath[str]) -> LimitView:
    """Return the limits that a key or project has of its own."""
    scope = _scope(owner)
    return view_of(scope, owner_id, await _limits(request).read(scope, owner_id))


@put(ONE, status_code=200, tags=["limits"], opt={"body": Limit})
async def set_limit(request: Request[Any, Any, Any], owner: FromPath[str], owner_id: FromPath[str]) -> LimitView:
    """Give a key or project these limits in place of those it had."""
    scope = _scope(owner)
    wanted = await sent(request, Limit)
    return view_of(scope, owner_id, await _limits(request).set(scope, owner_id, wanted))


@delete(ONE, status_code=200, tags=["limits"])
async def delete_limit(request: Request[Any, Any, Any], owner: FromPath[str], owner_id: FromPath[str]) -> LimitDeleted:
    """Take its own limits from a key or project."""
    scope = _scope(owner)
    await _limits(request).delete(scope, owner_id)
    return LimitDeleted(scope=scope, scope_id=owner_id)


ROUTES = (list_rate_limits, change_rate_limit, list_limits, show_limit, set_limit, delete_limit)


def _scope(text: str) -> Literal["key", "project"]:
    if text == "key":
        return "key"
    if text == "project":
        return "project"
    raise Refused("not_found", "only a `key` or a `project` has limits", param="scope")


def _vendor_view(own: Limit) -> RateLimit:
    return RateLimit(
        max_requests_per_1_minute=own.requests_per_minute or MOST,
        max_tokens_per_1_minute=own.tokens_per_minute or MOST,
    )


def view_of(scope: Scope, scope_id: str, own: Limit) -> LimitView:
    """Return limits as people see them."""
    return LimitView(
        scope=scope,
        scope_id=scope_id,
        requests_per_minute=own.requests_per_minute,
        tokens_per_minute=own.tokens_per_minute,
        concurrent_requests=own.concurrent_requests,
    )


def _limits(request: Request[Any, Any, Any]) -> Limits:
    return request.app.state.limits
