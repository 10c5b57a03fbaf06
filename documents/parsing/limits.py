"""What reading one document may take of the machine."""

from sandbox import limits
from sandbox.limits import MIB


class Limits(limits.Limits, frozen=True, forbid_unknown_fields=True):
    """What the process that reads a document may take; past any of these the document cannot be read.

    Attributes:
        memory_bytes: Beside what the parsing process holds itself.
        cpu_seconds: Of processor time, whole ones.
        wall_seconds: From its beginning to its end.
        result_bytes: Of passages, as they are handed over.
        pages: Of a PDF.
        entries: Files in a zipped document.
        unzipped_bytes: All of them together.

    """

    memory_bytes: int = 768 * MIB
    cpu_seconds: int = 60
    wall_seconds: float = 120.0
    result_bytes: int = 64 * MIB
    pages: int = 5_000
    entries: int = 2_000
    unzipped_bytes: int = 200 * MIB
