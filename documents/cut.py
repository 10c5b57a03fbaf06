"""Cuts a document into passages, by its headings first: one passage never has text of two, unless both have little."""

from collections.abc import Generator, Iterable

from msgspec import Struct

from documents.document import Passage
from documents.errors import Unreadable
from documents.packing import MOST_CHARS, MOST_TOKENS, TARGET_TOKENS, Count, Packer, joined
from documents.parsing.blocks import Block
from documents.sentences import halves

# Headings down to this level cut; those below stay in the text.
DEEPEST_CUT = 3
# A longer heading is none.
HEADING_CHARS = 200
# Sections with less text share a passage with their neighbours.
TINY_TOKENS = 24

Path = tuple[str, ...]


class Section(Struct, frozen=True):
    """A text and the headings that it stands under, the last one closest."""

    path: Path
    text: str
    tokens: int


def passages(blocks: Iterable[Block], count: Count, most_passages: int) -> Generator[Passage]:
    """Yield the passages of a document as its blocks come.

    Each has at most `MOST_TOKENS` and `MOST_CHARS`. Where a paragraph is cut, the sentence before the cut is in both;
    where a table is cut, its first line is in every part.

    Args:
        blocks: Of the document, in its order.
        count: Tells the tokens of a text, of a few thousand characters at most.
        most_passages: As many are allowed.

    Raises:
        Unreadable: There is no text, or too much.

    """
    number = 0
    for section in _allowed(_merged(_sections(blocks, count), count), count):
        number += 1
        if number > most_passages:
            raise Unreadable(f"it has more than {most_passages} passages; split it")
        yield Passage(number, " > ".join(section.path), section.text, section.tokens)
    if not number:
        raise Unreadable("it has no text")


def _sections(blocks: Iterable[Block], count: Count) -> Generator[Section]:
    """Yield drafts of passages, and an empty one for a heading that nothing stands under."""
    packer = Packer(count)
    titles: list[tuple[int, str]] = []
    path: Path = ()
    bare = False
    for block in blocks:
        if block.kind == "heading" and block.level <= DEEPEST_CUT and len(block.text) <= HEADING_CHARS:
            yield from _ended(packer, path, count, bare=bare)
            while titles and titles[-1][0] >= block.level:
                titles.pop()
            titles.append((block.level, block.text))
            path, bare = tuple(title for _, title in titles), True
        else:
            bare = False
            yield from (_section(path, joined(draft), count) for draft in packer.add(block))
    yield from _ended(packer, path, count, bare=bare)


def _ended(packer: Packer, path: Path, count: Count, *, bare: bool) -> Generator[Section]:
    yield from (_section(path, joined(draft), count) for draft in packer.end())
    if bare:
        yield Section(path, "", 0)


def _section(path: Path, text: str, count: Count) -> Section:
    return Section(path, text, count(text))


def _merged(sections: Iterable[Section], count: Count) -> Generator[Section]:
    """Put tiny sections that are neighbours under one parent together, each after its heading."""
    tiny = _Neighbours(count)
    for section in sections:
        if section.tokens >= TINY_TOKENS:
            yield from tiny.take(section.path)
            yield section
        elif not tiny.add(section):
            yield from tiny.take(section.path)
            tiny.add(section)
    yield from tiny.take(())


class _Neighbours:
    """Tiny sections, each after the other; `base` is the path that they have in common."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._sections: list[Section] = []
        self._base: Path = ()
        self._tokens = 0
        self._chars = 0

    def add(self, section: Section) -> bool:
        """Take a section, and tell whether it belongs to those that are there and has room beside them."""
        base = self._joint(section.path)
        title = section.path[-1] if section.path else ""
        tokens = self._tokens + self._count(title) + section.tokens + 2
        chars = self._chars + len(title) + len(section.text) + 4
        if self._sections and (base is None or tokens > TARGET_TOKENS or chars > MOST_CHARS):
            return False
        self._sections.append(section)
        self._base, self._tokens, self._chars = base or (), tokens, chars
        return True

    def take(self, following: Path) -> Generator[Section]:
        """Hand them over as one; a heading alone is left out where the next one stands under it."""
        nexts = [*(section.path for section in self._sections[1:]), following]
        told = [
            section
            for section, after in zip(self._sections, nexts, strict=False)
            if section.text or after[: len(section.path)] != section.path
        ]
        if len(told) == 1 and told[0].text:
            yield told[0]
        elif told:
            base = self._base[: min(len(section.path) - (not section.text) for section in told)]
            yield _section(base, "\n\n".join(_told(section, base) for section in told), self._count)
        self._sections, self._base, self._tokens, self._chars = [], (), 0, 0

    def _joint(self, path: Path) -> Path | None:
        """Return what a path has in common with those that are there: it is their parent's, or a child of their one."""
        if not self._sections:
            return path
        if path[:-1] == self._base and path:
            return self._base
        return path[:-1] if len(self._sections) == 1 and path and self._base[:-1] == path[:-1] else None


def _told(section: Section, base: Path) -> str:
    """Return the text of a section after what of its headings is not in `base`."""
    return "\n".join(part for part in (" > ".join(section.path[len(base) :]), section.text) if part)


def _allowed(sections: Iterable[Section], count: Count) -> Generator[Section]:
    """Cut what has still too many tokens: joined texts may have a few more than the sum of theirs."""
    for section in sections:
        waiting = [section]
        while waiting:
            one = waiting.pop()
            if (one.tokens > MOST_TOKENS or len(one.text) > MOST_CHARS) and len(one.text) > 1:
                waiting.extend(_section(one.path, part.strip(), count) for part in reversed(halves(one.text)))
            elif one.text:
                yield one
