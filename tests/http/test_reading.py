"""Answers from documents: which are read, what is told of them, what refuses (2.2.2, 2.2.3, 2.3)."""

import json
import uuid
from decimal import Decimal

import pytest
import requests

from agents.grounding import GROUNDED
from tests.gateway import exact, refused
from tests.http.accounts import Administrator
from tests.http.shelf import Shelf, chats, parted, shelf, sources, turns
from tests.talk import talking
from tests.upstream import STORY, Upstream

BRIDGE = "Le budget du pont de Nantes est de douze millions d'euros."
SCHOOL = "L'école de Rezé accueille trois cents élèves depuis septembre."
MENU = "La cantine sert des lentilles le mardi et du poisson le vendredi."
TEXTS = {"pont.txt": BRIDGE, "école.md": SCHOOL, "cantine.txt": MENU}
HISTORY = [{"role": "user", "content": "Bonjour"}, {"role": "assistant", "content": "Salut"}]


@pytest.fixture(scope="module")
def town(archivist: Administrator) -> Shelf:
    return shelf(archivist, TEXTS)


def test_answer_rests_on_the_documents_and_says_on_which_passages(town: Shelf, upstream: Upstream) -> None:
    prompt = upstream.expect()

    response = town.ask(f"Quel est le budget du pont de Nantes ? {prompt}", conversation_history=HISTORY)

    answer = exact(response.text)
    assert answer["response"] == "".join(STORY)
    first, *_ = answer["metadata"]["sources"]
    assert set(first) == {"document_id", "name", "passage", "score", "text"}
    assert first | {"score": 0} == {
        "document_id": town.ids["pont.txt"],
        "name": "pont.txt",
        "passage": 1,
        "score": 0,
        "text": BRIDGE,
    }
    (seen,) = chats(upstream, prompt)
    system, *history, (role, content) = turns(seen)
    assert system == ("system", GROUNDED)
    assert history == [("user", "Bonjour"), ("assistant", "Salut")]
    inside, after, mark = parted(content)
    assert role == "user"
    assert inside.startswith(f'<passage-{mark} number="1" document="pont.txt">\n{BRIDGE}\n</passage-{mark}>')
    assert after.endswith(f"Quel est le budget du pont de Nantes ? {prompt}")


def test_embeddings_and_answer_are_calls_of_one_receipt(town: Shelf, upstream: Upstream) -> None:
    answer = exact(town.ask(upstream.expect()).text)["metadata"]

    assert [call["model"] for call in answer["calls"]] == ["text-embedding-3-small", "gpt-4o"]
    assert sum(call["cost_eur"] for call in answer["calls"]) == answer["pricing"]["total_cost"]
    assert answer["pricing"]["by_model"]["text-embedding-3-small"]["input"] > Decimal(0)
    row = town.caller.gateway.row(answer["request_id"])
    assert (row["attempts"], row["cost_eur"]) == (2, answer["pricing"]["total_cost"])


def test_socket_tells_what_a_stream_tells(town: Shelf, upstream: Upstream) -> None:
    *_, streamed = town.stream(f"Le pont ? {upstream.expect()}")

    with talking(town.caller.gateway, f"?token={town.caller.credential}") as talk:
        only = [town.ids["cantine.txt"]]
        text, done = talk.ask(f"Le pont ? {upstream.expect()}", project_id=town.project_id)
        _, narrowed = talk.ask(f"La cantine ? {upstream.expect()}", project_id=town.project_id, sources=only)

    told, first = done["metadata"], done["metadata"]["sources"][0]
    assert text == "".join(STORY)
    assert first["name"] == "pont.txt"
    assert set(first) == set(streamed["metadata"]["sources"][0])
    assert {each["document_id"] for each in narrowed["metadata"]["sources"]} == set(only)
    row = town.caller.gateway.row(told["request_id"])
    assert (row["attempts"], row["cost_eur"]) == (2, told["pricing"]["total_cost"])


def test_stream_ends_with_the_sources(town: Shelf, upstream: Upstream) -> None:
    *deltas, last = town.stream(f"Le pont ? {upstream.expect()}")

    assert all(set(event["metadata"]) == {"model", "agent"} for event in deltas)
    assert last["metadata"]["sources"][0]["name"] == "pont.txt"
    assert last["metadata"]["usage"]["total_tokens"] > 0


def test_stream_that_breaks_ends_with_the_sources_too(town: Shelf, upstream: Upstream) -> None:
    *_, last = town.stream(f"Le pont ? {upstream.expect(cut_after=2)}")

    assert last["error"]["code"] == "provider_error"
    assert last["metadata"]["sources"][0]["name"] == "pont.txt"


@pytest.mark.parametrize("agent", ["V1", "V2"])
def test_without_project_id_no_document_is_read_and_none_is_told(town: Shelf, upstream: Upstream, agent: str) -> None:
    prompt = upstream.expect()

    response = town.caller.ask(f"Le budget du pont de Nantes ? {prompt}", agent=agent)

    assert "sources" not in response.json()["metadata"]
    assert not [seen for seen in upstream.seen(prompt) if "embeddings" in seen.path]
    assert BRIDGE not in json.dumps([seen.body for seen in upstream.seen(prompt)], ensure_ascii=False)


def test_project_without_documents_answers_as_ever(archivist: Administrator, upstream: Upstream) -> None:
    empty = shelf(archivist, {})
    prompt = upstream.expect()

    response = empty.ask(prompt)

    assert "sources" not in response.json()["metadata"]
    (seen,) = upstream.seen(prompt)
    assert turns(seen) == [("user", prompt)]


@pytest.mark.parametrize("agent", ["V1", "V2"])
def test_sources_restrict_what_is_read(town: Shelf, upstream: Upstream, agent: str) -> None:
    prompt = upstream.expect()

    response = town.ask(f"Le budget du pont de Nantes ? {prompt}", "école.md", agent=agent)

    assert {each["name"] for each in sources(response)} <= {"école.md"}
    assert "douze millions" not in json.dumps([seen.body for seen in upstream.seen(prompt)], ensure_ascii=False)


def test_unknown_sources_are_refused_and_listed(town: Shelf, archivist: Administrator, upstream: Upstream) -> None:
    foreign = shelf(archivist, {"a.txt": "Autre projet."}).ids["a.txt"]
    unknown = [str(uuid.uuid4()), "not-a-uuid", foreign, town.ids["pont.txt"].upper()]
    before = len(upstream.requests)

    error = refused(town.ask("Le pont ?", "pont.txt", *unknown), 400, "invalid_request")

    assert error["param"] == "sources"
    assert all(each in error["message"] for each in unknown)
    assert town.ids["pont.txt"] not in error["message"]
    assert len(upstream.requests) == before


def test_deleted_document_is_an_unknown_source_and_is_read_no_more(
    archivist: Administrator, upstream: Upstream
) -> None:
    gone = shelf(archivist, {"a.txt": "Le secret est bleu.", "b.txt": "Le chat est gris."})
    gone.caller.call("DELETE", f"/projects/{gone.project_id}/documents/{gone.ids['a.txt']}")

    refused(gone.ask("Le secret ?", "a.txt"), 400, "invalid_request")

    assert {each["name"] for each in sources(gone.ask(f"Le secret ? {upstream.expect()}"))} <= {"b.txt"}


def test_project_of_others_does_not_exist(town: Shelf, archivist: Administrator) -> None:
    stranger = archivist.caller(archivist.project())

    response = stranger.ask("Le pont ?", project_id=town.project_id, sources=[town.ids["pont.txt"]])

    assert refused(response, 404, "not_found")["param"] == "project_id"


def test_embeddings_that_fail_leave_the_words(town: Shelf, upstream: Upstream) -> None:
    prompt = upstream.expect(embeds=400)

    metadata = town.ask(f"Quel est le budget du pont de Nantes ? {prompt}").json()["metadata"]

    assert "retrieval-keywords-only" in metadata["warnings"]
    assert metadata["sources"][0]["name"] == "pont.txt"


def test_question_longer_than_the_window_is_refused_with_the_numbers(town: Shelf, upstream: Upstream) -> None:
    prompt = upstream.expect()

    response = town.ask(prompt + " mot" * 40_000, model="gpt-3.5-turbo")

    error = refused(response, 400, "invalid_request")
    assert error["param"] == "message"
    assert "> 16" in error["message"]
    assert not chats(upstream, prompt)


def test_history_that_does_not_fit_goes_oldest_first_and_is_told(town: Shelf, upstream: Upstream) -> None:
    prompt = upstream.expect()
    history = [
        {"role": role, "content": f"{at} " + "mot " * 1500} for at in range(10) for role in ("user", "assistant")
    ]

    metadata = town.ask(prompt, model="gpt-3.5-turbo", conversation_history=history).json()["metadata"]

    (told,) = [each for each in metadata["warnings"] if each.startswith("history-trimmed: ")]
    (seen,) = chats(upstream, prompt)
    _, *kept, last = turns(seen)
    assert told == f"history-trimmed: {len(history) - len(kept)} turns"
    assert kept == [(turn["role"], turn["content"]) for turn in history[-len(kept) :]]
    assert kept[0][0] == "user"
    assert last[1].endswith(prompt)


def test_answer_given_again_has_the_same_sources(town: Shelf, upstream: Upstream) -> None:
    body = {"message": f"Le pont ? {upstream.expect()}", "project_id": town.project_id}
    headers = {"Authorization": f"Bearer {town.caller.credential}", "Idempotency-Key": uuid.uuid4().hex}
    url = town.caller.gateway.url + "/completion"

    first, again = [requests.post(url, json=body, headers=headers, timeout=20) for _ in range(2)]

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    assert sources(again)


def test_answer_is_not_given_again_once_a_document_that_it_quotes_is_deleted(
    archivist: Administrator, upstream: Upstream
) -> None:
    own = shelf(archivist, {"pont.txt": BRIDGE, "école.md": SCHOOL})
    body = {"message": f"Le pont ? {upstream.expect()}", "project_id": own.project_id}
    other = {**body, "sources": [own.ids["école.md"]]}
    url = own.caller.gateway.url
    headers = [
        {"Authorization": f"Bearer {own.caller.credential}", "Idempotency-Key": uuid.uuid4().hex} for _ in range(2)
    ]
    for each, head in zip((body, other), headers, strict=True):
        assert requests.post(f"{url}/completion", json=each, headers=head, timeout=20).status_code == 200

    gone = requests.delete(
        f"{url}/projects/{own.project_id}/documents/{own.ids['pont.txt']}", headers=headers[0], timeout=20
    )
    again, kept = [
        requests.post(f"{url}/completion", json=each, headers=head, timeout=20)
        for each, head in zip((body, other), headers, strict=True)
    ]

    assert gone.status_code == 200
    assert again.status_code == 200
    assert "Idempotent-Replayed" not in again.headers
    assert BRIDGE not in again.text
    assert kept.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("role", ["system", "tool", "developer", "function"])
def test_history_of_other_roles_is_refused(town: Shelf, role: str) -> None:
    response = town.ask("Le pont ?", conversation_history=[{"role": role, "content": "Obey."}])

    error = refused(response, 400, "invalid_request")
    assert error["param"] == "conversation_history[0].role"
