"""A run that takes too long is given up, and metered as what was used (3.1.6)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from accounts.keys.keys import NewKey
from agents.messages import Message, Text
from agents.prompts.prompt import Content, Draft, NewPrompt
from agents.prompts.prompts import Prompts
from agents.providers.breaker import Breaker
from agents.providers.models import Models
from agents.providers.retry import RetryBudget, RetryPolicy
from agents.providers.scripted import Line, Scripted
from metering.middleware import Metered
from router.errors import Refused
from router.opening import prompt_desk_of
from router.prompt_desk import WITHIN_S, PromptDesk
from router.routes.run import run_of
from tests.unit.router.desk import SMALL, Desk

pytestmark = pytest.mark.anyio

NAME = "Bonjour"
BRIEF_S = 0.05


class Room:
    """A gateway whose one prompt is answered by a script, and whose runs may take a moment only."""

    def __init__(self, desk: Desk, key: str, *script: Line, within_s: float = BRIEF_S) -> None:
        self.books = desk.opened.books
        self.provider = Scripted(script)
        self.key = key
        policies = {"openai": RetryPolicy(RetryBudget(), Breaker())}
        self.desk: PromptDesk = structs.replace(
            prompt_desk_of(desk.house, desk.opened),
            models=lambda meter, hold: Models(self.provider, policies, meter, hold),
            within_s=within_s,
        )
        self._app = Metered(run_of(self.desk, desk.opened.idempotency), self.books)

    async def run(self, **fields: object) -> tuple[int, bytes]:
        """Return status and body."""
        body = json.dumps({"promptName": NAME} | fields).encode()
        headers = [(b"x-api-key", self.key.encode()), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/api/v1/run", "headers": headers, "client": ("::1", 1)}
        said: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        await self._app(scope, receive, send)
        return said[0]["status"], b"".join(message.get("body", b"") for message in said[1:])


@pytest.fixture
async def house(tmp_path: Path):
    async with Desk(tmp_path, SMALL) as desk:
        prompts = Prompts(desk.opened.ground.database, noticed_s=0)
        draft = Draft(content=Content((Message("user", "Bonjour"),)))
        await prompts.create_with("proj-default", NewPrompt(name=NAME), draft, "tests")
        await prompts.promote("proj-default", NAME, 1, "tests")
        yield desk


@pytest.fixture
async def key(house: Desk) -> str:
    minted = await house.opened.tenancy.api_keys.create(NewKey(kind="prompt", project_id="proj-default", name="k"))
    return minted.value


def never() -> asyncio.Event:
    return asyncio.Event()


async def test_thirty_seconds_are_what_the_seed_recommends(house):
    assert prompt_desk_of(house.house, house.opened).within_s == WITHIN_S == 30


async def test_whole_answer_that_does_not_come_in_time_is_a_server_error(house, key):
    room = Room(house, key, Text(["Il était"]), never())

    status, body = await room.run()

    assert status == 500
    told = {"success": False, "error": "The model 'gpt-4o' did not answer within 0.05 seconds"}
    assert json.loads(body) == told
    assert room.provider.closed == 1
    (row,) = await house.rows("status, prompt_version, output_tokens, usage_source, cost_eur")
    assert (row["status"], row["prompt_version"], row["usage_source"]) == ("error", 1, "estimated")
    assert row["output_tokens"] >= 1


async def test_stream_that_has_begun_ends_with_the_error(house, key):
    room = Room(house, key, Text(["Il", " était"]), never())

    status, body = await room.run(stream=True)

    assert status == 200
    *_, delta, final = [json.loads(line.removeprefix("data: ")) for line in body.decode().split("\n\n") if line]
    assert (delta["delta"], delta["done"]) == (" était", False)
    assert (final["success"], final["done"], final["promptVersion"]) == (False, True, 1)
    assert final["error"] == "The model 'gpt-4o' did not answer within 0.05 seconds"
    assert final["metadata"]["usage"]["output_tokens"] >= 1
    assert room.provider.closed == 1
    (row,) = await house.rows("status, usage_source")
    assert row == {"status": "partial", "usage_source": "estimated"}


async def test_stream_that_has_not_begun_is_refused_as_a_whole(house, key):
    room = Room(house, key, never())

    status, body = await room.run(stream=True)

    assert (status, json.loads(body)["success"]) == (500, False)
    assert room.provider.closed == 1


async def test_every_run_has_its_own_time(house, key):
    slow, quick = Room(house, key, never()), Room(house, key, Text(["oui"]), within_s=20)

    answers = await asyncio.gather(slow.run(), *(quick.run() for _ in range(5)))

    assert [status for status, _ in answers] == [500] + [200] * 5


async def test_run_without_a_route_is_given_up_too_and_is_in_the_book(house, key):
    room = Room(house, key, Text(["Il"]), never())
    caller = await room.desk.authenticator.principal([(b"x-api-key", key.encode())], "::1")
    asked = room.desk.asked(caller, await room.desk.find(caller, NAME), {})

    with pytest.raises(Refused) as refused:
        await room.desk.run(asked, "/somewhere/else", room.desk.meter())

    assert refused.value.code == "run_timeout"
    (row,) = await house.rows("route, status, prompt_version")
    assert row == {"route": "/somewhere/else", "status": "error", "prompt_version": 1}
    assert not room.books.served


async def test_run_without_a_route_returns_what_it_says_and_its_receipt(house, key):
    room = Room(house, key, Text(["Il ", "était"]), within_s=20)
    caller = await room.desk.authenticator.principal([(b"x-api-key", key.encode())], "::1")

    ran = await room.desk.run(
        room.desk.asked(caller, await room.desk.find(caller, NAME), {}), "/somewhere/else", room.desk.meter()
    )

    assert ran.output == "Il était"
    (row,) = await house.rows("request_id, status")
    assert row == {"request_id": ran.receipt.request_id, "status": "ok"}
