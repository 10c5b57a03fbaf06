"""What a report is asked over HTTP: both spellings of a list, buckets aligned in UTC, pages (6.2, T-5)."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from urllib.parse import parse_qsl

from msgspec import Struct, structs

from metering.question import EVER, FOREVER, Amount, Column, Question, Width
from router.errors import Refused

SECONDS: dict[Width, int] = {"1m": 60, "1h": 3600, "1d": 86400}
USAGE_LIMITS: dict[Width, tuple[int, int]] = {"1m": (60, 1440), "1h": (24, 168), "1d": (7, 31)}
COST_LIMITS: dict[Width, tuple[int, int]] = {"1d": (7, 180)}
COLUMNS: dict[str, Column] = {
    "project_id": "project_id",
    "user_id": "subject",
    "api_key_id": "key_id",
    "model": "model",
    "method": "method",
    "basis": "basis",
    "zone": "zone",
}
MOST_VALUES = 1000  # of one filter
DIGEST_LETTERS = 16
LONGEST_NUMBER = 12  # digits: a time of FOREVER has 12


class Form(Struct, frozen=True, kw_only=True):
    """What one report takes.

    Args:
        limits: For each bucket width, how many buckets come in a page when nothing is said, and at most.
        lists: Parameters that may be given several times, with `[]` behind their name, or with commas.
        groups: What `group_by` may name.
        switches: Further parameters of one value each.

    """

    limits: Mapping[Width, tuple[int, int]]
    lists: frozenset[str]
    groups: tuple[str, ...]
    switches: frozenset[str] = frozenset()


class Asked(Struct, frozen=True, kw_only=True):
    """A report that can be made: `starts` are the buckets of its page, `next_page` names what follows."""

    question: Question
    starts: list[datetime]
    seconds: int
    next_page: str | None
    group_by: tuple[str, ...]
    lists: Mapping[str, tuple[str, ...]]
    switches: Mapping[str, str]


class Given(Struct, frozen=True):
    """The parameters of a query, sorted into lists and single values."""

    lists: dict[str, tuple[str, ...]]
    single: dict[str, str]


def asked(query: bytes, form: Form) -> Asked:
    """Return what a query asks.

    Raises:
        Refused: `invalid_request`, naming the parameter.

    """
    given = _given(query, form)
    width = _width(given, form)
    start, end, first, count = _span(given, SECONDS[width])
    seconds = timedelta(seconds=SECONDS[width])
    limit = _limit(given, *form.limits[width])
    digest = _digest(given)
    skipped = _skipped(given, digest, count)
    starts = [first + index * seconds for index in range(skipped, min(skipped + limit, count))]
    following = skipped + limit
    group_by = _group_by(given, form)
    question = Question(
        start=max(start, starts[0]),
        end=min(end, starts[-1] + seconds),
        width=width,
        by=tuple(COLUMNS[name] for name in group_by if name in COLUMNS),
        projects=given.lists.get("project_ids"),
        keys=given.lists.get("api_key_ids"),
        subjects=given.lists.get("user_ids"),
        models=given.lists.get("models"),
    )
    return Asked(
        question=question,
        starts=starts,
        seconds=SECONDS[width],
        next_page=_page(following, digest) if following < count else None,
        group_by=group_by,
        lists=given.lists,
        switches={name: given.single[name] for name in form.switches if name in given.single},
    )


def every_page(query: bytes, form: Form) -> Iterator[Asked]:
    """Yield all pages of a query, one after the other, of as many buckets as a page may have.

    Raises:
        Refused: `invalid_request`, naming the parameter.

    """
    for name in ("page", "limit"):
        if name in _given(query, form).single:
            raise refused(name, "there is no such parameter here")
    whole = structs.replace(form, limits={width: (most, most) for width, (_, most) in form.limits.items()})
    page = asked(query, whole)
    yield page
    while page.next_page is not None:
        page = asked(b"%b&page=%b" % (query, page.next_page.encode()), whole)
        yield page


def refused(name: str, reason: str) -> Refused:
    """Return the refusal of one parameter."""
    return Refused("invalid_request", f"{name}: {reason}", param=name, source="query")


def number(name: str, text: str, least: int, most: int) -> int:
    """Return a whole number.

    Raises:
        Refused: `invalid_request`.

    """
    if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER and least <= int(text) <= most:
        return int(text)
    raise refused(name, f"give a whole number from {least} to {most}")


def _given(query: bytes, form: Form) -> Given:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeDecodeError, ValueError) as cause:
        raise refused("query", "it is not a query of UTF-8 text") from cause
    singles = {"start_time", "end_time", "bucket_width", "limit", "page"} | form.switches
    lists: dict[str, tuple[str, ...]] = {}
    single: dict[str, str] = {}
    for spelt, text in pairs:
        name = spelt.removesuffix("[]")
        if name in form.lists:
            # A comma may be part of a line item, but of no id, model or group.
            values = [text] if name == "line_items" else text.split(",")
            lists[name] = (*lists.get(name, ()), *values)
            if len(lists[name]) > MOST_VALUES:
                raise refused(name, f"give at most {MOST_VALUES} values")
        elif name not in singles or spelt != name:
            raise refused(spelt[:64], "there is no such parameter here")
        elif name in single:
            raise refused(name, "give it once")
        else:
            single[name] = text
    return Given(lists, single)


def _width(given: Given, form: Form) -> Width:
    wanted = given.single.get("bucket_width", "1d")
    for width in form.limits:
        if width == wanted:
            return width
    raise refused("bucket_width", f"give one of {', '.join(form.limits)}")


def _span(given: Given, width: int) -> tuple[datetime, datetime, datetime, int]:
    """Return start, end, the start of the first bucket, and how many buckets there are."""
    if "start_time" not in given.single:
        raise refused("start_time", "give it, in seconds of the epoch")
    least, most = int(EVER.timestamp()), int(FOREVER.timestamp())
    start = number("start_time", given.single["start_time"], least, most - 1)
    first = start - start % width
    now = int(datetime.now(UTC).timestamp())
    # To the end of this bucket: what is let in while we read needs no cut hour to be left out.
    until = max(now - now % width, first) + width
    end = number("end_time", given.single["end_time"], least, most) if "end_time" in given.single else until
    if end <= start:
        raise refused("end_time", "it must be after start_time")
    return _moment(start), _moment(end), _moment(first), ceil((end - first) / width)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _limit(given: Given, usual: int, most: int) -> int:
    return number("limit", given.single["limit"], 1, most) if "limit" in given.single else usual


def _group_by(given: Given, form: Form) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(given.lists.get("group_by", ())))
    for name in names:
        if name not in form.groups:
            raise refused("group_by", f"give any of {', '.join(form.groups)}")
    return names


def _digest(given: Given) -> str:
    """Return what says that two queries ask the same but for the page and its size."""
    single = {name: text for name, text in given.single.items() if name not in {"page", "limit"}}
    told = repr((sorted(single.items()), sorted(given.lists.items())))
    return hashlib.sha256(told.encode()).hexdigest()[:DIGEST_LETTERS]


def _page(skipped: int, digest: str) -> str:
    return "page_" + urlsafe_b64encode(f"{skipped}.{digest}".encode()).decode().rstrip("=")


def _skipped(given: Given, digest: str, count: int) -> int:
    page = given.single.get("page")
    if not page:
        return 0
    told = _unpacked(page.removeprefix("page_"))
    skipped, _, of = told.partition(".")
    if of == digest and skipped.isdigit() and len(skipped) <= LONGEST_NUMBER:
        buckets = int(skipped)
        if 0 < buckets < count and page == _page(buckets, digest):
            return buckets
    raise refused("page", "it is not a next_page of this very query")


def _unpacked(text: str) -> str:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (NotBase64, UnicodeError, ValueError):
        return ""


def with_amounts(question: Question, amounts: Sequence[Amount], *more: Column) -> Question:
    """Return the question for these decimals too, grouped by `more` behind what was asked."""
    by = (*question.by, *(column for column in more if column not in question.by))
    return structs.replace(question, amounts=tuple(amounts), by=by)
