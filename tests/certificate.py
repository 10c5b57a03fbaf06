"""A certificate for 127.0.0.1 that nobody vouches for."""

import shutil
import subprocess
from pathlib import Path

import pytest

_OPTIONS = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a certificate and its key in `folder` and return their files."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command makes the certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([openssl, *_OPTIONS.split(), *files], check=True, capture_output=True)
    return cert, key
