"""Recordings on the disk: whole, private, bounded, and gone in the end."""

import hashlib
import shutil
from pathlib import Path

import pytest

from router.errors import Refused
from router.spool import Spool, Spooled

pytestmark = pytest.mark.anyio


def spool_in(folder: Path) -> Spool:
    spool = Spool(folder, "me")
    spool.open()
    return spool


def left(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_file_is_whole_private_and_gone_in_the_end(tmp_path):
    spool = spool_in(tmp_path / "heard")
    pieces = [bytes([number]) * 100_000 for number in range(7)]

    async with spool.room() as room:
        file = Spooled(room / "upload", 1_000_000)
        for piece in pieces:
            await file.add(piece)
        await file.end()
        content, modes = file.path.read_bytes(), {each.stat().st_mode & 0o777 for each in (room, room.parent)}

    assert content == b"".join(pieces)
    assert file.digest == hashlib.sha256(content).digest()
    assert modes == {0o700}
    assert left(tmp_path) == []
    spool.close()
    assert list((tmp_path / "heard").iterdir()) == []


async def test_room_is_gone_when_the_work_in_it_fails(tmp_path):
    spool = spool_in(tmp_path)

    async def work() -> None:
        async with spool.room() as room:
            (room / "samples").write_bytes(b"0" * 10)
            raise LookupError

    with pytest.raises(LookupError):
        await work()

    assert left(tmp_path) == []


async def test_one_byte_over_the_limit_is_refused(tmp_path):
    async with spool_in(tmp_path).room() as room:
        file = Spooled(room / "upload", 10)
        await file.add(b"0" * 10)

        with pytest.raises(Refused) as told:
            await file.add(b"0")

    assert told.value.code == "body_too_large"


async def test_uploads_leave_room_on_the_disk_for_the_books(tmp_path):
    async with spool_in(tmp_path).room() as room:
        file = Spooled(room / "upload", 10, reserve_bytes=shutil.disk_usage(tmp_path).total)
        await file.add(b"0" * 10)

        with pytest.raises(Refused) as told:
            await file.end()

        assert left(tmp_path) == []
    assert told.value.code == "overloaded"


async def test_empty_file_is_refused(tmp_path):
    async with spool_in(tmp_path).room() as room:
        with pytest.raises(Refused) as told:
            await Spooled(room / "upload", 10).end()

    assert (told.value.code, told.value.param) == ("invalid_request", "file")


async def test_disk_that_takes_no_folder_is_tried_again(tmp_path):
    in_the_way = tmp_path / "heard"
    in_the_way.write_text("no folder")
    spool = spool_in(in_the_way)

    with pytest.raises(Refused) as told:
        await spool.room().__aenter__()
    in_the_way.unlink()
    async with spool.room() as room:
        made = room.is_dir()

    assert told.value.code == "overloaded"
    assert made


async def test_disk_that_takes_no_byte_is_no_fault_of_the_caller(tmp_path):
    async with spool_in(tmp_path).room() as room:
        file = Spooled(room, 10)  # a folder, which nothing can be written to
        await file.add(b"0")

        with pytest.raises(Refused) as told:
            await file.end()

    assert told.value.code == "overloaded"


async def test_what_a_dead_process_left_is_removed_by_the_next(tmp_path):
    (tmp_path / "dead" / "room").mkdir(parents=True)
    (tmp_path / "dead" / "room" / "upload").write_bytes(b"secret")

    spool_in(tmp_path)

    assert left(tmp_path) == []
