"""Packs what stands under one heading into drafts of passages: paragraphs, then sentences, then by force."""

from collections.abc import Callable, Generator

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


class Packer:
    """Takes blocks and gives drafts; the last one is held back, for what is left over."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._open = _Filling([])
        self._held: Draft = []

    def add(self, block: Block) -> Generator[Draft]:
        """Take a block; yield the drafts that are whole."""
        for unit in self._units(block):
            while self._open.draft and not self._open.has_room(unit):
                yield from self._finish(unit)
            self._open.add(unit)

    def end(self) -> Generator[Draft]:
        """Yield the drafts that are left."""
        rest = [unit for unit in self._open.draft if not unit.repeated]
        whole = [*self._held, *rest]
        if self._held and _Filling(rest).tokens < SMALL_TOKENS and _Filling(whole).is_allowed():
            yield whole
        else:
            yield from (draft for draft in (self._held, self._open.draft) if draft)
        self._open, self._held = _Filling([]), []

    def _finish(self, following: Unit) -> Generator[Draft]:
        """Begin the next draft with what belongs to the unit that follows."""
        done, carried = self._open.draft, Draft()
        if all(unit.repeated for unit in done):
            self._open = _Filling([])
            return
        while done[-1].title and len(done) > 1:
            carried.insert(0, done.pop())
        if self._held:
            yield self._held
        self._held = done
        self._open = _Filling(carried or self._repeated(done[-1], following))

    def _repeated(self, last: Unit, following: Unit) -> Draft:
        """Return what of a block that is cut is said again after the cut: its header, or its last sentence."""
        text = following.header or (last.text if not following.gap else "")
        if not text or not following.follows:
            return []
        repeated = Unit(text, self._count(text), following.gap, repeated=True)
        return [repeated] if repeated.tokens <= REPEATED_TOKENS and _Filling([repeated]).has_room(following) else []

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


class _Filling:
    """A draft that grows, and its size: of tokens rather too many."""

    def __init__(self, draft: Draft) -> None:
        self.draft: Draft = []
        self.tokens = 0
        self._chars = 0
        self._own = False
        for unit in draft:
            self.add(unit)

    def add(self, unit: Unit) -> None:
        self.draft.append(unit)
        self.tokens += unit.tokens + bool(unit.gap)
        self._chars += len(unit.text) + len(unit.gap)
        self._own = self._own or not (unit.title or unit.repeated)

    def has_room(self, unit: Unit) -> bool:
        """Tell whether a unit may join: up to the target, or further if the draft would be left small."""
        most = TARGET_TOKENS if self._own and self.tokens >= TARGET_TOKENS // 2 else MOST_TOKENS
        tokens, chars = self.tokens + unit.tokens + bool(unit.gap), self._chars + len(unit.text) + len(unit.gap)
        return tokens <= most and chars <= MOST_CHARS

    def is_allowed(self) -> bool:
        return self.tokens <= MOST_TOKENS and self._chars <= MOST_CHARS
