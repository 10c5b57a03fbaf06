"""Hostile Word documents end with a reason; the parser reads on, and no process is left."""

import io
import struct
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from documents.parsing.limits import Limits
from tests.unit.documents.parsing.files import docx, paragraph, zipped
from tests.unit.documents.parsing.reader import Reader, memory_peak

SECRET = "the-content-of-a-file-of-this-machine"


@pytest.fixture(autouse=True)
def _the_parser_reads_on(reader):
    reader.is_well()
    yield
    assert reader.is_well()


def shrunk(size: int) -> tuple[bytes, int]:
    """Compress so many blanks; return the data and their checksum, without ever holding them."""
    packer, checksum, piece = zlib.compressobj(9, zlib.DEFLATED, -15), 0, b" " * (1 << 20)
    out = []
    for _ in range(size >> 20):
        checksum = zlib.crc32(piece, checksum)
        out.append(packer.compress(piece))
    return b"".join([*out, packer.flush()]), checksum


def flat_bomb(declared: int, size: int = 300 << 20, name: str = "word/document.xml") -> bytes:
    """Write a zip whose one part has `size` bytes and says it has `declared`."""
    data, checksum = shrunk(size)
    path = name.encode()
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, checksum, len(data), declared, len(path), 0)
    local = b"PK\x03\x04" + fields + path + data
    central = b"PK\x01\x02\x14\0" + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + path
    return local + central + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


@pytest.mark.parametrize("declared", [300 << 20, 4_000_000_000, 1000, 0])
def test_a_flat_bomb_is_not_unpacked_whatever_it_declares(reader, declared):
    assert reader.reason(flat_bomb(declared), "bomb.docx") != ""
    assert memory_peak(reader.parser.pid) < 300 << 20


def test_a_nested_bomb_stays_folded(reader):
    inner = zipped({f"{number}.zip": flat_bomb(300 << 20) for number in range(4)})
    outer = zipped({"word/document.xml": b"<a/>", "word/media/inner.zip": inner})

    assert reader.reason(outer, "42.docx") == "it has no text"


def test_an_archive_that_holds_itself_is_a_file_like_any_other(reader):
    inner = docx(paragraph("Bonjour."))
    for _ in range(5):
        inner = docx(paragraph("Bonjour."), extra={"word/document.docx": inner})

    assert reader.text(inner, "quine.docx") == "\nBonjour."


def test_too_many_files_are_refused(reader):
    crowd = docx(paragraph("x"), extra={f"{number}": b"" for number in range(3000)})

    assert reader.reason(crowd, "crowd.docx") == "it holds more than 2000 files"


def test_an_encrypted_part_is_refused(reader):
    data = bytearray(docx(paragraph("x")))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1

    assert reader.reason(bytes(data), "locked.docx") == "it is protected by a password"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(reader, method):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("word/document.xml", b"<a/>")

    assert reader.reason(file.getvalue(), "bomb.docx") == "it is packed in a way that Word does not use"


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "entities",
    [
        f'<!ENTITY l0 "lol">{LAUGHS}<!ENTITY x "&l9;">',
        '<!ENTITY x "{}">'.format("lol" * 100_000),
        '<!ENTITY x SYSTEM "file://{path}">',
        '<!ENTITY x SYSTEM "http://127.0.0.1:9/">',
        '<!ENTITY % p SYSTEM "file://{path}"> %p;',
    ],
)
def test_entities_are_neither_expanded_nor_fetched(reader, tmp_path, entities):
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    doctype = f"<!DOCTYPE w:document [{entities.replace('{path}', str(secret))}]>"

    for data in (docx(paragraph("&x;" * 50), doctype=doctype), docx("<w:p>&x;</w:p>", doctype=doctype)):
        assert "declares a document type" in reader.reason(data, "laughs.docx")


def test_an_outside_dtd_is_not_fetched(reader, tmp_path):
    doctype = f'<!DOCTYPE w:document SYSTEM "file://{tmp_path}/secret.dtd">'

    assert "declares a document type" in reader.reason(docx(paragraph("x"), doctype=doctype), "dtd.docx")


def test_markup_of_any_depth_ends(reader):
    deep = "<w:tbl>" * 100_000 + paragraph("x") + "</w:tbl>" * 100_000

    assert reader.reason(docx(deep), "deep.docx") != ""


def test_a_million_paragraphs_are_refused_in_little_memory(reader):
    many = docx("".join(paragraph(f"Le paragraphe {number**3}") for number in range(300_000)))

    assert reader.reason(many, "long.docx") == "it has more than 5000 passages; split it"
    assert memory_peak(reader.parser.pid) < 300 << 20


def test_a_zip_that_is_no_document_says_so(reader):
    assert reader.reason(zipped({"hello.txt": b"hello"}), "hello.docx") == "it is a zip file, but not a Word document"


def test_a_document_cut_anywhere_is_refused(reader):
    whole = docx(paragraph("Bonjour."))

    assert all(reader.reason(whole[:end], "cut.docx") for end in range(4, len(whole), 37))


def test_a_document_with_any_byte_changed_is_read_or_refused(tmp_path):
    whole = docx(paragraph("Bonjour."))
    limits = Limits(cpu_seconds=5, wall_seconds=10)

    with Reader(tmp_path, limits=limits) as reader:

        @hypothesis_settings(max_examples=100, deadline=None, database=None)
        @given(st.integers(4, len(whole) - 1), st.binary(min_size=1, max_size=8))
        def read(at, noise):
            reader.reason(whole[:at] + noise + whole[at + len(noise) :], "noise.docx")

        read()
        assert reader.is_well()
