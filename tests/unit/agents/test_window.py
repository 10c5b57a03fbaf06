"""Prompts fit the window of their model, and give things up in the stated order."""

import pytest

from agents.errors import PromptTooLong
from agents.messages import Message
from agents.window import Fit, Window
from tests.unit.agents.papers import Words, task

TURNS = [Message("user" if at % 2 == 0 else "assistant", "word " * 10) for at in range(10)]
PASSAGE = "passage " * 20


def build_of(question: int):
    def build(fit: Fit) -> list[Message]:
        return [*TURNS[fit.turns_lost :], Message("user", PASSAGE * fit.passages + "why " * question)]

    return build


async def fit(window: int, *, passages: int = 4, question: int = 10) -> Fit:
    answers = task("?", None, context_window=window).model
    return await Window(Words(), 1000).fit(answers, 50, TURNS, passages, build_of(question))


def size(fit: Fit, question: int = 10) -> int:
    return sum(2 + len(message.content.split()) for message in build_of(question)(fit))


@pytest.mark.anyio
async def test_all_is_kept_where_all_fits() -> None:
    assert await fit(262) == Fit(4, 0)


@pytest.mark.anyio
@pytest.mark.parametrize(("window", "lost"), [(261, 2), (238, 2), (237, 4), (142, 10)])
async def test_the_oldest_exchanges_go_first_and_whole(window: int, lost: int) -> None:
    assert await fit(window) == Fit(4, lost)


@pytest.mark.anyio
@pytest.mark.parametrize(("window", "kept"), [(141, 3), (121, 2), (101, 1), (81, 0)])
async def test_then_the_worst_passages_go_and_never_the_question(window: int, kept: int) -> None:
    assert await fit(window) == Fit(kept, 10)


@pytest.mark.anyio
async def test_a_question_that_does_not_fit_is_refused_with_the_numbers() -> None:
    with pytest.raises(PromptTooLong) as refused:
        await fit(100, question=60)

    assert (refused.value.tokens, refused.value.room, refused.value.window) == (62, 50, 100)


@pytest.mark.anyio
async def test_no_window_is_ever_passed_and_nothing_is_given_up_in_vain() -> None:
    for window in range(62, 300):
        found = await fit(window)

        assert size(found) + 50 <= window
        more = [Fit(found.passages + 1, 10)] if found.passages < 4 else []
        more += [Fit(4, found.turns_lost - 2)] if found.passages == 4 and found.turns_lost else []
        assert all(size(each) + 50 > window for each in more)


@pytest.mark.anyio
async def test_what_fits_by_its_bytes_is_not_counted() -> None:
    words = Words()
    answers = task("?", None, context_window=100_000).model

    await Window(words, 1000).fit(answers, 50, TURNS, 4, build_of(10))

    assert words.counted == 0


@pytest.mark.parametrize(
    ("window", "asked", "room"), [(4096, None, 1000), (2000, None, 500), (4096, 7, 7), (4096, 4000, 4000)]
)
def test_room_is_what_was_asked_or_a_part_of_the_window(window: int, asked: int | None, room: int) -> None:
    assert Window(Words(), 1000).room(task("?", None, context_window=window).model, asked) == room
