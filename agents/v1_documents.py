"""V1 over documents: searches that the plan asks for, parts that rest on their own passages, one numbering."""

from collections.abc import Sequence
from contextlib import aclosing

from msgspec import Raw

from agents.check import check
from agents.errors import PromptTooLong
from agents.grounding import GROUNDED, Ask, final, messages_of, searches_of, straight
from agents.messages import Done, Event, Events, Message, Prompt, Sampling, Task
from agents.plan import MOST_PARTS, MOST_SEARCHES, PLAN_TOKENS, Part, Plan, plan_of, planner_of, side_by_side, whole
from agents.providers.provider import Provider
from agents.reading import Reading, best_of
from agents.window import Fit
from documents.document import Hit

PART_PASSAGES = 4  # of each part; what composes holds twice as many
# The findings of all parts together may take a quarter of the window in the call that composes.
FINDINGS_SHARE = 4
PLANNING = f"""You decide what to look for in the user's documents, and whether a question must be split before it is
answered. You do not see the documents.
Most questions must not be split: then return no parts, and up to {MOST_SEARCHES} searches.
Split only when it holds several separate sub-questions, or when one part needs the answer of another.
Return JSON alone: {{"parts":[{{"question":"…","after":[],"search":"…"}}],"searches":["…"]}}
with no part, or with 2 to {MOST_PARTS}.
Each part is a whole question in the language of the user, that can be read by itself.
"after" lists the numbers (from 0) of earlier parts that it needs.
A search is a short question or a few words, that can be read by itself, as the documents may put it."""
ANSWERING = "Answer this question in a few sentences, from the passages above:"
COMPOSING = """Below the passages are findings that were gathered from them and from others, and a question. Answer the
question in its own language, as one coherent text. Use the findings and keep their citations, which are the numbers in
brackets; do not mention that the question was split."""
PLAN_SCHEMA = Raw(
    b'{"type":"object","additionalProperties":false,"required":["parts","searches"],"properties":{"parts":{"type":'
    b'"array","items":{"type":"object","additionalProperties":false,"required":["question","after","search"],'
    b'"properties":{"question":{"type":"string"},"after":{"type":"array","items":{"type":"integer"}},'
    b'"search":{"type":"string"}}}},"searches":{"type":"array","items":{"type":"string"}}}}'
)


async def run(task: Task, reading: Reading, models: Provider) -> Events:
    """Answer a task from documents: plan, search, answer the parts, compose, and check where that is set."""
    plan = await _plan(task, reading, models)
    if len(plan.parts) > 1:
        prompt = await _composed(task, plan, reading, models)
    else:
        found = await reading.search_all([*searches_of(task), *_searches(plan)])
        prompt = await straight(task, reading, best_of(found, task.model))
    pieces: list[str] = []
    last: list[Event] = []
    async with aclosing(models.stream(prompt)) as events:
        async for event in events:
            if isinstance(event, Done):
                last.append(event)
                continue
            pieces += event.pieces
            yield event
    if reading.checks:
        reading.check = await check("".join(pieces), task, reading, models)
    for event in last:
        yield event


async def _plan(task: Task, reading: Reading, models: Provider) -> Plan:
    """Ask for a plan; a question that does not fit the planner's window is answered straight."""
    planner = planner_of(task)

    def build(fit: Fit) -> list[Message]:
        turns = task.history[fit.turns_lost :]
        return [Message("system", PLANNING), *turns, Message("user", task.message)]

    try:
        fit = await reading.window.fit(planner, PLAN_TOKENS, task.history, 0, build)
    except PromptTooLong:
        return Plan()
    return await plan_of(task, build(fit), PLAN_SCHEMA, models)


def _searches(plan: Plan) -> list[str]:
    return [search for search in plan.searches if search.strip()]


async def _composed(task: Task, plan: Plan, reading: Reading, models: Provider) -> Prompt:
    """Answer the parts, and return the call that makes one answer of them."""
    parts = plan.parts
    wanted = [part.search.strip() or part.question for part in parts]
    found = await reading.search_all([*wanted, *searches_of(task), *_searches(plan)])
    passages = {id(part): best_of([hits], task.model, PART_PASSAGES) for part, hits in zip(parts, found, strict=False)}

    async def answer(part: Part, needed: Sequence[str]) -> str:
        prompt = await _part(task, part, needed, passages[id(part)], len(parts), reading)
        return await whole(prompt, models)

    best = best_of(found, task.model)
    try:
        findings = await side_by_side(parts, answer)
    except PromptTooLong:
        # A part is longer than the plan was allowed to make it: the question itself may still fit.
        reading.warn("findings-dropped")
        return await straight(task, reading, best)
    return await _composition(task, parts, findings, best, reading)


async def _part(
    task: Task, part: Part, needed: Sequence[str], hits: Sequence[Hit], parts: int, reading: Reading
) -> Prompt:
    known = "".join(f"{reading.fence.written('finding', finding)}\n\n" for finding in needed)
    room = _part_room(task, parts, reading)
    ask = Ask(
        system=GROUNDED,
        text=f"{known}{ANSWERING}\n{part.question}",
        hits=hits,
        model=task.model,
        room=room,
        history=task.history,
    )
    sampling = Sampling(task.sampling.temperature, task.sampling.top_p, room)
    return Prompt(task.model, await messages_of(ask, reading), sampling, user=task.user)


def _part_room(task: Task, parts: int, reading: Reading) -> int:
    share = task.model.context_window // FINDINGS_SHARE // parts
    return min(reading.window.room(task.model, task.sampling.max_tokens), share)


async def _composition(
    task: Task, parts: Sequence[Part], findings: Sequence[str], hits: Sequence[Hit], reading: Reading
) -> Prompt:
    pairs = zip(parts, findings, strict=True)
    gathered = "\n".join(reading.fence.written("finding", finding, about=part.question) for part, finding in pairs)
    ask = Ask(
        system=GROUNDED,
        text=f"{COMPOSING}\n\n{gathered}\n\nThe question:\n{task.message}",
        hits=hits,
        model=task.model,
        room=reading.window.room(task.model, task.sampling.max_tokens),
        history=task.history,
    )
    try:
        messages = await messages_of(ask, reading)
    except PromptTooLong:
        # The findings are longer than they were allowed to be: the passages alone must do.
        reading.warn("findings-dropped")
        return await straight(task, reading, hits)
    return final(task, messages, task.sampling)
