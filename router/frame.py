"""The frame around cold routes: a request id on every answer, every answer counted, errors in the path's family."""

from typing import Any, cast

from litestar import Request, Response
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from accounts.limits.gcra import Verdict
from metering.middleware import new_request_id
from metering.prometheus import OTHER, Metrics
from router.auth import VERDICT
from router.credentials import KeyExpired, expired
from router.decoding import ClientGone
from router.errors import Refused, answer_to, log_unforeseen
from router.families import Family, family_of
from router.limit_headers import limit_headers
from router.limited import count_limited

EXPIRING = ("/api/v1/run", "/api/v1/prompts")  # the Prompt Manager's paths that tell an expired key from a wrong one


class Frame(ASGIMiddleware):
    """Wraps the cold routes alone: what it costs must not be on the hot one."""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serve one request inside the frame."""
        request_id = new_request_id()
        scope["state"]["request_id"] = request_id
        metrics: Metrics = scope["litestar_app"].state.metrics
        route = scope["path_template"]
        method = cast("HTTPScope", scope)["method"]

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableScopeHeaders(message)["x-request-id"] = request_id
                verdict: Verdict | None = scope["state"].get(VERDICT)
                if verdict is not None and verdict.levels:
                    message["headers"] = [*message["headers"], *limit_headers(verdict, family_of(scope["path"]))]
                metrics.count_request(route, method, message["status"])
            await send(message)

        await next_app(scope, receive, count)


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer any error in the path's family; the log has where an unforeseen one happened, never what it said."""
    family = family_of(request.scope["path"])
    known = _known(error, family)
    if isinstance(error, KeyExpired) and request.scope["path"].startswith(EXPIRING):
        known = expired()
    request_id: str = request.scope["state"].get("request_id") or new_request_id()
    answer = answer_to(known, request_id, family)
    count_limited(known, request.app.state.metrics)
    if answer.code == "internal":
        log_unforeseen(known, request_id)
    if "request_id" not in request.scope["state"]:
        # No route was found, so no frame is around this answer.
        metrics: Metrics = request.app.state.metrics
        metrics.count_request(OTHER, request.scope["method"], answer.status)
    headers = {name.decode(): value.decode("latin-1") for name, value in answer.headers}
    media_type = headers.pop("content-type")
    return Response(answer.body, status_code=answer.status, headers=headers, media_type=media_type)


def _known(error: Exception, family: Family) -> Exception:
    say = family.choose
    if isinstance(error, NotFoundException):
        return Refused("not_found", say("cette route n'existe pas", "there is no such route"))
    if isinstance(error, MethodNotAllowedException):
        return Refused("method_not_allowed", headers={"Allow": (error.headers or {}).get("Allow", "")})
    if isinstance(error, ValidationException):
        name = _parameter(error)
        reason = say(
            f"le paramètre « {name} » n'a pas la forme attendue", f"the parameter '{name}' is not of the form expected"
        )
        return Refused("invalid_request", reason, param=name, source="query")
    if isinstance(error, ClientGone):
        # Nobody reads this; it is counted as what it was.
        return Refused("request_timeout")
    if isinstance(error, HTTPException):
        return Refused(
            "invalid_request", say("la requête n'a pas la forme attendue", "the request is not of the form expected")
        )
    return error


def _parameter(error: ValidationException) -> str:
    """Return the name of the parameter at fault, as the framework tells it."""
    told = cast("list[dict[str, str]]", error.extra if isinstance(error.extra, list) else [])
    return (told[0].get("key") if told else None) or "query"
