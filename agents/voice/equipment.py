"""What hearing needs of the machine: where the detector of speech is, and how peers are reached."""

from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct


class IceServer(Struct, frozen=True):
    """One STUN or TURN server; a TURN server has credentials."""

    url: str
    username: str | None = None
    credential: str | None = None


class Equipment(Struct, frozen=True):
    """What conversations by voice are given.

    Attributes:
        detector: The weights of the detector of speech (Silero, ONNX); without them loudness decides.
        ice_servers: STUN and TURN servers that are asked how we are reached; nobody else is.
        loopback: Whether a peer connection may be made over the loopback interface.

    """

    detector: Path | None = None
    ice_servers: tuple[IceServer, ...] = ()
    loopback: bool = False


def installed_detector() -> Path | None:
    """Return where the weights of the detector are, which come with the package of the embedded ears."""
    package = find_spec("faster_whisper")
    if package is None or package.origin is None:
        return None
    weights = Path(package.origin).parent / "assets" / "silero_vad_v6.onnx"
    return weights if weights.is_file() else None
