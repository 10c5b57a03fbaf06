"""One peer connection: its offer answered, its microphone heard, answers spoken on its track."""

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCPeerConnection
from aiortc import RTCSessionDescription as Description
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.jitterbuffer import JitterBuffer
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp

from agents.audio.clip import RATE
from agents.voice.candidate import Candidate
from agents.voice.equipment import Equipment
from agents.voice.listening import Listening
from agents.voice.resampling import Resampler
from agents.voice.signals import Take
from agents.voice.track import Spoken
from agents.voice.turns import TurnRefused

MOST_SDP = 65_536  # characters: an offer of Chromium has some 7,000
MOST_SECTIONS = 8
# Without these nothing can be heard, found or trusted.
NEEDED = ("\nm=audio", "\na=ice-ufrag:", "\na=ice-pwd:", "\na=fingerprint:")
CANDIDATE = "a=candidate:"
MOST_CANDIDATES = 64  # of one offer, in it and after it: each is sent some packets, wherever it says
CONNECT_S = 30.0
PACKETS_KEPT = "_RTCRtpReceiver__jitter_buffer"
# Of a microphone: one sends 50 a second, some 400 in the shortest packets there are; what is more is not decoded, as
# there is no end to what the library would keep of it, and it decodes all of that before it closes.
PACKETS_PER_S = 200
PACKETS_BURST = 400
MOST_SOURCES = 16
SOURCE = slice(8, 12)  # of a packet (RFC 3550, 5.1)
LOOPBACK = "127.0.0.1"

# What the parsers of descriptions and candidates raise when they are given what no browser makes.
MALFORMED = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)
Gather = Callable[[int, list[str], int], Awaitable[list[Any]]]
TakePacket = Callable[[bytes, int], Awaitable[None]]


class _Microphone(Protocol):
    async def recv(self) -> object: ...


class Peer:
    """A connection to a browser; it is listened to while `run` runs.

    Args:
        equipment: Which servers are asked for addresses, and whether the loopback interface is one.
        listening: Takes what the microphone hears.
        take: Takes what was played.

    """

    def __init__(self, equipment: Equipment, listening: Listening, take: Take) -> None:
        self._loopback = equipment.loopback
        self._listening = listening
        # Never None: the library would ask servers of its own choice.
        servers = [RTCIceServer(each.url, each.username, each.credential) for each in equipment.ice_servers]
        self._connection = RTCPeerConnection(
            RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self.track = Spoken(take)
        self._changed = asyncio.Event()
        self._candidates = 0
        self._closing: asyncio.Future[None] | None = None
        self._connection.on("connectionstatechange", self._changed.set)

    @property
    def connected(self) -> bool:
        """Whether sound goes through."""
        return self._connection.connectionState == "connected"

    @property
    def over(self) -> bool:
        """Whether no sound will go through any more."""
        return self._connection.connectionState in {"failed", "closed"}

    async def answer(self, sdp: str) -> str:
        """Return our description, with every way to reach us in it.

        Raises:
            TurnRefused: The offer is not one, or offers no sound.

        """
        if len(sdp) > MOST_SDP or sdp.count("\nm=") > MOST_SECTIONS or any(each not in sdp for each in NEEDED):
            raise refused()
        try:
            offer = Description(sdp=self._with_fit_candidates(sdp), type="offer")
            self._connection.addTrack(self.track)
            await self._connection.setRemoteDescription(offer)
            self._only_sound()
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except MALFORMED as error:
            raise refused() from error
        return self._connection.localDescription.sdp

    async def candidate(self, candidate: Candidate) -> None:
        """Take one more way to reach the peer.

        Raises:
            TurnRefused: It cannot be read, or there are too many.

        """
        self._candidates += 1
        if self._candidates > MOST_CANDIDATES:
            raise refused()
        if not candidate.candidate:
            await self._connection.addIceCandidate(None)
            return
        try:
            parsed = candidate_from_sdp(candidate.candidate.removeprefix("candidate:"))
            parsed.sdpMid, parsed.sdpMLineIndex = candidate.mid, candidate.line
            if self._may_ask(parsed.ip):
                await self._connection.addIceCandidate(parsed)
        except MALFORMED as error:
            raise refused() from error

    async def run(self) -> None:
        """Listen until the connection is over, or was not made in time."""
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._until(lambda: self.connected or self.over)
            async with asyncio.TaskGroup() as tasks:
                hearing = tasks.create_task(self._hear())
                await self._until(lambda: self.over or hearing.done())
                hearing.cancel()
        except TimeoutError:
            return

    async def aclose(self) -> None:
        """Close the connection."""
        self.track.stop()
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._connection.close())
        # Whoever waits may be cancelled; a close that is broken off would leave its transports open.
        await asyncio.shield(self._closing)
        self._changed.set()

    def _with_fit_candidates(self, sdp: str) -> str:
        """Return an offer without the candidates that are too many, or that nobody may have us ask."""
        return "".join(f"{line}\r\n" for line in sdp.splitlines() if self._is_fit(line))

    def _is_fit(self, line: str) -> bool:
        if not line.startswith(CANDIDATE):
            return True
        self._candidates += 1
        return self._candidates <= MOST_CANDIDATES and self._may_ask(candidate_from_sdp(line[len(CANDIDATE) :]).ip)

    def _may_ask(self, host: str) -> bool:
        """Whether checks may be sent to an address that the other end names: this machine, say, is none of those.

        Raises:
            ValueError: It is none.

        """
        if host.endswith(".local"):
            return True
        address = ipaddress.ip_address(host)
        if address.is_loopback:
            return self._loopback
        return not (address.is_multicast or address.is_unspecified or address.is_reserved or address.is_link_local)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()
            self._changed.clear()

    async def _hear(self) -> None:
        microphone = self._microphone()
        resampler = await asyncio.to_thread(Resampler, RATE, RATE)
        try:
            while True:
                self._listening.put(resampler.frame(await microphone.recv()))
        except MediaStreamError:
            self._changed.set()

    def _microphone(self) -> _Microphone:
        return next(each.receiver.track for each in self._connection.getTransceivers() if each.kind == "audio")

    def _only_sound(self) -> None:
        """Have one microphone listened to, and nothing else decoded."""
        microphones = [each for each in self._connection.getTransceivers() if each.kind == "audio"]
        for each in self._connection.getTransceivers():
            if each not in microphones[:1]:
                each.direction = "inactive"
        self._open(microphones[0].receiver)

    def _open(self, receiver: Any) -> None:  # noqa: ANN401 - see below
        """Prepare what has no public way in.

        The receiver keeps four packets back before it gives the first, its transport takes whatever comes, and the
        gatherer leaves the loopback interface out.
        """
        setattr(receiver, PACKETS_KEPT, JitterBuffer(capacity=16, prefetch=1))
        transport = receiver.transport
        transport._handle_rtp_data = _Paced(transport._handle_rtp_data)  # noqa: SLF001 - no public way
        if self._loopback:
            connection = transport.transport.iceGatherer._connection  # noqa: SLF001 - as above
            connection.get_component_candidates = _WithLoopback(connection.get_component_candidates)


class _Paced:
    """Takes the packets of a microphone, and drops those that no microphone sends."""

    def __init__(self, take: TakePacket) -> None:
        self._take = take
        self._sources: set[bytes] = set()
        self._left = float(PACKETS_BURST)
        self._at = time.monotonic()

    async def __call__(self, data: bytes, arrival_time_ms: int) -> None:
        now = time.monotonic()
        self._left = min(PACKETS_BURST, self._left + (now - self._at) * PACKETS_PER_S)
        self._at = now
        source = bytes(data[SOURCE])
        if self._left < 1 or (source not in self._sources and len(self._sources) >= MOST_SOURCES):
            return
        self._left -= 1
        self._sources.add(source)
        await self._take(data, arrival_time_ms)


class _WithLoopback:
    """Gathers candidates on the loopback interface too."""

    def __init__(self, gather: Gather) -> None:
        self._gather = gather

    async def __call__(self, component: int, addresses: list[str], timeout: int = 5) -> list[Any]:  # noqa: ASYNC109 - the gatherer's own
        return await self._gather(component, [*addresses, LOOPBACK], timeout)


def refused() -> TurnRefused:
    """Return what the client of an offer that cannot be used is told."""
    return TurnRefused("invalid_request", "Offre WebRTC invalide.")
