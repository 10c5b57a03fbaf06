"""What the gateway promises for each scenario of the faulty upstream (C-10, 2.3.7)."""

from typing import NamedTuple

from tests.faults.scenarios import BREAKDOWNS


class Promise(NamedTuple):
    """Status and `error.code` of the answer, status of the ledger row, and who counted its tokens.

    `counted` is "nothing" when the provider took nothing: no token, no euro.
    """

    status: int
    code: str | None
    row: str
    counted: str


FINE = Promise(200, None, "ok", "provider")
GUESSED = Promise(200, None, "ok", "estimated")
DOWN = Promise(502, "provider_error", "error", "nothing")
BROKEN = Promise(502, "provider_error", "error", "estimated")
LATE = Promise(504, "provider_timeout", "error", "estimated")
CUT = Promise(200, "provider_error", "partial", "estimated")
STALLED = Promise(200, "provider_timeout", "partial", "estimated")
UNWANTED = Promise(400, "invalid_request", "error", "nothing")
BUSY = Promise(429, "rate_limited", "error", "nothing")

# The same for a whole answer and for a stream.
BOTH: dict[Promise, tuple[str, ...]] = {
    FINE: (
        *("ok", "paced", "one_byte_chunks", "crlf", "cr", "bom", "comments", "one_read", "mistral"),
        *("gzip", "deflate", "interim", "closes", "close_delimited", "talks_unasked"),
        *("done_and_silent", "gzip_unended", "no_done", "usage_twice", "usage_null_choices"),
        *("ctype_json_for_stream", "ctype_stream_for_json"),
    ),
    GUESSED: (
        *("usage_none", "usage_zero", "usage_negative", "usage_string", "usage_huge", "usage_endless", "usage_list"),
    ),
    LATE: ("hang", "slow_head", "slow_body", "drip"),
    UNWANTED: ("s400", "s413", "s422"),
    BUSY: ("s429", "s429_seconds", "s429_long", "s429_year", "s429_date", "s429_garbage"),
    DOWN: (
        *("reset", "closed", "garbage", "giant_headers", "many_headers"),
        *("error_200", "error_first"),
        *("s401", "s403", "s404", "s408", "s409", "s418", "s500_html", "s500_empty"),
        *(f"s{code}" for code in BREAKDOWNS),
        *(f"redirect_{code}" for code in (301, 302, 307, 308)),
    ),
    BROKEN: (
        *("malformed_json", "null", "nan", "deep", "no_choices", "wrong_types", "bad_utf8", "html", "empty"),
        *("only_done", "brotli", "gzip_lie", "gzip_bomb", "giant_line", "giant_body", "short_length"),
    ),
}
# By scenario: a whole answer, then a stream.
APART: dict[str, tuple[Promise, Promise]] = {
    "stall_mid": (LATE, STALLED),
    "error_event": (DOWN, CUT),
    "ctype_text": (FINE, BROKEN),
    **dict.fromkeys(
        (
            *("truncated", "truncated_reset", "truncated_close_delimited", "truncated_clean", "gzip_short"),
            *("error_plain_event", "malformed_mid"),
        ),
        (BROKEN, CUT),
    ),
}
# What only shows over several requests, or never ends, has tests of its own.
ELSEWHERE = frozenset({"brisk", "stale_keepalive", "stale_half", "lasting", "flood"})

PROMISES: dict[tuple[str, bool], Promise] = {
    (name, stream): promise for promise, names in BOTH.items() for name in names for stream in (False, True)
} | {(name, stream): promises[stream] for name, promises in APART.items() for stream in (False, True)}
