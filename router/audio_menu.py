"""Which model hears or speaks under a name, what stands in for it, and who writes minutes."""

from collections.abc import Mapping
from typing import Literal

from agents.errors import ModelUnavailable
from agents.providers.switchboard import Switchboard
from pricing_tables.catalogue import Catalogue
from pricing_tables.model import Kind, Model
from router.errors import Refused
from router.menu import STAND_IN, Choice, Menu
from router.rows import LocalEndpoint, catalogue_of, credentials, provider_rows
from router.settings import FIELDS, Settings, SettingsWrong

AudioKind = Literal["transcription", "speech"]
INSTEAD = "instead: answered by {name}, because {asked} has no key and is only the default"
LISTED: dict[AudioKind, str] = {"transcription": "modèles de transcription", "speech": "modèles de voix"}

# Which settings name a model of which kind.
NAMING: dict[str, AudioKind] = {
    "ROUTER_TRANSCRIPTION_MODEL": "transcription",
    "ROUTER_MEETING_MODEL": "transcription",
    "ROUTER_SPEECH_MODEL": "speech",
}
MINUTES = "ROUTER_MINUTES_MODEL"


class AudioMenu:
    """Chooses models that hear and speak by name, and the chat model that writes minutes.

    A name that only the defaults of the settings hold, and that has no key, is answered by another model that can
    be called: of a vendor first, else the embedded one.

    Args:
        catalogue: Every configured model.
        switchboard: Knows which providers can be called.
        mends: What to set, by the name of a provider that cannot be called.
        settings: They name the models that are taken when nobody names one.
        menu: Of the chat models.
        stand_ins: The embedded models that answer without any provider key; none outside development.

    Raises:
        SettingsWrong: A setting names a model that is none, or of another kind.

    """

    def __init__(
        self,
        catalogue: Catalogue,
        switchboard: Switchboard,
        mends: Mapping[str, str],
        settings: Settings,
        menu: Menu,
        stand_ins: Mapping[AudioKind, Model],
    ) -> None:
        self._catalogue = catalogue
        self._switchboard = switchboard
        self._mends = mends
        self._settings = settings
        self._menu = menu
        self._stand_ins = stand_ins
        self._check()

    def transcription(self, name: str | None = None) -> Choice:
        """Return who transcribes under `name`, ROUTER_TRANSCRIPTION_MODEL without one.

        Raises:
            Refused: `model_not_found`.
            ModelUnavailable: Its provider has no key; the text says what to set.

        """
        return self._choose("transcription", name or self._settings.transcription_model)

    def meeting(self) -> Choice:
        """Return who transcribes meetings.

        Raises:
            ModelUnavailable: As `transcription`.

        """
        return self._choose("transcription", self._settings.meeting_model)

    def speech(self, name: str | None = None) -> Choice:
        """Return who speaks under `name`, ROUTER_SPEECH_MODEL without one.

        Raises:
            Refused: `model_not_found`.
            ModelUnavailable: As `transcription`.

        """
        return self._choose("speech", name or self._settings.speech_model)

    def minutes(self) -> Choice:
        """Return the chat model that writes minutes; where the default has no key, the first that has one.

        Raises:
            ModelUnavailable: No chat model can be called.

        """
        named = self._settings.minutes_model
        try:
            return self._menu.choose(named)
        except ModelUnavailable:
            asked = self._catalogue.find(named)
            if asked is None or named != FIELDS[MINUTES].default:
                raise
        first = next((row.model for row in self._menu.rows() if self._switchboard.available(row.model)), None)
        if first is None:
            raise self._unavailable(named, asked)
        return Choice(named, asked, first, INSTEAD.format(name=first.name, asked=named))

    def _choose(self, kind: AudioKind, name: str) -> Choice:
        asked = self._catalogue.find(name)
        if asked is None or asked.kind != kind:
            names = ", ".join(_names(self._catalogue, kind))
            raise Refused("model_not_found", f"{LISTED[kind]} : {names}", param="model")
        if self._switchboard.available(asked):
            return Choice(name, asked, asked)
        stand_in = self._stand_ins.get(kind)
        if stand_in is not None:
            return Choice(name, asked, stand_in, STAND_IN.format(name=stand_in.name))
        instead = self._instead(kind) if name in self._defaults(kind) else None
        if instead is None:
            raise self._unavailable(name, asked)
        return Choice(name, asked, instead, INSTEAD.format(name=instead.name, asked=name))

    def _unavailable(self, name: str, model: Model) -> ModelUnavailable:
        return ModelUnavailable(f"{name}, définissez {self._mends[model.provider]}")

    def _instead(self, kind: AudioKind) -> Model | None:
        """Return the first model that can be called, the embedded ones last."""
        callable_ones = [model for model in _of_kind(self._catalogue, kind) if self._switchboard.available(model)]
        return min(callable_ones, key=lambda model: model.embedded, default=None)

    def _defaults(self, kind: AudioKind) -> set[str]:
        """Return the names that settings have of themselves."""
        fields = (FIELDS[setting] for setting, named in NAMING.items() if named == kind)
        return {field.default for field in fields if getattr(self._settings, field.name) == field.default}

    def _check(self) -> None:
        problems = [
            fault
            for setting, kind in NAMING.items()
            if (fault := _fault(self._catalogue, self._settings, setting, kind))
        ]
        try:
            self._menu.choose(self._settings.minutes_model)
        except Refused:
            problems.append(
                f"{MINUTES}: {self._settings.minutes_model} is no chat model that is served here; "
                f"name one of {', '.join(row.model.name for row in self._menu.rows())}"
            )
        except ModelUnavailable:
            pass  # told to whoever asks, as for every model without a key
        if problems:
            raise SettingsWrong(problems)


def stand_ins(catalogue: Catalogue, local: LocalEndpoint | None) -> dict[AudioKind, Model]:
    """Return the embedded models that hear and speak where they run, by kind."""
    found: dict[AudioKind, Model] = {}
    if local is not None:
        served: dict[AudioKind, str | None] = {"transcription": local.transcription, "speech": local.speech}
        for kind, name in served.items():
            model = None if name is None else catalogue.find(name)
            if model is not None:
                found[kind] = model
    return found


def missing_kinds(settings: Settings, environ: Mapping[str, str]) -> frozenset[AudioKind]:
    """Return which kinds nobody can do but the embedded models, or are left to them by a setting's name.

    Raises:
        SettingsWrong: A provider or model of router.toml is not as it must be.

    """
    rows = provider_rows(settings)
    catalogue = catalogue_of(settings, rows, None)
    keyless = {name for name, each in credentials(settings, rows, environ).items() if each.key is None}
    done = {model.kind for model in catalogue if model.provider not in keyless}
    # Without them in the catalogue, a name that is unknown is theirs, or will refuse the start.
    left = {kind for setting, kind in NAMING.items() if catalogue.find(getattr(settings, FIELDS[setting].name)) is None}
    kinds: tuple[AudioKind, ...] = ("transcription", "speech")
    return frozenset(kind for kind in kinds if kind in left or kind not in done)


def _fault(catalogue: Catalogue, settings: Settings, setting: str, kind: AudioKind) -> str | None:
    named = getattr(settings, FIELDS[setting].name)
    model = catalogue.find(named)
    if model is not None and model.kind == kind:
        return None
    told = "is not served here" if model is None else f"is a model of kind {model.kind}"
    return (
        f"{setting}: {named} {told}; name one of {', '.join(_names(catalogue, kind))}, or add a [[model]] row of kind "
        f"{kind} to router.toml; the embedded one needs the `local` extra and ROUTER_LOCAL other than off"
    )


def _of_kind(catalogue: Catalogue, kind: Kind) -> list[Model]:
    return [model for model in catalogue if model.kind == kind]


def _names(catalogue: Catalogue, kind: Kind) -> list[str]:
    return [model.name for model in _of_kind(catalogue, kind)]
