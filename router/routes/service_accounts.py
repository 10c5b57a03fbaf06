"""`/v1/organization/projects/{id}/service_accounts`: named programs and the keys that are made for them (6.2)."""

from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.params import FromPath
from msgspec import Meta, Struct

from accounts.keys.keys import Keys, NewKey
from accounts.keys.scopes import scopes_of
from accounts.keys.service_accounts import ServiceAccounts
from accounts.projects import Projects
from router.bodies import NO_STORE, sent
from router.vendor_objects import (
    Deleted,
    NewKeyObject,
    NewServiceAccountObject,
    ObjectList,
    ServiceAccountObject,
    cut_of,
    list_of,
    new_key_object,
    seconds,
    service_account_object,
)

PATH = "/v1/organization/projects/{project_id:str}/service_accounts"
TAGS = ["organization"]
FIRST_KEY = "Secret Key"


class ServiceAccountRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a service account is made from."""

    name: str
    create_service_account_only: bool | None = None
    expires_in_seconds: int | None = None


class KeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a key is made from; without scopes it may be used for every model."""

    name: str = FIRST_KEY
    scopes: Annotated[tuple[str, ...], Meta(max_length=200)] = ()
    expires_in_seconds: int | None = None


@get(PATH, tags=TAGS)
async def list_service_accounts(
    request: Request[Any, Any, Any], project_id: FromPath[str]
) -> ObjectList[ServiceAccountObject]:
    """List a project's service accounts."""
    projects: Projects = request.app.state.projects
    service_accounts: ServiceAccounts = request.app.state.service_accounts
    cut = cut_of(request)
    await projects.find(project_id)
    page = await service_accounts.page(project_id, cut)
    return list_of(page, service_account_object, lambda account: account.id)


@post(PATH, status_code=200, tags=TAGS, opt={"body": ServiceAccountRequest}, cache_control=NO_STORE)
async def create_service_account(request: Request[Any, Any, Any], project_id: FromPath[str]) -> NewServiceAccountObject:
    """Make a service account with its first key, whose value is in this answer and nowhere else."""
    asked = await sent(request, ServiceAccountRequest)
    keys: Keys = request.app.state.api_keys
    service_accounts: ServiceAccounts = request.app.state.service_accounts
    new = NewKey(kind="project", project_id=project_id, name=FIRST_KEY, life_s=asked.expires_in_seconds)
    if asked.create_service_account_only:
        account, minted = await service_accounts.create(project_id, asked.name), None
    else:
        account, minted = await keys.create_with_account(asked.name, new)
    return NewServiceAccountObject(
        id=account.id,
        name=account.name,
        role="none" if minted is None else "member",
        created_at=seconds(account.created_at),
        api_key=minted and new_key_object(minted),
    )


@get(f"{PATH}/{{account_id:str}}", tags=TAGS)
async def show_service_account(
    request: Request[Any, Any, Any], project_id: FromPath[str], account_id: FromPath[str]
) -> ServiceAccountObject:
    """Show one service account."""
    service_accounts: ServiceAccounts = request.app.state.service_accounts
    return service_account_object(await service_accounts.find(account_id, project_id))


@delete(f"{PATH}/{{account_id:str}}", status_code=200, tags=TAGS)
async def delete_service_account(
    request: Request[Any, Any, Any], project_id: FromPath[str], account_id: FromPath[str]
) -> Deleted:
    """Remove a service account and revoke its keys."""
    service_accounts: ServiceAccounts = request.app.state.service_accounts
    await service_accounts.remove(account_id, project_id)
    return Deleted(account_id, "organization.project.service_account.deleted")


@post(
    f"{PATH}/{{account_id:str}}/api_keys", status_code=200, tags=TAGS, opt={"body": KeyRequest}, cache_control=NO_STORE
)
async def create_service_account_key(
    request: Request[Any, Any, Any], project_id: FromPath[str], account_id: FromPath[str]
) -> NewKeyObject:
    """Make a further key for a service account; its value is in this answer and nowhere else."""
    asked = await sent(request, KeyRequest)
    keys: Keys = request.app.state.api_keys
    new = NewKey(
        kind="project",
        project_id=project_id,
        name=asked.name,
        scopes=scopes_of(asked.scopes),
        life_s=asked.expires_in_seconds,
        service_account_id=account_id,
    )
    return new_key_object(await keys.create(new))


ROUTES = (
    list_service_accounts,
    create_service_account,
    show_service_account,
    delete_service_account,
    create_service_account_key,
)
