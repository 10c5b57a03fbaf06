"""A serving process for tests; its jobs are named by their first bytes."""

import os
import select
import sys
from typing import BinaryIO

from sandbox.serve import serve


def work(job: bytes, source: BinaryIO, result: BinaryIO) -> None:
    result.write(job)
    result.flush()
    match job:
        case b"copy":
            result.write(source.read())
        case b"wait":
            select.select([], [], [], 60)
        case b"spin":
            while True:
                pass
        case b"swell":
            result.write(bytes(1 << 30))
        case b"fill":
            result.writelines(bytes(1 << 16) for _ in range(1000))
        case b"open":
            result.write(bytes(filter(is_open, range(3, 64))))
        case _:
            raise LookupError(job)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    serve(work, float(sys.argv[1]))
