"""What a process opens before it serves: books, accounts, the gate and its tasks; all of it is closed again."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial

from msgspec import Struct

from accounts.alerts.alerts import Alerts
from accounts.alerts.post import Sender, post_to
from accounts.budgets.budgeted import Budgeted
from accounts.budgets.budgets import Budgets
from accounts.budgets.spend_limits import SpendLimits
from accounts.budgets.store import forget_empty
from accounts.gate.asking import Release
from accounts.gate.clerk import Clerk
from accounts.gate.gate import Gate, Hold
from accounts.idempotency.idempotency import Idempotency
from accounts.limits.limits import Limits
from accounts.limits.process_rates import ProcessRates
from accounts.limits.rates import FallingBack, Rates
from accounts.limits.rates_store import sweep_rates
from accounts.projects import Projects
from agents.counting import Counter
from agents.prompts.prompts import Prompts
from agents.prompts.publishing import Publications
from agents.prompts.samples import Samples
from agents.prompts.shelf import Shelf
from agents.providers.models import Models
from metering.ledger import Ledger
from metering.meter import Books, Meter
from metering.prompt_runs import PromptRuns
from metering.reports import Reports
from metering.tokens import Tokens
from pricing_tables.loader import load_rates
from router.bookings import Bookings
from router.ground import Ground, ground_of, tokenizers_of
from router.library import Holdings, holdings_of
from router.projects import ProjectChoice
from router.prompt_desk import DEFAULTS, PromptDesk
from router.recordings import Recordings, recordings_of
from router.settings import Settings
from router.tenancy import Tenancy, tenancy_of
from router.turnstile import Turnstile
from router.wiring import House
from storage.clerk import Writer
from storage.errors import StorageDown

CLOSE_WITHIN_S = 10.0
BURY_EVERY_S = 2.0
SWEEP_EVERY_S = 60.0

Run = Callable[[], Awaitable[None]]


class Opened(Struct, frozen=True, kw_only=True):
    """Everything that is open while a process serves."""

    ground: Ground
    books: Books
    tenancy: Tenancy
    limits: Limits
    gate: Gate
    idempotency: Idempotency
    turnstile: Turnstile
    holdings: Holdings
    recordings: Recordings
    counter: Counter
    prompts: Prompts
    shelf: Shelf


async def open_house(house: House, stack: AsyncExitStack) -> Opened:
    """Open everything in the order in which one thing rests on another; the stack closes it in reverse.

    Raises:
        StorageError: The books cannot be opened.

    """
    settings = house.settings
    ground = await ground_of(settings, stack)
    _count_buried(house, await ground.bury())
    tenancy = tenancy_of(settings, ground.database)
    await tenancy.revision.look()
    clerk = Clerk(ground.owner, lists_open=ground.lists_open)
    idempotency = Idempotency(ground.database, ground.owner)
    live = () if ground.live is None else (partial(ground.live, clerk),)
    tasks = (*live, *tenancy.tasks, idempotency.run, *_chores(house, ground))
    await _keep_running(tasks, stack)
    writer = ground.writer_of(clerk)
    stack.push_async_callback(writer.close, CLOSE_WITHIN_S)
    limits = Limits(ground.database, tenancy.revision, settings.default_rpm, settings.default_tpm)
    gate = _gate(settings, ground, tenancy, writer, limits, stack)
    books = await _books(house, ground, writer, stack)
    turnstile = _turnstile(house, gate, ground)
    bookings = bookings_of(house, books, turnstile, tenancy.projects)
    holdings = await holdings_of(settings, ground, bookings, lambda: books.requests, stack)
    prompts = Prompts(ground.database)
    # Begun last, so ended first: what it works on is given back while all that it rests on is still open.
    await _keep_running((holdings.run,), stack)
    return Opened(
        ground=ground,
        books=books,
        tenancy=tenancy,
        limits=limits,
        gate=gate,
        idempotency=idempotency,
        turnstile=turnstile,
        holdings=holdings,
        recordings=recordings_of(settings, ground, stack),
        counter=Counter(books.tokens, house.own_tokens),
        prompts=prompts,
        shelf=Shelf(prompts, tenancy.revision, DEFAULTS),
    )


async def _keep_running(tasks: tuple[Run, ...], stack: AsyncExitStack) -> None:
    group = await stack.enter_async_context(asyncio.TaskGroup())
    for task in tasks:
        stack.callback(group.create_task(_run(task)).cancel)


async def _run(task: Run) -> None:
    await task()


def _turnstile(house: House, gate: Gate, ground: Ground) -> Turnstile:
    """Return what every metered request passes."""
    longest_s = {name: connection.policy.total_s for name, connection in house.connections.items()}
    return Turnstile(gate, longest_s, house.settings.max_output_tokens, lists_open=ground.lists_open)


def _gate(
    settings: Settings, ground: Ground, tenancy: Tenancy, writer: Writer, limits: Limits, stack: AsyncExitStack
) -> Gate:
    rates = _rates(settings)
    if rates is not None:
        stack.push_async_callback(rates.aclose)
    return Gate(
        database=ground.database,
        writer=writer,
        limits=limits,
        budgeted=Budgeted(ground.database, tenancy.revision),
        rates=rates,
        lists_open=ground.lists_open,
    )


def _rates(settings: Settings) -> Rates | None:
    """Return where rates are counted when not in the database."""
    if settings.valkey_url is None:
        return None
    from accounts.limits.valkey_rates import ValkeyRates  # noqa: PLC0415 - its client takes a while to import

    return FallingBack(ValkeyRates(settings.valkey_url), ProcessRates())


async def _books(house: House, ground: Ground, writer: Writer, stack: AsyncExitStack) -> Books:
    tokens = Tokens(tokenizers_of(house.settings))
    stack.callback(tokens.close)
    for connection in house.connections.values():
        stack.push_async_callback(connection.chat.aclose)
    if house.own_tokens is not None:
        stack.push_async_callback(house.own_tokens.aclose)
    books = Books(house.scales, Ledger(writer, ground.journal, Release), house.metrics, tokens)
    stack.push_async_callback(books.drain)
    return books


def _chores(house: House, ground: Ground) -> tuple[Run, ...]:
    """Return what is done now and then: burying the dead, sweeping full limits, sending the mail."""
    database, settings = ground.database, house.settings

    async def bury() -> None:
        while True:
            await asyncio.sleep(BURY_EVERY_S)
            with suppress(StorageDown):
                _count_buried(house, await ground.bury())

    async def sweep() -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            with suppress(StorageDown):
                await database.write(lambda: sweep_rates(database.clock_ns()))
                await database.write(forget_empty)

    if settings.smtp_url is None or settings.mail_from is None:
        return bury, sweep
    return bury, sweep, Sender(database, post_to(settings.smtp_url, settings.mail_from)).run


def _count_buried(house: House, closed: int) -> None:
    if closed:
        house.metrics.unmetered.labels("process_died").inc(closed)


def models_of(house: House) -> Callable[[Meter, Hold | None], Models]:
    """Return what makes the provider of one request."""
    policies = {name: connection.policy for name, connection in house.connections.items()}
    most = house.settings.max_output_tokens

    def models(meter: Meter, hold: Hold | None) -> Models:
        return Models(house.switchboard, policies, meter, hold, most)

    return models


def bookings_of(house: House, books: Books, turnstile: Turnstile, projects: Projects) -> Bookings | None:
    """Return the books of ingestion; None where no model embeds."""
    if house.embeddings is None:
        return None
    return Bookings(house.embeddings, books, turnstile, models_of(house), projects)


def project_choice_of(house: House, opened: Opened) -> ProjectChoice:
    """Return what says which project a caller may act on."""
    return ProjectChoice(opened.tenancy.projects, development=house.settings.development)


def prompt_desk_of(house: House, opened: Opened) -> PromptDesk:
    """Return what runs of prompts meet."""
    return PromptDesk(
        authenticator=opened.tenancy.authenticator,
        menu=house.menu,
        models=models_of(house),
        metrics=house.metrics,
        planner=house.planner,
        shelf=opened.shelf,
        gate=opened.turnstile,
        books=opened.books,
    )


def state_of(house: House, opened: Opened) -> dict[str, object]:
    """Return what routes find in the application's state, by name."""
    tenancy, database = opened.tenancy, opened.ground.database
    budgets = Budgets(database, house.settings.timezone)
    return {
        "database": database,
        "ledger": opened.books.ledger,
        "gate": opened.gate,
        "authenticator": tenancy.authenticator,
        "api_keys": tenancy.api_keys,
        "projects": tenancy.projects,
        "project_choice": project_choice_of(house, opened),
        "documents": opened.holdings,
        "prompts": opened.prompts,
        "prompt_runs": PromptRuns(database),
        "samples": Samples(database),
        "prompt_desk": prompt_desk_of(house, opened),
        "idempotency": opened.idempotency,
        "service_accounts": tenancy.service_accounts,
        "revision": tenancy.revision,
        "limits": opened.limits,
        "budgets": budgets,
        "spend_limits": SpendLimits(budgets, load_rates()),
        "reports": Reports(database),
        "alerts": Alerts(database),
        "publications": Publications(database),
    }
