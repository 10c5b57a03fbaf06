"""Several gateways over one database, a load balancer that only counts, and the administrator who sets them up."""

import itertools
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import requests

from tests.gateway import Client, Gateway, exact, run

ADMIN_KEY = "sk-admin-Vr8wQ2xN5kTzB7mLc4JpHs9DyGf3EaRu6WnXo1Ti0Zq"
JWT_SECRET = "Jd5-replicas-share-this-secret-of-the-tests-0003"
PEPPER = "Pk9-replicas-share-this-pepper-of-the-tests-0004"
SHARED = {"ROUTER_ADMIN_KEY": ADMIN_KEY, "ROUTER_JWT_SECRET": JWT_SECRET, "ROUTER_KEY_PEPPER": PEPPER}
LEASE_S = 15.0


class Key(NamedTuple):
    """A project's key: what names it, and what is sent."""

    id: str
    value: str
    project: str


@dataclass
class Replicas:
    """Gateways that share their books; one gateway is a house of one."""

    gateways: list[Gateway]
    shared_database: bool
    turns: Iterator[int] = field(default_factory=itertools.count)
    heard: int = 0

    @classmethod
    @contextmanager
    def running(
        cls, make: Callable[[], Gateway], count: int, *, shared_database: bool
    ) -> Generator["Replicas", None, None]:
        """Start so many gateways at once; each must stop as it should when the block ends."""
        gateways = [make() for _ in range(count)]
        if shared_database:
            upgraded = run(gateways[0].folder, "database", "upgrade", env=gateways[0].env, seconds=60)
            assert upgraded.returncode == 0, upgraded.stderr
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(Gateway.start, gateways))
            yield cls(gateways, shared_database)
            assert set(pool.map(Gateway.stop, gateways)) == {0}

    def next(self) -> Gateway:
        """Return whose turn it is."""
        return self.gateways[next(self.turns) % len(self.gateways)]

    def kill(self, number: int) -> None:
        """End one replica, all processes of it, as the kernel does when memory is short."""
        process = self.gateways[number].process
        assert process is not None
        for pid in (process.pid, *children(process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def books(self) -> list[dict[str, Any]]:
        """Return the ledger as the command prints it, one object a request."""
        return self.gateways[0].books()

    def rows_of(self, project: str) -> list[dict[str, Any]]:
        return [row for row in self.books() if row["project_id"] == project]

    def count_of(self, key: "Key") -> int:
        """Return how many requests are booked on a key's project."""
        return self.admin.client(key).get("/usage").json()["requests"]

    @property
    def admin(self) -> "Admin":
        return Admin(self)

    def complaints(self) -> list[str]:
        """Return what the gateways wrote down of what nobody foresaw, since this was last asked."""
        lines = [line for gateway in self.gateways for line in gateway.log.splitlines()]
        found = [line for line in lines if "Traceback" in line or "unforeseen" in line]
        heard, self.heard = self.heard, len(found)
        return found[heard:] if heard <= len(found) else found


@dataclass
class Admin:
    """Whoever holds the admin key."""

    replicas: Replicas

    def call(
        self, method: str, path: str, body: object = None, *, at: Gateway | None = None, key: str = ADMIN_KEY
    ) -> requests.Response:
        """Send one request, to the replica `at` or to whose turn it is."""
        url = (at or self.replicas.next()).url + path
        return requests.request(method, url, json=body, headers={"Authorization": f"Bearer {key}"}, timeout=20)

    def done(self, method: str, path: str, body: object = None, *, at: Gateway | None = None) -> dict[str, Any]:
        """Send one request that must succeed and return what it answered."""
        response = self.call(method, path, body, at=at)
        assert response.status_code == 200, f"{method} {path}: {response.status_code} {response.text}"
        return exact(response.text)

    def project(self, name: str = "A project") -> str:
        return self.done("POST", "/v1/organization/projects", {"name": name})["id"]

    def key(self, project: str | None = None, name: str = "a key") -> Key:
        """Mint a key, in a project of its own unless one is named."""
        project = project or self.project()
        minted = self.done("POST", f"/v1/organization/projects/{project}/service_accounts", {"name": name})
        return Key(minted["api_key"]["id"], minted["api_key"]["value"], project)

    def revoke(self, key: Key, at: Gateway | None = None) -> None:
        self.done("DELETE", f"/v1/organization/projects/{key.project}/api_keys/{key.id}", at=at)

    def rotate(self, key: Key, grace_seconds: int) -> dict[str, Any]:
        path = f"/v1/organization/projects/{key.project}/api_keys/{key.id}/rotate"
        return self.done("POST", path, {"grace_seconds": grace_seconds})

    def budget(self, limit: Decimal | str, unit: str = "EUR", **fields: object) -> dict[str, Any]:
        """Set a budget, hard and of the month unless told otherwise."""
        plain = {"scope": "organization", "unit": unit, "limit": str(limit), "window": "month", "kind": "hard"}
        return self.done("POST", "/v1/organization/budgets", plain | fields)

    def drop_budget(self, budget_id: str) -> None:
        self.done("DELETE", f"/v1/organization/budgets/{budget_id}")

    def figures(self, budget_id: str, at: Gateway | None = None) -> "Figures":
        """Return where a budget stands."""
        return Figures.of(self.done("GET", f"/v1/organization/budgets/{budget_id}", at=at))

    def limit(self, project: str, **limits: int) -> dict[str, Any]:
        """Limit a project, by the vendor's names: `max_requests_per_1_minute`, `max_tokens_per_1_minute`."""
        listed = self.done("GET", f"/v1/organization/projects/{project}/rate_limits")
        path = f"/v1/organization/projects/{project}/rate_limits/{listed['data'][0]['id']}"
        return self.done("POST", path, limits)

    def client(self, key: Key, at: Gateway | None = None) -> Client:
        return Client(at or self.replicas.next(), key.value)


def children(pid: int) -> list[int]:
    """Return the processes that a process started, theirs too."""
    own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in map(int, own) for each in (child, *children(child))]


class Figures(NamedTuple):
    """Where a budget stands."""

    limit: Decimal
    spent: Decimal
    reserved: Decimal
    remaining: Decimal

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Figures":
        return cls(*(Decimal(told[name]) for name in ("limit", "spent", "reserved", "remaining")))


def wait(seconds: float) -> None:
    """Let time pass where time itself is what is tested."""
    threading.Event().wait(seconds)
