"""Owners: who is dead can be buried, who lives cannot."""

import os
import signal
import subprocess
import sys

import pytest

from storage.owners import Owner, buried, owners

_LIVE = """
import sys
from pathlib import Path
from storage.owners import Owner
owner = Owner(Path(sys.argv[1]))
print(owner.id, flush=True)
sys.stdin.readline()
"""


def test_living_owner_is_not_buried_and_a_closed_one_leaves_no_name(tmp_path):
    owner = Owner(tmp_path)

    with buried(tmp_path, owner.id) as dead:
        assert not dead
    assert owners(tmp_path) == {owner.id}

    owner.close()
    assert owners(tmp_path) == set()
    with buried(tmp_path, owner.id) as dead:
        assert dead


def test_killed_process_is_dead_at_once_and_its_name_is_freed(tmp_path):
    command = [sys.executable, "-c", _LIVE, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        name = process.stdout.readline().decode().strip()
        with buried(tmp_path, name) as dead:
            assert not dead

        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    with buried(tmp_path, name) as dead:
        assert dead
        with buried(tmp_path, name) as twice:
            assert not twice
    assert owners(tmp_path) == set()


def test_lock_is_not_inherited_by_a_program_that_outlives_its_starter(tmp_path):
    owner = Owner(tmp_path)
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        assert child.stdout
        child.stdout.readline()
        os.close(owner._descriptor)

        with buried(tmp_path, owner.id) as dead:
            assert dead
        child.communicate(b"\n")


def test_name_of_one_who_died_while_burying_stays_for_the_next(tmp_path):
    owner = Owner(tmp_path)
    os.close(owner._descriptor)

    with pytest.raises(ZeroDivisionError), buried(tmp_path, owner.id) as dead:
        assert 1 / (not dead)

    assert owners(tmp_path) == {owner.id}
