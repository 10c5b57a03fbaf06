"""Forms as the child takes them apart."""

import pytest

from agents.local.answering import Refused
from agents.local.forms import form_of

KIND = b"multipart/form-data; boundary=xyz"


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    told = f'; filename="{filename}"' if filename else ""
    return f'--xyz\r\nContent-Disposition: form-data; name="{name}"{told}\r\n\r\n'.encode() + value + b"\r\n"


def test_fields_and_the_file_are_found():
    body = part("model", b"m") + part("grain[]", b"word") + part("grain[]", b"segment")
    form = form_of(KIND, body + part("file", b"\r\n--xy\x00", "a.wav") + b"--xyz--\r\n")

    assert (form.one("model"), form.one("absent")) == ("m", None)
    assert form.fields["grain"] == ["word", "segment"]
    assert form.file == b"\r\n--xy\x00"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"application/json", b"{}"),
        (b"multipart/form-data", b""),
        (KIND, b"garbage"),
        (KIND, part("file", b"cut off", "a.wav")),
        (KIND, part("model", b"\xff") + b"--xyz--\r\n"),
        (KIND, part("model", b"m" * 1_001) + b"--xyz--\r\n"),
        (KIND, part("model", b"m") * 17 + b"--xyz--\r\n"),
    ],
    ids=["json", "no boundary", "garbage", "cut", "not text", "long field", "many fields"],
)
def test_anything_else_is_refused(kind, body):
    with pytest.raises(Refused) as refused:
        form_of(kind, body)

    assert refused.value.status == 400
