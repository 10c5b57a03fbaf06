"""The models as one request sees them: every try on its meter and covered, tried again as their provider allows."""

from collections.abc import Mapping

import msgspec

from accounts.gate.gate import Hold
from agents.messages import Events, Prompt, Sampling
from agents.providers.metered import MeteredTry
from agents.providers.provider import Provider
from agents.providers.retry import Retry, RetryPolicy
from metering.bound import Size, most_input
from metering.meter import Meter


class Models:
    """What a pipeline is given.

    Args:
        providers: Reaches every model.
        policies: By provider name.
        meter: Of the request.
        hold: What the request holds of its budgets, extended where a call needs more; None where nothing applies.
        max_tokens: How much an answer may have where a hard budget applies and the caller said nothing.

    """

    def __init__(
        self,
        providers: Provider,
        policies: Mapping[str, RetryPolicy],
        meter: Meter,
        hold: Hold | None = None,
        max_tokens: int = 4096,
    ) -> None:
        self._providers = providers
        self._policies = policies
        self._meter = meter
        self._hold = hold if hold is not None and hold.bounded else None
        self._max_tokens = max_tokens

    def stream(self, prompt: Prompt) -> Events:
        """Stream the answer of the prompt's model; each try is a call on the meter.

        Raises:
            BudgetSpent: A hard budget cannot cover the call.
            FootprintUnknown: One in grams applies, and the model's have no bound.

        """
        policy = self._policies[prompt.model.provider]
        if self._hold is None:
            return Retry(self._providers, policy, self._begin).stream(prompt)
        return Retry(self._providers, policy, self._begin, self._cover).stream(self._bounded(prompt))

    def _begin(self, prompt: Prompt) -> MeteredTry:
        return MeteredTry(self._meter, prompt, self._policies[prompt.model.provider].total_s)

    def _bounded(self, prompt: Prompt) -> Prompt:
        asked = prompt.sampling
        if asked.max_tokens is not None:
            return prompt
        return msgspec.structs.replace(prompt, sampling=Sampling(asked.temperature, asked.top_p, self._max_tokens))

    async def _cover(self, prompt: Prompt) -> None:
        hold = self._hold
        if hold is None:
            return
        texts = [message.content for message in prompt.messages]
        if prompt.schema is not None:
            texts.append(bytes(prompt.schema).decode())
        size = Size(prompt.model.name, most_input(texts), prompt.sampling.max_tokens or self._max_tokens)
        if not hold.covers(size):
            longest_s = self._policies[prompt.model.provider].total_s
            await hold.cover(self._meter.bound(size, longest_s, hold.opened_at))
