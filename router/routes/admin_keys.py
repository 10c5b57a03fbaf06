"""`/v1/organization/admin_api_keys`: the keys that administer the whole organisation (6.2)."""

from typing import Any

from litestar import Request, delete, get, post
from litestar.params import FromPath
from msgspec import Struct

from accounts.keys.key import ORGANIZATION, Kind
from accounts.keys.keys import Keys, NewKey
from router.bodies import NO_STORE, sent
from router.errors import Refused
from router.vendor_objects import (
    AdminKeyObject,
    Deleted,
    NewAdminKeyObject,
    ObjectList,
    admin_key_object,
    cut_of,
    list_of,
    new_admin_key_object,
)

PATH = "/v1/organization/admin_api_keys"
TAGS = ["organization"]
KINDS: tuple[Kind, ...] = ("admin",)


class AdminKeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What an admin key is made from."""

    name: str
    expires_in_seconds: int | None = None


@get(PATH, tags=TAGS)
async def list_admin_keys(request: Request[Any, Any, Any]) -> ObjectList[AdminKeyObject]:
    """List the admin keys, oldest first unless `order=desc`."""
    order = request.query_params.get("order", "asc")
    if order not in {"asc", "desc"}:
        raise Refused("invalid_request", "'order' must be asc or desc", param="order", source="query")
    keys: Keys = request.app.state.api_keys
    page = await keys.page(ORGANIZATION, cut_of(request, descending=order == "desc"), KINDS)
    return list_of(page, admin_key_object, lambda key: key.id)


@post(PATH, status_code=200, tags=TAGS, opt={"body": AdminKeyRequest}, cache_control=NO_STORE)
async def create_admin_key(request: Request[Any, Any, Any]) -> NewAdminKeyObject:
    """Make an admin key; its value is in this answer and nowhere else."""
    asked = await sent(request, AdminKeyRequest)
    keys: Keys = request.app.state.api_keys
    new = NewKey(kind="admin", project_id=ORGANIZATION, name=asked.name, life_s=asked.expires_in_seconds)
    return new_admin_key_object(await keys.create(new))


@get(f"{PATH}/{{key_id:str}}", tags=TAGS)
async def show_admin_key(request: Request[Any, Any, Any], key_id: FromPath[str]) -> AdminKeyObject:
    """Show one admin key, masked."""
    keys: Keys = request.app.state.api_keys
    return admin_key_object(await keys.find(key_id, ORGANIZATION, KINDS))


@delete(f"{PATH}/{{key_id:str}}", status_code=200, tags=TAGS)
async def delete_admin_key(request: Request[Any, Any, Any], key_id: FromPath[str]) -> Deleted:
    """Revoke an admin key, at once and for good."""
    keys: Keys = request.app.state.api_keys
    await keys.revoke(key_id, ORGANIZATION, KINDS)
    return Deleted(key_id, "organization.admin_api_key.deleted")


ROUTES = (list_admin_keys, create_admin_key, show_admin_key, delete_admin_key)
