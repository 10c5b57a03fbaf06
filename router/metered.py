"""What metered routes share: who calls, what may go wrong, and how a request ends that has no answer."""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from msgspec import Struct

from accounts.errors import AccountError
from accounts.gate.gate import Hold
from accounts.idempotency.store import Stored
from agents.audio.errors import AudioError
from agents.errors import AgentError
from agents.prompts.errors import PromptError
from documents.errors import DocumentError
from metering.ledger import Admission
from metering.meter import Meter
from metering.middleware import Scope
from metering.receipt import Receipt, RequestStatus
from pricing_tables.model import Model
from router.auth import Authenticator, Principal, address_of, refuse_admin
from router.decoding import ClientGone
from router.departure import Departure
from router.errors import Refused, log_unforeseen
from router.families import F1, Family
from router.line import line_of
from router.replays import Keeper
from router.writer import Writer
from storage.errors import StorageError

FORESEEN = (Refused, AgentError, PromptError, AccountError, AudioError, DocumentError, StorageError)
STOPPING = Refused("overloaded", retry_after=1)
T = TypeVar("T", bound=Struct)


def require_post(scope: Scope) -> None:
    """Refuse any other method.

    Raises:
        Refused: `method_not_allowed`.

    """
    if scope["method"] != "POST":
        raise Refused("method_not_allowed", headers={"Allow": "POST"})


async def caller_of(authenticator: Authenticator, scope: Scope) -> Principal:
    """Return who calls a route that uses models.

    Raises:
        Refused: `unauthorized`, for an admin key too.
        TooManyFailures: Too much was wrong from there lately.
        StorageDown: A key cannot be looked up now.

    """
    headers = scope["headers"]
    principal = authenticator.known(headers)
    if principal is None:
        principal = await authenticator.principal(headers, address_of(scope["client"]))
    refuse_admin(principal, headers)
    return principal


def check_scopes(
    principal: Principal, models: Iterable[str], agent: str | None, surface: str, family: Family = F1
) -> None:
    """Refuse a key that may not use this model, under any of its names, here.

    Raises:
        Refused: `forbidden`, naming the scope that it lacks.

    """
    lacking = principal.scopes.refusal(models, agent, surface)
    if lacking is not None:
        raise lacks(lacking, family)


def lacks(scope: str, family: Family = F1) -> Refused:
    """Return the refusal of a key that has not got this scope."""
    reason = family.choose(
        f"il manque à la clé la permission « {scope} »", f"the key has not got the permission '{scope}'"
    )
    return Refused("forbidden", reason)


def planner_for(principal: Principal, planner: Model | None, surface: str) -> Model | None:
    """Return the planning model, unless the key may not use it: then the request's own plans."""
    if planner is None or principal.scopes.refusal((planner.name,), None, surface) is not None:
        return None
    return planner


def admission_of(
    principal: Principal, asked: Model, project_id: str, meter: Meter, *, route: str, agent: str
) -> Admission:
    """Return what is written down of a request before anything is asked of a provider."""
    return admission_named(principal, asked.name, project_id, meter, route=route, agent=agent)


def admission_named(
    principal: Principal, model: str, project_id: str, meter: Meter, *, route: str, agent: str
) -> Admission:
    """Do as `admission_of`, for what may ask no model."""
    return Admission(
        request_id=meter.request_id,
        opened_at=datetime.now(UTC),
        route=route,
        agent=agent,
        model=model,
        project_id=project_id,
        subject=principal.subject,
        key_id=principal.key_id,
    )


async def admitted(admission: Awaitable[T | Stored], writer: Writer) -> T | None:
    """Return the request that is let in; None once it has its answer: why it is not, or the one it had before."""
    try:
        found = await admission
    except ClientGone:
        return None
    except FORESEEN as error:
        await writer.refuse(error)
        return None
    except CancelledError:
        # The server is stopping, and an upload may take long.
        await writer.refuse(STOPPING)
        return None
    if isinstance(found, Stored):
        await writer.replay(found)
        return None
    return found


async def give_back(hold: Hold | None, keeper: Keeper | None, meter: Meter) -> None:
    """Give back what a settled request did not use, and let a next try run where there was no answer."""
    try:
        if hold is not None:
            await hold.used(meter.tokens)
    finally:
        if keeper is not None:
            await keeper.end()


async def write_whole(
    work: Awaitable[Callable[[Receipt], bytes]], keeper: Keeper | None, scope: Scope, writer: Writer, meter: Meter
) -> None:
    """Do the work of a request that was let in, settle it, then write the one JSON body.

    Args:
        work: Returns what makes the body of the receipt; cancelled when the client leaves.
        keeper: Of the answer.
        scope: Of the request.
        writer: Writes the body, or why there is none.
        meter: Of the request.

    """
    client = Departure(line_of(scope))
    body: Callable[[Receipt], bytes] | None = None
    try:
        async with client:
            body = await work
        if client.gone or body is None:
            await settle_without_answer(meter, "client_gone")
            return
        if keeper is not None:
            keeper.keep(meter, writer.kept_headers, body)
        receipt = await meter.settle("ok")
    except FORESEEN as error:
        await _fail(error, keeper, writer, meter)
    except CancelledError:
        await _fail(STOPPING, keeper, writer, meter)
    else:
        await writer.body(body(receipt), receipt)


async def _fail(error: Exception, keeper: Keeper | None, writer: Writer, meter: Meter) -> None:
    await settle_without_answer(meter, "error")
    if keeper is not None:
        # Whoever reads of the failure may try again at once.
        await keeper.end()
    await writer.refuse(error)


async def settle_without_answer(meter: Meter, status: RequestStatus) -> None:
    """Settle a request that gets no receipt; a book that cannot take the row now keeps it queued."""
    if meter.is_open:
        with suppress(StorageError):
            await meter.settle(status)


async def end_unforeseen(error: Exception, writer: Writer, meter: Meter) -> None:
    """End a request whose serving failed as nobody foresaw: that must not leak either."""
    log_unforeseen(error, meter.request_id)
    await settle_without_answer(meter, "error")
    if not writer.started:
        await writer.refuse(error)
