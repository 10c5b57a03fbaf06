"""Questions asked by frames of sound are answered by frames of sound, in real time, and stop when spoken over."""

import asyncio
import io
import time

import av
import numpy as np
import pytest

from agents.messages import Sound
from agents.voice.conversation import Conversation
from agents.voice.equipment import Equipment, installed_detector
from agents.voice.turns import Ask, TurnRefused
from tests.speech import RATE, encoded, say, seconds_of, silence
from tests.unit.agents.voice.scripted import Line, Script

EARS = Equipment(detector=installed_detector())
QUESTION = silence(0.3) + say("Quelle est la capitale de l'Italie ?") + silence(0.8)
LONG = Sound(bytes(2 * 2 * RATE), RATE)  # two seconds


async def hear(conversation, pcm, size=6400):
    for at in range(0, len(pcm), size):
        await conversation.hear(pcm[at : at + size])


def frames(line):
    return [item for item in line.got if isinstance(item, bytes)]


async def asked(script, pcm=QUESTION, ask=None, **announced):
    line = Line()
    async with Conversation(line, script, EARS) as conversation:
        if ask or announced:
            await conversation.listen(announced.get("rate", RATE), ask or Ask(), announced.get("form", "pcm16"))
        pieces = [pcm] if isinstance(pcm, bytes) else pcm
        for piece in pieces:
            await hear(conversation, piece)
        await line.until("audio.end")
        await line.until("response.done")
    return line


def test_a_spoken_question_is_transcribed_answered_and_spoken_sentence_by_sentence():
    script = Script("Rome. C'est ", "en Italie.", heard="Quelle est la capitale ?")

    line = asyncio.run(asked(script))

    assert [kind for kind in line.kinds() if kind != "response.delta"] == [
        "transcript", "audio.start", "response.done", "audio.end",
    ]  # fmt: skip
    told = dict(item for item in line.got if isinstance(item, tuple))
    assert (told["transcript"].text, told["transcript"].final) == ("Quelle est la capitale ?", True)
    assert (told["audio.start"].format, told["audio.start"].rate) == ("pcm16", RATE)
    assert not told["audio.end"].interrupted
    assert script.said == [("Rome.", "fr"), ("C'est en Italie.", "fr")]
    assert b"".join(frames(line)) == script.sound.pcm * 2
    assert (script.statuses, script.asked) == ([["ok"]], [("Quelle est la capitale ?", ())])


def test_frames_come_in_real_time_and_between_the_beginning_and_the_end():
    script = Script("Bonjour.", sound=LONG)
    begun = time.monotonic()

    line = asyncio.run(asked(script))

    sent = [index for index, item in enumerate(line.got) if isinstance(item, bytes)]
    ends = [index for index, item in enumerate(line.got) if item[0] in {"audio.start", "audio.end"}]
    assert ends[0] < min(sent)
    assert max(sent) < ends[1]
    assert {len(frame) for frame in frames(line)} == {1280}
    assert time.monotonic() - begun > seconds_of(LONG.pcm) - 0.3


def test_speaking_over_an_answer_stops_it_and_asks_the_next_question():
    async def talk():
        line, script = Line(), Script("Une réponse.", " Longue.", sound=LONG)
        async with Conversation(line, script, EARS) as conversation:
            await hear(conversation, QUESTION)
            await line.until("audio.start")
            script.hold("speak")
            await hear(conversation, QUESTION[: 2 * RATE])
            ends = await line.until("audio.end")
            sent = len(frames(line))
            await line.until("response.done")
            script.let("speak")
            script.sound = Sound(bytes(1280), RATE)
            await hear(conversation, QUESTION[2 * RATE :])
            await line.until("audio.end", 2)
        return line, script, ends, sent

    line, script, ends, sent = asyncio.run(talk())

    assert ends.interrupted
    assert sent < 20
    assert len(frames(line)) == sent + 2
    assert script.statuses == [["partial"], ["ok"]]
    assert script.asked[1][1][-1].content.startswith("Une réponse.")


@pytest.mark.parametrize(("rate", "said"), [(48_000, 3), (8_000, None)])
def test_other_rates_are_heard_as_well(rate, said):
    samples = np.frombuffer(QUESTION, "<i2")
    samples = samples.repeat(said) if said else samples[::2]
    script = Script("Oui.")

    line = asyncio.run(asked(script, samples.astype("<i2").tobytes(), rate=rate))

    assert frames(line)
    assert 1.2 < float(script.clips[0].seconds) < 2.6


def test_packets_of_opus_are_heard():
    with av.open(io.BytesIO(encoded(QUESTION, "ogg"))) as container:
        packets = [bytes(packet) for packet in container.demux() if packet.size]
    script = Script("Oui.")

    asyncio.run(asked(script, packets, rate=48_000, form="opus"))

    assert 1.2 < float(script.clips[0].seconds) < 2.6


def test_what_is_asked_by_voice_wants_what_was_announced():
    script = Script("Oui.")

    asyncio.run(asked(script, ask=Ask(model="mistral-large-latest", agent="V1", project_id="fournil")))

    assert script.opened[0][0] == Ask(model="mistral-large-latest", agent="V1", project_id="fournil")


def test_whoever_says_that_they_have_finished_is_not_waited_for():
    async def talk():
        line, script = Line(), Script("Oui.")
        async with Conversation(line, script, EARS) as conversation:
            await hear(conversation, QUESTION[: round(1.8 * 2 * RATE)])
            conversation.finish()
            return await line.until("transcript")

    assert asyncio.run(talk()).text == "Bonjour"


def test_a_sound_of_another_rate_is_sent_at_ours():
    script = Script("Oui.", sound=Sound(bytes(2 * 24_000), 24_000))

    line = asyncio.run(asked(script))

    assert len(b"".join(frames(line))) == pytest.approx(2 * RATE, rel=0.01)


def test_a_noise_is_paid_for_and_not_answered():
    async def talk():
        line, script = Line(), Script(heard=" ")
        async with Conversation(line, script, EARS) as conversation:
            await hear(conversation, QUESTION)
            await line.until("response.done")
        return script

    script = asyncio.run(talk())

    assert (script.statuses, script.asked) == ([["ok"]], [])


@pytest.mark.parametrize(("rate", "form", "frame"), [(4_000, "pcm16", b""), (48_000, "opus", b"garbage garbage" * 40)])
def test_what_cannot_be_heard_is_refused(rate, form, frame):
    async def talk():
        async with Conversation(Line(), Script(), EARS) as conversation:
            await conversation.listen(rate, Ask(), form)
            await conversation.hear(frame)

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(talk())

    assert raised.group_contains(TurnRefused)


def test_a_flood_of_sound_is_listened_to_in_bounded_memory_and_steps():
    async def talk():
        gaps = []

        async def tick():
            last = time.thread_time()
            while True:
                await asyncio.sleep(0)
                gaps.append(time.thread_time() - last)
                last = time.thread_time()

        async with Conversation(Line(), Script(), EARS) as conversation:
            await conversation.hear(b"")
            ticking = asyncio.create_task(tick())
            for _ in range(8):
                await conversation.hear(bytes(1_000_000))
                assert len(conversation._media._listening._pcm) < 2_000_000
            ticking.cancel()
        return max(gaps[10:])

    assert asyncio.run(talk()) < 0.05
