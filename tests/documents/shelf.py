"""A project's documents as an application has them: uploaded, waited for, asked about."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import requests

from tests.faults.served import until
from tests.gateway import Gateway

PATIENCE_S = 60.0


@dataclass
class Shelf:
    """One project on one gateway, and a session of its own."""

    gateway: Gateway
    project: str
    token: str

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {self.token}"

    @property
    def url(self) -> str:
        return f"{self.gateway.url}/projects/{self.project}/documents"

    def write(self, text: str, name: str = "document.txt") -> requests.Response:
        """Upload a text as JSON."""
        return self.session.post(self.url, json={"name": name, "text": text}, timeout=PATIENCE_S)

    def upload(self, content: bytes, name: str) -> requests.Response:
        """Upload a file."""
        return self.session.post(self.url, files={"file": (name, content)}, timeout=PATIENCE_S)

    def added(self, text: str, name: str = "document.txt") -> str:
        """Upload a text and return the document's id."""
        response = self.write(text, name)
        assert response.status_code == 200, response.text
        return response.json()["id"]

    def row(self, document_id: str) -> dict[str, Any]:
        response = self.session.get(f"{self.url}/{document_id}", timeout=PATIENCE_S)
        assert response.status_code == 200, response.text
        return response.json()

    def rows(self) -> list[dict[str, Any]]:
        """List every document, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            query = {"after": found[-1]["id"]} if found else {}
            page = self.session.get(self.url, params=query, timeout=PATIENCE_S).json()
            found += page["documents"]
            if not page["has_more"]:
                assert len(found) == page["total"]
                return found

    def settled(self, document_id: str, seconds: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until a document is ready or has failed; return its row."""
        until(lambda: self.row(document_id)["state"] != "processing", seconds)
        return self.row(document_id)

    def all_settled(self, seconds: float = PATIENCE_S) -> list[dict[str, Any]]:
        """Wait until no document is being processed; return every row."""
        for row in self.rows():
            if row["state"] == "processing":
                self.settled(row["id"], seconds)
        return self.rows()

    def ask(self, message: str, **fields: object) -> requests.Response:
        body = json.dumps({"message": message, "project_id": self.project, **fields})
        headers = {"Content-Type": "application/json"}
        return self.session.post(f"{self.gateway.url}/completion", data=body, headers=headers, timeout=PATIENCE_S)


def counted(gateway: Gateway, sql: str) -> list[tuple[Any, ...]]:
    """Ask the gateway's own database file."""
    path = gateway.folder / "data" / "router.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()
