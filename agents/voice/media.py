"""How a conversation hears and sounds: by frames of its own connection, or by a peer connection."""

import asyncio
from collections.abc import Coroutine
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from agents.audio.clip import RATE
from agents.messages import Sound
from agents.voice.candidate import Candidate
from agents.voice.detector import detector
from agents.voice.equipment import Equipment
from agents.voice.events import Format
from agents.voice.frames import Frames
from agents.voice.listening import Listening
from agents.voice.outbox import Outbox
from agents.voice.resampling import Decoding, Opus, Resampler, Same, Unheard, resampled
from agents.voice.signals import HungUp, Play, Take
from agents.voice.turns import Ask, TurnRefused
from agents.voice.utterances import Utterances

if TYPE_CHECKING:
    from agents.voice.peer import Peer  # which loads heavy libraries

TRACK_RATE = 48_000
RATES = range(8_000, 48_001)


class Media:
    """The ears and the mouth of one conversation.

    Args:
        equipment: What hearing needs of the machine.
        outbox: Sends frames of sound.
        take: Takes what is heard and what was played.
        tasks: Runs whatever listens and plays.

    """

    def __init__(self, equipment: Equipment, outbox: Outbox, take: Take, tasks: asyncio.TaskGroup) -> None:
        self._equipment = equipment
        self._take = take
        self._tasks = tasks
        self._frames = Frames(outbox, take)
        self._peer: Peer | None = None
        self._listening: Listening | None = None
        self._announced: tuple[int, Ask, Format] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._ear: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Be ready to play; the task group runs by now."""
        self._run(self._frames.run())

    async def listen(self, rate: int, ask: Ask, form: Format) -> None:
        """Listen to frames of this rate from here on; announced once more, the stream goes on.

        Raises:
            TurnRefused: There is no such rate.

        """
        if rate not in RATES:
            raise TurnRefused("invalid_request", "Fréquence d'échantillonnage hors de 8000 à 48000.")
        announced = (rate, ask, form)
        if self._listening is not None and self._announced == announced:
            return
        await self._hang_up()
        self._listening = await self._listener(await asyncio.to_thread(_decoding, rate, form), ask)
        self._announced = announced

    async def hear(self, piece: bytes) -> None:
        """Take a frame of sound; none is heard beside a peer connection.

        Raises:
            TurnRefused: The frame is not what was announced.

        """
        if self._peer is not None:
            return
        if self._listening is None:
            self._listening = await self._listener(Same(), Ask())
        try:
            await self._listening.hear(piece)
        except Unheard as error:
            raise TurnRefused("invalid_request", "Trame audio illisible.") from error

    def finish(self) -> None:
        """Take what was said so far for whole."""
        if self._listening is not None:
            self._listening.finish()

    async def offer(self, sdp: str, ask: Ask) -> str:
        """Return the answer to an offer, which takes the place of what was heard before.

        Raises:
            TurnRefused: It cannot be used, or peer connections are not installed.

        """
        if find_spec("aiortc") is None:
            raise TurnRefused("webrtc_unavailable", "WebRTC n'est pas installé sur cette passerelle.")
        await self._hang_up()
        peers = await asyncio.to_thread(_peers)
        listening = await self._listener(Same(), ask)
        peer = peers(self._equipment, listening, self._take)
        try:
            answer = await peer.answer(sdp)
        except BaseException:
            await peer.aclose()
            raise
        self._peer = peer
        self._run(self._attend(peer))
        return answer

    async def candidate(self, candidate: Candidate) -> None:
        """Take one more way to reach the peer.

        Raises:
            TurnRefused: There is none, or it cannot be read.

        """
        if self._peer is None:
            raise TurnRefused("invalid_request", "Candidat ICE sans offre.")
        await self._peer.candidate(candidate)

    async def fit(self, sound: Sound) -> tuple[Sound, Format]:
        """Return a sound as it will be played now."""
        by_peer = self._peer is not None and self._peer.connected
        rate = TRACK_RATE if by_peer else RATE
        if sound.rate != rate:
            sound = await asyncio.to_thread(resampled, sound, rate)
        return sound, "opus" if by_peer else "pcm16"

    def play(self, play: Play) -> None:
        """Play a sound that fits; one for a peer that is gone is not heard."""
        if play.format == "pcm16":
            self._frames.play(play)
        elif self._peer is not None:
            self._peer.track.play(play)

    def hush(self) -> None:
        """Stop all sound."""
        self._frames.hush()
        if self._peer is not None:
            self._peer.track.hush()

    async def aclose(self) -> None:
        """Stop hearing and playing."""
        await self._hang_up()
        for task in self._running:
            task.cancel()

    async def _listener(self, decoding: Decoding, ask: Ask) -> Listening:
        ear = await asyncio.to_thread(detector, self._equipment.detector)
        listening = Listening(decoding, Utterances(ear), ask, self._take)
        self._ear = self._run(listening.run())
        return listening

    async def _hang_up(self) -> None:
        peer, self._peer, self._listening, self._announced = self._peer, None, None, None
        if self._ear is None:
            return
        self._ear.cancel()
        self._ear = None
        self._take(HungUp())
        if peer is not None:
            await peer.aclose()

    async def _attend(self, peer: "Peer") -> None:
        await peer.run()
        if self._peer is peer:
            await self._hang_up()

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


def _decoding(rate: int, form: Format) -> Decoding:
    if form == "opus":
        return Opus()
    return Same() if rate == RATE else Resampler(rate, RATE)


def _peers() -> "type[Peer]":
    """Load heavy libraries, so in a thread and at the first offer."""
    return import_module("agents.voice.peer").Peer
