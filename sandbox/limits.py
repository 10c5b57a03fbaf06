"""What one job may take of the machine."""

from msgspec import Struct

MIB = 1 << 20


class Limits(Struct, frozen=True):
    """What the process that does a job may take; past any of these the kernel ends it.

    Attributes:
        memory_bytes: Beside what the serving process holds itself.
        cpu_seconds: Of processor time, whole ones.
        wall_seconds: From its beginning to its end.
        result_bytes: Of what it writes.

    """

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float
    result_bytes: int
