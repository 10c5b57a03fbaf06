"""Which model embeds the documents of projects and the questions about them."""

from pricing_tables.catalogue import Catalogue
from pricing_tables.model import Model
from router.rows import LocalEndpoint
from router.settings import Settings, SettingsWrong

SETTING = "ROUTER_EMBEDDINGS_MODEL"


def embeddings_model(
    settings: Settings, catalogue: Catalogue, mends: dict[str, str], local: LocalEndpoint | None
) -> Model | None:
    """Return the model of the setting, else the embedded one where it is served, else None.

    Args:
        settings: May name one.
        catalogue: Where it is found, by name or alias.
        mends: What to set, by the name of a provider that cannot be called.
        local: Where the embedded models answer.

    Raises:
        SettingsWrong: The one that is named is none, is not for embeddings, or has no key.

    """
    named = settings.embeddings_model
    if named is None:
        return None if local is None or local.embeddings is None else catalogue.find(local.embeddings)
    model = catalogue.find(named)
    if model is None:
        raise SettingsWrong([f"{SETTING}: {named} is not served here; {_mend(catalogue)}"])
    if model.kind != "embeddings":
        raise SettingsWrong([f"{SETTING}: {named} is a chat model; {_mend(catalogue)}"])
    if model.provider in mends:
        raise SettingsWrong([f"{SETTING}: {named} has no key; set {mends[model.provider]}, or name another model"])
    return model


def _mend(catalogue: Catalogue) -> str:
    names = ", ".join(model.name for model in catalogue if model.kind == "embeddings")
    return (
        f"name one of {names}, or add a [[model]] row of kind embeddings to router.toml; "
        "unset, the embedded one is taken, which needs the `local` extra and ROUTER_LOCAL other than off"
    )
