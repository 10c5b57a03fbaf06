"""What a report is asked, and the lines it answers with."""

from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from metering.hours import Sums

Column = Literal["project_id", "key_id", "subject", "model", "resolved_model", "method", "basis", "zone", "exchange"]
Amount = Literal[
    "cost_eur",
    "input_eur",
    "output_eur",
    "emissions_kg",
    "emissions_min_kg",
    "emissions_max_kg",
    "embodied_kg",
    "energy_kwh",
    "water_liters",
    "audio_s",
]
Width = Literal["1m", "1h", "1d"]

EURO: tuple[Amount, ...] = ("cost_eur",)
SPLIT_EURO: tuple[Amount, ...] = ("cost_eur", "input_eur", "output_eur")
CARBON: tuple[Amount, ...] = (
    *("emissions_kg", "emissions_min_kg", "emissions_max_kg", "embodied_kg", "energy_kwh", "water_liters"),
)
SECONDS_HEARD: tuple[Amount, ...] = ("audio_s",)
EVER = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


class Question(Struct, frozen=True, kw_only=True):
    """What is asked: requests let in from `start` on and before `end`, both UTC and within EVER and FOREVER.

    `width` cuts them into buckets aligned in UTC, None into none. Each filter takes all where it is None; `not_models`
    leaves out requests that asked for one of these, but for those that another model answered in the end. `model` is
    the one that was asked for, `resolved_model` the one that answered.
    """

    start: datetime
    end: datetime
    width: Width | None = None
    by: tuple[Column, ...] = ()
    amounts: tuple[Amount, ...] = ()
    projects: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    subjects: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    not_models: tuple[str, ...] | None = None


class Line(Struct, frozen=True):
    """The figures of one group in one bucket; of the decimals, those that were asked.

    `opens_at` is when the bucket begins, which may be before the question does; None where nothing was cut. `group`
    has a value for each column of the question, None where the requests have none.
    """

    opens_at: datetime | None
    group: tuple[str | None, ...]
    sums: Sums
