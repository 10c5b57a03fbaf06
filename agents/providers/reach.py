"""Whether a provider's address takes connections: costs no token and needs no key."""

import asyncio
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

CONNECT_WITHIN_S = 3.0
Reach = Literal["up", "down"]


async def reach_all(base_urls: Mapping[str, str]) -> dict[str, Reach]:
    """Try every address at once; base URLs by provider name."""
    found = await asyncio.gather(*(_reach(url) for url in base_urls.values()))
    return dict(zip(base_urls, found, strict=True))


async def _reach(base_url: str) -> Reach:
    address = urlsplit(base_url)
    secure = address.scheme == "https"
    port = address.port or (443 if secure else 80)
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            _, writer = await asyncio.open_connection(address.hostname, port, ssl=secure or None)
            writer.close()
    except (OSError, TimeoutError):
        return "down"
    return "up"
