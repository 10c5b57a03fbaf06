"""What a process tree costs, from the kernel's own accounting: processor time, memory, cores."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Processor:
    """Processor time of a tree so far: nanoseconds by thread, and the coarse ticks that outlive a thread.

    `waited` is how long its threads were ready to run and had no core: what the neighbours took.
    """

    by_thread: dict[str, int]
    ticks: int
    waited: int

    def since(self, before: "Processor") -> int:
        """Return the nanoseconds spent since `before`; by ticks when a thread ended in between, with its own."""
        if before.by_thread.keys() - self.by_thread.keys():
            return (self.ticks - before.ticks) * TICK_NS
        return sum(self.by_thread.values()) - sum(before.by_thread.values())


def tree(root: int) -> list[int]:
    """Return `root` and every process below it."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def processor(root: int) -> Processor:
    """Return the processor time of the tree under `root`."""
    by_thread: dict[str, int] = {}
    ticks = waited = 0
    for pid in tree(root):
        ticks += sum(int(field) for field in _stat(pid)[11:15])
        for thread in (PROC / str(pid) / "task").glob("*/schedstat"):
            ran, ready, _ = thread.read_text().split()
            by_thread[thread.parent.name] = int(ran)
            waited += int(ready)
    return Processor(by_thread, ticks, waited)


def memory_mb(root: int) -> float:
    """Return the memory of the tree under `root` in MB: its proportional share (PSS), so shared pages count once."""
    return _rollup_mb(root, "Pss:")


def own_memory_mb(root: int) -> float:
    """Return the memory that no file backs, in MB: what neighbours that share libraries come and go cannot change."""
    return _rollup_mb(root, "Anonymous:")


def _rollup_mb(root: int, field: str) -> float:
    total_kb = 0
    for pid in tree(root):
        rollup = (PROC / str(pid) / "smaps_rollup").read_text()
        total_kb += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith(field))
    return total_kb / 1024


def on_core(core: int, command: list[str]) -> list[str]:
    """Return `command` held to one core, where there is a choice of cores and a way to hold it."""
    cores = sorted(os.sched_getaffinity(0))
    taskset = shutil.which("taskset")
    if len(cores) < 2 or taskset is None:  # noqa: PLR2004 - one core for the measured, one for the rest
        return command
    return [taskset, "-c", str(cores[core]), *command]


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, state first (proc(5)); none when the process is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
