"""V1 over documents, its check, what is not ready, and how large a last event may be (2.2.3, 2.3.6)."""

import json
from collections.abc import Callable

import pytest

from tests.gateway import Gateway, refused, vendors
from tests.http.accounts import Administrator, admin_key, within
from tests.http.papers import listed, send_file
from tests.http.shelf import Shelf, chats, shelf, sources, turns
from tests.upstream import Upstream

TEXTS = {"pont.txt": "Le budget du pont de Nantes est de douze millions.", "école.txt": "L'école de Rezé est neuve."}
PLAN = {
    "parts": [
        {"question": "Quel budget pour le pont ?", "after": [], "search": "budget pont Nantes"},
        {"question": "Comment est l'école de Rezé ?", "after": [], "search": ""},
    ],
    "searches": [],
}


@pytest.fixture(scope="module")
def checking(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Shelf:
    """A project of a gateway that has V1 check its answers."""
    settings = {"ROUTER_EMBEDDINGS_MODEL": "text-embedding-3-small", "ROUTER_V1_CHECK": "on"}
    gateway = gateway_with(**vendors(upstream), **settings)
    return shelf(Administrator(gateway, admin_key(gateway)), TEXTS)


def test_parts_search_for_themselves_and_the_answer_has_the_sources_of_all(
    archivist: Administrator, upstream: Upstream
) -> None:
    town = shelf(archivist, TEXTS)
    prompt = upstream.expect(shaped=json.dumps(PLAN))

    response = town.ask(f"Le pont et l'école ? {prompt}", agent="V1")

    planning, composing = chats(upstream, prompt)
    assert "response_format" in planning.body
    assert "Nantes" not in str(planning.body["messages"])
    assert {each["name"] for each in sources(response)} == set(TEXTS)
    assert all(text in turns(composing)[-1][1] for text in TEXTS.values())
    calls = response.json()["metadata"]["calls"]
    assert [call["model"] for call in calls] == ["gpt-4o", "text-embedding-3-small", *["gpt-4o"] * 3]


CLAIMS = json.dumps({"claims": [{"claim": "Le pont coûte 12 M€", "supported": True, "passages": [1]}]})


@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
def test_check_is_told_with_the_answer(checking: Shelf, upstream: Upstream, *, streamed: bool) -> None:
    # The plan cannot be read as one, the check can.
    question = f"Quel budget pour le pont de Nantes ? {upstream.expect(shaped=CLAIMS)}"

    if streamed:
        metadata = checking.stream(question, agent="V1")[-1]["metadata"]
    else:
        metadata = checking.ask(question, agent="V1").json()["metadata"]

    claim = {"claim": "Le pont coûte 12 M€", "supported": True, "passages": [1]}
    assert metadata["check"] == {"supported": True, "claims": [claim]}
    assert [call["model"] for call in metadata["calls"]][-2:] == ["gpt-4o", "gpt-4o"]
    assert metadata["sources"]


def test_check_that_cannot_be_read_is_told_and_the_answer_stays(checking: Shelf, upstream: Upstream) -> None:
    answer = checking.ask(f"Le pont ? {upstream.expect()}", agent="V1").json()

    assert answer["response"] == "Il était une fois."
    assert answer["metadata"]["check"] == {"supported": None, "claims": []}
    assert "check-unreadable" in answer["metadata"]["warnings"]


def test_only_v1_checks(checking: Shelf, upstream: Upstream) -> None:
    assert "check" not in checking.ask(f"Le pont ? {upstream.expect()}").json()["metadata"]


def test_source_that_is_not_ready_is_left_out_and_told(archivist: Administrator, upstream: Upstream) -> None:
    town = shelf(archivist, TEXTS)
    broken = send_file(town.caller, town.project_id, b"%PDF-1.7\nbroken", "b.pdf").json()["id"]
    assert within(20, lambda: "failed" in {row["state"] for row in listed(town.caller, town.project_id)})

    response = town.ask(f"Le pont de Nantes ? {upstream.expect()}", "pont.txt", broken)

    assert {each["name"] for each in sources(response)} == {"pont.txt"}
    assert f"source-not-ready: {broken}" in response.json()["metadata"]["warnings"]
    error = refused(town.ask("Le pont ?", broken), 409, "conflict")
    assert broken in error["message"]
    assert error["param"] == "sources"


# A character that JSON escapes takes six bytes of an event.
LONG = " ".join(f"Мост номер {at} украшен очень яркими звёздами 🌟." for at in range(300))


@pytest.mark.parametrize("agent", ["V1", "V2"])
def test_last_event_is_short_and_the_json_answer_whole(
    archivist: Administrator, upstream: Upstream, agent: str
) -> None:
    town = shelf(archivist, {"ponts.txt": LONG, "🌉" * 60 + ".txt": LONG.replace("Мост", "Деревянный мост")})
    question = f"Какой мост украшен яркими звёздами ? {upstream.expect(shaped=json.dumps(PLAN))}"

    # No write of a stream is longer than an event may be.
    last = town.stream(question, agent=agent)[-1]
    whole = town.ask(question, agent=agent).json()["metadata"]

    assert "sources-shortened" in last["metadata"]["warnings"]
    assert "sources-shortened" not in whole["warnings"]
    assert len(whole["sources"]) == len(last["metadata"]["sources"]) > 3
    for short, each in zip(last["metadata"]["sources"], whole["sources"], strict=True):
        assert each["text"].startswith(short["text"].removesuffix("…"))
        assert each["passage"] == short["passage"]
    assert any(each["text"].endswith("…") for each in last["metadata"]["sources"])
