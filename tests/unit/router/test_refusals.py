"""What is wrong with a request is told in a sentence of ours, of bounded length."""

import msgspec
import pytest

from router.decoding import decode
from router.errors import Refused
from router.families import F1
from router.locality import is_local_caller
from router.moments import moment_in
from router.requests import CompletionRequest

DECODER = msgspec.json.Decoder(CompletionRequest)


def refused(body: bytes) -> Refused:
    with pytest.raises(Refused) as told:
        decode(DECODER, body)
    return told.value


def test_an_unknown_field_of_a_turn_is_named_with_its_place() -> None:
    told = refused(b'{"message":"a","conversation_history":[{"role":"user","content":"b","name":"c"}]}')

    assert told.param == "conversation_history[0].name"
    assert told.reason == "champ inconnu « name »"


def test_a_role_of_any_length_is_not_repeated() -> None:
    told = refused(b'{"message":"a","conversation_history":[{"role":"%s","content":"b"}]}' % (b"system" * 10_000))

    assert told.param == "conversation_history[0].role"
    assert len(told.reason) < 200
    assert "system" not in told.reason


def test_an_empty_agent_is_not_taken_for_the_default() -> None:
    assert decode(DECODER, b'{"message":"a"}').agent_name() == "V2"
    assert decode(DECODER, b'{"message":"a","agent":""}').agent_name() == ""
    assert decode(DECODER, b'{"message":"a","agent_type":"V1"}').agent_name() == "V1"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "tomorrow", ""])
def test_a_moment_outside_all_calendars_is_refused(text: str) -> None:
    with pytest.raises(Refused) as told:
        moment_in(text, "from", F1)
    assert told.value.code == "invalid_request"


def test_a_plus_that_arrived_as_a_blank_is_a_plus() -> None:
    assert moment_in("2026-01-01T01:00:00 01:00", "from", F1) == moment_in("2026-01-01", "from", F1)


@pytest.mark.parametrize("header", [b"x-forwarded-port", b"x-forwarded-server", b"cf-connecting-ip", b"x-client-ip"])
def test_whatever_came_through_a_proxy_is_not_local(header: bytes) -> None:
    peer, host = ("127.0.0.1", 50_000), (b"host", b"localhost:7860")

    assert is_local_caller(peer, [host])
    assert not is_local_caller(peer, [host, (header, b"1")])
