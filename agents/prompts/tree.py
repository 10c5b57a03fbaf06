"""A folder of prompts on disk: its files are found and written, nothing outside it is touched and nothing removed."""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from agents.prompts.errors import PromptInvalid
from agents.prompts.folder import MOST_BYTES, FileWrong, Sheet, read

MOST_FILES = 10_000
LONGEST_SLUG = 60
NOT_A_PROMPT = "README.md"  # which a folder in git may have for its readers
_NOT_IN_SLUGS = re.compile(r"[^a-z0-9]+")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)")  # no file may be called so on Windows


class FolderWrong(PromptInvalid):
    """This folder cannot be used; the detail says what must be mended, one line a file and field."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))


def slug(text: str) -> str:
    """Return a text as a name of files that every system can hold: small letters of ASCII, digits, `-`."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(sign for sign in folded if not unicodedata.combining(sign))
    plain = _NOT_IN_SLUGS.sub("-", bare)[:LONGEST_SLUG].strip("-") or "prompt"
    return f"{plain}-" if _RESERVED.fullmatch(plain) else plain


def path_of(name: str, category: str) -> str:
    """Return the path of a prompt within the folder: the folders of its category and a slug of its name."""
    return "/".join([*_folders(category), f"{slug(name)}.md"])


def own_path_of(name: str, category: str) -> str:
    """Return the same with a mark of the name, for names whose slugs are the same."""
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return "/".join([*_folders(category), f"{slug(name)}-{mark}.md"])


def category_of(path: str) -> str:
    """Return the category that the folders of a file say."""
    return path.rpartition("/")[0]


def sheets_in(folder: Path) -> tuple[dict[str, Sheet], list[str]]:
    """Return every prompt in the folder by its path, and what is wrong with the others.

    Raises:
        OSError: A folder cannot be read.

    """
    found: dict[str, Sheet] = {}
    problems: list[str] = []
    for number, path in enumerate(_paths(folder)):
        if number == MOST_FILES:
            problems.append(f"there are more than {MOST_FILES} files")
            break
        try:
            found[path] = read(_bytes(folder / path))
        except FileWrong as wrong:
            problems.append(f"{told(path)}: {wrong.detail}")
        except OSError as cause:
            problems.append(f"{told(path)}: {cause.strerror}")
    return found, problems


def write(folder: Path, path: str, data: bytes) -> bool:
    """Write a file of the folder unless it holds that already; whether it did not.

    Raises:
        FileWrong: What stands there is no plain file, or its folder is none.
        OSError: The system refuses.

    """
    target = folder / path
    for parent in reversed(target.relative_to(folder).parents[:-1]):
        _enter(folder / parent)
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise FileWrong("what stands there is no plain file")
    if target.exists() and target.read_bytes() == data:
        return False
    # Another name first: whoever reads the folder meanwhile, and a full disk, leave the old file or the new one.
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open("xb") as file:
            file.write(data)
        beside.replace(target)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    return True


def told(path: str) -> str:
    """Return a path as it can be printed."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in path)


def _folders(category: str) -> list[str]:
    return [slug(part) for part in category.split("/")] if category else []


def _paths(folder: Path) -> Iterator[str]:
    """Yield the paths of all Markdown files; what is hidden, such as `.git`, is left aside."""
    for at, folders, files in os.walk(folder, onerror=_refuse):
        inside = Path(at).relative_to(folder)
        links = [name for name in folders if (Path(at) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in links)
        named = [name for name in files if name.lower().endswith(".md") and name != NOT_A_PROMPT]
        for name in sorted(named + links):
            if not name.startswith("."):
                yield (inside / name).as_posix()


def _refuse(cause: OSError) -> None:
    """Leave no folder aside in silence that cannot be read."""
    raise cause


def _bytes(path: Path) -> bytes:
    """Read a file that is one: a link may lead out of the folder, a pipe never ends."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise FileWrong("it is no plain file; links are not followed")
    if status.st_size > MOST_BYTES:
        raise FileWrong(f"it has {status.st_size} bytes; {MOST_BYTES} is the most")
    return path.read_bytes()


def _enter(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise FileWrong(f"{told(folder.name)} is no plain folder")
    folder.mkdir(exist_ok=True)
