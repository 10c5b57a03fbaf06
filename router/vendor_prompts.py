"""The prompt tools' bodies as Anthropic shapes them: what is asked, checked, and what is answered (5.1-5.3)."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from agents.messages import Message
from agents.prompts.prompt import LONGEST_TEXT
from metering.receipt import Buckets, CallRow, Receipt
from router.decoding import LONGEST_ECHO
from router.errors import Refused

TargetModel = Annotated[str, Meta(min_length=1, max_length=256)] | None
MOST_BLOCKS = 1_000  # of all turns together: each costs more than its characters
# What a block that is no text is called in the vendor's own words; others are named as they are.
KINDS = {"image": "images", "document": "documents", "tool_use": "tool calls", "tool_result": "tool results"}


class Block(Struct, frozen=True):
    """One block of a turn's content, of which only text may be sent."""

    type: str
    text: str | UnsetType = UNSET
    cache_control: Any = None


class SentTurn(Struct, frozen=True):
    """One turn as it is sent: its text at once, or in blocks."""

    role: Literal["user", "assistant"]
    content: str | list[Block]


class TextBlock(Struct, frozen=True, kw_only=True):
    """One block of text."""

    type: Literal["text"] = "text"
    text: str


class ToolTurn(Struct, frozen=True):
    """One turn of the prompt that is answered."""

    role: str
    content: tuple[TextBlock, ...]


class CallUsage(Struct, frozen=True):
    """Tokens of one call that a tool made of a model."""

    input_tokens: int
    output_tokens: int


class ToolAnswer(Struct, frozen=True, kw_only=True):
    """A prompt that was made: `usage` has one element for each call of a model, `metering` is the receipt."""

    messages: tuple[ToolTurn, ...]
    system: str
    usage: tuple[CallUsage, ...]
    metering: Receipt


class TemplateAnswer(ToolAnswer, frozen=True, kw_only=True):
    """A prompt whose values were taken out, and these, by name."""

    variable_values: dict[str, str]


def turn_of(role: str, texts: Iterable[str]) -> ToolTurn:
    """Return a turn as it is answered."""
    return ToolTurn(role, tuple([TextBlock(text=text) for text in texts]))


def turns_of(messages: Iterable[Message]) -> tuple[ToolTurn, ...]:
    """Return messages as they are answered, each in one block."""
    return tuple([turn_of(message.role, (message.content,)) for message in messages])


def usage_of(calls: Iterable[CallRow]) -> tuple[CallUsage, ...]:
    """Return what each call consumed; one that its provider never took is not told of (5.1.3)."""
    sums = [_sums(each.tokens) for each in calls]
    return tuple([each for each in sums if each.input_tokens or each.output_tokens])


def _sums(tokens: Buckets) -> CallUsage:
    read = tokens.input_uncached + tokens.cache_read + tokens.cache_write + tokens.audio_input
    return CallUsage(read, tokens.output_visible + tokens.reasoning + tokens.audio_output)


def texts_of(messages: Sequence[SentTurn]) -> list[list[str]]:
    """Return the texts of each turn.

    Raises:
        Refused: `invalid_request`: there is none, or too much; a turn is no text, or an empty one; something is to be
            cached; or anything but one answer's beginning follows the user's turns (5.2).

    """
    if not messages:
        raise Refused("invalid_request", "'messages' must have one message at least", param="messages")
    if sum(1 if isinstance(each.content, str) else len(each.content) for each in messages) > MOST_BLOCKS:
        reason = f"'messages' has too many blocks of text: at most {MOST_BLOCKS} in all"
        raise Refused("invalid_request", reason, param="messages")
    for index, message in enumerate(messages):
        last = index > 0 and index == len(messages) - 1
        if message.role == "assistant" and not last:
            reason = f"'messages[{index}]' must be of the user: only contiguous user messages, then maybe one of the"
            raise Refused("invalid_request", f"{reason} assistant as a prefill", param=f"messages[{index}].role")
    return [_texts(message, f"messages[{index}].content") for index, message in enumerate(messages)]


def _texts(message: SentTurn, at: str) -> list[str]:
    if isinstance(message.content, str):
        return [_filled(message.content, at)]
    if not message.content:
        raise Refused("invalid_request", f"'{at}' must have one block at least", param=at)
    return [_text(block, f"{at}[{index}]") for index, block in enumerate(message.content)]


def _text(block: Block, at: str) -> str:
    if block.type != "text":
        kind = KINDS.get(block.type) or f"blocks of type '{block.type[:LONGEST_ECHO]}'"
        raise Refused("invalid_request", f"'{at}': {kind} are not supported, only text", param=at)
    if block.cache_control is not None:
        raise Refused("invalid_request", f"'{at}.cache_control' is not supported; leave it out", param=at)
    if block.text is UNSET:
        raise Refused("invalid_request", f"required field '{at}.text' is missing", param=at)
    return _filled(block.text, f"{at}.text")


def _filled(text: str, at: str) -> str:
    if not text.strip():
        raise Refused("invalid_request", f"'{at}' must not be empty", param=at)
    return text


def check_task(task: str) -> None:
    """Refuse a task that says nothing, or too much.

    Raises:
        Refused: `invalid_request`.

    """
    check_length([_filled(task, "task")], "task")


def check_length(texts: Iterable[str], at: str) -> None:
    """Refuse more text than a prompt may have.

    Raises:
        Refused: `invalid_request`.

    """
    if sum(map(len, texts)) > LONGEST_TEXT:
        reason = f"'{at}' is too long: at most {LONGEST_TEXT} characters in all"
        raise Refused("invalid_request", reason, param=at)


def refuse_tools(tools: Any) -> None:  # noqa: ANN401 - whatever was sent
    """Refuse tools: a prompt is made of text alone; none at all are none.

    Raises:
        Refused: `invalid_request`.

    """
    if tools:
        raise Refused("invalid_request", "'tools' are not supported; leave them out", param="tools")


def flat(texts: Iterable[Iterable[str]]) -> list[str]:
    """Return the texts of all turns, in their order."""
    return list(chain.from_iterable(texts))
