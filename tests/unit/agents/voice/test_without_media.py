"""Without the packages of the voice extra a conversation goes on in writing, and says what it cannot do."""

import subprocess
import sys

SCRIPT = """
import asyncio, sys
for name in ("aiortc", "onnxruntime", "av", "numpy"):
    sys.modules[name] = None  # as where it is not installed
from agents.voice.conversation import Conversation
from agents.voice.equipment import Equipment, installed_detector
from agents.voice.turns import Ask, TurnRefused
from tests.unit.agents.voice.scripted import Line, Script

async def talk():
    line = Line()
    async with Conversation(line, Script(), Equipment(installed_detector())) as conversation:
        try:
            await conversation.offer("v=0", Ask())
        except TurnRefused as refused:
            print(refused.code)
        await conversation.listen(16_000, Ask())
        loud = b"\\x00\\x20\\x00\\xe0" * 8_000
        for piece in (bytes(16_000), loud, bytes(32_000)):
            await conversation.hear(piece)
        await line.until("response.done")
    print(*line.kinds())

asyncio.run(talk())
"""


def test_an_offer_is_unavailable_and_frames_are_heard_by_their_loudness():
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)

    refused, told = ran.stdout.splitlines()
    assert refused == "webrtc_unavailable"
    assert told.split()[0] == "transcript"
    assert "audio.start" in told
