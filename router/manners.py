"""How a metered route refuses: in whose shape and language, as what, and with which statuses."""

from collections.abc import Callable, Mapping
from functools import cache

from msgspec import Struct, structs

from router.errors import Answer, answer_to, fault_of
from router.families import Family, Fault, family_of


def as_it_is(error: Exception) -> Exception:
    """Return the error."""
    return error


class Manner(Struct, frozen=True):
    """How a route refuses.

    Attributes:
        family: Whose shape and language its refusals have.
        told: Returns what an error is told as.
        statuses: In place of those that a code has everywhere else.

    """

    family: Family
    told: Callable[[Exception], Exception] = as_it_is
    statuses: Mapping[int, int] = {}

    def answer_to(self, error: Exception, request_id: str) -> Answer:
        """Return the answer to an error."""
        answer = answer_to(self.told(error), request_id, self.family)
        status = self.statuses.get(answer.status)
        return answer if status is None else structs.replace(answer, status=status)

    def fault_of(self, error: Exception, request_id: str) -> Fault:
        """Return what a stream that has started says of an error."""
        return fault_of(self.told(error), request_id, self.family)


@cache
def manner_of(route: str) -> Manner:
    """Return how a route refuses that has nothing of its own: in the family of its path."""
    return Manner(family_of(route))
