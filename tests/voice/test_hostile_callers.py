"""Hostile callers over WebRTC: where they have us send packets, what they send, and how much of it."""

import asyncio
import re
import socket
import struct
import time

import pytest

from agents.voice.candidate import Candidate
from agents.voice.conversation import Conversation
from agents.voice.equipment import Equipment, installed_detector
from agents.voice.turns import Ask
from tests.unit.agents.voice.scripted import Line, Script
from tests.voice.caller import Caller

OUTSIDE = Equipment()  # as a gateway that is reached from other machines: its own loopback is nobody's
HERE = Equipment(detector=installed_detector(), loopback=True)
CHECKED_WITHIN_S = 2.0
OPUS, PCMU = 96, 0
HUNG_UP_WITHIN_S = 1.0
LONG_SILENCE = b"\x59"  # a packet of Opus that says 120 ms of nothing (RFC 6716, 3.1)


def naming(sdp, *candidates):
    """Return an offer whose caller says to be reached there."""
    bare = re.sub(r"a=(candidate|end-of-candidates)[^\n]*\n", "", sdp)
    return bare + "".join(f"a=candidate:{line}\r\n" for line in candidates)


def sent_to(wire, inside, after):
    """Offer, name these candidates after it, and return whether something was sent to the socket."""

    async def talk():
        caller = Caller()
        wire.settimeout(0)
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


class Sender:
    """Sends packets of its own making over the connection of a caller."""

    def __init__(self, caller):
        self._transport = caller.connection.getSenders()[0].transport
        self.packets = 0

    async def send(self, payload, kind=OPUS, ssrc=7):
        self.packets += 1
        head = (0x80, kind, self.packets & 0xFFFF, self.packets * 5_760 & 0xFFFFFFFF, ssrc)
        await self._transport._send_rtp(struct.pack("!BBHII", *head) + payload)
        await asyncio.sleep(0)


def attacked(attack):
    """Have a caller attack and then ask; return how long hanging up takes once the question was answered."""

    async def talk():
        line, caller = Line(), Caller()
        async with Conversation(line, Script("Rome."), HERE) as conversation:
            await caller.accept(await conversation.offer(await caller.offer(), Ask()))
            await attack(Sender(caller))
            await conversation.message("Encore là ?", Ask())
            await line.until("response.done")
            began = time.monotonic()
        took = time.monotonic() - began
        await caller.aclose()
        return took

    return asyncio.run(talk())


def test_a_microphone_that_changes_its_codec_is_listened_to_on():
    async def change(sender):
        for kind, payload in ((OPUS, LONG_SILENCE), (PCMU, b"\xff" * 160)) * 2:
            for _ in range(30):
                await sender.send(payload, kind)
                await asyncio.sleep(0.01)

    attacked(change)


@pytest.mark.parametrize("sources", [1, 1_000])
def test_a_flood_of_packets_is_not_kept_to_be_decoded(sources):
    async def flood(sender):
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for _ in range(50):
                await sender.send(LONG_SILENCE, ssrc=sender.packets % sources)
            await asyncio.sleep(0.001)

    assert attacked(flood) < HUNG_UP_WITHIN_S
