from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.providers.sse import LONGEST_EVENT_BYTES, EventStream, EventTooLong

LINES = st.sampled_from(
    [
        b"data: {}",
        b"data:x",
        b"data: caf\xc3\xa9",
        b"data",
        b"data:",
        b": note",
        b"id: 1",
        b"event: error",
        b"",
        b"",
        b"\xf0\x9f\x8d\xb5",
    ]
)
NEWLINES = st.sampled_from([b"\n", b"\r", b"\r\n"])
STREAMS = st.tuples(st.sampled_from([b"", b"\xef\xbb\xbf"]), st.lists(st.tuples(LINES, NEWLINES))).map(
    lambda pair: pair[0] + b"".join(line + newline for line, newline in pair[1])
)


def by_the_book(stream: bytes) -> list[bytes]:
    """The standard's own steps, a line at a time, over the whole stream."""
    lines = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]
    events, data = [], []
    for line in lines:
        field, _, value = line.partition(b":")
        if line == b"":
            events += [b"\n".join(data)] if data else []
            data = []
        elif field == b"data":
            data.append(value.removeprefix(b" "))
    return events


@given(STREAMS, st.lists(st.integers(0, 200)))
def test_however_the_bytes_are_cut_the_events_are_those_of_the_standard(stream, cuts):
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    parser = EventStream()

    events = [event for start, end in pairwise(edges) for event in parser.feed(stream[start:end])]

    assert events == by_the_book(stream)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"\xef\xbb\xbfdata: a\r\n\r\n", [b"a"]),
        (b"event: x\nid: 1\ndata: a\n\n", [b"a"]),
        (b": only a comment\n\n", []),
        (b"database: a\n\n", []),
        (b"data: a\n", []),
    ],
)
def test_an_event_is_its_data(stream, events):
    assert EventStream().feed(stream) == events


def test_an_endless_line_is_refused_and_what_came_before_it_is_not_lost():
    parser = EventStream()

    events = parser.feed(b"data: a\n\ndata: " + b"x" * LONGEST_EVENT_BYTES)

    assert events == [b"a"]
    with pytest.raises(EventTooLong):
        parser.feed(b"x")
