"""V2 over documents: one call, its passages fenced and numbered, everything else as it was."""

import pytest

from agents import v2
from agents.errors import PromptTooLong
from agents.grounding import GROUNDED
from agents.messages import Message
from agents.providers.scripted import Scripted
from agents.window import Window
from tests.faults.prompts import text_of
from tests.unit.agents.papers import Shelf, Words, hit, task

HISTORY = (Message("user", "Parle-moi du pont."), Message("assistant", "Il est neuf."))


@pytest.mark.anyio
async def test_one_call_gets_our_system_message_the_history_and_the_passages_before_the_question() -> None:
    shelf, models = Shelf(hit(1, "Douze millions."), hit(7, "Trois ans.")), Scripted()
    reading = shelf.reading()

    events = [event async for event in v2.run(task("Combien coûte-t-il ?", reading, history=HISTORY), models)]

    (prompt,) = models.prompts
    system, *history, turn = prompt.messages
    assert text_of(events) == "Hello there."
    assert system == Message("system", GROUNDED)
    assert tuple(history) == HISTORY
    fence, _, question = turn.content.partition(f"\n</passages-{reading.fence.boundary}>\n\n")
    assert fence.index("Douze millions.") < fence.index("Trois ans.")
    assert question.endswith("\nCombien coûte-t-il ?")
    assert [(each.passage, each.text) for each in reading.sources] == [(1, "Douze millions."), (7, "Trois ans.")]


@pytest.mark.anyio
async def test_a_question_is_looked_for_alone_and_after_the_one_before_it_in_one_embeddings_call() -> None:
    shelf = Shelf(hit(1))

    _ = [each async for each in v2.run(task("Et le pont ?", shelf.reading(), history=HISTORY), Scripted())]

    assert shelf.embedded == [("Et le pont ?", "Parle-moi du pont.\nEt le pont ?")]
    assert [question for question, _ in shelf.asked] == ["Et le pont ?", "Parle-moi du pont.\nEt le pont ?"]


@pytest.mark.anyio
async def test_without_embeddings_words_alone_are_looked_for_and_a_warning_says_so() -> None:
    shelf, models = Shelf(hit(1), embeds=False), Scripted()

    _ = [each async for each in v2.run(task("Combien ?", shelf.reading()), models)]

    assert shelf.asked == [("Combien ?", None)]
    assert shelf.warnings == ["retrieval-keywords-only"]
    assert "Le pont coûte" in models.prompts[0].messages[-1].content


@pytest.mark.anyio
async def test_question_whose_vector_has_no_direction_is_looked_for_by_its_words() -> None:
    shelf, models = Shelf(hit(1), pointless=True), Scripted()

    _ = [each async for each in v2.run(task("???", shelf.reading()), models)]

    assert [vector for _, vector in shelf.asked] == [b"???", None]
    assert shelf.warnings == ["retrieval-keywords-only"]
    assert "Le pont coûte" in models.prompts[0].messages[-1].content


@pytest.mark.anyio
async def test_at_most_eight_passages_and_two_thousand_tokens_are_given() -> None:
    many, long = Shelf(*[hit(at) for at in range(1, 20)]), Shelf(*[hit(at, tokens=700) for at in range(1, 9)])
    of_many, of_long = many.reading(), long.reading()

    for reading in (of_many, of_long):
        _ = [each async for each in v2.run(task("Combien ?", reading), Scripted())]

    assert [each.passage for each in of_many.sources] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [each.passage for each in of_long.sources] == [1, 2]


@pytest.mark.anyio
async def test_what_had_to_be_given_up_is_said_and_sources_hold_what_was_given() -> None:
    words = "mot " * 100
    shelf, models = Shelf(hit(1, words), hit(2, words), hit(3, words)), Scripted()
    reading = shelf.reading(window=Window(Words(), 100))
    history = [Message("user", words), Message("assistant", words)] * 3

    asked = task("Combien ?", reading, context_window=500, history=tuple(history))
    _ = [each async for each in v2.run(asked, models)]
    reading.end()

    assert shelf.warnings == ["history-trimmed: 6 turns", "passages-trimmed: 2"]
    assert [each.passage for each in reading.sources] == [1]
    assert models.prompts[0].messages[-1].content.endswith("Combien ?")


@pytest.mark.anyio
async def test_a_question_longer_than_the_window_reaches_no_model() -> None:
    shelf, models = Shelf(hit(1)), Scripted()

    with pytest.raises(PromptTooLong):
        _ = [each async for each in v2.run(task("mot " * 5000, shelf.reading()), models)]

    assert models.prompts == []


@pytest.mark.anyio
async def test_a_very_long_question_is_looked_for_by_its_beginning_and_end() -> None:
    shelf = Shelf(hit(1))
    question = "Début." + "x" * 50_000 + "Fin."

    _ = [each async for each in v2.run(task(question, shelf.reading(), context_window=128_000), Scripted())]

    ((sought,),) = shelf.embedded
    assert len(sought) < 4100
    assert sought.startswith("Début.")
    assert sought.endswith("Fin.")
    assert [question for question, _ in shelf.asked] == [sought]


@pytest.mark.anyio
async def test_no_passage_at_all_is_said_to_the_model_and_sources_are_empty() -> None:
    shelf, models = Shelf(), Scripted()
    reading = shelf.reading()

    _ = [each async for each in v2.run(task("Combien ?", reading), models)]

    assert "no passage was found" in models.prompts[0].messages[-1].content
    assert reading.sources == []
