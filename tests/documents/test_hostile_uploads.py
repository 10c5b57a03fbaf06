"""Uploads that mean harm: refused or failed with a reason, memory bounded, and the gateway goes on answering."""

import io
import re
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.documents.conftest import OpenShelf
from tests.documents.shelf import Shelf
from tests.gateway import Gateway

MB = 1_000_000
# What one upload may add to the gateway's memory, whatever is in it.
MOST_GROWTH_BYTES = 60 * MB

Content = Callable[[], bytes]


def zipped(**entries: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


def docx_bomb() -> bytes:
    """Five kilobytes a megabyte: 400 MB of one paragraph."""
    head = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>'
    return zipped(**{"word__document.xml": head + b"a" * (400 * MB), "[Content_Types].xml": b"<Types/>"})


def nested_bomb() -> bytes:
    inner = zipped(**{"word__document.xml": b"0" * (50 * MB)})
    return zipped(**{f"word__document{number}.xml": inner for number in range(50)}, **{"word__document.xml": inner})


def laughing_docx() -> bytes:
    lols = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    xml = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "lol">{lols}]><d>&l9;</d>'
    return zipped(**{"word__document.xml": xml.encode(), "[Content_Types].xml": b"<Types/>"})


def pdf_bomb() -> bytes:
    """A page whose content is a gigabyte, packed twice."""
    packed = zlib.compress(zlib.compress(b"0 0 m " * (170 * MB), 1), 9)
    stream = b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%s\nendstream" % (len(packed), packed)
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 10 10] /Contents 4 0 R >>",
        stream,
    )
    return pdf(objects)


def looping_pdf() -> bytes:
    return pdf((b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9999999 >>"))


def pdf(objects: tuple[bytes, ...]) -> bytes:
    body, at = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, start=1):
        at.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in at)
    count = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    return body + head + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (count, len(body))


def picture() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + bytes(40)


def divs() -> bytes:
    return b"<!doctype html>" + b"<div>" * 500_000 + b"text"


HOSTILE: dict[str, tuple[str, Content]] = {
    "docx bomb": ("notes.docx", docx_bomb),
    "nested zip bomb": ("nested.docx", nested_bomb),
    "billion laughs": ("lol.docx", laughing_docx),
    "pdf bomb": ("report.pdf", pdf_bomb),
    "pdf that holds itself": ("loop.pdf", looping_pdf),
    "pdf cut in half": ("half.pdf", lambda: pdf_bomb()[:200]),
    "pdf of noise": ("noise.pdf", lambda: b"%PDF-1.4\n" + bytes(range(256)) * 40),
    "picture called pdf": ("picture.pdf", picture),
    "program": ("setup.txt", lambda: b"\x7fELF" + bytes(5000)),
    "hundred megabytes of one word": ("word.txt", lambda: b"a" * (100 * MB)),
    "twenty megabytes of one word": ("word.txt", lambda: b"a" * (20 * MB)),
    "nothing": ("empty.txt", bytes),
    "blanks": ("blank.md", lambda: b" \n\t" * 1000),
}


@pytest.fixture(scope="module")
def memory(library: Gateway) -> Callable[[], int]:
    """Read how much memory the gateway's own process has, in bytes."""
    assert library.process is not None
    status = Path(f"/proc/{library.process.pid}/status")
    if not status.exists():
        pytest.skip("memory is read in /proc, which is not here")
    return lambda: 1024 * int(status.read_text().partition("VmRSS:")[2].split()[0])


# Must-show 4.
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_upload_is_refused_or_fails_and_the_gateway_goes_on(
    open_shelf: OpenShelf, memory: Callable[[], int], case: str
) -> None:
    shelf = open_shelf()
    name, make = HOSTILE[case]
    content = make()
    warm = shelf.settled(shelf.added("Un texte ordinaire.", "warm.txt"))
    before = memory()

    with watching(memory) as most:
        ended = outcome(shelf, content, name)

    assert warm["state"] == "ready"
    assert ended, "what is hostile is not ready"
    assert not re.search(r"Traceback|/tmp|/work|\.py\b", ended)
    assert max(most) - before < MOST_GROWTH_BYTES
    assert shelf.ask("Bonjour").status_code == 200
    assert shelf.settled(shelf.added(f"Après {case}, tout va bien.", "after.txt"))["state"] == "ready"


def outcome(shelf: Shelf, content: bytes, name: str) -> str:
    """Upload; return why it was refused or failed."""
    try:
        response = shelf.upload(content, name)
    except requests.ConnectionError:
        # Refused before the whole body was sent: the answer may be lost with the connection.
        return "refused"
    if response.status_code != 200:
        assert 400 <= response.status_code < 500, response.text
        return response.json()["error"]["message"]
    row = shelf.settled(response.json()["id"], 180)
    assert row["state"] == "failed", row
    return row["error"]


class watching:  # noqa: N801 - read as a word of the test
    """Samples the gateway's memory until the block ends."""

    def __init__(self, memory: Callable[[], int]) -> None:
        self._memory = memory
        self._over = threading.Event()
        self._seen = [memory()]
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> list[int]:
        self._thread.start()
        return self._seen

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self._seen.append(self._memory())


def test_depth_hides_no_text_and_takes_no_memory(open_shelf: OpenShelf, memory: Callable[[], int]) -> None:
    shelf = open_shelf()
    before = memory()

    with watching(memory) as most:
        row = shelf.settled(shelf.upload(divs(), "deep.html").json()["id"])

    assert (row["state"], row["tokens"]) in {("ready", 1), ("failed", None)}
    assert max(most) - before < MOST_GROWTH_BYTES


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..\\..\\windows\\win.ini", "/abs/olute.txt", "a\x00b.txt", "\u202egpj.txt", "n" * 10_000],
)
def test_name_is_a_name_and_never_a_path(open_shelf: OpenShelf, name: str) -> None:
    shelf = open_shelf()

    response = shelf.write("Un texte ordinaire.", name)

    assert response.status_code in {200, 400}
    if response.status_code == 200:
        kept = response.json()["name"]
        assert 1 <= len(kept) <= 200
        assert not re.search(r"[/\\\x00-\x1f\u202a-\u202e]", kept)
        assert shelf.settled(response.json()["id"])["state"] == "ready"
