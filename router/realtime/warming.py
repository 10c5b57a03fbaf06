"""The embedded ears and voice made ready while a caller still connects: loading them would delay the first answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, suppress

from agents.audio.clip import RATE, SAMPLE_BYTES, Clip
from agents.errors import ModelUnavailable, ProviderError
from agents.messages import Message, Prompt
from agents.providers.provider import Provider
from router.errors import Refused
from router.menu import Choice
from router.rows import LOCAL

AGAIN_S = 300.0  # the child that holds the models may have been restarted since
SILENCE = Clip(bytes(RATE * SAMPLE_BYTES // 2), 0, RATE // 2)


class Warming:
    """Loads what the first turn will need; only what is embedded, since a vendor's models are ready and cost money.

    Args:
        provider: Reaches the models.
        hears: Chooses the model that hears.
        speaks: Chooses the model that speaks.

    """

    def __init__(self, provider: Provider, hears: Callable[[], Choice], speaks: Callable[[], Choice]) -> None:
        self._provider = provider
        self._hears = hears
        self._speaks = speaks
        self._again_at = 0.0

    async def __call__(self) -> None:
        """Have them loaded; whatever goes wrong, the turn itself will tell."""
        now = time.monotonic()
        if now < self._again_at:
            return
        self._again_at = now + AGAIN_S
        for prompt in self._prompts():
            with suppress(ProviderError, ModelUnavailable):
                async with aclosing(self._provider.stream(prompt)) as events:
                    async for _ in events:
                        pass

    def _prompts(self) -> Iterator[Prompt]:
        with suppress(Refused, ModelUnavailable):
            model = self._hears().model
            if model.provider == LOCAL:
                yield Prompt(model, (), clip=SILENCE)
        with suppress(Refused, ModelUnavailable):
            model = self._speaks().model
            if model.provider == LOCAL:
                yield Prompt(model, (Message("user", "a"),))
