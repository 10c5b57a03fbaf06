"""How a run of a prompt refuses: with the seed's statuses and no others (3.1.3)."""

from accounts.errors import RequestRunning
from agents.errors import AgentError, AnswerCut, ModelUnavailable, PromptRefused, PromptTooLong, ProviderBusy
from router.credentials import KeyExpired, expired
from router.errors import Refused
from router.families import family_of
from router.manners import Manner

ROUTE = "/api/v1/run"
# What the seed has no status for. What fails below the request is a failure of the run, whoever failed: the seed's
# clients try every 500 again and nothing else. Methods and sizes of HTTP itself stay what they are everywhere.
STATUSES = {408: 400, 409: 400, 415: 400, 502: 500, 503: 500, 504: 500}
# What has the status of a wrong request elsewhere: here whoever calls named no model, so that nothing of it is theirs.
FAILED: dict[type[AgentError], str] = {
    ModelUnavailable: "the model of this version is not available on this gateway now",
    ProviderBusy: "the model's provider limits its rate for now",
    PromptRefused: "the model's provider refuses the prompt (too long, or a parameter that it does not take)",
    PromptTooLong: "the prompt is too long for the model of this version",
    AnswerCut: "the model's provider broke off before the answer was complete",
}


def told(error: Exception) -> Exception:
    """Return what is told of an error."""
    if isinstance(error, AgentError):
        reason = next((FAILED[kind] for kind in type(error).__mro__ if kind in FAILED), None)
        return error if reason is None else Refused("run_failed", reason)
    if isinstance(error, RequestRunning):
        return Refused("request_running", str(error), retry_after=error.retry_after)
    if isinstance(error, KeyExpired):
        return expired()
    return error


RUNS = Manner(family_of(ROUTE), told, STATUSES)
