"""A project with documents that are ready, and what the vendor was told of them."""

import re
from dataclasses import dataclass
from typing import Any

import requests

from tests.gateway import Client
from tests.http.accounts import Administrator, Caller, within
from tests.http.papers import listed, path_of
from tests.upstream import Seen, Upstream
from tests.wire import stream

READY_S = 30


@dataclass
class Shelf:
    """One project, whoever asks in it, and its documents by name."""

    caller: Caller
    project_id: str
    ids: dict[str, str]

    def ask(self, message: str, *sources: str, **fields: object) -> requests.Response:
        """Ask about the documents; sources are named by their names."""
        restricted = {"sources": [self.ids.get(name, name) for name in sources]} if sources else {}
        return self.caller.ask(message, project_id=self.project_id, **restricted, **fields)

    def stream(self, message: str, **fields: object) -> list[dict[str, Any]]:
        """Ask for a stream, whose bytes are checked, and return its events."""
        client = Client(self.caller.gateway, self.caller.credential or "")
        return stream(client, message, project_id=self.project_id, **fields).events


def shelf(administrator: Administrator, texts: dict[str, str]) -> Shelf:
    """Open a project and wait until these texts are ready in it."""
    project_id = administrator.project()
    caller = administrator.caller(project_id)
    ids = {name: upload(caller, project_id, name, text) for name, text in texts.items()}
    assert within(READY_S, lambda: all(row["state"] == "ready" for row in listed(caller, project_id, limit="100")))
    return Shelf(caller, project_id, ids)


def upload(caller: Caller, project_id: str, name: str, text: str) -> str:
    return caller.made(path_of(project_id), {"name": name, "text": text})["id"]


def chats(upstream: Upstream, prompt: str) -> list[Seen]:
    """Return the chat calls that carried a prompt."""
    return [seen for seen in upstream.seen(prompt) if seen.path.endswith("/chat/completions")]


def turns(seen: Seen) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in seen.body["messages"]]


def parted(content: str) -> tuple[str, str, str]:
    """Return what stands inside the fence of a turn, what comes after it, and its boundary."""
    opened = re.match(r"<passages-([0-9a-f]{8})>\n", content)
    assert opened is not None, content[:200]
    inside, closing, after = content[opened.end() :].partition(f"\n</passages-{opened[1]}>\n\n")
    assert closing
    # Between the passages and the question stand findings of earlier calls at most.
    assert opened[1] not in re.sub(rf"<finding-{opened[1]}[^<>]*>[^<]*</finding-{opened[1]}>", "", after)
    return inside, after, opened[1]


def sources(response: requests.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    return response.json()["metadata"]["sources"]
