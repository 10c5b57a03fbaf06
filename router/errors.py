"""Every error that a caller may read: its status, its code, its French text, and the F1 body that carries them."""

import logging
import traceback
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from agents.errors import (
    AgentError,
    AnswerCut,
    ModelUnavailable,
    PromptRefused,
    ProviderBusy,
    ProviderDown,
    ProviderTimeout,
)
from storage.errors import StorageDown

logger = logging.getLogger("router")

# By code: HTTP status and the French text (C-10). Braces are filled from the error.
TEXTS: dict[str, tuple[int, str]] = {
    "invalid_request": (400, "Requête invalide : {reason}"),
    "model_not_found": (400, "Modèle inconnu : {reason}"),
    "agent_not_found": (400, "Agent inconnu : {reason}"),
    "unauthorized": (401, "Token invalide ou expiré"),
    "forbidden": (403, "Accès refusé"),
    "not_found": (404, "Ressource introuvable : {reason}"),
    "method_not_allowed": (405, "Méthode non autorisée"),
    "request_timeout": (408, "La requête est arrivée trop lentement"),
    "conflict": (409, "Conflit : {reason}"),
    "body_too_large": (413, "Corps de requête trop volumineux : {reason}"),
    "unsupported_media_type": (415, "Type de contenu non pris en charge : envoyez du application/json"),
    "rate_limited": (429, "Le fournisseur du modèle limite le débit, réessayez plus tard"),
    "headers_too_large": (431, "En-têtes de requête trop nombreux ou trop longs"),
    "internal": (500, "Erreur interne du routeur"),
    "provider_error": (502, "Le fournisseur du modèle a échoué"),
    "model_unavailable": (503, "Modèle indisponible : {reason}"),
    "overloaded": (503, "Service momentanément indisponible, réessayez plus tard"),
    "provider_timeout": (504, "Le fournisseur du modèle n'a pas répondu à temps"),
}
TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}

# A failure of a lower floor is answered with this code; the narrowest class wins.
STATUS: dict[type[Exception], str] = {
    ModelUnavailable: "model_unavailable",
    PromptRefused: "invalid_request",
    ProviderBusy: "rate_limited",
    ProviderDown: "provider_error",
    ProviderTimeout: "provider_timeout",
    AnswerCut: "provider_error",
    AgentError: "provider_error",
    StorageDown: "overloaded",
}
REASONS: dict[type[Exception], str] = {
    PromptRefused: "le fournisseur du modèle la refuse (trop longue, ou un paramètre qu'il n'accepte pas)",
}
RETRY_SOON = 2  # seconds, when nothing better is known


class Detail(Struct, frozen=True):
    """One fault of the request: what, in which field, of which part."""

    message: str
    key: str
    source: str


class Fault(Struct, frozen=True):
    """The error as OpenAI shapes it, with the request's id."""

    message: str
    type: str
    param: str | None
    code: str
    request_id: str


class Problem(Struct, frozen=True):
    """The F1 body."""

    status_code: int
    detail: str
    extra: Sequence[Detail]
    error: Fault


class Refused(Exception):
    """The request cannot be served as it is.

    Args:
        code: A key of TEXTS.
        reason: What is wrong and the mend, in French, filled into the text.
        param: The field at fault.
        source: The part of the request that holds it: body, query or header.
        retry_after: Seconds after which another try may succeed.
        allow: The methods that would be served, for a method that is not.

    """

    def __init__(
        self,
        code: str,
        reason: str = "",
        *,
        param: str | None = None,
        source: str = "body",
        retry_after: float | None = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason
        self.param = param
        self.source = source
        self.retry_after = retry_after
        self.allow = allow


class Answer(Struct, frozen=True):
    """An error ready to be written: status, extra headers, body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    problem: Problem

    @property
    def body(self) -> bytes:
        """The F1 body as JSON."""
        return msgspec.json.encode(self.problem)


def refusal_of(error: Exception) -> Refused:
    """Return what a caller may know of an error; anything unforeseen is `internal`, without its text."""
    if isinstance(error, Refused):
        return error
    code = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), "internal")
    retry_after: Any = getattr(error, "retry_after", None)
    if retry_after is None and code in {"overloaded", "rate_limited"}:
        retry_after = RETRY_SOON
    reason = str(error) if code == "model_unavailable" else REASONS.get(type(error), "")
    return Refused(code, reason, param="model" if reason else None, retry_after=retry_after)


def answer_to(error: Exception, request_id: str) -> Answer:
    """Return the F1 answer to an error."""
    refused = refusal_of(error)
    status, text = TEXTS[refused.code]
    message = text.format(reason=refused.reason)
    extra = [Detail(refused.reason or message, refused.param, refused.source)] if refused.param else []
    fault = Fault(message, TYPES.get(status, "api_error"), refused.param, refused.code, request_id)
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"x-request-id", request_id.encode())]
    if status == TEXTS["unauthorized"][0]:
        headers.append((b"www-authenticate", b"Bearer"))
    if refused.allow is not None:
        headers.append((b"allow", refused.allow.encode()))
    if refused.retry_after is not None:
        headers.append((b"retry-after", str(max(1, round(refused.retry_after))).encode()))
    return Answer(status, headers, Problem(status, message, extra, fault))


def log_unforeseen(error: Exception, request_id: str) -> None:
    """Log where an unforeseen error happened, never what it said: that may hold a prompt or a key."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("request %s: unforeseen %s\n%s", request_id, type(error).__name__, where)
