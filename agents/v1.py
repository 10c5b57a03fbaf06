"""V1: a plan decides whether the question is split; parts are answered side by side, and one call composes."""

from collections.abc import Sequence
from contextlib import aclosing

from msgspec import Raw

from agents import v1_documents
from agents.messages import Events, Message, Prompt, Task
from agents.plan import MOST_PARTS, Part, plan_of, side_by_side, whole
from agents.providers.provider import Provider

PLANNING = f"""You decide whether a question must be split before it is answered.
Most questions must not: then return {{"parts":[]}}.
Split only when it holds several separate sub-questions, or when one part needs the answer of another.
Return JSON alone: {{"parts":[{{"question":"…","after":[]}}]}} with 2 to {MOST_PARTS} parts.
Each part is a whole question in the language of the user, that can be read by itself.
"after" lists the numbers (from 0) of earlier parts that it needs."""
COMPOSING = """Below are a question and findings that were gathered for it. Answer the question in its own language,
as one coherent text. Use the findings; do not mention that the question was split."""
PLAN_SCHEMA = Raw(
    b'{"type":"object","additionalProperties":false,"required":["parts"],"properties":{"parts":{"type":"array","items":'
    b'{"type":"object","additionalProperties":false,"required":["question","after"],"properties":'
    b'{"question":{"type":"string"},"after":{"type":"array","items":{"type":"integer"}}}}}}}'
)


def run(task: Task, models: Provider) -> Events:
    """Answer a task: plan, answer the parts, compose; a simple question takes one call after the plan."""
    if task.reading is not None:
        return v1_documents.run(task, task.reading, models)
    return _run(task, models)


async def _run(task: Task, models: Provider) -> Events:
    planning = [Message("system", PLANNING), *task.history, Message("user", task.message)]
    plan = await plan_of(task, planning, PLAN_SCHEMA, models)
    messages = task.conversation()
    if len(plan.parts) > 1:

        async def answer(part: Part, needed: Sequence[str]) -> str:
            return await _answer(part, needed, task, models)

        findings = await side_by_side(plan.parts, answer)
        messages = [*task.history, Message("user", _composition(task.message, plan.parts, findings))]
    final = Prompt(task.model, messages, task.sampling, stream=task.stream, user=task.user)
    async with aclosing(models.stream(final)) as events:
        async for event in events:
            yield event


async def _answer(part: Part, needed: Sequence[str], task: Task, models: Provider) -> str:
    known = "\n\n".join(f"<finding>\n{finding}\n</finding>" for finding in needed)
    question = f"{known}\n\n{part.question}" if known else part.question
    messages = [*task.history, Message("user", question)]
    return await whole(Prompt(task.model, messages, task.sampling, user=task.user), models)


def _composition(question: str, parts: Sequence[Part], findings: Sequence[str]) -> str:
    pairs = zip(parts, findings, strict=True)
    gathered = "\n".join(f"<finding>\n<about>{part.question}</about>\n{finding}\n</finding>" for part, finding in pairs)
    return f"{COMPOSING}\n\n{gathered}\n\n<question>\n{question}\n</question>"
