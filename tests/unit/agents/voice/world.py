"""The world around a session, at random: clients, voices and turns that do what they may do, in any order."""

from msgspec import Raw

from agents.audio.clip import Clip
from agents.messages import Sound, Transcript
from agents.voice import signals
from agents.voice.session import step
from agents.voice.state import State
from agents.voice.turns import Ask

CLIP = Clip(bytes(3200), 0, 1600)
SOUND = Sound(bytes(640), 16_000)
RECEIPT = Raw(b"{}")


class World:
    """Feeds a session; `orders` keeps everything that it ordered, each after the signal that caused it."""

    def __init__(self):
        self.state = State()
        self.log = []
        self.pending = []  # orders whose outcome is still to come, of the turn that is open
        self.open = None  # number of the turn whose context is entered
        self.sounds = []
        self.speaking = False

    def feed(self, signal):
        self.log.append(signal)
        self.state, orders = step(self.state, signal)
        for order in orders:
            self.log.append(order)
            self._keep(order)

    def _keep(self, order):
        match order:
            case signals.Play():
                self.sounds.append(order.turn)
            case signals.Hush():
                self.sounds.clear()
            case signals.Tell():
                pass
            case signals.Settle():
                # Whatever ran is stopped; what is to be settled has to be open first.
                self.pending = [each for each in self.pending if isinstance(each, signals.Open)] + [order]
            case _:
                self.pending.append(order)

    def may(self):
        """Return what may happen next."""
        events = [self.write, self.interrupt, self.stale]
        events.append(self.finish_speaking if self.speaking else self.begin_speaking)
        if self.pending:
            events += [self.succeed] * 4 + [self.fail]
        if any(isinstance(each, signals.Answer) for each in self.pending):
            events += [self.piece] * 2
        if len(self.pending) > 1 and not isinstance(self.pending[0], signals.Open):
            events.append(self.succeed_last)
        if self.sounds:
            events += [self.played] * 2
        return events

    def write(self):
        self.feed(signals.Wrote(Ask(), "Bonjour"))

    def begin_speaking(self):
        self.speaking = True
        self.feed(signals.SpeechBegan())

    def finish_speaking(self):
        self.speaking = False
        self.feed(signals.SpeechEnded(Ask(), CLIP))

    def interrupt(self):
        self.feed(signals.Interrupted())

    def close(self):
        self.feed(signals.Closed())

    def stale(self):
        turn = self.state.turn - 1
        for signal in (signals.Came(turn, "x"), signals.SoundReady(turn, SOUND, "pcm16"), signals.Played(turn)):
            self.feed(signal)

    def piece(self):
        self.feed(signals.Came(self.open, "Une phrase. Une"))

    def played(self):
        self.feed(signals.Played(self.sounds.pop(0)))

    def succeed(self):
        self._succeed(self.pending.pop(0))

    def succeed_last(self):
        if not isinstance(self.pending[-1], signals.Settle):
            self._succeed(self.pending.pop())

    def _succeed(self, order):
        turn = order.turn
        match order:
            case signals.Open():
                self.open = turn
                self.feed(signals.Opened(turn, "V2"))
            case signals.Transcribe():
                self.feed(signals.Heard(turn, Transcript("Bonjour", "fr")))
            case signals.Answer():
                self.feed(signals.Finished(turn))
            case signals.Speak():
                self.feed(signals.SoundReady(turn, SOUND, "pcm16"))
            case signals.Settle():
                self.open = None
                self.feed(signals.Settled(turn, RECEIPT))

    def fail(self):
        order = self.pending.pop(0)
        if isinstance(order, signals.Open | signals.Settle):
            self.pending.clear()
            self.open = None
            self.feed(signals.Lost(order.turn, "internal", ""))
        else:
            self.feed(signals.Failed(order.turn, "provider_error", ""))

    def drain(self):
        """Let everything that is under way come to its end."""
        if self.speaking:
            self.finish_speaking()
        while self.pending or self.sounds:
            self.succeed() if self.pending else self.played()
