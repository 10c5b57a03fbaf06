"""What a process remembers of the uses of keys: nothing that it has written."""

import random
from pathlib import Path

import pytest

from accounts.keys.last_uses import LastUses
from storage.sqlite import Sqlite


@pytest.mark.anyio
async def test_what_is_written_is_forgotten_whatever_its_last_bits(database_path: Path) -> None:
    uses = LastUses(Sqlite(database_path))
    uses.latest |= {f"key_{number}": 1_790_000_000 + random.Random(number).random() for number in range(200)}

    await uses.write()

    assert uses.latest == {}
