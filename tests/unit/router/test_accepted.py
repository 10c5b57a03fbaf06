"""Events are for those who ask for them by name and would not rather have JSON."""

import pytest

from router.accepted import accepts_events


@pytest.mark.parametrize(
    ("accept", "events"),
    [
        ([], False),
        (["*/*"], False),
        (["text/*"], False),
        (["text/event-stream"], True),
        (["TEXT/Event-Stream; charset=utf-8"], True),
        (["text/html", "text/event-stream"], True),
        (["application/json, text/event-stream"], False),
        (["text/event-stream, application/json;q=0.9"], True),
        (["text/event-stream;q=0.5, application/json;q=0.9"], False),
        (["text/event-stream;q=0"], False),
        (["text/event-stream;q=much"], False),
        ([";;,=,q=1"], False),
    ],
)
def test_events_are_accepted_by_name(accept: list[str], *, events: bool) -> None:
    headers = [(b"accept", each.encode()) for each in accept] + [(b"content-type", b"text/event-stream")]

    assert accepts_events(headers) is events
