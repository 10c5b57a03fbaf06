"""A prompt becomes a better one and loses nothing that it fills in."""

import json
from typing import Any

import pytest

from agents.errors import ProviderDown
from agents.messages import Message
from agents.prompts.errors import PromptInvalid
from agents.prompts.prompt import LONGEST_TEXT
from agents.prompts.tools.generate import generate
from agents.prompts.tools.improve import improve
from agents.prompts.tools.rules import built, rebuilt
from agents.prompts.tools.variables import placeholders
from agents.prompts.tools.words import RULE_BASED
from agents.providers.scripted import Line, Scripted
from tests.faults.prompts import model
from tests.unit.agents.test_prompt_tools_generate import balanced, says, text_of

BETTER: dict[str, Any] = {
    "opening": "You are a journalist who sums articles up for readers.",
    "variables": [{"name": "ARTICLE", "about": "the article", "long": True}],
    "steps": ["Read {{ARTICLE}} and list its points.", "Write 3 sentences for {{reader}}."],
    "rules": ["Write simply."],
    "judges": False,
    "answer": "Three sentences.",
}
ASKED = (Message("user", "Sum {{ARTICLE}} up in 3 sentences for {{reader}}."),)


def better(**changes: Any) -> tuple[Line, ...]:
    return says(json.dumps(BETTER | changes))


@pytest.mark.anyio
async def test_every_placeholder_is_kept_and_none_is_added() -> None:
    forgetful = better(variables=[{"name": "EXTRA", "about": "more", "long": False}], rules=["Mind {{OTHER}}."])

    made = await improve(ASKED, None, None, model("m"), Scripted(forgetful))

    assert made.warnings == ()
    assert set(placeholders([text_of(made)])) == {"ARTICLE", "reader"}
    assert balanced(text_of(made))


@pytest.mark.anyio
async def test_system_and_feedback_are_told_and_the_system_ends_in_the_users_message() -> None:
    models = Scripted(better())

    made = await improve(ASKED, 'Work for "The Gull", 8 pages.', "Too long-winded.", model("m"), models)

    asked = models.prompts[0].messages[-1].content
    assert "Too long-winded." in asked
    assert "The Gull" in asked
    # The model lost the name of the paper: what was said stands in the prompt as it was.
    assert 'Work for "The Gull", 8 pages.' in text_of(made)
    assert "Sum <article>{{ARTICLE}}</article> up in 3 sentences" in text_of(made)
    assert [message.role for message in made.messages] == ["user"]


@pytest.mark.anyio
async def test_a_rewriting_that_keeps_all_details_stands_alone() -> None:
    made = await improve(ASKED, None, "Simpler.", model("m"), Scripted(better()))

    assert "up in 3 sentences for" not in text_of(made)
    assert "Write 3 sentences for {{reader}}." in text_of(made)


@pytest.mark.anyio
async def test_a_long_prompt_is_kept_word_for_word() -> None:
    long = "Sum {{ARTICLE}} up.\n" + "Mind the tone of the paper.\n" * 100

    made = await improve([Message("user", long)], None, None, model("m"), Scripted(better()))

    assert text_of(made).count("Mind the tone of the paper.") == 100
    assert "Read the article and list its points." in text_of(made)


@pytest.mark.anyio
async def test_the_beginning_of_an_answer_is_kept_and_no_other_is_asked_for() -> None:
    messages = [*ASKED, Message("assistant", "Three points:")]

    made = await improve(messages, None, None, model("m"), Scripted(better(judges=True)))

    assert made.messages[1:] == (Message("assistant", "Three points:"),)
    assert "<answer>" not in text_of(made)


@pytest.mark.anyio
@pytest.mark.parametrize("answer", [says("no"), (ProviderDown(),)], ids=["unusable", "unreachable"])
async def test_without_a_model_the_rules_keep_everything(answer: tuple[Line, ...]) -> None:
    made = await improve(ASKED, "You are a journalist.", "Mind {{x}} <b>.", model("m"), Scripted(answer))

    text = text_of(made)
    assert made.warnings == (RULE_BASED,)
    assert text.startswith("You are a journalist.\n\nSum <article>{{ARTICLE}}</article> up")
    assert "- Mind {x}} \u2039b>." in text
    assert set(placeholders([text])) == {"ARTICLE", "reader"}
    assert balanced(text)


@pytest.mark.anyio
@pytest.mark.parametrize("said", ["", " \n", "x" * LONGEST_TEXT], ids=["empty", "blank", "too long"])
async def test_what_is_no_prompt_is_refused_before_a_model_is_asked(said: str) -> None:
    models = Scripted(better())

    with pytest.raises(PromptInvalid):
        await improve([Message("user", said)], None, "Better!", model("m"), models)
    with pytest.raises(PromptInvalid):
        await generate(said, model("m"), models)

    assert models.prompts == []


def test_placeholders_between_tags_get_no_second_pair() -> None:
    made = rebuilt([Message("user", "<doc>\n{{DOC}}\n</doc> and {{7*7}}")], None, None)

    assert "<doc>\n{{DOC}}\n</doc> and {{7*7}}" in text_of(made)


@pytest.mark.parametrize(
    ("task", "opening", "name"),
    [
        ("a chef for a meal prep service.", "You are a chef for a meal prep service.", "REQUEST"),
        ("un sommelier qui conseille les vins", "Vous êtes un sommelier qui conseille les vins.", "DEMANDE"),
        ("Translate {word} for the reader", "this task with care: Translate {{word}} for the reader", "word"),
    ],
)
def test_the_rules_build_the_same_prompt_for_the_same_task(task: str, opening: str, name: str) -> None:
    made = built(task)

    assert made == built(task)
    assert made.warnings == (RULE_BASED,)
    assert opening in text_of(made)
    assert set(placeholders([text_of(made)])) == {name}
    assert balanced(text_of(made))


@pytest.mark.parametrize(
    "task", ["</answer> {{7*7}} {% x %} {0.__class__} %s", "<|im_end|>\x00\u202e", "{" * 300, "<b>" * 99]
)
def test_the_rules_take_a_hostile_task_for_data(task: str) -> None:
    text = text_of(built(task))

    assert set(placeholders([text])) <= {"REQUEST"}
    assert balanced(text)
    assert "\x00" not in text
