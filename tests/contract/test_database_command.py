"""`router database`: what it says, on both databases, and with which status it ends."""

import json
import subprocess
import sys

import pytest

from storage.migrations import HEAD
from tests.gateway import environment

_ROUTER = "from router.commands.database import app; app()"


@pytest.fixture
def router(tmp_path):
    """Run a command of the group and return how it ended."""

    def run(url, *arguments):
        command = [sys.executable, "-c", _ROUTER, *arguments]
        settings = environment(tmp_path, ROUTER_DATABASE_URL=url)
        return subprocess.run(command, env=settings, check=False, capture_output=True, text=True)

    return run


def test_upgrade_makes_the_tables_once_and_status_tells_before_and_after(router, empty_url):
    before = router(empty_url, "status")
    first, second = router(empty_url, "upgrade"), router(empty_url, "upgrade")
    after = router(empty_url, "status")

    assert (before.returncode, before.stdout) == (1, f"without tables; this version needs {HEAD}\n")
    assert (first.returncode, first.stdout) == (0, f"upgraded from nothing to {HEAD}\n")
    assert (second.returncode, second.stdout) == (0, f"at {HEAD} already\n")
    assert (after.returncode, after.stdout) == (0, f"at {HEAD}; this version needs {HEAD}\n")


def test_json_says_the_same_to_programs(router, empty_url):
    assert json.loads(router(empty_url, "status", "--json").stdout) == {"revision": None, "head": HEAD}
    assert json.loads(router(empty_url, "upgrade", "--json").stdout) == {"from": None, "to": HEAD}


def test_server_that_is_away_is_refused_by_the_setting_s_name_and_keeps_its_password(router):
    done = router("postgresql://me:secret@127.0.0.1:1/router", "upgrade")

    assert done.returncode == 2
    assert done.stderr.startswith("router: ROUTER_DATABASE_URL: ")
    assert "secret" not in done.stdout + done.stderr
