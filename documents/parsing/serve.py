"""The parsing process: loads the parsers and a vocabulary once, then reads every document in a fork."""

import os
import sys
from functools import partial
from pathlib import Path

from documents.parsing import reading
from metering.tokens import counter
from sandbox.serve import serve

NICENESS = 10


def main() -> None:
    """Serve; the arguments are the folder of vocabularies, and after how many idle seconds to end."""
    os.nice(NICENESS)
    reading.preload()
    serve(partial(reading.read, counter("o200k_base", Path(sys.argv[1]))), float(sys.argv[2]))


if __name__ == "__main__":
    main()
