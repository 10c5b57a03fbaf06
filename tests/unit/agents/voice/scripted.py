"""Scripted parts of a conversation: turns that answer as told, and a client that keeps what it is sent."""

import asyncio
from contextlib import asynccontextmanager

from msgspec import Raw

from agents.messages import Done, Sound, Text, Transcript
from agents.voice.turns import TurnRefused

SECOND = bytes(2 * 16_000)


class Line:
    """The other end: keeps events as (kind, payload) and frames as bytes, in order."""

    def __init__(self):
        self.got = []
        self._changed = asyncio.Event()
        self.gone = False

    async def tell(self, kind, payload):
        await self._keep((kind, payload))

    async def sound(self, pcm):
        await self._keep(pcm)

    async def _keep(self, item):
        if self.gone:
            raise ConnectionError
        self.got.append(item)
        self._changed.set()

    async def until(self, kind, times=1):
        """Wait for an event; return its payload."""
        async with asyncio.timeout(10):
            while len(found := [item[1] for item in self.got if item[0] == kind]) < times:
                self._changed.clear()
                await self._changed.wait()
        return found[times - 1]

    def kinds(self):
        return [item[0] for item in self.got if isinstance(item, tuple)]


class ScriptedTurn:
    model, agent = "scripted", "V2"

    def __init__(self, script):
        self.script = script
        self.settled = []
        self.asked = []

    async def transcribe(self, clip):
        await self.script.pass_gate("transcribe")
        self.script.clips.append(clip)
        return Transcript(self.script.heard, "fr")

    async def answer(self, message, history):
        self.script.asked.append((message, tuple(history)))
        await self.script.pass_gate("answer")
        return self._events()

    async def _events(self):
        for piece in self.script.pieces:
            yield Text([piece])
            await asyncio.sleep(0)
        await self.script.pass_gate("end")
        yield Done()

    async def speak(self, text, language):
        self.script.said.append((text, language))
        await self.script.pass_gate("speak")
        return self.script.sound

    async def settle(self, status):
        self.settled.append(status)
        return Raw(b'{"status":"%s"}' % status.encode())


class Script:
    """Turns as a test tells them; a gate holds up a step until the test opens it."""

    def __init__(self, *pieces, heard="Bonjour", sound=None, refuse=None):
        self.pieces = pieces or ("Bonjour. ", "Comment allez-vous ?")
        self.heard = heard
        self.sound = sound or Sound(SECOND[:6400], 16_000)
        self.refuse = dict(refuse or {})
        self.gates = {}
        self.empty = asyncio.Event()
        self.turns, self.asked, self.said, self.clips, self.opened = [], [], [], [], []
        self.open_now = self.most_open = self.left = 0

    def hold(self, step):
        self.gates[step] = asyncio.Event()

    def let(self, step):
        self.gates.pop(step).set()

    async def pass_gate(self, step):
        if step in self.refuse:
            raise TurnRefused(*self.refuse[step])
        if step in self.gates:
            await self.gates[step].wait()

    @asynccontextmanager
    async def open(self, ask, text, clip):
        self.opened.append((ask, text, clip))
        await self.pass_gate("open")
        turn = ScriptedTurn(self)
        self.turns.append(turn)
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            yield turn
        finally:
            self.open_now -= 1
            self.left += 1
            self.empty.set()

    @property
    def statuses(self):
        return [turn.settled for turn in self.turns]
