"""A crowd of clients, some of which leave at a random moment, and what each of them got."""

import random
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from threading import Event
from typing import Any

from tests.gateway import Client, exact
from tests.wire import Answer, posting, read

AT_ONCE = 24
GIVE_UP_S = 30.0


@dataclass
class Member:
    """One client: what it asks, after how many seconds it leaves if it does, and the receipt it got if it did."""

    name: str
    stream: bool
    leaves_after: float | None
    receipt: dict[str, Any] | None = None
    error: str | None = None


class Crowd:
    """Clients at work; each asks in a project of its own name, so that its row is found again.

    Args:
        client: Knows the gateway and has a token.
        model: What all of them ask for.
        size: How many they are; every second one streams, a third leaves.
        seed: Of their moments.

    """

    def __init__(self, client: Client, model: str, size: int, seed: int) -> None:
        chance = random.Random(seed)
        self._client = client
        self._model = model
        self.members = [
            Member(f"member-{number}", number % 2 == 0, chance.uniform(0, 0.08) if chance.random() < 1 / 3 else None)
            for number in range(size)
        ]
        self.done = 0

    @property
    def answered(self) -> list[Member]:
        """Those who got a whole answer."""
        return [member for member in self.members if member.receipt is not None]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Set them to work, `AT_ONCE` at a time; all are done when the block has ended."""
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            work = [pool.submit(self._ask, member) for member in self.members]
            yield
            for each in work:
                each.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _ask(self, member: Member) -> None:
        began = time.monotonic()
        while not self._once(member):
            assert time.monotonic() - began < GIVE_UP_S
            Event().wait(0.02)
        self.done += 1

    def _once(self, member: Member) -> bool:
        """Ask; return False when nobody listens there now, which is no answer and no request."""
        fields = {"message": member.name, "project_id": member.name, "model": self._model, "stream": member.stream}
        try:
            with posting(self._client, GIVE_UP_S, **fields) as wire:
                answer = whole(wire, member.leaves_after)
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
        if answer is not None:
            take(member, answer)
        return True


def whole(wire: socket.socket, seconds: float | None) -> Answer | None:
    """Read a whole answer; None when the client left first or the answer broke off."""
    got, until = b"", None if seconds is None else time.monotonic() + seconds
    while until is None or time.monotonic() < until:
        ready, _, _ = select.select([wire], [], [], None if until is None else max(0.0, until - time.monotonic()))
        more = wire.recv(65536) if ready else b""
        got += more
        if ready and not more:
            break
    # A head or a body that is not whole does not parse, and is no answer.
    with suppress(ValueError, IndexError):
        answer = read(Recorded(got))
        complete = len(answer.chunks[0]) == int(answer.headers.get("content-length", len(answer.chunks[0])))
        return answer if complete and answer.clean_end else None
    return None


class Recorded:
    """Bytes that came, to be read as if they came now."""

    def __init__(self, got: bytes) -> None:
        self._got = got

    def makefile(self, mode: str) -> BytesIO:
        assert mode == "rb"
        return BytesIO(self._got)


def take(member: Member, answer: Answer) -> None:
    if answer.headers["content-type"].startswith("text/event-stream"):
        last = answer.events[-1]
        assert last["done"]
        member.error = last.get("error", {}).get("code")
        member.receipt = last["metadata"]
        return
    body = exact(answer.chunks[0].decode())
    member.error = body.get("error", {}).get("code")
    member.receipt = body.get("metadata")


def figures(told: dict[str, Any]) -> tuple[Decimal, ...]:
    """Return what a receipt and its row must agree on, to the digit."""
    usage = told.get("usage", told)
    cost = told["pricing"]["total_cost"] if "pricing" in told else told["cost_eur"]
    counts = usage["input_tokens"], usage["output_tokens"], told["attempts"]
    return (*map(Decimal, counts), cost, told["emissions_kgCO2eq"])
