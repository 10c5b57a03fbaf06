"""Prompts that are generated and kept as drafts, where their team finds them (5.7)."""

import time

import pytest

from tests.http.accounts import ORGANIZATION, Administrator, Caller
from tests.http.prompts import failed
from tests.http.tools import KEPT, OUTLINE, PERMISSION, post, said, texts
from tests.upstream import USAGE, Upstream

PROMPTS = "/api/v1/prompts"


@pytest.fixture(scope="module")
def project(admin: Administrator) -> str:
    return admin.project()


@pytest.fixture(scope="module")
def writer(admin: Administrator, project: str) -> Caller:
    """A key that may use the tools, manage prompts and run them."""
    return admin.caller(project, PERMISSION)


def test_generated_prompt_is_a_draft_that_can_be_tried_and_promoted(writer: Caller, upstream: Upstream) -> None:
    task = upstream.expect(**said(OUTLINE))
    named = {"name": "Repas / été", "category": "cuisine", "tags": ["repas"], "note": "first try"}

    response = post(writer, KEPT, {"task": task, "config": {"model": "gpt-4o-mini"}} | named)
    made = response.json()
    path = f"{PROMPTS}/Repas%20%2F%20%C3%A9t%C3%A9"
    kept = writer.call("GET", f"{path}/versions/1").json()
    tried = writer.call("POST", f"{path}/versions/1/run", {"variables": {"DIET": "vegan"}})
    promoted = writer.call("POST", f"{path}/versions/1/promote")

    assert response.status_code == 200, made
    assert {name: made[name] for name in ("success", "name", "category", "tags", "latest", "production")} == {
        "success": True,
        "name": "Repas / été",
        "category": "cuisine",
        "tags": ["repas"],
        "latest": 1,
        "production": None,
    }
    version = made["version"]
    assert (version["number"], version["state"], version["kind"], version["note"]) == (1, "DRAFT", "text", "first try")
    assert version["variables"] == ["DIET"]
    assert version["config"] == {"model": "gpt-4o-mini"}
    assert {name: kept[name] for name in version} == version
    assert made["usage"] == [
        {"input_tokens": USAGE["prompt_tokens"], "output_tokens": USAGE["completion_tokens"]},
    ]
    assert made["metadata"]["usage"]["total_tokens"] == USAGE["total_tokens"]
    assert made["metadata"]["request_id"] == response.headers["X-Request-Id"]
    assert (tried.status_code, promoted.status_code) == (200, 200)
    assert "vegan" in str(upstream.requests[-1].body)


def test_prompt_that_judges_is_kept_without_the_beginning_of_its_answer(writer: Caller, upstream: Upstream) -> None:
    made = post(writer, KEPT, {"task": upstream.expect(**said(OUTLINE | {"judges": True}))}).json()

    assert [message["role"] for message in made["version"]["messages"]] == ["user"]


def test_prompt_without_a_name_is_called_after_its_task_and_takes_no_other_ones(writer: Caller) -> None:
    task = "sort the   letters\tof citizens by the office that answers them, and say how urgent each of them is"

    first, second = (post(writer, KEPT, {"task": task}).json() for _ in range(2))

    assert first["name"] == "sort the letters of citizens by the office that answers"
    assert second["name"].startswith(first["name"])
    assert second["name"] != first["name"]
    assert (first["version"]["number"], second["version"]["number"]) == (1, 1)


def test_task_of_a_hundred_thousand_marks_holds_nobody_up(writer: Caller, upstream: Upstream) -> None:
    task = "a" + "\u0315\u0300" * 70_000 + upstream.expect(**said(OUTLINE))
    began = time.monotonic()

    response = post(writer, KEPT, {"task": task})

    assert response.status_code == 200, response.text
    assert time.monotonic() - began < 5


def test_prompt_that_is_there_gets_one_more_version_when_that_is_said(writer: Caller, upstream: Upstream) -> None:
    # The route of a prompt of this name is the one that generates, for POST alone.
    body = {"task": "a chef", "name": "generate"}
    post(writer, KEPT, body)
    task = upstream.expect(**said(OUTLINE))

    taken = post(writer, KEPT, body | {"task": task})
    unknown = post(writer, KEPT, {"task": task, "name": "nothing", "newVersion": True})
    asked = len(upstream.seen(task))
    added = post(writer, KEPT, {"task": task, "name": "generate", "newVersion": True}).json()
    found = writer.call("GET", KEPT, version="2").json()

    assert "There is a prompt 'generate' already" in failed(taken, 409)
    assert "nothing" in failed(unknown, 404)
    assert asked == 0
    assert (added["latest"], added["version"]["number"], added["version"]["state"]) == (2, 2, "DRAFT")
    assert (found["name"], found["version"]["number"]) == ("generate", 2)


def test_prompt_of_another_project_is_not_there(admin: Administrator, writer: Caller) -> None:
    body = {"task": "a chef", "name": "ours alone"}
    stranger = admin.caller(admin.project(), PERMISSION)
    post(writer, KEPT, body)

    added, made = post(stranger, KEPT, body | {"newVersion": True}), post(stranger, KEPT, body)

    assert "ours alone" in failed(added, 404)
    assert made.json()["version"]["number"] == 1
    assert writer.call("GET", f"{PROMPTS}/ours%20alone").json()["latest"] == 1


def test_request_that_is_sent_again_keeps_one_prompt(writer: Caller) -> None:
    body = {"task": "a chef", "name": "once"}

    first, second = (post(writer, KEPT, body, idempotency_key="generated once") for _ in range(2))

    assert first.status_code == 200, first.text
    assert second.content == first.content


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"task": ""}, "'task' must not be empty"),
        ({"task": "x" * 200_001}, "'task' is too long"),
        ({"target_model": "x"}, "unknown field 'target_model'"),
        ({"targetModel": ""}, "'targetModel' has a value out of bounds"),
        ({"name": "."}, "A name has 1 to 200 characters"),
        ({"tags": [""]}, "A tag has"),
        ({"category": "a//b"}, "A category is a path"),
        ({"config": {"temperature": 3}}, "'config.temperature' has a value out of bounds"),
        ({"config": {"model": "gpt-9-nobody"}}, "names no model of this gateway"),
        ({"newVersion": True}, "'newVersion' needs the 'name' of the prompt"),
        ({"newVersion": True, "name": "x", "tags": ["y"]}, "'tags' is of a new prompt"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_is_not_as_it_must_be_is_named(writer: Caller, fields: dict[str, object], told: str) -> None:
    assert told in failed(post(writer, KEPT, {"task": "a chef"} | fields), 400)


@pytest.mark.parametrize(
    ("scopes", "lacks"), [((), PERMISSION), ((PERMISSION, "surface:run"), "surface:prompts"), (("keys",), PERMISSION)]
)
def test_key_needs_the_permission_and_the_surface(
    admin: Administrator, project: str, scopes: tuple[str, ...], lacks: str
) -> None:
    response = post(admin.caller(project, *scopes), KEPT, {"task": "a chef"})

    assert f"'{lacks}'" in failed(response, 403)


def test_nobody_and_administrators_are_unknown(admin: Administrator) -> None:
    for credential in (None, "sk_wrong", admin.credential):
        failed(post(Caller(admin.gateway, credential), KEPT, {"task": "a chef"}), 401)


def test_spent_budget_keeps_nothing(admin: Administrator) -> None:
    project = admin.project()
    budget = {"scope": "project", "scope_id": project, "unit": "EUR", "limit": "0.000000001"}
    admin.made(f"{ORGANIZATION}/budgets", budget | {"window": "month", "kind": "hard"})
    writer = admin.caller(project, PERMISSION)

    response = post(writer, KEPT, {"task": "a chef"})

    failed(response, 429)
    assert response.headers["x-should-retry"] == "false"
    assert writer.call("GET", PROMPTS).json()["prompts"] == []


def test_shape_of_the_vendor_and_ours_say_the_same(writer: Caller, upstream: Upstream) -> None:
    task = upstream.expect(**said(OUTLINE))

    theirs = post(writer, "/v1/experimental/generate_prompt", {"task": task}).json()
    ours = post(writer, KEPT, {"task": task}).json()

    assert texts(theirs)[0][1] == [ours["version"]["template"]]
