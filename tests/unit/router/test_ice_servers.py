"""Whom a peer connection asks how it is reached is set, and a server that is none is named without its secret."""

import pytest

from router.realtime.ice import ice_fault, listed


def test_servers_are_listed_with_their_credentials_apart():
    setting = "stun:stun.example.org:3478, turn:me:se:cret@turn.example.org:443?transport=tcp,stuns:[2001:db8::1]"

    assert listed(setting) == [
        ("stun:stun.example.org:3478", None, None),
        ("turn:turn.example.org:443?transport=tcp", "me", "se:cret"),
        ("stuns:[2001:db8::1]", None, None),
    ]


def test_no_servers_are_none():
    assert listed("") == []


@pytest.mark.parametrize(
    "wrong",
    [
        "stun.example.org",
        "http://a.b",
        "turn:a.b",
        "stun:me:secret@a.b",
        "stun:a.b:99999",
        "stun:a.b?transport=udp",
        "stun:",
    ],
)
def test_what_is_no_server_is_named_without_its_secret(wrong):
    fault = ice_fault(f"stun:a.b,{wrong}")

    assert fault is not None
    assert wrong.rpartition("@")[2] in fault
    assert "secret" not in fault
