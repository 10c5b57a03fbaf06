"""Which model the prompt tools ask, and who may use them."""

from pathlib import Path
from typing import Any, cast

import pytest

from accounts.keys.scopes import Scopes
from router.auth import Principal
from router.errors import Refused
from router.families import F2, F4
from router.rows import LocalEndpoint
from router.settings import SettingsWrong, load_settings
from router.tool_desk import ToolDesk
from router.wiring import House, build

LOCAL = LocalEndpoint("http://127.0.0.1:9/v1", "key", "qwen2.5-0.5b-instruct", None)
NAME = "ROUTER_PROMPT_TOOLS_MODEL"


def house(folder: Path, local: LocalEndpoint | None = None, **environ: str) -> House:
    given = environ | {"ROUTER_DATA_DIR": str(folder)}
    return build(load_settings(given, folder), given, local)


def chosen(folder: Path, local: LocalEndpoint | None = None, **environ: str) -> str | None:
    choice = house(folder, local, **environ).prompt_tools
    return None if choice is None else choice.model.name


def test_the_embedded_one_is_asked_where_it_runs(tmp_path: Path) -> None:
    embedded = house(tmp_path, LOCAL).prompt_tools

    assert embedded is not None
    assert (embedded.model.name, embedded.warning) == (LOCAL.model, None)
    assert chosen(tmp_path, LOCAL, OPENAI_API_KEY="sk-ours") == LOCAL.model


def test_without_it_the_first_that_can_be_called_is_asked(tmp_path: Path) -> None:
    first = house(tmp_path, MISTRAL_API_KEY="ours").menu.choose("auto").model.name

    assert chosen(tmp_path, MISTRAL_API_KEY="ours") == first
    assert "mistral" in first or "ministral" in first


def test_where_none_can_be_called_none_is(tmp_path: Path) -> None:
    assert chosen(tmp_path) is None


def test_the_one_that_is_set_is_asked_before_all_others(tmp_path: Path) -> None:
    assert chosen(tmp_path, LOCAL, OPENAI_API_KEY="sk-ours", **{NAME: "gpt-4o-mini"}) == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("name", "told"),
    [("gpt-9-nobody", "no such model"), ("mistral-large-latest", "no key"), ("text-embedding-3-small", "no such")],
)
def test_one_that_is_set_and_cannot_be_asked_refuses_the_start(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(SettingsWrong, match=f"{NAME}: .*{told}"):
        house(tmp_path, OPENAI_API_KEY="sk-ours", **{NAME: name})


def desk(*, development: bool) -> ToolDesk:
    nothing = cast("Any", None)
    parts = dict.fromkeys(("authenticator", "choice", "models", "metrics", "gate", "replays"), nothing)
    return ToolDesk(**parts, development=development, require_beta=False)


def test_a_token_without_a_key_may_use_the_tools_in_development_alone() -> None:
    token = Principal("user", "access", 0)

    desk(development=True).check_permission(token, F4)
    with pytest.raises(Refused, match="forbidden") as refused:
        desk(development=False).check_permission(token, F2)

    assert "use a key with the permission 'prompt_tools'" in refused.value.reason


@pytest.mark.parametrize("development", [True, False])
def test_a_key_and_the_tokens_made_with_it_need_the_permission(*, development: bool) -> None:
    may = Scopes(permissions=frozenset({"prompt_tools"}))
    keys = [Principal("key_1", kind, 0, "proj-default", "key_1", may) for kind in ("project", "prompt", "access")]
    guest = Principal("user", "access", 0, "proj-default", "key_2", Scopes(permissions=frozenset({"keys"})))

    for each in keys:
        desk(development=development).check_permission(each, F4)
    with pytest.raises(Refused, match="forbidden") as refused:
        desk(development=development).check_permission(guest, F4)

    assert "'prompt_tools'" in refused.value.reason
