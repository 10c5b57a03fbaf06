"""A book that is older than its hours: they are summed once, when the database is brought to head."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from metering.ledger import Entry
from metering.question import EVER, FOREVER, Question
from metering.reports import Reports
from storage import migrations
from storage.migrations import upgrade
from storage.migrations.hours import sum_hours
from storage.migrations.run import engine
from storage.sqlite import Sqlite
from tests.unit.metering.books import kept, query
from tests.unit.metering.drawn import AMOUNTS, COLUMNS, named, requests
from tests.unit.metering.naive import told, worked_out
from tests.unit.metering.samples import NOON, entry

EVERYTHING = Question(start=EVER, end=FOREVER, width="1h", by=COLUMNS, amounts=AMOUNTS)


def old_book(path: Path) -> None:
    """Make a database of the first release."""
    path.touch()
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine(path).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")


def move(source: Path, target: Path) -> None:
    """Put the entries of one book into another."""
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("ATTACH ? AS other", (str(source),))
        for table in ("ledger", "ledger_calls"):
            names = ",".join(name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})"))
            connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM other.{table}")  # noqa: S608 - names of ours
        connection.commit()


def without_audio(one: Entry) -> Entry:
    """Return the entry as it could be before anybody heard or spoke."""
    calls = tuple(structs.replace(call, audio_s=None, characters=None) for call in one.receipt.calls)
    return structs.replace(one, receipt=structs.replace(one.receipt, calls=calls))


def told_by(folder: Path) -> object:
    return told(asyncio.run(Reports(Sqlite(folder / "router.db")).lines(EVERYTHING)), EVERYTHING)


def test_book_of_the_first_release_is_reported_like_any_other(folder, tmp_path_factory):
    asyncio.run(kept(folder, entry("r1"), entry("r2", kg=None), entry("r3", calls=0), entry("r4", calls=2)))
    old = tmp_path_factory.mktemp("old")
    old_book(old / "router.db")
    move(folder / "router.db", old / "router.db")

    upgrade(f"sqlite:///{old}/router.db")

    assert [row["hour"] for row in query(old, "SELECT DISTINCT hour FROM usage_hours")] == [NOON.isoformat()[:13]]
    assert told_by(old) == worked_out(old, EVERYTHING)


@settings(max_examples=20, deadline=None)
@given(entries=st.lists(requests(), max_size=12))
def test_hours_summed_afterwards_are_the_sums_of_the_book(tmp_path_factory, entries: list[Entry]):
    folder = tmp_path_factory.mktemp("book")
    upgrade(f"sqlite:///{folder}/router.db")
    asyncio.run(kept(folder, *map(without_audio, named(entries))))

    with engine(folder / "router.db").begin() as connection:
        connection.exec_driver_sql("DELETE FROM usage_hours")
        sum_hours(connection)

    assert told_by(folder) == worked_out(folder, EVERYTHING)
