"""A template is filled in a single pass: values are text, braces without a name are text, nothing is executed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.messages import Message
from agents.prompts.errors import PromptInvalid, VariablesMissing
from agents.prompts.prompt import Content
from agents.prompts.template import Template, compiled


def template(text: str) -> Template:
    return compiled(Content((Message("user", text),)))


def filled(text: str, **values: object) -> str:
    return template(text).filled(values)[0].content


def reference_name(inside: str) -> str | None:
    """Return the variable's name between two pairs of braces, read one character after the other."""
    name = unicodedata.normalize("NFC", inside.strip(" \t"))
    if not 1 <= len(name) <= 64:
        return None
    for place, character in enumerate(name):
        kind = unicodedata.category(character)
        letter = character == "_" or kind.startswith("L")
        if not (letter or (place and (kind.startswith("M") or kind == "Nd"))):
            return None
    return name


def reference(text: str, values: dict[str, str]) -> str:
    """Fill a template in by the letter of the contract, one character after the other."""
    out, place = "", 0
    while place < len(text):
        if text.startswith("{{", place):
            closing = text.find("}}", place + 2)
            name = reference_name(text[place + 2 : closing]) if closing > 0 else None
            if name is not None:
                out, place = out + values[name], closing + 2
                continue
        out, place = out + text[place], place + 1
    return out


FRAGMENTS = [
    "{",
    "}",
    "{{",
    "}}",
    "{{a}}",
    "{{ b\t}}",
    "{{é}}",
    "{{e\u0301}}",
    "{{_1}}",
    "a",
    "b",
    " ",
    "\t",
    "\n",
    "1",
    "%",
]
TEXTS = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=30).map("".join)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=8))
def test_every_template_is_filled_as_the_contract_says_one_character_after_the_other(
    text: str, given_values: list[str]
):
    taken_apart = template(text)

    values = {name: given_values[place % len(given_values)] for place, name in enumerate(taken_apart.variables)}

    assert taken_apart.filled(values)[0].content == reference(text, values)


@given(TEXTS)
def test_text_without_variables_stays_as_it_is_and_what_stays_of_others_is_whole(text: str):
    taken_apart = template(text)
    empty = dict.fromkeys(taken_apart.variables, "")

    kept = taken_apart.filled(empty)[0].content

    assert kept == reference(text, empty)
    assert len(kept) == taken_apart.patterns[0].length <= taken_apart.weight
    assert taken_apart.variables or kept == text


@given(st.text(max_size=50), st.text(max_size=50))
def test_no_value_is_ever_expanded(first: str, second: str):
    value = f"{first}{{{{b}}}}{second}"

    assert filled("<{{a}}|{{b}}>", a=value, b=first) == f"<{value}|{first}>"


def test_values_that_meet_never_make_a_variable():
    assert filled("{{{a}}{{b}}}", a="{b}", b="{{a}}") == "{{b}{{a}}}"


def test_variables_are_listed_once_in_order_of_first_use_over_all_messages():
    content = Content((Message("system", "{{b}} {{a}}"), Message("user", "{{ c }} {{b}}")), "chat")

    assert compiled(content).variables == ("b", "a", "c")


def test_a_name_is_the_same_however_its_accents_are_written():
    composed, apart = "pr\u00e9nom", "pre\u0301nom"
    text = f"{{{{{composed}}}}} {{{{{apart}}}}}"

    assert template(text).variables == (composed,)
    assert [template(text).filled({name: "Zoé"})[0].content for name in (composed, apart)] == ["Zoé Zoé"] * 2


@pytest.mark.parametrize("name", ["x", "_", "_1", "__class__", "Été", "имя", "名前", "नाम", "x" * 64, "a1_b2"])
def test_names_are_letters_digits_and_underscores_of_any_script(name: str):
    assert template(f"{{{{{name}}}}}").variables == (unicodedata.normalize("NFC", name),)


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (-0.5, "-0.5"), (1e22, "1e+22"), (10**30, "1" + "0" * 30), (True, "true"), (False, "false"), ("", "")],
)
def test_values_are_spelled_as_json_spells_them(value: object, text: str):
    assert filled("{{x}}", x=value) == text


@pytest.mark.parametrize("value", [None, [], {}, b"x", float("nan"), float("inf"), ["{{x}}"]])
def test_other_values_are_refused_and_the_variable_named(value: object):
    with pytest.raises(PromptInvalid, match="'x'") as refused:
        filled("{{x}}", x=value)

    assert refused.value.param == "variables"


def test_a_number_without_end_is_refused():
    with pytest.raises(PromptInvalid, match="'x' has too many digits"):
        filled("{{x}}", x=10**5000)


def test_all_that_is_missing_is_named_in_order_of_first_use():
    with pytest.raises(VariablesMissing) as refused:
        filled("{{c}} {{a}} {{b}} {{c}}", a="given")

    assert refused.value.detail == "Missing variables: c, b"


def test_what_is_given_beyond_the_variables_is_left_aside_whatever_it_is():
    assert filled("{{x}}", x="1", y=None, z={"deep": []}) == "1"
