"""`/api/v1/keys`: the Prompt Manager's keys, made by administrators and by keys with the permission for it (3.1.4)."""

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.params import FromPath
from msgspec import Meta, Struct

from accounts.keys.key import Key, Kind
from accounts.keys.keys import Giver, Keys, NewKey
from accounts.keys.scopes import scopes_of
from accounts.projects import DEFAULT_PROJECT, Projects
from router.auth import ADMIN, NEVER, Principal
from router.bodies import NO_STORE, sent
from router.errors import Refused
from router.vendor_objects import cut_of

PATH = "/api/v1/keys"
TAGS = ["prompts"]
KINDS: tuple[Kind, ...] = ("prompt",)


class PromptKeyRequest(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What a key is made from; without scopes it has those of the key that makes it, but its permissions."""

    name: str
    scopes: Annotated[tuple[str, ...], Meta(max_length=200)] | None = None
    expires_in_seconds: int | None = None
    project_id: str | None = None


class PromptKeyRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """A key; `key` is masked but where it is made. Times in UTC."""

    id: str
    name: str
    key: str
    project_id: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewPromptKey(PromptKeyRow, frozen=True, kw_only=True, rename="camel"):
    """A key whose value is shown this once."""

    success: bool = True


class PromptKeyList(Struct, frozen=True, rename="camel"):
    """Keys by age, and whether there are more after the last one."""

    keys: list[PromptKeyRow]
    has_more: bool
    success: bool = True


class Done(Struct, frozen=True):
    """It is done."""

    success: bool = True


@get(PATH, tags=TAGS)
async def list_prompt_keys(request: Request[Principal, Any, Any]) -> PromptKeyList:
    """List the keys of a project, oldest first, masked; `limit` and `after` page through them."""
    keys, projects = _accounts(request)
    project_id = _project_of(request, request.query_params.get("projectId"))
    await projects.find(project_id)
    page = await keys.page(project_id, cut_of(request), KINDS)
    return PromptKeyList([PromptKeyRow(**_fields(key, key.masked)) for key in page.rows], page.has_more)


@post(PATH, status_code=200, tags=TAGS, opt={"body": PromptKeyRequest}, cache_control=NO_STORE)
async def create_prompt_key(request: Request[Principal, Any, Any]) -> NewPromptKey:
    """Make a key; its value is in this answer and nowhere else."""
    keys, _ = _accounts(request)
    giver = _giver(request.user)
    asked = await sent(request, PromptKeyRequest)
    new = NewKey(
        kind="prompt",
        project_id=_project_of(request, asked.project_id),
        name=asked.name,
        scopes=None if asked.scopes is None else scopes_of(asked.scopes),
        life_s=asked.expires_in_seconds,
    )
    minted = await keys.create(new, giver)
    return NewPromptKey(**_fields(minted.key, minted.value))


@delete(f"{PATH}/{{key_id:str}}", status_code=200, tags=TAGS)
async def delete_prompt_key(request: Request[Principal, Any, Any], key_id: FromPath[str]) -> Done:
    """Revoke a key and all that were made with it, at once and for good."""
    keys, _ = _accounts(request)
    await keys.revoke(key_id, _project_of(request, request.query_params.get("projectId")), KINDS)
    return Done()


def _giver(caller: Principal) -> Giver | None:
    """Return what the caller may give: an administrator anything, a key what it has.

    Raises:
        Refused: `forbidden`: it may give nothing.

    """
    if caller.kind == ADMIN:
        return None
    if caller.kind not in {"project", "prompt"}:
        # The life of a token says nothing about that of the key it was made from.
        raise Refused("forbidden", "keys are made with a key that has the permission 'keys', not with a token")
    if "keys" not in caller.scopes.permissions:
        raise Refused("forbidden", "the key lacks the permission 'keys'")
    ends_at = None if caller.expires_at == NEVER else datetime.fromtimestamp(caller.expires_at, UTC)
    return Giver(caller.subject, caller.project_id, caller.scopes, ends_at)


def _project_of(request: Request[Principal, Any, Any], named: str | None) -> str:
    giver = _giver(request.user)
    if giver is None:
        return named or DEFAULT_PROJECT
    if named not in {None, giver.project_id}:
        raise Refused("forbidden", "a key sees and makes keys of its own project", param="projectId")
    return giver.project_id


def _accounts(request: Request[Principal, Any, Any]) -> tuple[Keys, Projects]:
    return request.app.state.api_keys, request.app.state.projects


def _fields(key: Key, shown: str) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "key": shown,
        "project_id": key.project_id,
        "scopes": key.scopes.listed(),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
    }


ROUTES = (list_prompt_keys, create_prompt_key, delete_prompt_key)
