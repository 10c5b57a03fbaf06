"""What taking in a thousand documents costs those who ask meanwhile: latency of `/completion` before and during."""

import argparse
import http.client
import json
import random
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from stage import Measure, Running, load, running, upstream
from targets import gateway

DOCUMENTS = 1000
SECTIONS = 3
WORDS = ("projet", "contrat", "livraison", "budget", "équipe", "réunion", "serveur", "client", "incident", "délai")
MOST_SECONDS = 600


@dataclass
class Uploads:
    """A thread that uploads documents and then waits until each is ready or has failed."""

    service: Running
    count: int

    def __post_init__(self) -> None:
        """Start it."""
        self.over = threading.Event()
        self.seconds = 0.0
        self.states: dict[str, int] = {}
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        began = time.monotonic()
        for number in range(self.count):
            self._call("POST", "", json.dumps({"name": f"note-{number}.md", "text": text(number)}))
        while time.monotonic() - began < MOST_SECONDS:
            # The list is read seldom: waiting must not be what is measured.
            time.sleep(1)
            self.states = self._states()
            if not self.states.get("processing"):
                break
        self.seconds = time.monotonic() - began
        self.over.set()

    def _states(self) -> dict[str, int]:
        found: dict[str, int] = {}
        after = ""
        while True:
            page = self._call("GET", f"?limit=100&after={after}")
            for row in page["documents"]:
                found[row["state"]] = found.get(row["state"], 0) + 1
                after = row["id"]
            if not page["has_more"]:
                return found

    def _call(self, method: str, path: str, body: str | None = None) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        headers = dict(header.split(": ", 1) for header in self.service.target.headers)
        headers["Content-Type"] = "application/json"
        connection.request(method, f"/projects/proj-default/documents{path}", body, headers)
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"{method} {path}: {answer.status} {read[:300]!r}")
        return json.loads(read)


def text(number: int) -> str:
    """Return a note of about 300 words that no other equals."""
    chance = random.Random(number)
    parts = (f"## Partie {part}\n\n{' '.join(chance.choices(WORDS, k=100))} {number}." for part in range(SECTIONS))
    return f"# Note {number}\n\n" + "\n\n".join(parts)


def added(service: Running, straight: Running, measure: Measure) -> tuple[float, float]:
    """Return what the gateway adds to p50 and p99, in ms, by one turn each."""
    direct, through = load(straight, measure)["latency"], load(service, measure)["latency"]
    return through["p50"] - direct["p50"], through["p99"] - direct["p99"]


def main() -> None:
    """Measure before, during and after; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--seconds", type=float, default=5, help="of each load")
    parser.add_argument("--connections", type=int, default=1)
    options = parser.parse_args()
    measure = Measure("ask", options.connections, options.seconds)
    router = Path(sys.executable).parent / "router"
    plain = gateway(router)
    # Whoever reads and embeds documents may use both cores, as he does where nobody measures.
    everywhere = ("taskset", "-c", "0,1", *plain.command)
    target = replace(plain, command=everywhere, environment={**plain.environment, "ROUTER_LOCAL": "on"})
    with upstream() as port, running(target, port) as service:
        straight = Running(
            target=replace(target, command=(), path="/v1/chat/completions", shape="chat", headers=()),
            port=port,
            pid=None,
            directory=service.directory,
        )
        load(service, replace(measure, seconds=2))
        before = [added(service, straight, measure) for _ in range(3)]
        uploads = Uploads(service, options.documents)
        during: list[tuple[float, float]] = []
        while not uploads.over.is_set():
            during.append(added(service, straight, measure))
        after = [added(service, straight, measure) for _ in range(2)]
    told(uploads, before, during, after)
    sys.exit(uploads.states.get("ready") != options.documents)


def told(uploads: Uploads, *turns: list[tuple[float, float]]) -> None:
    """Print what was added before, during and after, in medians over turns."""
    print(f"{uploads.count} documents in {uploads.seconds:.0f} s: {uploads.states}")
    at_99 = [median(p99 for _, p99 in each) for each in turns]
    for name, each, p99 in zip(("before", "during", "after"), turns, at_99, strict=True):
        p50 = median(p50 for p50, _ in each)
        print(f"{name:7} added p50 {p50:.2f} ms, p99 {p99:.2f} ms, {len(each)} turns")
    print(f"p99 during is {at_99[1] / at_99[0]:.2f} times that of before")


if __name__ == "__main__":
    main()
