"""The evaluation: what retrieval finds, by meaning alone, by words alone, and by both, in one table."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from eval.corpus import corpus
from eval.halves import halves
from eval.ranks import GOAL, Figures, by_meaning, by_words, figures, ours

KINDS = ("literal", "code", "paraphrase", "cross-lingual")


def main() -> None:
    """Print the table, and end with 1 when ours finds too little."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--halves", action="store_true", help="choose the boost on one half, judge it on the other")
    parser.add_argument("--misses", action="store_true", help="list what is not among the first three")
    sys.exit(asyncio.run(_run(parser.parse_args())))


async def _run(given: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with corpus(Path(folder)) as made:
            documents = len({question.document for question in made.questions})
            print(f"{len(made.questions)} questions, {documents} documents, {made.passages} passages\n")
            rankers = {"dense alone": by_meaning, "keywords alone": by_words, "ours": ours}
            ranks = {name: await ranker(made) for name, ranker in rankers.items()}
            print(f"{'':15} {'':15} {'n':>3} {'top-1':>6} {'top-3':>6} {'MRR':>6}")
            for kind in ("all", *KINDS):
                for name, found in ranks.items():
                    chosen = [
                        rank
                        for rank, question in zip(found, made.questions, strict=True)
                        if kind in ("all", question.kind)
                    ]
                    print(_line(kind, name, len(chosen), figures(chosen)))
            if given.misses:
                for rank, question in zip(ranks["ours"], made.questions, strict=True):
                    if rank is None or rank > 3:
                        print(f"{rank}: {question.kind}: {question.question} ({question.document})")
            if given.halves:
                print("\n" + "\n".join(await halves(made)))
            total = figures(ranks["ours"])
            good = total.top_3 >= GOAL
            print(
                f"\nours finds {total.top_3:.3f} among the first three; the goal is {GOAL}: {'met' if good else 'MISSED'}"
            )
            return 0 if good else 1


def _line(kind: str, name: str, count: int, found: Figures) -> str:
    return f"{kind:15} {name:15} {count:3} {found.top_1:6.3f} {found.top_3:6.3f} {found.mrr:6.3f}"


if __name__ == "__main__":
    main()
