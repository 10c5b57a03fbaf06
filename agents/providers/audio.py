"""Audio models through their vendor's own SDK, which is imported with the first prompt and in a thread."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import Protocol, cast

from agents.messages import Done, Events, Prompt
from agents.providers.transport import Transport


class Sdk(Protocol):
    """A vendor's SDK, ready to ask; it sends everything through the transport that it was opened on."""

    async def hear(self, prompt: Prompt) -> Done:
        """Return the transcript of the prompt's clip.

        Raises:
            ProviderError: One of its kinds.

        """
        ...

    async def say(self, prompt: Prompt) -> Done:
        """Return the sound of the prompt's text.

        Raises:
            ProviderError: One of its kinds.

        """
        ...

    async def aclose(self) -> None:
        """Close what the SDK keeps."""
        ...


class _Module(Protocol):
    opened: Callable[[Transport], Sdk]


class Audio:
    """What a provider hears and says.

    An SDK takes half a second and some 50 MB, so neither a gateway that starts nor one that never hears pays for it.

    Args:
        transport: How the provider is reached.
        module: Name of the module that speaks to this vendor; its `opened` makes an `Sdk`.

    """

    def __init__(self, transport: Transport, module: str) -> None:
        self._transport = transport
        self._module = module
        self._opening: asyncio.Task[Sdk] | None = None

    async def stream(self, prompt: Prompt) -> Events:
        """Give the whole answer at once.

        Raises:
            ProviderError: One of its kinds.

        """
        sdk = await self._sdk()
        yield await (sdk.hear(prompt) if prompt.model.kind == "transcription" else sdk.say(prompt))

    async def aclose(self) -> None:
        """Close what the SDK keeps, if it was ever needed."""
        if self._opening is None:
            return
        await asyncio.wait([self._opening])
        if self._opening.exception() is None:
            await self._opening.result().aclose()

    async def _sdk(self) -> Sdk:
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(self._open))
        # Others wait for it too: whoever leaves first must not end it.
        return await asyncio.shield(self._opening)

    def _open(self) -> Sdk:
        return cast("_Module", import_module(self._module)).opened(self._transport)
