"""What a version may hold is checked before it is kept, whoever made it."""

import msgspec
import pytest

from agents.messages import Message
from agents.prompts.drafts import checked_draft
from agents.prompts.errors import PromptInvalid
from agents.prompts.prompt import Config, Content, Draft

SYSTEM, USER, ASSISTANT = (Message(role, "x") for role in ("system", "user", "assistant"))


def draft(*messages, kind="text", config=Config(), note=""):  # noqa: B008 - frozen
    return Draft(content=Content(messages, kind), config=config, note=note)


@pytest.mark.parametrize(
    "kept",
    [
        draft(USER),
        draft(SYSTEM, USER),
        draft(Message("user", "")),
        draft(ASSISTANT, USER, SYSTEM, kind="chat"),
        draft(Message("user", "x" * 200_000), note="why"),
        draft(USER, config=Config(extra={"a": msgspec.json.decode("[" * 99 + "]" * 99)})),
        draft(USER, config=Config(model="m", temperature=2.0, extra={"deep": [{"a": 2**70}, 1.5, None]})),
    ],
)
def test_what_can_be_run_is_kept_as_it_is(kept):
    assert checked_draft(kept) == kept


@pytest.mark.parametrize(
    "refused",
    [
        draft(),
        draft(kind="chat"),
        draft(SYSTEM),
        draft(USER, SYSTEM),
        draft(USER, USER),
        draft(SYSTEM, USER, ASSISTANT),
        draft(Message("user", "x" * 200_001)),
        draft(Message("user", "\ud800")),
        draft(Message("tool", "x"), kind="chat"),
        draft(*[USER] * 1_001, kind="chat"),
    ],
)
def test_messages_that_make_no_version_are_refused(refused):
    with pytest.raises(PromptInvalid) as raised:
        checked_draft(refused)

    assert raised.value.param == "messages"


@pytest.mark.parametrize(
    "config",
    [
        Config(temperature=3.0),
        Config(model=""),
        Config(agent="V3"),
        Config(max_tokens=0),
        Config(extra={"a": object()}),
        Config(extra={"a": "\ud800"}),
        Config(extra={"a": [[]] * 34_000}),
        Config(extra={"a": msgspec.json.decode("[" * 100 + "]" * 100)}),
    ],
)
def test_a_config_that_no_edge_would_let_in_is_refused(config):
    with pytest.raises(PromptInvalid) as raised:
        checked_draft(draft(USER, config=config))

    assert raised.value.param == "config"


def test_a_note_is_checked_too():
    with pytest.raises(PromptInvalid, match="note"):
        checked_draft(draft(USER, note="\0"))
