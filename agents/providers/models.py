"""The models as one request sees them: every try on its meter, tried again as their provider allows."""

from collections.abc import Mapping

from agents.messages import Events, Prompt
from agents.providers.metered import MeteredTry
from agents.providers.provider import Provider
from agents.providers.retry import Retry, RetryPolicy
from metering.meter import Meter


class Models:
    """What a pipeline is given.

    Args:
        providers: Reaches every model.
        policies: By provider name.
        meter: Of the request.

    """

    def __init__(self, providers: Provider, policies: Mapping[str, RetryPolicy], meter: Meter) -> None:
        self._providers = providers
        self._policies = policies
        self._meter = meter

    def stream(self, prompt: Prompt) -> Events:
        """Stream the answer of the prompt's model; each try is a call on the meter."""
        return Retry(self._providers, self._policies[prompt.model.provider], self._begin).stream(prompt)

    def _begin(self, prompt: Prompt) -> MeteredTry:
        return MeteredTry(self._meter, prompt)
