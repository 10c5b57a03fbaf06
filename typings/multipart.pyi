# What is used of `multipart`: a package of the same name in another distribution hides it from the type checker.
from collections.abc import Generator

class MultipartError(ValueError): ...

class MultipartSegment:
    name: str | None
    filename: str | None
    def header(self, name: str, default: str) -> str: ...

class PushMultipartParser:
    def __init__(
        self,
        boundary: bytes,
        *,
        max_header_size: int,
        max_header_count: int,
        max_segment_count: int,
        header_charset: str,
    ) -> None: ...
    def parse(self, chunk: bytes) -> Generator[MultipartSegment | bytes | None]: ...
    def close(self) -> None: ...

def parse_options_header(header: str) -> tuple[str, dict[str, str]]: ...
