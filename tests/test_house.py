"""The house keeps its own rules: sizes, rooms, locks, README, decisions, and nothing of the machine it was built on."""

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from pip._internal.models.index import PyPI

from docs.tree import with_tree

ROOT = Path(__file__).parent.parent
FLOORS = ("accounts", "agents", "documents", "metering", "pricing_tables", "router", "sandbox", "storage")
SOURCES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
LOCKS = ("requirements.lock", "requirements-dev.lock")
AT_HOME_EVERYWHERE = {"anyio", "msgspec"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def committed() -> dict[str, str]:
    """Return the text of every file that git keeps, by its path."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: what is committed cannot be told")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [name for name in listed.split("\0") if (ROOT / name).is_file()]
    return {name: (ROOT / name).read_text(errors="replace") for name in paths}


def pinned(lock: str) -> dict[str, str]:
    """Return the version a lock pins, by distribution."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))


def registry_hosts() -> set[str]:
    """Ask pip, npm and the environment which package registries this machine uses."""
    asked = [[sys.executable, "-m", "pip", "config", "list"], ["npm", "config", "get", "registry"]]
    said = [
        subprocess.run(question, capture_output=True, text=True, check=False).stdout
        for question in asked
        if shutil.which(question[0])
    ]
    said += [value for name, value in os.environ.items() if re.match("pip|uv|npm", name, re.IGNORECASE)]
    named = re.findall(r"https?://(?:[^/@\s]*@)?([\w.-]+)", "\n".join(said))
    return {PyPI.netloc, PyPI.file_storage_domain, *named} - {"localhost", "127.0.0.1"}


def test_no_source_file_has_outgrown_its_room():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}

    assert {name: lines for name, lines in lengths.items() if lines >= 300} == {}


def test_every_module_says_its_purpose_in_one_sentence():
    purposes = {str(path.relative_to(ROOT)): ast.get_docstring(ast.parse(path.read_text())) for path in SOURCES}

    assert [name for name, text in purposes.items() if not text or not text.splitlines()[0].endswith(".")] == []


def test_readme_tree_is_what_the_modules_say():
    readme = (ROOT / "README.md").read_text()

    assert with_tree(readme) == readme, "the tree has changed: run `make readme`"


def test_every_imported_library_has_its_room():
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    rooms = contracts["importlinter:contract:rooms"]["forbidden_modules"].split()
    known = {*rooms, *FLOORS, *AT_HOME_EVERYWHERE, *(sys.stdlib_module_names - {"sqlite3"})}

    imported = {(path.name, module.split(".")[0]) for path in SOURCES for module in imports(path)}

    assert {pair for pair in imported if pair[1] not in known} == set(), "give the library a room in .importlinter"


def imports(path: Path) -> list[str]:
    """Return every absolute module name that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return plain + [
        node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level
    ]


def test_locks_pin_what_the_project_asks_for():
    project = PYPROJECT["project"]
    runtime = [
        *project["dependencies"],
        *project["optional-dependencies"]["local"],
        *PYPROJECT["dependency-groups"]["build"],
    ]
    asked = {"requirements.lock": runtime, "requirements-dev.lock": runtime + PYPROJECT["dependency-groups"]["dev"]}

    unmet = [
        f"{lock}: {line}"
        for lock, lines in asked.items()
        for line in lines
        if not Requirement(line).specifier.contains(pinned(lock).get(Requirement(line).name, "0"), prereleases=True)
    ]

    assert unmet == [], "run `make lock`"


def test_tests_run_on_the_versions_that_users_run():
    users, ours = pinned("requirements.lock"), pinned("requirements-dev.lock")

    assert {name: version for name, version in users.items() if ours.get(name) != version} == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_hold_pins_and_hashes_and_nothing_else(lock):
    pin = r"[a-z0-9-]+==[\w.]+( ; [^\\/]+)? \\(\n    --hash=sha256:[0-9a-f]{64}( \\)?)+"
    head, *entries = re.split(r"\n(?=\w)", (ROOT / lock).read_text().strip())

    assert all(line.startswith("#") and "/" not in line for line in head.splitlines())
    assert [entry for entry in entries if not re.fullmatch(pin, entry)] == []


def test_no_committed_file_names_a_package_registry():
    hosts = registry_hosts()

    named = {(name, host) for name, text in committed().items() for host in hosts if host in text}

    assert named == set()


def test_no_committed_file_carries_a_path_of_this_machine():
    folders = [f"{folder}/" for folder in (ROOT.parent, Path.home()) if folder not in (Path("/"), Path("/tmp"))]

    carried = {(name, folder) for name, text in committed().items() for folder in folders if folder in text}

    assert carried == set()


def test_every_exception_from_a_rule_has_its_reason():
    rules = re.findall(r'^    "[A-Z]+\d*",.*$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    silenced = re.compile(r"(?:noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*|(?:pyright|type): ignore\[[\w, -]+\])(.*)")
    sources = {name: text.splitlines() for name, text in committed().items() if name.endswith(".py")}

    bare = [
        f"{name}:{number}"
        for name, lines in sources.items()
        for number, (above, line) in enumerate(pairwise(["", *lines]), 1)
        for said in silenced.findall(line)
        if not re.search(r"\w{3}", said) and not above.lstrip().startswith("# ")
    ]

    assert [rule for rule in rules if not re.search(r"# \w+", rule)] == []
    assert bare == []


def test_every_decision_is_one_page_and_listed():
    pages = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()

    assert [page.name for page in pages if len(page.read_text().splitlines()) > 60] == []
    assert [page.name for page in pages if f"({page.name})" not in index] == []
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]


def test_make_help_lists_every_target():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert set(re.findall(r"^make ([a-z]+) +\S", shown, re.MULTILINE)) == set(targets)
