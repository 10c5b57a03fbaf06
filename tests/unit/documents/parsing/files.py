"""Files as people upload them, and as they should not."""

import io
import zipfile
import zlib
from collections.abc import Iterable

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
LINE_POINTS = 14


def pdf(pages: Iterable[str], *, compressed: bool = True) -> bytes:
    """Write a PDF of pages of lines, as a word processor would: one font, one line under the other."""
    streams = [_content(page) for page in pages]
    count = len(streams)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, stream in enumerate(streams):
        resources = f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R"
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] {resources} >>".encode())
        objects.append(pdf_stream(stream, compressed=compressed))
    return pdf_of(objects)


def pdf_stream(data: bytes, *, compressed: bool) -> bytes:
    body = zlib.compress(data) if compressed else data
    filters = "/Filter /FlateDecode " if compressed else ""
    return f"<< {filters}/Length {len(body)} >>\nstream\n".encode() + body + b"\nendstream"


def pdf_of(objects: Iterable[bytes], trailer: str = "/Root 1 0 R") -> bytes:
    """Write numbered objects, their table and the trailer."""
    file = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
    file += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    file += f"trailer\n<< /Size {len(offsets) + 1} {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(file)


def docx(body: str, *, doctype: str = "", extra: dict[str, bytes] | None = None) -> bytes:
    """Write the smallest Word document with this body."""
    inside = f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    text = f'<?xml version="1.0" encoding="UTF-8"?>{doctype}{inside}'
    parts = {
        "[Content_Types].xml": b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "word/document.xml": text.encode(),
    }
    return zipped(parts | (extra or {}))


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def zipped(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def _content(page: str) -> bytes:
    lines = page.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)").split(b"\n")
    return b"BT /F1 11 Tf 60 780 Td %d TL " % LINE_POINTS + b" ".join(b"(%s) Tj T*" % line for line in lines) + b" ET"
