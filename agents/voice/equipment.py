"""What hearing needs of the machine: where the detector of speech is, and how peers are reached."""

from pathlib import Path

from msgspec import Struct


class Equipment(Struct, frozen=True):
    """What conversations by voice are given.

    Attributes:
        detector: The weights of the detector of speech (Silero, ONNX); without them loudness decides.
        ice_servers: Addresses of STUN and TURN servers, separated by commas; none are asked if None.
        loopback: Whether a peer connection may be made over the loopback interface.

    """

    detector: Path | None = None
    ice_servers: str | None = None
    loopback: bool = False
