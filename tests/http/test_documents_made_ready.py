"""What was uploaded is made ready behind the answer, by whatever process, and through a stop (2.2.3)."""

from collections.abc import Callable

import pytest

from tests.gateway import Gateway, vendors
from tests.http.accounts import Administrator, Caller, admin_key, within
from tests.http.papers import listed, path_of, send_file
from tests.upstream import Upstream

EMBEDS = {"ROUTER_EMBEDDINGS_MODEL": "text-embedding-3-small"}
NOTES = "# Fournil\n\n## Horaires\n\nLe four est allumé à quatre heures, chaque jour sauf le lundi.\n".encode()


def states(caller: Caller, project: str) -> set[object]:
    return {row["state"] for row in listed(caller, project)}


def test_document_gets_ready_with_its_tokens_and_is_read_by_answers(archivist: Administrator) -> None:
    project = archivist.project()
    caller = archivist.caller(project)
    document = send_file(caller, project, NOTES, "fournil.md").json()["id"]

    assert within(30, lambda: states(caller, project) == {"ready"}), listed(caller, project)
    row = caller.call("GET", path_of(project, document)).json()
    answer = caller.ask("Quand le four est-il allumé ?", project_id=project).json()

    assert row["tokens"] > 10
    assert row["passages"] >= 1
    assert row["error"] is None
    assert [source["document_id"] for source in answer["metadata"]["sources"]] == [document] * row["passages"]
    assert send_file(caller, project, NOTES, "again.md").json()["state"] == "ready"


def test_document_that_cannot_be_read_says_why_and_is_tried_again_when_it_is_sent_again(
    archivist: Administrator,
) -> None:
    project = archivist.project()
    sent = send_file(archivist, project, b"%PDF-1.7\n" + b"nothing of a PDF " * 50, "a.pdf").json()

    assert within(30, lambda: states(archivist, project) == {"failed"}), listed(archivist, project)
    failed = archivist.call("GET", path_of(project, sent["id"])).json()
    again = send_file(archivist, project, b"%PDF-1.7\n" + b"nothing of a PDF " * 50, "a.pdf").json()

    assert failed["error"]
    assert "/" not in failed["error"]
    assert (again["id"], again["state"], again["error"]) == (sent["id"], "processing", None)


def test_document_that_is_deleted_while_it_is_read_stays_gone(archivist: Administrator) -> None:
    project = archivist.project()
    text = b"".join(b"Le lot %d est parti de la mine. " % number for number in range(5_000))
    document = send_file(archivist, project, text).json()["id"]

    deleted = archivist.call("DELETE", path_of(project, document))
    other = send_file(archivist, project, NOTES).json()["id"]

    assert deleted.status_code == 200
    assert within(30, lambda: states(archivist, project) == {"ready"}), listed(archivist, project)
    assert [row["id"] for row in listed(archivist, project)] == [other]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_stop_loses_no_document(gateway_with: Callable[..., Gateway], upstream: Upstream, workers: str) -> None:
    house = gateway_with(**vendors(upstream), **EMBEDS, ROUTER_WORKERS=workers)
    admin = Administrator(house, admin_key(house))
    project = admin.project()
    sent = {admin.made(path_of(project), {"text": f"Note {number}. " * 200})["id"] for number in range(30)}

    assert house.stop() == 0, house.log
    house.start()

    # What a process left is free at once, not when its lease ends.
    assert within(60, lambda: states(admin, project) == {"ready"}), listed(admin, project)
    assert {row["id"] for row in listed(admin, project)} == sent
    assert "Traceback" not in house.log


def test_replicas_over_postgres_share_the_work(
    gateway_with: Callable[..., Gateway], upstream: Upstream, postgres_url: str
) -> None:
    shared = {"ROUTER_DATABASE_URL": postgres_url, "ROUTER_ADMIN_KEY": "sk-admin-" + "Vr8wQ2xN5kTzB7mLc4JpHs9D" * 2}
    first, second = (gateway_with(**vendors(upstream), **EMBEDS, **shared) for _ in range(2))
    admin = Administrator(first, shared["ROUTER_ADMIN_KEY"])
    elsewhere = Administrator(second, shared["ROUTER_ADMIN_KEY"])
    project = admin.project()
    sent = {admin.made(path_of(project), {"text": f"Note {number}. " * 50})["id"] for number in range(10)}

    assert within(60, lambda: states(elsewhere, project) == {"ready"}), listed(elsewhere, project)
    assert {row["id"] for row in listed(elsewhere, project)} == sent
    assert elsewhere.call("DELETE", path_of(project, min(sent))).status_code == 200
    assert admin.call("GET", path_of(project, min(sent))).status_code == 404
    assert first.stop() == second.stop() == 0
