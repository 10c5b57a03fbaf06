"""The figures people read: derived from each round, medians over rounds, one table with a column a target."""

from collections.abc import Callable, Iterator
from statistics import median

from payload import PIECES

Round = dict[str, dict[str, dict]]
Figure = Callable[[Round, str], float]


def _cost(turn: Round, name: str, load: str, pieces: int = 1) -> float:
    """Processor microseconds of the target's whole tree for each answer, or for each piece of a stream."""
    figures = turn[name][load]
    return figures["cpu_ns"] / 1000 / (figures["answered"] * pieces)


def _added(load: str, time: str, rank: str, scale: float = 1) -> Figure:
    return lambda turn, name: (turn[name][load][time][rank] - turn["direct"][load][time][rank]) * scale


def _plain(load: str, *path: str) -> Figure:
    def figure(turn: Round, name: str) -> float:
        found = turn[name][load]
        for step in path:
            found = found[step]
        return float(found)

    return figure


def _cpu(load: str, pieces: int = 1) -> Figure:
    return lambda turn, name: _cost(turn, name, load, pieces)


def _ratio(load: str, peer: str) -> Figure:
    return lambda turn, name: _cost(turn, name, load) / _cost(turn, peer, load)


FIGURES: dict[str, tuple[str, Figure]] = {
    "json_1_added_p50_us": ("JSON, 1 in flight: added p50, µs", _added("json_1", "latency", "p50", 1000)),
    "json_1_added_p99_us": ("  added p99, µs", _added("json_1", "latency", "p99", 1000)),
    "json_1_cpu_us": ("  CPU a request, µs", _cpu("json_1")),
    "json_64_added_p50_ms": ("JSON, 64 in flight: added p50, ms", _added("json_64", "latency", "p50")),
    "json_64_added_p99_ms": ("  added p99, ms", _added("json_64", "latency", "p99")),
    "json_64_rps": ("  answers/s", _plain("json_64", "rps")),
    "json_64_cpu_us": ("  CPU a request, µs", _cpu("json_64")),
    "json_64_cpu_x_nginx": ("  CPU, x nginx", _ratio("json_64", "nginx")),
    "json_64_cpu_x_tensorzero": ("  CPU, x tensorzero", _ratio("json_64", "tensorzero")),
    "json_64_waited": ("  ready but without its core, share of time", _plain("json_64", "waited")),
    "json_64_busy": ("  load and upstream, share of their core", _plain("json_64", "busy")),
    "burst_streams_per_s": ("burst streams, 16 in flight: streams/s", _plain("burst_16", "rps")),
    "burst_ttft_p50_ms": ("  first event p50, ms", _plain("burst_16", "ttft", "p50")),
    "burst_cpu_us": ("  CPU a chunk, µs", _cpu("burst_16", PIECES)),
    "burst_cpu_x_nginx": ("  CPU, x nginx", _ratio("burst_16", "nginx")),
    "burst_cpu_x_tensorzero": ("  CPU, x tensorzero", _ratio("burst_16", "tensorzero")),
    "paced_ttft_added_p50_ms": ("200 paced streams: first event added p50, ms", _added("paced_200", "ttft", "p50")),
    "paced_ttft_added_p99_ms": ("  first event added p99, ms", _added("paced_200", "ttft", "p99")),
    "paced_gap_p99_ms": ("  gap p99, ms", _plain("paced_200", "gap", "p99")),
    "paced_gap_max_ms": ("  gap max, ms", _plain("paced_200", "gap", "max")),
    "paced_late": ("  gaps over ten times the pacing", _plain("paced_200", "gap", "late")),
    "paced_cpu_us": ("  CPU a chunk, µs", _cpu("paced_200", PIECES)),
    "paced_cpu_x_nginx": ("  CPU, x nginx", _ratio("paced_200", "nginx")),
    "paced_cpu_x_tensorzero": ("  CPU, x tensorzero", _ratio("paced_200", "tensorzero")),
    "paced_waited": ("  ready but without its core, share of time", _plain("paced_200", "waited")),
    "paced_busy": ("  load and upstream, share of their core", _plain("paced_200", "busy")),
    "herd_ttft_added_p50_ms": ("200 at the same instant: first event added p50, ms", _added("herd_200", "ttft", "p50")),
    "herd_gap_max_ms": ("  gap max, ms", _plain("herd_200", "gap", "max")),
    "herd_late": ("  gaps over ten times the pacing", _plain("herd_200", "gap", "late")),
}
FACTS = {
    "start_seconds": "start, s",
    "idle_mb": "memory idle (PSS), MB",
    "end_mb": "memory at end, MB",
    "answered": "answered and right",
    "errors": "errors",
    "ledger_rows": "ledger rows",
    "tokens": "tokens answered",
    "ledger_tokens": "ledger tokens",
}


def medians(result: dict) -> dict[str, dict[str, float | None]]:
    """Return each figure of each target, the median over rounds; None where it cannot be had."""
    return {
        figure: {name: _median(result["rounds"], name, take) for name in result["targets"]}
        for figure, (_, take) in FIGURES.items()
    }


def _median(turns: list[Round], name: str, take: Figure) -> float | None:
    found = []
    for turn in turns:
        try:
            found.append(take(turn, name))
        except (KeyError, TypeError, ZeroDivisionError):  # not measured, no process of its own, nothing answered
            return None
    return median(found)


def table(result: dict) -> str:
    """Return the figures as text, a row a figure and a column a target; rows nobody has are left out."""
    names = list(result["targets"])
    rows = [(title, [result["medians"][figure][name] for name in names]) for figure, (title, _) in FIGURES.items()]
    rows += [(title, [result["targets"][name][fact] for name in names]) for fact, title in FACTS.items()]
    return "\n".join(_lines(names, rows, result))


def _lines(names: list[str], rows: list[tuple[str, list[float | None]]], result: dict) -> Iterator[str]:
    yield f"{'':52}" + "".join(f"{name:>12}" for name in names)
    for title, cells in rows:
        if any(cell is not None for cell in cells):
            yield f"{title:52}" + "".join(f"{_cell(cell):>12}" for cell in cells)
    for name, row in result["targets"].items():
        if row["errors"]:
            yield f"{name}: first error: {row['first_error']}"


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - three digits say enough
