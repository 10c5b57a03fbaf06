"""The faulty upstream in a thread of its own, and the router.toml in which each of its scenarios is a model."""

import asyncio
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.scenarios import SCENARIOS, WATCHED
from tests.faults.upstream import FaultyUpstream, Visit

HASTY = {"connect": 1.0, "first_byte": 0.8, "idle": 0.8, "total": 2.5}
PATIENT = {"connect": 2.0, "first_byte": 120.0, "idle": 120.0, "total": 600.0}
HEAVY = frozenset({"gzip_bomb", "giant_line", "giant_body"})
LONGEST_WAIT_S = 20.0


@contextmanager
def served(tls: ssl.SSLContext | None = None) -> Iterator[FaultyUpstream]:
    """Serve the faulty upstream until the block ends."""
    upstream = FaultyUpstream(tls=tls)
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with upstream:
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="faulty-upstream")
    thread.start()
    try:
        assert ready.wait(LONGEST_WAIT_S)
        yield upstream
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def provider(name: str, base_url: str, timeouts: dict[str, float]) -> str:
    """Write a `[[provider]]` of router.toml (C-4)."""
    limits = "\n".join(f"{limit} = {seconds}" for limit, seconds in timeouts.items())
    head = f'[[provider]]\nname = "{name}"\nkind = "openai"\nbase_url = "{base_url}"\nzone = "FRA"'
    return f"{head}\n[provider.timeouts]\n{limits}\n"


def model(name: str, provider_name: str, scenario: str) -> str:
    """Write a `[[model]]` whose upstream name chooses the scenario."""
    head = f'[[model]]\nname = "{name}"\nprovider = "{provider_name}"\nupstream = "{scenario}"'
    return f'{head}\nprice_of = "gpt-4o"\necologits = "openai/gpt-4o"\n'


def alone(name: str, base_url: str, scenario: str | None = None) -> str:
    """Write a model with a provider of its own: no other scenario shares its breaker or its retries."""
    scenario = scenario or name
    timeouts = HASTY if scenario in WATCHED - HEAVY else PATIENT
    return provider(f"with-{name}", base_url, timeouts) + model(name, f"with-{name}", scenario)


def every_scenario(base_url: str) -> str:
    """Write a model for each scenario, by its name."""
    return "".join(alone(name, base_url) for name in SCENARIOS)


def visits(upstream: FaultyUpstream, question: str) -> list[Visit]:
    """Return what the upstream saw of the requests that asked this, oldest first."""
    return [visit for visit in upstream.visits if visit.question == question]


def until(fact: Callable[[], object], seconds: float = LONGEST_WAIT_S) -> float:
    """Wait until `fact` holds and return how long that took."""
    began = time.monotonic()
    while not fact():
        waited = time.monotonic() - began
        assert waited < seconds, f"still not so after {waited:.1f} s"
        threading.Event().wait(0.01)
    return time.monotonic() - began


def figure(text: str) -> None:
    """Print a measured figure; `pytest -rP` shows it."""
    sys.stdout.write(f"{text}\n")


def rows_by_project(books: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a ledger by the project they name: a test that gives each request its own finds it again."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in books:
        rows.setdefault(row["project_id"], []).append(row)
    return rows
