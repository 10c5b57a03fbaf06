"""Refusals as Anthropic and Langfuse write them: their statuses, and their names of what is wrong (5.4)."""

from msgspec import UNSET

from router.families import AnthropicFault, AnthropicProblem, LangfuseProblem, SpendDetails

# Anthropic has one status for a failure behind it and one of its own for being overloaded.
ANTHROPIC_STATUSES = {502: 500, 503: 529}
# By the status that Anthropic gives them; source: its API reference on errors, and `ErrorType` of its SDK 2.12.
ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# What its SDK knows a spent budget by, whose own type is that of every limit.
SPENT = SpendDetails("enforced_spend_limit_reached")
SPENT_CODES = frozenset({"budget_exceeded_eur", "budget_exceeded_co2e"})
LANGFUSE_NAMES = {
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "LangfuseNotFoundError",
    405: "MethodNotAllowedError",
    409: "LangfuseConflictError",
}
SERVER_ERRORS = 500


def anthropic_status(status: int) -> int:
    """Return the status of family F4 for one of ours."""
    return ANTHROPIC_STATUSES.get(status, status)


def anthropic_problem(code: str, status: int, message: str, request_id: str) -> AnthropicProblem:
    """Return the F4 body of a code of C-10 that has this status with us."""
    usual = "api_error" if status >= SERVER_ERRORS else "invalid_request_error"
    kind = ANTHROPIC_TYPES.get(anthropic_status(status), usual)
    details = SPENT if code in SPENT_CODES else UNSET
    return AnthropicProblem(error=AnthropicFault(kind, message, details), request_id=request_id)


def langfuse_problem(status: int, message: str) -> LangfuseProblem:
    """Return the F5 body of a status."""
    usual = "InternalServerError" if status >= SERVER_ERRORS else "InvalidRequestError"
    return LangfuseProblem(message, LANGFUSE_NAMES.get(status, usual))
