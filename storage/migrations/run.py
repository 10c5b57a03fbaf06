"""Runs the migrations with alembic, in one transaction, on the file of SQLite or on any connection."""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from storage.database import open_to_write
from storage.errors import SchemaNewer, StorageDown


def engine(path: Path) -> Engine:
    """Return an engine whose transactions hold the write lock from their first statement, DDL included."""

    def connect() -> sqlite3.Connection:
        return open_to_write(path)

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    made = create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)
    event.listen(made, "begin", begin)
    return made


def run(path: Path) -> None:
    """Bring an existing file to head.

    Raises:
        SchemaNewer: The file is at a revision that is not known here.
        StorageDown: The database refused a step; none of them was kept.

    """
    try:
        with engine(path).begin() as connection:
            bring_to_head(connection)
    except DBAPIError as cause:
        raise StorageDown(f"{path}: {cause.orig}") from cause


def bring_to_head(connection: Connection) -> None:
    """Run what is missing in the transaction that is open.

    Raises:
        SchemaNewer: The database is at a revision that is not known here.
        sqlalchemy.exc.DBAPIError: The database refused a step.

    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as cause:
        raise SchemaNewer(str(cause)) from cause
