"""A multipart form in memory: its few short fields and its one file, all of them bounded."""

from msgspec import Struct
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from agents.local.answering import refusal

MOST_FIELDS = 16
MOST_FIELD_BYTES = 1_000
MOST_HEADERS, MOST_HEADER_BYTES = 8, 4_096


class Form(Struct):
    """The fields by name, as often as they were given, and the file's bytes."""

    fields: dict[str, list[str]]
    file: bytes | None = None

    def one(self, name: str) -> str | None:
        """Return the last value of a field, None where it is absent or empty."""
        return self.fields.get(name, [""])[-1] or None


def form_of(content_type: bytes, body: bytes) -> Form:
    """Take a form apart.

    Raises:
        Refused: It is none, or too much.

    """
    kind, options = parse_options_header(content_type.decode("latin-1"))
    boundary = options.get("boundary")
    if kind != "multipart/form-data" or not boundary:
        raise refusal(400, "the body must be multipart/form-data")
    form = Form({})
    try:
        parser = PushMultipartParser(
            boundary.encode("latin-1"),
            max_header_size=MOST_HEADER_BYTES,
            max_header_count=MOST_HEADERS,
            max_segment_count=MOST_FIELDS,
            header_charset="utf-8",
        )
        _collect(parser, body, form)
        parser.close()
    except (MultipartError, UnicodeDecodeError) as cause:
        raise refusal(400, "the multipart body is malformed") from cause
    return form


def _collect(parser: PushMultipartParser, body: bytes, form: Form) -> None:
    named, held = "", bytearray()
    is_file = False
    for event in parser.parse(body):
        if isinstance(event, MultipartSegment):
            named, held, is_file = event.name or "", bytearray(), event.filename is not None
        elif event:
            held += event
            if not is_file and len(held) > MOST_FIELD_BYTES:
                raise refusal(400, f"the field {named!r} is too long")
        elif is_file and named == "file":
            form.file = bytes(held)
        else:
            form.fields.setdefault(named.removesuffix("[]"), []).append(held.decode())
