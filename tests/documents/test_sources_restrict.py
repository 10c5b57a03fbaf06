"""Whoever may not read a document is never told of it: neither other sources, nor other projects, nor deleted ones."""

import json
import re
from itertools import permutations
from typing import NamedTuple

import pytest

from tests.documents.conftest import OpenShelf
from tests.documents.shelf import Shelf
from tests.upstream import Upstream

CODE = re.compile(r"SECRET-[A-Z]{3}-\d{4}")
AGENTS = ("V1", "V2")


class Sheet(NamedTuple):
    """A document with one fact that no other has."""

    name: str
    text: str
    question: str
    code: str


def sheet(name: str, topic: str, fact: str, question: str, code: str) -> Sheet:
    return Sheet(name, f"# {topic}\n\n{fact} Le code de référence est {code}.\n", question, code)


LEFT = (
    sheet(
        "bail.md",
        "Bail commercial",
        "Le loyer du local de Lyon est de 4 200 euros.",
        "Quel est le loyer du local de Lyon ?",
        "SECRET-BAI-1042",
    ),
    sheet(
        "incident.md",
        "Incident report",
        "The Lille database was down for two hours.",
        "How long was the Lille database down?",
        "SECRET-INC-2077",
    ),
    sheet(
        "conges.md",
        "Politique de congés",
        "Les salariés ont droit à 27 jours de congés.",
        "Combien de jours de congés ?",
        "SECRET-CON-3310",
    ),
)
RIGHT = (
    sheet(
        "paie.md",
        "Paie",
        "La prime de vacances est versée en juin.",
        "Quand la prime de vacances est-elle versée ?",
        "SECRET-PAI-4456",
    ),
    sheet(
        "loyers.md",
        "Loyers",
        "Le loyer du local de Nantes est de 3 100 euros.",
        "Quel est le loyer du local de Nantes ?",
        "SECRET-LOY-5521",
    ),
)


def filled(shelf: Shelf, sheets: tuple[Sheet, ...]) -> dict[str, str]:
    """Upload the sheets and return each document's id by its code."""
    ids = {each.code: shelf.added(each.text, each.name) for each in sheets}
    assert [row["state"] for row in shelf.all_settled()] == ["ready"] * len(sheets)
    return ids


def codes_in(*texts: str) -> set[str]:
    return {code for text in texts for code in CODE.findall(text)}


def plan(question: str) -> dict[str, object]:
    """Split a question in two, with searches that every document of these tests answers."""
    parts = [{"question": question, "after": [], "search": question}]
    parts += [{"question": "Quel est le code de référence ?", "after": [0], "search": "code de référence"}]
    return {"parts": parts, "searches": ["code de référence"]}


def told(shelf: Shelf, upstream: Upstream, agent: str, question: str, sources: list[str]) -> tuple[set[str], set[str]]:
    """Ask; return the codes that the vendor was sent, and those of the answer's sources."""
    before = len(upstream.requests)
    prompt = upstream.expect(shaped=json.dumps(plan(question)))
    response = shelf.ask(f"{question} {prompt}", model="gpt-4o", agent=agent, sources=sources)
    assert response.status_code == 200, response.text
    sent = [json.dumps(seen.body, ensure_ascii=False) for seen in upstream.requests[before:]]
    assert sent
    return codes_in(*sent), codes_in(json.dumps(response.json()["metadata"]["sources"]))


@pytest.mark.parametrize("agent", AGENTS)
def test_question_whose_answer_is_in_another_source_gets_none_of_its_text(
    open_shelf: OpenShelf, upstream: Upstream, agent: str
) -> None:
    left, right = open_shelf(), open_shelf()
    ids, _ = filled(left, LEFT), filled(right, RIGHT)

    for wanted, given in permutations(LEFT, 2):
        sent, named = told(left, upstream, agent, wanted.question, [ids[given.code]])
        assert sent <= {given.code}, f"{wanted.name} asked of {given.name}"
        assert named <= {given.code}


@pytest.mark.parametrize("agent", AGENTS)
def test_question_whose_answer_is_in_another_project_gets_none_of_its_text(
    open_shelf: OpenShelf, upstream: Upstream, agent: str
) -> None:
    left, right = open_shelf(), open_shelf()
    filled(left, LEFT)
    filled(right, RIGHT)
    own = {each.code for each in RIGHT}

    for wanted in LEFT:
        sent, named = told(right, upstream, agent, wanted.question, [])
        assert sent, "the documents of the project itself are read"
        assert sent <= own
        assert named <= own


@pytest.mark.parametrize("agent", AGENTS)
def test_answer_is_found_where_it_may_be_read(open_shelf: OpenShelf, upstream: Upstream, agent: str) -> None:
    shelf = open_shelf()
    ids = filled(shelf, LEFT)

    for wanted in LEFT:
        sent, named = told(shelf, upstream, agent, wanted.question, [ids[wanted.code]])
        assert wanted.code in sent
        assert named == {wanted.code}
        assert wanted.code in told(shelf, upstream, agent, wanted.question, [])[1]


def test_source_of_another_project_is_as_unknown_as_one_that_never_was(open_shelf: OpenShelf) -> None:
    left, right = open_shelf(), open_shelf()
    foreign = filled(left, LEFT[:1])[LEFT[0].code]
    filled(right, RIGHT[:1])
    never = "00000000-0000-4000-8000-000000000000"

    answers = [right.ask("Quel loyer ?", sources=[source]) for source in (foreign, never)]

    for source, answer in zip((foreign, never), answers, strict=True):
        assert answer.status_code == 400
        assert source in answer.json()["error"]["message"]
        assert answer.json()["error"]["param"] == "sources"


def test_deleted_document_is_read_no_more(open_shelf: OpenShelf, upstream: Upstream) -> None:
    shelf = open_shelf()
    ids = filled(shelf, LEFT)
    gone = LEFT[0]

    response = shelf.session.delete(f"{shelf.url}/{ids[gone.code]}", timeout=30)

    assert response.json() == {"id": ids[gone.code], "deleted": True}
    sent, named = told(shelf, upstream, "V2", gone.question, [])
    assert gone.code not in sent | named
    assert shelf.ask(gone.question, sources=[ids[gone.code]]).status_code == 400
