"""Calls over WebRTC: a spoken question is answered on the track, speaking over the answer stops it."""

import asyncio
import contextlib
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.messages import Sound
from agents.voice.candidate import Candidate
from agents.voice.conversation import Conversation
from agents.voice.equipment import Equipment, installed_detector
from agents.voice.turns import Ask, TurnRefused
from tests.speech import RATE, say, silence
from tests.unit.agents.voice.scripted import Line, Script
from tests.voice.caller import Caller

HERE = Equipment(detector=installed_detector(), loopback=True)
QUESTION = say("Quelle est la capitale de l'Italie ?")
ANSWER = Sound(say("Rome est la capitale de l'Italie, et c'est une belle ville où il fait bon vivre."), RATE)


async def call(conversation, caller, ask=None):
    await caller.accept(await conversation.offer(await caller.offer(), ask or Ask()))


def test_a_spoken_question_is_answered_on_the_track():
    async def talk():
        line, script, caller = Line(), Script("Rome.", sound=ANSWER), Caller()
        async with Conversation(line, script, HERE) as conversation:
            await call(conversation, caller, Ask(model="gpt-4o"))
            caller.microphone.say(silence(0.3) + QUESTION)
            await line.until("transcript")
            await caller.sound()
            await line.until("audio.end")
        await caller.aclose()
        return line, script, caller

    line, script, caller = asyncio.run(talk())

    begins = next(item[1] for item in line.got if item[0] == "audio.start")
    assert (begins.format, begins.rate, begins.agent_type) == ("opus", 48_000, "V2")
    assert not [item for item in line.got if isinstance(item, bytes)]
    assert (script.opened[0][0].model, script.statuses) == ("gpt-4o", [["ok"]])
    assert 1.2 < float(script.clips[0].seconds) < 2.6
    assert ANSWER.seconds - 1.2 < caller.loud_at[-1] - caller.loud_at[0] < ANSWER.seconds + 0.3


def test_speaking_over_the_answer_stops_the_sound_and_asks_anew():
    async def talk():
        line, script, caller = Line(), Script("Rome.", sound=ANSWER), Caller()
        async with Conversation(line, script, HERE) as conversation:
            await call(conversation, caller)
            caller.microphone.say(silence(0.3) + QUESTION)
            await caller.sound()
            spoken_over = time.monotonic()
            caller.microphone.say(QUESTION)
            ends = await line.until("audio.end")
            await line.until("audio.start", 2)
            last = [at for at in caller.loud_at if at < spoken_over + 1.2][-1]
            await conversation.interrupt()
        await caller.aclose()
        return script, ends, last - spoken_over

    script, ends, seconds = asyncio.run(talk())

    print(f"sound went on for {seconds * 1000:.0f} ms after the caller began to speak")  # noqa: T201 - a figure
    assert ends.interrupted
    # Of these some 100 ms are the silence that the voice of the tests begins with.
    assert seconds < 0.6
    assert len(script.asked) == 2


def test_whoever_hangs_up_while_listened_to_is_owed_nothing():
    async def talk():
        line, script, caller = Line(), Script("Rome. ", "Et puis.", sound=ANSWER), Caller()
        script.hold("end")
        async with Conversation(line, script, HERE) as conversation:
            await call(conversation, caller)
            caller.microphone.say(silence(0.3) + QUESTION)
            await caller.sound()
            await caller.aclose()
            await line.until("response.done")
            await conversation.message("Encore là ?", Ask())
            await line.until("response.delta", 3)
        return script

    assert asyncio.run(talk()).statuses == [["partial"], ["client_gone"]]


def test_the_way_to_us_is_in_the_answer_and_more_ways_to_the_caller_are_taken():
    async def talk():
        caller = Caller()
        async with Conversation(Line(), Script(), HERE) as conversation:
            with pytest.raises(TurnRefused):
                await conversation.candidate(Candidate())
            answer = await conversation.offer(await caller.offer(), Ask())
            line = "candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host generation 0"
            await conversation.candidate(Candidate(candidate=line, mid="0", line=0))
            await conversation.candidate(Candidate(candidate="candidate:2 1 udp 1 x.local 9 typ host", mid="0"))
            with pytest.raises(TurnRefused):
                await conversation.candidate(Candidate(candidate=line.replace("127.0.0.1", "example.com"), mid="0"))
            await conversation.candidate(Candidate())
            with contextlib.suppress(TurnRefused):
                while True:
                    await conversation.candidate(Candidate(candidate=line, mid="0"))
        await caller.aclose()
        return answer

    answer = asyncio.run(talk())

    assert " 127.0.0.1 " in answer
    assert "a=sendrecv" in answer


def refusal(sdp):
    async def talk():
        async with Conversation(Line(), Script(), HERE) as conversation:
            try:
                await conversation.offer(sdp, Ask())
            except TurnRefused as refused:
                return refused.code
            return None

    return asyncio.run(talk())


@pytest.fixture(scope="module")
def offer():
    async def made():
        caller = Caller()
        sdp = await caller.offer()
        await caller.aclose()
        return sdp

    return asyncio.run(made())


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "",
        lambda _: "v=0\r\nm=audio",
        lambda sdp: sdp.replace("m=audio", "m=video"),
        lambda sdp: sdp + "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\n" * 20,
        lambda sdp: sdp + "a=x:" + "y" * 100_000,
        lambda sdp: sdp.replace("a=fingerprint", "a=footprint"),
        lambda sdp: sdp.replace("a=ice-ufrag", "a=nobody"),
        lambda sdp: sdp.replace("a=rtpmap", "a=nothing").replace("SAVPF 96 9 0 8", "SAVPF 97"),
    ],
)
def test_an_offer_that_is_none_is_refused(offer, change):
    assert refusal(change(offer)) == "invalid_request"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_offer_is_answered_or_refused(offer, data):
    lines = offer.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        words = lines[at].split(" ")
        words[data.draw(st.integers(0, len(words) - 1))] = data.draw(
            st.text(max_size=8) | st.sampled_from(["-1", "99999"])
        )
        lines[at : at + 1] = data.draw(st.sampled_from([[], [" ".join(words)], [lines[at]] * 3, [lines[at][:5]]]))
        lines = lines or [""]

    assert refusal("\r\n".join(lines) + "\r\n") in {"invalid_request", None}
