"""The detector's weights, where they are installed."""

from importlib.util import find_spec
from pathlib import Path


def weights():
    """Return where the weights of the detector of speech are; they come with the package of the ears."""
    package = find_spec("faster_whisper")
    return Path(package.origin).parent / "assets" / "silero_vad_v6.onnx"
