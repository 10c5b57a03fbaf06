"""Routes a prompt to the provider of its model."""

from collections.abc import Mapping

from agents.errors import ModelUnavailable
from agents.messages import Events, Prompt
from agents.providers.provider import Provider
from pricing_tables.model import Model


class Switchboard:
    """Providers by name; `mends` says, for each one that cannot be called, what to set."""

    def __init__(self, providers: Mapping[str, Provider], mends: Mapping[str, str]) -> None:
        self._providers = {name: provider for name, provider in providers.items() if name not in mends}
        self._mends = mends

    def available(self, model: Model) -> bool:
        """Tell whether a prompt to `model` would be sent."""
        return model.provider in self._providers

    def stream(self, prompt: Prompt) -> Events:
        """Stream the answer of the model's provider.

        Raises:
            ModelUnavailable: The provider cannot be called; raised here, before the first event is asked for.

        """
        provider = self._providers.get(prompt.model.provider)
        if provider is None:
            mend = self._mends.get(prompt.model.provider, f"no provider is named {prompt.model.provider}")
            raise ModelUnavailable(f"{prompt.model.name}: {mend}")
        return provider.stream(prompt)
