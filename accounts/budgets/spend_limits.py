"""Monthly limits and alerts in cents, as OpenAI's admin API has them: the same budgets, seen and set another way."""

from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from accounts.budgets import store
from accounts.budgets.budget import SMALLEST, Budget, BudgetState, Scope, checked
from accounts.budgets.budgets import PREFIX, Budgets, Page
from accounts.budgets.store import Asked
from accounts.errors import SpendAlertUnknown, SpendLimitUnknown
from accounts.ids import new_id
from accounts.revision import CHANGED
from pricing_tables.exchange import Rates
from storage.script import Script

Currency = Literal["EUR", "USD"]
CENTS = Decimal(100)
ONE = Decimal(1)
# Rounded down: a limit never lets pass more than what was granted.
_DOWN = Context(prec=60, rounding=ROUND_DOWN)
_CENTS = Context(prec=60, rounding=ROUND_HALF_UP)


class Owner(Struct, frozen=True):
    """Whose budgets are meant: the organisation's, whose id is '', or a project's."""

    scope: Scope = "organization"
    scope_id: str = ""


class Threshold(Struct, frozen=True):
    """An amount as it is given and read back: cents of a currency."""

    cents: int
    currency: Currency


class Alert(Struct, frozen=True):
    """A soft monthly budget: whom it tells, and what the subject of the message begins with."""

    threshold: Threshold
    recipients: tuple[str, ...]
    subject_prefix: str | None


class SpendLimits:
    """The monthly euro budgets of the organisation and of projects.

    An owner has one limit here: the tightest of its hard monthly euro budgets. Setting it leaves no other, removing it
    leaves none. Alerts are its soft ones.

    Args:
        budgets: What is read and written.
        rates: Turn dollars into euros, at the latest rate when an amount is set.

    """

    def __init__(self, budgets: Budgets, rates: Rates) -> None:
        self._budgets = budgets
        self._rates = rates

    async def limit(self, owner: Owner) -> BudgetState:
        """Return the limit.

        Raises:
            ProjectUnknown: There is no such project.
            SpendLimitUnknown: None is set.

        """

        def script() -> Script[BudgetState]:
            yield from store.check_owner(owner.scope, owner.scope_id)
            hard = yield from store.hard_months(owner.scope, owner.scope_id)
            if not hard:
                raise SpendLimitUnknown
            return (yield from store.states(hard[:1], self._budgets.now()))[0]

        return await self._budgets.read(script)

    async def set_limit(self, owner: Owner, threshold: Threshold) -> BudgetState:
        """Set the limit, whether there was one or not.

        Raises:
            ProjectUnknown: There is no such project.
            BudgetInvalid: The amount is too large.

        """

        def script() -> Script[BudgetState]:
            yield from store.check_owner(owner.scope, owner.scope_id)
            hard = yield from store.hard_months_to_change(owner.scope, owner.scope_id)
            for other in hard[1:]:
                yield from store.drop(other)
            if hard:
                return (yield from self._budgets.alter(hard[0], checked(self._priced(hard[0], threshold))))
            return (yield from self._budgets.begin(checked(self._new(owner, threshold))))

        return await self._budgets.write(script)

    async def remove_limit(self, owner: Owner) -> None:
        """Remove the limit.

        Raises:
            ProjectUnknown: There is no such project.
            SpendLimitUnknown: None is set.

        """

        def script() -> Script[None]:
            yield from store.check_owner(owner.scope, owner.scope_id)
            hard = yield from store.hard_months_to_change(owner.scope, owner.scope_id)
            if not hard:
                raise SpendLimitUnknown
            for budget in hard:
                yield from store.drop(budget)
            yield CHANGED

        await self._budgets.write(script)

    async def alerts(self, owner: Owner, asked: Asked) -> Page:
        """Return alerts, in the order asked for.

        Raises:
            ProjectUnknown: There is no such project.

        """

        def script() -> Script[Page]:
            yield from store.check_owner(owner.scope, owner.scope_id)
            mine = replace(asked, scope=owner.scope, scope_id=owner.scope_id, unit="EUR", kind="soft", every="month")
            budgets, more = yield from store.listed(mine)
            return Page((yield from store.states(budgets, self._budgets.now())), more)

        return await self._budgets.read(script)

    async def alert(self, owner: Owner, alert_id: str) -> BudgetState:
        """Return an alert.

        Raises:
            SpendAlertUnknown: The owner has none of this id.

        """

        def script() -> Script[BudgetState]:
            budget = _alert(owner, alert_id, (yield from store.one(alert_id)))
            return (yield from store.states([budget], self._budgets.now()))[0]

        return await self._budgets.read(script)

    async def add_alert(self, owner: Owner, alert: Alert) -> BudgetState:
        """Make an alert.

        Raises:
            ProjectUnknown: There is no such project.
            BudgetInvalid: Naming the field.

        """
        budget = checked(_told(replace(self._new(owner, alert.threshold), kind="soft"), alert))
        return await self._budgets.write(lambda: self._budgets.begin(budget))

    async def change_alert(self, owner: Owner, alert_id: str, alert: Alert) -> BudgetState:
        """Put another alert in the place of one.

        Raises:
            SpendAlertUnknown: The owner has none of this id.
            BudgetInvalid: Naming the field.

        """

        def script() -> Script[BudgetState]:
            old = _alert(owner, alert_id, (yield from store.one_to_change(alert_id)))
            return (yield from self._budgets.alter(old, checked(_told(self._priced(old, alert.threshold), alert))))

        return await self._budgets.write(script)

    async def remove_alert(self, owner: Owner, alert_id: str) -> None:
        """Remove an alert.

        Raises:
            SpendAlertUnknown: The owner has none of this id.

        """

        def script() -> Script[None]:
            yield from store.drop(_alert(owner, alert_id, (yield from store.one_to_change(alert_id))))
            yield CHANGED

        await self._budgets.write(script)

    def _new(self, owner: Owner, threshold: Threshold) -> Budget:
        budget = Budget(
            id=new_id(PREFIX),
            scope=owner.scope,
            scope_id=owner.scope_id,
            unit="EUR",
            amount=ONE,
            every="month",
            kind="hard",
            timezone=self._budgets.timezone,
            emails=(),
            created_at=self._budgets.now(),
        )
        return self._priced(budget, threshold)

    def _priced(self, budget: Budget, threshold: Threshold) -> Budget:
        """Return the budget with its amount in euros, and as it was given unless that is the same."""
        quoted = _DOWN.divide(Decimal(threshold.cents), CENTS)
        if not quoted:
            # An alert at nothing is one at the first fraction of a cent.
            return replace(budget, amount=SMALLEST, currency=threshold.currency, quoted=quoted)
        if threshold.currency == "EUR":
            return replace(budget, amount=quoted, currency=None, quoted=None)
        exchange = self._rates.rate_on(threshold.currency, self._today())
        euros = _DOWN.quantize(_DOWN.divide(quoted, exchange.rate), SMALLEST)
        return replace(budget, amount=euros, currency=threshold.currency, quoted=quoted)

    def _today(self) -> date:
        return self._budgets.now().date()


def threshold_of(budget: Budget) -> Threshold:
    """Return the amount as it was given, or its euros rounded to the cent."""
    quoted = budget.amount if budget.quoted is None else budget.quoted
    cents = int(_CENTS.quantize(_CENTS.multiply(quoted, CENTS), ONE))
    return Threshold(cents, "USD" if budget.currency == "USD" else "EUR")


def _told(budget: Budget, alert: Alert) -> Budget:
    return replace(budget, emails=alert.recipients, subject_prefix=alert.subject_prefix)


def _alert(owner: Owner, alert_id: str, budget: Budget | None) -> Budget:
    """Return the budget if it is an alert of this owner's; somebody else's is like none."""
    told = None if budget is None else (budget.scope, budget.scope_id, budget.unit, budget.every, budget.kind)
    if budget is None or told != (owner.scope, owner.scope_id, "EUR", "month", "soft"):
        raise SpendAlertUnknown(alert_id[:64])
    return budget
