"""Letting a metered request in: limits and budgets first, then its line in the book."""

from collections.abc import Mapping, Sequence
from functools import reduce

import msgspec

from accounts.gate.gate import Claim, Gate, Hold
from agents.messages import Task
from metering.bound import NO_BOUND, Bound, Size
from metering.ledger import Admission
from metering.meter import Meter
from metering.usage import most_input
from pricing_tables.model import Model
from storage.errors import StorageError


class Turnstile:
    """What every metered route passes before it asks anything of a provider.

    Args:
        gate: Decides.
        longest_s: By provider name, after how many seconds a call is given up.
        max_tokens: How much an answer may have where a hard budget applies and the caller said nothing (C-3).
        lists_open: Whether the database keeps the list of open requests.

    """

    def __init__(self, gate: Gate, longest_s: Mapping[str, float], max_tokens: int, *, lists_open: bool) -> None:
        self._gate = gate
        self._longest_s = longest_s
        self._max_tokens = max_tokens
        self._lists_open = lists_open

    async def let_in(self, admission: Admission, task: Task, meter: Meter) -> Hold | None:
        """Admit a request and open its meter; return what it holds, None where nothing applies to it.

        Raises:
            AccountError: A limit or budget refuses it.
            StorageDown: Nobody can tell now, or the book cannot take it.

        """
        if self._gate.stands_open(admission.project_id, admission.key_id):
            meter.admit(admission, stream=task.stream)
            return None
        claim = self._claim(admission, task.model, self._size(task), meter)
        return await self._admit(claim, admission, meter, stream=task.stream)

    async def let_in_call(self, admission: Admission, model: Model, size: Size, meter: Meter) -> Hold | None:
        """Admit what no client waits for, whose first call is no larger than `size`; else as `let_in`.

        Raises:
            AccountError: A limit or budget refuses it.
            StorageDown: Nobody can tell now, or the book cannot take it.

        """
        if self._gate.stands_open(admission.project_id, admission.key_id):
            meter.admit(admission, stream=False)
            return None
        return await self._admit(self._claim(admission, model, size, meter), admission, meter, stream=False)

    async def let_in_calls(
        self, admission: Admission, calls: Sequence[tuple[Model, Size]], meter: Meter, *, stream: bool = False
    ) -> Hold | None:
        """Admit what is known to make these calls, in any order, maybe none; else as `let_in`.

        Raises:
            AccountError: A limit or budget refuses it.
            StorageDown: Nobody can tell now, or the book cannot take it.

        """
        if self._gate.stands_open(admission.project_id, admission.key_id):
            meter.admit(admission, stream=stream)
            return None
        bounds = [meter.bound(size, self._longest_s[model.provider], admission.opened_at) for model, size in calls]
        claim = self._claim_of(admission, None, reduce(Bound.and_also, bounds, NO_BOUND))
        return await self._admit(claim, admission, meter, stream=stream)

    async def _admit(self, claim: Claim, admission: Admission, meter: Meter, *, stream: bool) -> Hold:
        hold = await self._gate.admit(claim)
        try:
            meter.admit(admission, stream=stream, held=hold.held)
        except StorageError:
            self._gate.release(claim, hold)
            raise
        return hold

    def _size(self, task: Task) -> Size:
        read = most_input(message.content for message in task.conversation())
        return Size(task.model.name, read, task.sampling.max_tokens or self._max_tokens)

    def _claim(self, admission: Admission, model: Model, size: Size, meter: Meter) -> Claim:
        bound = meter.bound(size, self._longest_s[model.provider], admission.opened_at)
        return self._claim_of(admission, size, bound)

    def _claim_of(self, admission: Admission, size: Size | None, bound: Bound) -> Claim:
        return Claim(
            request_id=admission.request_id,
            opened_at=admission.opened_at,
            project_id=admission.project_id,
            key_id=admission.key_id,
            size=size,
            bound=bound,
            opening=msgspec.json.encode(admission).decode() if self._lists_open else None,
        )
