"""The soak: many requests, memory sampled as they go; flat means that no request leaves anything behind."""

from pathlib import Path

from stage import Books, Measure, books, load, running, upstream
from targets import gateway

TOLERANCE = 1.05
STREAMED = 10


def soak(router: Path, requests: int) -> bool:
    """Put `requests` on the gateway, one in ten a stream, memory each 10 %; return whether all was flat and exact.

    Flat: no sample after the first tenth is more than 5 % above the one at its end; before it, pools and caches fill.
    """
    tenth = requests // 10
    streams = tenth // STREAMED
    answered = errors = tokens = 0
    with upstream() as port, running(gateway(router), port) as service:
        samples = [service.own_memory_mb()]
        print(f"memory at start   {samples[0]:7.1f} MB")
        for part in range(1, 11):
            for stream, count in ((False, tenth - streams), (True, streams)):
                found = load(service, Measure("soak", 64, seconds=600, requests=count, stream=stream))
                answered, errors = answered + found["answered"], errors + found["errors"]
                tokens += found["tokens"]
            samples.append(service.own_memory_mb())
            print(f"memory at {part * 10:5} % {samples[-1]:7.1f} MB  answered {answered}  errors {errors}")
        ledger = books(service)
    flat = max(samples[2:]) <= samples[1] * TOLERANCE
    grown = (samples[-1] / samples[1] - 1) * 100
    verdict = "flat" if flat else "NOT flat"
    print(f"{verdict}: {grown:+.1f} % from the first tenth to the end, {samples[-1] / samples[0]:.2f} x start")
    print(f"{ledger}; answered {answered}, tokens {tokens}, errors {errors}")
    return flat and ledger == Books(answered, answered, tokens) and not errors
