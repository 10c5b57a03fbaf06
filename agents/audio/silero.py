"""Where the voice activity model lies: Silero's, carried by the wheel of faster-whisper, found without importing it."""

from importlib.util import find_spec
from pathlib import Path

# Of faster-whisper 1.2.1: Silero VAD 6, ONNX, 16 kHz, windows of 512 samples behind 64 of context; state `h` and `c` of
# shape (1, 1, 128). It holds no more than 2.3 MB, so nothing else brings it.
PACKAGE, ASSET = "faster_whisper", "assets/silero_vad_v6.onnx"


def silero_path() -> Path | None:
    """Return the model's file, None where the `local` extra is not installed."""
    found = find_spec(PACKAGE)
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder, ASSET)
        if path.is_file():
            return path
    return None
