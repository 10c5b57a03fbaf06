"""What an operator writes wrongly is told by name before anything starts, and never repeated when it is a secret."""

from pathlib import Path

import pytest

from pricing_tables.model import Model
from router.rows import catalogue_of, provider_rows
from router.settings import SettingsWrong, load_settings
from router.wiring import connect

PROVIDER = '[[provider]]\nname = "cluster"\nkind = "openai"\nbase_url = "http://127.0.0.1:8000/v1"\n'
MODEL = '[[model]]\nname = "{}"\naliases = ["{}"]\nprovider = "cluster"\nprice_of = "gpt-4o"\ncarbon = "unknown"\n'


def refusal(folder: Path, toml: str = "", **environ: str) -> str:
    (folder / "router.toml").write_text(toml)
    with pytest.raises(SettingsWrong) as wrong:
        models(folder, **environ)
    return str(wrong.value)


def models(folder: Path, **environ: str) -> list[Model]:
    settings = load_settings(environ, folder)
    rows = provider_rows(settings)
    connect(settings, rows, environ, None)
    return list(catalogue_of(settings, rows, None))


@pytest.mark.parametrize("key", ["sk-hidden\nx", "sk-hiddén", "sk hidden"], ids=repr)
def test_a_key_that_no_header_can_carry_is_named_and_not_shown(tmp_path: Path, key: str) -> None:
    told = refusal(tmp_path, OPENAI_API_KEY=key)

    assert told.startswith("OPENAI_API_KEY: ")
    assert "hidd" not in told


def test_a_key_of_router_toml_is_named_by_its_variable(tmp_path: Path) -> None:
    told = refusal(tmp_path, PROVIDER + 'api_key_env = "CLUSTER_KEY"', CLUSTER_KEY="hidden\r\nHost: x")

    assert told.startswith("CLUSTER_KEY: ")
    assert "hidden" not in told


ADDRESSES = [
    "http://",
    "http://host:99999/v1",
    "http://host:x",
    "http://host/v1?x=1",
    "http://u:hidden@host",
    "http://h/v 1",
]


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_that_cannot_be_called_is_named(tmp_path: Path, url: str) -> None:
    assert refusal(tmp_path, MISTRAL_BASE_URL=url).startswith("MISTRAL_BASE_URL: ")
    assert "provider cluster: base_url" in refusal(tmp_path, PROVIDER.replace("http://127.0.0.1:8000/v1", url))


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///:memory:", "sqlite:///books.db?mode=ro"])
def test_a_database_that_is_no_file_is_refused(tmp_path: Path, url: str) -> None:
    assert refusal(tmp_path, ROUTER_DATABASE_URL=url).startswith("ROUTER_DATABASE_URL: ")


@pytest.mark.parametrize("seconds", ["-1", "0", "nan", "inf"])
def test_a_time_limit_is_a_time(tmp_path: Path, seconds: str) -> None:
    assert "timeouts.idle" in refusal(tmp_path, f"{PROVIDER}[provider.timeouts]\nidle = {seconds}")


@pytest.mark.parametrize("names", [("auto", "a"), ("a", "auto"), ("", "a"), ("a", "")], ids=str)
def test_a_model_that_nobody_could_ask_for_is_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    assert refusal(tmp_path, PROVIDER + MODEL.format(*names)).startswith("model ")


def test_fractions_of_seconds_and_of_pue_are_read(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_text(
        f"{PROVIDER}pue = 1.2\n[provider.timeouts]\nconnect = 2.5\n{MODEL.format('a', 'b')}"
    )

    assert models(tmp_path)[-1].pue == 1.2


MAIL = [
    ({"ROUTER_SMTP_URL": "smtp://u:hidden@h:port", "ROUTER_MAIL_FROM": "a@example.org"}, "ROUTER_SMTP_URL: "),
    ({"ROUTER_SMTP_URL": "smtps://u:hidden@h"}, "ROUTER_MAIL_FROM: required"),
    ({"ROUTER_SMTP_URL": "smtp://h", "ROUTER_MAIL_FROM": "nobody\r\nBcc: hidden@h"}, "ROUTER_MAIL_FROM: is no address"),
]


@pytest.mark.parametrize(("environ", "begins"), MAIL)
def test_a_mail_server_that_cannot_be_used_is_named_and_its_password_is_not(
    tmp_path: Path, environ: dict[str, str], begins: str
) -> None:
    told = refusal(tmp_path, **environ)

    assert told.startswith(begins)
    assert "hidden" not in told


VALKEYS = [
    "localhost:6379",
    "http://localhost:6379",
    "valkey://",
    "valkey://:hidden@host:x",
    "valkey://u:hidden@host:6379/main",
    "redis://:hidden@host/0?ssl=1",
    "valkey://:hidden @host",
]


@pytest.mark.parametrize("url", VALKEYS)
def test_an_address_that_is_no_valkeys_is_named_without_its_password(tmp_path: Path, url: str) -> None:
    told = refusal(tmp_path, ROUTER_VALKEY_URL=url)

    assert told.startswith("ROUTER_VALKEY_URL: ")
    assert "hidden" not in told


@pytest.mark.parametrize(
    "url", ["valkey://host", "valkeys://u:p%40ss@host:6380/2", "redis://[::1]:6379/0", "rediss://h"]
)
def test_an_address_of_a_valkey_is_taken(tmp_path: Path, url: str) -> None:
    assert load_settings({"ROUTER_VALKEY_URL": url}, tmp_path).valkey_url == url


@pytest.mark.parametrize("name", ["ROUTER_DEFAULT_RPM", "ROUTER_DEFAULT_TPM"])
def test_default_limits_are_whole_numbers_of_a_sensible_size(tmp_path: Path, name: str) -> None:
    for wrong in ("0", "-1", "1.5", "many", "1000000001"):
        assert refusal(tmp_path, **{name: wrong}).startswith(f"{name}: ")
    settings = load_settings({name: "500"}, tmp_path)
    assert {settings.default_rpm, settings.default_tpm} == {500, None}
