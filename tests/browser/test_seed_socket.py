"""The seed's own JavaScript for the socket, unmodified but for the URL, in a real browser (2.6)."""

from typing import Any

from tests.browser.chromium import chromium, page_at
from tests.clients.examples import example
from tests.gateway import Gateway
from tests.upstream import STORY


def test_snippets_connect_ask_keep_alive_and_signal(gateway: Gateway) -> None:
    received: list[dict[str, Any]] = []
    said: list[str] = []

    def note(message: Any) -> None:
        said.append(message.text)
        if message.text.startswith("Received:"):
            received.append(message.args[1].json_value())

    with chromium() as browser, page_at("<!doctype html><title>seed</title>") as address:
        page = browser.new_page()
        page.on("console", note)
        page.goto(address)
        page.add_script_tag(content=example(gateway, "JavaScript", "the socket"))
        page.wait_for_function("ws.readyState === 1")
        for title in ("a message", "keep-alive", "signalling"):
            page.add_script_tag(content=example(gateway, "JavaScript", title).replace("30000", "300"))
        page.wait_for_event(
            "console", predicate=lambda _: {"response.done", "pong", "error"} <= {each["type"] for each in received}
        )
        page.evaluate("ws.close()")
        page.wait_for_event("console", predicate=lambda message: message.text == "Disconnected")

    assert said[0] == "Connected"
    told = {each["type"]: each["payload"] for each in received}
    deltas = [each["payload"]["content"] for each in received if each["type"] == "response.delta"]
    assert "".join(deltas) == "".join(STORY)
    assert told["response.done"]["metadata"]["usage"]["total_tokens"] == 123
    # What stands for an SDP there is none: it is told so, and the socket goes on.
    assert told["error"]["code"] == "invalid_request"
    assert not any("WebSocket error" in line for line in said)
