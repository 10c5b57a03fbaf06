"""The application: routes and lifespan around one house."""

import gc
import multiprocessing
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from threading import Thread

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from msgspec import json

from router.auth import GUARDS, Connection, require_admin, require_any_credential, require_any_pair, require_credential
from router.failures import Failures
from router.frame import Frame, answer_error
from router.front import Front
from router.mounts import mount
from router.openapi import describe
from router.opening import open_house, state_of
from router.routes import (
    admin_keys,
    admin_projects,
    alerts,
    books,
    budgets,
    discovery,
    documents,
    health,
    langfuse_prompts,
    limits,
    project_keys,
    projects,
    prompt_keys,
    prompt_runs,
    prompt_samples,
    prompt_versions,
    prompts,
    reports,
    service_accounts,
    spend_limits,
    tokens,
    transcription,
)
from router.rows import LocalEndpoint
from router.settings import environment_of, load_settings
from router.tenancy import tokens_of
from router.wiring import House, build

LOCAL_VARIABLE = "_ROUTER_LOCAL"  # how the parent process tells its workers where the embedded models are
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]
# Who may call which cold route; paths of one list are in no other.
USER_ROUTES = (
    tokens.issue_token,
    discovery.list_models,
    discovery.list_agents,
    discovery.list_equivalences,
    discovery.greet,
    health.health,
    health.metrics,
    books.usage,
    transcription.supported_formats,
    describe,
)
KNOWN_ROUTES = (
    tokens.verify_token,
    *projects.ROUTES,
    *documents.ROUTES,
    *prompt_keys.ROUTES,
    *prompts.ROUTES,
    *prompt_versions.ROUTES,
    *prompt_runs.ROUTES,
    *prompt_samples.ROUTES,
)
ADMIN_ROUTES = (
    *admin_keys.ROUTES,
    *admin_projects.ROUTES,
    *project_keys.ROUTES,
    *service_accounts.ROUTES,
    *budgets.ROUTES,
    *spend_limits.ROUTES,
    *limits.ROUTES,
    *reports.ROUTES,
    alerts.list_alerts,
)
PAIR_ROUTES = langfuse_prompts.ROUTES
COLD_ROUTES = (*USER_ROUTES, *KNOWN_ROUTES, *PAIR_ROUTES, *ADMIN_ROUTES)
# Neither requests nor connections leave cycles behind, so the collector may look rarely.
GC_THRESHOLDS = (20_000, 10, 10)
PUBLIC = frozenset({"/", "/auth/token", "/equivalences", "/health", "/metrics"})


class RouteOpen(RuntimeError):
    """A route may be called by anybody, and no list says so."""


def from_environment() -> Front:
    """Make the application of a worker from the environment that its parent prepared."""
    # A daemon: it waits for as long as the worker lives.
    Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    folder = Path.cwd()
    endpoint = os.environ.get(LOCAL_VARIABLE)
    local = None if endpoint is None else json.decode(endpoint, type=LocalEndpoint)
    return create_app(build(load_settings(os.environ, folder), environment_of(folder), local))


def _end_with_parent() -> None:
    """Stop this worker when its parent is killed: an orphan would hold the port against the next start."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def create_app(house: House) -> Front:
    """Make the application around a house."""
    application = Litestar(
        route_handlers=[
            _guarded(USER_ROUTES, require_credential),
            _guarded(KNOWN_ROUTES, require_any_credential),
            _guarded(PAIR_ROUTES, require_any_pair),
            _guarded(ADMIN_ROUTES, require_admin),
        ],
        exception_handlers={Exception: answer_error},
        lifespan=[_lifespan],
        openapi_config=None,
        state=_state(house),
        logging_config=None,
    )
    check_routes(application)
    front = application.state.front = Front(application)
    return front


def _guarded(routes: Sequence[HTTPRouteHandler], guard: Guard) -> Router:
    return Router("/", route_handlers=routes, guards=[guard], middleware=[Frame()])


def _state(house: House) -> State:
    return State(
        {
            "house": house,
            "menu": house.menu,
            "scales": house.scales,
            "embeddings_models": tuple(model.name for model in house.catalogue if model.kind == "embeddings"),
            "chatless_models": tuple(model.name for model in house.catalogue if model.kind != "chat"),
            "metrics": house.metrics,
            "base_urls": {name: connection.base_url for name, connection in house.connections.items()},
            "routes": COLD_ROUTES,
            "environment": house.settings.environment,
            "anonymous_tokens": house.settings.development,
            "metrics_token": house.settings.metrics_token,
            "tokens": tokens_of(house.settings),
            "failures": Failures(tokens.MOST_FAILURES_A_MINUTE),
        }
    )


@asynccontextmanager
async def _lifespan(application: Litestar) -> AsyncGenerator[None, None]:
    house: House = application.state.house
    async with AsyncExitStack() as stack:
        opened = await open_house(house, stack)
        application.state.update(state_of(house, opened))
        front: Front = application.state.front
        mount(front, house, opened)
        # What was made at start-up lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        yield


def check_routes(application: Litestar) -> None:
    """Refuse to start with a route that anybody may call by oversight (C-9).

    Raises:
        RouteOpen: Naming it.

    """
    for route in application.routes:
        for handler in getattr(route, "route_handlers", [getattr(route, "route_handler", None)]):
            if handler is None:
                continue
            guarded = not set(GUARDS).isdisjoint(handler.resolve_guards()) and not handler.opt.get("public")
            if not (guarded or route.path in PUBLIC):
                raise RouteOpen(route.path)
