"""Written messages are answered in writing, one turn after the other, each settled once."""

import asyncio

from agents.voice.conversation import Conversation
from agents.voice.turns import Ask
from tests.unit.agents.voice.scripted import Line, Script


def test_a_message_is_answered_piece_by_piece_and_ends_with_its_receipt():
    async def talk():
        line, script = Line(), Script()
        async with Conversation(line, script) as conversation:
            await conversation.message("Salut", Ask())
            done = await line.until("response.done")
        return line, script, done

    line, script, done = asyncio.run(talk())

    assert line.kinds() == ["response.delta", "response.delta", "response.done"]
    assert [payload.content for kind, payload in line.got[:2]] == ["Bonjour. ", "Comment allez-vous ?"]
    assert (done.agent, done.agent_type, bytes(done.metadata)) == ("V2", "V2", b'{"status":"ok"}')
    assert (script.statuses, script.said) == ([["ok"]], [])


def test_the_next_message_waits_for_its_turn_and_knows_what_was_said():
    async def talk():
        line, script = Line(), Script()
        async with Conversation(line, script) as conversation:
            await conversation.message("Un", Ask())
            await conversation.message("Deux", Ask())
            await line.until("response.done", 2)
        return script

    script = asyncio.run(talk())

    assert [message for message, _ in script.asked] == ["Un", "Deux"]
    assert [turn.content for turn in script.asked[1][1]] == ["Un", "Bonjour. Comment allez-vous ?"]
    assert script.most_open == 1


def test_a_refused_turn_is_an_error_and_leaves_no_trace():
    async def talk():
        line, script = Line(), Script(refuse={"answer": ("budget_exceeded_eur", "Budget épuisé.")})
        async with Conversation(line, script) as conversation:
            await conversation.message("Un", Ask())
            error = await line.until("error")
            script.refuse.clear()
            await conversation.message("Deux", Ask())
            await line.until("response.done")
        return line, script, error

    _, script, error = asyncio.run(talk())

    assert (error.code, error.message) == ("budget_exceeded_eur", "Budget épuisé.")
    assert script.statuses == [["error"], ["ok"]]
    assert script.asked[1] == ("Deux", ())


def test_an_answer_that_is_interrupted_is_settled_as_partial():
    async def talk():
        line, script = Line(), Script()
        script.hold("end")
        async with Conversation(line, script) as conversation:
            await conversation.message("Un", Ask())
            await line.until("response.delta", 2)
            await conversation.interrupt()
            await line.until("response.done")
        return script

    assert asyncio.run(talk()).statuses == [["partial"]]


def test_whoever_leaves_has_what_was_open_settled():
    async def talk():
        line, script = Line(), Script()
        script.hold("end")
        async with Conversation(line, script) as conversation:
            await conversation.message("Un", Ask())
            await line.until("response.delta", 2)
        return line, script

    line, script = asyncio.run(talk())

    assert (script.statuses, script.left) == ([["client_gone"]], 1)
    assert "response.done" not in line.kinds()


def test_a_client_that_is_gone_ends_its_turn_and_no_other_is_opened():
    async def talk():
        line, script = Line(), Script()
        line.gone = True
        async with Conversation(line, script) as conversation:
            await conversation.message("Un", Ask())
            await asyncio.wait_for(script.empty.wait(), 5)
            await conversation.message("Deux", Ask())
        return script

    assert len(asyncio.run(talk()).turns) == 1
