"""`router prompts`: prompts beside a running gateway, which runs what was promoted as soon as the command ends."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gateway import Gateway
from tests.http.accounts import Administrator
from tests.http.prompts import Team, team
from tests.upstream import STORY, Upstream

# Several commands in one process: most of what a command takes is to start.
SEVERAL = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from router.cli import app
for words in json.load(sys.stdin):
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True), io.StringIO()
    code = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            app(["prompts", *words])
        except SystemExit as end:
            code = end.code
    told = {"code": code, "out": out.buffer.getvalue().decode(), "err": err.getvalue()}
    print(json.dumps(told), file=sys.__stdout__)
"""


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Router = Callable[..., list[Ended]]
FILE = """---
name: {name}
description: Accueil
tags: [mails]
model: gpt-4o
system: Be {kind}.
---
{prompt} Write to {{{{name}}}}
"""


def commands(gateway: Gateway, *several: list[str], port: int | None = None) -> list[Ended]:
    """Run commands of the group, one after the other, with the settings of the gateway that serves."""
    settings = gateway.env | {"ROUTER_PORT": str(port or gateway.port)}
    command = [sys.executable, "-c", SEVERAL]
    asked = json.dumps(several)
    ended = subprocess.run(
        command, env=settings, cwd=gateway.folder, input=asked, capture_output=True, text=True, timeout=60, check=True
    )
    return [Ended(**json.loads(line)) for line in ended.stdout.splitlines()]


@pytest.fixture
def router(gateway: Gateway) -> Router:
    return lambda *several: commands(gateway, *several)


def told(ended: Ended) -> str:
    assert (ended.code, ended.err) == (0, "")
    return ended.out


def done(ended: Ended) -> list[dict[str, object]]:
    return [json.loads(line) for line in told(ended).splitlines()]


def refused(ended: Ended) -> str:
    assert (ended.code, ended.out) == (2, "")
    assert "Traceback" not in ended.err
    return ended.err.removesuffix("\n")


def test_a_prompt_goes_from_a_file_into_production_and_back(router: Router, upstream: Upstream, tmp_path: Path):
    name, prompt = "Été / mail", upstream.expect()
    file = tmp_path / "mails" / "one.md"
    file.parent.mkdir()
    file.write_text(FILE.format(name=name, kind="kind", prompt=prompt))

    first = router(["import", str(tmp_path), "--promote", "--json"])
    file.write_text(FILE.format(name=name, kind="warm", prompt=prompt))
    second, compared, promoted, answered, back, shown, listed, out = router(
        ["import", str(tmp_path), "--json"],
        ["diff", name],
        ["promote", name, "2"],
        ["run", name, "--var", "name=Zoé = {{x}}", "--json"],
        ["rollback", name, "--json"],
        ["show", name],
        ["list", "--category", "mails", "--json"],
        ["export", str(tmp_path / "out"), "--json"],
    )

    imports = [row for ended in (*first, second) for row in done(ended)]
    assert [(row["done"], row["version"]) for row in imports] == [("promoted", 1), ("draft added", 2)]
    assert told(compared) == "--- version 1, system\n+++ version 2, system\n@@ -1 +1 @@\n-Be kind.\n+Be warm.\n"
    assert told(promoted) == f"version 2 of {name} is in production\n"
    (answer,) = done(answered)
    assert (answer["promptVersion"], answer["output"]) == (2, "".join(STORY))
    (seen,) = upstream.seen(prompt)
    said = [each["content"] for each in seen.body["messages"]]
    assert said == ["Be warm.", f"{prompt} Write to Zoé = {{{{x}}}}"]
    (version,) = done(back)
    assert (version["number"], version["state"], version["author"]) == (1, "PRODUCTION", "command line")
    assert told(shown).endswith(f"model: gpt-4o\nsystem: |-\n  Be kind.\n---\n{prompt} Write to {{{{name}}}}\n")
    assert [(row["name"], row["production"], row["latest"]) for row in done(listed)] == [(name, 1, 2)]
    assert [row["path"] for row in done(out) if row["name"] == name] == ["mails/ete-mail.md"]


def test_a_run_is_printed_as_it_comes_and_told_whole_to_programs(admin: Administrator, upstream: Upstream):
    shop: Team = team(admin)
    name = shop.published(upstream.expect())
    ask = ["run", name, "--key", shop.key]

    whole, streamed, events, elsewhere = commands(
        shop.gateway, ask, [*ask, "--stream"], [*ask, "--stream", "--json", "--version", "1"], ["run", name]
    )

    assert told(whole) == told(streamed) == "".join(STORY) + "\n"
    *deltas, last = done(events)
    assert "".join(str(event["delta"]) for event in deltas) == last["output"] == "".join(STORY)
    assert refused(elsewhere) == f"router: Prompt '{name}' not found or has no PRODUCTION version"


def test_what_cannot_be_done_is_refused_by_what_is_wrong(router: Router, gateway: Gateway, tmp_path: Path):
    (tmp_path / "a.md").write_text("---\nname: Mail\ntemprature: 1\n---\nHi")
    (tmp_path / "b.md").write_text("---\nname: Mail\nlabels: [latest]\n---\nHi")
    (tmp_path / "c.md").write_text("---\nname: Own\nmodel: gpt-5o\n---\nHi")

    shown, promoted, listed, twice, wrong, imported, after = router(
        ["show", "nobody"],
        ["promote", "nobody", "1"],
        ["list", "--project", "nowhere"],
        ["run", "nobody", "--var", "x"],
        ["run", "nobody", "--key", "sk_wrong"],
        ["import", str(tmp_path)],
        ["list", "--json"],
    )
    (alone,) = commands(gateway, ["run", "x"], port=1)

    assert refused(shown) == refused(promoted) == "router: Prompt 'nobody' not found"
    assert refused(listed) == "router: There is no such project: nowhere."
    assert refused(twice) == "router: --var x: give each variable once, as NAME=VALUE"
    assert refused(wrong).startswith("router: Incorrect API key")
    assert refused(alone).endswith("start it with `router serve`")
    first, second, third = refused(imported).splitlines()
    assert first.startswith("router: a.md: temprature: no such field; there are name, ")
    assert second.startswith("router: b.md: labels: The label 'latest' ")
    assert third == "router: c.md: model: 'gpt-5o' is no model of this gateway; GET /models lists them"
    assert "Mail" not in [row["name"] for row in done(after)]
