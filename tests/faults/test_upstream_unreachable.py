"""Upstreams that cannot be reached, hang by the dozen or fail for all: who else suffers, and how it ends."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from tests.certificate import self_signed
from tests.faults.served import PATIENT, alone, figure, model, provider, served, until, visits
from tests.faults.upstream import FaultyUpstream
from tests.gateway import Client, Gateway, free_port, refused
from tests.wire import Answer, posting, read

CONNECT_S = 2.0  # as PATIENT has it
HUNG = 20
STORM = 60


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyUpstream]:
    """An upstream whose certificate nobody vouches for."""
    cert, key = self_signed(tmp_path_factory.mktemp("certificate"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with served(tls=context) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def deaf() -> Iterator[int]:
    """A port whose backlog is full: the kernel answers no further connection."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def greeter() -> Iterator[int]:
    """A port where each caller is greeted by a server that speaks no TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            # Closing the listener ends the thread.
            with suppress(OSError):
                while True:
                    caller, _ = listener.accept()
                    with caller:
                        caller.sendall(b"220 mail.example.com\r\n")
                        caller.recv(1024)

        thread = threading.Thread(target=greet, name="greeter")
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture(scope="module")
def gateway(
    gateway_with: Callable[..., Gateway], faulty: FaultyUpstream, secure: FaultyUpstream, greeter: int, deaf: int
) -> Gateway:
    rows = [
        alone("refused", f"http://127.0.0.1:{free_port()}/v1", "ok"),
        alone("dns", "http://nowhere.invalid/v1", "ok"),
        alone("no_tls", f"https://127.0.0.1:{greeter}/v1", "ok"),
        alone("bad_certificate", secure.base_url, "ok"),
        alone("deaf", f"http://127.0.0.1:{deaf}/v1", "ok"),
        provider("crowd", faulty.base_url, PATIENT),
        model("crowd-hang", "crowd", "hang"),
        model("crowd-ok", "crowd", "ok"),
        provider("storm", faulty.base_url, PATIENT),
        model("storm-down", "storm", "s503"),
        model("storm-ok", "storm", "ok"),
    ]
    return gateway_with({"router.toml": "".join(rows)})


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Client:
    return Client(gateway, gateway.token())


def ask(client: Client, name: str, question: str = "Bonjour") -> Answer:
    with posting(client, message=question, model=name) as wire:
        return read(wire)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("name", ["refused", "dns", "no_tls", "bad_certificate"])
def test_provider_that_cannot_be_reached_is_a_502_at_once(client: Client, name: str, stream) -> None:
    began = time.monotonic()

    response = client.ask("Bonjour", model=name, stream=stream)

    assert time.monotonic() - began < CONNECT_S + 2
    error = refused(response, 502, "provider_error")
    row = client.gateway.row(error["request_id"])
    assert (row["status"], row["cost_eur"], row["input_tokens"]) == ("error", 0, 0)


def test_key_is_never_sent_to_a_stranger(client: Client, secure: FaultyUpstream) -> None:
    ask(client, "bad_certificate")

    assert secure.headers == []


def test_connection_that_is_never_accepted_is_a_504_after_the_connect_limit(client: Client) -> None:
    began = time.monotonic()

    response = client.ask("Bonjour", model="deaf")

    assert CONNECT_S - 0.2 < time.monotonic() - began < CONNECT_S + 2
    error = refused(response, 504, "provider_timeout")
    row = client.gateway.row(error["request_id"])
    assert (row["status"], row["cost_eur"], row["attempts"]) == ("error", 0, 1)


# UPX-001
def test_calls_that_hang_do_not_slow_others(client: Client, faulty: FaultyUpstream) -> None:
    with ExitStack() as stack:
        for _ in range(HUNG):
            stack.enter_context(posting(client, message="hung", model="crowd-hang"))
        until(lambda: len(visits(faulty, "hung")) == HUNG)

        took = []
        for _ in range(20):
            began = time.monotonic()
            assert ask(client, "crowd-ok").status == 200
            took.append(time.monotonic() - began)

    figure(f"beside {HUNG} hung calls to the same provider: slowest of 20 answers {max(took) * 1000:.0f} ms")
    assert max(took) < 1
    until(lambda: all(visit.left_at for visit in visits(faulty, "hung")))


# UPX-002
def test_provider_that_is_down_for_all_is_left_in_peace_and_found_again(client: Client, faulty: FaultyUpstream) -> None:
    questions = [f"storm {number}" for number in range(STORM)]

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda question: ask(client, "storm-down", question), questions))

    asked = [len(visits(faulty, question)) for question in questions]
    assert {answer.status for answer in answers} == {502}
    assert max(asked) <= 3
    assert sum(asked) < STORM
    assert int(answers[-1].headers["retry-after"]) >= 1
    found_after = until(lambda: ask(client, "storm-ok").status == 200)
    figure(f"{STORM} requests to a provider that is down: {sum(asked)} calls; found again after {found_after:.1f} s")
    assert found_after < 5
    ids = {answer.headers["x-request-id"] for answer in answers}
    rows = [row for row in client.gateway.books() if row["request_id"] in ids]
    assert len(rows) == STORM
    assert {(row["status"], row["cost_eur"]) for row in rows} == {("error", 0)}
