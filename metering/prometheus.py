"""Prometheus: every figure of the receipts as counters with closed label sets, summed over workers."""

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import (
    MultiProcessCollector,
    mark_process_dead,  # pyright: ignore[reportUnknownVariableType] - the library leaves its path untyped
)

from metering.receipt import CallRow, Receipt, RequestStatus
from pricing_tables.model import Model

CONTENT_TYPE = "text/plain; version=0.0.4"  # the framework adds the character set
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"


class ModelCounters:
    """The children of one model, found once: a label lookup costs more than the increment."""

    def __init__(self, metrics: "Metrics", model: str) -> None:
        self.cost = metrics.cost.labels(model)
        self.kg_min = metrics.emissions.labels(model, "min")
        self.kg_mean = metrics.emissions.labels(model, "mean")
        self.kg_max = metrics.emissions.labels(model, "max")
        self.energy = metrics.energy.labels(model)
        self.water = metrics.water.labels(model)

    def add(self, call: CallRow) -> None:
        """Add one call; what is unknown is not added, and counted as such by the caller."""
        self.cost.inc(float(call.cost_eur))
        if call.kg is not None and call.kg_min is not None and call.kg_max is not None:
            self.kg_min.inc(float(call.kg_min))
            self.kg_mean.inc(float(call.kg))
            self.kg_max.inc(float(call.kg_max))
        if call.energy_kwh is not None:
            self.energy.inc(float(call.energy_kwh))
        if call.water_liters is not None:
            self.water.inc(float(call.water_liters))


class Metrics:
    """All metrics of the process; label values come from the catalogue, the route table and fixed sets only.

    Args:
        models: Of the catalogue.
        agents: Who answers requests.
        background: Who works while no client waits: counted like the others, but kept out of the times of requests.

    """

    def __init__(self, models: Iterable[Model], agents: Iterable[str], background: Iterable[str] = ()) -> None:
        disable_created_metrics()
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "router_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self.tokens = Counter("router_tokens", "Tokens.", ["model", "agent", "direction"], registry=registry)
        self.cost = Counter("router_cost_eur", "Cost in euros.", ["model"], registry=registry)
        self.emissions = Counter(
            "router_emissions_kgco2eq", "Greenhouse gases in kgCO2eq.", ["model", "bound"], registry=registry
        )
        self.energy = Counter("router_energy_kwh", "Energy in kilowatt hours.", ["model"], registry=registry)
        self.water = Counter("router_water_liters", "Water in litres.", ["model"], registry=registry)
        self.latency = Histogram("router_latency_seconds", "Request to last byte.", buckets=SECONDS, registry=registry)
        self.ttft = Histogram("router_ttft_seconds", "Request to first text.", buckets=SECONDS, registry=registry)
        self.overhead = Histogram(
            "router_overhead_seconds", "Time spent here, not upstream.", buckets=SECONDS, registry=registry
        )
        self.inflight = Gauge(
            "router_inflight_requests", "Requests in flight.", multiprocess_mode="livesum", registry=registry
        )
        self.sessions = Gauge(
            "router_realtime_sessions", "Realtime sessions.", multiprocess_mode="livesum", registry=registry
        )
        self.upstream_errors = Counter(
            "router_upstream_errors", "Failed upstream calls.", ["provider", "code"], registry=registry
        )
        self.ratelimited = Counter("router_ratelimited", "Requests over a limit.", ["kind"], registry=registry)
        self.disconnects = Counter("router_stream_disconnects", "Streams whose client left.", registry=registry)
        self.unmetered = Counter("router_unmetered", "Requests with unknown figures.", ["reason"], registry=registry)
        self._background = frozenset(background)
        names = [model.name for model in models]
        self._models = {name: ModelCounters(self, name) for name in names}
        self._tokens = {
            (name, agent): (self.tokens.labels(name, agent, "input"), self.tokens.labels(name, agent, "output"))
            for name in names
            for agent in (*agents, *self._background)
        }
        self._requests: dict[tuple[str, str, int], Counter] = {}

    def count_request(self, route: str, method: str, status: int) -> None:
        """Count one answered request by its route template."""
        key = (route, method if method in METHODS else OTHER, status)
        child = self._requests.get(key)
        if child is None:
            child = self._requests[key] = self.requests.labels(*map(str, key))
        child.inc()

    def count_receipt(self, receipt: Receipt, agent: str, status: RequestStatus, *, stream: bool) -> None:
        """Count one settled request, once."""
        for call in receipt.calls:
            self._models[call.model].add(call)
        for name, sums in receipt.usage_by_model.items():
            read, generated = self._tokens[name, agent]
            read.inc(sums.input_tokens)
            generated.inc(sums.output_tokens)
        if agent not in self._background:
            self.latency.observe(receipt.latency_s)
            self.overhead.observe(receipt.overhead_s)
        if receipt.ttft_s is not None:
            self.ttft.observe(receipt.ttft_s)
        if receipt.emissions_kg is None:
            self.unmetered.labels("carbon_unknown").inc()
        if status == "client_gone" and stream:
            self.disconnects.inc()

    def text(self) -> bytes:
        """Return the exposition text; with several workers, of all of them, dead ones' gauges left out."""
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if folder is None:
            return generate_latest(self.registry)
        sweep(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, folder)
        return generate_latest(registry)


def sweep(folder: Path) -> None:
    """Drop the live gauges of processes that are gone; their counters stay."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid, str(folder))
