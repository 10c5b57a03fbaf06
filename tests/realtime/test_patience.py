"""How long the socket waits for those who say nothing, or read nothing (2.6.4)."""

import json
import time

import pytest

from tests.gateway import Gateway
from tests.realtime.test_hostile import frame, raw, stalled
from tests.talk import talking
from tests.upstream import Upstream

pytestmark = pytest.mark.prove
IDLE_S = 90.0
READ_WITHIN_S = 30.0


def test_a_session_without_a_frame_ends_after_ninety_seconds(open_house: Gateway) -> None:
    with talking(open_house) as talk:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            talk.wire.recv(timeout=1) and talk.wire.recv(timeout=IDLE_S - 5)
        code = talk.closed()
        took = time.monotonic() - began

    assert code == 1001
    assert [kind for kind, _ in talk.told] == ["closing"]
    assert IDLE_S - 1 < took < IDLE_S + 5


def test_a_reader_that_takes_nothing_is_dropped_after_thirty_seconds(open_house: Gateway, upstream: Upstream) -> None:
    prompt = upstream.expect(pieces=tuple("x" * 1_000 for _ in range(40_000)))

    with raw(open_house, buffer=4096) as wire:
        wire.sendall(frame(0x1, json.dumps({"type": "message", "payload": {"text": prompt}}).encode()))
        seen = stalled(upstream, prompt)
        began = time.monotonic()
        assert seen.dropped.wait(READ_WITHIN_S + 10)
        took = time.monotonic() - began

    assert READ_WITHIN_S - 5 < took < READ_WITHIN_S + 5
