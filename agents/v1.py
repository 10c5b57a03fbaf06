"""V1: a plan decides whether the question is split; parts are answered side by side, and one call composes."""

import asyncio
from asyncio import Task as Running
from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from accounts.errors import AccountError
from agents.errors import AgentError, PromptRefused, ProviderError
from agents.messages import Done, Events, Message, Prompt, Sampling, Task
from agents.providers.provider import Provider
from storage.errors import StorageError

MOST_PARTS = 4
PLAN_TOKENS = 400
PLANNING = f"""You decide whether a question must be split before it is answered.
Most questions must not: then return {{"parts":[]}}.
Split only when it holds several separate sub-questions, or when one part needs the answer of another.
Return JSON alone: {{"parts":[{{"question":"…","after":[]}}]}} with 2 to {MOST_PARTS} parts.
Each part is a whole question in the language of the user, that can be read by itself.
"after" lists the numbers (from 0) of earlier parts that it needs."""
COMPOSING = """Below are a question and findings that were gathered for it. Answer the question in its own language,
as one coherent text. Use the findings; do not mention that the question was split."""


class Part(Struct, frozen=True):
    """One sub-question, and the numbers of the earlier parts whose answers it needs."""

    question: Annotated[str, Meta(min_length=1, max_length=4000)]
    after: tuple[int, ...] = ()


class Plan(Struct, frozen=True):
    """What the planning call returns; fewer than two parts means: answer straight."""

    parts: Annotated[tuple[Part, ...], Meta(max_length=MOST_PARTS)] = ()


PLAN_SCHEMA = Raw(
    b'{"type":"object","additionalProperties":false,"required":["parts"],"properties":{"parts":{"type":"array","items":'
    b'{"type":"object","additionalProperties":false,"required":["question","after"],"properties":'
    b'{"question":{"type":"string"},"after":{"type":"array","items":{"type":"integer"}}}}}}}'
)
PLAN_DECODER = msgspec.json.Decoder(Plan)


async def run(task: Task, models: Provider) -> Events:
    """Answer a task: plan, answer the parts, compose; a simple question takes one call after the plan."""
    plan = await _plan(task, models)
    messages = task.conversation()
    if len(plan.parts) > 1:
        findings = await _answers(plan.parts, task, models)
        messages = [*task.history, Message("user", _composition(task.message, plan.parts, findings))]
    final = Prompt(task.model, messages, task.sampling, stream=task.stream, user=task.user)
    async with aclosing(models.stream(final)) as events:
        async for event in events:
            yield event


async def _plan(task: Task, models: Provider) -> Plan:
    """Ask whether to split; an unreadable or refused plan, or another planner's failure, means straight through."""
    planner = task.planner or task.model
    prompt = Prompt(
        planner,
        [Message("system", PLANNING), *task.history, Message("user", task.message)],
        Sampling(temperature=0.0, max_tokens=PLAN_TOKENS),
        schema=PLAN_SCHEMA,
        user=task.user,
    )
    try:
        text = await _whole(prompt, models)
    except PromptRefused:
        # Some models take no schema; the question itself may still be answered.
        return Plan()
    except ProviderError:
        if planner is task.model:
            raise
        return Plan()
    try:
        plan = PLAN_DECODER.decode(text[text.find("{") : text.rfind("}") + 1])
    except (msgspec.DecodeError, RecursionError):
        return Plan()
    return plan if _is_ordered(plan.parts) else Plan()


def _is_ordered(parts: Sequence[Part]) -> bool:
    return all(0 <= needed < number for number, part in enumerate(parts) for needed in part.after)


async def _answers(parts: Sequence[Part], task: Task, models: Provider) -> list[str]:
    """Answer every part, independent ones side by side; one failure cancels the others and is raised alone.

    A part may fail as any call does: at its provider, at a budget that cannot cover it, at books that cannot say so.
    """
    running: list[Running[str]] = []
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                needed = [running[number] for number in part.after]
                running.append(group.create_task(_answer(part, needed, task, models)))
    except* (AgentError, AccountError, StorageError) as failures:
        raise _first(failures) from failures
    return [each.result() for each in running]


def _first(failures: BaseExceptionGroup[Exception]) -> BaseException:
    error: BaseException = failures
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _answer(part: Part, needed: Sequence[Running[str]], task: Task, models: Provider) -> str:
    findings = [await each for each in needed]
    known = "\n\n".join(f"<finding>\n{finding}\n</finding>" for finding in findings)
    question = f"{known}\n\n{part.question}" if known else part.question
    messages = [*task.history, Message("user", question)]
    return await _whole(Prompt(task.model, messages, task.sampling, user=task.user), models)


def _composition(question: str, parts: Sequence[Part], findings: Sequence[str]) -> str:
    pairs = zip(parts, findings, strict=True)
    gathered = "\n".join(f"<finding>\n<about>{part.question}</about>\n{finding}\n</finding>" for part, finding in pairs)
    return f"{COMPOSING}\n\n{gathered}\n\n<question>\n{question}\n</question>"


async def _whole(prompt: Prompt, models: Provider) -> str:
    pieces: list[str] = []
    async with aclosing(models.stream(prompt)) as events:
        async for event in events:
            if not isinstance(event, Done):
                pieces += event.pieces
    return "".join(pieces)
