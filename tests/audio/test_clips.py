"""Spoken clips in every container, heard by the embedded model: word for word, with language and duration (2.4)."""

import pytest

from tests.gateway import Gateway, exact
from tests.http.accounts import Caller
from tests.http.sent import send
from tests.speech import ENGLISH, FRENCH, encoded, say, seconds_of, word_error_rate

SPOKEN = {"fr": FRENCH, "en": ENGLISH}
FORMATS = ["wav", "mp3", "m4a", "webm", "ogg", "flac"]


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("extension", FORMATS)
def test_clip_comes_back_word_for_word(embedded: Gateway, extension: str, language: str) -> None:
    pcm = say(SPOKEN[language], language)

    response = send(Caller(embedded, embedded.token()), encoded(pcm, extension), name=f"clip.{extension}")

    assert response.status_code == 200, response.text
    answer = response.json()
    assert word_error_rate(SPOKEN[language], answer["text"]) == 0, answer["text"]
    assert answer["language"] == language
    assert answer["duration"] == pytest.approx(seconds_of(pcm), abs=0.1)


def test_embedded_model_stands_in_and_says_so_at_its_own_price_and_footprint(embedded: Gateway) -> None:
    response = send(Caller(embedded, embedded.token()), encoded(say(FRENCH), "mp3"), query={"language": "fr"})

    answer = exact(response.text)
    metadata = answer["metadata"]
    assert (answer["model"], metadata["resolved_model"]) == ("whisper-1", "whisper-base")
    assert word_error_rate(FRENCH, answer["text"]) == 0
    assert any("whisper-base" in warning for warning in metadata["warnings"])
    assert metadata["pricing"]["total_cost"] == 0
    assert metadata["emissions_kgCO2eq"] > 0
    assert metadata["calls"][0]["basis"] == "measured_power"
    row = embedded.row(metadata["request_id"])
    assert row["emissions_kgCO2eq"] == metadata["emissions_kgCO2eq"]
