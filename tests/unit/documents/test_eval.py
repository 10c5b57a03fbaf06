"""What the README says of retrieval, measured with the real cut and the real model."""

import pytest

from eval.corpus import SETS, corpora, questions
from eval.ranks import GOAL, by_meaning, by_words, figures, ours


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("name", SETS)
def test_half_of_the_questions_are_not_in_the_words_of_their_document(name):
    asked = questions(name)

    assert len(asked) >= 48
    assert len({question.document for question in asked}) >= 14
    assert sum(question.kind in {"paraphrase", "cross-lingual"} for question in asked) >= len(asked) / 2


def test_held_out_questions_are_others():
    tuned, held_out = (questions(name) for name in SETS)

    assert not {question.question for question in tuned} & {question.question for question in held_out}


@pytest.mark.anyio
async def test_right_passage_is_among_the_first_three(tmp_path):
    async with corpora(tmp_path) as sets:
        found = {
            name: [figures(await ranker(made)) for ranker in (ours, by_meaning, by_words)]
            for name, made in sets.items()
        }

    for both, dense, words in found.values():
        assert both.top_3 >= GOAL
        assert both.mrr > max(dense.mrr, words.mrr)
