"""What running a kept prompt costs more than the same `/completion`: processor time of the gateway, in turns."""

import argparse
import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median

from payload import BEFORE, PROMPT
from stage import Measure, Running, load, running, upstream
from targets import gateway

from agents.messages import Message
from agents.prompts.prompt import Config, Content, Draft, NewPrompt
from agents.prompts.prompts import Prompts
from storage.sqlite import Sqlite

MOST_US = 60  # of processor time that a run may cost more
PROJECT = "proj-default"


async def keep(path: Path) -> None:
    """Keep a prompt that says what the other side asks, in production."""
    database = Sqlite(path)
    prompts = Prompts(database)
    said = (*(Message(turn["role"], turn["content"]) for turn in BEFORE), Message("user", "{{question}}"))
    draft = Draft(content=Content(said, "chat"), config=Config(model="bench-fast", agent="V2"))
    await prompts.create_with(PROJECT, NewPrompt(name=PROMPT), draft, "bench")
    await prompts.promote(PROJECT, PROMPT, 1, "bench")
    await database.aclose()


def cost_us(service: Running, measure: Measure) -> float:
    """Return the processor time of one request, in microseconds."""
    figures = load(service, measure)
    if figures["errors"]:
        raise SystemExit(f"{service.target.shape}: {figures['errors']} wrong answers, first {figures['first_error']}")
    return figures["cpu_ns"] / figures["answered"] / 1000


def main() -> int:
    """Measure both in turns, print both and the difference; 1 when a run costs more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--router", type=Path, default=Path(".venv/bin/router"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=2000, help="of each load")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--stream", action="store_true")
    wish = parser.parse_args()
    measure = Measure("turn", wish.connections, seconds=60, requests=wish.requests, stream=wish.stream)
    with upstream() as port, running(gateway(wish.router.absolute()), port) as service:
        asyncio.run(keep(service.directory / "data" / "router.db"))
        talk = replace(service, target=replace(service.target, shape="talk"))
        run = replace(service, target=replace(service.target, shape="run", path="/api/v1/run"))
        for each in (talk, run):
            cost_us(each, replace(measure, requests=500))
        pairs: list[tuple[float, float]] = []
        for turn in range(wish.rounds):
            # Who goes first changes, so that a drift of the machine meets both alike.
            first, second = (talk, run) if turn % 2 == 0 else (run, talk)
            costs = {each.target.shape: cost_us(each, measure) for each in (first, second)}
            pairs.append((costs["talk"], costs["run"]))
            print(f"turn {turn + 1}: {pairs[-1][0]:.0f} us, {pairs[-1][1]:.0f} us", file=sys.stderr)
    more = median(run - talk for talk, run in pairs)
    print(f"/completion {median(talk for talk, _ in pairs):.0f} us of CPU a request")
    print(f"/api/v1/run {median(run for _, run in pairs):.0f} us")
    print(f"a run costs {more:+.0f} us more, of {MOST_US} that it may")
    return more > MOST_US


if __name__ == "__main__":
    sys.exit(main())
