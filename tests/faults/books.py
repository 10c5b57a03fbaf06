"""The books of a gateway, looked at without asking it."""

import re
import sqlite3
from contextlib import closing

from tests.gateway import Gateway


def soundness(gateway: Gateway) -> str:
    """Return what SQLite thinks of the file: "ok" or its complaints."""
    with closing(sqlite3.connect(gateway.folder / "data" / "router.db")) as database:
        return database.execute("PRAGMA integrity_check").fetchone()[0]


def unmetered(gateway: Gateway) -> int:
    """Return how many requests of dead processes the gateway says it closed."""
    found = re.search(r'router_unmetered_total\{reason="process_died"\} (\d+)', gateway.metrics())
    return int(found[1]) if found else 0
