"""`router keys`: the first admin key; keys made, listed, rotated and revoked."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from router.process import print_json, print_table, refuse, settings_of_process, with_accounts

if TYPE_CHECKING:
    from accounts.keys.key import Key, Kind, MintedKey
    from router.tenancy import Tenancy

app = App(name="keys", help="The first admin key; keys made, listed, rotated and revoked.")
HEADS = ("id", "kind", "project", "name", "key", "scopes", "expires", "last used")


@app.command
def admin() -> None:
    """Print the first admin key: ROUTER_ADMIN_KEY, in development one that was made once."""
    from router.tenancy import admin_key_of  # noqa: PLC0415 - `--help` must be quick

    key = admin_key_of(settings_of_process())
    if key is None:
        refuse(["ROUTER_ADMIN_KEY: not set; set it, or make one with `router keys create NAME --kind admin`"])
    sys.stdout.write(f"{key}\n")


@app.command(name="list")
def list_keys(
    *, project: str = "proj-default", kind: Literal["project", "admin"] = "project", json: bool = False
) -> None:
    """List the keys of a project, oldest first, masked.

    Parameters
    ----------
    project
        The project's id.
    kind
        `admin` for the organisation's keys instead.
    json
        One JSON object a line.

    """
    from accounts.keys.key import OF_PROJECTS, ORGANIZATION  # noqa: PLC0415 - `--help` must be quick
    from accounts.pages import MOST_ROWS, Cut  # noqa: PLC0415 - same reason

    async def work(tenancy: "Tenancy") -> "list[Key]":
        owner = ORGANIZATION if kind == "admin" else project
        kinds: tuple[Kind, ...] = ("admin",) if kind == "admin" else OF_PROJECTS
        found: list[Key] = []
        more = True
        while more:
            cut = Cut(found[-1].id if found else "", MOST_ROWS)
            page = await tenancy.api_keys.page(owner, cut, kinds)
            found += page.rows
            more = page.has_more
        return found

    _show(with_accounts(work), as_json=json)


@app.command
def create(
    name: str,
    *,
    project: str = "proj-default",
    kind: Literal["project", "prompt", "admin"] = "project",
    scope: Annotated[list[str] | None, Parameter(negative=())] = None,
    expires_in_seconds: int | None = None,
    json: bool = False,
) -> None:
    """Make a key and print its value, which is shown this once.

    Parameters
    ----------
    name
        What it is for.
    project
        The project that its requests are booked on.
    kind
        `project` (sk-proj-…), `prompt` (sk_…) or `admin` (sk-admin-…).
    scope
        What it may be used for, once for each: model:NAME, agent:V1, surface:completion, prompt_tools, keys.
    expires_in_seconds
        How long it lives; for ever when not given.
    json
        Print an object with the key's id and value.

    """
    from accounts.keys.key import ORGANIZATION  # noqa: PLC0415 - `--help` must be quick
    from accounts.keys.keys import NewKey  # noqa: PLC0415 - same reason
    from accounts.keys.scopes import scopes_of  # noqa: PLC0415 - same reason

    async def work(tenancy: "Tenancy") -> "MintedKey":
        owner = ORGANIZATION if kind == "admin" else project
        scopes = scopes_of(scope or ())
        return await tenancy.api_keys.create(
            NewKey(kind=kind, project_id=owner, name=name, scopes=scopes, life_s=expires_in_seconds)
        )

    _show_value(with_accounts(work), as_json=json)


@app.command
def revoke(key_id: str) -> None:
    """End a key, at once and for good; the tokens and keys made with it end with it.

    Parameters
    ----------
    key_id
        As `router keys list` shows it.

    """

    async def work(tenancy: "Tenancy") -> None:
        key = await tenancy.api_keys.find_anywhere(key_id)
        await tenancy.api_keys.revoke(key.id, key.project_id, (key.kind,))

    with_accounts(work)
    sys.stdout.write(f"revoked {key_id}\n")


@app.command
def rotate(key_id: str, *, grace_seconds: int = 86_400, json: bool = False) -> None:
    """Give a key a new value and print it; the old one works until the grace is over.

    Parameters
    ----------
    key_id
        As `router keys list` shows it.
    grace_seconds
        How long the old value still works; 0 ends it at once.
    json
        Print an object with the key's id and value.

    """

    async def work(tenancy: "Tenancy") -> "MintedKey":
        key = await tenancy.api_keys.find_anywhere(key_id)
        return await tenancy.api_keys.rotate(key.id, key.project_id, grace_seconds)

    _show_value(with_accounts(work), as_json=json)


def _show_value(minted: "MintedKey", *, as_json: bool) -> None:
    if as_json:
        print_json([{"id": minted.key.id, "value": minted.value, "expires_at": minted.key.expires_at}])
    else:
        sys.stdout.write(f"{minted.value}\n")


def _show(keys: "list[Key]", *, as_json: bool) -> None:
    rows = [
        (key.id, key.kind, key.project_id, key.name, key.masked, key.scopes.listed(), key.expires_at, key.last_used_at)
        for key in keys
    ]
    if as_json:
        names = ("id", "kind", "project_id", "name", "key", "scopes", "expires_at", "last_used_at")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table(HEADS, [(*row[:5], " ".join(row[5]) or None, *row[6:]) for row in rows])
