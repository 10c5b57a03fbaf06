"""What can be wrong with what is asked of the accounts; each docstring is the text that callers read."""

from datetime import datetime
from decimal import Decimal

from accounts.decimals import as_text
from accounts.limits.gcra import Level, Verdict


class AccountError(Exception):
    """The accounts cannot do that.

    Args:
        detail: What it is about, told after the text.
        param: The field at fault.

    """

    def __init__(self, detail: str = "", *, param: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.param = param

    def __str__(self) -> str:
        """Return the docstring's first line, and what it is about."""
        text = (type(self).__doc__ or "").partition("\n")[0]
        return f"{text.removesuffix('.')}: {self.detail}." if self.detail else text


class AccountInvalid(AccountError):
    """This value is not allowed."""


class AccountUnknown(AccountError):
    """There is no such thing here."""


class AccountForbidden(AccountError):
    """This is not yours to give."""


class AccountConflict(AccountError):
    """This contradicts what is there."""


class ScopeInvalid(AccountInvalid):
    """There is no such scope; scopes are model:NAME, agent:NAME, surface:NAME, prompt_tools and keys."""


class ScopeTooWide(AccountForbidden):
    """No key gives more than it has."""


class LifeInvalid(AccountInvalid):
    """A key lives 1 to 31536000 seconds, or for ever when no life is given."""


class LifeTooLong(AccountForbidden):
    """No key gives a longer life than its own."""


class NameInvalid(AccountInvalid):
    """A name has 1 to 256 characters."""


class IdInvalid(AccountInvalid):
    """An id has 1 to 128 letters, digits, `-` and `_`."""


class KeyUnknown(AccountUnknown):
    """There is no such key."""


class KeyEnded(AccountConflict):
    """The key is revoked, expired or already rotated; make a new one."""


class KeyExpired(AccountError):
    """The key has expired; make a new one."""


class ProjectUnknown(AccountUnknown):
    """There is no such project."""


class ProjectTaken(AccountConflict):
    """There is a project of this id already."""


class ProjectKept(AccountConflict):
    """The default project cannot be archived."""


class ServiceAccountUnknown(AccountUnknown):
    """There is no such service account."""


class TimezoneUnknown(AccountInvalid):
    """There is no time zone of this name."""


class BudgetUnknown(AccountUnknown):
    """There is no such budget."""


class SpendLimitUnknown(BudgetUnknown):
    """No spend limit is set here."""


class SpendAlertUnknown(BudgetUnknown):
    """There is no such spend alert."""


class BudgetInvalid(AccountInvalid):
    """A budget cannot be like this."""


class BudgetSpent(AccountError):
    """The budget cannot cover this request before its window resets.

    Args:
        unit: EUR or gCO2e.
        scope: organization, project or key.
        limit: What may be spent in one window, in `unit`.
        resets_at: When the next window opens.

    """

    def __init__(self, unit: str, scope: str, limit: Decimal, resets_at: datetime) -> None:
        super().__init__(f"{as_text(limit)} {unit} for the {scope} until {resets_at.isoformat()}")
        self.unit = unit
        self.scope = scope
        self.limit = limit
        self.resets_at = resets_at


class FootprintUnknown(AccountError):
    """A hard budget in grams applies, and the footprint of this model cannot be bounded."""


class AlertUnknown(AccountUnknown):
    """There is no such alert."""


class RelayWrong(AccountInvalid):
    """Mail cannot be sent with this."""


class MailRefused(AccountError):
    """The mail server did not take it."""


class IdempotencyKeyWrong(AccountInvalid):
    """An Idempotency-Key has 1 to 255 printable ASCII characters and is sent once."""


class RatesUnreachable(AccountError):
    """The shared counters of the rate limits cannot be reached."""


class RateExceeded(AccountError):
    """The rate limit is reached; try again a little later.

    Attributes:
        verdict: How all limits stand.
        level: The one that is reached, of several the one that lasts longest.

    """

    def __init__(self, verdict: Verdict, level: Level) -> None:
        super().__init__()
        self.verdict = verdict
        self.level = level


class TooManyRunning(AccountError):
    """As many requests of this key run as it may have at once; try again when one has ended.

    Attributes:
        cap: How many may run at once.

    """

    def __init__(self, cap: int) -> None:
        super().__init__()
        self.cap = cap


class LimitInvalid(AccountInvalid):
    """A limit is a whole number from 1 to 1,000,000,000, or null for none."""


class IdempotencyKeyReused(AccountConflict):
    """This Idempotency-Key was sent with another request before; give each request a key of its own."""


class RequestRunning(AccountConflict):
    """A request with this Idempotency-Key is being served; try again for its answer."""

    retry_after = 1.0


class TooManyFailures(AccountError):
    """Too many wrong credentials came from this address; try again a little later.

    Attributes:
        retry_after: Seconds after which another one is looked at.

    """

    def __init__(self, retry_after: float) -> None:
        super().__init__()
        self.retry_after = retry_after
