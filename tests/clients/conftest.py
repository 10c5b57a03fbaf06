"""What the seed's TypeScript needs to run."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.examples import HERE, RunTypeScript


@pytest.fixture(scope="session")
def typescript_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where TypeScript programs run."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("the TypeScript client needs node and npm")
    folder = tmp_path_factory.mktemp("typescript")
    for name in ("package.json", "package-lock.json", "strip.cjs"):
        shutil.copy(HERE / name, folder)
    subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def typescript(typescript_folder: Path) -> RunTypeScript:
    """Compile with the locked TypeScript, so that any Node from 20 on runs it."""

    def start(code: str) -> subprocess.CompletedProcess[str]:
        (typescript_folder / "program.ts").write_text(code)
        subprocess.run(
            ["node", "strip.cjs", "program.ts", "program.mjs"], cwd=typescript_folder, check=True, timeout=30
        )
        command = ["node", "program.mjs"]
        return subprocess.run(command, cwd=typescript_folder, capture_output=True, text=True, timeout=110, check=False)

    return start
