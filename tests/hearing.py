"""Clips, models and prompts of audio for the tests of providers; run as a program it hears once and tells how."""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

from agents.audio.clip import RATE, Clip
from agents.errors import ProviderError
from agents.messages import Done, Message, Prompt
from agents.providers import mistral, openai
from agents.providers.chat import Chat
from agents.providers.transport import Timeouts, Upstream
from pricing_tables.loader import load_catalogue
from pricing_tables.model import Model

CATALOGUE = load_catalogue(local_watts=65.0)
KEYS = {"openai": "sk-upstream-openai", "mistralai": "upstream-mistral"}
PATIENT = Timeouts(connect=2, first_byte=10, idle=10, total=20)


def named(name: str) -> Model:
    found = CATALOGUE.find(name)
    assert found is not None
    return found


def clip(seconds: float = 2.0) -> Clip:
    """Return a clip of a ramp, so that no two of its samples are alike for long."""
    frames = round(seconds * RATE)
    ramp = b"".join(at.to_bytes(2, "little") for at in range(RATE))
    return Clip((ramp * (frames // RATE + 1))[: 2 * frames], 0, frames)


def hearing(name: str, seconds: float = 2.0, language: str | None = None) -> Prompt:
    return Prompt(named(name), (), clip=clip(seconds), language=language)


def saying(name: str, text: str = "Bonjour à tous.", language: str | None = None) -> Prompt:
    return Prompt(named(name), (Message("user", text),), language=language)


def connected(url: str, provider: str = "openai", timeouts: Timeouts = PATIENT, key: str | None = None) -> Chat:
    connect = openai.connect if provider == "openai" else mistral.connect
    return connect(Upstream(provider, url, key or KEYS[provider], timeouts))


async def answered(chat: Chat, prompt: Prompt) -> Done:
    """Return the one event of an answer."""
    (done,) = [event async for event in chat.stream(prompt)]
    assert isinstance(done, Done)
    return done


async def asked(url: str, prompt: Prompt, timeouts: Timeouts = PATIENT, key: str | None = None) -> Done:
    """Ask once on a connection of its own."""
    chat = connected(url, prompt.model.provider, timeouts, key)
    try:
        return await answered(chat, prompt)
    finally:
        await chat.aclose()


async def failed(url: str, prompt: Prompt, timeouts: Timeouts = PATIENT) -> ProviderError:
    """Return what asking raises."""
    try:
        await asked(url, prompt, timeouts)
    except ProviderError as error:
        return error
    raise AssertionError("it was answered")


class Blocks:
    """How long the loop's own thread worked without a pause, in seconds of processor: other load does not count."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            self.longest_s, before = max(self.longest_s, now - before), now

    async def end(self) -> float:
        await asyncio.sleep(0.002)
        self._task.cancel()
        return self.longest_s


async def _first_and_second(url: str, name: str) -> dict[str, float]:
    prompt = hearing(name) if named(name).kind == "transcription" else saying(name)
    chat = connected(url, prompt.model.provider)
    before_mb = _resident_mb()
    blocks = Blocks()
    began = time.perf_counter()
    await answered(chat, prompt)
    first_s = time.perf_counter() - began
    longest_s = await blocks.end()
    began = time.perf_counter()
    await answered(chat, prompt)
    second_s = time.perf_counter() - began
    await chat.aclose()
    grown_mb = _resident_mb() - before_mb
    return {"first_s": first_s, "second_s": second_s, "longest_block_s": longest_s, "grown_mb": grown_mb}


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_first_and_second(sys.argv[1], sys.argv[2]))))
