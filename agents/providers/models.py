"""The models as one request sees them: counted on its meter, tried again as their provider allows."""

from collections.abc import Mapping

from agents.messages import Events, Prompt
from agents.providers.metered import Metered
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
        self._metered = Metered(providers, meter)
        self._policies = policies

    def stream(self, prompt: Prompt) -> Events:
        """Stream the answer of the prompt's model; each try is a call on the meter."""
        return Retry(self._metered, self._policies[prompt.model.provider]).stream(prompt)
