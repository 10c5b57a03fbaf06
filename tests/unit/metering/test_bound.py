"""What is reserved covers what is charged: for any usage that is believed, of any model, on any day, to the digit."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import composite

from metering.audio import likely_heard, likely_spoken, most_written
from metering.bound import NO_BOUND, Bound, Size, bound_of
from metering.call import Call
from metering.cost import compile_tariff
from metering.held import Held
from metering.hours import EXACT
from metering.impact import compile_impact
from metering.reckoning import Circumstances, Scale, receipt_of, weigh
from metering.usage import Usage, most_input
from pricing_tables.loader import load_catalogue, load_rates

LONGEST_S = 600.0
CATALOGUE = load_catalogue(local_watts=65.0)
MODELS = list(CATALOGUE)
TEXT_MODELS = [model for model in MODELS if model.kind in {"chat", "embeddings"}]
AUDIO_MODELS = [model for model in MODELS if model.kind in {"transcription", "speech"}]
TOKENS = st.integers(0, 1_000_000)
RATES = load_rates()
SCALES = {model.name: Scale(compile_tariff(model, RATES), compile_impact(model)) for model in MODELS}
TOLD = Circumstances(request_id="r", resolved_model="m", latency_s=1.0, ttft_s=None)


@composite
def calls(draw):
    """A call, the tokens that it may have read and generated, and what of them it used."""
    model = draw(st.sampled_from(TEXT_MODELS))
    read, generated = draw(st.integers(1, 1_200_000)), draw(st.integers(1, 200_000))
    # Often all of it: the bound is met exactly by somebody.
    used_read = draw(st.one_of(st.just(read), st.integers(0, read)))
    used_generated = draw(st.one_of(st.just(generated), st.integers(0, generated)))
    cuts = sorted(draw(st.lists(st.integers(0, used_read), min_size=3, max_size=3)))
    reasoning = draw(st.integers(0, used_generated))
    call = Call(model, [], streamed=False, longest_s=LONGEST_S)
    # A reader may keep an answer waiting for longer than it may take.
    seconds = draw(st.floats(0, 3 * LONGEST_S))
    call.answered(
        Usage(
            input_uncached=cuts[0],
            cache_read=cuts[1] - cuts[0],
            cache_write=cuts[2] - cuts[1],
            audio_input=used_read - cuts[2],
            output_visible=used_generated - reasoning,
            reasoning=reasoning,
            busy_s=draw(st.one_of(st.none(), st.floats(0, 1e6))),
        ),
        None,
    )
    call.ended = call.started + int(seconds * 1e6) / 1e6
    return call, Size(model.name, read, generated)


@composite
def audio_calls(draw):
    """A call that hears or speaks, with whatever its provider claims of it, or nothing."""
    model = draw(st.sampled_from(AUDIO_MODELS))
    text = draw(st.text(max_size=300)) if model.kind == "speech" else ""
    heard = Decimal(draw(st.integers(0, 16_000 * 600))) / 16_000 if model.kind == "transcription" else None
    characters = None if heard is not None else len(text)
    call = Call(model, [], streamed=False, longest_s=LONGEST_S, audio_s=heard, characters=characters)
    call.answered(
        draw(
            st.builds(
                Usage,
                input_uncached=st.integers(0, len(text.encode("utf-8", "surrogatepass")) + 8),
                audio_input=TOKENS if heard is not None else st.just(0),
                output_visible=st.integers(0, 3000) if heard is not None else st.just(0),
                audio_output=TOKENS if heard is None else st.just(0),
                audio_s=st.none() | st.decimals(-10, 10**6, places=3),
                characters=st.none() | st.integers(-10, 10**9),
                busy_s=st.none() | st.floats(0, 1e6),
            )
        ),
        None,
    )
    # What is not believed is estimated, which is no more than the most either.
    call.usage = call.usage or Usage(
        audio_input=0 if heard is None else likely_heard(model, heard),
        output_visible=0 if heard is None else most_written(model),
        audio_output=likely_spoken(model, len(text), draw(st.none() | st.floats(0, 1e6))) if heard is None else 0,
        audio_s=heard,
        characters=characters,
    )
    call.ended = call.started + draw(st.integers(0, 10**9)) / 1e6
    return call, Size(model.name, most_input([text]), 0, heard or Decimal(0), characters or 0)


@given(
    drawn=st.lists(st.one_of(calls(), audio_calls()), min_size=1, max_size=6),
    day=st.dates(date(2026, 11, 21), date(2027, 6, 1)),
)
def test_a_receipt_is_never_above_the_bounds_of_its_calls(drawn, day):
    held, pool = Held({}), NO_BOUND
    for call, size in drawn:
        bound = bound_of(SCALES[call.model.name], size, day, LONGEST_S)
        beyond, pool = bound.beyond(pool), pool.beyond(bound)
        held.add({"EUR": beyond.eur, "gCO2e": Decimal("NaN") if beyond.grams is None else beyond.grams})

    made = [call for call, _ in drawn]
    receipt = receipt_of([weigh(call, SCALES[call.model.name], day) for call in made], made, TOLD)

    assert receipt.pricing.total_cost <= held.amounts["EUR"]
    assert receipt.emissions_g is None or receipt.emissions_g <= held.amounts["gCO2e"]


@given(audio_calls(), st.dates(date(2026, 11, 21), date(2027, 6, 1)))
def test_a_limit_of_tokens_is_held_for_all_that_an_audio_call_counts(drawn, day):
    call, size = drawn

    bound = bound_of(SCALES[call.model.name], size, day, LONGEST_S)

    assert call.usage.input_tokens + call.usage.output_tokens <= bound.tokens


def test_a_minute_at_the_documented_rate_is_held_for_with_a_margin():
    scale = SCALES["gpt-4o-transcribe"]
    usage = Usage(audio_input=600, output_visible=300)

    bound = bound_of(scale, Size("gpt-4o-transcribe", most_input([]), 0, Decimal(60)), date(2026, 11, 21), LONGEST_S)

    assert 1 < bound.eur / scale.tariff.cost(usage, date(2026, 11, 21)).total < 5


@given(st.text(max_size=300))
def test_no_vocabulary_and_no_estimate_counts_more_tokens_than_are_reserved(text):
    size = len(text.encode("utf-8", "surrogatepass"))

    assert size + 8 <= most_input([text])


@given(st.lists(st.tuples(st.decimals(0, 1, places=22), st.integers(0, 9)), max_size=8))
def test_what_is_held_in_parts_is_given_back_to_the_digit(parts):
    held, exact = Held({}), Decimal(0)
    for amount, size in parts:
        held.add({"c": amount.scaleb(size, EXACT)})
        exact = EXACT.add(exact, amount.scaleb(size, EXACT))

    assert held.amounts.get("c", Decimal(0)) == exact


def test_a_pool_is_used_once():
    pool, first = Bound(Decimal(3), Decimal(3), 3), Bound(Decimal(2), Decimal(2), 2)

    left = pool.beyond(first)

    assert first.beyond(pool) == NO_BOUND
    assert first.beyond(left) == Bound(Decimal(1), Decimal(1), 1)
    assert left.beyond(first) == NO_BOUND
