"""An embedded chat model without a gateway around it."""

import dataclasses
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec

from agents.errors import ProviderDown
from agents.local.busy import Busy
from agents.local.engine import Engine, EngineOptions
from agents.local.wire import ChatRequest, engine_request
from agents.messages import Done, Events, Prompt, Text


@dataclasses.dataclass
class Weights:
    """Answers prompts with the weights of a file; `calls` counts how often."""

    file: Path
    calls: int = 0

    def __post_init__(self) -> None:
        self._engine = Engine(self.file, EngineOptions(), Busy())

    async def stream(self, prompt: Prompt) -> Events:
        """Stream the answer."""
        self.calls += 1
        asked: dict[str, Any] = {
            "messages": [{"role": each.role, "content": each.content} for each in prompt.messages],
            "temperature": prompt.sampling.temperature,
            "max_tokens": prompt.sampling.max_tokens,
            "stream": True,
        }
        if prompt.schema is not None:
            schema = {"name": "answer", "schema": msgspec.json.decode(prompt.schema)}
            asked["response_format"] = {"type": "json_schema", "json_schema": schema}
        request = engine_request(msgspec.json.decode(msgspec.json.encode(asked), type=ChatRequest))
        async with aclosing(self._engine.stream(request)) as pieces:
            async for piece in pieces:
                if piece.error is not None:
                    raise ProviderDown(piece.error.message)
                for choice in piece.choices:
                    if choice.delta.content:
                        yield Text([choice.delta.content])
        yield Done()
