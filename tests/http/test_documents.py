"""Documents of projects over HTTP: kept, listed, deleted, by those alone who may (2.2.3)."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
import requests

from tests.gateway import SECRET, Gateway, refused, vendors
from tests.http.accounts import ORGANIZATION, Administrator, Caller, admin_key, within
from tests.http.papers import listed, path_of, send_body, send_file
from tests.upstream import Upstream

NOTES = "Le four de la boulangerie est allumé à quatre heures.\n".encode()
NOBODY = "01a20000-0000-7000-8000-000000000000"


def plain(response: requests.Response) -> tuple[int, str, dict[str, str]]:
    """Return all that an answer says but its request id."""
    headers = {name.lower(): value for name, value in response.headers.items() if name.lower() != "x-request-id"}
    return response.status_code, re.sub(r"req_\w+", "REQUEST", response.text), headers


def test_file_is_kept_at_once_and_listed_with_its_state(archivist: Administrator) -> None:
    project = archivist.project()
    caller = archivist.caller(project)

    kept = send_file(caller, project, NOTES, "notes.md")
    row = caller.call("GET", path_of(project, kept.json()["id"])).json()
    page = caller.call("GET", path_of(project)).json()

    assert kept.status_code == 200, kept.text
    assert set(kept.json()) == {"id", "name", "bytes", "tokens", "state", "error"}
    assert str(UUID(kept.json()["id"])) == kept.json()["id"]
    assert kept.json() | {"tokens": None} == kept.json()
    assert (kept.json()["name"], kept.json()["bytes"], kept.json()["state"]) == ("notes.md", len(NOTES), "processing")
    assert set(row) == {*kept.json(), "created_at", "passages", "format"}
    assert (row["format"], row["bytes"]) == ("md", len(NOTES))
    assert set(page) == {"documents", "total", "has_more"}
    assert (page["total"], page["has_more"], page["documents"][0]["id"]) == (1, False, row["id"])


def test_text_is_kept_from_json(archivist: Administrator) -> None:
    project = archivist.project()
    caller = archivist.caller(project)

    named = caller.made(path_of(project), {"name": "notes.md", "text": "# Fournil\n\nLe four."})
    nameless = caller.made(path_of(project), {"text": "Sans nom."})

    assert (named["name"], nameless["name"]) == ("notes.md", "document.txt")
    assert {row["format"] for row in listed(caller, project)} == {"md", "txt"}


def test_same_bytes_are_the_same_document_and_in_another_project_another(archivist: Administrator) -> None:
    project, other = archivist.project(), archivist.project()

    first = send_file(archivist, project, NOTES, "a.txt").json()
    again = send_file(archivist, project, NOTES, "b.txt").json()
    elsewhere = send_file(archivist, other, NOTES, "a.txt").json()

    assert (again["id"], again["name"]) == (first["id"], "a.txt")
    assert elsewhere["id"] != first["id"]
    assert len(listed(archivist, project)) == 1


def test_same_bytes_sent_at_once_are_one_document(archivist: Administrator) -> None:
    project = archivist.project()
    # Of several transactions each, and quickly found to be no PDF.
    file = b"%PDF-1.7\n" + NOTES * 30_000

    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda _: send_file(archivist, project, file), range(8)))

    assert {response.status_code for response in sent} == {200}, [response.text for response in sent]
    assert len({response.json()["id"] for response in sent}) == 1
    assert len(listed(archivist, project)) == 1


def test_pages_go_through_all_documents_once(archivist: Administrator) -> None:
    project = archivist.project()
    made = [archivist.made(path_of(project), {"text": f"Texte {number}"})["id"] for number in range(5)]

    seen: list[object] = []
    more = True
    while more:
        after = {"after": str(seen[-1])} if seen else {}
        page = archivist.call("GET", path_of(project), limit="2", **after).json()
        seen += [row["id"] for row in page["documents"]]
        more = page["has_more"]
        assert page["total"] == 5

    assert sorted(map(str, seen)) == sorted(made)
    for query in ({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"after": "x"}, {"after": "\x00"}):
        error = refused(archivist.call("GET", path_of(project), **query), 400, "invalid_request")
        assert error["param"] == next(iter(query))


def test_deleted_document_is_gone_and_may_come_again(archivist: Administrator) -> None:
    project = archivist.project()
    first = send_file(archivist, project, NOTES).json()["id"]

    deleted = archivist.call("DELETE", path_of(project, first.upper()))
    twice = archivist.call("DELETE", path_of(project, first))
    found = archivist.call("GET", path_of(project, first))
    again = send_file(archivist, project, NOTES).json()

    assert (deleted.status_code, deleted.json()) == (200, {"id": first, "deleted": True})
    refused(twice, 404, "not_found")
    refused(found, 404, "not_found")
    assert again["id"] != first
    assert [row["id"] for row in listed(archivist, project)] == [again["id"]]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_documents_that_are_not_there_are_all_alike(archivist: Administrator, method: str) -> None:
    project, other = archivist.project(), archivist.project()
    caller = archivist.caller(project)
    foreign = send_file(archivist, other, NOTES).json()["id"]

    told = [
        plain(caller.call(method, path_of(project, each)))
        for each in (foreign, str(uuid4()), NOBODY, "x", "%00", "..%2f", "{" + NOBODY + "}", NOBODY.replace("-", ""))
    ]

    assert told[0][0] == 404
    assert all(each[:2] == told[0][:2] for each in told if "route" not in each[1])
    assert archivist.call("GET", path_of(other, foreign)).status_code == 200


@pytest.mark.parametrize(("method", "ending"), [("GET", ""), ("POST", ""), ("GET", NOBODY), ("DELETE", NOBODY)])
def test_project_of_somebody_else_answers_like_a_missing_and_an_archived_one(
    archivist: Administrator, method: str, ending: str
) -> None:
    caller = archivist.caller(archivist.project())
    other, old = archivist.project(), archivist.project()
    archivist.call("POST", f"{ORGANIZATION}/projects/{old}/archive")
    body = {"text": "Bonjour"} if method == "POST" else None

    told = [plain(caller.call(method, path_of(each, ending), body)) for each in (other, "proj-none", old, "a b", "%00")]
    by_admin = [plain(archivist.call(method, path_of(each, ending), body)) for each in ("proj-none", "%00")]

    assert told[0][0] == 404
    assert len({each[1] for each in told + by_admin}) == 1
    assert "no_store" not in told[0][1]


def test_documents_of_an_archived_project_can_be_looked_at_and_deleted_by_an_administrator_alone(
    archivist: Administrator,
) -> None:
    project = archivist.project()
    kept = send_file(archivist.caller(project), project, NOTES).json()["id"]
    archivist.call("POST", f"{ORGANIZATION}/projects/{project}/archive")

    rows = listed(archivist, project)
    more = archivist.call("POST", path_of(project), {"text": "Bonjour"})
    deleted = archivist.call("DELETE", path_of(project, kept))

    assert [row["id"] for row in rows] == [kept]
    assert more.status_code == 404
    assert deleted.json() == {"id": kept, "deleted": True}
    assert listed(archivist, project) == []


def test_token_without_a_key_acts_on_any_project_in_development(archivist: Administrator, archive: Gateway) -> None:
    token = Caller(archive, archive.token())

    kept = send_file(token, "proj-nouveau", NOTES)

    assert kept.status_code == 200, kept.text
    assert len(listed(token, "proj-nouveau")) == len(listed(archivist, "proj-nouveau")) == 1
    refused(token.call("GET", path_of("pas un identifiant")), 404, "not_found")


def test_token_of_a_key_acts_as_the_key_does(archivist: Administrator, archive: Gateway) -> None:
    project, other = archivist.project(), archivist.project()
    token = Caller(archive, archivist.caller(project).made("/auth/token", None)["access_token"])

    assert send_file(token, project, NOTES).status_code == 200
    refused(send_file(token, other, NOTES), 404, "not_found")


def test_key_for_other_surfaces_is_told_what_it_lacks(archivist: Administrator) -> None:
    project = archivist.project()
    talker = archivist.caller(project, "surface:completion")
    reader = archivist.caller(project, "surface:documents", "model:gpt-4o")

    for method, ending in (("GET", ""), ("POST", ""), ("DELETE", NOBODY)):
        error = refused(talker.call(method, path_of(project, ending), {"text": "x"}), 403, "forbidden")
        assert "surface:documents" in error["message"]
    assert send_file(reader, project, NOTES).status_code == 200


def test_without_a_credential_nothing_is_told(archive: Gateway) -> None:
    for credential in (None, "sk-proj-wrong", "a.b.c"):
        refused(Caller(archive, credential).call("GET", path_of("proj-default")), 401, "unauthorized")
        refused(send_file(Caller(archive, credential), "proj-default", NOTES), 401, "unauthorized")


def test_rate_limits_hold_for_uploads(archivist: Administrator) -> None:
    project = archivist.project()
    caller = archivist.caller(project)
    archivist.call("PUT", f"{ORGANIZATION}/limits/project/{project}", {"requests_per_minute": 2})

    # It holds everywhere within a second.
    assert within(5, lambda: caller.call("POST", path_of(project), {"text": "x"}).status_code == 429)

    response = send_file(caller, project, NOTES)

    refused(response, 429, "rate_limited")
    assert int(response.headers["Retry-After"]) >= 1
    assert len(listed(archivist, project)) == 1


def test_project_keeps_no_more_than_it_may(gateway_with: Callable[..., Gateway], upstream: Upstream) -> None:
    settings = {"ROUTER_EMBEDDINGS_MODEL": "text-embedding-3-small", "ROUTER_PROJECT_MAX_DOCUMENTS": "2"}
    house = gateway_with(**vendors(upstream), **settings)
    admin = Administrator(house, admin_key(house))
    project = admin.project()
    first = admin.made(path_of(project), {"text": "un"})["id"]
    admin.made(path_of(project), {"text": "deux"})

    full = refused(admin.call("POST", path_of(project), {"text": "trois"}), 409, "conflict")
    same = admin.call("POST", path_of(project), {"text": "un"})
    admin.call("DELETE", path_of(project, first))

    assert "supprimez" in full["message"]
    assert same.json()["id"] == first
    assert admin.made(path_of(project), {"text": "trois"})["state"] == "processing"


def test_without_embeddings_documents_are_not_taken_and_the_mend_is_told(
    gateway_with: Callable[..., Gateway], upstream: Upstream
) -> None:
    house = gateway_with(**vendors(upstream), ROUTER_JWT_SECRET=SECRET)
    token = Caller(house, house.token())

    error = refused(send_file(token, "proj-default", NOTES), 503, "model_unavailable")

    assert "ROUTER_LOCAL=on" in error["message"]
    assert "ROUTER_EMBEDDINGS_MODEL" in error["message"]
    assert listed(token, "proj-default") == []


def test_routes_are_described(archivist: Administrator, archive: Gateway) -> None:
    document = Caller(archive, archive.token()).call("GET", "/openapi.json").json()
    operations = document["paths"]["/projects/{project_id}/documents"]

    content = operations["post"]["requestBody"]["content"]

    assert set(content) == {"application/json", "multipart/form-data"}
    assert content["multipart/form-data"]["schema"]["properties"]["file"]["format"] == "binary"
    assert set(operations) >= {"get", "post"}
    assert set(document["paths"]["/projects/{project_id}/documents/{document_id}"]) >= {"get", "delete"}
    refused(send_body(archivist, "proj-default", b"bonjour", "text/plain"), 415, "unsupported_media_type")
