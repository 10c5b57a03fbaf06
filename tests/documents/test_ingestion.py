"""A thousand documents while the gateway answers, and a kill amid them: each ends ready or failed, once."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import requests

from tests.documents.conftest import OpenShelf
from tests.documents.shelf import Shelf, counted
from tests.faults.served import figure, until
from tests.gateway import SECRET, Gateway, vendors
from tests.upstream import Upstream

BROKEN_EVERY = 10
UPLOADERS = 4
# What a client sees of a gateway that is killed before it answers, or amid its answer.
CUT = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
WORDS = ["projet", "contrat", "livraison", "budget", "équipe", "réunion", "serveur", "client", "incident", "délai"]


def document(number: int) -> tuple[str, bytes]:
    """Make a small document that no other equals; now and then one that nobody can read."""
    chance = random.Random(number)
    if number % BROKEN_EVERY == 0:
        return f"broken-{number}.pdf", b"%PDF-1.7\n" + chance.randbytes(400)
    sections = "\n\n".join(
        f"## Partie {part}\n\n" + " ".join(chance.choices(WORDS, k=90)) + f" numéro {number}." for part in range(3)
    )
    return f"note-{number}.md", f"# Note {number}\n\n{sections}\n".encode()


def upload(shelf: Shelf, number: int) -> str:
    """Upload as a client does that never gives up: the same bytes again are the same document."""
    name, content = document(number)
    answers: list[requests.Response] = []

    def answered() -> bool:
        with suppress(*CUT):
            answers.append(
                requests.post(shelf.url, files={"file": (name, content)}, headers=shelf.session.headers, timeout=30)
            )
        return bool(answers) and answers[-1].status_code == 200

    until(answered, 60)
    return answers[-1].json()["id"]


@contextmanager
def answering(shelf: Shelf) -> Iterator[Counter[int]]:
    """Keep asking until the block ends; count what is answered, by status."""
    done, asked = threading.Event(), Counter[int]()

    def keep_asking() -> None:
        while not done.is_set():
            with suppress(*CUT):
                asked[shelf.ask("Bonjour", project_id=None).status_code] += 1

    asker = threading.Thread(target=keep_asking)
    asker.start()
    try:
        yield asked
    finally:
        done.set()
        asker.join()


def uploaded_amid_kills(shelf: Shelf, count: int) -> list[str]:
    """Upload every document while the gateway is killed twice; return their ids."""
    gateway = shelf.gateway
    with ThreadPoolExecutor(UPLOADERS) as pool:
        uploads = [pool.submit(upload, shelf, number) for number in range(count)]
        for moment in (count // 3, 2 * count // 3):
            until(lambda moment=moment: sum(each.done() for each in uploads) > moment, 300)
            gateway.process.kill()
            gateway.process.wait()
            gateway.start()
        return [each.result() for each in uploads]


def assert_indexed_once(gateway: Gateway, rows: list[dict[str, Any]]) -> None:
    indexed = dict(counted(gateway, "SELECT document_id, COUNT(*) FROM passages GROUP BY document_id"))
    vectors = counted(gateway, "SELECT COUNT(*), COUNT(DISTINCT passage_id) FROM vectors")
    assert indexed == {row["id"]: row["passages"] for row in rows if row["state"] == "ready"}
    assert vectors == [(sum(indexed.values()),) * 2]
    assert counted(gateway, "SELECT COUNT(*) FROM document_chunks") == [(0,)]


# Must-show 3.
@pytest.mark.parametrize("count", [20, pytest.param(1000, marks=pytest.mark.prove)])
def test_no_document_is_lost_or_indexed_twice_when_the_gateway_is_killed(
    gateway_with: Callable[..., Gateway], upstream: Upstream, count: int
) -> None:
    gateway = gateway_with(ROUTER_JWT_SECRET=SECRET, ROUTER_LOCAL="auto", **vendors(upstream))
    shelf = Shelf(gateway, "proj-default", gateway.token())
    broken = count // BROKEN_EVERY

    with answering(shelf) as asked:
        ids = uploaded_amid_kills(shelf, count)
        rows = shelf.all_settled(900)

    assert sorted(row["id"] for row in rows) == sorted(ids)
    assert len(set(ids)) == count
    states = Counter((row["name"].partition("-")[0], row["state"]) for row in rows)
    assert states == {("note", "ready"): count - broken, ("broken", "failed"): broken}
    assert all(row["error"] for row in rows if row["state"] == "failed")
    assert_indexed_once(gateway, rows)
    entries = Counter(row["status"] for row in gateway.books() if row["agent"] == "documents")
    assert entries["ok"] >= count - broken
    assert entries.keys() <= {"ok", "unknown", "error"}
    assert set(asked) == {200}
    figure(f"{count} documents, 2 kills: {dict(states)}, embeddings {dict(entries)}, {asked[200]} answers meanwhile")


def test_document_that_is_uploaded_again_is_the_same_one(open_shelf: OpenShelf) -> None:
    shelf = open_shelf()
    name, content = document(7)

    first, second = shelf.upload(content, name), shelf.upload(content, "another name.md")

    assert first.json()["id"] == second.json()["id"]
    assert shelf.settled(first.json()["id"])["state"] == "ready"
    assert len(shelf.rows()) == 1
