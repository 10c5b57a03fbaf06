"""Moments as a query gives them: dates and times of ISO 8601, in UTC where they do not say."""

from datetime import UTC, datetime

from metering.question import EVER, FOREVER
from router.errors import Refused
from router.families import Family


def moment_in(text: str | None, name: str, family: Family) -> datetime | None:
    """Return the moment that a parameter of a query is, in UTC and within EVER and FOREVER; None where it is not there.

    Raises:
        Refused: `invalid_request`, in the language of the family: it is no moment.

    """
    if text is None:
        return None
    try:
        # A plus that was not escaped arrives as a blank.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        moment = (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
        return min(max(moment, EVER), FOREVER)
    except (ValueError, OverflowError) as cause:
        reason = family.choose(f"« {name} » doit être une date ISO 8601", f"'{name}' must be an ISO 8601 date")
        raise Refused("invalid_request", reason, param=name, source="query") from cause
