"""A vendor that does what the question says and counts honestly: never more output than `max_tokens` allows."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

from tests.faults.scenarios import TAUGHT
from tests.faults.upstream import Answering
from tests.faults.wire import LAST_CHUNK, WORD, completion, counted, event, head, piece, response

SCRIPT = re.compile(r"@out=(\d+) ms=(\d+) end=(\w+) dense=(\d) parts=(\d)@")
PARTS = 5


@dataclass(frozen=True)
class Script:
    """What the vendor is to do.

    Attributes:
        out: Tokens it would say if nothing stopped it.
        ms: How long it takes.
        end: `ok`, `refuse` (a 500 before anything) or `cut` (breaks off in the middle).
        dense: 1 when every byte of the prompt is a token, else four bytes are.
        parts: Into how many parts it splits the question when it is asked to plan, each needing the one before.

    """

    out: int = 20
    ms: int = 5
    end: str = "ok"
    dense: int = 0
    parts: int = 0

    def __str__(self) -> str:
        return f"@out={self.out} ms={self.ms} end={self.end} dense={self.dense} parts={self.parts}@"


def script_of(request: dict[str, Any]) -> Script:
    found = SCRIPT.findall(text_of(request))
    if not found:
        return Script()
    out, ms, end, dense, parts = found[-1]
    return Script(int(out), int(ms), end, int(dense), int(parts))


def text_of(request: dict[str, Any]) -> str:
    return "\n".join(message["content"] for message in request["messages"])


def usage_of(request: dict[str, Any], script: Script) -> dict[str, int]:
    """Count a prompt as a tokenizer would, at worst a token a byte, and three for each message around it."""
    said = len(text_of(request).encode())
    tokens_in = (said if script.dense else said // 4) + 3 * len(request["messages"]) + 3
    allowed = request.get("max_tokens", request.get("max_completion_tokens", script.out))
    tokens_out = min(script.out, allowed)
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


async def honest(call: Answering) -> None:
    """Answer as the script in the question says."""
    script = script_of(call.request)
    usage = usage_of(call.request, script)
    if script.end == "refuse":
        await asyncio.sleep(script.ms / 1000)
        await call.send(response(b'{"error": {"message": "no"}}', "500 Broken"))
        return
    answer = planned if "response_format" in call.request else streamed if call.stream else whole
    await answer(call, script, usage)


async def planned(call: Answering, script: Script, usage: dict[str, int]) -> None:
    """Answer the planning call of V1: parts that carry the script on."""
    names = range(script.parts)
    parts = [{"question": f"Part {name}? {script}", "after": [name - 1][:name]} for name in names]
    plan = json.dumps({"parts": parts})
    usage = usage | {"completion_tokens": len(plan) // 4}
    usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
    await call.send(response(completion(plan, usage)))


async def whole(call: Answering, script: Script, usage: dict[str, int]) -> None:
    await asyncio.sleep(script.ms / 1000)
    answer = response(completion(WORD * usage["completion_tokens"], usage))
    if script.end == "cut":
        await call.send(answer[: len(answer) // 2])
        call.cut()
        return
    await call.send(answer)


async def streamed(call: Answering, script: Script, usage: dict[str, int]) -> None:
    await call.send(head())
    words = usage["completion_tokens"]
    for part in range(PARTS):
        await asyncio.sleep(script.ms / 1000 / PARTS)
        if call.leaving():
            return
        share = words // PARTS + (part < words % PARTS)
        await call.chunks(event(piece(WORD * share)))
        if script.end == "cut" and part == PARTS // 2:
            call.cut()
            return
    await call.chunks(*(event(data) for data in (piece("", "stop"), counted(usage), b"[DONE]")))
    await call.send(LAST_CHUNK)


TAUGHT["honest"] = honest
