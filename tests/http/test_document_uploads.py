"""Uploads that are broken, cut, too large, oddly named or unreadable: refused, with nothing kept (2.2.3, L-7)."""

import re
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.gateway import refused
from tests.http.accounts import Administrator, within
from tests.http.papers import form, listed, path_of, resident_mb, send_body, send_file

FILE = b'Content-Disposition: form-data; name="file"; filename="a.txt"'
NAME = b'Content-Disposition: form-data; name="name"'
FORM = "multipart/form-data; boundary=X"
MB = 1_000_000
MOST_MB = 25
PDF = b"%PDF-1.7\n"


def part(head: bytes, content: bytes = b"Bonjour") -> tuple[bytes, bytes]:
    return head, content


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (form(part(FILE), part(FILE)), 400, "invalid_request"),
        (form(part(NAME)), 400, "invalid_request"),
        (form(), 400, "invalid_request"),
        (b"", 400, "invalid_request"),
        (form(part(FILE, b"")), 400, "invalid_request"),
        (form(part(FILE), end=b""), 400, "invalid_request"),
        (form(part(FILE), end=b"--Y--\r\n"), 400, "invalid_request"),
        (form(part(FILE), end=b"--X--")[:-20], 400, "invalid_request"),
        (form(part(FILE), boundary="Y"), 400, "invalid_request"),
        (form(part(b"Content-Type: text/plain")), 400, "invalid_request"),
        (form(part(b"no colon at all")), 400, "invalid_request"),
        (form(part(FILE + b"\r\nX-Long: " + b"x" * 20_000)), 400, "invalid_request"),
        (form(part(FILE + b"\r\nX: x" * 50)), 400, "invalid_request"),
        (form(part(FILE + b"\r\nContent-Length: 3")), 400, "invalid_request"),
        (form(part(NAME, b"x" * 20_000), part(FILE)), 400, "invalid_request"),
        (form(part(b'Content-Disposition: form-data; name="other"'), part(FILE)), 400, "invalid_request"),
        (form(*[part(NAME)] * 50, part(FILE)), 400, "invalid_request"),
        (b"\r\n" * 100_000, 400, "invalid_request"),
        (form(part(FILE, b"\x89PNG\r\n\x1a\n" + b"\0" * 9_000)), 415, "unsupported_media_type"),
        (form(part(FILE, b"GIF89a" + b"\0" * 90)), 415, "unsupported_media_type"),
        (form(part(FILE, b"PK\x03\x04" + b"\0" * 9_000)), 415, "unsupported_media_type"),
    ],
)
def test_form_that_is_not_as_it_must_be_is_refused_and_nothing_is_kept(
    archivist: Administrator, body: bytes, status: int, code: str
) -> None:
    project = archivist.project()

    error = refused(send_body(archivist, project, body, FORM), status, code)

    assert ":" in error["message"]
    assert listed(archivist, project) == []


@pytest.mark.parametrize("name", ["%PDF", "a.bin", None])
def test_file_of_no_format_that_is_read_is_told_which_are(archivist: Administrator, name: str | None) -> None:
    response = send_file(archivist, "proj-default", b"\x7fELF\x02\x01\x01" + b"\0" * 50, name)

    error = refused(response, 415, "unsupported_media_type")

    assert all(each in error["message"] for each in ("txt", "md", "html", "pdf", "docx"))


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        None,
        "multipart/mixed; boundary=X",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
    ],
)
def test_content_type_that_is_neither_form_nor_json_is_told_both(
    archivist: Administrator, content_type: str | None
) -> None:
    error = refused(send_body(archivist, "proj-default", form(part(FILE)), content_type), 415, "unsupported_media_type")

    assert "multipart/form-data" in error["message"]
    assert "application/json" in error["message"]


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=", FORM + "x" * 500])
def test_form_without_a_fit_boundary_is_refused(archivist: Administrator, content_type: str) -> None:
    refused(send_body(archivist, "proj-default", form(part(FILE)), content_type), 400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"text": "a", "project": "b"}', "project"),
        (b'{"name": "a.txt"}', "text"),
        (b'{"text": 3}', "text"),
        (b'{"text": "a", "name": 3}', "name"),
        (b'{"text": ""}', "file"),
        (b"[]", "body"),
        (b"{", "body"),
        (b"", "body"),
    ],
)
def test_json_that_is_not_as_it_must_be_names_the_field(archivist: Administrator, body: bytes, param: str) -> None:
    error = refused(send_body(archivist, "proj-default", body, "application/json"), 400, "invalid_request")

    assert error["param"] == param


# L-7
def test_file_without_content_type_or_name_is_taken(archivist: Administrator) -> None:
    project = archivist.project()

    bare = send_body(archivist, project, form(part(b'Content-Disposition: form-data; name="file"')), FORM)
    pdf = send_body(archivist, project, form(part(b'content-disposition: form-data; name="file"', PDF)), FORM)

    assert bare.json()["name"] == "document.txt", bare.text
    assert pdf.json()["name"] == "document.pdf"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\\\Users\\\\eve\\\\plan.md", "plan.md"),
        ("/abs/olute.txt", "olute.txt"),
        ("..", "document"),
        ("a\x00b.txt", "ab.txt"),
        ("a\u202etxt.exe", "atxt.exe"),
        ("a%0D%0Ab.txt", "ab.txt"),
        ("Compte rendu d'été.md", "Compte rendu d'été.md"),
        ("日本語.txt", "日本語.txt"),
    ],
)
def test_name_is_shown_without_path_and_without_what_hides(archivist: Administrator, sent: str, shown: str) -> None:
    head = b'Content-Disposition: form-data; name="file"; filename="%b"' % sent.encode()

    response = send_body(archivist, archivist.project(), form(part(head)), FORM)

    assert response.status_code == 200, response.text
    assert response.json()["name"] == shown


def test_name_of_ten_kilobytes_is_cut(archivist: Administrator) -> None:
    for response in (
        send_file(archivist, archivist.project(), b"Bonjour", "n" * 10_000 + ".txt"),
        send_file(archivist, archivist.project(), b"Bonjour", "a.txt", name="n" * 10_000),
        archivist.call("POST", path_of(archivist.project()), {"text": "Bonjour", "name": "n" * 10_000}),
    ):
        assert response.status_code == 200, response.text
        assert len(response.json()["name"]) <= 200


def test_name_of_its_own_wins_before_and_after_the_file(archivist: Administrator) -> None:
    name = part(NAME, "Réunion.md".encode())

    before = send_body(archivist, archivist.project(), form(name, part(FILE)), FORM)
    after = send_body(archivist, archivist.project(), form(part(FILE), name), FORM)
    extended = b"Content-Disposition: form-data; name=file; filename*=UTF-8''R%C3%A9union.md"
    older = send_body(archivist, archivist.project(), form(part(extended)), FORM)

    assert [each.json()["name"] for each in (before, after, older)] == ["Réunion.md"] * 3


def test_form_that_comes_in_single_bytes_is_read(archivist: Administrator) -> None:
    project = archivist.project()
    body = form(part(NAME, b"a.md"), part(FILE, b"\r\n--Y\r-\n--Xx" * 20))

    response = send_body(archivist, project, (body[at : at + 1] for at in range(len(body))), FORM)

    assert response.status_code == 200, response.text
    assert response.json()["bytes"] == 12 * 20


def head_of(archivist: Administrator, project: str, length: int) -> bytes:
    lines = [
        f"POST {path_of(project)} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {archivist.credential}",
        f"Content-Type: {FORM}",
        f"Content-Length: {length}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_declared_length_over_the_limit_is_refused_before_a_byte_of_it(archivist: Administrator) -> None:
    with socket.create_connection(("127.0.0.1", archivist.gateway.port), timeout=10) as wire:
        wire.sendall(head_of(archivist, "proj-default", (MOST_MB + 1) * MB))

        assert wire.recv(65_536).startswith(b"HTTP/1.1 413 ")


def blocks(size: int) -> Iterator[bytes]:
    """Yield a form with so many bytes in its file, as a PDF that is none."""
    yield b"--X\r\n" + FILE + b"\r\n\r\n" + PDF
    for _ in range((size - len(PDF)) // 100_000):
        yield b"\x01\x02\r\n-" * 20_000
    yield b"\r\n--X--\r\n"


def test_memory_stays_flat_whatever_comes(archivist: Administrator) -> None:
    project = archivist.project()
    send_file(archivist, project, PDF + b"warm")
    before = resident_mb(archivist.gateway)

    kept = send_body(archivist, project, blocks(24 * MB), FORM)
    over = None
    # The gateway may have answered and closed while this client was still sending.
    with suppress(OSError):
        over = send_body(archivist, project, blocks(60 * MB), FORM)
    grown = resident_mb(archivist.gateway) - before

    assert kept.status_code == 200, kept.text
    assert kept.json()["bytes"] == 24 * MB - (24 * MB - len(PDF)) % 100_000
    assert over is None or over.status_code == 413
    assert len(listed(archivist, project)) == 2
    sys.stdout.write(f"\n24 MB kept and 60 MB refused: {grown:.1f} MB more at the most\n")
    assert grown < 16


def test_nothing_is_kept_of_an_upload_whose_sender_leaves(archivist: Administrator) -> None:
    project = archivist.project()
    body = form(part(FILE, b"Bonjour " * 400_000))
    with socket.create_connection(("127.0.0.1", archivist.gateway.port), timeout=10) as wire:
        wire.sendall(head_of(archivist, project, len(body)) + body[:2_500_000])

    gone = r'router_requests_total{method="POST",route="/projects/{project_id[^}]*}/documents",status="408"}'
    assert within(10, lambda: re.search(gone, archivist.gateway.metrics()) is not None), archivist.gateway.metrics()
    assert listed(archivist, project) == []
    assert "unforeseen" not in archivist.gateway.log
