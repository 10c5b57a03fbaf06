"""The paragraph styles of a Word document: which are headings, and of what level, and which are lists."""

from collections.abc import Mapping

from msgspec import Struct

from documents.parsing.blocks import Block

# What an element says that turns a property off.
OFF = frozenset({"0", "false", "off"})
# How many styles a style may be derived from, one from the other; Word itself allows eleven.
_GENERATIONS = 12


class Style(Struct):
    """A style as it is written down; what it leaves open it has from the one it is based on."""

    name: str = ""
    base: str = ""
    level: int | None = None
    listed: bool | None = None


class Styles:
    """Reads the part of a document that holds its styles, and answers for them."""

    def __init__(self) -> None:
        self._styles: dict[str, Style] = {}
        self._current = Style()

    def level(self, style: str) -> int | None:
        """Tell the level of heading that a style makes; None for none."""
        for one in self._lineage(style):
            if one.level is not None:
                return one.level
        return None

    def is_listed(self, style: str) -> bool:
        """Tell whether a style makes items of a list."""
        return next((one.listed for one in self._lineage(style) if one.listed is not None), False)

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        """Pass it over: its entities are not looked up, and no style needs them."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element."""
        name = local(tag)
        if name == "style":
            identity = next((text for key, text in attributes.items() if local(key) == "styleId"), "")
            self._current = self._styles[identity] = Style()
        elif name == "name":
            self._current.name = value(attributes).lower()
            self._current.level = _level_named(self._current.name)
        elif name == "basedOn":
            self._current.base = value(attributes)
        elif name == "outlineLvl" and value(attributes).isdecimal():
            self._current.level = int(value(attributes)) + 1
        elif name == "numId":
            self._current.listed = value(attributes) != "0"

    def end(self, tag: str) -> None:
        """End an element."""

    def data(self, text: str) -> None:
        """Pass over text: styles have none."""

    def take(self) -> list[Block]:
        """Hand over nothing."""
        return []

    def close(self) -> None:
        """Nothing is left open."""

    def _lineage(self, style: str) -> list[Style]:
        found: list[Style] = []
        while (one := self._styles.get(style)) and len(found) < _GENERATIONS:
            found.append(one)
            style = one.base
        return found


def local(tag: str) -> str:
    """Return a name without its namespace: transitional and strict documents differ in that alone."""
    return tag.rpartition("}")[2]


def value(attributes: Mapping[str, str]) -> str:
    """Return the attribute `val`, whatever its namespace."""
    return next((text for key, text in attributes.items() if local(key) == "val"), "")


def _level_named(name: str) -> int | None:
    """Tell the level of a built-in style, whose name is English in every language; the title stands over all."""
    if name == "title":
        return 0
    kind, _, number = name.partition(" ")
    return int(number) if kind == "heading" and number.isdecimal() else None
