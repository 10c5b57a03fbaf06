"""Versions are drafted, edited, labelled, promoted, archived, rolled back and compared over HTTP (3.2, 3.3)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.http.accounts import Administrator
from tests.http.managing import Manager, manager, path_of, refused_f2

CHAT = [{"role": "system", "content": "s"}, {"role": "user", "content": "{{a}}"}, {"role": "assistant", "content": "b"}]


@pytest.fixture(scope="module")
def team(admin: Administrator) -> Manager:
    return manager(admin)


def states(team: Manager, name: str) -> list[tuple[int, str, list[str]]]:
    rows = team.found(path_of(name, "versions"))["versions"]
    return [(row["number"], row["state"], row["labels"]) for row in rows]


# 3.2.2
def test_versions_go_from_draft_to_production_to_the_archive_and_back(team: Manager) -> None:
    name = team.prompt("un")
    second = team.draft(name, "deux", labels=["staging"])

    first = team.promote(name, 1)
    promoted = team.promote(name, 2)
    after = states(team, name)
    back = team.made(path_of(name, "rollback"), {})
    history = team.found(path_of(name, "promotions"))["promotions"]

    assert (second["number"], second["state"]) == (2, "DRAFT")
    assert (first["state"], first["labels"]) == ("PRODUCTION", ["production"])
    assert (promoted["state"], promoted["labels"]) == ("PRODUCTION", ["latest", "production", "staging"])
    assert after == [(2, "PRODUCTION", ["latest", "production", "staging"]), (1, "ARCHIVED", [])]
    assert (back["number"], back["state"], back["template"]) == (1, "PRODUCTION", "un")
    assert [(each["version"], each["replaced"], each["backTo"]) for each in history] == [
        (1, 2, 1),
        (2, 1, None),
        (1, None, None),
    ]
    assert all(each["at"] and each["author"] for each in history)
    found = team.found(path_of(name))
    assert (found["production"], found["latest"], found["version"]["number"]) == (1, 2, 1)
    error = refused_f2(team.call("POST", path_of(name, "rollback"), {}), 400)
    assert "nothing to go back to" in error


# 3.2.1
def test_only_a_draft_is_edited_and_deleted(team: Manager) -> None:
    name = team.prompt("un", config={"temperature": 1}, note="n")
    team.draft(name, "deux")
    path = path_of(name, "versions", 1)

    edited = team.call("PUT", path, {"messages": CHAT, "config": {"topP": 0.5}}).json()
    deleted = team.call("DELETE", path_of(name, "versions", 2))
    third = team.draft(name)
    team.promote(name, 1)
    refused = [team.call("PUT", path, {"template": "x"}), team.call("DELETE", path)]

    assert (edited["kind"], edited["messages"], edited["variables"]) == ("chat", CHAT, ["a"])
    assert (edited["system"], edited["template"]) == (None, None)
    assert (edited["config"], edited["note"]) == ({"topP": 0.5}, "")
    assert deleted.json() == {"success": True}
    assert third["number"] == 3
    for response in refused:
        assert refused_f2(response, 409).startswith(f"Conflict: Version 1 of '{name}' is PRODUCTION")
    assert team.version(name, 1)["messages"] == CHAT


def test_archived_version_is_out_of_service(team: Manager) -> None:
    name = team.prompt()
    team.promote(name, 1)

    archived = team.made(path_of(name, "versions", 1, "archive"), {})

    assert (archived["state"], archived["labels"]) == ("ARCHIVED", ["latest"])
    assert archived["archivedAt"]
    assert team.found(path_of(name))["version"] is None
    error = refused_f2(team.call("GET", path_of(name), label="production"), 404)
    assert error.endswith(f"Prompt '{name}' not found or has no PRODUCTION version")


def test_labels_move_and_reserved_ones_are_not_set(team: Manager) -> None:
    name = team.prompt(labels=["staging", "a"])
    team.draft(name, labels=["b"])

    moved = team.call("PUT", path_of(name, "versions", 2, "labels"), {"labels": ["staging", "c"]}).json()

    assert moved["labels"] == ["c", "latest", "staging"]
    assert states(team, name) == [(2, "DRAFT", ["c", "latest", "staging"]), (1, "DRAFT", ["a"])]
    assert team.found(path_of(name), label="staging")["version"]["number"] == 2
    for label in ("production", "latest", "Production", "a b", ""):
        response = team.call("PUT", path_of(name, "versions", 2, "labels"), {"labels": [label]})
        assert "label" in refused_f2(response, 400)


# 3.3.1
def test_one_of_many_concurrent_promotions_is_in_production(team: Manager) -> None:
    name = team.prompt()
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: team.draft(name), range(5)))
        list(pool.map(lambda number: team.promote(name, number % 6 + 1), range(20)))

    found = [state for _, state, _ in states(team, name)]
    history = team.found(path_of(name, "promotions"))["promotions"]

    assert sorted(set(found)) == ["ARCHIVED", "PRODUCTION"]
    assert found.count("PRODUCTION") == 1
    assert [each["replaced"] for each in history] == [each["version"] for each in history[1:]] + [None]


def test_versions_come_in_pages(team: Manager) -> None:
    name = team.prompt()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: team.draft(name), range(4)))

    first = team.found(path_of(name, "versions"), limit="2")
    rest = team.found(path_of(name, "versions"), after="4")

    assert ([row["number"] for row in first["versions"]], first["hasMore"]) == ([5, 4], True)
    assert ([row["number"] for row in rest["versions"]], rest["hasMore"]) == ([3, 2, 1], False)
    for query in ({"limit": "21"}, {"limit": "-1"}, {"after": "x"}):
        refused_f2(team.call("GET", path_of(name, "versions"), None, **query), 400)


def test_versions_are_compared_by_numbers_and_labels(team: Manager) -> None:
    name = team.prompt("un\ndeux", config={"temperature": 0.2, "maxTokens": 5}, labels=["staging"])
    team.draft(name, "un\ntrois", system="s", config={"temperature": 0.7, "maxTokens": 5})
    told = team.found(path_of(name, "diff"), **{"from": "1", "to": "2"})
    labelled = team.found(path_of(name, "diff"), **{"from": "staging"})

    assert (told["from"], told["to"]) == (1, 2)
    assert told["messages"] == [
        {"role": "system", "before": None, "after": 0, "diff": "@@ -0,0 +1 @@\n+s"},
        {"role": "user", "before": 0, "after": 1, "diff": "@@ -1,2 +1,2 @@\n un\n-deux\n+trois"},
    ]
    assert told["config"] == [{"field": "temperature", "before": 0.2, "after": 0.7}]
    assert labelled == told
    for query in ({}, {"from": "1", "to": "9"}, {"from": "nope"}, {"from": "\x00"}, {"from": "9" * 5_000}):
        refused_f2(team.call("GET", path_of(name, "diff"), None, **query), 404)


@pytest.mark.parametrize("number", ["0", "-1", "99", "1.0", "x", "9" * 19, "9" * 5_000, "%D9%A1", "1%20", "%00", "+1"])
def test_version_that_there_is_not_is_not_found(team: Manager, number: str) -> None:
    name = "numbers"
    team.call("POST", "/api/v1/prompts", {"name": name, "template": "x"})
    path = f"/api/v1/prompts/{name}/versions/{number}"

    calls = [("GET", path, None), ("DELETE", path, None), ("PUT", path, {"template": "x"})]
    calls += [
        ("POST", f"{path}/promote", {}),
        ("POST", f"{path}/archive", {}),
        ("PUT", f"{path}/labels", {"labels": []}),
    ]

    for method, asked, body in calls:
        assert "no version" in refused_f2(team.call(method, asked, body), 404)


def test_what_is_wrong_with_a_version_is_named(team: Manager) -> None:
    name = team.prompt()
    wrong = [
        ({}, "'template'"),
        ({"template": "x", "label": []}, "unknown field 'label'"),
        ({"template": "x", "config": {"temperature": "hot"}}, "'config.temperature'"),
        ({"template": "x", "config": {"model": "nope"}}, "'nope'"),
        ({"template": "x", "note": "n" * 2_001}, "'note'"),
    ]

    for body, told in wrong:
        for method, path in (("POST", path_of(name, "versions")), ("PUT", path_of(name, "versions", 1))):
            assert told in refused_f2(team.call(method, path, body), 400)
    assert team.version(name, 1)["template"] == "Bonjour {{nom}}"
