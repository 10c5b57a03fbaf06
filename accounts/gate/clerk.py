"""The clerk: who gets in and what is owed, decided in the very transaction that writes it."""

from collections.abc import Sequence
from decimal import Decimal

from accounts.alerts import alerts
from accounts.budgets import store as budgets_store
from accounts.budgets.standings import Charged, Standing, Standings, remaining
from accounts.decimals import EXACT
from accounts.errors import AccountError, BudgetSpent, FootprintUnknown, RateExceeded, TooManyRunning
from accounts.gate.asking import Ask, Grant, Knock, Release, running_counter
from accounts.limits.gcra import Verdict, give_back, owe, take
from accounts.limits.rates_store import read_tats, write_tats
from accounts.limits.spare import excess, spare
from accounts.limits.store import keep_to_oneself
from metering.held import Held
from metering.hours import UPSERT_HOUR, Hours, HoursDraft
from metering.ledger import Entry, Remaining
from storage.clerk import Unit, write_by_rank
from storage.script import Script, Write
from storage.statement import delete_from, insert_into

ONE = Decimal(1)
OPEN_REQUEST = insert_into("open_requests", ("request_id", "owner", "admission"), rank=0)
CLOSE_REQUEST = delete_from("open_requests", "request_id", rank=9)


class Clerk:
    """Writes entries, charges budgets, decides on requests; a process has one.

    Args:
        owner: Names what this process holds, and its hourly sums.
        lists_open: Whether the database keeps the list of open requests.

    Attributes:
        holds: What this process holds, by counter, as of the last transaction that is surely in.
        unsure: Counters of transactions that may not be in: the next one writes them again.

    """

    def __init__(self, owner: str, *, lists_open: bool) -> None:
        self.owner = owner
        self.lists_open = lists_open
        self.hours = Hours(owner)
        self.holds: dict[str, Decimal] = {}
        self.unsure: set[str] = set()

    def hold_anew(self) -> None:
        """Write what is held once more, with the next transaction: others may have given it back meanwhile."""
        self.unsure.update(self.holds)

    def batch(self, units: Sequence[Unit], now_ns: int) -> "Sitting":
        """Put units into one transaction."""
        return Sitting(self, units, now_ns)


class Sitting:
    """One transaction of the clerk."""

    def __init__(self, clerk: Clerk, units: Sequence[Unit], now_ns: int) -> None:
        self._clerk = clerk
        self._units = units
        self._now_ns = now_ns
        self._begin()

    def _begin(self) -> None:
        self._standings = Standings(self._clerk.owner, self._clerk.holds)
        self._charged: dict[int, Charged] = {}
        self._tats: dict[str, int] = {}
        self._new_tats: dict[str, int] = {}
        self._refusing: dict[str, Standing] = {}
        self._draft: HoursDraft | None = None
        self._written: set[str] = set()

    def script(self) -> Script[list[object]]:
        """Return the script that decides and writes: entries first, for they make room for those who want in."""
        self._begin()  # what an earlier run of it read may have changed since
        entries = [unit for unit in self._units if isinstance(unit, Entry)]
        asks = [unit for unit in self._units if isinstance(unit, Ask)]
        yield from self._read(entries, asks)
        for entry in entries:
            self._settle(entry)
        for unit in self._units:
            if isinstance(unit, Release):
                self._standings.give_back(unit.held.amounts)
                self._correct(unit.held, 0)
        outcomes: dict[int, object] = {id(ask): self._decide(ask) for ask in asks}
        outcomes |= {id(unit): self._answer(unit) for unit in self._units if isinstance(unit, Knock)}
        yield from self._write(entries, outcomes)
        outcomes |= {id(entry): self._left(entry) for entry in entries}
        return [outcomes.get(id(unit)) for unit in self._units]

    @property
    def lasts(self) -> bool:
        """Whether anything is held: what the server forgot of that, others would let in once more."""
        return bool(self._standings.own)

    def committed(self) -> None:
        """Remember what this process holds, and its hours."""
        holds = self._clerk.holds
        for counter, amount in self._standings.own.items():
            if amount:
                holds[counter] = amount
            else:
                holds.pop(counter, None)
        # Others may have been added since this was written.
        self._clerk.unsure -= self._written
        if self._draft is not None:
            self._clerk.hours.keep(self._draft)

    def _read(self, entries: Sequence[Entry], asks: Sequence[Ask]) -> Script[None]:
        self._charged = {id(unit): charged_to(unit) for unit in (*entries, *asks)}
        capped = {ask.key_id for ask in asks if ask.running is not None and ask.key_id is not None}
        # What others hold of a window does not grow while its budget is locked; of places there is no such row.
        yield from keep_to_oneself(capped)
        yield from self._standings.read(self._charged.values(), {running_counter(key_id) for key_id in capped})
        counters = {rate.counter for unit in self._units if isinstance(unit, Ask | Knock) for rate in unit.rates}
        for unit in self._units:
            held = unit.held if isinstance(unit, Entry | Release) else None
            if held is not None:
                counters.update(each.counter for each in held.taken)
        if counters:
            self._tats = yield from read_tats(counters)

    def _settle(self, entry: Entry) -> None:
        receipt = entry.receipt
        self._standings.spend(self._charged[id(entry)], receipt.pricing.total_cost, receipt.emissions_g)
        if entry.held is not None:
            self._standings.give_back(entry.held.amounts)
            self._correct(entry.held, receipt.usage.total_tokens)

    def _correct(self, held: Held, used: int) -> None:
        """Charge limits of tokens what was used, not what was feared."""
        tats = {
            rate.counter: give_back(self._tats[rate.counter], rate.per_minute, rate.cost)
            for rate in spare(held, used, self._now_ns)
        }
        tats |= {rate.counter: owe(self._tats[rate.counter], rate, self._now_ns) for rate in excess(held, used)}
        self._tats |= tats
        self._new_tats |= tats

    def _answer(self, knock: Knock) -> Verdict | AccountError:
        verdict, tats = take(self._tats, knock.rates, self._now_ns)
        self._tats |= tats
        self._new_tats |= tats
        return verdict if verdict.refused is None else RateExceeded(verdict, verdict.refused)

    def _decide(self, ask: Ask) -> Grant | AccountError:
        verdict, tats = take(self._tats, ask.rates, self._now_ns)
        if verdict.refused is not None:
            return RateExceeded(verdict, verdict.refused)
        amounts: dict[str, Decimal] = {}
        if ask.running is not None and ask.key_id is not None:
            place = running_counter(ask.key_id)
            if self._standings.held(place) >= ask.running:
                return TooManyRunning(ask.running)
            amounts[place] = ONE
        applying = self._standings.applying(self._charged[id(ask)])
        bounded = False
        for standing in applying:
            if standing.budget.kind == "hard":
                bounded = True
                refusal = self._hold(ask, standing, amounts)
                if refusal is not None:
                    return refusal
        self._standings.hold(amounts)
        self._tats |= tats
        self._new_tats |= tats
        return Grant(amounts, bounded, remaining(applying), verdict)

    def _hold(self, ask: Ask, standing: Standing, amounts: dict[str, Decimal]) -> AccountError | None:
        """Add what the request must hold of a window; return why it may not."""
        amount = standing.part(ask.bound)
        budget = standing.budget
        if amount is None:
            return FootprintUnknown(budget.scope)
        # What costs nothing stays open whatever was spent.
        if amount > 0:
            if EXACT.subtract(standing.room, amount) < 0:
                self._refusing[standing.counter] = standing
                return BudgetSpent(budget.unit, budget.scope, budget.amount, standing.window.closes_at)
            amounts[standing.counter] = amount
        return None

    def _left(self, entry: Entry) -> Remaining | None:
        return remaining(self._standings.applying(self._charged[id(entry)]))

    def _write(self, entries: Sequence[Entry], outcomes: dict[int, object]) -> Script[None]:
        yield from write_by_rank(self._units)
        if entries:
            self._draft = self._clerk.hours.draft(entries)
            yield Write(UPSERT_HOUR, self._draft.rows)
        changed = self._standings.changed()
        if changed:
            rows = [budgets_store.window_row(each.budget, each.window, each.spent) for each in changed]
            yield Write(budgets_store.PUT_WINDOW, rows)
        self._clerk.unsure.update(self._standings.own)
        self._written = set(self._clerk.unsure)
        holds = self._standings.hold_rows(self._written)
        if holds:
            yield Write(budgets_store.PUT_HOLD, holds)
        yield from write_tats(self._new_tats)
        if self._clerk.lists_open:
            yield from self._list(entries, outcomes)
        yield from self._tell(changed)

    def _list(self, entries: Sequence[Entry], outcomes: dict[int, object]) -> Script[None]:
        let_in = [
            (ask.opening[0], self._clerk.owner, ask.opening[1])
            for ask in self._units
            if isinstance(ask, Ask) and ask.opening is not None and isinstance(outcomes[id(ask)], Grant)
        ]
        if let_in:
            yield Write(OPEN_REQUEST, let_in)
        ended = [(entry.admission.request_id,) for entry in entries]
        ended += [(unit.request_id,) for unit in self._units if isinstance(unit, Release) and unit.request_id]
        if ended:
            yield Write(CLOSE_REQUEST, ended)

    def _tell(self, changed: Sequence[Standing]) -> Script[None]:
        """Leave the mails that spending and refusals call for."""
        for each in changed:
            spending = alerts.Spending(each.budget, each.counter, each.window, each.spent)
            yield from alerts.note_crossings(spending, each.spent_before, self._now_ns)
        for each in self._refusing.values():
            if each.budget.emails:
                spending = alerts.Spending(each.budget, each.counter, each.window, each.spent)
                yield from alerts.note(spending, alerts.SPENT, self._now_ns)


def charged_to(unit: Ask | Entry) -> Charged:
    """Return whose budgets a unit is charged to."""
    of = unit.admission if isinstance(unit, Entry) else unit
    return Charged(of.project_id, of.key_id, of.opened_at)
