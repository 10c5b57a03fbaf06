"""What a failure of the wire means: kind, label, and whether its tokens are owed or a second try is free."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from agents.errors import PromptRefused, ProviderBusy, ProviderDown, ProviderError

LONGEST_RETRY_AFTER_S = 3600.0

_Kind = TypeVar("_Kind", bound=ProviderError)
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_REFUSED = frozenset({400, 413, 422})
_AGAIN = frozenset({408, 409})
# Labels end up in Prometheus, so the set is closed: a status that is not here becomes its class.
_NAMED = frozenset({400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529})
_TOO_MANY = 429


def failure(
    kind: type[_Kind],
    code: str,
    *,
    accepted: bool = False,
    retryable: bool = False,
    retry_after: float | None = None,
) -> _Kind:
    """Return an error of `kind` that carries its closed label `code` and nothing the provider said."""
    error = kind(code)
    error.code = code
    error.accepted = accepted
    error.retryable = retryable
    error.retry_after = retry_after
    return error


def refusal(status: int, retry_after: str | None) -> ProviderError:
    """Return the error that an HTTP status other than 2xx means; `retry_after` is the header as it came."""
    wait = seconds_to_wait(retry_after)
    code = _label(status)
    if status == _TOO_MANY:
        # Without a wait that the provider names, another try only deepens the limit or the spent quota.
        return failure(ProviderBusy, code, retryable=wait is not None, retry_after=wait)
    if status in _REFUSED:
        return failure(PromptRefused, code)
    return failure(ProviderDown, code, retryable=status in _AGAIN or status >= 500, retry_after=wait)  # noqa: PLR2004  # every 5xx


def seconds_to_wait(header: str | None) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date; None for garbage, never more than an hour."""
    if header is None:
        return None
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_RETRY_AFTER_S)


def _label(status: int) -> str:
    if status in _NAMED:
        return f"http_{status}"
    if 300 <= status < 400:  # noqa: PLR2004  # every 3xx
        return "redirect"
    return f"http_{status // 100}xx"
