"""V2: one isolated call that answers with the conversation alone."""

from agents.messages import Events, Message, Prompt, Task
from agents.providers.provider import Provider


def run(task: Task, models: Provider) -> Events:
    """Answer a task with one call; the events are the provider's own."""
    return models.stream(prompt_of(task))


def prompt_of(task: Task) -> Prompt:
    """Return the task as one prompt: the history, then the question."""
    return Prompt(
        model=task.model,
        messages=[*task.history, Message("user", task.message)],
        sampling=task.sampling,
        stream=task.stream,
        user=task.user,
    )
