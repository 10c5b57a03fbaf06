"""Whether the boost is fitted to chance: chosen on one half of the questions, it is judged on the other."""

import random

from documents.search import BOOST
from eval.corpus import Corpus
from eval.ranks import figures, ours

BOOSTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8)
SPLITS = 200


async def halves(made: Corpus) -> list[str]:
    """Return lines that tell how each boost does on all questions, and how those chosen on a half do on the other."""
    ranks = {boost: await ours(made, boost) for boost in BOOSTS}
    lines = [
        f"boost {boost:4}: top-1 {f.top_1:.3f}  top-3 {f.top_3:.3f}  MRR {f.mrr:.3f}"
        for boost in BOOSTS
        for f in [figures(ranks[boost])]
    ]
    chance = random.Random(4)
    numbers = list(range(len(made.questions)))
    unseen: dict[str, list[float]] = {"chosen": [], "fixed": [], "no words": []}
    chosen: list[float] = []
    for _ in range(SPLITS):
        chance.shuffle(numbers)
        one, other = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
        best = max(BOOSTS, key=lambda boost: figures([ranks[boost][n] for n in one]).mrr)
        chosen.append(best)
        for name, boost in (("chosen", best), ("fixed", min(BOOSTS, key=lambda b: abs(b - BOOST))), ("no words", 0.0)):
            unseen[name].append(figures([ranks[boost][n] for n in other]).mrr)
    lines.append(f"chosen on one half: boost {min(chosen)} to {max(chosen)}")
    lines += [
        f"MRR on the other half, mean of {SPLITS} splits: {name} {sum(v) / len(v):.3f}" for name, v in unseen.items()
    ]
    return lines
