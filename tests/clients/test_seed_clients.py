"""The seed's own Python and TypeScript clients, and its curl lines, against a running gateway (2.7, 2.1.1)."""

import json
import shutil
import subprocess

import pytest

from tests.clients.examples import RunTypeScript, example, python
from tests.gateway import Gateway
from tests.upstream import STORY, Upstream


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
