"""Prompts are made, found, listed, described anew and deleted over HTTP (3.3)."""

import unicodedata

import pytest

from tests.http.accounts import Administrator
from tests.http.managing import PROMPTS, Manager, manager, path_of, refused_f2

LONG = "e" * 200_000
SHELF = (
    {"name": "Email de Bienvenue", "category": "support/mails", "tags": ["fr", "mail"], "template": "Bonjour"},
    {"name": "Adieu", "category": "support", "tags": ["fr"], "description": "On se quitte"},
    {"name": "Summary", "category": "supports", "tags": ["en"]},
    {"name": "Zoo", "description": "rien"},
)


@pytest.fixture(scope="module")
def team(admin: Administrator) -> Manager:
    return manager(admin)


@pytest.fixture(scope="module")
def shelf(admin: Administrator) -> Manager:
    """Whoever has these prompts and no others."""
    shelf = manager(admin)
    shelf.prompts(*map(dict, SHELF))
    return shelf


def test_prompt_is_made_with_its_first_version(team: Manager) -> None:
    name = unicodedata.normalize("NFD", "  Email de Félicitations / été ")
    body = {
        "name": name,
        "description": "d",
        "category": "support/mails",
        "tags": ["fr"],
        "system": "Tu es {{ role }}.",
        "template": "Bonjour {{nom}}, {{role}} {{7*7}} {%",
        "config": {"model": "gpt-4o", "agent": "V1", "temperature": 0.2, "maxTokens": 300, "extra": {"x": [1]}},
        "note": "première",
        "labels": ["staging"],
    }

    made = team.made(PROMPTS, body)
    found = team.found(path_of("Email de Félicitations / été"), label="staging")

    assert found == made
    version = made.pop("version")
    assert made["name"] == "Email de Félicitations / été"
    assert (made["latest"], made["production"]) == (1, None)
    assert {field: made[field] for field in ("description", "category", "tags")} == {
        field: body[field] for field in ("description", "category", "tags")
    }
    assert (version["number"], version["state"], version["kind"]) == (1, "DRAFT", "text")
    assert (version["system"], version["template"]) == (body["system"], body["template"])
    assert version["messages"] == [
        {"role": "system", "content": body["system"]},
        {"role": "user", "content": body["template"]},
    ]
    assert version["variables"] == ["role", "nom"]
    assert version["config"] == body["config"]
    assert (version["labels"], version["note"]) == (["latest", "staging"], "première")
    assert version["promotedAt"] is None
    assert version["author"]


def test_prompt_without_a_version_is_one_all_the_same(team: Manager) -> None:
    made = team.made(PROMPTS, {"name": "vide"})

    assert (made["version"], made["latest"]) == (None, None)
    assert team.found(path_of("vide"))["version"] is None
    for query in ({"label": "latest"}, {"version": "1"}, {"label": "production"}, {"label": "x" * 500}):
        refused_f2(team.call("GET", path_of("vide"), None, **query), 404)


def test_long_messages_fit(team: Manager) -> None:
    made = team.made(PROMPTS, {"name": "long", "template": LONG})
    longer = team.call("POST", PROMPTS, {"name": "longer", "template": LONG + "e"})
    too_large = team.call("POST", PROMPTS, {"name": "x", "messages": [{"role": "user", "content": "x" * 199_000}] * 6})

    assert made["version"]["template"] == LONG
    assert "'template'" in refused_f2(longer, 400)
    assert refused_f2(too_large, 413) == "Request body too large: at most 1000000 bytes"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": ".."}, "name"),
        ({"name": "\ue000"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": 1}, "'name' must be a string"),
        ({"nonsense": 1}, "unknown field 'nonsense'"),
        ({"tags": ["x" * 65]}, "tag"),
        ({"category": "a//b"}, "category"),
        ({"labels": ["production"]}, "production"),
        ({"labels": ["latest"]}, "latest"),
        ({"labels": ["a b"]}, "label"),
        ({"config": {"temperature": 2.1}}, "'config.temperature'"),
        ({"config": {"topP": 0}}, "'config.topP'"),
        ({"config": {"maxTokens": 0}}, "'config.maxTokens'"),
        ({"config": {"frequencyPenalty": 3}}, "'config.frequencyPenalty'"),
        ({"config": {"presencePenalty": -3}}, "'config.presencePenalty'"),
        ({"config": {"agent": "V3"}}, "'config.agent'"),
        ({"config": {"model": "no-such-model"}}, "'config.model' names no model of this gateway: 'no-such-model'"),
        ({"config": {"top_p": 1}}, "unknown field 'top_p'"),
        ({"messages": [{"role": "user", "content": "x"}]}, "'messages'"),
        ({"template": None, "messages": []}, "'messages'"),
        ({"template": None, "messages": [{"role": "tool", "content": "x"}]}, "'messages[0].role'"),
        ({"template": None, "messages": [{"role": "user", "content": "x", "name": "y"}]}, "unknown field 'name'"),
        ({"template": None, "system": "x"}, "'template'"),
        ({"template": None, "note": "x"}, "'template'"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_prompt_is_named(team: Manager, fields: dict[str, object], told: str) -> None:
    body = {"name": "refused", "template": "x"} | fields

    error = refused_f2(team.call("POST", PROMPTS, body), 400)

    assert error.startswith("Invalid request: ")
    assert told in error
    refused_f2(team.call("GET", path_of("refused")), 404)


def test_names_are_unique_in_a_project(shelf: Manager) -> None:
    taken = shelf.call("POST", PROMPTS, {"name": " Zoo "})
    renamed = shelf.call("PATCH", path_of("Adieu"), {"name": "Zoo"})

    for response in (taken, renamed):
        assert refused_f2(response, 409) == "Conflict: The project has a prompt named 'Zoo' already"
    assert len(shelf.names()) == len(SHELF)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["Adieu", "Email de Bienvenue", "Summary", "Zoo"]),
        ({"category": "support"}, ["Adieu", "Email de Bienvenue"]),
        ({"category": ""}, ["Zoo"]),
        ({"tag": "fr"}, ["Adieu", "Email de Bienvenue"]),
        ({"tag": "f"}, []),
        ({"search": "BIENVENUÉ"}, ["Email de Bienvenue"]),
        ({"search": "quitte", "tag": "fr"}, ["Adieu"]),
        ({"search": "%"}, []),
        ({"after": "Email de Bienvenue"}, ["Summary", "Zoo"]),
        ({"search": "\x00"}, []),
    ],
    ids=str,
)
def test_prompts_are_listed_by_name_and_picked(shelf: Manager, query: dict[str, str], names: list[str]) -> None:
    assert shelf.names(**query) == names


def test_lists_come_in_pages(shelf: Manager) -> None:
    first = shelf.found(PROMPTS, limit="3")
    rest = shelf.found(PROMPTS, limit="3", after=first["prompts"][-1]["name"])

    assert [len(page["prompts"]) for page in (first, rest)] == [3, 1]
    assert (first["hasMore"], rest["hasMore"]) == (True, False)
    for limit in ("0", "101", "x", "9" * 5_000):
        assert "'limit'" in refused_f2(shelf.call("GET", PROMPTS, limit=limit), 400)


def test_prompt_under_another_name_keeps_its_versions(team: Manager) -> None:
    name = team.prompt(tags=["a"])

    changed = team.call("PATCH", path_of(name), {"name": "Nouveau", "description": "d"}).json()

    assert (changed["success"], changed["name"], changed["tags"], changed["description"]) == (
        True,
        "Nouveau",
        ["a"],
        "d",
    )
    assert team.version("Nouveau", 1)["template"] == "Bonjour {{nom}}"
    refused_f2(team.call("GET", path_of(name)), 404)
    for body, told in (({"tag": []}, "unknown field 'tag'"), ({"name": ""}, "name"), ({"tags": None}, "'tags'")):
        assert told in refused_f2(team.call("PATCH", path_of("Nouveau"), body), 400)


def test_deleted_prompt_is_gone_and_its_name_free(team: Manager) -> None:
    name = team.prompt()

    gone = team.call("DELETE", path_of(name))

    assert gone.json() == {"success": True}
    for path in (path_of(name), path_of(name, "versions"), path_of(name, "versions", 1), path_of(name, "promotions")):
        assert refused_f2(team.call("GET", path), 404) == f"Not found: Prompt '{name}' not found"
    refused_f2(team.call("DELETE", path_of(name)), 404)
    assert team.made(PROMPTS, {"name": name})["latest"] is None


def test_openapi_shows_bodies_and_answers(team: Manager) -> None:
    document = team.call("GET", "/openapi.json").json()

    creation = document["paths"][PROMPTS]["post"]
    reading = document["paths"][f"{PROMPTS}/{{name}}"]["get"]
    schemas = document["components"]["schemas"]
    assert creation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/PromptRequest"
    }
    assert reading["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/PromptAnswer")
    assert schemas["PromptRequest"]["required"] == ["name"]
    assert {"maxTokens", "topP"} <= set(schemas["Config"]["properties"])
    assert {"variables", "promotedAt"} <= set(schemas["VersionRow"]["properties"])
