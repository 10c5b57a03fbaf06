"""Plans of V1: the parts of a question, what each needs, what is looked for; and parts answered side by side."""

import asyncio
from asyncio import Task as Running
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from accounts.errors import AccountError
from agents.errors import AgentError, PromptRefused, ProviderError
from agents.messages import Done, Message, Prompt, Sampling, Task
from agents.providers.provider import Provider
from agents.together import first_of
from pricing_tables.model import Model
from storage.errors import StorageError

MOST_PARTS = 4
MOST_SEARCHES = 4
PLAN_TOKENS = 400


class Part(Struct, frozen=True):
    """One sub-question, the numbers of the earlier parts whose answers it needs, and what to look for."""

    question: Annotated[str, Meta(min_length=1, max_length=4000)]
    after: tuple[int, ...] = ()
    search: Annotated[str, Meta(max_length=1000)] = ""


class Plan(Struct, frozen=True):
    """What the planning call returns; fewer than two parts means: answer straight."""

    parts: Annotated[tuple[Part, ...], Meta(max_length=MOST_PARTS)] = ()
    searches: Annotated[tuple[Annotated[str, Meta(max_length=1000)], ...], Meta(max_length=MOST_SEARCHES)] = ()


PLAN_DECODER = msgspec.json.Decoder(Plan)


async def plan_of(task: Task, messages: Sequence[Message], schema: Raw, models: Provider) -> Plan:
    """Ask for a plan; an unreadable or refused one, or another planner's failure, means straight through."""
    planner = planner_of(task)
    prompt = Prompt(planner, messages, Sampling(temperature=0.0, max_tokens=PLAN_TOKENS), schema=schema, user=task.user)
    try:
        text = await whole(prompt, models)
    except PromptRefused:
        # Some models take no schema; the question itself may still be answered.
        return Plan()
    except ProviderError:
        if planner is task.model:
            raise
        return Plan()
    try:
        plan = PLAN_DECODER.decode(object_in(text))
    except (msgspec.DecodeError, RecursionError):
        return Plan()
    return plan if _is_ordered(plan.parts) else Plan()


def planner_of(task: Task) -> Model:
    """Return the model that plans."""
    return task.planner or task.model


def object_in(text: str) -> str:
    """Return the JSON object that a model wrapped into other words, if there is one."""
    return text[text.find("{") : text.rfind("}") + 1]


def _is_ordered(parts: Sequence[Part]) -> bool:
    return all(0 <= needed < number for number, part in enumerate(parts) for needed in part.after)


async def side_by_side(parts: Sequence[Part], answer: Callable[[Part, Sequence[str]], Awaitable[str]]) -> list[str]:
    """Answer every part from the findings that it needs, independent ones side by side.

    One failure cancels the others and is raised alone. A part may fail as any call does: at its provider, at a budget
    that cannot cover it, at books that cannot say so.
    """
    running: list[Running[str]] = []

    async def after(part: Part, needed: Sequence[Running[str]]) -> str:
        return await answer(part, [await each for each in needed])

    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                needed = [running[number] for number in part.after]
                running.append(group.create_task(after(part, needed)))
    except* (AgentError, AccountError, StorageError) as failures:
        raise first_of(failures) from failures
    return [each.result() for each in running]


async def whole(prompt: Prompt, models: Provider) -> str:
    """Return a whole answer."""
    pieces: list[str] = []
    async with aclosing(models.stream(prompt)) as events:
        async for event in events:
            if not isinstance(event, Done):
                pieces += event.pieces
    return "".join(pieces)
