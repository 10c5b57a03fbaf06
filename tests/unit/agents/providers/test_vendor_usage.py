import json

import pytest
from msgspec import Raw

from agents.providers.vendor_usage import read_usage
from metering.usage import MOST_TOKENS, Usage, UsageAbsurd


def raw(**fields):
    return Raw(json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (raw(prompt_tokens=11, completion_tokens=5, total_tokens=16), Usage(input_uncached=11, output_visible=5)),
        (raw(prompt_tokens=11, completion_tokens=5), Usage(input_uncached=11, output_visible=5)),
        (
            raw(
                prompt_tokens=100,
                completion_tokens=50,
                total_tokens=150,
                prompt_tokens_details={"cached_tokens": 64, "cache_write_tokens": 6, "audio_tokens": 10},
                completion_tokens_details={"reasoning_tokens": 30, "audio_tokens": 5, "accepted_prediction_tokens": 9},
            ),
            Usage(
                input_uncached=20,
                cache_read=64,
                cache_write=6,
                audio_input=10,
                output_visible=15,
                reasoning=30,
                audio_output=5,
            ),
        ),
        (
            raw(prompt_tokens=100, completion_tokens=5, total_tokens=105, num_cached_tokens=64),
            Usage(input_uncached=36, cache_read=64, output_visible=5),
        ),
        (
            raw(
                prompt_tokens=100,
                completion_tokens=5,
                prompt_tokens_details={"cached_tokens": 64},
                num_cached_tokens=64,
            ),
            Usage(input_uncached=36, cache_read=64, output_visible=5),
        ),
        (
            raw(prompt_tokens=7, completion_tokens=5, prompt_tokens_details=None, busy_s=0.25),
            Usage(input_uncached=7, output_visible=5, busy_s=0.25),
        ),
    ],
)
def test_counts_become_buckets_that_never_overlap(told, usage):
    read = read_usage(told, wrote=True)

    assert read == usage


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (raw(prompt_tokens=11, completion_tokens=-5, total_tokens=6), "negative"),
        (raw(prompt_tokens="11", completion_tokens="5"), "not token counts"),
        (raw(prompt_tokens=11.0, completion_tokens=5.5), "not token counts"),
        (raw(prompt_tokens=True, completion_tokens=5), "not token counts"),
        (raw(prompt_tokens=11, completion_tokens=MOST_TOKENS + 1), "more than any model"),
        (raw(prompt_tokens=2**63, completion_tokens=5), "more than any model"),
        (raw(prompt_tokens=11, completion_tokens=5, total_tokens=17), "total"),
        (raw(prompt_tokens=11, completion_tokens=5, num_cached_tokens=12), "larger than its whole"),
        (raw(prompt_tokens=11, completion_tokens=5, num_cached_tokens=-1), "negative"),
        (raw(prompt_tokens=11, completion_tokens=5, completion_tokens_details={"reasoning_tokens": 6}), "larger"),
        (raw(prompt_tokens=11, completion_tokens=0, total_tokens=11), "nothing counted"),
        (raw(prompt_tokens=0, completion_tokens=5, total_tokens=5), "nothing counted"),
        (raw(prompt_tokens=11, completion_tokens=5, busy_s=-1), "processor time"),
        (raw(completion_tokens=5), "missing"),
        (raw(), "missing"),
        (Raw(b"[1,2]"), "not token counts"),
        (Raw(b'{"prompt_tokens":' + b"9" * 5000 + b"}"), "not token counts"),
        (Raw(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "not token counts"),
    ],
)
def test_absurd_counts_are_refused_with_the_reason(told, why):
    with pytest.raises(UsageAbsurd, match=why):
        read_usage(told, wrote=True)


def test_an_answer_without_text_may_count_no_output():
    usage = read_usage(raw(prompt_tokens=11, completion_tokens=0, total_tokens=11), wrote=False)

    assert usage == Usage(input_uncached=11)
