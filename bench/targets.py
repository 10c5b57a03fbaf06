"""What is measured: the gateway, the upstream alone, and peers when they are installed; one frozen row each."""

import os
import shutil
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import jwt
from payload import MODELS

SECRET = "bench-bench-bench-bench-bench-bench-bench"  # noqa: S105 - signs tokens for a gateway that lives for one run
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Target:
    """How a service is started and asked; `{port}`, `{dir}`, `{upstream}` are filled in, no command is upstream itself.

    `health`: the status of /health when it is up. `port_file`: it chooses its port and writes its address there.
    `before`: commands that run to their end before it starts.
    """

    name: str
    path: str
    shape: str
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    model_prefix: str = ""
    health: int = 200
    port_file: str | None = None
    books: tuple[str, ...] = ()
    before: tuple[tuple[str, ...], ...] = ()


def direct() -> Target:
    """Return upstream itself: what the others add is measured against it."""
    return Target("direct", "/v1/chat/completions", "chat")


def stand_in() -> Target:
    """Return upstream answering in the gateway's shape, to check the checks."""
    return Target("stand-in", "/completion", "completion")


def gateway(router: Path) -> Target:
    """Return the gateway with everything on: verified token, metering, Prometheus, durable ledger."""
    rows = "".join(
        f'[[model]]\nname = "{model}"\nprovider = "bench"\nupstream = "{model}"\ncontext_window = 128000\n'
        f'description = "Bench"\nprice_of = "gpt-4o"\necologits = "openai/gpt-4o"\n\n'
        for model in MODELS
    )
    provider = '[[provider]]\nname = "bench"\nkind = "openai"\nbase_url = "{upstream}"\nzone = "FRA"\n\n'
    claims = {"sub": "bench", "type": "access", "exp": int(time.time()) + 86_400}
    return Target(
        name="gateway",
        path="/completion",
        shape="completion",
        command=(str(router), "serve", "--host", "127.0.0.1", "--port", "{port}"),
        environment={
            "ROUTER_CONFIG": "{dir}/router.toml",
            "ROUTER_DATA_DIR": "{dir}/data",
            "ROUTER_LOCAL": "off",
            "ROUTER_JWT_SECRET": SECRET,
        },
        files={"router.toml": provider + rows},
        headers=(f"Authorization: Bearer {jwt.encode(claims, SECRET, 'HS256')}",),
        books=(str(router), "ledger", "--json"),
    )


def limited(router: Path) -> Target:
    """Return the same gateway with a budget in euros, one in grams, and limits of requests and of tokens, all roomy."""
    budgets = ("budgets", "create", "--window", "month", "--limit", "1000000000")
    limits = ("limits", "set", "project", "proj-default", "--requests", "1000000000", "--tokens", "1000000000")
    before = ((*budgets, "--unit", "EUR"), (*budgets, "--unit", "gCO2e"), limits)
    return replace(gateway(router), name="limited", before=tuple((str(router), *words) for words in before))


NGINX = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log; {user}
events { worker_connections 2048; }
http {
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  upstream bench { server {upstream_address}; keepalive 512; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:{port} backlog=1024;
    location / {
      proxy_pass http://bench; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }
  }
}
"""


def nginx() -> Target | None:
    """Return nginx as a plain proxy, one worker, nothing buffered, when it is installed."""
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if found is None:
        return None
    return Target(
        name="nginx",
        path="/v1/chat/completions",
        shape="chat",
        command=(found, "-p", "{dir}", "-c", "{dir}/nginx.conf"),
        files={"nginx.conf": NGINX.replace("{user}", "user root;" if os.geteuid() == 0 else "")},
    )


TENSORZERO_START = """
import os, signal, sys, tensorzero
gateway = tensorzero._start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
with open(sys.argv[2] + ".new", "w") as address:
    address.write(gateway.base_url)
os.rename(sys.argv[2] + ".new", sys.argv[2])
signal.pause()
"""


def tensorzero() -> Target | None:
    """Return TensorZero's embedded gateway, without its database, when BENCH_TENSORZERO names its environment."""
    place = os.environ.get("BENCH_TENSORZERO")
    if place is None:
        return None
    config = "[gateway]\ndisable_pseudonymous_usage_analytics = true\nobservability.enabled = false\n" + "".join(
        f'[models.{model}]\nrouting = ["bench"]\n[models.{model}.providers.bench]\ntype = "openai"\n'
        f'model_name = "{model}"\napi_base = "{{upstream}}/"\napi_key_location = "none"\n'
        for model in MODELS
    )
    return Target(
        name="tensorzero",
        path="/openai/v1/chat/completions",
        shape="chat",
        command=(f"{place}/bin/python", "-c", TENSORZERO_START, "{dir}/config.toml", "{dir}/address"),
        environment={"TENSORZERO_DISABLE_PSEUDONYMOUS_USAGE_ANALYTICS": "1"},
        files={"config.toml": config},
        model_prefix="tensorzero::model_name::",
        health=404,  # the embedded gateway serves the OpenAI paths alone
        port_file="address",
    )


def present(router: Path) -> list[Target]:
    """Return what can be measured here, upstream first."""
    ours = [gateway(router), limited(router)] if router.exists() else []
    if not ours:
        print(f"no gateway at {router}: measuring the others", file=sys.stderr)
    return [target for target in (direct(), *ours, nginx(), tensorzero()) if target is not None]
