"""Reads markup as a stream of tags and text: no tree is built, nothing is fetched, no entity is looked up."""

import importlib
from collections.abc import Generator, Iterable, Mapping
from typing import Protocol, cast

from documents.errors import Unreadable
from documents.parsing.blocks import Block

PIECE_BYTES = 1 << 16


class Target(Protocol):
    """Told of every tag and every text, in their order; one of XML also has `doctype`, to refuse it."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element."""
        ...

    def end(self, tag: str) -> None:
        """End it."""
        ...

    def data(self, text: str) -> None:
        """Take some of its text."""
        ...

    def take(self) -> list[Block]:
        """Hand over the blocks that are whole."""
        ...

    def close(self) -> None:
        """Make what is left whole."""
        ...


class _Feed(Protocol):
    def feed(self, data: bytes, /) -> None: ...

    def close(self) -> object: ...


class _Etree(Protocol):
    """What is used of lxml, which has no types of its own."""

    XMLSyntaxError: type[SyntaxError]

    def HTMLParser(self, *, target: Target, encoding: str, no_network: bool) -> _Feed: ...  # noqa: N802 - its name

    def XMLParser(self, *, target: Target, resolve_entities: bool, no_network: bool, load_dtd: bool) -> _Feed: ...  # noqa: N802 - its name


_etree = cast("_Etree", importlib.import_module("lxml.etree"))


def html(pieces: Iterable[bytes], target: Target) -> Generator[Block]:
    """Read HTML in UTF-8, however broken it is."""
    return _blocks(pieces, _etree.HTMLParser(target=target, encoding="utf-8", no_network=True), target)


def xml(pieces: Iterable[bytes], target: Target) -> Generator[Block]:
    """Read XML.

    Raises:
        Unreadable: It is not well formed.

    """
    parser = _etree.XMLParser(target=target, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        yield from _blocks(pieces, parser, target)
    except _etree.XMLSyntaxError as cause:
        raise Unreadable("its markup is damaged") from cause


def _blocks(pieces: Iterable[bytes], parser: _Feed, target: Target) -> Generator[Block]:
    fed = False
    for piece in pieces:
        fed = True
        parser.feed(piece)
        yield from target.take()
    if fed:  # there is no document in no bytes at all
        parser.close()
    yield from target.take()
