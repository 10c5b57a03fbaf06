"""What a version may hold."""

from collections.abc import Iterable
from typing import Any, cast, get_args

import msgspec
from msgspec.structs import replace

from agents.messages import Message, Role
from agents.prompts.errors import PromptInvalid
from agents.prompts.names import checked_note
from agents.prompts.prompt import DEEPEST_CONFIG, LONGEST_CONFIG, LONGEST_TEXT, MOST_MESSAGES, Config, Content, Draft

_ROLES = frozenset(get_args(Role))


def checked_draft(draft: Draft) -> Draft:
    """Return a draft that can be kept and run.

    Raises:
        PromptInvalid: Naming the field.

    """
    _check_content(draft.content)
    return replace(draft, config=_checked_config(draft.config), note=checked_note(draft.note))


def _check_content(content: Content) -> None:
    messages = content.messages
    if not 0 < len(messages) <= MOST_MESSAGES:
        raise PromptInvalid(f"A version has 1 to {MOST_MESSAGES} messages", param="messages")
    for message in messages:
        _check_message(message)
    roles = [message.role for message in messages]
    if content.kind == "text" and roles not in (["user"], ["system", "user"]):
        reason = "A version of kind 'text' is one user message, maybe behind one system message"
        raise PromptInvalid(f"{reason}; use kind 'chat' for others", param="messages")


def _check_message(message: Message) -> None:
    if message.role not in _ROLES:
        raise PromptInvalid("A message is of role system, user or assistant", param="messages")
    if len(message.content) > LONGEST_TEXT:
        raise PromptInvalid(f"A message has at most {LONGEST_TEXT} characters", param="messages")
    if any("\ud800" <= sign <= "\udfff" for sign in message.content):
        raise PromptInvalid("A message is Unicode text", param="messages")


def _checked_config(config: Config) -> Config:
    """Return a config as it will be read again: files and programs make some that no edge has decoded."""
    try:
        told = msgspec.json.encode(config)
        kept = msgspec.json.decode(told, type=Config)
    except (msgspec.MsgspecError, TypeError, OverflowError, UnicodeEncodeError, RecursionError) as cause:
        raise PromptInvalid(f"The config is not as it must be: {cause}", param="config") from cause
    if len(told) > LONGEST_CONFIG:
        raise PromptInvalid(f"The config has at most {LONGEST_CONFIG} bytes of JSON", param="config")
    if _is_deep(kept.extra):
        raise PromptInvalid(f"The config nests at most {DEEPEST_CONFIG} lists and objects", param="config")
    return kept


def _is_deep(value: object) -> bool:
    """Whether a value nests so much that whoever reads it later, from further down, might not."""
    level: list[Any] = [value]
    for _ in range(DEEPEST_CONFIG):
        level = [inner for each in level for inner in _within(each)]
        if not level:
            return False
    return True


def _within(value: object) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()
