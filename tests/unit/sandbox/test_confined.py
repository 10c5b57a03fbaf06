"""What a process that a hostile file has taken over could reach: no files, no network, no other process."""

import ctypes
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

TAKEN_OVER = """
import os, socket, sys
from sandbox import confine
from sandbox.limits import Limits

secret, address, told = sys.argv[1], int(sys.argv[2]), os.dup(1)
gateway = os.getpid()
if os.fork():
    os.wait()
    sys.exit()
serving = os.getpid()
confine.leave_network()
if os.fork():
    os.wait()
    sys.exit()
confine.confine(Limits(256 << 20, 60, 60.0, 1 << 20), serving)

def tries(name, reach):
    try:
        reach()
        os.write(told, f"{name}\\n".encode())
    except OSError:
        pass

tries("secret", lambda: open(secret).read())
tries("settings", lambda: os.listdir(os.getcwd()))
tries("accounts", lambda: open("/etc/passwd").read())
tries("write", lambda: open(secret, "ab"))
tries("make", lambda: open(secret + ".new", "xb"))
tries("remove", lambda: os.unlink(secret))
tries("environment", lambda: open(f"/proc/{gateway}/environ", "rb").read())
tries("network", lambda: socket.create_connection(("127.0.0.1", address), 2))
import wave
os.write(told, b"libraries\\n")
"""


def test_process_that_was_taken_over_reaches_the_libraries_alone(tmp_path, seals):
    secret = tmp_path / "router.db"
    secret.write_text("secret")

    with seals as listening:
        command = [sys.executable, "-c", TAKEN_OVER, str(secret), str(listening.getsockname()[1])]
        told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=30)

    assert told.stdout.split() == ["libraries"], told.stderr
    assert secret.read_text() == "secret"


@pytest.fixture
def seals():
    """A socket that listens, where the kernel can seal a process off."""
    if sys.platform != "linux" or ctypes.CDLL(None).syscall(444, None, 0, 1) < 1:
        pytest.skip("this kernel has no Landlock")
    return socket.create_server(("127.0.0.1", 0))
