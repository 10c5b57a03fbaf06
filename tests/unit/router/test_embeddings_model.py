"""Which model embeds: the one that is named, else the embedded one; a name that cannot serve refuses the start."""

from pathlib import Path

import pytest

from router.rows import LocalEndpoint
from router.settings import SettingsWrong, load_settings
from router.wiring import House, build

LOCAL = LocalEndpoint("http://127.0.0.1:9/v1", "key", None, "use-multilingual-v3")
NAME = "ROUTER_EMBEDDINGS_MODEL"
OWN = """
[[provider]]
name = "cluster"
kind = "openai"
base_url = "http://127.0.0.1:8000/v1"

[[model]]
name = "bge-m3"
provider = "cluster"
kind = "embeddings"
carbon = "unknown"
price = { currency = "EUR", input = 0.01, output = 0 }
"""


def house(folder: Path, local: LocalEndpoint | None = None, toml: str = "", **environ: str) -> House:
    (folder / "router.toml").write_text(toml)
    given = environ | {"ROUTER_DATA_DIR": str(folder)}
    return build(load_settings(given, folder), given, local)


def refusal(folder: Path, local: LocalEndpoint | None = None, **environ: str) -> str:
    with pytest.raises(SettingsWrong) as wrong:
        house(folder, local, **environ)
    return str(wrong.value)


def test_the_embedded_one_embeds_where_it_runs(tmp_path: Path) -> None:
    embedding = house(tmp_path, LOCAL).embeddings

    assert embedding is not None
    assert (embedding.canonical, embedding.kind, embedding.zone) == ("local/use-multilingual-v3", "embeddings", "FRA")


def test_without_it_nothing_embeds(tmp_path: Path) -> None:
    assert house(tmp_path, OPENAI_API_KEY="sk-ours").embeddings is None


@pytest.mark.parametrize("name", ["text-embedding-3-large", "openai/text-embedding-3-large"])
def test_a_vendors_model_embeds_where_it_is_named(tmp_path: Path, name: str) -> None:
    embedding = house(tmp_path, LOCAL, OPENAI_API_KEY="sk-ours", **{NAME: name}).embeddings

    assert embedding is not None
    assert embedding.name == "text-embedding-3-large"


def test_a_model_of_router_toml_embeds_where_it_is_named(tmp_path: Path) -> None:
    own = house(tmp_path, toml=OWN, **{NAME: "bge-m3"})

    assert own.embeddings is not None
    assert own.embeddings.canonical == "cluster/bge-m3"
    assert "bge-m3" in own.scales
    assert "bge-m3" not in [row.model.name for row in own.menu.rows()]


def test_an_unknown_name_is_told_with_those_there_are(tmp_path: Path) -> None:
    told = refusal(tmp_path, LOCAL, **{NAME: "text-embedding-9"})

    assert told.startswith(f"{NAME}: text-embedding-9 ")
    assert "text-embedding-3-small, text-embedding-3-large, mistral-embed, use-multilingual-v3" in told


def test_a_chat_model_embeds_nothing(tmp_path: Path) -> None:
    assert "chat model" in refusal(tmp_path, OPENAI_API_KEY="sk-ours", **{NAME: "gpt-4o"})


def test_a_model_without_a_key_names_what_to_set(tmp_path: Path) -> None:
    told = refusal(tmp_path, LOCAL, OPENAI_API_KEY="sk-ours", **{NAME: "mistral-embed"})

    assert told.startswith(NAME)
    assert "MISTRAL_API_KEY" in told


def test_the_embedded_one_that_does_not_run_says_how_it_would(tmp_path: Path) -> None:
    told = refusal(tmp_path, OPENAI_API_KEY="sk-ours", **{NAME: "use-multilingual-v3"})

    assert "ROUTER_LOCAL" in told


def test_an_embeddings_model_plans_nothing(tmp_path: Path) -> None:
    told = refusal(tmp_path, OPENAI_API_KEY="sk-ours", ROUTER_V1_PLANNER="text-embedding-3-small")

    assert told.startswith("ROUTER_V1_PLANNER")
