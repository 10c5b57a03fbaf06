"""Which embedded models run beside a vendor's key (C-6)."""

from contextlib import ExitStack

import pytest

from agents.local import embeddings, hearing, speaking
from agents.local.fetch import installed_whisper
from agents.local.shelf import default_models_dir
from router.rows import LocalEndpoint
from router.serving import start_local
from router.settings import Settings

pytestmark = pytest.mark.skipif(
    not (embeddings.installed() and speaking.installed() and installed_whisper(default_models_dir())),
    reason="the embedded models are not on this machine: `make setup` fetches them",
)


def served(**settings: str) -> LocalEndpoint | None:
    with ExitStack() as stack:
        return start_local(Settings(**settings), stack)


def audio(local: LocalEndpoint | None) -> tuple[str | None, str | None]:
    assert local is not None
    return local.transcription, local.speech


def test_openai_hears_and_speaks_so_nothing_embedded_does():
    local = served(openai_api_key="sk-test")

    assert audio(local) == (None, None)
    assert (local.model, local.embeddings) == (None, embeddings.MODEL)


def test_mistral_hears_and_speaks_so_nothing_embedded_does():
    assert audio(served(mistral_api_key="test")) == (None, None)


def test_what_a_setting_names_is_served_beside_any_key():
    named = {"transcription_model": hearing.MODEL, "speech_model": speaking.MODEL}

    assert audio(served(openai_api_key="sk-test", **named)) == (hearing.MODEL, speaking.MODEL)
    assert audio(served(openai_api_key="sk-test", meeting_model=hearing.MODEL)) == (hearing.MODEL, None)


def test_without_the_weights_the_rest_is_served(tmp_path):
    local = served(mistral_api_key="test", models_dir=tmp_path, transcription_model=hearing.MODEL)

    assert audio(local) == (None, None)
    assert local.embeddings == embeddings.MODEL


def test_off_is_off():
    assert served(local="off", speech_model=speaking.MODEL) is None
