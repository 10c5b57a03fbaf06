"""What the README says of retrieval, measured with the real cut and the real model."""

import pytest

from eval.corpus import corpus, questions
from eval.ranks import GOAL, by_meaning, by_words, figures, ours


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_half_of_the_questions_are_not_in_the_words_of_their_document():
    asked = questions()

    assert len(asked) >= 48
    assert len({question.document for question in asked}) >= 14
    assert sum(question.kind in {"paraphrase", "cross-lingual"} for question in asked) >= len(asked) / 2


@pytest.mark.anyio
async def test_right_passage_is_among_the_first_three(tmp_path):
    async with corpus(tmp_path) as made:
        both, dense, words = [figures(await ranker(made)) for ranker in (ours, by_meaning, by_words)]

    assert both.top_3 >= GOAL
    assert both.mrr > max(dense.mrr, words.mrr)
