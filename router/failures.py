"""How often each address failed to show a credential lately (2.6b)."""

import time
from ipaddress import AddressValueError, IPv6Address

from accounts.errors import TooManyFailures
from accounts.limits.gcra import Rate, take

MOST_ADDRESSES = 10_000
SECOND_NS = 1_000_000_000
HOST_BITS = 64  # of IPv6: whoever has one address has all those that differ in these


class Failures:
    """Counts failures by address, in this process.

    Args:
        most_a_minute: How many an address may have at once; they are forgotten one by one, all within a minute.

    """

    def __init__(self, most_a_minute: int) -> None:
        self._most = most_a_minute
        self._tats: dict[str, int] = {}

    def check(self, address: str) -> None:
        """Refuse an address that may not fail now, before it is found out whether it would.

        Raises:
            TooManyFailures: And after how many seconds it may.

        """
        verdict, _ = take(self._tats, [self._rate(address)], time.monotonic_ns())
        if verdict.refused is not None:
            raise TooManyFailures(verdict.refused.retry_after_ns / SECOND_NS)

    def note(self, address: str) -> None:
        """Count one failure."""
        rate = self._rate(address)
        _, changed = take(self._tats, [rate], time.monotonic_ns())
        if not changed:
            return
        self._tats.pop(rate.counter, None)
        if len(self._tats) >= MOST_ADDRESSES:
            # The one that failed longest ago.
            self._tats.pop(next(iter(self._tats)))
        self._tats |= changed

    def _rate(self, address: str) -> Rate:
        return Rate(_network(address), self._most, 1)


def _network(address: str) -> str:
    if ":" not in address:
        return address
    try:
        return str(int(IPv6Address(address.partition("%")[0])) >> HOST_BITS)
    except AddressValueError:
        return address
