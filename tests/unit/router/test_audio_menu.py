"""Which model hears, speaks and writes minutes: the one that is named, else one that can be called."""

from pathlib import Path

import pytest

from agents.errors import ModelUnavailable
from router.audio_menu import missing_kinds
from router.errors import Refused
from router.rows import LocalEndpoint
from router.settings import SettingsWrong, load_settings
from router.wiring import House, build

LOCAL = LocalEndpoint("http://127.0.0.1:9/v1", "key", "smollm2-135m-instruct", None, "whisper-base", "pico")
PRODUCTION = {"ROUTER_ENVIRONMENT": "production", "ROUTER_JWT_SECRET": "s3cr3t-of-thirty-two-bytes-and-more-0123"}
OWN = """
[[provider]]
name = "cluster"
kind = "openai"
base_url = "http://127.0.0.1:8000/v1"

[[model]]
name = "whisper-cluster"
provider = "cluster"
kind = "transcription"
carbon = "unknown"
max_audio_s = 300
price = { currency = "EUR", audio_minute = 0.001 }
"""


def house(folder: Path, local: LocalEndpoint | None = None, toml: str = "", **environ: str) -> House:
    (folder / "router.toml").write_text(toml)
    given = environ | {"ROUTER_DATA_DIR": str(folder)}
    return build(load_settings(given, folder), given, local)


def refusal(folder: Path, local: LocalEndpoint | None = None, **environ: str) -> str:
    with pytest.raises(SettingsWrong) as wrong:
        house(folder, local, **environ)
    return str(wrong.value)


def test_with_the_key_of_its_vendor_the_model_asked_for_answers(tmp_path: Path) -> None:
    audio = house(tmp_path, OPENAI_API_KEY="sk-ours").audio

    heard, met, spoken = audio.transcription("whisper-1"), audio.meeting(), audio.speech("gpt-4o-mini-tts")

    assert [choice.model.name for choice in (heard, met, spoken)] == [
        "whisper-1",
        "gpt-4o-transcribe",
        "gpt-4o-mini-tts",
    ]
    assert (heard.warning, met.warning, spoken.warning) == (None, None, None)


@pytest.mark.parametrize("name", ["whisper-1", "gpt-4o-transcribe", "voxtral-mini-latest"])
def test_in_development_without_any_key_the_embedded_ones_stand_in_and_say_so(tmp_path: Path, name: str) -> None:
    audio = house(tmp_path, LOCAL).audio

    heard, spoken = audio.transcription(name), audio.speech("tts-1")

    assert (heard.shown, heard.asked.name, heard.model.name) == (name, name, "whisper-base")
    assert heard.warning is not None
    assert heard.warning.startswith("stand-in: answered by whisper-base")
    assert (spoken.shown, spoken.model.name) == ("tts-1", "pico")


def test_a_name_without_a_key_says_what_to_set(tmp_path: Path) -> None:
    audio = house(tmp_path, MISTRAL_API_KEY="ours").audio

    with pytest.raises(ModelUnavailable, match="gpt-4o-mini-transcribe, définissez OPENAI_API_KEY"):
        audio.transcription("gpt-4o-mini-transcribe")


def test_a_default_without_a_key_is_answered_by_the_vendor_that_has_one(tmp_path: Path) -> None:
    audio = house(tmp_path, LOCAL, MISTRAL_API_KEY="ours").audio

    heard, spoken, minutes = audio.transcription(), audio.speech(), audio.minutes()

    assert (heard.shown, heard.model.name) == ("whisper-1", "voxtral-mini-latest")
    assert audio.meeting().model.name == "voxtral-mini-latest"
    assert (spoken.shown, spoken.model.name) == ("gpt-4o-mini-tts", "voxtral-mini-tts-latest")
    assert (minutes.shown, minutes.model.name) == ("gpt-4o", "mistral-large-latest")
    assert (
        heard.warning
        == "instead: answered by voxtral-mini-latest, because whisper-1 has no key and is only the default"
    )


def test_in_production_without_a_key_the_embedded_ones_answer_for_the_defaults_alone(tmp_path: Path) -> None:
    audio = house(tmp_path, LOCAL, **PRODUCTION).audio

    assert audio.transcription().model.name == "whisper-base"
    assert audio.speech().model.name == "pico"
    with pytest.raises(ModelUnavailable):
        audio.transcription("voxtral-mini-latest")


def test_without_a_key_and_without_embedded_models_nobody_answers(tmp_path: Path) -> None:
    audio = house(tmp_path).audio

    for choose in (audio.transcription, audio.meeting, audio.speech, audio.minutes):
        with pytest.raises(ModelUnavailable, match="OPENAI_API_KEY"):
            choose()


def test_a_model_of_router_toml_answers_under_its_name(tmp_path: Path) -> None:
    own = house(tmp_path, toml=OWN, OPENAI_API_KEY="sk-ours", ROUTER_TRANSCRIPTION_MODEL="whisper-cluster")

    heard = own.audio.transcription()

    assert (heard.model.canonical, heard.model.max_audio_s) == ("cluster/whisper-cluster", 300)
    assert "whisper-cluster" not in [row.model.name for row in own.menu.rows()]


def test_another_kind_of_model_is_not_found_and_those_there_are_are_told(tmp_path: Path) -> None:
    audio = house(tmp_path, OPENAI_API_KEY="sk-ours").audio

    for name in ("tts-1", "gpt-4o", "whisper-9"):
        with pytest.raises(Refused, match="model_not_found") as refused:
            audio.transcription(name)
        assert "whisper-1, gpt-4o-transcribe" in str(refused.value.reason)


@pytest.mark.parametrize(
    ("setting", "name", "told"),
    [
        ("ROUTER_TRANSCRIPTION_MODEL", "whisper-9", "is not served here; name one of whisper-1"),
        ("ROUTER_TRANSCRIPTION_MODEL", "whisper-base", "ROUTER_LOCAL"),
        ("ROUTER_MEETING_MODEL", "gpt-4o", "is a model of kind chat"),
        ("ROUTER_SPEECH_MODEL", "whisper-1", "is a model of kind transcription"),
        ("ROUTER_MINUTES_MODEL", "whisper-1", "is no chat model"),
    ],
)
def test_a_setting_that_names_no_such_model_refuses_the_start(
    tmp_path: Path, setting: str, name: str, told: str
) -> None:
    wrong = refusal(tmp_path, OPENAI_API_KEY="sk-ours", **{setting: name})

    assert wrong.startswith(f"{setting}: {name} ")
    assert told in wrong


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    wrong = refusal(tmp_path, ROUTER_SPEECH_MODEL="none", ROUTER_MINUTES_MODEL="none")

    assert [line.partition(":")[0] for line in wrong.splitlines()] == ["ROUTER_SPEECH_MODEL", "ROUTER_MINUTES_MODEL"]


@pytest.mark.parametrize(
    ("toml", "environ", "missing"),
    [
        ("", {}, {"transcription", "speech"}),
        ("", {"OPENAI_API_KEY": "sk-ours"}, set()),
        ("", {"MISTRAL_API_KEY": "ours"}, set()),
        ("", {"OPENAI_API_KEY": "sk-ours", "ROUTER_TRANSCRIPTION_MODEL": "whisper-base"}, {"transcription"}),
        (OWN, {}, {"speech"}),
    ],
)
def test_the_embedded_models_are_needed_for_what_nobody_else_can_do(
    tmp_path: Path, toml: str, environ: dict[str, str], missing: set[str]
) -> None:
    (tmp_path / "router.toml").write_text(toml)

    assert missing_kinds(load_settings(environ, tmp_path), environ) == missing
