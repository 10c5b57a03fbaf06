"""One key: what it is, how it is shown, and how it is kept."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, json

from accounts.keys.scopes import Scopes, scopes_of

Kind = Literal["project", "prompt", "admin"]
PREFIXES: dict[Kind, str] = {"project": "sk-proj-", "prompt": "sk_", "admin": "sk-admin-"}
OF_PROJECTS: tuple[Kind, ...] = ("project", "prompt")
ORGANIZATION = ""  # the project of keys that have none


class Key(Struct, frozen=True, kw_only=True):
    """A key as it may be shown; times in UTC, `project_id` is '' for an admin key."""

    id: str
    kind: Kind
    project_id: str
    service_account_id: str | None
    name: str
    masked: str
    scopes: Scopes
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class MintedKey(Struct, frozen=True):
    """A key with its value, which is shown this once."""

    key: Key
    value: str


class OpenKey(Struct, frozen=True):
    """A key that a credential opens now, until `expires_at`; `mark` tells which of its values did."""

    key: Key
    mark: str
    expires_at: datetime | None


def masked(kind: Kind, value: str) -> str:
    """Return what is shown of a key ever after: its prefix and its last letters."""
    return f"sk_***{value[-6:]}" if kind == "prompt" else f"{PREFIXES[kind]}…{value[-4:]}"


def row_of(key: Key) -> tuple[str | None, ...]:
    """Return what is kept of a key, but its digest and its last use."""
    return (
        key.id,
        key.kind,
        key.project_id,
        key.service_account_id,
        key.name,
        key.masked,
        json.encode(key.scopes.listed()).decode(),
        iso(key.created_at),
        key.expires_at and iso(key.expires_at),
    )


def key_of(row: tuple[Any, ...]) -> Key:
    """Read a row: what is kept of a key, then its last use."""
    return Key(
        id=row[0],
        kind=row[1],
        project_id=row[2],
        service_account_id=row[3],
        name=row[4],
        masked=row[5],
        scopes=scopes_of(json.decode(row[6], type=list[str])),
        created_at=datetime.fromisoformat(row[7]),
        expires_at=row[8] and datetime.fromisoformat(row[8]),
        last_used_at=row[9] and datetime.fromisoformat(row[9]),
    )


def iso(moment: datetime) -> str:
    """Return a time as it is kept."""
    return moment.isoformat(timespec="microseconds")
