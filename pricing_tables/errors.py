"""What can be wrong with a table; each docstring is what the operator reads, with the mend."""


class CatalogueError(Exception):
    """The tables of models, prices and exchange rates cannot be used as they are."""


class TableMalformed(CatalogueError):
    """A table is not valid TOML, or holds a field or a value that is not understood."""


class NameTaken(CatalogueError):
    """Two models answer to the same name or alias; rename one."""


class PriceMissing(CatalogueError):
    """A model has no price: give `price_of`, or a `[model.price]` table."""


class PriceAmbiguous(CatalogueError):
    """A model's price is stated twice or rests on a model that is not catalogued."""


class CarbonMissing(CatalogueError):
    """A model states no carbon basis: give `ecologits`, a `[model.carbon]` table, or `carbon = "unknown"`."""


class CarbonAmbiguous(CatalogueError):
    """A model's carbon basis is stated twice, or in part."""


class RateMissing(CatalogueError):
    """No exchange rate is known on or before the day; add a row to exchange_rates.toml."""
