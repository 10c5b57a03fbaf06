from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.budgets.windows import Window, window_at
from accounts.errors import TimezoneUnknown

ZONES = (
    *("UTC", "Europe/Paris", "America/St_Johns", "Asia/Kathmandu", "America/Santiago", "Africa/Cairo"),
    *("America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "Pacific/Kiritimati"),
)
EARLIEST = datetime(1985, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(0), timedelta(days=75 * 365)).map(EARLIEST.__add__)
zones = st.sampled_from(ZONES)
kinds = st.sampled_from(("day", "month"))

# Worked out by hand from the rules of tzdata: (zone, a moment, opens, closes), all but the zone in UTC.
DAYS = [
    ("Europe/Paris", "2026-11-22T02:05", "2026-11-21T23:00", "2026-11-22T23:00"),
    ("Europe/Paris", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
    ("Europe/Paris", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
    ("America/St_Johns", "2026-03-08T12:00", "2026-03-08T03:30", "2026-03-09T02:30"),  # 23 hours, a half-hour zone
    ("Asia/Kathmandu", "2026-04-24T18:14", "2026-04-23T18:15", "2026-04-24T18:15"),  # 5:45 ahead
    ("America/Santiago", "2026-09-06T12:00", "2026-09-06T04:00", "2026-09-07T03:00"),  # opens at 01:00, no midnight
    ("Africa/Cairo", "2026-04-24T12:00", "2026-04-23T22:00", "2026-04-24T21:00"),  # opens at 01:00, no midnight
    ("America/Santiago", "2026-04-04T12:00", "2026-04-04T03:00", "2026-04-05T04:00"),  # 23:00 to 24:00 twice
    ("America/Havana", "2026-11-01T12:00", "2026-11-01T04:00", "2026-11-02T05:00"),  # 00:00 to 01:00 twice
    ("America/St_Johns", "2006-10-29T02:45", "2006-10-29T02:30", "2006-10-30T03:30"),  # 23:01 again after midnight
    ("Pacific/Apia", "2011-12-30T09:00", "2011-12-29T10:00", "2011-12-30T10:00"),  # the 30th did not exist there
    ("Pacific/Apia", "2011-12-30T11:00", "2011-12-30T10:00", "2011-12-31T10:00"),
    ("America/Toronto", "1919-03-31T12:00", "1919-03-31T04:30", "1919-04-01T04:00"),  # skipped 23:30 to 00:30
]
MONTHS = [
    ("Europe/Paris", "2026-10-31T23:30", "2026-10-31T23:00", "2026-11-30T23:00"),
    ("Europe/Paris", "2026-03-15T00:00", "2026-02-28T23:00", "2026-03-31T22:00"),  # an hour short
    ("Europe/Paris", "2026-12-31T23:00", "2026-12-31T23:00", "2027-01-31T23:00"),
    ("Asia/Kathmandu", "2028-02-29T18:14", "2028-01-31T18:15", "2028-02-29T18:15"),  # a leap day
    ("UTC", "2026-02-28T23:59", "2026-02-01T00:00", "2026-03-01T00:00"),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("zone", "moment", "opens", "closes"), DAYS)
def test_a_day_is_as_long_as_its_clocks_make_it(zone, moment, opens, closes):
    assert window_at(utc(moment), "day", zone) == Window(utc(opens), utc(closes))


@pytest.mark.parametrize(("zone", "moment", "opens", "closes"), MONTHS)
def test_a_month_is_that_of_the_calendar_of_its_zone(zone, moment, opens, closes):
    assert window_at(utc(moment), "month", zone) == Window(utc(opens), utc(closes))


@given(moment=moments, every=kinds, zone=zones)
@example(moment=datetime(2006, 10, 29, 2, 45, tzinfo=UTC), every="day", zone="America/St_Johns")
@example(moment=datetime(2011, 12, 30, 9, 59, tzinfo=UTC), every="day", zone="Pacific/Apia")
def test_windows_follow_each_other_without_gap_or_overlap(moment, every, zone):
    window = window_at(moment, every, zone)

    following = window_at(window.closes_at, every, zone)
    previous = window_at(window.opens_at - timedelta(microseconds=1), every, zone)

    assert window.opens_at <= moment < window.closes_at
    assert following.opens_at == window.closes_at
    assert previous.closes_at == window.opens_at


@given(moment=moments, zone=zones)
def test_a_day_opens_at_the_first_instant_that_shows_its_date_or_a_later_one(moment, zone):
    opens = window_at(moment, "day", zone).opens_at
    shown = opens.astimezone(ZoneInfo(zone)).date()

    just_before = (opens - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()

    assert just_before < shown


@given(moment=moments, zone=zones)
def test_a_month_opens_with_its_first_day(moment, zone):
    month = window_at(moment, "month", zone)

    assert window_at(month.opens_at, "day", zone).opens_at == month.opens_at
    assert month.opens_at.astimezone(ZoneInfo(zone)).date().day == 1
    assert timedelta(days=27, hours=22) < month.closes_at - month.opens_at < timedelta(days=31, hours=2)


@given(day=st.dates(date(1985, 1, 1), date(2060, 1, 1)), zone=zones)
def test_where_midnight_exists_the_day_opens_at_it(day, zone):
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    exists = midnight.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == midnight.replace(tzinfo=None)

    opens = window_at(midnight, "day", zone).opens_at

    assert not exists or opens == midnight.astimezone(UTC)


def test_the_same_window_is_remembered():
    first = window_at(utc("2026-11-22T02:05"), "day", "Europe/Paris")

    assert window_at(utc("2026-11-22T12:05"), "day", "Europe/Paris") is first


@pytest.mark.parametrize(
    "name",
    ["", "Europe/Nowhere", "Paris", "Europe", "../etc/passwd", "/etc/localtime", "right/UTC", "localtime", "a\0b"],
)
def test_a_zone_that_does_not_exist_is_refused_by_its_field(name):
    with pytest.raises(TimezoneUnknown) as refusal:
        window_at(utc("2026-11-22T02:05"), "day", name)

    assert refusal.value.param == "timezone"
