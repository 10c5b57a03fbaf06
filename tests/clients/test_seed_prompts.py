"""The seed's examples of the Prompt Manager, unmodified but for address and key, against a running gateway (3.1)."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.examples import EXAMPLES, python
from tests.gateway import Gateway
from tests.http.accounts import Administrator, admin_key
from tests.http.prompts import Team
from tests.upstream import STORY, Upstream

ADDRESS = "https://votre-domaine.com"
NAME = "Email de Bienvenue"
NOT_FOUND = "Prompt 'Email de Bienvenue' not found or has no PRODUCTION version"


@pytest.fixture(scope="module")
def admin(gateway: Gateway) -> Administrator:
    return Administrator(gateway, admin_key(gateway))


@pytest.fixture
def team(admin: Administrator, upstream: Upstream) -> tuple[Team, str]:
    """Return a project with a key of the Prompt Manager and its prompt, and the prompt's own text."""
    project_id = admin.project()
    key = admin.made("/api/v1/keys", {"name": "Production App", "projectId": project_id})["key"]
    asked = upstream.expect()
    team = Team(admin.gateway, project_id, key)
    team.published(f"Écris à {{{{nom_utilisateur}}}}, bienvenue sur {{{{nom_service}}}}. {asked}", name=NAME)
    return team, asked


def example(team: Team, language: str) -> str:
    return EXAMPLES[f"{language}: a prompt"].replace(ADDRESS, team.gateway.url)


def javascript(code: str, key: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if not shutil.which("node"):
        pytest.skip("the seed's JavaScript needs node")
    (folder / "program.mjs").write_text(code)
    environment = os.environ | {"PROMPT_MANAGER_API_KEY": key}
    command = ["node", "program.mjs"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def in_python(code: str, key: str) -> subprocess.CompletedProcess[str]:
    return python(f"import os\nos.environ['PROMPT_MANAGER_API_KEY'] = {key!r}\n{code}")


def test_javascript_prints_the_output(team: tuple[Team, str], upstream: Upstream, tmp_path: Path) -> None:
    project, asked = team

    ended = javascript(example(project, "JavaScript"), project.key, tmp_path)

    assert (ended.returncode, ended.stdout) == (0, "".join(STORY) + "\n"), ended.stderr
    (seen,) = upstream.seen(asked)
    assert seen.body["messages"][-1]["content"].startswith("Écris à Steph, bienvenue sur Prompt Manager.")


def test_python_prints_the_output(team: tuple[Team, str]) -> None:
    project, _ = team

    ended = in_python(example(project, "Python"), project.key)

    assert (ended.returncode, ended.stdout) == (0, "".join(STORY) + "\n"), ended.stderr


def test_both_tell_what_is_wrong(admin: Administrator, tmp_path: Path) -> None:
    empty = Team(admin.gateway, "", admin.key(admin.project())["value"])

    thrown = javascript(example(empty, "JavaScript"), empty.key, tmp_path)
    raised = in_python(example(empty, "Python"), "sk_wrong")

    assert thrown.returncode == 1
    assert f"Error: {NOT_FOUND}" in thrown.stderr
    assert raised.returncode == 1
    assert "HTTPError: 401 Client Error" in raised.stderr


def test_curl_gets_the_seeds_answer(team: tuple[Team, str]) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    project, _ = team
    command = example(project, "curl").replace("sk_votre_cle_api_ici", project.key).replace("curl ", "curl -s ", 1)

    printed = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20, check=True).stdout

    answer = json.loads(printed)
    assert (answer["success"], answer["output"], answer["promptVersion"]) == (True, "".join(STORY), 1)
    assert isinstance(answer["durationMs"], int)
