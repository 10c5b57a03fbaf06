"""A gateway's accounts as those who administer them use them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from openai import OpenAI

from tests.gateway import Gateway, run

ORGANIZATION = "/v1/organization"


def admin_key(gateway: Gateway) -> str:
    """Return the first admin key as the command prints it."""
    printed = run(gateway.folder, "keys", "admin", env=gateway.env)
    assert printed.returncode == 0, printed.stderr
    return printed.stdout.strip()


@dataclass
class Caller:
    """Somebody with one credential, in either header."""

    gateway: Gateway
    credential: str | None
    header: str = "Authorization"

    def call(self, method: str, path: str, body: object = None, **query: str) -> requests.Response:
        shown = f"Bearer {self.credential}" if self.header == "Authorization" else self.credential
        headers = {} if self.credential is None else {self.header: shown}
        return requests.request(method, self.gateway.url + path, json=body, params=query, headers=headers, timeout=20)

    def made(self, path: str, body: object) -> dict[str, Any]:
        """Post, and return what was made."""
        response = self.call("POST", path, body)
        assert response.status_code == 200, response.text
        return response.json()

    def verify(self) -> requests.Response:
        return self.call("GET", "/auth/verify")

    def ask(self, message: str = "Bonjour", **fields: object) -> requests.Response:
        return self.call("POST", "/completion", {"message": message} | fields)


class Administrator(Caller):
    """Whoever holds an admin key."""

    def project(self, name: str = "Projet") -> str:
        return self.made(f"{ORGANIZATION}/projects", {"name": name})["id"]

    def key(self, project_id: str, scopes: tuple[str, ...] = (), **fields: object) -> dict[str, Any]:
        """Return a new key of a new service account: id and value."""
        base = f"{ORGANIZATION}/projects/{project_id}/service_accounts"
        account = self.made(base, {"name": "robot", "create_service_account_only": True})
        return self.made(f"{base}/{account['id']}/api_keys", {"name": "k", "scopes": list(scopes)} | fields)

    def caller(self, project_id: str, *scopes: str, **fields: object) -> Caller:
        return Caller(self.gateway, self.key(project_id, scopes, **fields)["value"])

    @property
    def sdk(self) -> OpenAI:
        return OpenAI(
            api_key="none", admin_api_key=self.credential, base_url=f"{self.gateway.url}/v1", max_retries=0, timeout=20
        )


def within(seconds: float, happens: Callable[[], bool]) -> bool:
    """Whether it happens in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if happens():
            return True
    return False
