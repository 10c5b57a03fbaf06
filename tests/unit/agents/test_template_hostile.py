"""Hostile templates and values: literal or refused, never executed, never expanded twice, never slow or huge."""

import time

import pytest

from agents.messages import Message
from agents.prompts.errors import PromptInvalid, VariablesMissing
from agents.prompts.prompt import LONGEST_TEXT, Content
from agents.prompts.template import compiled

LITERAL = [
    "{{7*7}}",
    "{{ 7 * 7 }}",
    "{{7}}",
    "{{'a'.upper()}}",
    "{% if x %}y{% endif %}",
    "{% for i in range(9) %}{% include '/etc/passwd' %}{% endfor %}",
    "{# comment #}",
    "{{x.y}}",
    "{{x.__class__.__mro__}}",
    "{{__class__.__init__.__globals__}}",
    "{{x['y']}}",
    "{{x[0]}}",
    "{{x|upper}}",
    "{{x|safe}}",
    "{{x!r}}",
    "{{x:>10}}",
    "{{x:{y}}}",
    "{x}",
    "{0}",
    "{x.__class__}",
    "%(x)s",
    "%s",
    "$x",
    "${x}",
    "<%= x %>",
    "#{x}",
    "{{{x}",
    "{{x}",
    "{{x",
    "{{",
    "}}",
    "{{}}",
    "{{ }}",
    "{{x y}}",
    "{{x-y}}",
    "{{x,y}}",
    "{{1x}}",
    "{{x\n}}",
    "{{\u00a0x}}",
    "{{x\u200b}}",
    "{{²}}",
    "{{Ⅷ}}",
    "{{\u0301x}}",
    "{{x\x00}}",
    "{{&x}}",
    "{{>x}}",
    "{{#x}}{{/x}}",
    "{{^x}}",
    "{{" + "x" * 65 + "}}",
]


@pytest.mark.parametrize("text", LITERAL)
def test_what_is_no_plain_name_in_two_pairs_of_braces_is_text(text: str):
    message = Message("user", text)
    template = compiled(Content((message,)))

    assert template.variables == ()
    assert template.filled({"x": "1", "y": "2", "7*7": "49", "": "z"}) == (message,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{{x}}}", "{1}"),
        ("{{{{x}}}}", "{{1}}"),
        ("{{ {{x}} }}", "{{ 1 }}"),
        ("{{x{{x}}}}", "{{x1}}"),
        ("{{x}}{{", "1{{"),
        ("{% if {{x}} %}", "{% if 1 %}"),
        ("{{x.{{x}}}}", "{{x.1}}"),
    ],
)
def test_braces_around_a_variable_are_text(text: str, told: str):
    assert compiled(Content((Message("user", text),))).filled({"x": "1"})[0].content == told


@pytest.mark.parametrize("name", ["__class__", "self", "filled", "__import__", "values", "None"])
def test_a_name_is_only_ever_looked_for_among_what_is_given(name: str):
    template = compiled(Content((Message("user", "{{" + name + "}}"),)))

    assert template.filled({name: "given"})[0].content == "given"
    with pytest.raises(VariablesMissing, match=name):
        template.filled({})


@pytest.mark.parametrize("text", LITERAL)
def test_the_same_text_as_a_value_stays_text(text: str):
    template = compiled(Content((Message("user", "{{x}} and {{y}}"),)))

    assert template.filled({"x": text, "y": "{{x}}"})[0].content == f"{text} and {{{{x}}}}"


@pytest.mark.parametrize(
    "text",
    [
        "{" * LONGEST_TEXT,
        "{{" + " " * (LONGEST_TEXT - 2),
        "{{x" + "\t" * (LONGEST_TEXT - 3),
        "{{ " * (LONGEST_TEXT // 3),
        "{{x " * (LONGEST_TEXT // 4),
        "{{" + "x" * (LONGEST_TEXT - 2),
        "{{" + "e" + "\u0301" * (LONGEST_TEXT - 3),
        ("{{" + "x" * 250) * (LONGEST_TEXT // 252),
        "{{x}" * (LONGEST_TEXT // 4),
        "{{x}}" * (LONGEST_TEXT // 5),
        "".join(f"{{{{x{number}}}}}" for number in range(20_000)),
    ],
    ids=["braces", "blanks", "tabs", "open", "unclosed", "long", "accents", "longs", "halves", "variables", "names"],
)
def test_the_longest_text_is_taken_apart_in_less_than_a_second(text: str):
    began = time.process_time()
    compiled(Content((Message("user", text),)))

    assert time.process_time() - began < 1


def test_a_value_of_a_megabyte_is_refused_without_being_put_in():
    template = compiled(Content((Message("user", "{{x}}" * 40_000),)))
    began = time.process_time()

    with pytest.raises(PromptInvalid, match="40000000000 characters; 200000 is the most") as refused:
        template.filled({"x": "v" * 1_000_000})

    assert refused.value.param == "variables"
    assert time.process_time() - began < 1


def test_many_long_messages_are_refused_together():
    template = compiled(Content(tuple([Message("user", "{{x}}")] * 11), "chat"))

    with pytest.raises(PromptInvalid, match="2200000 characters; 2000000 is the most"):
        template.filled({"x": "v" * LONGEST_TEXT})


def test_a_message_may_be_filled_up_to_the_longest_text():
    template = compiled(Content((Message("user", "{{x}}!"),)))

    assert len(template.filled({"x": "v" * (LONGEST_TEXT - 1)})[0].content) == LONGEST_TEXT


def test_a_value_whose_name_is_a_megabyte_of_marks_is_left_aside_at_once():
    template = compiled(Content((Message("user", "{{x}}"),)))
    began = time.process_time()

    with pytest.raises(VariablesMissing, match="x"):
        template.filled({"e" + "\u0301\u0316" * 200_000: 1})

    assert time.process_time() - began < 0.5
