"""What a call that hears or speaks owes: by what was sent, whatever its provider counts, fails to count or cuts."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json, structs

from metering.call import Call
from metering.cost import compile_tariff
from metering.impact import compile_impact
from metering.ledger import Ledger
from metering.meter import Books, Meter
from metering.prometheus import Metrics
from metering.receipt import CallRow, Receipt
from metering.reckoning import Scale
from metering.tokens import Tokens
from metering.usage import Usage, most_input
from pricing_tables.loader import load_catalogue, load_rates
from tests.unit.metering.books import opened, query
from tests.unit.metering.samples import NOON, admission

pytestmark = pytest.mark.anyio

CATALOGUE = load_catalogue(local_watts=65.0)
RATES = load_rates()
PER_EURO = Decimal("1.1172")
TEXT = "Bonjour, la réunion commence."


@pytest.fixture
async def books(folder: Path) -> AsyncIterator[Books]:
    scales = {model.name: Scale(compile_tariff(model, RATES), compile_impact(model)) for model in CATALOGUE}
    async with opened(folder) as ledger:
        yield made(scales, ledger, folder)


def made(scales: dict[str, Scale], ledger: Ledger, folder: Path) -> Books:
    # Without vocabularies a token is four bytes, which is exact enough to be said here.
    return Books(scales, ledger, Metrics(CATALOGUE, ["transcription"]), Tokens(folder))


def begun(books: Books, model: str) -> Meter:
    meter = Meter(books, "r1")
    meter.admit(structs.replace(admission("r1", model=model), opened_at=NOON, agent="transcription"), stream=False)
    return meter


def hearing(meter: Meter, model: str, seconds: str = "26.4") -> Call:
    call = Call(CATALOGUE.find(model), [], streamed=False, audio_s=Decimal(seconds))
    meter.begin(call)
    return call


def speaking(meter: Meter, model: str, text: str = TEXT) -> Call:
    call = Call(CATALOGUE.find(model), [("user", text)], streamed=False, characters=len(text))
    meter.begin(call)
    return call


def euros(dollars: str) -> Decimal:
    return (Decimal(dollars) / PER_EURO).quantize(Decimal("1e-18")).normalize()


def test_a_minute_s_price_rests_on_what_was_sent_and_never_on_more_than_was_counted():
    told = {"27": "26.4", "26.4": "26.4", "20": "20", "0": "0", "-3": "0"}
    for counted, owed in told.items():
        call = Call(CATALOGUE.find("whisper-1"), [], streamed=False, audio_s=Decimal("26.4"))

        call.answered(Usage(audio_s=Decimal(counted)), None)

        assert call.usage == Usage(audio_s=Decimal(owed))


async def test_a_transcription_s_row_has_its_seconds_in_receipt_and_book(books, folder):
    meter = begun(books, "whisper-1")
    hearing(meter, "whisper-1").answered(None, None)

    receipt = await meter.settle("ok")

    assert receipt.pricing.total_cost == euros("0.00264")
    assert (receipt.usage_source, receipt.warnings) == ("provider", ("model-not-registered",))
    assert receipt.emissions_kg is None
    assert shown(receipt)["audio_s"] == 26.4
    row = query(folder, "SELECT audio_s, characters, cost_eur FROM ledger_calls")[0]
    assert tuple(row) == ("26.4", None, str(euros("0.00264")))


async def test_a_transcription_that_was_accepted_and_cut_is_owed_by_its_duration(books):
    meter = begun(books, "voxtral")
    hearing(meter, "voxtral", "90").failed("cut", "reset", accepted=True)

    receipt = await meter.settle("error")

    assert receipt.pricing.total_cost == Decimal("0.0039")
    assert (receipt.usage_source, receipt.calls[0].audio_s) == ("estimated", 90)


async def test_one_that_was_refused_owes_nothing_and_heard_nothing(books):
    meter = begun(books, "voxtral")
    hearing(meter, "voxtral").failed("refused", "400", accepted=False)

    receipt = await meter.settle("error")

    assert (receipt.pricing.total_cost, receipt.calls[0].audio_s, receipt.calls[0].characters) == (0, None, None)


async def test_a_client_that_leaves_owes_the_audio_tokens_of_what_was_sent(books):
    meter = begun(books, "gpt-4o-transcribe")
    hearing(meter, "gpt-4o-transcribe", "30")

    receipt = await meter.settle("client_gone")

    assert (receipt.calls[0].tokens.audio_input, receipt.calls[0].tokens.output_visible) == (300, 0)
    assert receipt.pricing.total_cost == euros("0.0018")
    assert "usage-estimated" in receipt.warnings


async def test_a_transcript_without_a_count_is_counted_by_its_text(books):
    meter = begun(books, "gpt-4o-transcribe")
    call = hearing(meter, "gpt-4o-transcribe", "30")
    call.saw([TEXT])
    call.answered(None, None)

    receipt = await meter.settle("ok")

    assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == (300, 8)


@pytest.mark.parametrize(
    "absurd", [Usage(audio_input=665, audio_s=None), Usage(output_visible=2001), Usage(input_uncached=10**6)]
)
async def test_more_tokens_than_the_audio_can_have_are_not_believed(books, absurd):
    meter = begun(books, "gpt-4o-transcribe")
    hearing(meter, "gpt-4o-transcribe", "30").answered(absurd, None)

    receipt = await meter.settle("ok")

    assert receipt.usage.input_tokens == 300
    assert any(warning.startswith("usage-refused: more tokens than its") for warning in receipt.warnings)


def test_a_count_that_does_not_name_its_parts_is_of_audio():
    call = Call(CATALOGUE.find("gpt-4o-transcribe"), [], streamed=False, audio_s=Decimal(30))

    call.answered(Usage(input_uncached=301, output_visible=12), None)

    assert call.usage == Usage(audio_input=301, output_visible=12, audio_s=Decimal(30))


async def test_a_speech_is_owed_by_its_characters(books, folder):
    meter = begun(books, "tts-1")
    speaking(meter, "tts-1").answered(None, None)
    speaking(meter, "voxtral-tts").failed("timeout", "idle", accepted=True)

    receipt = await meter.settle("ok")

    costs = [call.cost_eur for call in receipt.calls]
    assert costs == [euros("0.000435"), Decimal("0.00029")]
    rows = query(folder, "SELECT audio_s, characters FROM ledger_calls ORDER BY seq")
    assert [tuple(row) for row in rows] == [(None, 29), (None, 29)]


async def test_a_speech_in_tokens_without_a_count_is_counted_by_its_sound_or_else_its_text(books):
    meter = begun(books, "gpt-4o-mini-tts")
    heard = speaking(meter, "gpt-4o-mini-tts")
    heard.sounded(2.5)
    heard.answered(None, None)
    speaking(meter, "gpt-4o-mini-tts")

    receipt = await meter.settle("client_gone")

    assert [call.tokens.audio_output for call in receipt.calls] == [50, 39]
    assert {call.tokens.input_uncached for call in receipt.calls} == {8}


async def test_more_tokens_than_a_text_can_have_are_not_believed_of_a_speech(books):
    meter = begun(books, "gpt-4o-mini-tts")
    most = most_input([TEXT])
    for read in (most, most + 1):
        speaking(meter, "gpt-4o-mini-tts").answered(Usage(input_uncached=read, audio_output=40), None)

    calls = (await meter.settle("ok")).calls

    assert [call.usage_source for call in calls] == ["provider", "estimated"]
    assert calls[0].cost_eur > calls[1].cost_eur


async def test_the_embedded_ones_cost_nothing_and_weigh_their_time(books):
    meter = begun(books, "whisper-base")
    hearing(meter, "whisper-base").answered(Usage(busy_s=0.0, output_visible=12), None)

    receipt = await meter.settle("ok")

    (call,) = receipt.calls
    assert (call.cost_eur, call.basis, call.usage_source) == (0, "measured_power", "provider")
    assert (call.audio_s, receipt.usage.total_tokens) == (Decimal("26.4"), 0)


@given(st.text(max_size=50), st.none() | st.integers(-5, 10**9))
def test_no_more_characters_are_owed_than_were_sent(text, counted):
    call = Call(CATALOGUE.find("tts-1"), [("user", text)], streamed=False, characters=len(text))

    call.answered(Usage(characters=counted), None)

    assert 0 <= call.usage.characters <= len(text)


def shown(receipt: Receipt) -> dict[str, object]:
    calls = json.decode(json.Encoder(decimal_format="number").encode(receipt))["calls"]
    assert set(calls[0]) == {field.encode_name for field in structs.fields(CallRow)}
    return calls[0]
