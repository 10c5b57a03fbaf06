"""The gateway as its users have it: a process, its address, its environment and its books."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from tests.upstream import MISTRAL_KEY, OPENAI_KEY, Upstream

ROOT = Path(__file__).parent.parent
SECRET = "Zq7-acceptance-secret-of-the-running-gateway-0001"
OLD_SECRET = "Yw4-acceptance-secret-that-was-rotated-out-0002"
MODELS_DIR = Path(os.environ.get("ROUTER_MODELS_DIR") or Path.home() / ".cache" / "routeur-ia" / "models")
OURS = ("ROUTER_", "OPENAI_", "MISTRAL_")
START_S = 30.0
STOP_S = 15.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return the machine's own environment with nothing of ours in it but `settings` and a data folder."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    base = {"PYTHONPATH": str(ROOT), "ROUTER_DATA_DIR": str(folder / "data"), "ROUTER_LOCAL": "off"}
    base["ROUTER_MODELS_DIR"] = str(MODELS_DIR)
    return bare | base | settings


def vendors(upstream: Upstream) -> dict[str, str]:
    """Return the settings that point both vendors at the fake one."""
    openai = {"OPENAI_API_KEY": OPENAI_KEY, "OPENAI_BASE_URL": upstream.openai_url}
    return openai | {"MISTRAL_API_KEY": MISTRAL_KEY, "MISTRAL_BASE_URL": upstream.mistral_url}


def run(folder: Path, *words: str, env: dict[str, str], seconds: float = 20) -> subprocess.CompletedProcess[str]:
    """Run one `router` command to its end."""
    command = [sys.executable, "-m", "router.cli", *words]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)


def exact(text: str) -> Any:
    """Read JSON without passing a number through binary floating point."""
    return json.loads(text, parse_float=Decimal)


@dataclass
class Gateway:
    """One running gateway."""

    folder: Path
    env: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "gateway.log").read_text(errors="replace")

    def start(self) -> None:
        began = time.monotonic()
        command = [sys.executable, "-m", "router.cli", "serve"]
        environ = self.env | {"ROUTER_PORT": str(self.port)}
        with (self.folder / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environ, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT)
        while not self._healthy():
            ended = self.process.poll()
            assert ended is None, f"the gateway ended with {ended}:\n{self.log}"
            assert time.monotonic() - began < START_S, f"the gateway is not healthy:\n{self.log}"
        self.started_s = time.monotonic() - began

    def stop(self) -> int:
        """Ask the process to stop and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the gateway did not stop:\n{self.log}") from None

    def token(self) -> str:
        return requests.post(f"{self.url}/auth/token", timeout=10).json()["access_token"]

    def books(self) -> list[dict[str, Any]]:
        """Return the ledger as the command prints it, one object a request."""
        printed = run(self.folder, "ledger", "--json", env=self.env)
        assert printed.returncode == 0, printed.stderr
        return [exact(line) for line in printed.stdout.splitlines()]

    def row(self, request_id: str) -> dict[str, Any]:
        """Return the one ledger row of this request."""
        rows = [row for row in self.books() if row["request_id"] == request_id]
        assert len(rows) == 1, f"{len(rows)} rows for {request_id}"
        return rows[0]

    def metrics(self) -> str:
        return requests.get(f"{self.url}/metrics", timeout=10).text

    def _healthy(self) -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/health", timeout=5).ok
        return False


@dataclass
class Client:
    """A caller with a token."""

    gateway: Gateway
    token: str
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **query: str) -> requests.Response:
        return self.session.get(self.gateway.url + path, headers=self.bearer, params=query, timeout=20)

    def ask(self, message: object, **fields: object) -> requests.Response:
        """Post one completion."""
        return self.send(json.dumps({"message": message} | fields).encode())

    def send(self, body: bytes, content_type: str | None = "application/json") -> requests.Response:
        """Post these very bytes."""
        headers = self.bearer | ({} if content_type is None else {"Content-Type": content_type})
        return self.session.post(self.gateway.url + "/completion", data=body, headers=headers, timeout=30)


def refused(response: requests.Response, status: int, code: str) -> dict[str, Any]:
    """Check family F1 (1.2, C-10) and return the error object."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    body = response.json()
    assert body["status_code"] == status
    assert isinstance(body["detail"], str)
    assert isinstance(body["extra"], list)
    error = body["error"]
    assert set(error) == {"message", "type", "param", "code", "request_id"}
    assert error["code"] == code, error
    assert error["message"]
    assert error["request_id"] == response.headers["X-Request-Id"]
    return error
