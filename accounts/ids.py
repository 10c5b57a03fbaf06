"""Ids of what the accounts hold: they sort by age, and nobody guesses one."""

import secrets
import time

RANDOM_BYTES = 10


def new_id(prefix: str) -> str:
    """Return a new id: the prefix, milliseconds of the clock, then 80 random bits."""
    return f"{prefix}{time.time_ns() // 1_000_000:011x}{secrets.token_hex(RANDOM_BYTES)}"
