"""Prompts as those who manage them over HTTP do, each in a project of their own."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import requests

from tests.http.accounts import Administrator, Caller

PROMPTS = "/api/v1/prompts"
_numbers = itertools.count()


def path_of(name: str, *more: str | int) -> str:
    return "/".join([PROMPTS, quote(name, safe=""), *map(str, more)])


class Manager(Caller):
    """Somebody with a key, and what he does to prompts."""

    def prompt(self, template: str = "Bonjour {{nom}}", name: str = "", **fields: object) -> str:
        """Make a prompt with a draft, and return its name."""
        name = name or f"prompt {next(_numbers)}"
        self.made(PROMPTS, {"name": name, "template": template} | fields)
        return name

    def prompts(self, *bodies: dict[str, object]) -> None:
        """Make prompts, all at once: each answer comes when its prompt is in force."""
        with ThreadPoolExecutor(len(bodies)) as pool:
            list(pool.map(lambda body: self.made(PROMPTS, body), bodies))

    def draft(self, name: str, template: str = "Salut {{nom}}", **fields: object) -> dict[str, Any]:
        return self.made(path_of(name, "versions"), {"template": template} | fields)

    def promote(self, name: str, number: int) -> dict[str, Any]:
        return self.made(path_of(name, "versions", number, "promote"), {})

    def version(self, name: str, number: int) -> dict[str, Any]:
        return self.found(path_of(name, "versions", number))

    def found(self, path: str, **query: str) -> dict[str, Any]:
        response = self.call("GET", path, **query)
        assert response.status_code == 200, response.text
        assert response.json()["success"] is True
        return response.json()

    def names(self, **query: str) -> list[str]:
        return [row["name"] for row in self.found(PROMPTS, **query)["prompts"]]


def manager(administrator: Administrator, *scopes: str) -> Manager:
    """Open a project, and return whoever has a key of it."""
    project_id = administrator.project()
    return Manager(administrator.gateway, administrator.key(project_id, scopes)["value"])


def refused_f2(response: requests.Response, status: int) -> str:
    """Check family F2 (1.2) and return the sentence."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.headers["X-Request-Id"]
    body = response.json()
    assert set(body) == {"success", "error"}
    assert body["success"] is False
    return body["error"]
