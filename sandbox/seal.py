"""What a process that reads a hostile file may reach of the machine: the libraries, to read them, and nothing else."""

import ctypes
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import sandbox

# Where the system's own libraries are: a module may be loaded at its first use.
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")

# linux/prctl.h, linux/landlock.h, and the numbers of its calls, which are the same on every processor.
_PR_SET_NO_NEW_PRIVS = 38
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# How many kinds of access to files each version of the kernel's interface knows, from the first on.
_FILE_KINDS = (13, 14, 15, 15, 16)
_CONNECTS, _SCOPES = 0b11, 0b11  # to bind and to connect; abstract sockets and signals
_CONNECTS_FROM, _SCOPES_FROM = 4, 6

_libc = ctypes.CDLL(None)


class _Rules(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("connects", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def seal() -> None:
    """Give up for good, as far as the kernel can do that: all files but the libraries, the network, others' signals.

    What is open already stays open. Source: the kernel's documentation of Landlock, which is there from 5.13 on.
    """
    if sys.platform != "linux":
        return
    version = _libc.syscall(_CREATE, None, 0, _ASK_VERSION)
    if version < 1 or _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return
    rules = _Rules(
        (1 << _FILE_KINDS[min(version, len(_FILE_KINDS)) - 1]) - 1,
        _CONNECTS if version >= _CONNECTS_FROM else 0,
        _SCOPES if version >= _SCOPES_FROM else 0,
    )
    sealed = _libc.syscall(_CREATE, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    if sealed < 0:
        return
    for folder in _readable():
        _allow(sealed, folder)
    _libc.syscall(_RESTRICT, sealed, 0)
    os.close(sealed)


def _readable() -> Iterable[str]:
    """Return where modules are; of our own folder, which may have settings and data in it, the packages in use."""
    root = Path(sandbox.__path__[0]).parent
    modules = {path for path in sys.path if path and Path(path).resolve() != root}
    files = [getattr(module, "__file__", None) or "" for name, module in sys.modules.items() if "." not in name]
    ours = [folder for folder in (file.rpartition("/")[0] for file in files) if folder.rpartition("/")[0] == str(root)]
    return {*LIBRARIES, *modules, sys.prefix, sys.base_prefix, *ours}


def _allow(sealed: int, folder: str) -> None:
    with suppress(OSError):
        opened = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        # A module may be a file: a zip has no folders to list, and the kernel takes no rule that says so.
        allowed = _READ_FILE | (_READ_DIR if Path(folder).is_dir() else 0)
        _libc.syscall(_ADD, sealed, _PATH_BENEATH, ctypes.byref(_Beneath(allowed, opened)), 0)
        os.close(opened)
