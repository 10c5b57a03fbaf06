"""Audio through Mistral's SDK."""

from agents.providers.transport import Transport


def opened(transport: Transport) -> None:
    """Open the SDK on a transport."""
