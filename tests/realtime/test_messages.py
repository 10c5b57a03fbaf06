"""Messages over the socket: answered, metered and in the book like completions (2.6.2, 2.6.4)."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.admin import Admin
from tests.gateway import Client, Gateway, exact, vendors
from tests.http.accounts import Administrator
from tests.talk import talking
from tests.upstream import STORY, Upstream

LEFT_WITHIN_S = 1.0
TINY = "0.000000000000000001"


def test_a_message_is_answered_and_its_receipt_is_the_row_of_the_book(open_house: Gateway, upstream: Upstream) -> None:
    with talking(open_house) as talk:
        connected = talk.next()
        text, done = talk.ask(upstream.expect())

    assert connected[0] == "connected"
    assert connected[1]["auth"] == "anonymous"
    assert connected[1]["session_id"]
    assert text == "".join(STORY)
    assert done["content"] == ""
    assert (done["agent"], done["agent_type"]) == ("V2", "V2")
    told, row = done["metadata"], open_house.row(done["metadata"]["request_id"])
    assert (told["model"], told["agent"], told["message_count"]) == ("gpt-4o", "V2", 2)
    assert told["usage"]["total_tokens"] == 123
    assert (row["status"], row["agent"], row["model"]) == ("ok", "V2", "gpt-4o")
    assert (row["cost_eur"], row["emissions_kgCO2eq"]) == (told["pricing"]["total_cost"], told["emissions_kgCO2eq"])
    assert (row["input_tokens"], row["output_tokens"]) == (
        told["usage"]["input_tokens"],
        told["usage"]["output_tokens"],
    )


def test_metadata_is_that_of_a_streamed_completion(open_house: Gateway, upstream: Upstream) -> None:
    client = Client(open_house, open_house.token())
    streamed = client.ask(upstream.expect(), stream=True).text
    last = exact(streamed.strip().rpartition("data: ")[2])["metadata"]

    with talking(open_house) as talk:
        _, done = talk.ask(upstream.expect())

    assert shape(done["metadata"]) == shape(last)


def shape(value: Any) -> Any:
    return {name: shape(each) for name, each in value.items()} if isinstance(value, dict) else None


@pytest.mark.parametrize("agent", ["V1", "V2"])
def test_events_say_who_answers_by_both_names(open_house: Gateway, upstream: Upstream, agent: str) -> None:
    with talking(open_house) as talk:
        _, done = talk.ask(upstream.expect(), model="mistral-large-latest", agent_type=agent)

    deltas = [payload for kind, payload in talk.told if kind == "response.delta"]
    assert deltas
    assert {(each["agent"], each["agent_type"]) for each in [*deltas, done]} == {(agent, agent)}
    assert done["metadata"]["model"] == "mistral-large-latest"


def test_a_session_remembers_what_was_said(open_house: Gateway, upstream: Upstream) -> None:
    first, second = upstream.expect(), upstream.expect()

    with talking(open_house) as talk:
        talk.ask(first)
        _, done = talk.ask(second)

    (seen,) = [each for each in upstream.seen(second) if each.body["messages"][-1]["content"] == second]
    said = [message["content"] for message in seen.body["messages"]]
    assert said[-3:] == [first, "".join(STORY), second]
    assert done["metadata"]["message_count"] == 4


def test_a_ping_is_answered_with_the_time(open_house: Gateway) -> None:
    with talking(open_house) as talk:
        talk.send("ping")
        told = talk.until("pong")

    assert abs(told["ts"] / 1000 - time.time()) < 60


# One row a kind of refusal: what is sent, the code, and what its message names.
@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"model": "gpt-99"}, "model_not_found", "GET /models"),
        ({"agent": "V9"}, "agent_not_found", "V1 ou V2"),
        ({"agent": "V1", "agent_type": "V2"}, "invalid_request", "agent_type"),
        ({"sources": ["6f1c1f3e-0000-4000-8000-000000000000"]}, "invalid_request", "project_id"),
        ({"project_id": "proj-default", "sources": ["6f1c1f3e"]}, "invalid_request", "6f1c1f3e"),
        ({"stream": True}, "invalid_request", "stream"),
    ],
)
def test_a_message_that_cannot_be_answered_is_refused_and_the_next_is_not(
    open_house: Gateway, upstream: Upstream, fields: dict[str, Any], code: str, named: str
) -> None:
    with talking(open_house) as talk:
        _, refusal = talk.ask(upstream.expect(), **fields)
        text, _ = talk.ask(upstream.expect())

    assert refusal["code"] == code
    assert named in refusal["message"]
    assert text == "".join(STORY)


def test_a_vendor_that_fails_is_told_and_the_turn_is_in_the_book(open_house: Gateway, upstream: Upstream) -> None:
    with talking(open_house) as talk:
        _, refusal = talk.ask(upstream.expect(status=401, body=b"{}"))

    assert refusal["code"] == "provider_error"
    assert open_house.books()[-1]["status"] == "error"


def test_a_hang_up_closes_the_call_upstream_and_its_row_says_so(open_house: Gateway, upstream: Upstream) -> None:
    prompt = upstream.expect(hold_after=2)

    with talking(open_house) as talk:
        talk.send("message", text=prompt)
        talk.until("response.delta")
        left = time.time(), time.monotonic()
        talk.wire.socket.close()

    (seen,) = upstream.seen(prompt)
    assert seen.dropped.wait(5)
    assert (seen.dropped_at or 0) - left[1] <= LEFT_WITHIN_S
    row = last_row(open_house, "client_gone")
    assert row["output_tokens"] > 0
    assert row["usage_source"] == "estimated"


def last_row(gateway: Gateway, status: str) -> dict[str, Any]:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        rows = gateway.books()
        if rows[-1]["status"] == status:
            return rows[-1]
    raise AssertionError(f"no row that is {status}")


def test_a_client_that_closes_as_if_it_were_the_gateway_is_gone_too(open_house: Gateway, upstream: Upstream) -> None:
    prompt = upstream.expect(hold_after=1)
    with talking(open_house) as talk:
        talk.ask(upstream.expect())
        talk.send("message", text=prompt)
        talk.until("response.delta")
        talk.wire.close(1012)

    assert upstream.seen(prompt)[0].dropped.wait(5)
    assert last_row(open_house, "client_gone")


def test_an_interrupt_closes_the_call_upstream_and_the_session_goes_on(open_house: Gateway, upstream: Upstream) -> None:
    prompt = upstream.expect(hold_after=2)

    with talking(open_house) as talk:
        talk.send("message", text=prompt)
        talk.until("response.delta")
        talk.send("interrupt")
        done = talk.until("response.done")
        text, _ = talk.ask(upstream.expect())

    assert upstream.seen(prompt)[0].dropped.wait(5)
    assert open_house.row(done["metadata"]["request_id"])["status"] == "partial"
    assert text == "".join(STORY)


def test_a_spent_budget_refuses_the_turn_and_a_raised_one_lets_it_in(open_house: Gateway, upstream: Upstream) -> None:
    treasurer, project = Admin(open_house), "proj-spent-socket"
    with talking(open_house) as talk:
        talk.ask(upstream.expect(), project_id=project)
        budget = treasurer.made(scope="project", scope_id=project, limit=TINY)
        _, stopped = talk.ask(upstream.expect(), project_id=project)
        treasurer.call("PATCH", f"/v1/organization/budgets/{budget['id']}", {"limit": "1000"})
        text, done = talk.ask(upstream.expect(), project_id=project)

    assert stopped["code"] == "budget_exceeded_eur"
    assert text == "".join(STORY)
    assert open_house.row(done["metadata"]["request_id"])["status"] == "ok"


def test_a_limit_of_rate_refuses_the_turn_and_not_the_session(host: Administrator, upstream: Upstream) -> None:
    made = host.key(host.project())
    host.call("PUT", f"/v1/organization/limits/key/{made['id']}", {"requests_per_minute": 1})

    with talking(host.gateway, additional_headers={"x-api-key": made["value"]}) as talk:
        answers = [talk.ask(upstream.expect())[1] for _ in range(3)]
        talk.send("ping")
        assert talk.until("pong")

    assert answers[-1]["code"] == "rate_limited"
    assert "limite 1" in answers[-1]["message"]


def test_a_revoked_key_ends_its_session_within_a_second(host: Administrator, upstream: Upstream) -> None:
    project = host.project()
    made = host.key(project)

    with talking(host.gateway, additional_headers={"x-api-key": made["value"]}) as talk:
        talk.ask(upstream.expect())
        host.call("DELETE", f"/v1/organization/projects/{project}/api_keys/{made['id']}")
        revoked = time.monotonic()
        code = talk.closed()
        took = time.monotonic() - revoked

    assert code == 4401
    assert talk.told[-1][0] == "error"
    assert talk.told[-1][1]["code"] == "unauthorized"
    assert took < 2.0


def test_a_gateway_that_stops_says_so_and_settles_what_ran(
    gateway_with: Callable[..., Gateway], upstream: Upstream
) -> None:
    gateway, prompt = gateway_with(**vendors(upstream)), upstream.expect(hold_after=1)

    with talking(gateway) as talk:
        talk.send("message", text=prompt)
        talk.until("response.delta")
        ended = gateway.stop()
        code = talk.closed()

    assert (ended, code) == (0, 1012)
    assert talk.told[-1][0] == "closing"
    assert [row["status"] for row in gateway.books()] == ["partial"]


def test_sessions_and_turns_are_counted(open_house: Gateway, upstream: Upstream) -> None:
    with talking(open_house) as talk:
        talk.ask(upstream.expect())
        during = open_house.metrics()
        talk.wire.close()
        with pytest.raises(ConnectionClosed):
            talk.next()

    assert "router_realtime_sessions 0" not in during
    assert 'router_requests_total{method="GET",route="/realtime/ws",status="200"}' in during
