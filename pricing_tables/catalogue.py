"""The catalogue: every model that may be asked for, found by its name or an alias."""

from collections.abc import Iterable, Iterator

from pricing_tables.errors import NameTaken
from pricing_tables.model import Model


class Catalogue:
    """Models in the order they are listed; no two share a name or an alias."""

    def __init__(self, models: Iterable[Model]) -> None:
        """Index `models`.

        Raises:
            NameTaken: A name or alias belongs to two models; the message names it and both.

        """
        self.models = tuple(models)
        self._by_name: dict[str, Model] = {}
        for model in self.models:
            for name in (model.name, *model.aliases):
                self._claim(name, model)

    def __iter__(self) -> Iterator[Model]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)

    def find(self, name: str) -> Model | None:
        """Return the model called `name`, by name or alias, exactly as written."""
        return self._by_name.get(name)

    def _claim(self, name: str, model: Model) -> None:
        owner = self._by_name.setdefault(name, model)
        if owner is not model:
            raise NameTaken(f"{name!r} names both {owner.name!r} and {model.name!r}: rename one")
