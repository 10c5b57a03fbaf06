"""Limits over HTTP, asked for by the vendor's own client and by hand, and at the command line."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import uvicorn
from litestar import Litestar, Router
from litestar.datastructures import State
from openai import BadRequestError, NotFoundError, OpenAI

from accounts.limits.limits import Limits
from accounts.revision import Revision
from metering.prometheus import Metrics
from router.frame import Frame, answer_error
from router.routes.limits import ROUTES
from storage.script import Query, Script
from storage.sqlite import Sqlite
from tests.gateway import environment, free_port
from tests.heads import file_at_head

NONE = 10**9
PROJECT = "/v1/organization/limits/project/proj-default"
KEY = "/v1/organization/limits/key/key_a"
EMPTY = {"requests_per_minute": None, "tokens_per_minute": None, "concurrent_requests": None}


def add_key() -> Script[None]:
    values = ("key_a", "digest", "project", "proj-default", "name", "masked", "[]", "2026-01-01T00:00:00.000000+00:00")
    columns = "id, digest, kind, project_id, name, masked, scopes, created_at"
    yield Query(f"INSERT INTO keys ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608 - constant


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    database = tmp_path / "data" / "router.db"
    file_at_head(database)
    Sqlite(database).write_now(add_key)
    return tmp_path


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    """The address of a server of these routes alone; who may call them is not its concern."""
    database = Sqlite(folder / "data" / "router.db")
    state = State({"limits": Limits(database, Revision(database)), "metrics": Metrics([], [])})
    routes = Router("/", route_handlers=ROUTES, middleware=[Frame()])
    application = Litestar([routes], exception_handlers={Exception: answer_error}, state=state, openapi_config=None)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def client(url: str) -> Iterator[OpenAI]:
    with OpenAI(api_key="unused", admin_api_key="sk-admin-of-the-tests", base_url=f"{url}/v1", max_retries=0) as client:
        yield client


def test_the_vendors_client_reads_and_changes_the_limits_of_a_project(client: OpenAI, url: str):
    limits = client.admin.organization.projects.rate_limits

    (row,) = limits.list_rate_limits("proj-default")
    assert (row.id, row.object, row.max_requests_per_1_minute) == ("rl-default", "project.rate_limit", NONE)

    changed = limits.update_rate_limit("rl-default", project_id="proj-default", max_requests_per_1_minute=500)
    assert (changed.max_requests_per_1_minute, changed.max_tokens_per_1_minute) == (500, NONE)
    changed = limits.update_rate_limit("rl-default", project_id="proj-default", max_tokens_per_1_minute=90_000)
    assert (changed.max_requests_per_1_minute, changed.max_tokens_per_1_minute) == (500, 90_000)
    assert list(limits.list_rate_limits("proj-default", after="rl-default")) == []
    read = requests.get(url + PROJECT, timeout=5).json()
    assert (read["requests_per_minute"], read["tokens_per_minute"]) == (500, 90_000)


def test_the_vendors_client_is_told_what_is_not_there_or_not_enforced(client: OpenAI):
    limits = client.admin.organization.projects.rate_limits

    with pytest.raises(NotFoundError):
        limits.list_rate_limits("proj-nowhere")
    with pytest.raises(NotFoundError):
        limits.update_rate_limit("rl-gpt-4o", project_id="proj-default", max_requests_per_1_minute=5)
    with pytest.raises(BadRequestError, match="max_images_per_1_minute"):
        limits.update_rate_limit("rl-default", project_id="proj-default", max_images_per_1_minute=5)
    with pytest.raises(BadRequestError, match="max_requests_per_1_minute"):
        limits.update_rate_limit("rl-default", project_id="proj-default", max_requests_per_1_minute=0)


def test_limits_of_a_key_are_put_read_listed_and_deleted(url: str):
    named = {"object": "organization.limit", "scope": "key", "scope_id": "key_a"}
    assert requests.get(url + KEY, timeout=5).json() == named | EMPTY

    own = {"requests_per_minute": 60, "tokens_per_minute": None, "concurrent_requests": 2}
    assert requests.put(url + KEY, json=own, timeout=5).json() == named | own
    assert requests.get(url + KEY, timeout=5).json() == named | own
    assert requests.get(url + "/v1/organization/limits", timeout=5).json()["data"] == [named | own]
    deleted = requests.delete(url + KEY, timeout=5).json()
    assert deleted == named | {"object": "organization.limit.deleted", "deleted": True}
    assert requests.get(url + KEY, timeout=5).json() == named | EMPTY


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        (KEY, {"requests_per_minute": 0}, 400, "requests_per_minute"),
        (KEY, {"requests_per_minute": NONE + 1}, 400, "requests_per_minute"),
        (KEY, {"tokens_per_minute": 1.5}, 400, "tokens_per_minute"),
        (KEY, {"tokens_per_minute": "5"}, 400, "tokens_per_minute"),
        (KEY, {"requests": 5}, 400, "requests"),
        (PROJECT, {"concurrent_requests": 5}, 400, "concurrent_requests"),
        ("/v1/organization/limits/key/sk-proj-pasted", {}, 404, "scope_id"),
        ("/v1/organization/limits/model/gpt-4o", {}, 404, "scope"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(
    url: str, path: str, body: dict[str, object], status: int, param: str
):
    answer = requests.put(url + path, json=body, timeout=5)

    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["param"] == param
    assert "pasted" not in error["message"]
    assert requests.get(url + "/v1/organization/limits", timeout=5).json()["data"] == []


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from router.commands.limits import app; app()", *words]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False, timeout=20
    )


def test_the_command_sets_shows_and_clears_limits(folder: Path):
    done = run(folder, "set", "key", "key_a", "--requests", "500", "--running", "4", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "object": "organization.limit",
        "scope": "key",
        "scope_id": "key_a",
        "requests_per_minute": 500,
        "tokens_per_minute": None,
        "concurrent_requests": 4,
    }

    assert "500 requests a minute, 4 requests at once" in run(folder, "show", "key", "key_a").stdout
    assert "key_a" in run(folder, "show").stdout
    assert "no limits of its own" in run(folder, "clear", "key", "key_a").stdout
    assert run(folder, "show").stdout == ""


def test_the_command_says_what_is_wrong_and_ends_with_2(folder: Path):
    for words, told in (
        (("set", "key", "key_a", "--requests", "0"), "1,000,000,000"),
        (("set", "key", "key_a"), "--requests"),
        (("set", "project", "proj-default", "--running", "2"), "concurrent_requests"),
        (("show", "key", "key_b"), "no such key"),
        (("show", "key"), "its id"),
    ):
        done = run(folder, *words)

        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr
