"""Which form of an answer a caller accepts, where there are two: JSON, or events as they come (RFC 9110, 12.5.1)."""

from collections.abc import Iterable

EVENTS, JSON = "text/event-stream", "application/json"


def accepts_events(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a caller asks for events by name, and would not rather have JSON.

    Args:
        headers: Names in lower case, as ASGI has them.

    """
    told = ",".join(value.decode("latin-1") for name, value in headers if name == b"accept")
    weights = dict(_weight(each) for each in told.lower().split(","))
    return weights.get(EVENTS, 0.0) > weights.get(JSON, 0.0)


def _weight(told: str) -> tuple[str, float]:
    kind, *parameters = (part.strip() for part in told.split(";"))
    quality = next((each.removeprefix("q=") for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, float(quality)
    except ValueError:
        return kind, 0.0
