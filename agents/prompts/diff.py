"""What differs between two versions: their messages line by line, and the settings that changed."""

from collections.abc import Generator, Iterable, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

import msgspec
from msgspec import Struct

from agents.messages import Message, Role
from agents.prompts.prompt import Version

MOST_LINES = 2_000  # that one difference compares: in the worst case the time grows with their cube
CONTEXT_LINES = 3  # that a hunk shows before and behind what changed, as `diff -u` does

Change = tuple[str, int, int, int, int]  # as difflib tells it: what is done with which lines of either text


class MessageDiff(Struct, frozen=True, kw_only=True):
    """A message that the two versions do not share.

    Attributes:
        role: Whose it is in the later version, or was if it is gone.
        before: Its index in the earlier version; None where it is new.
        after: Its index in the later version; None where it is gone.
        diff: Its lines in the unified format, without the names of files; empty where only its role changed.

    """

    role: Role
    before: int | None
    after: int | None
    diff: str


class SettingDiff(Struct, frozen=True):
    """A setting as it was and as it is; None where it is left to the model or the gateway."""

    field: str
    before: Any
    after: Any


class Difference(Struct, frozen=True):
    """All that the later version does otherwise than the earlier one."""

    messages: list[MessageDiff]
    settings: list[SettingDiff]


def difference(before: Version, after: Version) -> Difference:
    """Return what differs between two versions.

    It may take a second of a processor: call it in a thread. Where more than `MOST_LINES` would have to be compared in
    all, what texts share at their beginning and end aside, a text is shown as replaced in whole.
    """
    old, new = before.content.messages, after.content.messages
    comparison = _Comparison()
    messages = [
        _message(comparison, (at, None if at is None else old[at]), (to, None if to is None else new[to]))
        for at, to in comparison.pairs(old, new)
    ]
    return Difference(messages, list(_settings(_told(before), _told(after))))


def unified(before: str, after: str) -> str:
    """Return the lines that differ between two texts, in the unified format without names of files.

    As `difference`, it may take a second of a processor.
    """
    return _Comparison().unified(before.split("\n"), after.split("\n"))


def _message(
    comparison: "_Comparison", before: tuple[int | None, Message | None], after: tuple[int | None, Message | None]
) -> MessageDiff:
    (at, old), (to, new) = before, after
    role: Role = new.role if new is not None else old.role if old is not None else "user"
    return MessageDiff(role=role, before=at, after=to, diff=comparison.unified(_lines(old), _lines(new)))


def _lines(message: Message | None) -> list[str]:
    return [] if message is None else message.content.split("\n")


def _told(version: Version) -> dict[str, Any]:
    return {"kind": version.content.kind} | msgspec.to_builtins(version.config)


def _settings(old: dict[str, Any], new: dict[str, Any]) -> Generator[SettingDiff, None, None]:
    for field in dict.fromkeys((*old, *new)):
        if old.get(field) != new.get(field):
            yield SettingDiff(field, old.get(field), new.get(field))


class _Comparison:
    """Compares as long as there are lines left that may be compared."""

    def __init__(self) -> None:
        self._left = MOST_LINES

    def pairs(
        self, old: Sequence[Message], new: Sequence[Message]
    ) -> Generator[tuple[int | None, int | None], None, None]:
        """Yield the indices of messages that are not the same, each with that of the one in its place."""
        changes: Iterable[Change] = [("replace", 0, len(old), 0, len(new))]
        if self._may_compare(old, new):
            changes = SequenceMatcher(None, old, new).get_opcodes()
        for what, i1, i2, j1, j2 in changes:
            if what != "equal":
                yield from _in_place(old, new, range(i1, i2), range(j1, j2))

    def unified(self, old: Sequence[str], new: Sequence[str]) -> str:
        """Return the lines that differ, hunk by hunk."""
        if old == new:
            return ""
        start = _shared(old, new)
        end = _shared(old[start:][::-1], new[start:][::-1])
        lead, tail = min(start, CONTEXT_LINES), min(end, CONTEXT_LINES)
        first = start - lead
        one, other = old[first : len(old) - end + tail], new[first : len(new) - end + tail]
        hunks: Iterable[list[Change]] = [_whole(one, other, lead, tail)]
        if self._may_compare(one, other):
            hunks = SequenceMatcher(None, one, other).get_grouped_opcodes(CONTEXT_LINES)
        return "\n".join(line for hunk in hunks for line in _hunk(hunk, one, other, first))

    def _may_compare(self, old: Sequence[object], new: Sequence[object]) -> bool:
        lines = max(len(old), len(new))
        if lines > self._left:
            return False
        self._left -= lines
        return True


def _in_place(
    old: Sequence[Message], new: Sequence[Message], ats: range, tos: range
) -> Generator[tuple[int | None, int | None], None, None]:
    """Yield each message of either stretch with the one in its place: the next one of the same role, if there is."""
    roles = SequenceMatcher(None, [old[at].role for at in ats], [new[to].role for to in tos])
    for _, i1, i2, j1, j2 in roles.get_opcodes():
        for at, to in zip_longest(ats[i1:i2], tos[j1:j2]):
            if at is None or to is None or old[at] != new[to]:
                yield at, to


def _shared(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many lines two texts have in common at their beginning."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(old), len(new)))


def _whole(old: Sequence[str], new: Sequence[str], lead: int, tail: int) -> list[Change]:
    """Return the hunk that replaces all but the lines around."""
    i, j = len(old) - tail, len(new) - tail
    replaced: Change = ("replace", lead, i, lead, j)
    return [("equal", 0, lead, 0, lead), replaced, ("equal", i, len(old), j, len(new))]


def _hunk(hunk: Sequence[Change], old: Sequence[str], new: Sequence[str], first: int) -> Generator[str, None, None]:
    """Yield the lines of a hunk; `first` lines of either text come before those given."""
    i, j, i_end, j_end = hunk[0][1], hunk[0][3], hunk[-1][2], hunk[-1][4]
    yield f"@@ -{_range(first + i, i_end - i)} +{_range(first + j, j_end - j)} @@"
    for what, i1, i2, j1, j2 in hunk:
        if what == "equal":
            yield from (f" {line}" for line in old[i1:i2])
        else:
            yield from (f"-{line}" for line in old[i1:i2])
            yield from (f"+{line}" for line in new[j1:j2])


def _range(start: int, length: int) -> str:
    """Return lines as the unified format counts them: from 1, and of none the line before.

    Source: IEEE Std 1003.1-2017, diff, "Diff -u or -U Output Format".
    """
    begin = start + 1 if length else start
    return str(begin) if length == 1 else f"{begin},{length}"
