"""How limits stand is told in the headers and words of each family."""

import time
from datetime import UTC, datetime

import msgspec
import pytest

from accounts.errors import RateExceeded, TooManyRunning
from accounts.limits.gcra import OPEN, Rate, Verdict, take
from router.errors import answer_to
from router.families import F1, F2, F3, F4, Family
from router.limit_headers import duration, limit_headers

NOW = 1_800_000_000_000_000_000
KEY = Rate("requests:key:a", 500, 1)
PROJECT = Rate("requests:project:p", 60, 1)
TOKENS = Rate("tokens:key:a", 6000, 1500)


def decided(*rates: Rate, times: int = 1) -> Verdict:
    """Return the verdict on the last of so many requests at one moment."""
    tats: dict[str, int] = {}
    verdict = OPEN
    for _ in range(times):
        verdict, changed = take(tats, rates, NOW)
        tats |= changed
    return verdict


def exceeded(*rates: Rate, times: int) -> RateExceeded:
    verdict = decided(*rates, times=times)
    assert verdict.refused is not None
    return RateExceeded(verdict, verdict.refused)


def test_without_limits_there_are_no_headers():
    for family in Family:
        assert limit_headers(OPEN, family) == []


def test_ours_tell_the_tightest_limit_of_requests_and_when_it_is_whole_again():
    began = time.time()
    headers = dict(limit_headers(decided(KEY, PROJECT, TOKENS), F1))

    reset, reset_tokens = (headers.pop(name) for name in (b"x-ratelimit-reset", b"x-ratelimit-reset-tokens"))
    assert headers == {
        b"x-ratelimit-limit": b"60",
        b"x-ratelimit-remaining": b"59",
        b"x-ratelimit-limit-tokens": b"6000",
        b"x-ratelimit-remaining-tokens": b"4500",
    }
    assert began + 1 <= int(reset) <= time.time() + 2
    assert began + 15 <= int(reset_tokens) <= time.time() + 16


def test_openai_is_told_durations():
    assert dict(limit_headers(decided(KEY, TOKENS, times=2), F3)) == {
        b"x-ratelimit-limit-requests": b"500",
        b"x-ratelimit-remaining-requests": b"498",
        b"x-ratelimit-reset-requests": b"240ms",
        b"x-ratelimit-limit-tokens": b"6000",
        b"x-ratelimit-remaining-tokens": b"3000",
        b"x-ratelimit-reset-tokens": b"30s",
    }


def test_anthropic_is_told_moments():
    began = datetime.now(UTC).replace(microsecond=0)
    headers = dict(limit_headers(decided(KEY, TOKENS), F4))

    kinds = (b"requests", b"tokens", b"input-tokens", b"output-tokens")
    assert set(headers) == {
        b"anthropic-ratelimit-%s-%s" % (k, f) for k in kinds for f in (b"limit", b"remaining", b"reset")
    }
    assert headers[b"anthropic-ratelimit-requests-remaining"] == b"499"
    assert headers[b"anthropic-ratelimit-output-tokens-limit"] == b"6000"
    reset = datetime.fromisoformat(headers[b"anthropic-ratelimit-tokens-reset"].decode())
    assert 15 <= (reset - began).total_seconds() <= 17


def test_a_single_limit_names_no_other():
    assert {name for name, _ in limit_headers(decided(TOKENS), F3)} == {
        b"x-ratelimit-limit-tokens",
        b"x-ratelimit-remaining-tokens",
        b"x-ratelimit-reset-tokens",
    }


DURATIONS = {
    0: "0s",
    1: "1ms",
    120_000_000: "120ms",
    999_999_999: "1s",
    1_000_000_000: "1s",
    1_500_000_000: "1.5s",
    59_999_999_999: "1m0s",
    61_250_000_000: "1m1.25s",
    360_000_000_000: "6m0s",
}


@pytest.mark.parametrize(("nanoseconds", "text"), DURATIONS.items())
def test_durations_are_short_and_never_too_early(nanoseconds, text):
    assert duration(nanoseconds) == text


def test_a_refused_request_is_told_in_english_what_openai_tells():
    answer = answer_to(exceeded(Rate("requests:key:a", 3, 1), TOKENS, times=4), "req_1", F3)

    headers = dict(answer.headers)
    assert answer.status == 429
    assert msgspec.json.decode(answer.body) == {
        "error": {
            "message": "Rate limit reached: requests per minute of this key: limit 3, used 3, requested 1. "
            "Please try again in 20s.",
            "type": "requests",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }
    assert headers[b"retry-after"] == b"20"
    assert headers[b"retry-after-ms"] == b"20000"
    assert headers[b"x-ratelimit-remaining-requests"] == b"0"
    assert headers[b"x-ratelimit-remaining-tokens"] == b"1500"
    assert b"x-should-retry" not in headers


def test_tokens_are_of_the_type_tokens():
    answer = answer_to(exceeded(TOKENS, times=5), "req_1", F3)

    error = msgspec.json.decode(answer.body)["error"]
    assert error["type"] == "tokens"
    assert "limit 6000, used 6000, requested 1500" in error["message"]
    assert dict(answer.headers)[b"retry-after-ms"] == b"15000"


def test_a_refused_request_is_told_in_french_on_our_routes():
    answer = answer_to(exceeded(PROJECT, times=61), "req_1", F1)

    problem = msgspec.json.decode(answer.body)
    headers = dict(answer.headers)
    assert problem["error"]["code"] == "rate_limited"
    assert problem["detail"] == (
        "Limite de débit : requêtes par minute pour ce projet : limite 60, utilisé 60, demandé 1 ; réessayez dans 1s"
    )
    assert headers[b"retry-after"] == b"1"
    assert headers[b"x-ratelimit-limit"] == b"60"
    assert headers[b"x-ratelimit-remaining"] == b"0"


def test_too_many_at_once_may_be_tried_again():
    for family, words in ((F1, "au plus 4 requêtes"), (F3, "at most 4 requests"), (F2, "at most 4 requests")):
        answer = answer_to(TooManyRunning(4), "req_1", family)

        assert answer.status == 429
        assert words in answer.body.decode()
        assert dict(answer.headers)[b"retry-after"] == b"1"
