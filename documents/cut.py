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
    tiny: list[Section] = []
    base: Path = ()
    for section in sections:
        joint = _joint(base, tiny, section, count)
        if joint is None:
            yield from _together(tiny, base, section.path, count)
            tiny, base = [], section.path
        else:
            base = joint
        if section.tokens < TINY_TOKENS:
            tiny.append(section)
        else:
            yield section
    yield from _together(tiny, base, (), count)


def _joint(base: Path, tiny: list[Section], section: Section, count: Count) -> Path | None:
    """Return the path that a section has in common with the tiny ones before it, None if it is not to join them."""
    if not tiny or section.tokens >= TINY_TOKENS or not section.path:
        return None
    text = "\n\n".join(_told(one, ()) for one in (*tiny, section))
    if len(text) > MOST_CHARS or count(text) > TARGET_TOKENS:
        return None
    parent = section.path[:-1]
    if parent == base:
        return base
    return parent if len(tiny) == 1 and base[:-1] == parent else None


def _together(tiny: list[Section], base: Path, following: Path, count: Count) -> Generator[Section]:
    """Make one section of tiny ones; a heading alone is left out where the next one stands under it."""
    nexts = [*(section.path for section in tiny[1:]), following]
    told = [
        section
        for section, after in zip(tiny, nexts, strict=False)
        if section.text or after[: len(section.path)] != section.path
    ]
    if len(told) == 1 and told[0].text:
        yield told[0]
    elif told:
        base = base[: min(len(section.path) - (not section.text) for section in told)]
        yield _section(base, "\n\n".join(_told(section, base) for section in told), count)


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
