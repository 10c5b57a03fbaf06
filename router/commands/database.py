"""`router database`: make the database, bring it to this version, and say where it stands."""

import json as jsons
import sys

from cyclopts import App

from router.process import refuse, settings_of_process

app = App(name="database", help="The database of ROUTER_DATABASE_URL: make it, bring it to this version, look at it.")


@app.command
def upgrade(*, json: bool = False) -> None:
    """Make the tables, or bring them to this version; when they are, nothing changes.

    The gateway does this when it starts. Do it beforehand where those who serve may not change tables; several may do
    it at once. It happens whole or not at all.

    Parameters
    ----------
    json
        Print a JSON object.

    """
    from storage import migrations  # noqa: PLC0415 - `--help` must be quick
    from storage.errors import StorageError  # noqa: PLC0415 - same reason

    url = _url()
    try:
        before = migrations.revision_of(url)
        migrations.upgrade(url)
    except StorageError as cause:
        refuse([f"ROUTER_DATABASE_URL: the database was not upgraded: {cause}"])
    head = migrations.HEAD
    told = f"at {head} already" if before == head else f"upgraded from {before or 'nothing'} to {head}"
    _print({"from": before, "to": head}, told, json=json)


@app.command
def status(*, json: bool = False) -> None:
    """Say at which revision the tables are; exit with status 1 when this version needs another.

    Parameters
    ----------
    json
        Print a JSON object.

    """
    from storage import migrations  # noqa: PLC0415 - `--help` must be quick
    from storage.errors import StorageError  # noqa: PLC0415 - same reason

    try:
        revision = migrations.revision_of(_url())
    except StorageError as cause:
        refuse([f"ROUTER_DATABASE_URL: the database cannot be read: {cause}"])
    head = migrations.HEAD
    told = f"at {revision}" if revision else "without tables"
    _print({"revision": revision, "head": head}, f"{told}; this version needs {head}", json=json)
    if revision != head:
        raise SystemExit(1)


def _url() -> str:
    from router.ground import database_url_of  # noqa: PLC0415 - `--help` must be quick

    return database_url_of(settings_of_process())


def _print(facts: dict[str, str | None], told: str, *, json: bool) -> None:
    sys.stdout.write((jsons.dumps(facts) if json else told) + "\n")
