"""Keys, projects and service accounts in the shapes of OpenAI's admin API (6.2); times in seconds of the epoch."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from litestar import Request
from msgspec import Struct

from accounts.keys.key import Key, MintedKey
from accounts.keys.service_accounts import ServiceAccount
from accounts.pages import MOST_ROWS, USUAL_ROWS, Cut, Page
from accounts.projects import Project
from router.bodies import page_limit

T = TypeVar("T")
Row = TypeVar("Row")


class ObjectList(Struct, Generic[T], frozen=True):
    """One page of objects, as the vendor lists them."""

    data: list[T]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


class Deleted(Struct, frozen=True):
    """What is gone."""

    id: str
    object: str
    deleted: bool = True


class KeyOwner(Struct, frozen=True):
    """Whose admin key it is: the organisation's."""

    id: str = "organization"
    object: Literal["organization.user"] = "organization.user"
    type: Literal["user"] = "user"
    name: str = "organization"
    role: Literal["owner"] = "owner"
    created_at: int = 0


class AdminKeyObject(Struct, frozen=True, kw_only=True):
    """An admin key, masked."""

    id: str
    object: Literal["organization.admin_api_key"] = "organization.admin_api_key"
    name: str
    redacted_value: str
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    owner: KeyOwner


class NewAdminKeyObject(AdminKeyObject, frozen=True, kw_only=True):
    """An admin key with its value, shown this once."""

    value: str


class ProjectObject(Struct, frozen=True, kw_only=True):
    """A project."""

    id: str
    object: Literal["organization.project"] = "organization.project"
    name: str
    created_at: int
    archived_at: int | None
    status: Literal["active", "archived"]


class ServiceAccountObject(Struct, frozen=True, kw_only=True):
    """A service account; all are members of their project."""

    id: str
    object: Literal["organization.project.service_account"] = "organization.project.service_account"
    name: str
    role: Literal["member", "none"] = "member"
    created_at: int


class NewKeyObject(Struct, frozen=True, kw_only=True):
    """A key of a project with its value, shown this once."""

    id: str
    object: Literal["organization.project.service_account.api_key"] = "organization.project.service_account.api_key"
    name: str
    value: str
    created_at: int
    expires_at: int | None


class NewServiceAccountObject(ServiceAccountObject, frozen=True, kw_only=True):
    """A service account with its first key, if it was to have one."""

    api_key: NewKeyObject | None


class OwningAccount(Struct, frozen=True):
    """The service account that a key is of."""

    id: str
    name: str
    created_at: int
    role: Literal["member"] = "member"


class ProjectKeyOwner(Struct, frozen=True):
    """Who owns a project's key: a service account, or whoever administers the gateway."""

    type: Literal["user", "service_account"]
    user: None
    service_account: OwningAccount | None


class ProjectKeyObject(Struct, frozen=True, kw_only=True):
    """A project's key, masked."""

    id: str
    object: Literal["organization.project.api_key"] = "organization.project.api_key"
    name: str
    redacted_value: str
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    owner: ProjectKeyOwner
    owner_project_access: Literal["active"] = "active"
    scopes: list[str]


def cut_of(request: Request[Any, Any, Any], *, descending: bool = False) -> Cut:
    """Return the page that a list's query asks for."""
    return Cut(request.query_params.get("after", ""), page_limit(request, MOST_ROWS, USUAL_ROWS), descending)


def list_of(page: Page[Row], shape: Callable[[Row], T], ids: Callable[[Row], str]) -> ObjectList[T]:
    """Return a page in the vendor's shape."""
    first, last = (ids(page.rows[0]), ids(page.rows[-1])) if page.rows else (None, None)
    return ObjectList([shape(row) for row in page.rows], first, last, page.has_more)


def seconds(moment: datetime) -> int:
    """Return a moment in seconds of the epoch."""
    return int(moment.timestamp())


def _seconds_if_any(moment: datetime | None) -> int | None:
    return None if moment is None else seconds(moment)


def admin_key_object(key: Key) -> AdminKeyObject:
    """Return an admin key as it is listed."""
    return AdminKeyObject(
        id=key.id,
        name=key.name,
        redacted_value=key.masked,
        created_at=seconds(key.created_at),
        expires_at=_seconds_if_any(key.expires_at),
        last_used_at=_seconds_if_any(key.last_used_at),
        owner=KeyOwner(),
    )


def new_admin_key_object(minted: MintedKey) -> NewAdminKeyObject:
    """Return an admin key as it is shown once."""
    key = minted.key
    return NewAdminKeyObject(
        id=key.id,
        name=key.name,
        redacted_value=key.masked,
        created_at=seconds(key.created_at),
        expires_at=_seconds_if_any(key.expires_at),
        last_used_at=None,
        owner=KeyOwner(),
        value=minted.value,
    )


def project_object(project: Project) -> ProjectObject:
    """Return a project as it is listed."""
    return ProjectObject(
        id=project.id,
        name=project.name,
        created_at=seconds(project.created_at),
        archived_at=_seconds_if_any(project.archived_at),
        status="active" if project.archived_at is None else "archived",
    )


def service_account_object(account: ServiceAccount) -> ServiceAccountObject:
    """Return a service account as it is listed."""
    return ServiceAccountObject(id=account.id, name=account.name, created_at=seconds(account.created_at))


def new_key_object(minted: MintedKey) -> NewKeyObject:
    """Return a project's key as it is shown once."""
    key = minted.key
    return NewKeyObject(
        id=key.id,
        name=key.name,
        value=minted.value,
        created_at=seconds(key.created_at),
        expires_at=_seconds_if_any(key.expires_at),
    )


def project_key_object(key: Key, accounts: dict[str, ServiceAccount]) -> ProjectKeyObject:
    """Return a project's key as it is listed; `accounts` are the project's service accounts by id."""
    account = accounts.get(key.service_account_id or "")
    owner = account and OwningAccount(account.id, account.name, seconds(account.created_at))
    return ProjectKeyObject(
        id=key.id,
        name=key.name,
        redacted_value=key.masked,
        created_at=seconds(key.created_at),
        expires_at=_seconds_if_any(key.expires_at),
        last_used_at=_seconds_if_any(key.last_used_at),
        owner=ProjectKeyOwner("service_account" if owner else "user", None, owner),
        scopes=key.scopes.listed(),
    )
