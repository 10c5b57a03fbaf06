"""One frozen settings object from the environment, `.env` and `router.toml`; anything wrong refuses to start."""

import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from dotenv import dotenv_values
from msgspec import Meta, Struct

from accounts.alerts.relay import relay_of, sender_of
from accounts.errors import RelayWrong
from router.locality import is_loopback_host
from router.realtime.ice import ice_fault
from router.realtime.origin import origins_fault
from router.secrets import too_short, weakness
from storage.database import check_url
from storage.errors import DatabaseUnsupported

Port = Annotated[int, Meta(ge=0, le=65535)]
PerMinute = Annotated[int, Meta(ge=1, le=1_000_000_000)]
PREFIX = "ROUTER_"
VENDOR_NAMES = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MISTRAL_API_KEY", "MISTRAL_BASE_URL")
VALKEY_SCHEMES = frozenset({"valkey", "valkeys", "redis", "rediss"})
TABLES = ("provider", "model")  # the arrays of router.toml that are rows, not settings


class SettingsWrong(Exception):
    """The settings do not allow a start; one line for each thing to mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that can be set (C-3), already checked; `rows` are the providers and models of router.toml."""

    host: str = "127.0.0.1"
    port: Port = 7860
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    environment: Literal["development", "production"] = "development"
    config: Path | None = None
    data_dir: Path = Path("data")
    models_dir: Path | None = None
    jwt_secret: str | None = None
    jwt_keys: str | None = None
    database_url: str | None = None
    valkey_url: str | None = None
    default_rpm: PerMinute | None = None
    default_tpm: PerMinute | None = None
    admin_key: str | None = None
    key_pepper: str | None = None
    local: Literal["auto", "on", "off"] = "auto"
    local_gguf: Path | None = None
    local_watts: Annotated[float, Meta(gt=0, le=100_000)] = 65.0
    local_zone: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = "FRA"
    metrics_token: str | None = None
    v1_planner: str | None = None
    v1_check: Literal["on", "off"] = "off"
    embeddings_model: str | None = None
    document_max_mb: Annotated[int, Meta(ge=1, le=1000)] = 25
    document_max_passages: Annotated[int, Meta(ge=1, le=100_000)] = 5_000
    project_max_documents: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    transcription_model: str = "whisper-1"
    meeting_model: str = "gpt-4o-transcribe"
    minutes_model: str = "gpt-4o"
    speech_model: str = "gpt-4o-mini-tts"
    prompt_tools_model: str | None = None
    require_beta: bool = False
    origins: str | None = None
    ice_servers: str | None = None
    realtime_max_sessions: Annotated[int, Meta(ge=1, le=10_000)] = 200
    realtime_session_minutes: Annotated[int, Meta(ge=1, le=1440)] = 60
    max_output_tokens: Annotated[int, Meta(ge=1)] = 4096
    timezone: str = "Europe/Paris"
    smtp_url: str | None = None
    mail_from: str | None = None
    openai_api_key: str | None = None
    openai_base_url: str = "https://api.openai.com/v1"
    mistral_api_key: str | None = None
    mistral_base_url: str = "https://api.mistral.ai/v1"
    rows: dict[str, Any] = {}

    @property
    def development(self) -> bool:
        """Whether anonymous tokens and stand-ins are allowed."""
        return self.environment == "development"


def setting_name(field: str) -> str:
    """Return the environment's name of a field: vendors' own names as they are, ours with the prefix."""
    upper = field.upper()
    return upper if upper in VENDOR_NAMES else PREFIX + upper


FIELDS = {setting_name(field.name): field for field in msgspec.structs.fields(Settings) if field.name != "rows"}


def load_settings(environ: Mapping[str, str], folder: Path, **given: str) -> Settings:
    """Read every source and return the settings.

    Args:
        environ: The process's environment; it wins over `.env`, which wins over `router.toml`.
        folder: Where `.env` and `router.toml` are looked for.
        given: Values of the command line by field name; they win over all.

    Raises:
        SettingsWrong: With every problem found, each naming its setting and the mend.

    """
    dotenv = {name: value for name, value in dotenv_values(folder / ".env").items() if value is not None}
    wanted = {**dotenv, **environ}
    table = _read_config(wanted.get("ROUTER_CONFIG"), folder)
    rows = {name: table.pop(name) for name in TABLES if name in table}
    raw = {_toml_name(name): value for name, value in table.items()}
    raw |= {name: value for name, value in wanted.items() if name.startswith(PREFIX) or name in VENDOR_NAMES}
    raw |= {setting_name(field): value for field, value in given.items()}
    settings, problems = _convert({name: value for name, value in raw.items() if value != ""})
    problems = problems or _contradictions(settings)
    if problems:
        raise SettingsWrong(problems)
    return msgspec.structs.replace(settings, rows=rows)


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment with `.env` beneath it: where `api_key_env` names are looked up."""
    dotenv = {name: value for name, value in dotenv_values(folder / ".env").items() if value is not None}
    return {**dotenv, **os.environ}


def _read_config(named: str | None, folder: Path) -> dict[str, Any]:
    path = Path(named) if named else folder / "router.toml"
    if not named and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except OSError as cause:
        raise SettingsWrong([f"ROUTER_CONFIG: {path} cannot be read; name a readable file or unset it"]) from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise SettingsWrong([f"ROUTER_CONFIG: {path.name} is not valid TOML: {cause}"]) from cause


def _toml_name(name: str) -> str:
    return name if name in FIELDS else setting_name(name)


def _convert(raw: dict[str, Any]) -> tuple[Settings, list[str]]:
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in raw.items():
        field = FIELDS.get(name)
        if field is None:
            problems.append(f"{name}: no such setting; see `router serve --help` or the README for the list")
        else:
            try:
                values[field.name] = msgspec.convert(value, field.type, strict=False, dec_hook=_to_path)
            except msgspec.ValidationError as cause:
                problems.append(f"{name}: {cause}")
    return (Settings(**values) if not problems else Settings()), problems


def _to_path(wanted: type, value: object) -> Path:
    if wanted is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise NotImplementedError


def _contradictions(settings: Settings) -> list[str]:
    problems = _secret_problems(settings)
    if settings.development and not is_loopback_host(settings.host):
        problems.append(
            f"ROUTER_HOST: {settings.host} is reachable from outside, and development hands tokens to anyone; "
            "bind 127.0.0.1, or set ROUTER_ENVIRONMENT=production and a ROUTER_JWT_SECRET"
        )
    try:
        check_url(settings.database_url or "sqlite:///default")
    except DatabaseUnsupported as cause:
        problems.append(f"ROUTER_DATABASE_URL: {str(cause).removeprefix('ROUTER_DATABASE_URL ')}")
    if settings.valkey_url and (fault := valkey_fault(settings.valkey_url)):
        problems.append(f"ROUTER_VALKEY_URL: {fault}")
    try:
        ZoneInfo(settings.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append("ROUTER_TIMEZONE: no such timezone; give an IANA name such as Europe/Paris")
    return problems + _mail_problems(settings) + _vendor_problems(settings)


def _mail_problems(settings: Settings) -> list[str]:
    problems: list[str] = []
    checks = {"ROUTER_SMTP_URL": (settings.smtp_url, relay_of), "ROUTER_MAIL_FROM": (settings.mail_from, sender_of)}
    for name, (text, check) in checks.items():
        try:
            if text is not None:
                check(text)
        except RelayWrong as wrong:
            problems.append(f"{name}: {wrong.detail}")
    if settings.smtp_url is not None and settings.mail_from is None:
        problems.append("ROUTER_MAIL_FROM: required with ROUTER_SMTP_URL; set the address that alerts are from")
    return problems


def _vendor_problems(settings: Settings) -> list[str]:
    stated = {
        "OPENAI_API_KEY": settings.openai_api_key and key_fault(settings.openai_api_key),
        "OPENAI_BASE_URL": address_fault(settings.openai_base_url),
        "MISTRAL_API_KEY": settings.mistral_api_key and key_fault(settings.mistral_api_key),
        "MISTRAL_BASE_URL": address_fault(settings.mistral_base_url),
        "ROUTER_ORIGINS": settings.origins and origins_fault(settings.origins),
        "ROUTER_ICE_SERVERS": settings.ice_servers and ice_fault(settings.ice_servers),
    }
    return [f"{name}: {fault}" for name, fault in stated.items() if fault]


def key_fault(key: str) -> str | None:
    """Return why no header can carry this key, and the mend; None when one can."""
    if key.isascii() and key.isprintable() and " " not in key:
        return None
    return "has characters that no header can carry; copy it again, without blanks and line ends"


def address_fault(url: str) -> str | None:
    """Return why nothing can be posted under this base URL, and the mend; None when it can."""
    mend = "write it as http://host:port/v1 or https://host/v1"
    if not url.isascii() or not url.isprintable() or " " in url:
        return f"is no address; {mend}"
    try:
        address = urlsplit(url)
        if address.scheme not in {"http", "https"} or not address.hostname or address.port == 0:
            return f"is no address; {mend}"
    except ValueError:
        return f"is no address; {mend}"
    return f"holds a user, a query or a fragment; {mend}" if {*"@?#"} & {*url} else None


def valkey_fault(url: str) -> str | None:
    """Return why no Valkey has this address, and the mend, without its password; None when one may."""
    fault = "is no address of a Valkey; write it as valkey://user:password@host:6379/0, or valkeys:// for TLS"
    try:
        address = urlsplit(url)
        named = address.scheme in VALKEY_SCHEMES and address.hostname and address.port != 0
    except ValueError:
        return fault
    database = address.path.removeprefix("/")
    sound = named and url.isprintable() and " " not in url and not (address.query or address.fragment)
    return None if sound and (not database or (database.isascii() and database.isdigit())) else fault


def _secret_problems(settings: Settings) -> list[str]:
    try:
        rotated = rotation_keys(settings.jwt_keys)
    except ValueError:
        return ["ROUTER_JWT_KEYS: write it as kid=secret,kid=secret"]
    secrets = {
        "ROUTER_JWT_SECRET": settings.jwt_secret,
        "ROUTER_KEY_PEPPER": settings.key_pepper,
        "ROUTER_ADMIN_KEY": settings.admin_key,
        "ROUTER_METRICS_TOKEN": settings.metrics_token,
    } | {f"ROUTER_JWT_KEYS: {kid}": secret for kid, secret in rotated.items()}
    stated = {name: secret for name, secret in secrets.items() if secret is not None}
    if settings.development:
        signing = {name: secret for name, secret in stated.items() if name.startswith("ROUTER_JWT")}
        return [f"{name}: {reason}" for name, secret in signing.items() if (reason := too_short(secret))]
    problems = [f"{name}: {reason}" for name, secret in stated.items() if (reason := weakness(secret))]
    if settings.jwt_secret is None:
        problems.append("ROUTER_JWT_SECRET: required in production; set at least 32 random bytes")
    return problems + _repeated(stated)


def _repeated(secrets: dict[str, str]) -> list[str]:
    first: dict[str, str] = {}
    return [
        f"{name}: repeats {first[secret]}; give each its own secret"
        for name, secret in secrets.items()
        if first.setdefault(secret, name) != name
    ]


def rotation_keys(text: str | None) -> dict[str, str]:
    """Split `kid=secret,…` into its pairs.

    Raises:
        ValueError: The text has another form.

    """
    if not text:
        return {}
    pairs = [item.strip().partition("=") for item in text.split(",")]
    if not all(kid and secret for kid, _, secret in pairs):
        raise ValueError(text)
    return {kid: secret for kid, _, secret in pairs}
