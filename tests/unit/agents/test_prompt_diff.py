"""What differs between two versions is said line by line, and in time, whatever they hold."""

import random
import re
import time
from datetime import UTC, datetime
from difflib import unified_diff

import pytest
from msgspec.structs import replace

from agents.messages import Message
from agents.prompts.diff import MOST_LINES, difference
from agents.prompts.prompt import Config, Content, Version

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def version(*texts: str, config: Config = Config(), roles: str = "user") -> Version:  # noqa: B008 - it is frozen
    return Version(
        number=1,
        state="DRAFT",
        content=Content(tuple(Message(roles, text) for text in texts), "chat"),
        config=config,
        note="",
        labels=(),
        author="",
        created_at=NOW,
        updated_at=NOW,
        promoted_at=None,
        archived_at=None,
    )


def patched(text: str, diff: str) -> str:
    """Apply a diff as `patch` does, and check that its hunks are where they say."""
    old, done, at = text.split("\n"), [], 0
    for line in diff.split("\n") if diff else []:
        header = HUNK.fullmatch(line)
        if header:
            start, length = int(header[1]), int(header[2] or 1)
            begin = start - 1 if length else start
            done += old[at:begin]
            at = begin
            new_start, new_length = int(header[3]), int(header[4] or 1)
            assert len(done) == (new_start - 1 if new_length else new_start)
        elif line[0] == "+":
            done.append(line[1:])
        else:
            assert old[at] == line[1:]
            done += [] if line[0] == "-" else [line[1:]]
            at += 1
    return "\n".join(done + old[at:])


@pytest.mark.parametrize("seed", range(60))
def test_diff_of_two_texts_makes_the_later_of_the_earlier(seed: int) -> None:
    dice = random.Random(seed)
    lines = [dice.choice("abcdefgh") * dice.randrange(3) for _ in range(dice.randrange(60))]
    old = "\n".join(lines)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(lines) + 1)
        lines[at : at + dice.randrange(3)] = [dice.choice("axyz")] * dice.randrange(3)
    new = "\n".join(lines)

    told = difference(version(old), version(new)).messages

    assert [patched(old, each.diff) for each in told] == ([] if old == new else [new])


def test_diff_is_the_one_that_everybody_reads() -> None:
    old = [f"line {number}" for number in range(30)]
    new = [*old[:4], "new", *old[5:20], *old[21:]]

    told = difference(version("\n".join(old)), version("\n".join(new))).messages[0].diff

    assert told.split("\n") == list(unified_diff(old, new, lineterm=""))[2:]


def test_only_messages_that_changed_are_told_wherever_they_stand() -> None:
    told = difference(version("a", "b", "c"), version("new", "a", "B", "c")).messages

    assert [(each.before, each.after, each.diff) for each in told] == [
        (None, 0, "@@ -0,0 +1 @@\n+new"),
        (1, 2, "@@ -1 +1 @@\n-b\n+B"),
    ]


def test_a_role_that_changed_is_told_without_lines() -> None:
    told = difference(version("a"), version("a", roles="system")).messages

    assert [(each.role, each.diff) for each in told] == [("system", "")]


def test_a_message_is_compared_with_the_one_of_its_role() -> None:
    old, new = version("be brief", "hello"), version("hi")
    spoken = Content((Message("system", "be brief"), Message("user", "hello")), "chat")

    told = difference(replace(old, content=spoken), new).messages

    assert [(each.role, each.before, each.after) for each in told] == [("system", 0, None), ("user", 1, 0)]


def test_settings_that_changed_are_told_by_their_names() -> None:
    old, new = Config(temperature=0.2, max_tokens=10), Config(temperature=0.7, max_tokens=10, model="gpt-4o")

    told = difference(version("a", config=old), version("a", config=new))

    assert {each.field: (each.before, each.after) for each in told.settings} == {
        "temperature": (0.2, 0.7),
        "model": (None, "gpt-4o"),
    }
    assert told.messages == []


def test_same_versions_do_not_differ() -> None:
    told = difference(version("a\nb"), version("a\nb"))

    assert (told.messages, told.settings) == ([], [])


def hard(lines: int, other: str) -> str:
    """Return a text that difflib takes the cube of its lines to compare with its like."""
    return "\n".join(f"A{at // 2 % 60}" if at % 2 else f"{other}{at}" for at in range(lines))


@pytest.mark.parametrize("messages", [1, 40])
def test_texts_that_are_hard_to_compare_take_a_bounded_time(messages: int) -> None:
    lines = 50_000 // messages
    old, new = ([hard(lines, other + str(at)) for at in range(messages)] for other in "xy")

    began = time.process_time()
    told = difference(version(*old), version(*new)).messages
    took = time.process_time() - began

    assert took < 5
    assert [patched(text, each.diff) for text, each in zip(old, told, strict=True)] == new


def test_long_texts_with_a_small_change_are_compared_in_full() -> None:
    lines = [f"{number}" for number in range(20 * MOST_LINES)]
    changed = [*lines]
    changed[15_000] = "x"

    told = difference(version("\n".join(lines)), version("\n".join(changed))).messages[0].diff

    assert told.split("\n") == [
        "@@ -14998,7 +14998,7 @@",
        *(f" {number}" for number in range(14_997, 15_000)),
        "-15000",
        "+x",
        *(f" {number}" for number in range(15_001, 15_004)),
    ]
