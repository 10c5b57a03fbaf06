"""V2: one isolated call that answers with the conversation alone."""

from agents.messages import Events, Prompt, Task
from agents.providers.provider import Provider


def run(task: Task, models: Provider) -> Events:
    """Answer a task with one call; the events are the provider's own."""
    return models.stream(
        Prompt(
            model=task.model,
            messages=task.conversation(),
            sampling=task.sampling,
            stream=task.stream,
            user=task.user,
        )
    )
