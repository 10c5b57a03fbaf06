"""The seed's examples as programs: sections of the pages here with the gateway's own address, and what runs them."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.gateway import Gateway

HERE = Path(__file__).parent
SECTION = re.compile(r"^## (?P<title>.+?)\n\n```\w+\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = ("seed.md", "seed_prompts.md")
EXAMPLES = {found["title"]: found["code"] for page in PAGES for found in SECTION.finditer((HERE / page).read_text())}
RunTypeScript = Callable[[str], subprocess.CompletedProcess[str]]


def example(gateway: Gateway, language: str, *titles: str) -> str:
    """Return these sections as one program, with the gateway's own address."""
    code = "\n".join(EXAMPLES[f"{language}: {title}"] for title in titles)
    return code.replace("localhost:7860", gateway.url.removeprefix("http://"))


def python(code: str, folder: Path | None = None, seconds: float = 30) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, cwd=folder)
