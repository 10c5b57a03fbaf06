"""Where the gateway's time goes: its most frequent functions under load, sampled by py-spy (installed apart)."""

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from stage import Measure, load, running, upstream
from targets import gateway


def main() -> int:
    """Sample the gateway under one load and print its top functions, own time and with what they call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--router", type=Path, default=Path(".venv/bin/router"))
    parser.add_argument("--stream", action="store_true", help="burst streams instead of whole answers")
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--top", type=int, default=15)
    wish = parser.parse_args()
    spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if spy is None:
        print("py-spy is not installed: pip install py-spy", file=sys.stderr)
        return 1
    with upstream() as port, running(gateway(wish.router.absolute()), port) as service:
        load(service, Measure("warm", 16, seconds=1))
        stacks = service.directory / "stacks"
        words = [spy, "record", "--pid", str(service.pid), "--rate", "500", "--duration", str(wish.seconds)]
        sampler = subprocess.Popen([*words, "--format", "raw", "--output", str(stacks)], stdout=subprocess.DEVNULL)
        load(service, Measure("profile", 16, seconds=wish.seconds + 1, stream=wish.stream))
        sampler.wait()
        print(top(stacks.read_text(), wish.top))
    return 0


def top(stacks: str, count: int) -> str:
    """Return the `count` functions met most often at the end of a stack, from py-spy's folded stacks."""
    own, total = Counter[str](), Counter[str]()
    for line in stacks.splitlines():
        frames, _, samples = line.rpartition(" ")
        names = frames.split(";")
        own[names[-1]] += int(samples)
        total.update(dict.fromkeys(names, int(samples)))
    every = sum(own.values()) or 1
    rows = (f"{n / every:6.1%} {total[name] / every:6.1%}  {name}" for name, n in own.most_common(count))
    return "\n".join(["   own  total  function", *rows])


if __name__ == "__main__":
    sys.exit(main())
