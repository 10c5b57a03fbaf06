"""Which chat model answers to a name: catalogue, availability, and the stand-in of development (C-5)."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from agents.errors import ModelUnavailable
from agents.providers.switchboard import Switchboard
from pricing_tables.catalogue import Catalogue
from pricing_tables.model import Model
from router.errors import Refused

AUTO = "auto"
STAND_IN = "stand-in: answered by {name}, the embedded model, because no provider key is set"


class Choice(Struct, frozen=True):
    """Who answers: the name the answer shows, the model asked for, the one that answers, a warning if they differ."""

    shown: str
    asked: Model
    model: Model
    warning: str | None = None


class Row(Struct, frozen=True):
    """One line of the menu."""

    model: Model
    available: bool
    stand_in: Model | None


class Menu:
    """Chooses models by name.

    Args:
        catalogue: Every configured model; those of another kind than chat are not on the menu.
        switchboard: Knows which providers can be called.
        mends: What to set, by the name of a provider that cannot be called.
        stand_in: The embedded model that answers for chat models without a key; None outside development.

    """

    def __init__(
        self, catalogue: Catalogue, switchboard: Switchboard, mends: Mapping[str, str], stand_in: Model | None
    ) -> None:
        self._mends = mends
        self._models = [model for model in catalogue if model.kind == "chat"]
        self._switchboard = switchboard
        self._stand_in = stand_in
        self._choices = {
            name: self._choose(name, model) for model in self._models for name in (model.name, *model.aliases)
        }

    def rows(self) -> Iterator[Row]:
        """Yield the models in catalogue order."""
        for model in self._models:
            available = self._switchboard.available(model)
            yield Row(model, available or self._stand_in is not None, None if available else self._stand_in)

    def knows(self, name: str) -> bool:
        """Whether a model answers to `name`, now or once its provider has a key."""
        return name == AUTO or name in self._choices

    def choose(self, name: str) -> Choice:
        """Return who answers to `name`.

        Raises:
            Refused: `model_not_found`.
            ModelUnavailable: Its provider has no key; the text says what to set.

        """
        if name == AUTO:
            return self._first()
        choice = self._choices.get(name)
        if choice is None:
            raise Refused("model_not_found", "voir GET /models pour la liste", param="model")
        if isinstance(choice, ModelUnavailable):
            raise ModelUnavailable(*choice.args)
        return choice

    def _choose(self, name: str, model: Model) -> Choice | ModelUnavailable:
        if self._switchboard.available(model):
            return Choice(name, model, model)
        if self._stand_in is not None:
            return Choice(name, model, self._stand_in, STAND_IN.format(name=self._stand_in.name))
        return ModelUnavailable(f"{name}, définissez {self._mends[model.provider]}")

    def _first(self) -> Choice:
        for model in self._models:
            if self._switchboard.available(model):
                return Choice(model.name, model, model)
        raise ModelUnavailable("définissez OPENAI_API_KEY, MISTRAL_API_KEY ou ROUTER_LOCAL=on")
