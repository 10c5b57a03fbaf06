"""What bounds sessions: buckets, seats, origins, and the clocks that end them (2.6.3, 2.6.4)."""

import asyncio
from contextlib import ExitStack
from typing import Any, cast

import pytest

from agents.voice.conversation import Conversation
from router.auth import NEVER, Principal
from router.errors import Refused
from router.realtime.client import SocketClient
from router.realtime.entrance import Anonymous, Caller
from router.realtime.limits import Bucket, Pace, Seats
from router.realtime.origin import OriginWrong, host_of, listed, origins_fault
from router.realtime.session import IDLE, LONG, Ending, Session


def test_a_bucket_gives_what_it_holds_and_then_what_comes_back() -> None:
    now = 100.0
    bucket = Bucket(2, 5, lambda: now)

    at_once = [bucket.take(1) for _ in range(6)]
    now += 1
    later = [bucket.take(1) for _ in range(3)]
    now += 3600
    after_long = [bucket.take(5), bucket.take(1)]

    assert at_once == [True] * 5 + [False]
    assert later == [True, True, False]
    assert after_long == [True, False]


def test_one_project_takes_half_of_the_seats_and_callers_without_a_key_all_that_are_left() -> None:
    seats = Seats(4)

    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(seats.taken_by("proj-a"))
        with pytest.raises(Refused) as own:
            stack.enter_context(seats.taken_by("proj-a"))
        for _ in range(2):
            stack.enter_context(seats.taken_by(None))
        with pytest.raises(Refused) as all_of_them:
            stack.enter_context(seats.taken_by("proj-b"))

    assert (own.value.code, all_of_them.value.code) == ("overloaded", "overloaded")
    with seats.taken_by("proj-a"):
        assert seats.taken == 1
    assert seats.taken == 0


def test_those_who_have_not_said_who_they_are_take_no_seat_of_others() -> None:
    seats = Seats(1)

    with seats.waiting("192.0.2.1"), pytest.raises(Refused), seats.waiting("192.0.2.2"):
        pass
    with seats.waiting("192.0.2.1"), seats.taken_by("proj-a"):
        assert seats.taken == 2


def test_nobody_keeps_all_others_out_by_saying_nothing() -> None:
    seats = Seats(4)

    with seats.waiting("192.0.2.1"), seats.waiting("192.0.2.1"):
        with pytest.raises(Refused), seats.waiting("192.0.2.1"):
            pass
        with seats.waiting("192.0.2.2"):
            assert seats.taken == 3
    assert seats.taken == 0


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://app.example.org", "app.example.org"),
        ("http://localhost:3000", "localhost"),
        ("http://[::1]:5173", "::1"),
        ("https://xn--caf-dma.example:8443", "xn--caf-dma.example"),
    ],
)
def test_an_origin_is_what_browsers_send(origin: str, host: str) -> None:
    assert host_of(origin) == host
    assert origins_fault(f" {origin} , https://b.example,") is None
    assert listed(f"{origin},{origin}") == {origin}


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "*",
        "null",
        "app.example",
        "https://",
        "https://a.example/",
        "https://a.example?x",
        "HTTPS://a.example",
        "https://A.example",
        "https://*.example",
        "https://a.example:443",
        "http://a.example:80",
        "ftp://a.example",
        "https://u@a.example",
        "file://",
        "https://a.example:0",
        "https://a.example:99999",
        "https://[::1",
        "https://café.example",
        "https://a..example",
        "https://.a",
    ],
)
def test_everything_else_is_none(wrong: str) -> None:
    with pytest.raises(OriginWrong):
        host_of(wrong)
    assert not wrong or wrong in (origins_fault(wrong) or "")


class Known:
    """A caller who is known until told otherwise."""

    def __init__(self) -> None:
        self.looks = 0
        self.until = 1 << 30

    async def principal(self) -> Principal:
        self.looks += 1
        if self.looks > self.until:
            raise Refused("unauthorized")
        return Principal("user", "access", NEVER)


class Silent:
    """A client that sends nothing, and a conversation that nothing is said in."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.interrupted = 0

    async def interrupt(self) -> None:
        self.interrupted += 1

    async def send(self, message: Any) -> None:
        self.told.append(message)

    async def receive(self) -> Any:
        await asyncio.get_running_loop().create_future()


def ended(caller: Any, pace: Pace) -> Ending:
    return asyncio.run(run_until_ended(caller, pace))


async def run_until_ended(caller: Any, pace: Pace) -> Ending:
    silent = Silent()
    session = Session(
        session_id="sess_1",
        client=SocketClient(silent.send),
        receive=silent.receive,
        caller=caller,
        shown=lambda _: cast("Any", None),
        pace=pace,
    )
    async with asyncio.timeout(10):
        ending = await session.run(cast("Conversation", silent))
    assert silent.interrupted == 1
    return ending


def test_a_quiet_session_ends() -> None:
    assert ended(Anonymous(), Pace(idle_s=0.05, look_s=0.01)) is IDLE


def test_a_long_session_ends() -> None:
    assert ended(Anonymous(), Pace(session_s=0.05, look_s=0.01)) is LONG


def test_a_session_of_one_who_is_nobody_any_more_ends() -> None:
    caller = Known()
    caller.until = 3

    ending = ended(cast("Caller", caller), Pace(look_s=0.01))

    assert isinstance(ending.refusal, Refused)
    assert ending.refusal.code == "unauthorized"
    assert caller.looks == 4
