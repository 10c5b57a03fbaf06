"""The one seam to models: a prompt in, a stream of events out."""

from typing import Protocol, runtime_checkable

from agents.messages import Events, Prompt


@runtime_checkable
class Provider(Protocol):
    """Anything that answers a prompt with a stream of events."""

    def stream(self, prompt: Prompt) -> Events:
        """Stream the answer: any number of Text, then exactly one Done.

        Closing the stream early closes the upstream call.

        Raises:
            ProviderError: One of its kinds in `agents.errors`; nothing is retried at this level.

        """
        ...
