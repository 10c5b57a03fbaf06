"""V2: one isolated call that answers with the conversation, and with the best passages of documents where it reads."""

from contextlib import aclosing

from agents.grounding import read, straight
from agents.messages import Events, Prompt, Task
from agents.providers.provider import Provider
from agents.reading import Reading


def run(task: Task, models: Provider) -> Events:
    """Answer a task with one call; without documents the events are the provider's own."""
    if task.reading is not None:
        return _read_and_answer(task, task.reading, models)
    return models.stream(
        Prompt(
            model=task.model,
            messages=task.conversation(),
            sampling=task.sampling,
            stream=task.stream,
            user=task.user,
        )
    )


async def _read_and_answer(task: Task, reading: Reading, models: Provider) -> Events:
    hits = await read(task, reading)
    async with aclosing(models.stream(await straight(task, reading, hits))) as events:
        async for event in events:
            yield event
