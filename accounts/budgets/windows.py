"""The days and calendar months of a time zone, as spans of UTC, right on the days when clocks change."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from accounts.errors import TimezoneUnknown

Every = Literal["day", "month"]
DAYS_TO_NEXT_MONTH = 32  # from a month's first day always into the next month
LONGEST_ECHO = 64
_SECOND = timedelta(seconds=1)
# Names that tzdata also holds and that mean another clock, or another one on each machine.
_NOT_ZONES = ("posix/", "right/", "localtime", "posixrules", "Factory")
_last: dict[tuple[str, str], "Window"] = {}


class Window(Struct, frozen=True):
    """From `opens_at`, included, to `closes_at`, excluded; both aware and in UTC."""

    opens_at: datetime
    closes_at: datetime


def window_at(moment: datetime, every: Every, timezone: str) -> Window:
    """Return the window that a moment lies in; windows of a zone follow each other without gap or overlap.

    Args:
        moment: Aware, of any zone.
        every: Calendar day or month.
        timezone: IANA name, such as Europe/Paris.

    Raises:
        TimezoneUnknown: There is no such zone.

    """
    # Asked for every request, nearly always for the same window as the request before.
    last = _last.get((every, timezone))
    if last is not None and last.opens_at <= moment < last.closes_at:
        return last
    window = _last[every, timezone] = _window(moment, every, zone_named(timezone))
    return window


def zone_named(timezone: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises:
        TimezoneUnknown: There is no such zone.

    """
    if timezone.startswith(_NOT_ZONES):
        raise TimezoneUnknown(timezone[:LONGEST_ECHO], param="timezone")
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as cause:
        raise TimezoneUnknown(timezone[:LONGEST_ECHO], param="timezone") from cause


def _window(moment: datetime, every: Every, zone: ZoneInfo) -> Window:
    day = moment.astimezone(zone).date()
    first = day if every == "day" else day.replace(day=1)
    following = _following(first, every)
    window = Window(_opening(first, zone), _opening(following, zone))
    # Clocks put back over midnight show the old date again, in a window that has opened already.
    while moment >= window.closes_at:
        following = _following(following, every)
        window = Window(window.closes_at, _opening(following, zone))
    return window


def _following(first: date, every: Every) -> date:
    if every == "day":
        return first + timedelta(days=1)
    return (first + timedelta(days=DAYS_TO_NEXT_MONTH)).replace(day=1)


def _opening(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day, or of the next that exists where clocks skip its midnight."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    instant = midnight.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    # Read with the clock of after the change, a skipped midnight lies before it; with the clock of before, not.
    before, after = midnight.replace(fold=1).astimezone(UTC), instant
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        before, after = (before, middle) if middle.astimezone(zone).date() >= day else (middle, after)
    return after
