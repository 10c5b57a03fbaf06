"""The session as a table: a state, what it is told, where it goes, what it orders."""

import pytest

from agents.audio.clip import Clip
from agents.messages import Message, Sound, Transcript
from agents.voice import signals
from agents.voice.session import step
from agents.voice.state import State
from agents.voice.turns import Ask
from tests.unit.agents.voice.world import CLIP, RECEIPT, SOUND

ASK = Ask(model="gpt-4o")
WRITTEN = [signals.Wrote(ASK, "Bonjour")]
OPENED = signals.Opened(1, "V2")
SPOKEN = [signals.SpeechBegan(), signals.SpeechEnded(ASK, CLIP)]
HEARD = signals.Heard(1, Transcript("Quelle heure est-il ?", "fr"))
ANSWERING = [*SPOKEN, OPENED, HEARD]
SPEAKING = [
    *ANSWERING,
    signals.Came(1, "Il est midi. Bientôt une heure. Puis deux. Puis"),
    signals.SoundReady(1, SOUND, "pcm16"),
]
MADE = [*SPEAKING, signals.Finished(1)] + [signals.SoundReady(1, SOUND, "pcm16"), signals.Played(1)] * 3
PLAYING = [*MADE, signals.Settled(1, RECEIPT)]

TABLE = {
    "a message opens a turn": ([], WRITTEN[0], "opening", ["Open"]),
    "a message waits for the turn before it": ([*WRITTEN, OPENED], WRITTEN[0], "answering", []),
    "a message is answered once it is let in": (WRITTEN, OPENED, "answering", ["Answer"]),
    "a message that is not let in is an error": (WRITTEN, signals.Lost(1, "c", "m"), None, ["error"]),
    "a written answer is not spoken": (
        [*WRITTEN, OPENED], signals.Came(1, "Oui. Non."), "answering", ["response.delta"],
    ),
    "a written answer that is whole is settled": ([*WRITTEN, OPENED], signals.Finished(1), "settling", ["Settle ok"]),
    "what is settled is told": (
        [*WRITTEN, OPENED, signals.Finished(1)], signals.Settled(1, RECEIPT), None, ["response.done"],
    ),
    "a voice leaves a written answer alone": ([*WRITTEN, OPENED], SPOKEN[0], "answering", []),
    "the client may stop a written answer": ([*WRITTEN, OPENED], signals.Interrupted(), "settling", ["Settle partial"]),
    "nothing to stop is nothing": ([], signals.Interrupted(), None, []),
    "a voice alone opens nothing": ([], SPOKEN[0], None, []),
    "an utterance opens a turn": (SPOKEN[:1], SPOKEN[1], "opening", ["Open"]),
    "an utterance is transcribed": (SPOKEN, OPENED, "transcribing", ["Transcribe"]),
    "what was heard is told and asked": ([*SPOKEN, OPENED], HEARD, "answering", ["transcript", "Answer"]),
    "a noise is settled without an answer": (
        [*SPOKEN, OPENED], signals.Heard(1, Transcript(" ")), "settling", ["transcript", "Settle ok"],
    ),
    "a sentence is spoken while the next is written": (
        ANSWERING, signals.Came(1, "Il est midi. Bientôt"), "answering", ["response.delta", "Speak Il est midi."],
    ),
    "one sentence is made at a time": (SPEAKING[:-1], signals.Came(1, " trois. "), "answering", ["response.delta"]),
    "the first sound is announced, the next is made ahead": (
        SPEAKING[:-1], SPEAKING[-1], "answering", ["audio.start", "Play", "Speak Bientôt une heure."],
    ),
    "no more than one is made ahead": (SPEAKING, SPEAKING[-1], "answering", ["Play"]),
    "what was played makes room": ([*SPEAKING, SPEAKING[-1]], signals.Played(1), "answering", ["Speak Puis deux."]),
    "a spoken answer is settled once all of it is sound": (MADE[:-2], MADE[-2], "settling", ["Play", "Settle ok"]),
    "what is still being played is no turn": (MADE, signals.Settled(1, RECEIPT), None, ["response.done"]),
    "the sound ends when all was played": (PLAYING, signals.Played(1), None, ["audio.end"]),
    "a voice stops what is being played after its turn": (PLAYING, SPOKEN[0], None, ["Hush", "audio.end interrupted"]),
    "a voice stops an answer": (ANSWERING, SPOKEN[0], "settling", ["Settle partial"]),
    "a voice stops an answer and its sound": (
        SPEAKING, SPOKEN[0], "settling", ["Hush", "audio.end interrupted", "Settle partial"],
    ),
    "a sound that comes after the stop is not played": (
        [*SPEAKING, SPOKEN[0]], signals.SoundReady(1, SOUND, "pcm16"), "settling", [],
    ),
    "a piece that comes after the stop is not told": ([*SPEAKING, SPOKEN[0]], signals.Came(1, "Oh"), "settling", []),
    "the next utterance waits until the stopped one is settled": ([*SPEAKING, SPOKEN[0]], SPOKEN[1], "settling", []),
    "and is heard then": (
        [*SPEAKING, *SPOKEN], signals.Settled(1, RECEIPT), "opening", ["response.done", "Open"],
    ),
    "a failure stops the sound": (
        SPEAKING, signals.Failed(1, "internal", "m"), "settling", ["Hush", "audio.end interrupted", "Settle error"],
    ),
    "a failure is told once it is settled": (
        [*SPEAKING, signals.Failed(1, "provider_error", "m")], signals.Settled(1, RECEIPT), None, ["error"],
    ),
    "whoever hangs up hears no more": (
        SPEAKING, signals.HungUp(), "settling", ["Hush", "audio.end interrupted", "Settle partial"],
    ),
    "whoever leaves is told nothing": (SPEAKING, signals.Closed(), "settling", ["Hush", "Settle client_gone"]),
    "whoever left opens nothing": ([signals.Closed()], WRITTEN[0], None, []),
}  # fmt: skip


def after(signals_):
    state = State()
    for each in signals_:
        state, _ = step(state, each)
    return state


def word(order):
    name = type(order).__name__
    match order:
        case signals.Tell(kind, payload):
            return f"{kind} interrupted" if getattr(payload, "interrupted", False) else kind
        case signals.Settle():
            return f"{name} {order.status}"
        case signals.Speak():
            return f"{name} {order.text}"
        case _:
            return name


@pytest.mark.parametrize("promise", TABLE)
def test_it_goes_where_the_table_says(promise):
    before, signal, phase, orders = TABLE[promise]

    state, ordered = step(after(before), signal)

    assert [word(order) for order in ordered] == orders
    assert (state.exchange.phase if state.exchange else None) == phase


def test_who_goes_on_before_they_were_transcribed_is_heard_as_one():
    _, orders = step(after([*SPOKEN, OPENED, SPOKEN[0], SPOKEN[1]]), signals.Settled(1, RECEIPT))

    assert orders[-1] == signals.Open(2, ASK, None, Clip(CLIP.source * 2, 0, CLIP.frames * 2))


def test_what_was_said_is_remembered_and_no_failure_is():
    told = [signals.Came(1, "Bonsoir."), signals.Finished(1), signals.Settled(1, RECEIPT)]
    failed = [
        signals.Wrote(ASK, "Encore"),
        signals.Opened(2, "V2"),
        signals.Failed(2, "c", "m"),
        signals.Settled(2, RECEIPT),
    ]

    state = after([*WRITTEN, OPENED, *told, *failed])

    assert state.history == (Message("user", "Bonjour"), Message("assistant", "Bonsoir."))


def test_a_message_too_many_is_refused():
    state, orders = step(after([*WRITTEN] * 9), WRITTEN[0])

    assert (orders[0].kind, orders[0].payload.code) == ("error", "rate_limited")
    assert len(state.waiting) == 8


def test_more_than_a_minute_of_speech_does_not_wait_behind_a_written_answer():
    long = Clip(bytes(960_000), 0, 480_000)
    told = [signals.SpeechBegan(), signals.SpeechEnded(ASK, long)]

    state, orders = step(after([*WRITTEN, OPENED, *told, *told]), told[1])

    assert (orders[0].kind, orders[0].payload.code) == ("error", "rate_limited")
    assert len(state.waiting) == 2


def test_a_sentence_without_sound_is_passed_over():
    _, orders = step(after(SPEAKING[:-1]), signals.SoundReady(1, Sound(b"", 16_000), "pcm16"))

    assert [word(order) for order in orders] == ["Speak Bientôt une heure."]
