"""Write the tree of README.md: every source file with the first line of its docstring."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("router", "agents", "accounts", "documents", "metering", "pricing_tables", "sandbox", "storage", "bench")
OPEN, CLOSE = "<!-- tree: `make readme` writes it -->\n", "<!-- end of tree -->\n"


def tree() -> str:
    """Return the tree as a fenced block, one line a file."""
    rows = [row for room in ROOMS if (ROOT / room).is_dir() for row in folder(ROOT / room, depth=0)]
    width = max(len(name) for name, _ in rows) + 2
    lines = "".join(f"{name:{width}}{purpose}".rstrip() + "\n" for name, purpose in rows)
    return f"```text\n{lines}```\n"


def folder(path: Path, depth: int) -> Iterator[tuple[str, str]]:
    """Yield (indented name, purpose) of a folder, its modules, then its folders."""
    if not any(path.rglob("*.py")):
        return
    yield "  " * depth + path.name + "/", purpose(path / "__init__.py")
    depth += 1
    for module in sorted(path.glob("*.py")):
        if module.name != "__init__.py":
            yield "  " * depth + module.name, purpose(module)
    for inner in sorted(child for child in path.iterdir() if child.is_dir()):
        yield from folder(inner, depth)


def purpose(module: Path) -> str:
    """Return the first line of a module's docstring, empty where there is none."""
    docstring = ast.get_docstring(ast.parse(module.read_text())) if module.exists() else None
    return docstring.splitlines()[0].rstrip(".") if docstring else ""


def with_tree(readme: str) -> str:
    """Return the README's text with the tree of today between its two marks."""
    before, _, rest = readme.partition(OPEN)
    _, _, after = rest.partition(CLOSE)
    return f"{before}{OPEN}{tree()}{CLOSE}{after}"


if __name__ == "__main__":
    page = ROOT / "README.md"
    page.write_text(with_tree(page.read_text()))
