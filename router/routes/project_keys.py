"""`/v1/organization/projects/{id}/api_keys`: a project's keys listed, changed, rotated and revoked (6.2)."""

from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.params import FromPath
from msgspec import Meta, Struct

from accounts.keys.keys import Keys
from accounts.keys.scopes import scopes_of
from accounts.keys.service_accounts import ServiceAccounts
from accounts.projects import Projects
from router.bodies import NO_STORE, sent
from router.vendor_objects import (
    Deleted,
    NewKeyObject,
    ObjectList,
    ProjectKeyObject,
    cut_of,
    list_of,
    new_key_object,
    project_key_object,
)

PATH = "/v1/organization/projects/{project_id:str}/api_keys"
TAGS = ["organization"]
GRACE_S = 86_400


class KeyChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be different; what is absent stays."""

    scopes: Annotated[tuple[str, ...], Meta(max_length=200)] | None = None
    expires_in_seconds: int | None = None


class Rotation(Struct, frozen=True, forbid_unknown_fields=True):
    """How long the old value still opens the key, in seconds."""

    grace_seconds: int = GRACE_S


@get(PATH, tags=TAGS)
async def list_project_keys(request: Request[Any, Any, Any], project_id: FromPath[str]) -> ObjectList[ProjectKeyObject]:
    """List a project's keys, oldest first, masked."""
    state = request.app.state
    keys, projects, service_accounts = _accounts(state)
    cut = cut_of(request)
    await projects.find(project_id)
    accounts = await service_accounts.named(project_id)
    page = await keys.page(project_id, cut)
    return list_of(page, lambda key: project_key_object(key, accounts), lambda key: key.id)


@get(f"{PATH}/{{key_id:str}}", tags=TAGS)
async def show_project_key(
    request: Request[Any, Any, Any], project_id: FromPath[str], key_id: FromPath[str]
) -> ProjectKeyObject:
    """Show one key, masked."""
    keys, _, service_accounts = _accounts(request.app.state)
    key = await keys.find(key_id, project_id)
    return project_key_object(key, await service_accounts.named(project_id))


@post(f"{PATH}/{{key_id:str}}", status_code=200, tags=TAGS, opt={"body": KeyChange})
async def change_project_key(
    request: Request[Any, Any, Any], project_id: FromPath[str], key_id: FromPath[str]
) -> ProjectKeyObject:
    """Replace a key's scopes, its end, or both; it counts at once."""
    asked = await sent(request, KeyChange)
    keys, _, service_accounts = _accounts(request.app.state)
    scopes = None if asked.scopes is None else scopes_of(asked.scopes)
    key = await keys.change(key_id, project_id, scopes, asked.expires_in_seconds)
    return project_key_object(key, await service_accounts.named(project_id))


@post(f"{PATH}/{{key_id:str}}/rotate", status_code=200, tags=TAGS, opt={"body": Rotation}, cache_control=NO_STORE)
async def rotate_project_key(
    request: Request[Any, Any, Any], project_id: FromPath[str], key_id: FromPath[str]
) -> NewKeyObject:
    """Give a key a new value, shown this once; the old one works until the grace is over."""
    asked = await sent(request, Rotation)
    keys: Keys = request.app.state.api_keys
    return new_key_object(await keys.rotate(key_id, project_id, asked.grace_seconds))


@delete(f"{PATH}/{{key_id:str}}", status_code=200, tags=TAGS)
async def delete_project_key(
    request: Request[Any, Any, Any], project_id: FromPath[str], key_id: FromPath[str]
) -> Deleted:
    """Revoke a key and all that were made with it, at once and for good."""
    keys: Keys = request.app.state.api_keys
    await keys.revoke(key_id, project_id)
    return Deleted(key_id, "organization.project.api_key.deleted")


def _accounts(state: Any) -> tuple[Keys, Projects, ServiceAccounts]:  # noqa: ANN401 - the framework's own type
    return state.api_keys, state.projects, state.service_accounts


ROUTES = (list_project_keys, show_project_key, change_project_key, rotate_project_key, delete_project_key)
