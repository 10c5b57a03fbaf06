"""What kind of limit stopped a request, for the metrics (2.5.4)."""

from accounts.errors import BudgetSpent, FootprintUnknown, RateExceeded, TooManyRunning
from accounts.limits.gcra import TOKENS
from agents.errors import ProviderBusy
from metering.prometheus import Metrics


def count_limited(error: Exception, metrics: Metrics) -> None:
    """Count a request that a limit of ours, a budget or its provider refused."""
    kind = _kind(error)
    if kind is not None:
        metrics.ratelimited.labels(kind).inc()


def _kind(error: Exception) -> str | None:
    match error:
        case RateExceeded():
            return "tokens" if error.level.rate.counter.startswith(TOKENS) else "requests"
        case TooManyRunning():
            return "concurrency"
        case BudgetSpent():
            return "budget_eur" if error.unit == "EUR" else "budget_co2e"
        case FootprintUnknown():
            return "budget_co2e"
        case ProviderBusy():
            return "provider"
        case _:
            return None
