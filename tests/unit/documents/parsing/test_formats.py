"""A format is told by content; a name only tells kinds of text apart."""

import gzip
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.parsing.formats import format_of
from tests.unit.documents.parsing.files import docx, paragraph, pdf, zipped


@pytest.mark.parametrize(
    ("head", "name", "told"),
    [
        (pdf(["Bonjour"]), "notes.txt.pdf", "pdf"),
        (pdf(["Bonjour"]), "lying.md", "pdf"),
        (b"\n\n junk before \n%PDF-1.4\n", "scan", "pdf"),
        (b"How a PDF begins: %PDF-1.4, says the standard.", "about.md", "md"),
        (docx(paragraph("Bonjour")), "rapport.docx", "docx"),
        (docx(paragraph("Bonjour")), "rapport", "docx"),
        (b"<!DOCTYPE html>\n<html><body>x", "page", "html"),
        (b"<html><body>x", "page.txt", "txt"),
        ("<p>été</p>".encode(), "page.HTM", "html"),
        ("# Été\n".encode(), "notes.markdown", "md"),
        ("Été".encode(), "notes", "txt"),
        ("Un été à la plage, dit-elle".encode("cp1252"), "vieux.txt", "txt"),
        ("Été".encode("utf-16"), "notes.txt", "txt"),
        ("<html><body>été".encode("utf-16"), "page", "html"),
        (b"\xef\xbb\xbfBonjour", "bom.txt", "txt"),
        ("é".encode() * 4096, "cut in the middle of a letter.txt", "txt"),
        (b"", "empty.txt", "txt"),
        (b"a,b\n1,2\n", "table.csv", "txt"),
    ],
)
def test_content_tells_the_format(head, name, told):
    assert format_of(head[:8191], name) == told


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "photo.png"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "photo.pdf"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "photo.txt"),
        (b"\x7fELF\x02\x01\x01", "program.md"),
        (gzip.compress(b"text" * 100), "text.txt"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, "old.doc"),
        (b"{\\rtf1\\ansi Bonjour}", "letter.rtf"),
        (zipped({"a.txt": b"text"}), "archive.zip"),
        (zipped({"xl/workbook.xml": b"<a/>"}), "sheet.xlsx"),
        (b"PK\x05\x06" + b"\0" * 18, "empty.docx"),
        (b"Bonjour\0 le monde", "nul.txt"),
        (bytes(range(1, 32)) * 20, "control.txt"),
        (b"\x81\x8d\x8f\x90\x9d" * 50, "noise.txt"),
    ],
)
def test_what_cannot_be_read_is_told_at_once(head, name):
    assert format_of(head, name) is None


@given(st.binary(max_size=2000), st.text(max_size=30))
def test_any_bytes_and_any_name_have_an_answer(head, name):
    assert format_of(head, name) in {"txt", "md", "html", "pdf", "docx", None}


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs")), max_size=500))
def test_any_text_in_utf_8_is_text_wherever_it_is_cut(text):
    data = text.encode()

    assert all(format_of(data[:end], "notes.txt") in {"txt", "pdf"} for end in range(0, len(data), 7))


def test_a_zip_that_only_calls_itself_a_document_is_left_to_the_parser():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hello.txt", "hello")

    assert format_of(file.getvalue(), "hello.docx") == "docx"
