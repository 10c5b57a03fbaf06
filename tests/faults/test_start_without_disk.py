"""A start whose books cannot be opened: it waits, gives up, and says why to a person."""

import subprocess
import sys
from collections.abc import Callable

from tests.faults.test_outages import locked
from tests.gateway import STOP_S, Gateway


def test_start_on_a_locked_database_gives_up_in_one_clear_line(fresh: Callable[..., Gateway]) -> None:
    gateway = fresh()
    gateway.process.kill()
    gateway.process.wait()

    with locked(gateway):
        command = [sys.executable, "-m", "router.cli", "serve"]
        environ = gateway.env | {"ROUTER_PORT": str(gateway.port)}
        ended = subprocess.run(
            command, env=environ, cwd=gateway.folder, capture_output=True, text=True, timeout=STOP_S, check=False
        )

    assert ended.returncode not in {0, -9}
    assert "locked" in ended.stderr
    assert "Traceback" not in ended.stderr
