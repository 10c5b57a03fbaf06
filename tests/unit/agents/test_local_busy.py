import pytest

from agents.local.busy import Busy


class Processor:
    """A processor whose accounting a test sets by hand."""

    used = 0.0

    def __call__(self) -> float:
        return self.used


@pytest.fixture
def processor():
    return Processor()


def test_a_lone_call_is_charged_all_of_it_as_a_share_of_the_machine(processor):
    busy = Busy(processor, processors=4)
    call = busy.begin()
    processor.used += 8.0

    assert busy.seconds(call) == 2.0


def test_calls_in_flight_share_each_moment_equally(processor):
    busy = Busy(processor, processors=1)
    first = busy.begin()
    processor.used += 1.0
    second = busy.begin()
    processor.used += 4.0
    first_share = busy.seconds(first)
    busy.end()
    processor.used += 3.0

    assert first_share == 1.0 + 2.0
    assert busy.seconds(second) == 2.0 + 3.0


def test_what_is_used_between_calls_is_nobodys(processor):
    busy = Busy(processor, processors=1)
    busy.begin()
    busy.end()
    processor.used += 5.0
    call = busy.begin()
    processor.used += 1.0

    assert busy.seconds(call) == 1.0
