"""The composition root: from settings to everything that serves, made once and handed down."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from agents import PIPELINES
from agents.local.shelf import default_models_dir
from agents.providers import PROVIDERS
from agents.providers.breaker import Breaker
from agents.providers.chat import Chat
from agents.providers.models import Models
from agents.providers.retry import RetryBudget, RetryPolicy
from agents.providers.switchboard import Switchboard
from agents.providers.transport import Timeouts, Upstream
from metering.cost import compile_tariff
from metering.impact import CarbonUnregistered, compile_impact
from metering.ledger import Ledger, close_abandoned
from metering.ledger_reader import LedgerReader
from metering.meter import Books, Meter
from metering.prometheus import Metrics
from metering.reckoning import NOTHING, Scale
from metering.tokens import Tokens
from pricing_tables.catalogue import Catalogue
from pricing_tables.errors import CatalogueError
from pricing_tables.loader import load_catalogue, load_rates
from pricing_tables.model import Model
from pricing_tables.rows import ModelRow, model_from_row
from router.auth import Authenticator
from router.menu import AUTO, Menu
from router.routes.completion import Completion
from router.secrets import own_secret
from router.settings import Settings, SettingsWrong, address_fault, key_fault, rotation_keys
from storage.database import sqlite_path
from storage.group_commit import GroupCommit
from storage.journal import Journal
from storage.migrations import upgrade
from storage.owners import Owner

LOCAL = "local"
CLOSE_WITHIN_S = 10.0
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


class LocalEndpoint(Struct, frozen=True):
    """Where the embedded models answer: their base URL, key and the catalogue name of the chat model."""

    base_url: str
    api_key: str
    model: str


class Connection(Struct, frozen=True):
    """One provider that can be called: its wire, where it is, and how it is asked again."""

    chat: Chat
    base_url: str
    policy: RetryPolicy


class House(Struct, frozen=True, kw_only=True):
    """Everything that one process serves with."""

    settings: Settings
    authenticator: Authenticator
    menu: Menu
    switchboard: Switchboard
    connections: Mapping[str, Connection]
    metrics: Metrics
    scales: dict[str, Scale]
    planner: Model | None


def database_url_of(settings: Settings) -> str:
    """Return where the books are kept."""
    return settings.database_url or f"sqlite:///{settings.data_dir.absolute() / 'router.db'}"


def database_of(settings: Settings) -> Path:
    """Return the file of the books."""
    return sqlite_path(database_url_of(settings))


def authenticator_of(settings: Settings) -> Authenticator:
    """Return the maker and checker of tokens; in development the secret is made once and kept in the data folder."""
    secret = settings.jwt_secret or own_secret(settings.data_dir, "jwt_secret")
    return Authenticator(secret, rotation_keys(settings.jwt_keys))


def build(settings: Settings, environ: Mapping[str, str], local: LocalEndpoint | None) -> House:
    """Put the house together, without touching network or disk but for the tables and the secret.

    Raises:
        SettingsWrong: A provider, a model, its price or its carbon basis is not as it must be; all are named.

    """
    rows = provider_rows(settings)
    catalogue = catalogue_of(settings, rows, local)
    scales = scales_of(catalogue)
    connections, mends = connect(settings, rows, environ, local)
    switchboard = Switchboard({name: each.chat for name, each in connections.items()}, mends)
    embedded = catalogue.find(local.model) if local is not None else None
    keyless = not (settings.openai_api_key or settings.mistral_api_key)
    stand_in = embedded if settings.development and keyless else None
    return House(
        settings=settings,
        authenticator=authenticator_of(settings),
        menu=Menu(catalogue, switchboard, mends, stand_in),
        switchboard=switchboard,
        connections=connections,
        metrics=Metrics(catalogue, PIPELINES),
        scales=scales,
        planner=_planner(settings, catalogue, switchboard),
    )


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
    """Return the built-in chat models, the embedded one if it runs, and the models of router.toml."""
    builtin = load_catalogue(local_watts=settings.local_watts)
    models = [model for model in builtin if not model.embedded]
    if local is not None:
        models.append(_embedded(builtin, local.model, settings.local_zone))
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
        kin = next(model for model in builtin if model.embedded)
        told = "Embedded model of ROUTER_LOCAL_GGUF"
        known = replace(kin, name=name, upstream=name, canonical=f"{LOCAL}/{name}", description=told, aliases=())
    return replace(known, zone=zone)


def _is_plain(model: Model) -> bool:
    names = (model.name, *model.aliases, model.canonical)
    return all(name and name.isascii() and name.isprintable() for name in names)


def scales_of(catalogue: Catalogue) -> dict[str, Scale]:
    """Compile price and carbon of every model, so that no request has to; each is tried at today's rates."""
    rates = load_rates()
    today = datetime.now(UTC).date()
    scales: dict[str, Scale] = {}
    problems: list[str] = []
    for model in catalogue:
        try:
            scale = scales[model.name] = Scale(compile_tariff(model, rates), compile_impact(model))
            scale.tariff.cost(NOTHING, today)
        except (CatalogueError, CarbonUnregistered) as cause:
            problems.append(str(cause))
    if problems:
        raise SettingsWrong(problems)
    return scales


def connect(
    settings: Settings, rows: list[ProviderRow], environ: Mapping[str, str], local: LocalEndpoint | None
) -> tuple[dict[str, Connection], dict[str, str]]:
    """Return the providers that can be called, and for each of the others the variable that would hold its key."""
    keys = {"openai": settings.openai_api_key, "mistralai": settings.mistral_api_key}
    variables = {"openai": "OPENAI_API_KEY", "mistralai": "MISTRAL_API_KEY"}
    for row in rows:
        if row.api_key_env:
            variables[row.name] = row.api_key_env
            keys[row.name] = environ.get(row.api_key_env)
    faults = [f"{variables[name]}: {fault}" for name, key in keys.items() if key and (fault := key_fault(key))]
    if faults:
        raise SettingsWrong(faults)
    mends = {name: variable for name, variable in variables.items() if not keys.get(name)}
    upstreams = [(row.kind, Upstream(row.name, row.base_url, keys.get(row.name), row.timeouts)) for row in rows]
    if local is not None:
        upstreams.append(("openai", Upstream(LOCAL, local.base_url, local.api_key)))
    connections = {
        each.name: Connection(
            PROVIDERS[kind](each), each.base_url, RetryPolicy(RetryBudget(), Breaker(), total_s=each.timeouts.total)
        )
        for kind, each in upstreams
        if each.name not in mends
    }
    return connections, mends


def _planner(settings: Settings, catalogue: Catalogue, switchboard: Switchboard) -> Model | None:
    if settings.v1_planner is None:
        return None
    model = catalogue.find(settings.v1_planner)
    if model is None:
        raise SettingsWrong(["ROUTER_V1_PLANNER: no such model; name one of the catalogue or unset it"])
    return model if switchboard.available(model) else None


async def open_books(house: House, stack: AsyncExitStack) -> Books:
    """Open the ledger and close what dead processes left open; the stack closes everything again."""
    settings = house.settings
    upgrade(database_url_of(settings))
    database = database_of(settings)
    locks, journals = settings.data_dir / "owners", settings.data_dir / "journals"
    abandoned = close_abandoned(database, locks, journals)
    if abandoned:
        house.metrics.unmetered.labels("process_died").inc(abandoned)
    owner = Owner(locks)
    stack.callback(owner.close)
    journal = Journal(journals / owner.id)
    stack.callback(journal.end)
    writer = GroupCommit(database)
    stack.push_async_callback(writer.close, CLOSE_WITHIN_S)
    tokens = Tokens((settings.models_dir or default_models_dir()) / "tokenizers")
    stack.callback(tokens.close)
    for connection in house.connections.values():
        stack.push_async_callback(connection.chat.aclose)
    books = Books(house.scales, Ledger(writer, journal), house.metrics, tokens)
    stack.push_async_callback(books.drain)
    return books


def completion_of(house: House) -> Completion:
    """Return the application behind `POST /completion`."""
    policies = {name: connection.policy for name, connection in house.connections.items()}

    def models(meter: Meter) -> Models:
        return Models(house.switchboard, policies, meter)

    return Completion(
        authenticator=house.authenticator,
        menu=house.menu,
        models=models,
        metrics=house.metrics,
        planner=house.planner,
        development=house.settings.development,
    )


def reader_of(settings: Settings) -> LedgerReader:
    """Return a reader of the books that works beside a running gateway and after it."""
    return LedgerReader(database_of(settings))
