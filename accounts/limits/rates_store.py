"""The counters of the rate limits in the database; each part can run inside a larger script."""

from collections.abc import Iterable, Mapping, Sequence

from accounts.limits.gcra import OPEN, Rate, Verdict, give_back, take
from storage.script import Query, Script, Write, places
from storage.statement import delete_from, upsert

UPSERT_RATE = upsert("rates", ("counter", "tat_ns"), key=1, rank=40)
DELETE_RATE = delete_from("rates", "counter", rank=41)
FORGOTTEN_AFTER_NS = 3_600_000_000_000
SWEEP_AT_MOST = 1000


def take_rates(rates: Sequence[Rate], now_ns: int) -> Script[Verdict]:
    """Take a request's cost of all its limits, or of none when one refuses it."""
    if not rates:
        return OPEN
    tats = yield from read_tats([rate.counter for rate in rates])
    verdict, changed = take(tats, rates, now_ns)
    yield from write_tats(changed)
    return verdict


def give_rates_back(rates: Sequence[Rate]) -> Script[None]:
    """Give back the cost of each rate."""
    tats = yield from _locked(sorted(rate.counter for rate in rates))
    known = [rate for rate in rates if rate.counter in tats]
    yield from write_tats({rate.counter: give_back(tats[rate.counter], rate.per_minute, rate.cost) for rate in known})


def read_tats(counters: Iterable[str]) -> Script[dict[str, int]]:
    """Read the arrival times of counters and keep others from them until the transaction ends; 0 for a new one."""
    names = sorted(set(counters))
    tats = yield from _locked(names)
    missing = [name for name in names if name not in tats]
    if missing:
        # A row that is not there cannot be locked: two first requests would both find the limit unused.
        sql = f"INSERT INTO rates (counter, tat_ns) VALUES {','.join(['(?, 0)'] * len(missing))} ON CONFLICT DO NOTHING"  # noqa: S608 - placeholders only
        yield Query(sql, tuple(missing))
        tats = yield from _locked(names)
    return tats


def write_tats(tats: Mapping[str, int]) -> Script[None]:
    """Write arrival times."""
    if tats:
        yield Write(UPSERT_RATE, sorted(tats.items()))


def sweep_rates(now_ns: int) -> Script[int]:
    """Delete counters that have been full for an hour, at most 1,000, and return how many went."""
    sql = "SELECT counter FROM rates WHERE tat_ns < ? ORDER BY counter LIMIT ?"
    rows = yield Query(sql, (now_ns - FORGOTTEN_AFTER_NS, SWEEP_AT_MOST), locks=True)
    if rows:
        yield Write(DELETE_RATE, rows)
    return len(rows)


def _locked(names: Sequence[str]) -> Script[dict[str, int]]:
    if not names:
        return {}
    sql = f"SELECT counter, tat_ns FROM rates WHERE counter IN ({places(len(names))}) ORDER BY counter"  # noqa: S608 - placeholders only
    rows = yield Query(sql, tuple(names), locks=True)
    return dict(rows)
