"""A conversation over one connection: its session's orders carried out, its turns taken one at a time."""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Self

import anyio

from agents.voice import signals
from agents.voice.attending import Attending
from agents.voice.candidate import Candidate
from agents.voice.equipment import Equipment
from agents.voice.events import Format
from agents.voice.media import Media
from agents.voice.outbox import Outbox
from agents.voice.session import State, step
from agents.voice.turns import Ask, Client, Turns

Warm = Callable[[], Coroutine[None, None, None]]
GOODBYE_S = 5.0  # to settle what is open once the client is gone


class Conversation:
    """What one client writes and says, answered in order; all its tasks end within its context.

    Args:
        client: Who is told.
        turns: Who lets in, answers and settles.
        equipment: What hearing needs of the machine.
        warm: Makes ready whoever hears and speaks; called once somebody is going to speak.

    """

    def __init__(
        self, client: Client, turns: Turns, equipment: Equipment | None = None, warm: Warm | None = None
    ) -> None:
        self._turns = turns
        self._outbox = Outbox(client)
        self._tasks = asyncio.TaskGroup()
        self._state = State()
        self._warm = warm
        self._warming: asyncio.Task[None] | None = None
        self._media = Media(equipment or Equipment(), self._outbox, self._take, self._tasks)
        self._turn: Attending | None = None
        self._attendance: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._sending = self._tasks.create_task(self._send())
        self._media.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
        await self._tasks.__aexit__(kind, error, trace)

    async def message(self, text: str, ask: Ask) -> None:
        """Answer a written message, after those before it; wait while the client does not take what it is sent."""
        await self._outbox.room()
        self._take(signals.Wrote(ask, text))

    async def listen(self, rate: int, ask: Ask, form: Format = "pcm16") -> None:
        """Begin to listen to frames of sound; what is said in them is asked as `ask`.

        Args:
            rate: Samples a second, of mono PCM of 16 bit.
            ask: What its turns want.
            form: `opus` for a packet of Opus a frame, whatever the rate.

        Raises:
            TurnRefused: Nothing can be heard here, or not at this rate.

        """
        self._get_ready()
        await self._media.listen(rate, ask, form)

    async def hear(self, piece: bytes) -> None:
        """Take a frame of sound, as `listen` announced it, else PCM at 16 kHz; wait while too much was sent at once.

        Raises:
            TurnRefused: It is not what was announced.

        """
        await self._outbox.room()
        await self._media.hear(piece)

    def finish(self) -> None:
        """Take what was said so far for whole, without waiting for silence."""
        self._media.finish()

    async def offer(self, sdp: str, ask: Ask) -> str:
        """Make a peer connection in place of the one before, and return our answer with our candidates in it.

        Raises:
            TurnRefused: The offer cannot be used, or there are no peer connections here.

        """
        answer = await self._media.offer(sdp, ask)
        self._get_ready()
        return answer

    async def candidate(self, candidate: Candidate) -> None:
        """Take one more way to reach the peer.

        Raises:
            TurnRefused: It cannot be read, or was not asked for.

        """
        await self._media.candidate(candidate)

    async def interrupt(self) -> None:
        """Stop the answer that is under way, and its sound."""
        self._take(signals.Interrupted())

    async def aclose(self) -> None:
        """Stop and settle what is open, and end every task; nothing more is told."""
        self._take(signals.Closed())
        with anyio.move_on_after(GOODBYE_S, shield=True):
            if self._attendance is not None:
                await asyncio.wait([self._attendance])
            await self._media.aclose()
        if self._attendance is not None:
            self._attendance.cancel()
        for task in (self._sending, self._warming):
            if task is not None:
                task.cancel()

    def _get_ready(self) -> None:
        if self._warm is not None and self._warming is None:
            self._warming = self._tasks.create_task(self._warm())

    def _take(self, signal: signals.Input) -> None:
        self._state, orders = step(self._state, signal)
        for order in orders:
            self._carry_out(order)

    def _carry_out(self, order: signals.Order) -> None:
        match order:
            case signals.Open():
                self._turn = Attending(self._turns, order, self._take, self._outbox.room, self._media.fit)
                self._attendance = self._tasks.create_task(self._turn.run())
            case signals.Tell():
                self._outbox.tell(order.kind, order.payload)
            case signals.Play():
                self._media.play(order)
            case signals.Hush():
                self._media.hush()
            case _:
                if self._turn is not None:
                    self._turn.order(order)

    async def _send(self) -> None:
        await self._outbox.run()
        self._take(signals.Closed())
