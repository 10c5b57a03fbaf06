"""A recording is cut into parts that lose nothing, in pauses where there are any."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.audio.clip import RATE
from agents.audio.parts import LONG_FRAMES, MARGIN_FRAMES, parts_of
from agents.audio.recording import Pause, Recording

NOWHERE = Path("nowhere.pcm")


def recording(frames: int, *pauses: Pause) -> Recording:
    return Recording(NOWHERE, frames, pauses)


def pause(first_s: float, seconds: float, depth: float = 40.0, loudest: float = -60.0) -> Pause:
    return Pause(round(first_s * RATE), round(seconds * RATE), depth, loudest)


def bounds(parts) -> list[tuple[float, float, float]]:
    """Return start, end and overlap of each part, in seconds."""
    return [(part.start / RATE, part.end / RATE, part.overlap / RATE) for part in parts]


@st.composite
def recordings(draw) -> Recording:
    stretches = st.tuples(st.integers(1, 60 * RATE), st.integers(RATE // 5, 45 * RATE), st.floats(0, 90))
    at, pauses = 0, []
    for speech, silence, depth in draw(st.lists(stretches, max_size=40)):
        loudest = draw(st.sampled_from([-90.0, -66.0, -40.0]))
        at += speech * draw(st.integers(0, 1) if not pauses else st.just(1))
        pauses.append(Pause(at, silence, depth, loudest))
        at += silence
    return recording(at + draw(st.integers(0, 200 * RATE)), *pauses)


@given(recordings(), st.integers(1, 100), st.data())
def test_parts_hold_every_sample_but_those_of_long_silences(whole, most_s, data):
    overlap_s = data.draw(st.integers(0, (most_s - 1) // 2))
    parts = parts_of(whole, most_s, overlap_s)
    silences = [
        (quiet.first, quiet.end) for quiet in whole.pauses if quiet.frames >= LONG_FRAMES and quiet.loudest <= -66.0
    ]

    assert all(0 < part.clip.frames <= most_s * RATE for part in parts)
    assert all(0 <= part.start < part.end <= whole.frames for part in parts)
    at = 0
    for part in parts:
        if part.start > at:
            assert any(first <= at and part.start <= end for first, end in silences)
        else:
            assert at - part.start == part.overlap
        at = part.end
    assert at == whole.frames or any(first <= at and end == whole.frames for first, end in silences)


@given(recordings(), st.integers(10, 100))
def test_parts_share_sound_only_where_there_is_no_pause_to_cut_in(whole, most_s):
    for before, part in pairwise(parts_of(whole, most_s, 3)):
        if part.overlap:
            assert part.overlap == 3 * RATE
            middles = [quiet.first + quiet.frames // 2 for quiet in whole.pauses if quiet.frames >= RATE // 5]
            assert not any(before.end - most_s * RATE // 4 <= middle <= before.end for middle in middles)
        elif part.start == before.end:
            assert any(quiet.first < part.start < quiet.end for quiet in whole.pauses)


def test_what_a_model_takes_at_once_is_one_part():
    assert bounds(parts_of(recording(60 * RATE, pause(30, 1)), 60, 3)) == [(0, 60, 0)]


def test_nothing_has_no_parts():
    assert parts_of(recording(0), 60, 3) == ()


def test_the_cut_is_in_the_middle_of_the_longest_and_deepest_pause_of_the_second_half():
    whole = recording(110 * RATE, pause(10, 1), pause(34, 0.4), pause(40, 0.8), pause(50, 0.8, depth=20))

    assert bounds(parts_of(whole, 60, 3)) == [(0, 40.4, 0), (40.4, 95.0, 0), (92.0, 110, 3)]


def test_without_any_pause_parts_share_the_overlap_and_none_is_a_crumb():
    assert bounds(parts_of(recording(121 * RATE), 60, 3)) == [(0, 60, 0), (57, 106, 3), (103, 121, 3)]


def test_an_hour_of_silence_has_nothing_to_be_heard():
    assert parts_of(recording(3600 * RATE, pause(0, 3600, depth=0, loudest=-90)), 60, 3) == ()


def test_an_hour_of_noise_is_heard():
    parts = parts_of(recording(3600 * RATE, pause(0, 3600, depth=2, loudest=-50)), 60, 3)

    assert sum(part.clip.seconds for part in parts) == Decimal(3600)


def test_a_long_break_is_left_out_but_for_its_edges_and_times_stay_true():
    whole = recording(200 * RATE, pause(50, 100, loudest=-80))

    assert bounds(parts_of(whole, 60, 3)) == [(0, 50.5, 0), (149.5, 200, 0)]
    assert MARGIN_FRAMES * 2 == RATE


@pytest.mark.parametrize(("most_s", "overlap_s"), [(0, 0), (6, 3), (10, -1)])
def test_parts_that_would_not_advance_are_not_made(most_s, overlap_s):
    with pytest.raises(ValueError, match="longer"):
        parts_of(recording(RATE), most_s, overlap_s)
