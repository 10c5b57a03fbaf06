"""What the gateway and a serving process say to each other about a job."""

from typing import Literal

from msgspec import Struct

from sandbox.limits import Limits

MESSAGE_BYTES = 4096

End = Literal["done", "time", "memory", "size", "broken", "disk"]


class Asked(Struct, frozen=True):
    """A job; the file it is about, the file for what comes of it and the channel to answer on come beside it."""

    job: bytes
    limits: Limits


class Outcome(Struct, frozen=True):
    """How a job ended; "done" means that what came of it is in the file."""

    end: End
