"""A caller with the admin key, and what it reads."""

import json
from typing import Any

import requests

from tests.gateway import Gateway, exact

ADMIN_KEY = "sk-admin-Qm7-acceptance-admin-key-of-the-budgets-000000001"
BUDGETS = "/v1/organization/budgets"
ASKED = {"scope": "organization", "unit": "EUR", "limit": 20, "window": "month", "kind": "hard"}


class Admin:
    """A caller with the admin key."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.headers = {"Authorization": f"Bearer {ADMIN_KEY}"}

    def call(self, method: str, path: str = BUDGETS, body: object = None, **query: object) -> requests.Response:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = self.headers | ({} if data is None else {"Content-Type": "application/json"})
        url = self.gateway.url + path
        return requests.request(method, url, data=data, headers=headers, params=query, timeout=20)  # type: ignore[arg-type] - any scalar will do

    def made(self, **fields: object) -> dict[str, Any]:
        return read(self.call("POST", body=ASKED | fields))

    def listed(self, **query: object) -> list[dict[str, Any]]:
        return read(self.call("GET", **query))["data"]


def read(response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return exact(response.text)


def refused_f3(response: requests.Response, status: int, param: str | None, code: str | None = None) -> str:
    """Check family F3 (1.2) and return the message."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["param"], error["code"]) == (param, code)
    return error["message"]
