"""The check of the checks: upstream spoils every tenth answer, in each way there is, and the load must catch it."""

from spoil import SPOILS, WIRE_SPOILS
from stage import Measure, Running, load, running, served, upstream
from targets import Target, direct, stand_in

REQUESTS = 200


def self_check() -> bool:
    """Print what was spoiled and what was caught; return whether they agree everywhere."""
    agreed = True
    print(f"{'spoiled':12} {'shape':11} {'mode':7} {'wrong':>6} {'caught':>7}")
    for spoil in ("nothing", *SPOILS, *WIRE_SPOILS):
        with upstream(*(("--spoil", spoil) if spoil != "nothing" else ())) as port:
            for target in (direct(), stand_in()):
                for stream in (False, True):
                    agreed &= _agrees(target, port, spoil, stream=stream)
    return agreed


def _agrees(target: Target, port: int, spoil: str, *, stream: bool) -> bool:
    if spoil == "free" and target.shape == "chat":
        return True  # this shape states no price
    before = served(port)["spoiled"]
    with running(target, port) as service:
        found = _load(service, stream=stream)
    spoiled = served(port)["spoiled"] - before
    mode = "stream" if stream else "whole"
    errors, why = found["errors"], (found["first_error"] or "")[:80]
    print(f"{spoil:12} {target.shape:11} {mode:7} {spoiled:6} {errors:7}  {why}")
    expected = 0 if spoil == "nothing" else REQUESTS // 10
    return errors == spoiled == expected and found["answered"] == REQUESTS - spoiled


def _load(service: Running, *, stream: bool) -> dict:
    return load(service, Measure("self-check", connections=4, seconds=10, requests=REQUESTS, stream=stream))
