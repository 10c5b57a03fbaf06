"""The command line: serve, tokens, the ledger, the OpenAPI document."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from cyclopts import App

from metering.ledger_reader import LedgerLine
from router.commands import alerts, budgets, database, keys, limits, projects, prompts, usage
from router.process import refuse, settings_of_process
from router.settings import SettingsWrong
from storage.script import Database

app = App(
    name="router",
    help="Routeur IA: an LLM router gateway that puts a price and a footprint on every answer.",
    version="1.0.0",
)
for group in (keys, projects, prompts, budgets, limits, usage, alerts, database):
    app.command(group.app)


@app.command
def serve(host: str | None = None, port: int | None = None, workers: int | None = None) -> None:
    """Serve the gateway.

    Every setting is also an environment variable, a line of `.env` or a key of `router.toml`: ROUTER_HOST, ROUTER_PORT,
    ROUTER_WORKERS and the others that the README lists.

    Parameters
    ----------
    host
        Address to bind; anything but loopback needs ROUTER_ENVIRONMENT=production.
    port
        Port to bind.
    workers
        How many processes serve.

    """
    given = {"host": host, "port": port, "workers": workers}
    stated = {name: str(value) for name, value in given.items() if value is not None}
    settings = settings_of_process(**stated)
    os.environ.update({f"ROUTER_{name.upper()}": value for name, value in stated.items()})
    from router.serving import run  # noqa: PLC0415 - the server is heavy, and `--help` must be quick

    try:
        run(settings)
    except SettingsWrong as wrong:
        refuse(wrong.problems)


@app.command
def token(subject: str = "user", *, seconds: int = 3600) -> None:
    """Print an access token, signed with this gateway's secret.

    Parameters
    ----------
    subject
        Whom it names.
    seconds
        How long it holds, a year at most.

    """
    from router.access_tokens import LONGEST_LIFE_S  # noqa: PLC0415 - `--help` must be quick
    from router.tenancy import tokens_of  # noqa: PLC0415 - same reason

    if not 0 < seconds <= LONGEST_LIFE_S:
        refuse([f"--seconds: give 1 to {LONGEST_LIFE_S}; a token of another life is never accepted"])
    sys.stdout.write(tokens_of(settings_of_process()).issue(subject, seconds) + "\n")


@app.command
def ledger(*, json: bool = False, since: datetime | None = None) -> None:
    """Print the ledger, one line a request, oldest first; it works beside a running gateway and after it.

    Parameters
    ----------
    json
        One JSON object a line.
    since
        Only what was settled at or after this moment (ISO 8601; without an offset, UTC).

    """
    from metering.ledger_reader import LedgerReader, print_ledger  # noqa: PLC0415 - `--help` must be quick
    from router.process import on_books_as_they_are  # noqa: PLC0415 - same reason

    moment = since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since

    async def show(database: Database) -> None:
        lines = LedgerReader(database).read(moment)
        await (print_ledger(lines, sys.stdout.buffer) if json else print_told(lines))

    # A reader that has seen enough, such as `head`, ends the command and not with a complaint.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    on_books_as_they_are(settings_of_process(), show)


async def print_told(lines: AsyncIterator[LedgerLine]) -> None:
    """Print each request for a person to read."""
    async for line in lines:
        sys.stdout.write(f"{told(line)}\n")


def told(line: "LedgerLine") -> str:
    """Return one request for a person to read."""
    cost = "unknown" if line.cost_eur is None else f"{line.cost_eur:f} EUR"
    grams = "unknown" if line.emissions_kg is None else f"{line.emissions_kg * 1000:f} g"
    return f"{line.time}  {line.status:11}  {line.agent}  {line.model}  {cost}  {grams}  {line.request_id}"


@app.command
def openapi() -> None:
    """Print the OpenAPI document."""
    from router.app import COLD_ROUTES  # noqa: PLC0415 - `--help` must be quick
    from router.openapi import document  # noqa: PLC0415 - same reason

    sys.stdout.buffer.write(document(COLD_ROUTES) + b"\n")


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
