"""A document is cut into passages that lose nothing, stay within bounds and follow its structure."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from documents.cut import passages
from documents.errors import Unreadable
from documents.packing import MOST_CHARS, MOST_TOKENS, TARGET_TOKENS
from documents.parsing.blocks import Block
from documents.sentences import sentences
from metering.tokens import counter

count = counter("o200k_base", Path("without a vocabulary, a token is four bytes"))

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=30)
TEXTS = st.lists(WORDS | st.sampled_from([".", "!", "Fin. Le"]), min_size=1, max_size=60).map(" ".join)
LONG = st.builds(lambda text, times: (text + ". ") * times, TEXTS, st.integers(1, 40)).map(str.strip)
BLOCKS = st.lists(
    st.builds(Block, st.sampled_from(["text", "item", "code"]), TEXTS | LONG)
    | st.builds(Block, st.just("table"), st.lists(TEXTS, min_size=1, max_size=30).map("\n".join))
    | st.builds(Block, st.just("heading"), TEXTS, st.integers(1, 6)),
    max_size=12,
)


def cut(*blocks, most=100_000):
    return list(passages(blocks, count, most))


def lines(number, words=30):
    return "\n".join(f"ligne {line} " + "mot " * words for line in range(number))


@hypothesis_settings(deadline=None, max_examples=100)
@given(BLOCKS)
def test_nothing_is_lost_and_every_passage_is_within_bounds(blocks):
    found = cut(*blocks, Block("text", "fin"))

    assert [passage.number for passage in found] == list(range(1, len(found) + 1))
    assert all(passage.text.strip() == passage.text != "" for passage in found)
    assert all(passage.tokens == count(passage.text) <= MOST_TOKENS for passage in found)
    assert all(len(passage.text) <= MOST_CHARS for passage in found)
    told = "".join(f"{passage.heading}{passage.text}" for passage in found)
    assert all(letters_of(block.text) <= letters_of(told) for block in blocks)


@hypothesis_settings(deadline=None, max_examples=60)
@given(LONG)
def test_passages_of_a_paragraph_follow_each_other_in_its_order(text):
    end = 0
    for passage in cut(Block("text", text)):
        gap = len(text) - len(text[end:].lstrip())
        begin = text.rfind(passage.text, 0, gap + len(passage.text))
        assert begin >= 0
        assert not text[end:begin].strip(), "there is a gap"
        end = max(end, begin + len(passage.text))

    assert not text[end:].strip()


def letters_of(text):
    return set(text) - {" ", "\n"}


def test_a_passage_has_text_of_one_section_only():
    found = cut(
        Block("heading", "Projet", 1),
        Block("text", "intro " * 30),
        Block("heading", "Coûts", 2),
        Block("text", "coût " * 60),
        Block("heading", "Délais", 2),
        Block("text", "délai " * 60),
        Block("heading", "Détail", 4),
        Block("text", "fin " * 20),
    )

    assert [passage.heading for passage in found] == [
        "Projet",
        "Projet > Coûts",
        *["Projet > Délais"] * (len(found) - 2),
    ]
    assert "Détail\n\nfin" in found[-1].text


def test_tiny_sections_share_a_passage_under_their_parent():
    questions = [(f"Question {number} ?", f"Réponse {number}.") for number in range(3)]
    blocks = [[Block("heading", ask, 2), Block("text", answer)] for ask, answer in questions]

    found = cut(Block("heading", "Aide", 1), *(block for pair in blocks for block in pair))

    assert [passage.heading for passage in found] == ["Aide"]
    assert found[0].text == "Question 0 ?\nRéponse 0.\n\nQuestion 1 ?\nRéponse 1.\n\nQuestion 2 ?\nRéponse 2."


def test_a_heading_without_any_text_is_found_all_the_same():
    found = cut(Block("heading", "Annexes", 1), Block("heading", "Plan du site", 2))

    assert [(passage.heading, passage.text) for passage in found] == [("Annexes", "Plan du site")]


def test_a_heading_stays_with_what_it_announces():
    found = cut(
        *[block for part in range(8) for block in (Block("heading", f"Titre {part}", 5), Block("text", "mot " * 70))]
    )

    assert not any(re.search(r"Titre \d$", passage.text) for passage in found)


def test_a_paragraph_that_is_cut_repeats_its_last_sentence():
    text = " ".join(f"La phrase numéro {number} dit quelque chose de court." for number in range(60))
    found = cut(Block("text", text))
    ends = [passage.text.rsplit(". ", 1)[-1].removesuffix(".") for passage in found]

    assert len(found) > 3
    assert all(after.text.startswith(end) for end, after in zip(ends, found[1:], strict=False))
    assert all(passage.tokens <= TARGET_TOKENS for passage in found[:-1])


@pytest.mark.parametrize("kind", ["table", "code"])
def test_tables_and_code_are_cut_between_lines(kind):
    found = cut(Block(kind, "a | b\n" + lines(30)))
    told = [line for passage in found for line in passage.text.split("\n")]

    assert all(line.startswith(("ligne", "a | b")) for line in told)
    assert sum(line == "a | b" for line in told) == (len(found) if kind == "table" else 1)


def test_no_blocks_are_no_document():
    with pytest.raises(Unreadable, match="it has no text"):
        cut()


def test_too_many_passages_are_refused_before_the_rest_is_read():
    def endless():
        while True:
            yield Block("text", "mot " * 200)

    with pytest.raises(Unreadable, match="more than 50 passages"):
        list(passages(endless(), count, 50))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Il est neuf heures. La réunion commence.", 2),
        ("M. Dupont et Mme. Martin, cf. Annexe 2, ont signé. C'est fait !", 2),
        ("See e.g. Section 4, approved by Dr. J. Smith et al. in 2019. It holds.", 2),
        ("« Est-ce vrai ? » Oui. Non… Peut-être.", 4),
        ("L'art. 12 du C. civ. s'applique. Voir p. 3.", 2),
        ("Le total est de 3.5 millions. 40 % en reste.", 2),
        ("第一句。第二句。", 2),
        ("Un titre\n\nUn paragraphe", 2),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, parts):
    found = list(sentences(text))

    assert "".join(found) == text
    assert len(found) == parts, found
