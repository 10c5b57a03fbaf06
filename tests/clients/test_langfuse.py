"""Langfuse's own SDK, pointed at the gateway: prompts created, read, labelled, listed (3.3.7)."""

import itertools
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from langfuse import Langfuse
from langfuse.api import Error, NotFoundError, Prompt_Chat, Prompt_Text, UnauthorizedError

from agents.messages import Message
from agents.prompts.prompt import Content
from agents.prompts.template import compiled
from tests.gateway import Gateway
from tests.http.accounts import Administrator, admin_key
from tests.upstream import Upstream

TEXT = "Bonjour {{nom}},\n\nBienvenue chez {{ service }} ! {{7*7}} {% raw %} { x } }} {{nom}}"
CHAT = [
    {"role": "system", "content": "Tu écris pour {{service}}."},
    {"role": "user", "content": "Un mot à {{nom}}."},
    {"role": "assistant", "content": "Cher {{nom}},"},
]
CONFIG = {"model": "gpt-4o", "temperature": 0.2, "maxTokens": 50, "schema": {"z": [1, None], "a": 1.5}, "top_k": 3}
FOLDER = "dossier/été/Email de Bienvenue ?#%"
_pairs = itertools.count()


@pytest.fixture(scope="module")
def administrator(gateway: Gateway) -> Administrator:
    return Administrator(gateway, admin_key(gateway))


@pytest.fixture(scope="module")
def project(administrator: Administrator) -> str:
    return administrator.project("Langfuse")


@pytest.fixture(scope="module")
def client_with(gateway: Gateway) -> Iterator[Callable[[str], Langfuse]]:
    """Make clients that trace nothing; each has a pair of its own, or the SDK would give the first one again."""
    logging.getLogger("langfuse").setLevel(logging.CRITICAL)
    made: list[Langfuse] = []

    def make(secret: str) -> Langfuse:
        made.append(
            Langfuse(public_key=f"pk-lf-{next(_pairs)}", secret_key=secret, base_url=gateway.url, tracing_enabled=False)
        )
        return made[-1]

    yield make
    for each in made:
        each.shutdown()


@pytest.fixture(scope="module")
def langfuse(client_with: Callable[[str], Langfuse], administrator: Administrator, project: str) -> Langfuse:
    return client_with(administrator.key(project)["value"])


@pytest.fixture(scope="module")
def shelf(langfuse: Langfuse) -> Langfuse:
    """A client whose project has prompts: two texts and a chat, one of them in a folder."""
    made = [
        {"name": "Accueil", "prompt": TEXT, "labels": ["production"], "tags": ["mails", "été"], "config": CONFIG},
        {"name": FOLDER, "prompt": TEXT, "commit_message": "Première", "labels": ["staging"]},
        {"name": "Dialogue", "prompt": CHAT, "type": "chat", "labels": ["production"], "tags": ["mails"]},
    ]
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda each: langfuse.create_prompt(**each), made))
    return langfuse


def test_keys_are_checked(langfuse: Langfuse, client_with: Callable[[str], Langfuse], project: str) -> None:
    assert langfuse.auth_check()
    assert [each.id for each in langfuse.api.projects.get().data] == [project]
    with pytest.raises(UnauthorizedError):
        client_with("sk-proj-" + "x" * 48).auth_check()


def test_text_prompt_is_read_as_it_was_created(shelf: Langfuse) -> None:
    prompt = shelf.get_prompt("Accueil", max_retries=0)

    assert (prompt.prompt, prompt.version, prompt.labels) == (TEXT, 1, ["latest", "production"])
    assert list(prompt.config.items()) == list(CONFIG.items())
    assert (prompt.tags, prompt.commit_message, prompt.is_fallback) == (["mails", "été"], None, False)


def test_text_prompt_compiles_to_what_a_run_would_say(shelf: Langfuse) -> None:
    prompt = shelf.get_prompt("Accueil", max_retries=0)
    values = {"nom": "Steph {{service}}", "service": "Prompt Manager"}

    ours = compiled(Content((Message("user", TEXT),))).filled(values)

    assert prompt.compile(**values) == ours[0].content


def test_chat_prompt_is_read_and_compiled_as_it_was_created(shelf: Langfuse) -> None:
    prompt = shelf.get_prompt("Dialogue", type="chat", max_retries=0)
    values = {"nom": "Steph", "service": "la Poste"}

    ours = compiled(Content(tuple(Message(**each) for each in CHAT), "chat")).filled(values)

    assert prompt.prompt == [{"type": "message"} | each for each in CHAT]
    assert prompt.compile(**values) == [{"role": each.role, "content": each.content} for each in ours]
    assert prompt.config == {}


@pytest.mark.parametrize("which", [{"label": "staging"}, {"label": "latest"}, {"version": 1}])
def test_prompt_in_a_folder_is_read_by_label_or_version(shelf: Langfuse, which: dict[str, object]) -> None:
    prompt = shelf.get_prompt(FOLDER, max_retries=0, **which)

    assert (prompt.name, prompt.prompt, prompt.commit_message) == (FOLDER, TEXT, "Première")
    assert prompt.labels == ["latest", "staging"]


def test_prompt_without_a_version_in_production_is_not_found(shelf: Langfuse) -> None:
    with pytest.raises(NotFoundError):
        shelf.get_prompt(FOLDER, max_retries=0)


def test_new_version_takes_labels_over_and_production_promotes(langfuse: Langfuse) -> None:
    first = langfuse.create_prompt(name="Versions", prompt="un", labels=["production", "staging"], tags=["a"])
    second = langfuse.create_prompt(
        name="Versions", prompt="deux", labels=["staging", "latest"], commit_message="mieux"
    )
    before = langfuse.get_prompt("Versions", cache_ttl_seconds=0)

    updated = langfuse.update_prompt(name="Versions", version=2, new_labels=["production", "v2.0"])

    after = langfuse.get_prompt("Versions", cache_ttl_seconds=0)
    assert (first.version, second.version, second.commit_message, second.tags) == (1, 2, "mieux", ["a"])
    assert (before.version, before.labels) == (1, ["production"])
    assert (after.version, after.labels) == (2, ["latest", "production", "staging", "v2.0"])
    assert isinstance(updated, Prompt_Text)
    assert updated.labels == after.labels
    assert langfuse.get_prompt("Versions", label="latest", max_retries=0).version == 2
    assert langfuse.get_prompt("Versions", version=1, max_retries=0).labels == []


def test_prompts_are_listed_by_name_label_and_tag(shelf: Langfuse) -> None:
    prompts = shelf.api.prompts

    named = prompts.list(name=FOLDER)
    tagged = prompts.list(tag="mails", limit=1, page=2)
    labelled = prompts.list(label="staging", tag="été")

    row = named.data[0]
    assert (row.name, row.type, row.versions, row.labels) == (FOLDER, "text", [1], ["latest", "staging"])
    assert (row.tags, row.last_config) == ([], {})
    assert [each.name for each in tagged.data] == ["Dialogue"]
    assert (tagged.meta.page, tagged.meta.limit, tagged.meta.total_items, tagged.meta.total_pages) == (2, 1, 2, 2)
    assert (labelled.data, labelled.meta.total_items, labelled.meta.total_pages) == ([], 0, 0)
    assert prompts.list(from_updated_at=row.last_updated_at, name=FOLDER).data == [row]
    assert prompts.list(to_updated_at=row.last_updated_at, name=FOLDER).data == []


def test_prompt_is_asked_for_once_while_the_client_has_it(shelf: Langfuse, gateway: Gateway) -> None:
    def asked() -> float:
        lines = [line for line in gateway.metrics().splitlines() if 'route="/api/public/v2/prompts/{name' in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if "requests" in line)

    shelf.clear_prompt_cache()
    before = asked()
    prompts = [shelf.get_prompt("Accueil") for _ in range(20)]

    assert asked() == before + 1
    assert len({id(each) for each in prompts}) == 1


def test_unknown_prompt_gives_the_fallback(langfuse: Langfuse) -> None:
    prompt = langfuse.get_prompt("Nulle part", fallback="Bonjour {{nom}}", max_retries=0)

    assert (prompt.is_fallback, prompt.compile(nom="Steph")) == (True, "Bonjour Steph")
    with pytest.raises(NotFoundError) as caught:
        langfuse.api.prompts.get("Nulle part")
    assert caught.value.body["error"] == "LangfuseNotFoundError"
    assert "Nulle part" in caught.value.body["message"]


def test_placeholders_and_another_type_are_refused(shelf: Langfuse) -> None:
    history = [{"role": "system", "content": "x"}, {"type": "placeholder", "name": "historique"}]

    with pytest.raises(Error) as placeholder:
        shelf.create_prompt(name="Historique", prompt=history, type="chat")
    with pytest.raises(Error) as other_type:
        shelf.create_prompt(name="Accueil", prompt=CHAT, type="chat")

    assert "'prompt[1]' is a placeholder" in placeholder.value.body["message"]
    assert "type 'text', not 'chat'" in other_type.value.body["message"]
    assert shelf.get_prompt("Accueil", label="latest", max_retries=0).version == 1


def test_draft_and_prompt_are_deleted_but_a_version_in_production_is_not(langfuse: Langfuse) -> None:
    langfuse.create_prompt(name="à/ôter", prompt="un", labels=["production"])
    langfuse.create_prompt(name="à/ôter", prompt="deux", labels=["essai"])
    delete = langfuse.api.prompts.delete

    with pytest.raises(Error) as fixed:
        delete("%C3%A0%2F%C3%B4ter", version=1)
    delete("%C3%A0%2F%C3%B4ter", label="essai")
    left = langfuse.api.prompts.list(name="à/ôter").data[0].versions
    delete("%C3%A0%2F%C3%B4ter")

    assert "only a DRAFT" in fixed.value.body["message"]
    assert left == [1]
    assert langfuse.api.prompts.list(name="à/ôter").data == []


def test_token_may_be_the_secret_of_a_pair(client_with: Callable[[str], Langfuse], gateway: Gateway) -> None:
    client = client_with(gateway.token())

    assert client.auth_check()
    assert [each.id for each in client.api.projects.get().data] == ["proj-default"]


def test_run_takes_what_of_the_config_is_about_runs(
    langfuse: Langfuse, administrator: Administrator, project: str, upstream: Upstream
) -> None:
    langfuse.create_prompt(name="À courir", prompt="{{question}}", labels=["production"], config=CONFIG)
    question = upstream.expect()

    ran = administrator.caller(project).call(
        "POST", "/api/v1/run", {"promptName": "À courir", "variables": {"question": question}}
    )

    assert (ran.status_code, ran.json()["promptVersion"], ran.json()["model"]) == (200, 1, "gpt-4o")
    sent = upstream.seen(question)[0].body
    assert (sent["temperature"], sent["max_tokens"]) == (0.2, 50)
    assert "schema" not in sent


def test_prompts_of_another_project_are_not_there(
    shelf: Langfuse, client_with: Callable[[str], Langfuse], administrator: Administrator
) -> None:
    stranger = client_with(administrator.key(administrator.project())["value"])

    assert stranger.api.prompts.list().data == []
    with pytest.raises(NotFoundError):
        stranger.get_prompt("Accueil", max_retries=0)
    assert isinstance(shelf.api.prompts.get("Dialogue"), Prompt_Chat)
