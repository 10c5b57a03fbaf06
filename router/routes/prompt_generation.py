"""`POST /api/v1/prompts/generate`: a prompt is generated for a task and kept as a draft (5.7)."""

from collections.abc import Callable
from functools import partial

import msgspec
from msgspec import structs

from accounts.idempotency.store import Stored
from agents.prompts.prompts import Prompts
from metering.meter import Meter
from metering.middleware import Receive, Scope
from metering.receipt import Receipt
from router.auth import Principal
from router.credentials import KeyExpired, expired
from router.decoding import decode, read_body, require_json
from router.families import F2
from router.framing import as_json
from router.generation import GeneratedPrompt, GenerationRequest, Place, check_place, kept, place_of
from router.manners import Manner
from router.menu import Menu
from router.metered import caller_of, check_scopes, require_post
from router.prompt_access import PATH, SURFACE
from router.prompt_views import prompt_answer
from router.routes.prompt_tools import MOST_BODY_BYTES, PromptTool
from router.tool_desk import Job, ToolDesk
from router.tool_work import Reach, generated
from router.vendor_prompts import check_task, usage_of
from router.words import ENGLISH

ROUTE = f"{PATH}/generate"


def told(error: Exception) -> Exception:
    """Return what is told of an error: that a key has expired is, here as on every route of prompts."""
    return expired() if isinstance(error, KeyExpired) else error


MANNER = Manner(F2, told)


class OurEdge:
    """How requests come in for prompts that are to be kept.

    Args:
        desk: What each of them meets.
        prompts: Where prompts are kept.
        menu: Knows the models that versions may name.

    """

    def __init__(self, desk: ToolDesk, prompts: Prompts, menu: Menu) -> None:
        self._desk = desk
        self._prompts = prompts
        self._menu = menu
        self._decoder = msgspec.json.Decoder(GenerationRequest)

    async def admit(self, scope: Scope, receive: Receive, meter: Meter) -> Job | Stored:
        """Return what a request wants and was let in with, or the answer that it had before.

        Raises:
            Refused: It is not as it must be, or may not be made.
            PromptError: As `place_of` and `check_place` say.
            AccountError, StorageDown: As `ToolDesk.take` says.
            ClientGone: Nobody waits for it.

        """
        require_post(scope)
        headers = scope["headers"]
        principal = await caller_of(self._desk.authenticator, scope)
        check_scopes(principal, (), None, SURFACE, F2)
        self._desk.check_permission(principal, F2)
        require_json(headers, ENGLISH)
        body = await read_body(receive, headers, MOST_BODY_BYTES, ENGLISH)
        asked = decode(self._decoder, body, ENGLISH)
        check_task(asked.task)
        place = place_of(asked, self._menu)
        order = await self._desk.take(
            principal,
            [asked.task],
            scope=scope,
            body=body,
            meter=meter,
            route=ROUTE,
            check=partial(check_place, place, principal.project_id, self._prompts),
        )
        return order if isinstance(order, Stored) else Job(order, partial(self._body, asked.task, place, principal))

    async def _body(
        self, task: str, place: Place, principal: Principal, reach: Reach | None, meter: Meter
    ) -> Callable[[Receipt], bytes]:
        made = await generated(task, reach)
        for warning in made.warnings:
            meter.warn(warning)
        prompt, version = await kept(
            place, made, self._prompts, principal.project_id, principal.subject, meter.request_id
        )
        answer = structs.asdict(prompt_answer(prompt, version))
        return lambda receipt: as_json(GeneratedPrompt(**answer, usage=usage_of(receipt.calls), metadata=receipt))


def generation_of(desk: ToolDesk, prompts: Prompts, menu: Menu) -> PromptTool:
    """Return the application behind the route."""
    return PromptTool(desk.metrics, ROUTE, OurEdge(desk, prompts, menu).admit, MANNER)
