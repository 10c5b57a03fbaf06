"""The composition root: from settings to everything that serves, made once and handed down."""

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from agents import PIPELINES
from agents.errors import ModelUnavailable
from agents.providers import PROVIDERS
from agents.providers.breaker import Breaker
from agents.providers.chat import Chat
from agents.providers.own_tokens import OwnTokens
from agents.providers.retry import RetryBudget, RetryPolicy
from agents.providers.switchboard import Switchboard
from agents.providers.transport import Upstream
from metering.cost import compile_tariff
from metering.impact import CarbonUnregistered, compile_impact
from metering.prometheus import Metrics
from metering.reckoning import NOTHING, Scale
from pricing_tables.catalogue import Catalogue
from pricing_tables.errors import CatalogueError
from pricing_tables.loader import load_rates
from pricing_tables.model import Model
from router.audio_menu import AudioMenu, stand_ins
from router.bookings import AGENT
from router.embeddings import embeddings_model
from router.errors import Refused
from router.menu import AUTO, Choice, Menu
from router.rows import LOCAL, LocalEndpoint, ProviderRow, catalogue_of, credentials, is_keyless, provider_rows
from router.settings import Settings, SettingsWrong, key_fault
from router.tenancy import admin_key_of, tokens_of
from router.tool_desk import AGENT as TOOLS_AGENT

CLOSE_WITHIN_S = 10.0
AUDIO_AGENTS = ("transcription", "meeting")  # as the ledger names who did the work of the audio routes


class Connection(Struct, frozen=True):
    """One provider that can be called: its wire, where it is, and how it is asked again."""

    chat: Chat
    base_url: str
    policy: RetryPolicy


class House(Struct, frozen=True, kw_only=True):
    """Everything that one process serves with."""

    settings: Settings
    catalogue: Catalogue
    menu: Menu
    audio: AudioMenu
    switchboard: Switchboard
    connections: Mapping[str, Connection]
    metrics: Metrics
    scales: dict[str, Scale]
    planner: Model | None
    prompt_tools: Choice | None
    embeddings: Model | None
    own_tokens: OwnTokens | None


def build(settings: Settings, environ: Mapping[str, str], local: LocalEndpoint | None) -> House:
    """Put the house together, without touching network or disk but for the tables and the secrets.

    Raises:
        SettingsWrong: A provider, a model, its price or its carbon basis is not as it must be; all are named.

    """
    rows = provider_rows(settings)
    catalogue = catalogue_of(settings, rows, local)
    scales = scales_of(catalogue)
    # Whoever starts first makes the secrets that all share.
    tokens_of(settings)
    admin_key_of(settings)
    connections, mends = connect(settings, rows, environ, local)
    switchboard = Switchboard({name: each.chat for name, each in connections.items()}, mends)
    embedded = catalogue.find(local.model) if local is not None and local.model is not None else None
    stand_in = embedded if settings.development and is_keyless(settings, environ) else None
    menu = Menu(catalogue, switchboard, mends, stand_in)
    speech = stand_ins(catalogue, local) if settings.development and is_keyless(settings, environ) else {}
    return House(
        settings=settings,
        catalogue=catalogue,
        menu=menu,
        audio=AudioMenu(catalogue, switchboard, mends, settings, menu, speech),
        switchboard=switchboard,
        connections=connections,
        metrics=Metrics(catalogue, [*PIPELINES, *AUDIO_AGENTS, TOOLS_AGENT], background=[AGENT]),
        scales=scales,
        planner=_planner(settings, menu),
        prompt_tools=_prompt_tools(settings, menu, embedded),
        embeddings=embeddings_model(settings, catalogue, mends, local),
        own_tokens=_own_tokens(local),
    )


def _own_tokens(local: LocalEndpoint | None) -> OwnTokens | None:
    if local is None or local.model is None:
        return None
    return OwnTokens(Upstream(LOCAL, local.base_url, local.api_key))


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
    held = credentials(settings, rows, environ)
    faults = [f"{each.variable}: {fault}" for each in held.values() if each.key and (fault := key_fault(each.key))]
    if faults:
        raise SettingsWrong(faults)
    keys = {name: each.key for name, each in held.items()}
    mends = {name: each.variable for name, each in held.items() if each.key is None}
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


def _planner(settings: Settings, menu: Menu) -> Model | None:
    named = settings.v1_planner
    return None if named is None else _chosen("ROUTER_V1_PLANNER", named, menu).model


def _prompt_tools(settings: Settings, menu: Menu, embedded: Model | None) -> Choice | None:
    """Return who writes prompts: the model that is set, else the embedded one, else the first that can be called."""
    named = settings.prompt_tools_model
    if named is not None:
        return _chosen("ROUTER_PROMPT_TOOLS_MODEL", named, menu)
    if embedded is not None:
        return Choice(embedded.name, embedded, embedded)
    try:
        return menu.choose(AUTO)
    except ModelUnavailable:
        return None


def _chosen(setting: str, name: str, menu: Menu) -> Choice:
    try:
        return menu.choose(name)
    except Refused as cause:
        raise SettingsWrong([f"{setting}: no such model; name one of the catalogue or unset it"]) from cause
    except ModelUnavailable as cause:
        raise SettingsWrong([f"{setting}: its provider has no key; set it, or name another model"]) from cause
