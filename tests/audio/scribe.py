"""The embedded chat model without a gateway around it, to write minutes of what was heard already."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec

from agents.audio.layout import text_of
from agents.audio.minutes import minutes_of
from agents.local.busy import Busy
from agents.local.engine import Engine, EngineOptions
from agents.local.wire import ChatRequest, engine_request
from agents.messages import Done, Events, Prompt, Segment, Text, Transcript
from pricing_tables.loader import load_catalogue


class Scribe:
    """Answers prompts with the weights of a file."""

    def __init__(self, weights: Path) -> None:
        self._engine = Engine(weights, EngineOptions(), Busy())

    async def stream(self, prompt: Prompt) -> Events:
        asked: dict[str, Any] = {
            "messages": [{"role": each.role, "content": each.content} for each in prompt.messages],
            "temperature": 0,
            "max_tokens": prompt.sampling.max_tokens,
            "stream": True,
        }
        if prompt.schema is not None:
            schema = {"name": "answer", "schema": msgspec.json.decode(prompt.schema)}
            asked["response_format"] = {"type": "json_schema", "json_schema": schema}
        request = engine_request(msgspec.json.decode(msgspec.json.encode(asked), type=ChatRequest))
        async with aclosing(self._engine.stream(request)) as pieces:
            async for piece in pieces:
                for choice in piece.choices:
                    if choice.delta.content:
                        yield Text([choice.delta.content])
        yield Done()


def minutes_by(weights: Path, model: str, answer: dict[str, Any]) -> str:
    """Return the minutes that other weights make of what a meeting's answer says was heard."""
    segments = tuple(
        Segment(each["text"], each["start"], each["end"], language=each["language"]) for each in answer["transcript"]
    )
    text = " ".join(segment.text for segment in segments)
    found = load_catalogue(local_watts=65).find(model)
    assert found is not None
    minutes = asyncio.run(minutes_of(Transcript(text, answer["language"], segments), found, Scribe(weights)))
    return text_of(minutes)
