"""E-mails about budgets: which thresholds a spending crosses, and the mail that each leaves, once a window."""

import hashlib
import unicodedata
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct

from accounts.alerts import store as alerts_store
from accounts.alerts.relay import is_address
from accounts.alerts.store import Alert, Draft
from accounts.budgets.budget import Budget
from accounts.budgets.windows import Window
from accounts.decimals import EXACT, as_text
from storage.script import Database, Query, Script

SPENT = 100  # per cent of the limit
SOON = 80  # for hard budgets: while there is still time to act
LONGEST_NAME = 80  # characters of a name or prefix that a subject repeats
DEFAULT_PREFIX = "[Routeur IA]"
_NAMES = {
    "project": "SELECT name FROM projects WHERE id = ?",
    "key": "SELECT name FROM keys WHERE id = ?",
}
_OWNERS = {"organization": "de l'organisation", "project": "du projet", "key": "de la clé"}
_SPANS = {"day": "par jour", "month": "par mois"}


class Spending(Struct, frozen=True):
    """What stands in one window of a budget, `spent` in its unit; `window_id` is the window's name."""

    budget: Budget
    window_id: str
    window: Window
    spent: Decimal


def crossings(budget: Budget, spent_before: Decimal, spent_after: Decimal) -> tuple[int, ...]:
    """Return the thresholds, in per cent of the limit, that lie between two states of a window.

    A soft budget has one, at its limit; a hard one that names readers has one at 80 % too. From 0 on, every threshold
    that is met already counts: so it is asked when a limit is made or lowered.
    """
    if budget.kind == "hard" and not budget.emails:
        return ()
    thresholds = (SPENT,) if budget.kind == "soft" else (SOON, SPENT)
    return tuple(
        threshold
        for threshold in thresholds
        if _met(budget, threshold, spent_after) and not _met(budget, threshold, spent_before)
    )


def _met(budget: Budget, threshold: int, spent: Decimal) -> bool:
    # Of a limit of nothing, the first spending meets every threshold.
    return spent > 0 and EXACT.multiply(spent, Decimal(SPENT)) >= EXACT.multiply(budget.amount, Decimal(threshold))


def note(spending: Spending, threshold: int, now_ns: int) -> Script[None]:
    """Leave a mail about a threshold, in the transaction of what met it: once a window, whoever else does the same.

    Args:
        spending: The window as it is now.
        threshold: Per cent of the limit.
        now_ns: Time of the database's clock, in nanoseconds of the epoch.

    """
    budget = spending.budget
    # A budget that refuses crowds of requests comes here for each: what is there already costs one look.
    if (yield from alerts_store.is_there(spending.window_id, threshold)):
        return
    name = ""
    if budget.scope in _NAMES:
        rows = yield Query(_NAMES[budget.scope], (budget.scope_id,))
        name = rows[0][0] if rows else ""
    draft = Draft(
        id=alert_id(spending.window_id, threshold),
        budget_id=budget.id,
        window_id=spending.window_id,
        threshold=threshold,
        recipients=tuple(filter(is_address, budget.emails)),
        subject=subject_of(budget, threshold, name),
        body=body_of(spending, threshold, name),
    )
    yield from alerts_store.insert(draft, now_ns)


def note_crossings(spending: Spending, spent_before: Decimal, now_ns: int) -> Script[None]:
    """Leave a mail about each threshold that lies between `spent_before` and what is spent now."""
    for threshold in crossings(spending.budget, spent_before, spending.spent):
        yield from note(spending, threshold, now_ns)


def alert_id(window: str, threshold: int) -> str:
    """Return the id of the one alert of a threshold in a window; its Message-ID is made of it, at every try."""
    return f"alert_{hashlib.sha256(f'{window} {threshold}'.encode()).hexdigest()[:32]}"


def one_line(text: str) -> str:
    """Return a name as one short line: no line ends, no characters that control or turn the text around them."""
    plain = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text[: 4 * LONGEST_NAME])
    return " ".join(plain.split())[:LONGEST_NAME].rstrip()


def subject_of(budget: Budget, threshold: int, name: str) -> str:
    """Return the subject, one line whatever the names hold."""
    prefix = one_line(budget.subject_prefix or "") or DEFAULT_PREFIX
    state = "épuisé" if threshold >= SPENT and budget.kind == "hard" else f"à {threshold} %"
    return f"{prefix} Budget {_owner(budget, name)} {state} ({budget.unit} {_SPANS[budget.every]})"


def body_of(spending: Spending, threshold: int, name: str) -> str:
    """Return the text: what happened, to which budget, how much, until when."""
    budget, zone = spending.budget, ZoneInfo(spending.budget.timezone)
    opens, closes = (f"{moment.astimezone(zone):%d/%m/%Y %H:%M}" for moment in _span(spending.window))
    lines = [
        f"Le budget {_owner(budget, name)} {_event(budget, threshold)}",
        "",
        f"Dépensé : {as_text(spending.spent)} {budget.unit}",
        f"Limite : {as_text(budget.amount)} {budget.unit} {_SPANS[budget.every]}",
        f"Période : du {opens} au {closes} ({budget.timezone})",
        f"Remise à zéro : {closes} ({budget.timezone})",
        f"Budget : {budget.id}",
    ]
    if budget.scope_id:
        lines.append(f"Identifiant : {one_line(budget.scope_id)}")
    return "\n".join([*lines, "", "Ce message part une seule fois par seuil et par période.", ""])


def _span(window: Window) -> tuple[datetime, datetime]:
    return window.opens_at, window.closes_at


def _owner(budget: Budget, name: str) -> str:
    shown = one_line(name) or one_line(budget.scope_id)
    return f"{_OWNERS[budget.scope]} « {shown} »" if shown else _OWNERS[budget.scope]


def _event(budget: Budget, threshold: int) -> str:
    if budget.kind == "soft":
        return "a atteint sa limite. Elle est indicative : les requêtes continuent."
    if threshold >= SPENT:
        return "est épuisé : ce qu'il ne couvre plus est refusé jusqu'à la remise à zéro."
    return f"a atteint {threshold} % de sa limite. Elle est stricte : au-delà, les requêtes sont refusées."


class Alerts:
    """The alerts of everybody who shares this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(self, limit: int, after: str | None = None) -> list[Alert]:
        """Return alerts, newest first, beginning behind the one with the id `after`.

        Raises:
            AlertUnknown: There is none of that id.

        """
        return await self._database.read(lambda: alerts_store.listed(limit, after))
