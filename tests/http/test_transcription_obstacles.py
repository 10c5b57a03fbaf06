"""Recordings that are broken, too large, oddly sent or not the caller's to send: refused, nothing kept (2.6b)."""

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.gateway import Gateway, refused
from tests.http.accounts import Administrator, Caller, within
from tests.http.papers import form, resident_mb
from tests.http.sent import HEAD, TYPE, files_left, post, send
from tests.speech import encoded, silence
from tests.upstream import Upstream

MB = 1_000_000
WAV = encoded(silence(1), "wav")
LANGUAGE = b'Content-Disposition: form-data; name="language"'
AUDIO = (HEAD, WAV)


@pytest.fixture
def caller(house: Gateway) -> Caller:
    return Caller(house, house.token())


@pytest.fixture(autouse=True)
def _nothing_is_sent_or_kept(house: Gateway, upstream: Upstream) -> Iterator[None]:
    before = len(upstream.audio.heard)
    yield
    assert len(upstream.audio.heard) == before
    assert within(5, lambda: files_left(house) == [])
    assert "unforeseen" not in house.log


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (form(), "file"),
        (b"", "body"),
        (form((LANGUAGE, b"fr")), "file"),
        (form((HEAD, b"")), "file"),
        (form(AUDIO, AUDIO), "file"),
        (form((LANGUAGE, b"fr"), (LANGUAGE, b"fr"), AUDIO), "language"),
        (form((LANGUAGE, b"xx"), AUDIO), "language"),
        (form(AUDIO, (LANGUAGE, b"")), "language"),
        (form(AUDIO, (LANGUAGE, b"f" * 10_000)), "language"),
        (form((b'Content-Disposition: form-data; name="model"', b"whisper-1"), AUDIO), "model"),
        (form(AUDIO, (b'Content-Disposition: form-data; name="project_id"', b"x")), "project_id"),
        (form(AUDIO, end=b""), "body"),
        (form(AUDIO, end=b"--Y--\r\n"), "body"),
        (form((b"Content-Type: audio/wav", WAV)), "body"),
        (form((HEAD + b"\r\nX-Long: " + b"x" * 20_000, WAV)), "body"),
        (form(*[(LANGUAGE, b"fr")] * 50, AUDIO), "language"),
    ],
)
def test_form_that_is_not_as_it_must_be_is_refused_and_named(caller: Caller, body: bytes, param: str) -> None:
    error = refused(post(caller, body), 400, "invalid_request")

    assert error["param"] == param, error


@pytest.mark.parametrize(
    "content",
    [
        b"\x00",
        b"Bonjour, ceci est un texte.",
        b"<html>" * 10_000,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 9_000,
        b"RIFF\xff\xff\xff\xffWAVEfmt " + b"\xff" * 5_000,
        b"ID3\x04\x00" + b"\xff" * 9_000,
        b"OggS" + bytes(5_000),
        b"\x1aE\xdf\xa3" + b"\x00" * 5_000,
        WAV[:40],
        encoded(silence(1), "m4a")[:200],
        encoded(silence(1), "flac")[:30],
        encoded(silence(0.05), "wav"),
    ],
)
@pytest.mark.parametrize("name", ["audio.mp3"])
def test_content_that_is_no_audio_is_refused_whatever_it_is_called(caller: Caller, content: bytes, name: str) -> None:
    error = refused(send(caller, content, name=name, kind="audio/mpeg"), 400, "invalid_request")

    assert error["param"] == "file"
    assert "audio" in error["message"] or "dixième" in error["message"]


@pytest.mark.parametrize("name", [b"../../../etc/passwd", b"C:\\\\x.wav", b"a\x00b.wav", b"\xff\xfe", b"n" * 5_000])
def test_names_of_files_lead_nowhere(caller: Caller, name: bytes) -> None:
    head = b'Content-Disposition: form-data; name="file"; filename="%b"' % name

    refused(post(caller, form((head, b"no audio"))), 400, "invalid_request")


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "audio/mpeg", "application/x-www-form-urlencoded", "multipart/mixed"]
)
def test_body_that_is_no_form_is_told_to_be_one(caller: Caller, content_type: str | None) -> None:
    error = refused(post(caller, form(AUDIO), content_type), 415, "unsupported_media_type")

    assert "multipart/form-data" in error["message"]


@pytest.mark.parametrize("query", [{"language": "xx"}, {"language": ""}, {"lang": "fr"}, {"language": "français"}])
def test_query_that_is_not_as_it_must_be_is_named(caller: Caller, query: dict[str, str]) -> None:
    error = refused(send(caller, WAV, query=query), 400, "invalid_request")

    assert error["param"] == next(iter(query))


def test_languages_that_disagree_are_both_told(caller: Caller) -> None:
    error = refused(send(caller, WAV, query={"language": "fr"}, language="en"), 400, "invalid_request")

    assert error["param"] == "language"
    assert "fr" in error["message"]
    assert "en" in error["message"]


def test_file_of_one_byte_too_many_is_refused(caller: Caller) -> None:
    error = refused(post(caller, form((HEAD, WAV + bytes(25 * MB + 1 - len(WAV))))), 413, "body_too_large")

    assert "25000000" in error["message"]


def head_of(caller: Caller, length: int) -> bytes:
    lines = [
        "POST /transcription HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {caller.credential}",
        f"Content-Type: {TYPE}",
        f"Content-Length: {length}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_declared_length_over_the_limit_is_refused_before_a_byte_of_it(caller: Caller) -> None:
    with socket.create_connection(("127.0.0.1", caller.gateway.port), timeout=10) as wire:
        wire.sendall(head_of(caller, 30 * MB))

        assert wire.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_body_without_a_length_is_refused_as_soon_as_it_is_too_large(caller: Caller) -> None:
    def blocks() -> Iterator[bytes]:
        yield b"--X\r\n" + HEAD + b"\r\n\r\n"
        yield from [bytes(MB)] * 200

    # The gateway may have answered and closed while this client was still sending.
    before = resident_mb(caller.gateway)
    with suppress(OSError):
        refused(post(caller, blocks()), 413, "body_too_large")
    grown = resident_mb(caller.gateway) - before
    sys.stdout.write(f"\n200 MB refused: {grown:.1f} MB more at the most\n")
    assert grown < 16


def test_nothing_is_kept_of_an_upload_whose_sender_leaves(caller: Caller) -> None:
    body = form((HEAD, WAV + bytes(5 * MB)))
    with socket.create_connection(("127.0.0.1", caller.gateway.port), timeout=10) as wire:
        wire.sendall(head_of(caller, len(body)) + body[: 3 * MB])
        assert within(5, lambda: files_left(caller.gateway) != [])

    assert within(5, lambda: files_left(caller.gateway) == [])


def test_no_project_takes_every_place(admin: Administrator, caller: Caller) -> None:
    crowd, other = admin.caller(admin.project()), caller
    beginning = form((HEAD, WAV))[:200]
    wires = [socket.create_connection(("127.0.0.1", caller.gateway.port), timeout=10) for _ in range(32)]
    try:
        for wire in wires:
            wire.sendall(head_of(crowd, 5_000) + beginning)

        # One alone may meet the place of the one before it; once the crowd has them all, none is ever free.
        assert within(20, lambda: all(send(crowd, b"no audio").status_code == 503 for _ in range(5)))
        refused(send(crowd, b"no audio"), 503, "overloaded")
        refused(send(other, b"no audio"), 400, "invalid_request")
    finally:
        for wire in wires:
            wire.close()


def test_nobody_is_heard_without_a_credential_that_may(admin: Administrator, house: Gateway) -> None:
    nobody, wrong = Caller(house, None), Caller(house, "sk-proj-" + "x" * 48)
    elsewhere = admin.caller("proj-default", "surface:completion")
    other_model = admin.caller("proj-default", "model:gpt-4o")

    for stranger in (nobody, wrong, admin):
        refused(send(stranger, WAV), 401, "unauthorized")
    assert "surface:transcription" in refused(send(elsewhere, WAV), 403, "forbidden")["message"]
    assert "model:whisper-1" in refused(send(other_model, WAV), 403, "forbidden")["message"]
    refused(nobody.call("GET", "/transcription/supported-formats"), 401, "unauthorized")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_told_which_one(caller: Caller, method: str) -> None:
    response = caller.call(method, "/transcription")

    refused(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == "POST"
