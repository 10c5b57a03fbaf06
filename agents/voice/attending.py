"""One turn being attended to: its orders carried out within its context, its results handed back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from msgspec import Raw

from agents.messages import Sound, Text
from agents.voice import signals
from agents.voice.events import Format
from agents.voice.turns import Turn, TurnRefused, Turns

Room = Callable[[], Awaitable[None]]
Work = signals.Transcribe | signals.Answer | signals.Speak
Fit = Callable[[Sound], Awaitable[tuple[Sound, Format]]]


class Attending:
    """Carries out what the session orders of one turn, and gives it back what comes of it.

    Args:
        turns: Who lets in.
        opening: What is asked.
        take: signals.Takes what came of an order.
        room: Waits while the client does not keep up.
        fit: Makes a sound into what will be played.

    """

    def __init__(self, turns: Turns, opening: signals.Open, take: signals.Take, room: Room, fit: Fit) -> None:
        self._turns = turns
        self._opening = opening
        self._take = take
        self._room = room
        self._fit = fit
        self._orders: asyncio.Queue[Work | signals.Settle] = asyncio.Queue()

    def order(self, order: Work | signals.Settle) -> None:
        """Carry out an order as soon as the turn is let in."""
        self._orders.put_nowait(order)

    async def run(self) -> None:
        """Attend until the turn is settled and left, or is not let in."""
        number, asked = self._opening.turn, self._opening
        try:
            async with self._turns.open(asked.ask, asked.text, asked.clip) as turn:
                self._take(signals.Opened(number, turn.agent))
                metadata = await self._serve(turn)
        except TurnRefused as refused:
            self._take(signals.Lost(number, refused.code, refused.message))
        else:
            self._take(signals.Settled(number, metadata))

    async def _serve(self, turn: Turn) -> Raw:
        """Work until it is time to settle; whatever still runs then is stopped first."""
        async with asyncio.TaskGroup() as tasks:
            running: set[asyncio.Task[None]] = set()
            while not isinstance(order := await self._orders.get(), signals.Settle):
                task = tasks.create_task(self._work(turn, order))
                running.add(task)
                task.add_done_callback(running.discard)
            for task in tuple(running):
                task.cancel()
        return await turn.settle(order.status)

    async def _work(self, turn: Turn, work: Work) -> None:
        number = self._opening.turn
        try:
            match work:
                case signals.Transcribe():
                    self._take(signals.Heard(number, await turn.transcribe(work.clip)))
                case signals.Answer():
                    await self._answer(turn, work)
                    self._take(signals.Finished(number))
                case signals.Speak():
                    self._take(signals.SoundReady(number, *await self._fit(await turn.speak(work.text, work.language))))
        except TurnRefused as refused:
            self._take(signals.Failed(number, refused.code, refused.message))

    async def _answer(self, turn: Turn, work: signals.Answer) -> None:
        async with aclosing(await turn.answer(work.message, work.history)) as events:
            async for event in events:
                if isinstance(event, Text):
                    await self._room()
                    self._take(signals.Came(self._opening.turn, "".join(event.pieces)))
