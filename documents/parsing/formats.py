"""The format of a file, told from how it begins; its name only tells the kinds of text apart."""

import codecs
import re

from documents.document import Format
from documents.parsing.encodings import UTF_16_BOMS, is_windows_1252

# ISO 32000-1, annex H.3.4.1: readers accept the header anywhere in the first 1024 bytes.
PDF_HEADER_WITHIN = 1024
HTML_WITHIN = 4096

# Text in these is a table.
TABLES = (".csv", ".tsv")

_DOCX_SUFFIXES = (".docx", ".docm")
_TEXT_SUFFIXES: dict[str, Format] = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "md",
    ".markdown": "md",
    ".txt": "txt",
    ".text": "txt",
    ".csv": "txt",
    ".tsv": "txt",
    ".log": "txt",
}
# Files of ASCII, or nearly, that are no text to read: RTF, PostScript, GIF, RAR, 7-Zip, gzip, ELF, OLE (.doc), PNG.
_NO_TEXT = (
    b"{\\rtf",
    b"%!PS",
    b"GIF8",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
    b"\x7fELF",
    b"\xd0\xcf\x11\xe0",
    b"\x89PNG",
)
_HTML = re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
# Of the control characters, text has these: bell and backspace to carriage return, substitute, escape.
_MOST_CONTROLS = 0.02
_CONTROLS = re.compile(rb"[\x01-\x06\x0e-\x19\x1c-\x1f\x7f]")


def format_of(head: bytes, name: str) -> Format | None:
    """Tell the format of a file.

    Args:
        head: Its first bytes, 4 KB or more of them if it has as many.
        name: Its name, which is believed only where the bytes leave a choice.

    Returns:
        None when it is none that can be read; a file that has no bytes at all is text.

    """
    named = _TEXT_SUFFIXES.get(_suffix(name))
    if head.startswith(b"%PDF-") or (named is None and b"%PDF-" in head[:PDF_HEADER_WITHIN]):
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return "docx" if name.lower().endswith(_DOCX_SUFFIXES) or b"word/document.xml" in head else None
    if not _is_text(head):
        return None
    if named in ("md", "html"):
        return named
    return "html" if named is None and _HTML.search(_ascii(head[:HTML_WITHIN])) else "txt"


def _suffix(name: str) -> str:
    return "." + name.lower().rpartition(".")[2]


def _ascii(head: bytes) -> bytes:
    """Drop the other half of UTF-16's characters, so that tags can be looked for."""
    return head.replace(b"\0", b"")


def _is_text(head: bytes) -> bool:
    if head.startswith(_NO_TEXT):
        return False
    if head.startswith(UTF_16_BOMS):
        return True
    if b"\0" in head or len(_CONTROLS.findall(head)) > _MOST_CONTROLS * len(head):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return is_windows_1252(head)
    return True
