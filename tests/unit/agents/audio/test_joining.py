"""Transcripts of parts put together without a doubled or a lost word."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.audio.clip import RATE
from agents.audio.joining import Heard, join
from agents.messages import Segment, Transcript, Word

PACE_S = 0.4  # a word


def heard(said: list[str], first: int, last: int, *, timed: bool = True, misheard: tuple[int, ...] = ()) -> Heard:
    """Return what a model tells of the words from `first` to before `last`, spoken at an even pace."""
    written = [("brouhaha" if at in misheard else said[at]) for at in range(first, last)]
    words = tuple(Word(word, PACE_S * at, PACE_S * (at + 1)) for at, word in enumerate(written))
    seconds = PACE_S * (last - first)
    segments = (Segment(" ".join(written), 0.0, seconds, words),) if timed else ()
    return Heard(PACE_S * first, seconds, Transcript(" ".join(written), "fr", segments))


def counted(number: int) -> list[str]:
    return [f"mot{at}" for at in range(number)]


def test_parts_that_meet_in_a_pause_are_told_one_after_the_other() -> None:
    said = counted(40)

    joined = join([heard(said, 0, 15), heard(said, 15, 40)])

    assert joined.text == " ".join(said)
    assert [(segment.start_s, segment.end_s) for segment in joined.segments] == [(0.0, 6.0), (6.0, 16.0)]


def test_words_said_again_after_a_cut_are_told_again_however_times_are_rounded() -> None:
    first, frames = 2_079_885, 960_143
    seconds = float(Decimal(frames) / RATE)
    before = Transcript("tout de suite", "fr", (Segment("tout de suite", seconds - 0.6, seconds),))
    after = Transcript("de suite, oui", "fr", (Segment("de suite, oui", 0.0, 0.6),))

    joined = join([Heard(first / RATE, seconds, before), Heard((first + frames) / RATE, 2.0, after)])

    assert first / RATE + seconds > (first + frames) / RATE
    assert joined.text == "tout de suite de suite, oui"


@pytest.mark.parametrize("timed", [True, False])
def test_words_that_both_parts_heard_are_told_once(timed) -> None:
    said = counted(40)

    joined = join([heard(said, 0, 24, timed=timed), heard(said, 16, 40, timed=timed)])

    assert joined.text == " ".join(said)


@pytest.mark.parametrize("timed", [True, False])
def test_what_a_part_misheard_at_its_edge_is_told_by_the_other(timed) -> None:
    said = counted(40)

    earlier = heard(said, 0, 24, timed=timed, misheard=(23,))
    joined = join([earlier, heard(said, 16, 40, timed=timed, misheard=(16, 17))])

    assert joined.text == " ".join(said)


def test_case_accents_and_punctuation_do_not_make_two_words_of_one() -> None:
    one = Heard(0.0, 4.0, Transcript("Alors. Nous décidons de lancer le", "fr"))
    other = Heard(1.0, 5.0, Transcript("nous, decidons de lancer, le site demain.", "fr"))

    assert join([one, other]).text == "Alors. Nous décidons de lancer, le site demain."


def test_sentence_that_is_said_twice_is_told_twice() -> None:
    said = ["oui", "nous", "partons"] * 2

    joined = join([heard(said, 0, 3), heard(said, 3, 6)])

    assert joined.text == "oui nous partons oui nous partons"


def test_silent_parts_leave_no_trace() -> None:
    said = counted(10)
    silent = Heard(PACE_S * 5, 3.0, Transcript("", None))

    joined = join([heard(said, 0, 5), silent, Heard(9.0, 2.0, heard(said, 5, 10).transcript)])

    assert joined.text == " ".join(said)


def test_nothing_said_is_an_empty_text_without_a_language() -> None:
    assert join([Heard(0.0, 5.0, Transcript(" "))]) == Transcript("", None, ())


def test_language_is_the_one_spoken_longest() -> None:
    french = Heard(0.0, 20.0, Transcript("bonjour", "fr", (Segment("bonjour", 0.0, 20.0),)))
    english = Heard(20.0, 5.0, Transcript("hello", "en", (Segment("hello", 0.0, 5.0),)))

    joined = join([french, english])

    assert joined.language == "fr"
    assert [segment.language for segment in joined.segments] == ["fr", "en"]


@given(
    number=st.integers(30, 120),
    cuts=st.lists(st.integers(1, 119), min_size=1, max_size=5, unique=True),
    overlap=st.integers(0, 9),
    timed=st.booleans(),
)
def test_every_word_is_told_once_wherever_parts_are_cut(number: int, cuts: list[int], overlap: int, timed) -> None:
    said = counted(number)
    edges = [0, *sorted(cut for cut in cuts if cut < number), number]
    spans = [(max(0, first - overlap), last) for first, last in pairwise(edges)]

    joined = join([heard(said, first, last, timed=timed) for first, last in spans])

    assert joined.text.split() == said
    times = [segment.start_s for segment in joined.segments]
    assert times == sorted(times)
