"""Every error that a caller may read: refused, or failed below, and the answer that says so in the path's family."""

import logging
import math
import traceback
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from accounts.errors import (
    AccountConflict,
    AccountError,
    AccountForbidden,
    AccountInvalid,
    AccountUnknown,
    BudgetSpent,
    FootprintUnknown,
    IdempotencyKeyWrong,
    RateExceeded,
    TooManyFailures,
    TooManyRunning,
)
from agents.audio.errors import AudioError, AudioTooLong, AudioUnreadable, DecoderDown
from agents.errors import (
    AgentError,
    AnswerCut,
    ModelUnavailable,
    PromptRefused,
    PromptTooLong,
    ProviderBusy,
    ProviderDown,
    ProviderTimeout,
)
from agents.prompts.errors import PromptError, PromptTaken, PromptUnknown, VersionFixed
from documents.errors import (
    DocumentError,
    DocumentUnknown,
    EmbeddingFailed,
    ProjectFull,
    SourcesUnknown,
    Unreadable,
    UploadExpired,
)
from router.families import (
    F1,
    F3,
    F4,
    F5,
    Detail,
    Failure,
    Family,
    Fault,
    OpenAIFault,
    OpenAIProblem,
    Problem,
    Refusal,
    as_body,
    id_headers,
)
from router.limit_refusals import LIMITED, limit_refusal
from router.overspend import code_of, openai_of, reason_of, wait_of
from router.texts import INVALID, NO_KEY, TEXTS, Text
from router.vendor_refusals import anthropic_problem, anthropic_status, langfuse_problem
from storage.errors import StorageDown

logger = logging.getLogger("router")

TYPES = {
    400: INVALID,
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}

# A failure of a lower floor is answered with this code; the narrowest class wins.
STATUS: dict[type[Exception], str] = {
    ModelUnavailable: "model_unavailable",
    PromptRefused: "invalid_request",
    PromptTooLong: "invalid_request",
    ProviderBusy: "rate_limited",
    ProviderDown: "provider_error",
    ProviderTimeout: "provider_timeout",
    AnswerCut: "provider_error",
    AgentError: "provider_error",
    AudioError: "invalid_request",
    AudioTooLong: "audio_too_long",
    AudioUnreadable: "invalid_request",
    DecoderDown: "overloaded",
    StorageDown: "overloaded",
    AccountError: "invalid_request",
    RateExceeded: "rate_limited",
    TooManyRunning: "rate_limited",
    TooManyFailures: "rate_limited",
    AccountInvalid: "invalid_request",
    AccountUnknown: "not_found",
    AccountForbidden: "forbidden",
    AccountConflict: "conflict",
    DocumentError: "invalid_request",
    DocumentUnknown: "not_found",
    ProjectFull: "conflict",
    UploadExpired: "request_timeout",
    EmbeddingFailed: "provider_error",
    PromptError: "invalid_request",
    PromptUnknown: "not_found",
    PromptTaken: "conflict",
    VersionFixed: "conflict",
}
# What is told of a failure below, in French and in English, when its own text is for the log alone; braces are filled
# with its detail.
REASONS: dict[type[Exception], tuple[str, str]] = {
    PromptRefused: (
        "le fournisseur du modèle la refuse (trop longue, ou un paramètre qu'il n'accepte pas)",
        "the model's provider refuses it (too long, or a parameter that it does not take)",
    ),
    PromptTooLong: (
        "« message » est trop long pour ce modèle, en jetons : {detail} (la demande, la réponse, la fenêtre)",
        "'message' is too long for this model, in tokens: {detail} (the request, its answer, the window)",
    ),
    ProviderBusy: (
        "le fournisseur du modèle limite le débit, réessayez plus tard",
        "the model's provider limits it, try again later",
    ),
    AudioUnreadable: (
        "le contenu du fichier n'est pas de l'audio lisible",
        "the content of the file is no readable audio",
    ),
    AudioTooLong: ("il dure plus que permis", "it lasts longer than is allowed"),
    TooManyFailures: (
        "trop d'échecs d'authentification depuis cette adresse",
        "too many wrong credentials came from this address",
    ),
    DocumentUnknown: (
        "aucun document de cet identifiant dans ce projet",
        "there is no document of this id in this project",
    ),
    SourcesUnknown: ("sources inconnues dans ce projet : {detail}", "sources unknown in this project: {detail}"),
    ProjectFull: (
        "ce projet a autant de documents qu'il peut en avoir ; supprimez-en d'abord",
        "this project has as many documents as it may; delete some first",
    ),
    Unreadable: ("le document est illisible : {detail}", "the document cannot be read: {detail}"),
}
TOLD = (ModelUnavailable, AccountError, PromptError)  # failures below whose own text is for the caller
FIELDS: dict[type[Exception], str] = {
    ModelUnavailable: "model",
    PromptRefused: "model",
    PromptTooLong: "message",
    AudioTooLong: "file",
    AudioUnreadable: "file",
    SourcesUnknown: "sources",
    DocumentUnknown: "document_id",
}
SOURCES: dict[type[Exception], str] = {IdempotencyKeyWrong: "header", DocumentUnknown: "path"}  # where not the body
SDK_FAMILIES = (F3, F4)  # whose SDKs read how long to wait to the millisecond
RETRY_SOON = 2  # seconds, when nothing better is known


class Refused(Exception):
    """The request cannot be served as it is.

    Args:
        code: A key of TEXTS.
        reason: What is wrong and the mend, filled into the text, in the language of the path's family. Of
            `unauthorized` it is the credential, masked, and F1 does not tell it.
        param: The field at fault.
        source: The part of the request that holds it: body, path, query or header.
        retry_after: Seconds after which another try may succeed.
        headers: Further headers of the answer, in any case of letters.
        openai: Type and code of family F3, where they are not those of the code.

    """

    def __init__(
        self,
        code: str,
        reason: str = "",
        *,
        param: str | None = None,
        source: str = "body",
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        openai: tuple[str, str | None] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason
        self.param = param
        self.source = source
        self.retry_after = retry_after
        self.headers: Mapping[str, str] = headers or {}
        self.openai = openai


class Answer(Struct, frozen=True):
    """An error ready to be written: status, headers, its code (C-10), body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    code: str
    body: bytes


def refusal_of(error: Exception, family: Family = F1) -> Refused:
    """Return what a caller may know of an error; anything unforeseen is `internal`, without its text."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, BudgetSpent | FootprintUnknown):
        wait_s = wait_of(error) if family is Family.F2 else None
        return Refused(code_of(error), reason_of(error, family), openai=openai_of(error), retry_after=wait_s)
    kinds = type(error).__mro__
    code = next((STATUS[kind] for kind in kinds if kind in STATUS), "internal")
    if isinstance(error, LIMITED):
        told = limit_refusal(error, family)
        return Refused(code, told.reason, retry_after=told.retry_after, headers=told.headers, openai=told.openai)
    retry_after: Any = getattr(error, "retry_after", None)
    if retry_after is None and code in {"overloaded", "rate_limited"}:
        retry_after = RETRY_SOON
    reasons = next((REASONS[kind] for kind in kinds if kind in REASONS), None)
    told = family.choose(*reasons).format(detail=getattr(error, "detail", "")) if reasons else ""
    reason = told or (str(error) if isinstance(error, TOLD) else "")
    source = next((SOURCES[kind] for kind in kinds if kind in SOURCES), "body")
    param: Any = next((FIELDS[kind] for kind in kinds if kind in FIELDS), getattr(error, "param", None))
    return Refused(code, reason, param=param, source=source, retry_after=retry_after)


def fault_of(error: Exception, request_id: str, family: Family = F1) -> Fault:
    """Return the error object of F1, as a stream that has started carries it, in the language of a family."""
    refused = refusal_of(error, family)
    text = TEXTS[refused.code]
    message = family.choose(text.french, text.english).format(reason=refused.reason)
    return Fault(message, TYPES.get(text.status, "api_error"), refused.param, refused.code, request_id)


def answer_to(error: Exception, request_id: str, family: Family = F1) -> Answer:
    """Return the answer to an error, in the shape and language of a family."""
    refused = refusal_of(error, family)
    text = TEXTS[refused.code]
    headers = _headers(refused, text, request_id, family)
    status = anthropic_status(text.status) if family is F4 else text.status
    return Answer(status, headers, refused.code, as_body(_problem(refused, text, request_id, family)))


def _problem(refused: Refused, text: Text, request_id: str, family: Family) -> Refusal:
    if family is F1:
        fault = fault_of(refused, request_id)
        told = refused.reason or fault.message
        extra = [Detail(told, refused.param, refused.source)] if refused.param else []
        return Problem(text.status, fault.message, extra, fault)
    message = text.english.format(reason=refused.reason)
    kind, code = refused.openai or (text.type, text.code)
    if refused.code == "unauthorized" and not refused.reason:
        message, code = NO_KEY, None
    match family:
        case Family.F2:
            return Failure(error=message)
        case Family.F4:
            return anthropic_problem(refused.code, text.status, message, request_id)
        case Family.F5:
            return langfuse_problem(text.status, message)
        case _:
            return OpenAIProblem(OpenAIFault(message, kind, refused.param, code))


def _headers(refused: Refused, text: Text, request_id: str, family: Family) -> list[tuple[bytes, bytes]]:
    headers = {"content-type": "application/json; charset=utf-8"}
    headers |= {name.decode(): value.decode() for name, value in id_headers(request_id, family)}
    if refused.code == "unauthorized":
        headers["www-authenticate"] = "Basic" if family is F5 else "Bearer"
    if not text.retried:
        # Clients retry every 429 unless they are told not to (RL-4).
        headers["x-should-retry"] = "false"
    if refused.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(refused.retry_after)))
        if family in SDK_FAMILIES:
            headers["retry-after-ms"] = str(max(1, math.ceil(refused.retry_after * 1000)))
    headers |= {name.lower(): value for name, value in refused.headers.items()}
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


def log_unforeseen(error: Exception, request_id: str) -> None:
    """Log where an unforeseen error happened, never what it said: that may hold a prompt or a key."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("request %s: unforeseen %s\n%s", request_id, type(error).__name__, where)
