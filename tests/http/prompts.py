"""Prompts put where a gateway finds them, and whoever runs them."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import requests

from agents.messages import Message
from agents.prompts.prompt import Config, Content, Draft, NewPrompt, Version
from agents.prompts.prompts import Prompts
from storage.script import Query, Rows, Script
from storage.sqlite import Sqlite
from tests.gateway import Client, Gateway
from tests.http.accounts import Administrator
from tests.wire import Answer, posting, read

RUN = "/api/v1/run"
T = TypeVar("T")
_numbers = itertools.count()


def draft(text: str, system: str = "", **config: Any) -> Draft:
    """Return a text version: one message of the user, maybe behind one of the system."""
    messages = [Message("system", system)] * bool(system) + [Message("user", text)]
    return Draft(content=Content(tuple(messages)), config=Config(**config))


@dataclass
class Team:
    """A project with a key and prompts of its own."""

    gateway: Gateway
    project_id: str
    key: str

    def booked(self, request_id: str) -> dict[str, Any]:
        """Return what the ledger says of a request of the project."""
        (row,) = [row for row in self.rows() if row["request_id"] == request_id]
        return row

    def rows(self) -> list[dict[str, Any]]:
        """Return what the ledger says of the project's requests."""
        columns = "request_id, route, agent, project_id, key_id, prompt_id, prompt_version, status, stream, "
        columns += "output_tokens, cost_eur"

        def script() -> Script[Rows]:
            return (yield Query(f"SELECT {columns} FROM ledger WHERE project_id = ?", (self.project_id,)))  # noqa: S608 - names of ours

        async def read() -> Rows:
            database = self._database()
            try:
                return await database.read(script)
            finally:
                await database.aclose()

        return [dict(zip(columns.split(", "), row, strict=True)) for row in asyncio.run(read())]

    def _database(self) -> Sqlite:
        return Sqlite(self.gateway.folder / "data" / "router.db")

    def written(self, work: Callable[[Prompts], Awaitable[T]], noticed_s: float = 0) -> T:
        """Do something with the prompts, in the gateway's own database."""

        async def done() -> T:
            database = self._database()
            try:
                return await work(Prompts(database, noticed_s))
            finally:
                await database.aclose()

        return asyncio.run(done())

    def drafted(self, text: str, system: str = "", *, name: str = "", **config: Any) -> str:
        """Keep a prompt with one draft, and return its name."""
        name = name or f"prompt {next(_numbers)}"
        new = NewPrompt(name=name)
        self.written(lambda kept: kept.create_with(self.project_id, new, draft(text, system, **config), "tests"))
        return name

    def published(self, text: str, system: str = "", *, name: str = "", **config: Any) -> str:
        """Keep a prompt whose first version is in production, and return its name."""
        name = self.drafted(text, system, name=name, **config)
        self.written(lambda kept: kept.promote(self.project_id, name, 1, "tests"))
        return name

    def added(self, name: str, draft: Draft) -> Version:
        return self.written(lambda kept: kept.add(self.project_id, name, draft, "tests"))

    def run(self, name: str, variables: object = None, **fields: object) -> requests.Response:
        given = {} if variables is None else {"variables": variables}
        return self.post({"promptName": name} | given | fields)

    def post(self, body: object, path: str = RUN, **headers: str) -> requests.Response:
        shown = {"x-api-key": self.key} | headers
        return requests.post(self.gateway.url + path, json=body, headers=shown, timeout=40)

    def stream(self, name: str, **fields: object) -> Answer:
        client = Client(self.gateway, self.key)
        with posting(client, 40, path=RUN, promptName=name, stream=True, **fields) as wire:
            return read(wire)


def team(administrator: Administrator, *scopes: str, **fields: object) -> Team:
    """Open a project and make a key of it."""
    project_id = administrator.project()
    return Team(administrator.gateway, project_id, administrator.key(project_id, scopes, **fields)["value"])


def failed(response: requests.Response, status: int) -> str:
    """Check family F2 (1.2) and return the sentence."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.headers["X-Request-Id"]
    body = response.json()
    assert set(body) == {"success", "error"}
    assert body["success"] is False
    return body["error"]
