"""What the prompt tools are sent, what a model answers them, and how they refuse."""

import json
from typing import Any

import requests

from tests.http.accounts import Caller

EXPERIMENTAL = "/v1/experimental"
GENERATE, IMPROVE, TEMPLATIZE = (f"{EXPERIMENTAL}/{name}_prompt" for name in ("generate", "improve", "templatize"))
KEPT = "/api/v1/prompts/generate"
BETA = "prompt-tools-2025-04-02"
PERMISSION = "prompt_tools"
PROJECT = "proj-default"
TASK = {"task": "a chef for a meal prep planning service"}
ASK = {"messages": [{"role": "user", "content": "Translate hello to German"}]}
BODIES = {GENERATE: TASK, IMPROVE: ASK, TEMPLATIZE: ASK}
OUTLINE = {
    "opening": "You are a chef who plans the meals of a week for busy families.",
    "variables": [{"name": "DIET", "about": "what the family eats", "long": False}],
    "steps": ["Read what the family eats: {{DIET}}.", "Plan seven dinners that can be cooked ahead."],
    "rules": ["Name the weight of everything that is to be bought."],
    "judges": False,
    "answer": "A table with one row a day.",
}
VALUES = {"values": [{"name": "WORD", "value": "hello"}, {"name": "TARGET_LANGUAGE", "value": "German"}]}


def said(answer: object) -> dict[str, object]:
    """Return what makes the vendor answer this object as JSON, whether it is asked for a shape or not."""
    text = json.dumps(answer)
    return {"pieces": (text,), "shaped": text}


def texts(answer: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the turns of an answer, after a look at the shape of each."""
    for turn in answer["messages"]:
        assert set(turn) == {"role", "content"}
        assert all(set(block) == {"type", "text"} and block["type"] == "text" for block in turn["content"])
    return [(turn["role"], [block["text"] for block in turn["content"]]) for turn in answer["messages"]]


def filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def post(caller: Caller, path: str, body: object, **headers: str) -> requests.Response:
    """Post JSON, or these very bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} | ({"x-api-key": caller.credential} if caller.credential else {})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(caller.gateway.url + path, data=data, headers=sent | named, timeout=30)


def refused(response: requests.Response, status: int, kind: str) -> str:
    """Check family F4 (1.2) and return the sentence."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    body = response.json()
    assert set(body) == {"type", "error", "request_id"}
    assert body["type"] == "error"
    assert body["request_id"] == response.headers["request-id"] == response.headers["x-request-id"]
    assert set(body["error"]) <= {"type", "message", "details"}
    assert body["error"]["type"] == kind
    return body["error"]["message"]
