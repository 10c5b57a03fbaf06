"""Langfuse's shapes: what becomes a version, what of `config` a run uses, and that it comes back as it was sent."""

from datetime import UTC, datetime

import pytest
from msgspec import json
from msgspec.structs import replace

from agents.messages import Message
from agents.prompts.errors import PromptInvalid
from agents.prompts.prompt import Config, Content, StoredPrompt, Version
from router.langfuse_shapes import SentPrompt, config_of, publication_of, shown, shown_config

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PROMPT = StoredPrompt(
    id="prm_1",
    project_id="p",
    name="n",
    description="",
    category="",
    tags=("t",),
    created_at=NOW,
    updated_at=NOW,
    latest=2,
    production=2,
)


def sent(**fields: object) -> SentPrompt:
    return json.decode(json.encode({"name": "n"} | fields), type=SentPrompt)


def version(*messages: Message, kind: str = "text", **fields: object) -> Version:
    content = Content(messages, "chat" if kind == "chat" else "text")
    made = Version(
        number=2,
        state="PRODUCTION",
        content=content,
        config=Config(),
        note="",
        labels=("a",),
        author="key_1",
        created_at=NOW,
        updated_at=NOW,
        promoted_at=NOW,
        archived_at=None,
    )
    return replace(made, **fields)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"model": "m", "temperature": 1, "max_tokens": 5}, Config(model="m", temperature=1, max_tokens=5)),
        ({"maxTokens": 5, "topP": 0.5, "agent": "V1"}, Config(max_tokens=5, top_p=0.5, agent="V1")),
        ({"frequency_penalty": -1, "presencePenalty": 2}, Config(frequency_penalty=-1, presence_penalty=2)),
        ({"max_tokens": 7, "maxTokens": 5}, Config(max_tokens=7)),
        ({"max_tokens": "many", "maxTokens": 5}, Config(max_tokens=5)),
        ({"temperature": "hot", "top_p": 3, "agent": "V9", "model": ""}, Config()),
        ({"temperature": None, "max_tokens": True, "model": {"name": "m"}}, Config()),
        ({"extra": {"model": "m"}, "tools": [{"x": {}}]}, Config()),
        ({}, Config()),
    ],
)
def test_what_fits_a_run_is_taken_and_all_is_given_back(given: dict[str, object], taken: Config) -> None:
    config = config_of(given)

    assert config == replace(taken, extra=given)
    assert list(shown_config(json.decode(json.encode(config), type=Config)).items()) == list(given.items())


def test_config_made_elsewhere_is_shown_in_pythons_spelling() -> None:
    config = Config(model="m", max_tokens=5, top_p=0.5)

    assert shown_config(config) == {"model": "m", "max_tokens": 5, "top_p": 0.5}


def test_what_was_changed_elsewhere_wins_over_what_was_sent() -> None:
    config = replace(config_of({"maxTokens": 5, "temperature": 1, "mine": 1}), max_tokens=6, temperature=None)

    assert shown_config(config) == {"mine": 1, "max_tokens": 6}


def test_text_is_one_message_of_the_user_and_the_rest_has_defaults() -> None:
    made = publication_of(sent(prompt="{{x}}", labels=None, tags=None, commitMessage=None, config=None, unknown=1))

    assert made.draft.content == Content((Message("user", "{{x}}"),), "text")
    assert (made.labels, made.tags, made.draft.note, made.draft.config) == ((), None, "", Config())


def test_chat_is_its_messages() -> None:
    messages = [{"role": "assistant", "content": "a", "type": "chatmessage"}, {"role": "user", "content": "", "x": 1}]

    made = publication_of(sent(type="chat", prompt=messages))

    assert made.draft.content == Content((Message("assistant", "a"), Message("user", "")), "chat")


@pytest.mark.parametrize(
    ("fields", "told", "param"),
    [
        ({"type": "chat", "prompt": "x"}, "must be an array of messages", "prompt"),
        ({"type": "text", "prompt": []}, "must be a string", "prompt"),
        ({"prompt": [{"role": "user", "content": "x"}]}, "must be a string", "prompt"),
        ({"type": "chat", "prompt": [{"type": "placeholder", "name": "h"}]}, "is a placeholder", "prompt[0]"),
        ({"type": "chat", "prompt": [{"name": "h"}]}, "is a placeholder", "prompt[0]"),
        ({"type": "chat", "prompt": [{"role": "user"}]}, "must have 'role' and 'content'", "prompt[0]"),
        ({"type": "chat", "prompt": [{"role": "tool", "content": "x"}]}, "system, user, assistant", "prompt[0].role"),
    ],
)
def test_what_is_no_prompt_of_ours_is_named(fields: dict[str, object], told: str, param: str) -> None:
    with pytest.raises(PromptInvalid, match=told.replace("[", r"\[")) as caught:
        publication_of(sent(**fields))

    assert caught.value.param == param


def test_text_is_shown_as_a_string_with_the_labels_that_nobody_sets() -> None:
    seen = shown(PROMPT, version(Message("user", "{{x}}"), note="why"))

    assert (seen.type, seen.prompt, seen.commit_message) == ("text", "{{x}}", "why")
    assert (seen.labels, seen.tags) == (["a", "latest", "production"], ("t",))
    assert json.decode(json.encode(seen))["resolutionGraph"] is None


@pytest.mark.parametrize(
    ("messages", "kind"),
    [((Message("system", "s"), Message("user", "u")), "text"), ((Message("user", "u"),), "chat")],
)
def test_anything_else_is_shown_as_a_chat(messages: tuple[Message, ...], kind: str) -> None:
    seen = shown(replace(PROMPT, latest=3, production=None), version(*messages, kind=kind))

    assert (seen.type, seen.prompt) == ("chat", messages)
    assert (seen.labels, seen.commit_message) == (["a"], None)
