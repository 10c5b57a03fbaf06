"""What the README says of retrieval, measured with the real cut and the real model."""

import pytest

from eval.corpus import SETS, corpora, questions
from eval.ranks import GOALS, by_meaning, by_words, figures, ours


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("name", SETS)
def test_half_of_the_questions_are_not_in_the_words_of_their_document(name):
    asked = questions(name)

    assert len(asked) >= 40
    assert len({question.document for question in asked}) >= 14
    assert sum(question.kind in {"paraphrase", "cross-lingual"} for question in asked) >= len(asked) / 2


def test_no_question_is_in_two_sets():
    asked = [question.question for name in SETS for question in questions(name)]

    assert len(set(asked)) == len(asked)


@pytest.mark.anyio
async def test_right_passage_is_among_the_first_three(tmp_path):
    async with corpora(tmp_path) as sets:
        found = {
            name: [figures(await ranker(made)) for ranker in (ours, by_meaning, by_words)]
            for name, made in sets.items()
        }

    for name, (both, dense, words) in found.items():
        assert both.top_3 >= GOALS[name]
        assert both.mrr > max(dense.mrr, words.mrr)
