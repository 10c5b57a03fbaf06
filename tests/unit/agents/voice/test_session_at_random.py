"""Whatever happens in whatever order, a session keeps its promises."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.voice import signals
from tests.unit.agents.voice.world import World

CHOICES = st.lists(st.integers(0, 30), max_size=80)


def lived(choices, *, closed=False):
    world = World()
    for choice in choices:
        events = world.may()
        events[choice % len(events)]()
    if closed:
        world.close()
    world.drain()
    return world


def told(log, kind):
    return [each for each in log if isinstance(each, signals.Tell) and each.kind == kind]


def orders(log, kind):
    return [each.turn for each in log if isinstance(each, kind)]


@settings(max_examples=300, deadline=None)
@given(CHOICES)
def test_no_turn_is_opened_before_the_one_before_it_was_left(choices):
    under_way = None
    for each in lived(choices).log:
        if isinstance(each, signals.Open):
            assert under_way is None
            under_way = each.turn
        elif isinstance(each, signals.Settled | signals.Lost):
            under_way = None
    assert under_way is None


@settings(max_examples=300, deadline=None)
@given(CHOICES)
def test_every_turn_is_settled_once_and_has_one_outcome(choices):
    log = lived(choices).log

    opened, settled = orders(log, signals.Opened), orders(log, signals.Settle)
    assert set(opened) <= set(settled)
    assert len(settled) == len(set(settled))
    refused = [each for each in told(log, "error") if each.payload.code != "rate_limited"]
    assert len(told(log, "response.done")) + len(refused) == len(orders(log, signals.Open))


@settings(max_examples=300, deadline=None)
@given(CHOICES)
def test_sound_is_only_played_between_its_beginning_and_its_end(choices):
    sounding = False
    for each in lived(choices).log:
        if isinstance(each, signals.Play):
            assert sounding
        elif isinstance(each, signals.Tell) and each.kind == "audio.start":
            assert not sounding
            sounding = True
        elif isinstance(each, signals.Tell) and each.kind == "audio.end":
            assert sounding
            sounding = False
    assert not sounding


@settings(max_examples=300, deadline=None)
@given(CHOICES)
def test_whoever_leaves_is_told_nothing_more_and_owes_nothing_unsettled(choices):
    log = lived(choices, closed=True).log

    after = log[next(at for at, each in enumerate(log) if isinstance(each, signals.Closed)) :]
    assert not [each for each in after if isinstance(each, signals.Tell | signals.Open | signals.Play)]
    assert set(orders(log, signals.Opened)) <= set(orders(log, signals.Settle))
