"""From the rows of router.toml and the built-in tables to providers and the catalogue (C-4, C-5)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from agents.providers.transport import Timeouts
from pricing_tables.catalogue import Catalogue
from pricing_tables.errors import CatalogueError
from pricing_tables.loader import load_catalogue
from pricing_tables.model import Model
from pricing_tables.rows import ModelRow, model_from_row
from router.menu import AUTO
from router.settings import Settings, SettingsWrong, address_fault

LOCAL = "local"
Kind = Literal["openai", "mistral"]


class ProviderRow(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[provider]]` of router.toml (C-4)."""

    name: Annotated[str, Meta(pattern="^[!-~]+$")]
    kind: Kind
    base_url: str
    api_key_env: str | None = None
    zone: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    pue: Annotated[float, Meta(ge=1, le=10)] | None = None
    timeouts: Timeouts = Timeouts()


class Credential(Struct, frozen=True):
    """The variable that holds the key of a provider, and the key, None when there is none."""

    variable: str
    key: str | None


class LocalEndpoint(Struct, frozen=True):
    """Where the embedded models answer: their base URL and key, and what each is called in the catalogue.

    `model` is the chat model, None where embeddings alone are served; `embeddings`, `transcription` and `speech` are
    None where none are.
    """

    base_url: str
    api_key: str
    model: str | None = None
    embeddings: str | None = None
    transcription: str | None = None
    speech: str | None = None


def provider_rows(settings: Settings) -> list[ProviderRow]:
    """Return the providers of router.toml and the two built-in vendors."""
    vendors = [
        ProviderRow(name="openai", kind="openai", base_url=settings.openai_base_url),
        ProviderRow(name="mistralai", kind="mistral", base_url=settings.mistral_base_url),
    ]
    own: list[ProviderRow] = _rows(settings.rows, "provider", ProviderRow)
    faults = [f"provider {row.name}: base_url {fault}" for row in own if (fault := address_fault(row.base_url))]
    if faults:
        raise SettingsWrong(faults)
    names = [row.name for row in [*vendors, *own]] + [LOCAL]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise SettingsWrong([f"provider {name}: named twice, or built in; rename it" for name in sorted(doubled)])
    return [*vendors, *own]


def _rows(tables: Mapping[str, Any], name: str, kind: type[Any]) -> list[Any]:
    try:
        return msgspec.convert(tables.get(name, []), list[kind])
    except msgspec.ValidationError as cause:
        raise SettingsWrong([f"router.toml [[{name}]]: {cause}"]) from cause


def catalogue_of(settings: Settings, rows: list[ProviderRow], local: LocalEndpoint | None) -> Catalogue:
    """Return the built-in models, of the embedded ones those that run, and the models of router.toml."""
    builtin = load_catalogue(local_watts=settings.local_watts)
    models = [model for model in builtin if not model.embedded]
    if local is not None:
        served = (local.model, local.embeddings, local.transcription, local.speech)
        names = (name for name in served if name is not None)
        models += [_embedded(builtin, name, settings.local_zone) for name in names]
    providers = {row.name: row for row in rows}
    problems: list[str] = []
    for row in _rows(settings.rows, "model", ModelRow):
        provider = providers.get(row.provider)
        try:
            if provider is None:
                problems.append(f"model {row.name}: no provider is named {row.provider}; add a [[provider]] row")
            else:
                models.append(model_from_row(row, provider.zone, provider.pue, builtin))
        except (CatalogueError, ValueError) as cause:
            problems.append(str(cause))
    problems += [f"model {m.name}: names must be printable ASCII" for m in models if not _is_plain(m)]
    problems += [f"model {m.name}: {AUTO!r} means any model; rename it" for m in models if AUTO in (m.name, *m.aliases)]
    if problems:
        raise SettingsWrong(problems)
    try:
        return Catalogue(models)
    except CatalogueError as cause:
        raise SettingsWrong([str(cause)]) from cause


def _embedded(builtin: Catalogue, name: str, zone: str) -> Model:
    """Return the embedded model that runs; a file of the operator's own weighs and costs like the built-in ones."""
    known = builtin.find(name)
    if known is None:
        kin = next(model for model in builtin if model.embedded and model.kind == "chat")
        told = "Embedded model of ROUTER_LOCAL_GGUF"
        known = replace(kin, name=name, upstream=name, canonical=f"{LOCAL}/{name}", description=told, aliases=())
    return replace(known, zone=zone)


def _is_plain(model: Model) -> bool:
    names = (model.name, *model.aliases, model.canonical)
    return all(name and name.isascii() and name.isprintable() for name in names)


def credentials(settings: Settings, rows: list[ProviderRow], environ: Mapping[str, str]) -> dict[str, Credential]:
    """Return what each provider that takes a key is called with; a row without `api_key_env` takes none."""
    found = {
        "openai": Credential("OPENAI_API_KEY", settings.openai_api_key or None),
        "mistralai": Credential("MISTRAL_API_KEY", settings.mistral_api_key or None),
    }
    named = {row.name: row.api_key_env for row in rows if row.api_key_env}
    return found | {name: Credential(variable, environ.get(variable) or None) for name, variable in named.items()}


def is_keyless(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Whether no provider at all has a key (C-5)."""
    named = [row.api_key_env for row in provider_rows(settings) if row.api_key_env]
    return not (settings.openai_api_key or settings.mistral_api_key or any(environ.get(name) for name in named))
