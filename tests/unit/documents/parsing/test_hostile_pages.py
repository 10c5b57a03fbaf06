"""Hostile PDFs, pages and texts end with a reason or are read; the parser reads on, and no process is left."""

import zlib

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from documents.parsing.formats import format_of
from documents.parsing.limits import Limits
from tests.unit.documents.parsing.files import pdf, pdf_of, pdf_stream
from tests.unit.documents.parsing.reader import Reader, memory_peak

PAGES = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>"
)
MANY = 5_000
TOO_LONG = "it takes too long to read"


@pytest.fixture(autouse=True)
def _the_parser_reads_on(reader):
    reader.is_well()
    yield
    assert reader.is_well()


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    limits = Limits(cpu_seconds=2, memory_bytes=128 << 20)
    with Reader(tmp_path_factory.mktemp("hasty"), limits=limits) as opened:
        yield opened


def layers(size: int, times: int) -> bytes:
    data = b" " * size
    for _ in range(times):
        data = zlib.compress(data, 9)
    return data


@pytest.mark.parametrize("times", [1, 2])
def test_a_stream_that_swells_is_not_unpacked(reader, times):
    filters = "[" + "/FlateDecode " * times + "]"
    data = layers(150 << 20, times)
    stream = f"<< /Filter {filters} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"

    reason = reader.reason(pdf_of([CATALOG, PAGES.encode(), PAGE, stream, b"null"]), "bomb.pdf")

    assert reason == "it unpacks to too much, at page 1"
    assert memory_peak(reader.parser.pid) < 200 << 20


@pytest.mark.parametrize(
    "objects",
    [
        [CATALOG, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"],
        [
            CATALOG,
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>",
        ],
        [b"<< /Type /Catalog /Pages 2 0 R /Outlines 3 0 R >>", b"2 0 R", b"<< /First 3 0 R /Next 3 0 R /Last 3 0 R >>"],
        [CATALOG, PAGES.encode(), PAGE.replace(b"/Parent 2 0 R", b"/Parent 3 0 R"), b"4 0 R", b"5 0 R"],
        [b"[" * 100_000],
        [b"<< /A " * 100_000],
    ],
    ids=["kids-itself", "kids-each-other", "refers-to-itself", "parent-itself", "deep-lists", "deep-dictionaries"],
)
def test_a_pdf_that_goes_in_circles_ends(reader, objects):
    assert reader.reason(pdf_of(objects), "circle.pdf") != ""


def test_a_form_that_draws_itself_ends(reader):
    content = pdf_stream(b"/X Do", compressed=False)
    form = b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] "
    form += b"/Resources << /XObject << /X 5 0 R >> >> /Length 11 >>\nstream\n/X Do /X Do\nendstream"

    assert reader.reason(pdf_of([CATALOG, PAGES.encode(), PAGE, content, form]), "quine.pdf") != ""


@pytest.mark.parametrize(
    "trailer", ["/Root 1 0 R /Prev {0}", "/Root 1 0 R /Prev 99999999", "/Root 9 0 R", "/Root 1 0 R /XRefStm {0}"]
)
def test_a_table_that_leads_back_to_itself_ends(reader, trailer):
    start = pdf(["Bonjour"]).rindex(b"xref\n0")
    whole = pdf(["Bonjour"]).replace(b"/Root 1 0 R", trailer.format(start).encode())

    assert reader.text(whole, "loop.pdf") == "\nBonjour"


def test_more_pages_than_the_limit_are_refused(reader):
    kids = b"3 0 R " * (MANY + 1)
    pages = b"<< /Type /Pages /Kids [" + kids + b"] /Count %d >>" % (MANY + 1)

    assert "pages" in reader.reason(pdf_of([CATALOG, pages, PAGE, b"null", b"null"]), "long.pdf")


def test_a_pdf_cut_anywhere_is_read_or_refused(reader):
    whole = pdf(["Bonjour le monde", "Une autre page"])

    outcomes = {reader.reason(whole[:end], "cut.pdf") for end in range(8, len(whole), 29)}

    assert outcomes - {""} != set()
    assert not any("/" in reason or "Error" in reason for reason in outcomes)


@hypothesis_settings(max_examples=80, deadline=None, database=None)
@given(at=st.integers(9, 900), noise=st.binary(min_size=1, max_size=6))
def test_a_pdf_with_any_byte_changed_is_read_or_refused(hasty, at, noise):
    whole = pdf(["Bonjour le monde", "Une autre page"], compressed=False)

    hasty.reason(whole[:at] + noise + whole[at + len(noise) :], "noise.pdf")

    assert hasty.is_well()


@hypothesis_settings(max_examples=60, deadline=None, database=None)
@given(magic=st.sampled_from([b"%PDF-1.7\n", b"<!doctype html><p>", b"# "]), noise=st.binary(max_size=3000))
def test_noise_behind_a_beginning_is_read_or_refused(hasty, magic, noise):
    name = {b"%": "a.pdf", b"<": "a.html", b"#": "a.md"}[magic[:1]]
    data = magic + noise
    if format_of(data, name) is not None:
        hasty.reason(data, name)

    assert hasty.is_well()


@pytest.mark.parametrize("name", ["word.txt", "word.md", "word.html", "word.csv"])
def test_25_mb_of_one_word_are_refused_soon(reader, name):
    assert reader.reason(b"mot" * (25_000_000 // 3), name) == "it has more than 5000 passages; split it"
    assert memory_peak(reader.parser.pid) < 200 << 20


HOSTILE = {
    "headings.md": b"# a\n" * 200_000,
    "a million headings.html": b"<h1>a</h1>" * 1_000_000,
    "deep divs.html": b"<div>" * 200_000 + b"text" + b"</div>" * 200_000,
    "deep lists.md": b"".join(b"  " * depth + b"- a\n" for depth in range(2_000)),
    "deep quotes.md": b">" * 200_000 + b"a",
    "brackets.md": b"[" * 100_000 + b"a" + b"](b)" * 100_000,
    "stars.md": b"*a **b " * 50_000,
    "backticks.md": b"".join(b"`" * length for length in range(1, 2_000)),
    "dots.txt": b"." * 5_000_000,
    "dots and blanks.txt": b". " * 2_000_000,
    "quotes.txt": b".\"'" * 1_000_000,
    "marks.txt": "e\u0301\u0323".encode() * 500_000,
    "stacked marks.txt": b"e" + "\u0301\u0323".encode() * 200_000,
    "lines.txt": b"a\n" * 500_000,
    "table.csv": b"a,b\n" * 300_000,
    "cells.html": b"<table><tr>" + b"<td>a" * 300_000,
    "tables.html": b"<table><tr><td>" * 50_000 + b"text",
    "laughs.html": b'<!DOCTYPE html [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]><p>&b;&b;',
    "entities.html": b"<p>" + b"&amp;" * 1_000_000,
    "attributes.html": b"<p " + b"a=b " * 1_000_000 + b">text",
    "open tag.html": b"<" * 2_000_000,
    "comment.html": b"<!--" * 1_000_000,
    "emoji.txt": "👩‍👩‍👧‍👦".encode() * 300_000,
    "chinese.txt": "汉字没有空格".encode() * 200_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_read_or_refused_soon(reader, name):
    assert reader.reason(HOSTILE[name], name) != TOO_LONG


def test_deep_divs_hide_nothing(reader):
    assert reader.text(HOSTILE["deep divs.html"], "deep.html") == "\ntext"


def test_what_takes_too_long_is_given_up(hasty):
    assert hasty.reason(pdf(["q Q " * 20_000] * 400, compressed=True), "slow.pdf") == TOO_LONG
    assert hasty.is_well()


def test_what_needs_too_much_memory_is_given_up(hasty):
    assert hasty.reason(pdf(["x"]) + b"%" * (140 << 20), "large.pdf") == "it needs too much memory to read"
    assert hasty.is_well()
