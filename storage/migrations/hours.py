"""The hours of a ledger that is older than they are, summed once."""

from collections.abc import Iterable, Iterator
from decimal import Context, Decimal, Inexact, InvalidOperation
from itertools import groupby
from typing import Any

import sqlalchemy as sa

OWNER = "before-0002"
HOUR = 13  # letters of a time in ISO 8601: 2026-11-21T12
AT_A_TIME = 500  # rows
_EXACT = Context(prec=2000, traps=[Inexact, InvalidOperation])

_GROUP = ("project_id", "key_id", "subject", "model", "resolved_model", "basis", "zone", "method", "exchange")
_COUNTS = (
    *("requests", "failed", "unknown", "carbon_known", "carbon_tokens", "energy_known", "embodied_known"),
    *("water_known", "input_tokens", "output_tokens", "cached_tokens"),
)
_AMOUNTS = (
    *("cost_eur", "input_eur", "output_eur", "emissions_kg", "emissions_min_kg", "emissions_max_kg"),
    *("embodied_kg", "energy_kwh", "water_liters"),
)
_FIGURES = (*_COUNTS, *_AMOUNTS)
_COLUMNS = ("hour", "owner", *_GROUP, *_FIGURES)
_KEEP = sa.text(f"INSERT INTO usage_hours ({','.join(_COLUMNS)}) VALUES ({','.join(f':{name}' for name in _COLUMNS)})")  # noqa: S608 - names of ours
_NEXT = sa.text("SELECT MIN(opened_at) FROM ledger WHERE opened_at >= :since")
_CALLS = sa.text("""
    SELECT e.*, c.model AS called, c.basis, c.zone, c.cache_read, c.input_eur, c.output_eur
    FROM ledger AS e LEFT JOIN ledger_calls AS c ON c.request_id = e.request_id
    WHERE e.opened_at >= :since AND e.opened_at < :until ORDER BY e.position, c.seq
""")

Figures = list[Any]


def sum_hours(connection: sa.Connection) -> None:
    """Write the hours of every entry, one hour after the other; no sum is rounded."""
    since = ""
    while (opened_at := connection.execute(_NEXT, {"since": since}).scalar()) is not None:
        hour = opened_at[:HOUR]
        since = f"{hour}~"  # sorts behind every time of the hour
        sums: dict[tuple[str, ...], Figures] = {}
        with connection.execute(_CALLS, {"since": hour, "until": since}) as found:
            for calls in _requests(found.mappings()):
                _add(calls, sums)
        rows = [(hour, OWNER, *group, *map(_plain, figures)) for group, figures in sums.items()]
        for start in range(0, len(rows), AT_A_TIME):
            part = rows[start : start + AT_A_TIME]
            connection.execute(_KEEP, [dict(zip(_COLUMNS, row, strict=True)) for row in part])


def _requests(rows: Iterable[Any]) -> Iterator[list[Any]]:
    for _, calls in groupby(rows, key=lambda row: row["position"]):
        yield list(calls)


def _add(calls: list[Any], sums: dict[tuple[str, ...], Figures]) -> None:
    figures = _figures(calls)
    group = _group(calls)
    known = sums.get(group)
    sums[group] = figures if known is None else [_plus(*pair) for pair in zip(known, figures, strict=True)]


def _group(calls: list[Any]) -> tuple[str, ...]:
    entry = calls[0]
    return (
        *(entry["project_id"], entry["key_id"] or "", entry["subject"], entry["model"], entry["resolved_model"] or ""),
        *("+".join(sorted({call[name] for call in calls if call[name]})) for name in ("basis", "zone")),
        entry["method"] or "",
        entry["exchange"] or "",
    )


def _figures(calls: list[Any]) -> Figures:
    entry, made = calls[0], [call for call in calls if call["called"] is not None]
    alone = len({call["called"] for call in made}) == 1
    carbon = entry["emissions_kg"] is not None
    four = (entry["input_tokens"], entry["output_tokens"], entry["cost_eur"], entry["emissions_kg"])
    return [
        1,
        int(entry["status"] in {"error", "unknown"}),
        int(None in four),
        int(carbon),
        entry["output_tokens"] or 0 if carbon else 0,
        *[int(entry[name] is not None) for name in ("energy_kwh", "embodied_kg", "water_liters")],
        entry["input_tokens"],
        entry["output_tokens"],
        None if entry["input_tokens"] is None else sum(call["cache_read"] for call in made),
        _exact(entry["cost_eur"]),
        *[_sum([call[name] for call in made]) if alone else None for name in ("input_eur", "output_eur")],
        *[_exact(entry[name]) for name in _AMOUNTS[3:]],
    ]


def _exact(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _sum(texts: list[str]) -> Decimal:
    total = Decimal(0)
    for text in texts:
        total = _EXACT.add(total, Decimal(text))
    return total


def _plus(one: Any, other: Any) -> Any:  # noqa: ANN401 - a count or a decimal, None where unknown
    if one is None or other is None:
        return other if one is None else one
    return _EXACT.add(one, other) if isinstance(one, Decimal) else one + other


def _plain(figure: Any) -> Any:  # noqa: ANN401 - as above, a decimal as its text
    return str(figure) if isinstance(figure, Decimal) else figure
