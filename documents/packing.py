"""Packs what stands under one heading into drafts of passages: paragraphs, then sentences, then by force."""

from collections.abc import Callable, Generator, Iterable

from msgspec import Struct
from msgspec.structs import replace

from documents.parsing.blocks import Block
from documents.sentences import halves, pieces, sentences

# About what an embeddings model reads best and a question needs; the most that passages are allowed.
TARGET_TOKENS, MOST_TOKENS, MOST_CHARS = 160, 256, 1_600
# A sentence or a header of a table that is longer is not repeated in the next passage.
REPEATED_TOKENS = 48
# What is left over and shorter goes to the passage before.
SMALL_TOKENS = 40

Count = Callable[[str], int]


class Unit(Struct, frozen=True):
    """What is not cut any more.

    Attributes:
        text: Of at most `MOST_TOKENS` and `MOST_CHARS`.
        gap: What stands between it and what is before it.
        follows: It goes on with the block that the unit before is of.
        header: The first line of the table that it is a row of.
        title: It is a heading: it stays with what is after it.
        repeated: It has been in the passage before.

    """

    text: str
    tokens: int
    gap: str = "\n\n"
    follows: bool = False
    header: str = ""
    title: bool = False
    repeated: bool = False


Draft = list[Unit]


def joined(draft: Draft) -> str:
    """Return the text of a draft."""
    return "".join(unit.gap * (number > 0) + unit.text for number, unit in enumerate(draft)).strip()


def size(draft: Iterable[Unit]) -> tuple[int, int]:
    """Return about how many tokens a draft has, rather too many, and how many characters."""
    draft = list(draft)
    tokens = sum(unit.tokens + bool(unit.gap) for unit in draft)
    return tokens, sum(len(unit.text) + len(unit.gap) for unit in draft)


class Packer:
    """Takes blocks and gives drafts; the last one is held back, for what is left over."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._open: Draft = []
        self._held: Draft = []

    def add(self, block: Block) -> Generator[Draft]:
        """Take a block; yield the drafts that are whole."""
        for unit in self._units(block):
            while self._open and not _fits(self._open, unit):
                yield from self._finish(unit)
            self._open.append(unit)

    def end(self) -> Generator[Draft]:
        """Yield the drafts that are left."""
        rest = [unit for unit in self._open if not unit.repeated]
        whole = [*self._held, *rest]
        if self._held and size(rest)[0] < SMALL_TOKENS and _is_allowed(whole):
            yield whole
        else:
            yield from (draft for draft in (self._held, self._open) if draft)
        self._open, self._held = [], []

    def _finish(self, following: Unit) -> Generator[Draft]:
        """Begin the next draft with what belongs to the unit that follows."""
        done, carried = self._open, Draft()
        if all(unit.repeated for unit in done):
            self._open = []
            return
        while done[-1].title and len(done) > 1:
            carried.insert(0, done.pop())
        if self._held:
            yield self._held
        self._held = done
        self._open = carried or self._repeated(done[-1], following)

    def _repeated(self, last: Unit, following: Unit) -> Draft:
        if not following.follows:
            return []
        text = following.header or (last.text if not last.gap or not following.gap else "")
        tokens = self._count(text) if text else REPEATED_TOKENS + 1
        repeated = Unit(text, tokens, following.gap, repeated=True)
        return [repeated] if tokens <= REPEATED_TOKENS and _is_allowed([repeated, following]) else []

    def _units(self, block: Block) -> Generator[Unit]:
        kind, text = block.kind, block.text
        gap = "\n" if kind == "item" else "\n\n"
        if len(text) <= MOST_CHARS and (tokens := self._count(text)) <= MOST_TOKENS:
            yield Unit(text, tokens, gap, title=kind == "heading")
            return
        parts, between = (text.split("\n"), "\n") if kind in ("table", "code") else (sentences(text), "")
        header = text.partition("\n")[0] if kind == "table" else ""
        first = True
        for part in parts:
            for fitting, inner in self._fitting(part, between):
                unit = Unit(fitting, self._count(fitting), inner, follows=True, header=header)
                yield replace(unit, gap=gap, follows=False) if first else unit
                first = False

    def _fitting(self, text: str, gap: str) -> Generator[tuple[str, str]]:
        """Cut by force what is too long, at the ends of lines, at blanks, or anywhere; only the first keeps `gap`."""
        for piece in pieces(text, MOST_CHARS):
            waiting = [piece]
            while waiting:
                part = waiting.pop()
                if len(part) > 1 and self._count(part) > MOST_TOKENS:
                    waiting.extend(reversed(halves(part)))
                elif part.strip() or not gap:
                    yield part, gap
                    gap = ""


def _fits(draft: Draft, unit: Unit) -> bool:
    """Tell whether a unit may join a draft: up to the target, or further if the draft would be left small."""
    before, _ = size(draft)
    after, chars = size([*draft, unit])
    only_carried = all(one.title or one.repeated for one in draft)
    most = MOST_TOKENS if before < TARGET_TOKENS // 2 or only_carried else TARGET_TOKENS
    return after <= most and chars <= MOST_CHARS


def _is_allowed(draft: Draft) -> bool:
    tokens, chars = size(draft)
    return tokens <= MOST_TOKENS and chars <= MOST_CHARS
