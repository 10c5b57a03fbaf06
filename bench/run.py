"""The bench: what the gateway adds to a fast upstream, beside a plain proxy and a peer, in one run and one table."""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path

from payload import PIECES
from report import medians, table
from selfcheck import self_check
from soak import soak
from stage import Measure, Running, books, load, running, served, upstream
from targets import Target, present

FIRST_MS, GAP_MS = 200.0, 5.0
STREAM_MS = FIRST_MS + GAP_MS * (PIECES + 2)


def measures(seconds: float, laps: int, *, herd: bool) -> list[Measure]:
    """Return the loads of one round; paced streams start evenly over a stream's time, a herd in one instant."""
    streams = 200
    paced = {"connections": streams, "model": "bench-slow", "stream": True, "late_ms": GAP_MS * 10}
    loads = [
        Measure("json_1", connections=1, seconds=seconds),
        Measure("json_64", connections=64, seconds=seconds),
        Measure("burst_16", connections=16, seconds=seconds, stream=True),
        Measure("paced_200", seconds=60, requests=streams * laps, spread_ms=STREAM_MS, **paced),
    ]
    return loads + [Measure("herd_200", seconds=60, requests=streams, **paced)] * herd


def warm_up(service: Running) -> dict:
    """Ask a little of everything, so that no figure pays for a first time."""
    whole = load(service, Measure("warm", 64, seconds=5, requests=1000))
    streamed = load(service, Measure("warm", 64, seconds=5, requests=200, stream=True))
    return {key: whole[key] + streamed[key] for key in ("answered", "errors", "tokens")} | {
        "first_error": whole["first_error"] or streamed["first_error"]
    }


def bench(targets: list[Target], loads: list[Measure], rounds: int) -> dict:
    """Start everything, measure in turns so that a drift of the machine meets all alike, and read the books."""
    with ExitStack() as stage:
        port = stage.enter_context(upstream("--first-ms", str(FIRST_MS), "--gap-ms", str(GAP_MS)))
        services = [stage.enter_context(running(target, port)) for target in targets]
        idle = {service.target.name: service.memory_mb() for service in services}
        found = {service.target.name: [warm_up(service)] for service in services}
        turns: list[dict[str, dict[str, dict]]] = []
        for turn in range(rounds):
            turns.append({service.target.name: {} for service in services})
            for measure in loads:
                for rank in range(len(services)):
                    service = services[(rank + turn) % len(services)]
                    print(f"round {turn + 1}: {measure.name} {service.target.name}", file=sys.stderr)
                    before = served(port)["cpu_seconds"]
                    figures = load(service, measure)
                    figures["busy"] += (served(port)["cpu_seconds"] - before) / figures["seconds"]
                    turns[-1][service.target.name][measure.name] = figures
                    found[service.target.name].append(figures)
        facts = {
            service.target.name: {
                "start_seconds": service.start_seconds,
                "idle_mb": idle[service.target.name],
                **summary(service, found[service.target.name]),
            }
            for service in services
        }
        return {"rounds": turns, "upstream": served(port), "targets": facts}


def summary(service: Running, found: list[dict]) -> dict:
    """Return the sums over all loads of a service, its memory now, and its books beside them."""
    sums = {key: sum(figures[key] for figures in found) for key in ("answered", "errors", "tokens")}
    first = next((figures["first_error"] for figures in found if figures["errors"]), None)
    ledger = books(service) if service.target.books else None
    return {
        "end_mb": service.memory_mb(),
        **sums,
        "first_error": first,
        "ledger_rows": ledger.rows if ledger else None,
        "ledger_tokens": ledger.tokens if ledger else None,
    }


def right(result: dict) -> bool:
    """Return whether every answer was right and the books hold each answered request once, to the token."""
    return all(
        not row["errors"]
        and row["ledger_rows"] in {None, row["answered"]}
        and row["ledger_tokens"] in {None, row["tokens"]}
        for row in result["targets"].values()
    )


def main() -> int:
    """Read the wish, run it, print the table; 1 when an answer was wrong or the books disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--router", type=Path, default=Path(".venv/bin/router"), help="the gateway's command")
    parser.add_argument("--only", help="names of targets, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one short round, about 20 s")
    parser.add_argument("--out", type=Path, help="write every figure of every round as JSON")
    parser.add_argument("--soak", type=int, metavar="N", help="instead: N requests with memory sampled")
    parser.add_argument("--self-check", action="store_true", help="instead: spoil answers and see them caught")
    wish = parser.parse_args()
    router = wish.router.absolute()
    if wish.self_check:
        return not self_check()
    if wish.soak:
        return not soak(router, wish.soak)
    targets = [target for target in present(router) if not wish.only or target.name in wish.only.split(",")]
    loads = measures(0.6, 2, herd=False) if wish.quick else measures(3, 3, herd=True)
    result = bench(targets, loads, 1 if wish.quick else wish.rounds)
    result["medians"] = medians(result)
    print(table(result))
    if wish.out:
        wish.out.write_text(json.dumps(result, indent=1))
    return not right(result)


if __name__ == "__main__":
    sys.exit(main())
