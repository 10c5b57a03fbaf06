"""The evaluation of the prompt tools: how many usable prompts the embedded models write, and what templates restore."""

import argparse
import asyncio
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from msgspec import convert

from agents.local.fetch import fetch_chat
from agents.local.shelf import default_models_dir
from agents.local.weights import CHAT, ChatChoice
from agents.prompts.tools.generate import generate
from agents.prompts.tools.templatize import templatize
from agents.prompts.tools.words import RULE_BASED
from eval.engine import Weights
from eval.usable import Cases, ToolPrompt, ToolTask, faults_of, is_restored
from pricing_tables.loader import load_catalogue
from pricing_tables.model import Model

CASES = Path(__file__).resolve().parent / "tools.toml"
SIZES: dict[str, tuple[ChatChoice, str]] = {"1.5b": ("qwen-1.5b", "larger"), "0.5b": ("qwen-0.5b", "small")}
LARGER = "1.5b"
T = TypeVar("T", ToolTask, ToolPrompt)
GOAL = 0.9  # of the tasks, by the larger model: 18 of 20


def main() -> None:
    """Print a verdict for each case and both scores, and end with 1 where the larger model falls short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, action="append", help="of the model; both where none is given")
    parser.add_argument("--task", type=int, action="append", help="number of a task, from 1; all where none is given")
    parser.add_argument("--prompt", type=int, action="append", help="number of a prompt, from 1")
    parser.add_argument("--show", action="store_true", help="print what is made")
    sys.exit(asyncio.run(_run(parser.parse_args())))


async def _run(given: argparse.Namespace) -> int:
    cases = convert(tomllib.loads(CASES.read_text()), Cases)
    some = given.task is not None or given.prompt is not None
    tasks = _chosen(cases.task, given.task, some=some)
    prompts = _chosen(cases.prompt, given.prompt, some=some)
    good = True
    for size in given.size or SIZES:
        choice, called = SIZES[size]
        row = CHAT[choice]
        file = fetch_chat(default_models_dir(), choice)
        model = load_catalogue(local_watts=65).find(row.model)
        if file.name != row.file.name or model is None:
            raise SystemExit(f"{row.model} cannot be had: the prompt tools are not judged on it")
        weights = Weights(file)
        print(f"{row.model}, the {called} embedded model")
        usable = await _generate(tasks, model, weights, given)
        restored = await _templatize(prompts, model, weights, given)
        print(
            f"{row.model}: {usable} of {len(tasks)} usable prompts, {restored} of {len(prompts)} templates restored\n"
        )
        good = good and restored == len(prompts) and (size != LARGER or usable >= GOAL * len(tasks))
    print(f"the larger model must write {GOAL:.0%} usable prompts; every template must be restored")
    return 0 if good else 1


async def _generate(
    tasks: Sequence[tuple[int, ToolTask]], model: Model, weights: Weights, given: argparse.Namespace
) -> int:
    usable = 0
    for number, task in tasks:
        began, calls = time.monotonic(), weights.calls
        made = await generate(task.task, model, weights)
        faults = faults_of(task, made)
        usable += not faults
        took = f"{time.monotonic() - began:3.0f} s, calls: {weights.calls - calls}"
        print(f"  task {number:2} {'usable' if not faults else 'UNUSABLE'} ({took}): {task.task[:60]}", flush=True)
        print("".join(f"      {fault}\n" for fault in faults), end="")
        if given.show:
            print("\n".join(f"--- {message.role}\n{message.content}" for message in made.messages) + "\n")
    return usable


async def _templatize(
    prompts: Sequence[tuple[int, ToolPrompt]], model: Model, weights: Weights, given: argparse.Namespace
) -> int:
    restored = 0
    for number, prompt in prompts:
        answered = await templatize(prompt.turns, prompt.system, model, weights)
        is_same = is_restored(prompt, answered)
        restored += is_same
        by = ", by the rules" if RULE_BASED in answered.warnings else ""
        named = ", ".join(answered.values) or "nothing to take out"
        print(f"  prompt {number:2} {'restored' if is_same else 'NOT RESTORED'}{by}: {named}", flush=True)
        if given.show:
            print(f"--- {answered.system}\n" + "\n---\n".join(each.content for each in answered.messages))
            print(answered.values)
    return restored


def _chosen(rows: Sequence[T], numbers: Sequence[int] | None, *, some: bool) -> list[tuple[int, T]]:
    wanted = numbers or ([] if some else range(1, len(rows) + 1))
    return [(number, rows[number - 1]) for number in wanted]


if __name__ == "__main__":
    main()
