"""Values are taken out of a prompt, and what is answered restores it to the character, always."""

import json
import re
import threading
import time
from collections.abc import Sequence

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.errors import ModelUnavailable
from agents.messages import Message
from agents.prompts.errors import PromptInvalid
from agents.prompts.prompt import LONGEST_TEXT, Content
from agents.prompts.template import compiled
from agents.prompts.tools import rules
from agents.prompts.tools.asking import Question, answered
from agents.prompts.tools.slots import Pair, restores, taken_out
from agents.prompts.tools.templatize import SCHEMA, templatize
from agents.prompts.tools.words import RULE_BASED, Templatized
from agents.providers.scripted import Line, Scripted
from tests.faults.prompts import model
from tests.unit.agents.test_prompt_tools_generate import says

ASKED = (Message("user", "Translate the word hello to German."),)


def proposes(**values: str) -> tuple[Line, ...]:
    return says(json.dumps({"values": [{"name": name, "value": value} for name, value in values.items()]}))


def check_restored(messages: Sequence[Message], system: str | None, answered: Templatized) -> None:
    def filled(text: str) -> str:
        return re.sub(r"\{\{(\w+)\}\}", lambda found: answered.values.get(found[1], found[0]), text)

    assert tuple(Message(each.role, filled(each.content)) for each in answered.messages) == tuple(messages)
    assert (None if answered.system is None else filled(answered.system)) == system
    used = {
        name
        for text in [answered.system or "", *(m.content for m in answered.messages)]
        for name in re.findall(r"\{\{(\w+)\}\}", text)
    }
    assert set(answered.values) <= used


@pytest.mark.anyio
async def test_values_are_replaced_by_their_names() -> None:
    models = Scripted(proposes(WORD_TO_TRANSLATE="hello", TARGET_LANGUAGE="German"))

    answered = await templatize(ASKED, None, model("m"), models)

    assert answered.messages == (Message("user", "Translate the word {{WORD_TO_TRANSLATE}} to {{TARGET_LANGUAGE}}."),)
    assert answered.values == {"WORD_TO_TRANSLATE": "hello", "TARGET_LANGUAGE": "German"}
    assert (answered.system, answered.warnings) == (None, ())
    assert len(models.prompts) == 1


@pytest.mark.anyio
async def test_a_value_is_found_in_other_capitals_by_its_ends_and_in_quotes() -> None:
    text = 'Correct this for ANNA: the cat sleep on the mat all day long. Sign "Bo".'
    models = Scripted(proposes(name="anna", text="the cat sleep on … all day long", sign="'Bo'"))

    answered = await templatize([Message("user", text)], "", model("m"), models)

    assert answered.messages[0].content == 'Correct this for {{NAME}}: {{TEXT}}. Sign "{{SIGN}}".'
    check_restored([Message("user", text)], "", answered)


@pytest.mark.anyio
async def test_the_system_is_templatized_too_and_placeholders_that_were_there_stay() -> None:
    messages = (Message("user", "Answer Jane in {{LANGUAGE}} and {{ name }}."), Message("assistant", "Dear Jane"))
    models = Scripted(proposes(LANGUAGE="Jane", NAME="Acme", X="{{LANGUAGE}}", Y="LANGUAGE"))

    answered = await templatize(messages, "You work for Acme.", model("m"), models)

    assert answered.system == "You work for {{NAME_2}}."
    assert [message.content for message in answered.messages] == [
        "Answer {{LANGUAGE_2}} in {{LANGUAGE}} and {{ name }}.",
        "Dear {{LANGUAGE_2}}",
    ]
    check_restored(messages, "You work for Acme.", answered)


@pytest.mark.parametrize(
    ("text", "pairs", "templatized"),
    [
        ("Paris, France and Paris", [("CITY", "Paris"), ("PLACE", "Paris, France")], "{{PLACE}} and {{CITY}}"),
        ("a man can", [("X", "an"), ("Y", "a"), ("Z", "man")], "a {{Z}} can"),
        ("keep {one} and }two{", [("X", "one"), ("Y", "two")], "keep {one} and }two{"),
        ("say one", [("", "one"), ("ok", " ")], "say {{VALUE}}"),
        ("say one, two", [("à b", "one"), ("A_B", "two")], "say {{A_B}}, {{A_B_2}}"),
        ("hello", [("X", "hello")], "hello"),
        ("hello world", [("X", "hello"), ("Y", "world")], "{{X}} {{Y}}"),
    ],
)
def test_only_what_stands_alone_is_taken_out_longest_first(
    text: str, pairs: list[tuple[str, str]], templatized: str
) -> None:
    answered = taken_out([Message("user", text)], None, [Pair(*pair) for pair in pairs])

    says_nothing = templatized == "{{X}} {{Y}}"
    if says_nothing:  # a template of placeholders alone is none: the longest stays
        assert answered.messages[0].content in {"hello {{Y}}", "{{X}} world"}
    else:
        assert answered.messages[0].content == templatized
    check_restored([Message("user", text)], None, answered)


PIECES = st.sampled_from(
    [
        "hello",
        "German",
        "{{X}}",
        "{{ X }}",
        "{",
        "}",
        "{{",
        "}}",
        "{{7*7}}",
        " ",
        "\n",
        "\r\n",
        "é",
        "e\u0301",
        "X",
        "$1",
        "\\1",
        "VALUE",
        "_",
        "0",
    ]
)
TEXTS = st.lists(PIECES, max_size=14).map("".join)


@st.composite
def proposals(draw: st.DrawFn) -> tuple[list[str], list[Pair]]:
    texts = draw(st.lists(TEXTS, min_size=1, max_size=3))
    pairs: list[Pair] = []
    for _ in range(draw(st.integers(0, 6))):
        text = draw(st.sampled_from(texts))
        start = draw(st.integers(0, len(text)))
        value = text[start : draw(st.integers(start, len(text)))]
        pairs.append(Pair(draw(st.sampled_from(["X", "x", "VALUE", "", "A B", "{{X}}", "7"])), value))
    return texts, pairs


@settings(max_examples=120, deadline=None)
@given(proposals())
def test_whatever_is_proposed_what_is_answered_restores_the_prompt(proposed: tuple[list[str], list[Pair]]) -> None:
    (system, *texts), pairs = proposed
    messages = [Message("user", text) for text in texts]

    answered = taken_out(messages, system, pairs)

    check_restored(messages, system, answered)
    template = compiled(Content((Message("system", answered.system or ""), *answered.messages)))
    others = compiled(Content((Message("system", system), *messages))).variables
    assert set(template.variables) == {*others, *answered.values}


@settings(max_examples=25, deadline=None)
@given(TEXTS, st.text(max_size=80))
def test_whatever_a_model_says_what_is_answered_restores_the_prompt(text: str, said: str) -> None:
    messages = [Message("user", text)]

    for script in (says(said), proposes(X=said, Y=text)):
        answered = anyio.run(templatize, messages, None, model("m"), Scripted(script))
        check_restored(messages, None, answered)


@pytest.mark.anyio
async def test_values_that_are_nowhere_are_asked_for_again() -> None:
    models = Scripted(proposes(X="nowhere"), proposes(X="hello"))

    answered = await templatize(ASKED, None, model("m"), models)

    assert answered.values == {"X": "hello"}
    assert "character for character" in models.prompts[1].messages[-1].content


@pytest.mark.anyio
async def test_a_prompt_without_values_is_answered_as_it_is() -> None:
    answered = await templatize(ASKED, None, model("m"), Scripted(proposes()))

    assert answered == Templatized(ASKED, None, {})


@pytest.mark.anyio
@pytest.mark.parametrize("script", [says("none"), proposes(X="nowhere"), (ModelUnavailable("no key"),)])
async def test_without_a_model_the_rules_choose_the_values(script: tuple[Line, ...]) -> None:
    answered = await templatize(ASKED, None, model("m"), Scripted(script))

    assert answered.warnings == (RULE_BASED,)
    assert answered.values == {"TARGET_LANGUAGE": "German"}


def test_the_rules_see_quotes_addresses_dates_amounts_numbers_and_tags() -> None:
    text = (
        'Write to anna@example.org by 2025-03-12 or le 3 mars 2025: "Pay us" for 3 items, '
        "see https://x.example/a?b=1. <note>Be kind.</note> Traduis « bonjour » en allemand."
    )

    answered = rules.taken_out([Message("user", text)], None)

    quoted = {"Pay us", "Be kind.", "bonjour"}
    looked_up = {"anna@example.org", "2025-03-12", "3 mars 2025", "3", "https://x.example/a?b=1", "allemand"}
    assert set(answered.values.values()) == quoted | looked_up
    assert {"EMAIL", "DATE", "DATE_2", "URL", "NOTE", "TARGET_LANGUAGE"} <= set(answered.values)
    check_restored([Message("user", text)], None, answered)


def test_what_would_not_be_restored_is_not_answered() -> None:
    assert restores(["a b"], ["a {{X}}"], {"X": "b"})
    assert not restores(["a b"], ["a {{X}}"], {"X": "c"})
    assert not restores(["{{X}} b"], ["{{X}} {{Y}}"], {"Y": "b", "X": "{{X}}"})
    # Read one after the other, a value that holds a name of ours would be filled in itself.
    assert not restores(["{{Y}} b"], ["{{X}} {{Y}}"], {"X": "{{Y}}", "Y": "b"})


@pytest.mark.parametrize("texts", [["x" * (LONGEST_TEXT + 1)], ["x" * LONGEST_TEXT] * 11], ids=["one", "together"])
def test_what_no_template_may_be_is_refused(texts: list[str]) -> None:
    with pytest.raises(PromptInvalid):
        taken_out([Message("user", text) for text in texts], None, [])


@pytest.mark.parametrize(
    "text",
    [
        *("- " * 50_000, "<a> " * 30_000, "{{" * 60_000, '"' * 90_000, "1." * 60_000, "<a>" + " " * 100_000),
        "say {{a" + "\u0315\u0300" * 40_000 + "}}",
        "add " + " ".join(map(str, range(30_000))),
    ],
    ids=lambda text: text[:8],
)
def test_long_hostile_text_takes_no_time(text: str) -> None:
    pairs = [Pair("X", text[: len(text) // part].strip()) for part in range(2, 12)]
    began = time.process_time()

    check_restored([Message("user", text)], None, taken_out([Message("user", text)], None, pairs))
    check_restored([Message("user", text)], None, rules.taken_out([Message("user", text)], None))
    assert time.process_time() - began < 1


@pytest.mark.anyio
async def test_what_a_model_proposes_is_looked_up_beside_the_loop() -> None:
    question = Question(ASKED, SCHEMA, 1)

    reader = await answered(question, lambda _: threading.get_ident(), model("m"), Scripted(proposes(A="hello")))

    assert reader not in {None, threading.get_ident()}
