"""The watch that the proofs look at sees a gateway that stands still."""

import os
import signal
import threading

from tests.audio.watch import Watch
from tests.gateway import Gateway

HELD_S = 0.5


def test_gateway_that_stands_still_is_seen_to(gateway: Gateway) -> None:
    assert gateway.process is not None
    never, pid = threading.Event(), gateway.process.pid

    with Watch(gateway) as watch:
        never.wait(HELD_S)
        os.kill(pid, signal.SIGSTOP)
        never.wait(HELD_S)
        os.kill(pid, signal.SIGCONT)
        never.wait(HELD_S)

    assert max(watch.blocked_s) > HELD_S / 2
    assert watch.resident_mb[0] > 10
