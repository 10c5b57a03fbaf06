"""The state machine of a conversation, without I/O: what is told to it, and what it orders."""

from collections.abc import Callable
from typing import Any, cast

from msgspec import Raw
from msgspec.structs import replace

from agents.audio.clip import SAMPLE_BYTES, Clip
from agents.messages import Message, Sound
from agents.voice import events, signals
from agents.voice.sentences import cut, last
from agents.voice.state import Exchange, Playback, Request, State
from metering.receipt import RequestStatus

MOST_WAITING = 8  # messages and utterances that wait for the turn before them
MOST_WAITING_S = 60  # of sound among them
MOST_MESSAGES = 40  # of history: twenty questions and their answers
MOST_SOUNDS = 2  # handed over to be played: the one that plays and the one after it
MOST_CARRIED_S = 120  # of an utterance that was interrupted by its own continuation

BUSY = events.Failure("rate_limited", "Trop de messages en attente : attendez la fin de la réponse en cours.")

Step = tuple[State, list[signals.Order]]


def step(state: State, signal: signals.Input) -> Step:
    """Return the state after a signal, and what is to be done, in this order.

    What comes too late, from a turn that is over or that is being settled, changes nothing.
    """
    turn = getattr(signal, "turn", state.turn)
    if isinstance(signal, signals.Played):
        return _played(state, signal)
    if turn != state.turn or (state.exchange is None and hasattr(signal, "turn")):
        return state, []
    if state.closed and not isinstance(signal, signals.Settled | signals.Lost):
        return state, []
    return HANDLERS[type(signal)](state, signal)


def _wrote(state: State, signal: signals.Wrote) -> Step:
    return _queue(state, Request(signal.ask, text=signal.text))


def _speech_ended(state: State, signal: signals.SpeechEnded) -> Step:
    clip = signal.clip if state.carried is None else _joined(state.carried, signal.clip)
    return _queue(replace(state, carried=None), Request(signal.ask, clip=clip))


def _queue(state: State, request: Request) -> Step:
    clips = [each.clip for each in (*state.waiting, request) if each.clip is not None]
    if len(state.waiting) >= MOST_WAITING or (len(clips) > 1 and sum(clip.seconds for clip in clips) > MOST_WAITING_S):
        return state, [signals.Tell("error", BUSY)]
    return _next(replace(state, waiting=(*state.waiting, request)))


def _next(state: State) -> Step:
    """Open the turn of what waits longest, if none is under way."""
    if state.exchange is not None or not state.waiting:
        return state, []
    request, *others = state.waiting
    turn = state.turn + 1
    exchange = Exchange(request, question=request.text or "")
    opened = replace(state, turn=turn, exchange=exchange, waiting=tuple(others))
    return opened, [signals.Open(turn, request.ask, request.text, request.clip)]


def _speech_began(state: State, _: signals.SpeechBegan) -> Step:
    """Barge-in: whoever speaks is listened to, so what answered the words before is stopped."""
    exchange = state.exchange
    if exchange is None or not exchange.spoken or exchange.phase == "settling":
        return _hushed(state)
    unheard = exchange.phase in {"opening", "transcribing"}
    stopped, orders = _stop(state, exchange, "partial")
    return replace(stopped, carried=exchange.request.clip if unheard else None), orders


def _hung_up(state: State, _: signals.HungUp) -> Step:
    stopped, orders = _speech_began(state, signals.SpeechBegan())
    return replace(stopped, carried=None), orders


def _interrupted(state: State, _: signals.Interrupted) -> Step:
    if state.exchange is None or state.exchange.phase == "settling":
        return _hushed(state)
    return _stop(state, state.exchange, "partial")


def _closed(state: State, _: signals.Closed) -> Step:
    state = replace(state, closed=True, waiting=(), carried=None)
    if state.exchange is None or state.exchange.phase == "settling":
        return _hushed(state)
    return _stop(state, state.exchange, "client_gone")


def _failed(state: State, signal: signals.Failed) -> Step:
    if state.exchange is None or state.exchange.phase == "settling":
        return state, []
    refused = replace(state.exchange, refusal=events.Failure(signal.code, signal.message))
    return _stop(state, refused, "error")


def _stop(state: State, exchange: Exchange, status: RequestStatus) -> Step:
    state, orders = _hushed(replace(state, exchange=replace(exchange, phase="settling")))
    return state, [*orders, signals.Settle(state.turn, status)]


def _hushed(state: State) -> Step:
    playback = state.playback
    if playback is None:
        return state, []
    orders: list[signals.Order] = [signals.Hush()]
    if not state.closed:
        orders.append(_sound_ends(playback, interrupted=True))
    return replace(state, playback=None), orders


def _opened(state: State, signal: signals.Opened) -> Step:
    exchange = cast("Exchange", state.exchange)
    exchange = replace(exchange, agent=signal.agent)
    if exchange.phase != "opening":
        return replace(state, exchange=exchange), []
    clip = exchange.request.clip
    if clip is None:
        return _ask(state, exchange)
    exchange = replace(exchange, phase="transcribing")
    return replace(state, exchange=exchange), [signals.Transcribe(state.turn, clip)]


def _ask(state: State, exchange: Exchange) -> Step:
    asked = replace(state, exchange=replace(exchange, phase="answering"))
    return asked, [signals.Answer(state.turn, exchange.question, state.history)]


def _heard(state: State, signal: signals.Heard) -> Step:
    exchange = cast("Exchange", state.exchange)
    if exchange.phase != "transcribing":
        return state, []
    text, language = signal.transcript.text.strip(), signal.transcript.language
    told = events.Transcribed(agent_type=exchange.agent, agent=exchange.agent, text=text, language=language)
    if text:
        state, orders = _ask(state, replace(exchange, question=text, language=language))
    else:  # a noise: it was paid for and there is nothing to answer
        state, orders = _stop(state, exchange, "ok")
    return state, [signals.Tell("transcript", told), *orders]


def _came(state: State, signal: signals.Came) -> Step:
    exchange = cast("Exchange", state.exchange)
    if exchange.phase != "answering" or not signal.text:
        return state, []
    told = events.Delta(agent_type=exchange.agent, agent=exchange.agent, content=signal.text)
    exchange = replace(exchange, answer=exchange.answer + signal.text)
    if exchange.spoken:
        sentences, rest = cut(exchange.rest + signal.text, first=not exchange.said)
        said = exchange.said or bool(sentences)
        exchange = replace(exchange, rest=rest, unsaid=(*exchange.unsaid, *sentences), said=said)
    state, orders = _go_on(replace(state, exchange=exchange))
    return state, [signals.Tell("response.delta", told), *orders]


def _finished(state: State, _: signals.Finished) -> Step:
    exchange = cast("Exchange", state.exchange)
    if exchange.phase != "answering":
        return state, []
    unsaid = (*exchange.unsaid, *last(exchange.rest)) if exchange.spoken else ()
    return _go_on(replace(state, exchange=replace(exchange, finished=True, rest="", unsaid=unsaid)))


def _go_on(state: State) -> Step:
    """Have the next sentence made, or settle once there is none to come."""
    exchange = cast("Exchange", state.exchange)
    if exchange.saying:
        return state, []
    if exchange.unsaid:
        if state.playback is not None and state.playback.sounds >= MOST_SOUNDS:
            return state, []
        sentence, *others = exchange.unsaid
        saying = replace(exchange, unsaid=tuple(others), saying=True)
        return replace(state, exchange=saying), [signals.Speak(state.turn, sentence, exchange.language)]
    if exchange.finished:
        settling = replace(state, exchange=replace(exchange, phase="settling"))
        return settling, [signals.Settle(state.turn, "ok")]
    return state, []


def _sound_ready(state: State, signal: signals.SoundReady) -> Step:
    exchange = cast("Exchange", state.exchange)
    if exchange.phase != "answering" or not exchange.saying:
        return state, []
    state = replace(state, exchange=replace(exchange, saying=False))
    state, orders = _play(state, exchange.agent, signal)
    state, more = _go_on(state)
    return state, [*orders, *more]


def _play(state: State, agent: str, signal: signals.SoundReady) -> Step:
    sound: Sound = signal.sound
    if not sound.pcm:
        return state, []
    play = signals.Play(state.turn, sound, signal.format)
    playback = state.playback
    if playback is not None and playback.turn == state.turn:
        return replace(state, playback=replace(playback, sounds=playback.sounds + 1)), [play]
    state, orders = _hushed(state)
    begins = events.SoundBegins(agent_type=agent, agent=agent, format=signal.format, rate=sound.rate)
    begun = replace(state, playback=Playback(state.turn, agent, 1))
    return begun, [*orders, signals.Tell("audio.start", begins), play]


def _played(state: State, signal: signals.Played) -> Step:
    playback = state.playback
    if playback is None or playback.turn != signal.turn or not playback.sounds:
        return state, []
    state = replace(state, playback=replace(playback, sounds=playback.sounds - 1))
    exchange = state.exchange
    if exchange is not None and exchange.phase == "answering" and signal.turn == state.turn:
        return _go_on(state)
    return _ran_out(state)


def _ran_out(state: State) -> Step:
    """End the sound once the last of it was played and its turn makes no more."""
    playback = state.playback
    if playback is None or playback.sounds:
        return state, []
    return replace(state, playback=None), [_sound_ends(playback, interrupted=False)]


def _settled(state: State, signal: signals.Settled) -> Step:
    exchange = cast("Exchange", state.exchange)
    state = replace(state, exchange=None)
    if state.closed:
        return state, []
    told = _outcome(exchange, signal.metadata)
    if exchange.refusal is None and exchange.answer:
        turns = (Message("user", exchange.question), Message("assistant", exchange.answer))
        state = replace(state, history=(*state.history, *turns)[-MOST_MESSAGES:])
    state, ends = _ran_out(state)
    state, orders = _next(state)
    return state, [told, *ends, *orders]


def _lost(state: State, signal: signals.Lost) -> Step:
    state, orders = _hushed(replace(state, exchange=None))
    if state.closed:
        return state, orders
    state, more = _next(state)
    return state, [*orders, signals.Tell("error", events.Failure(signal.code, signal.message)), *more]


def _outcome(exchange: Exchange, metadata: Raw) -> signals.Tell:
    if exchange.refusal is not None:
        return signals.Tell("error", exchange.refusal)
    done = events.Answered(agent_type=exchange.agent, agent=exchange.agent, metadata=metadata)
    return signals.Tell("response.done", done)


def _sound_ends(playback: Playback, *, interrupted: bool) -> signals.Tell:
    ends = events.SoundEnds(agent_type=playback.agent, agent=playback.agent, interrupted=interrupted)
    return signals.Tell("audio.end", ends)


def _joined(before: Clip, after: Clip) -> Clip:
    """Return two utterances as one, the last `MOST_CARRIED_S` of them; both hold their own bytes."""
    pcm = (_bytes(before) + _bytes(after))[-MOST_CARRIED_S * 16_000 * SAMPLE_BYTES :]
    return Clip(pcm, 0, len(pcm) // SAMPLE_BYTES)


def _bytes(clip: Clip) -> bytes:
    source = clip.source if isinstance(clip.source, bytes) else clip.source.read_bytes()
    return source[clip.first * SAMPLE_BYTES : (clip.first + clip.frames) * SAMPLE_BYTES]


HANDLERS: dict[type, Callable[[State, Any], Step]] = {
    signals.Wrote: _wrote,
    signals.SpeechBegan: _speech_began,
    signals.SpeechEnded: _speech_ended,
    signals.Interrupted: _interrupted,
    signals.HungUp: _hung_up,
    signals.Closed: _closed,
    signals.Opened: _opened,
    signals.Heard: _heard,
    signals.Came: _came,
    signals.Finished: _finished,
    signals.SoundReady: _sound_ready,
    signals.Failed: _failed,
    signals.Settled: _settled,
    signals.Lost: _lost,
}
