"""Hostile callers over WebRTC: where they have us send packets, what they send, and how much of it."""

import asyncio
import re
import socket

import pytest

from agents.voice.candidate import Candidate
from agents.voice.conversation import Conversation
from agents.voice.equipment import Equipment
from agents.voice.turns import Ask
from tests.unit.agents.voice.scripted import Line, Script
from tests.voice.caller import Caller

OUTSIDE = Equipment()  # as a gateway that is reached from other machines: its own loopback is nobody's
CHECKED_WITHIN_S = 2.0


def naming(sdp, *candidates):
    """Return an offer whose caller says to be reached there."""
    bare = re.sub(r"a=(candidate|end-of-candidates)[^\n]*\n", "", sdp)
    return bare + "".join(f"a=candidate:{line}\r\n" for line in candidates)


def sent_to(wire, inside, after):
    """Offer, name these candidates after it, and return whether something was sent to the socket."""

    async def talk():
        caller = Caller()
        wire.setblocking(False)
        async with Conversation(Line(), Script(), OUTSIDE) as conversation:
            await conversation.offer(naming(await caller.offer(), *inside), Ask())
            for line in after:
                await conversation.candidate(Candidate(candidate=f"candidate:{line}", mid="0"))
            try:
                async with asyncio.timeout(CHECKED_WITHIN_S):
                    await asyncio.get_running_loop().sock_recv(wire, 2048)
            except TimeoutError:
                return False
            finally:
                await caller.aclose()
        return True

    return asyncio.run(talk())


@pytest.fixture
def wire():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("0.0.0.0", 0))  # noqa: S104 - every address of this machine
        yield bound


def own_address():
    """Return the address that other machines know this one by; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network interface but the loopback one")
        return probe.getsockname()[0]


def test_a_caller_is_looked_for_where_it_says(wire):
    line = f"1 1 udp 2130706431 {own_address()} {wire.getsockname()[1]} typ host"

    assert sent_to(wire, [line], [])


@pytest.mark.parametrize("trickled", [False, True])
def test_nothing_is_sent_to_this_machine_itself(wire, trickled):
    line = f"1 1 udp 2130706431  127.0.0.1 {wire.getsockname()[1]} typ host"

    assert not sent_to(wire, [] if trickled else [line], [line] if trickled else [])


def test_of_a_thousand_candidates_in_an_offer_few_are_asked(wire):
    own, port = own_address(), wire.getsockname()[1]
    others = [f"{number} 1 udp 1 {own} {1000 + number} typ host" for number in range(1000)]

    assert not sent_to(wire, [*others, f"1 1 udp 2130706431 {own} {port} typ host"], [])
