"""The seed's own Python and TypeScript clients, and its curl lines, against a running gateway (2.7, 2.1.1)."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway import Gateway
from tests.upstream import STORY, Upstream

HERE = Path(__file__).parent
SECTION = re.compile(r"^## (?P<title>.+?)\n\n```\w+\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = {found["title"]: found["code"] for found in SECTION.finditer((HERE / "seed.md").read_text())}
RunTypeScript = Callable[[str], subprocess.CompletedProcess[str]]


def example(gateway: Gateway, language: str, *titles: str) -> str:
    """Return these sections as one program, with the gateway's own address."""
    code = "\n".join(EXAMPLES[f"{language}: {title}"] for title in titles)
    return code.replace("http://localhost:7860", gateway.url)


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> RunTypeScript:
    """Compile with the locked TypeScript, so that any Node from 20 on runs it."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("the TypeScript client needs node and npm")
    folder = tmp_path_factory.mktemp("typescript")
    for name in ("package.json", "package-lock.json", "strip.cjs"):
        shutil.copy(HERE / name, folder)
    subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True, timeout=120)

    def start(code: str) -> subprocess.CompletedProcess[str]:
        (folder / "program.ts").write_text(code)
        subprocess.run(["node", "strip.cjs", "program.ts", "program.mjs"], cwd=folder, check=True, timeout=30)
        command = ["node", "program.mjs"]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)

    return start


# 2.7.1: `complete` holds a `yield`, so no server can make the plain call work.
def test_python_plain_call_fails_in_the_client_itself(gateway: Gateway) -> None:
    ended = python(example(gateway, "Python", "the client", "a plain call"))

    assert ended.returncode == 1
    assert "TypeError: 'generator' object is not subscriptable" in ended.stderr


def test_python_stream_prints_every_event(gateway: Gateway) -> None:
    ended = python(example(gateway, "Python", "the client", "a stream"))

    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert all(line.startswith("data: {") for line in lines)
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert "".join(event["content"] for event in events) == "".join(STORY)
    assert [event["done"] for event in events].count(True) == 1


@pytest.mark.parametrize(("token", "printed"), [(None, "".join(STORY)), ("wrong", "Token invalide ou expiré")])
def test_python_error_example_prints_its_own_messages(gateway: Gateway, token: str | None, printed: str) -> None:
    ended = python(f"token = {(token or gateway.token())!r}\n" + example(gateway, "Python", "errors"))

    assert ended.stdout.strip() == printed, ended.stderr


def test_typescript_answers_and_streams(gateway: Gateway, typescript: RunTypeScript) -> None:
    ended = typescript(example(gateway, "TypeScript", "the client", "a plain call", "a stream"))

    assert ended.returncode == 0, ended.stderr
    plain, *streamed = ended.stdout.splitlines()
    assert plain == "".join(STORY)
    assert "".join(streamed) == "".join(STORY)


# 2.3.6: the client decodes each network chunk alone, so a split event or character throws there.
# The burst stays under the 64 kB that Node reads at once: past it, Node itself splits what a slow reader let pile up.
def test_typescript_reads_a_long_accented_burst_whole(
    gateway: Gateway, upstream: Upstream, typescript: RunTypeScript
) -> None:
    pieces = tuple(f" été{number}😀" for number in range(500))
    prompt = upstream.expect(pieces=pieces)

    code = example(gateway, "TypeScript", "the client", "a stream").replace("Compte de 1 à 5", prompt)
    ended = typescript(code)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.replace("\n", "") == "".join(pieces)


def test_token_is_issued_to_the_seeds_curl_line(gateway: Gateway) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    command = ["curl", "-s", "-X", "POST", f"{gateway.url}/auth/token", "-H", "Content-Type: application/json"]

    printed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout

    answer = json.loads(printed)
    assert set(answer) == {"access_token", "token_type", "expires_in"}
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3600)
