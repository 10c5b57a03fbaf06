"""What the prompt tools are asked, and the work on it: by a model that is given, by the rules without one (5.6)."""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any, Protocol

from msgspec import Struct

from agents.aside import aside
from agents.messages import Message
from agents.prompts.tools import rules
from agents.prompts.tools.generate import generate
from agents.prompts.tools.improve import improve
from agents.prompts.tools.templatize import templatize
from agents.prompts.tools.words import Made, Templatized
from agents.providers.models import Models
from metering.receipt import Receipt
from pricing_tables.model import Model
from router.vendor_prompts import (
    SentTurn,
    TargetModel,
    TemplateAnswer,
    ToolAnswer,
    ToolTurn,
    check_length,
    check_task,
    flat,
    refuse_tools,
    texts_of,
    turn_of,
    turns_of,
    usage_of,
)


class Reach(Struct, frozen=True):
    """The model that a tool asks, and how it is reached."""

    model: Model
    models: Models


class Reply(Struct, frozen=True):
    """What a tool answers, before its receipt; `values` are those that were taken out, None of the other tools."""

    messages: tuple[ToolTurn, ...]
    warnings: tuple[str, ...]
    system: str = ""
    values: dict[str, str] | None = None

    def answer(self, receipt: Receipt) -> ToolAnswer:
        """Return the answer with its receipt."""
        usage = usage_of(receipt.calls)
        if self.values is None:
            return ToolAnswer(messages=self.messages, system=self.system, usage=usage, metering=receipt)
        return TemplateAnswer(
            messages=self.messages, system=self.system, usage=usage, metering=receipt, variable_values=self.values
        )


class Asked(Protocol):
    """The body of a tool."""

    def texts(self) -> list[str]:
        """Return all text that is given.

        Raises:
            Refused: `invalid_request`, naming what is not as it must be.

        """
        ...

    async def reply(self, reach: Reach | None) -> Reply:
        """Do the work; see `agents.prompts.tools`."""
        ...


class GenerateRequest(Struct, frozen=True):
    """The body of `generate_prompt`; `target_model` has no effect (5.1.1)."""

    task: str
    target_model: TargetModel = None

    def texts(self) -> list[str]:
        """Return the task."""
        check_task(self.task)
        return [self.task]

    async def reply(self, reach: Reach | None) -> Reply:
        """Write a prompt for the task."""
        return _replied(await generated(self.task, reach))


class ImproveRequest(Struct, frozen=True):
    """The body of `improve_prompt`."""

    messages: list[SentTurn]
    system: str | None = None
    feedback: str | None = None
    target_model: TargetModel = None
    tools: Any = None

    def texts(self) -> list[str]:
        """Return what is said, and what is to be better."""
        refuse_tools(self.tools)
        texts = [*flat(texts_of(self.messages)), self.system or "", self.feedback or ""]
        check_length(texts, "messages")
        return texts

    async def reply(self, reach: Reach | None) -> Reply:
        """Improve the prompt."""
        # The blocks of a prefill are one beginning; those of the user are parts of a prompt.
        messages = [
            Message(turn.role, ("" if turn.role == "assistant" else "\n\n").join(texts))
            for turn, texts in zip(self.messages, texts_of(self.messages), strict=True)
        ]
        system, feedback = self.system or None, self.feedback or None
        if reach is None:
            return _replied(await aside(partial(rules.rebuilt, messages, system, feedback)))
        return _replied(await improve(messages, system, feedback, reach.model, reach.models))


class TemplatizeRequest(Struct, frozen=True):
    """The body of `templatize_prompt`."""

    messages: list[SentTurn]
    system: str | None = None
    target_model: TargetModel = None
    tools: Any = None

    def texts(self) -> list[str]:
        """Return what is said."""
        refuse_tools(self.tools)
        texts = [*flat(texts_of(self.messages)), self.system or ""]
        check_length(texts, "messages")
        return texts

    async def reply(self, reach: Reach | None) -> Reply:
        """Take the values out, of each block for itself: the turns keep their blocks."""
        texts = texts_of(self.messages)
        blocks = [Message(turn.role, text) for turn, held in zip(self.messages, texts, strict=True) for text in held]
        system = self.system or None
        if reach is None:
            taken = await aside(partial(rules.taken_out, blocks, system))
        else:
            taken = await templatize(blocks, system, reach.model, reach.models)
        return Reply(_regrouped(taken, self.messages, texts), taken.warnings, taken.system or "", taken.values)


async def generated(task: str, reach: Reach | None) -> Made:
    """Return a prompt for a task; see `agents.prompts.tools.generate`."""
    if reach is None:
        return await aside(partial(rules.built, task))
    return await generate(task, reach.model, reach.models)


def _replied(made: Made) -> Reply:
    return Reply(turns_of(made.messages), made.warnings)


def _regrouped(taken: Templatized, turns: Sequence[SentTurn], texts: Sequence[Sequence[str]]) -> tuple[ToolTurn, ...]:
    blocks = iter([message.content for message in taken.messages])
    return tuple([turn_of(turn.role, islice(blocks, len(held))) for turn, held in zip(turns, texts, strict=True)])
