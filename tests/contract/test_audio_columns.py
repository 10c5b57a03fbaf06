"""A book from before anybody heard or spoke, on either database: it gains columns, and stays append-only."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from storage import migrations
from storage.database import is_postgres
from storage.errors import StorageError
from storage.migrations import HEAD, revision_of, upgrade
from tests.contract.databases import asking, opened

pytestmark = pytest.mark.anyio

ENTRY = (
    "INSERT INTO ledger (request_id, opened_at, settled_at, route, agent, model, project_id, subject, status) "
    "VALUES ('r1', '2026-11-21T12', '2026-11-21T12', '/completion', 'V2', 'gpt-4o', 'proj-default', 'user', 'ok')"
)
CALL = (
    "INSERT INTO ledger_calls (request_id, seq, model, canonical, provider, status, usage_source, cost_eur, input_eur, "
    "output_eur, basis) VALUES ('r1', 0, 'm', 'openai/m', 'openai', 'ok', 'provider', '0.3', '0.1', '0.2', 'x')"
)
HOUR = (
    "INSERT INTO usage_hours (hour, owner, project_id, key_id, subject, model, resolved_model, basis, zone, method, "
    "exchange, requests, failed, unknown, carbon_known, carbon_tokens, energy_known, embodied_known, water_known) "
    "VALUES ('2026-11-21T12', 'o', 'proj-default', '', 'user', 'gpt-4o', 'gpt-4o', 'x', '', '', '', 1,0,0,0,0,0,0,0)"
)
CHANGES = [
    "UPDATE ledger_calls SET audio_s = '60'",
    "UPDATE ledger_calls SET characters = 1",
    "DELETE FROM ledger_calls",
]


def bring_to(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def bring_postgres_to(url: str, revision: str) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.run_sync(bring_to, revision)
    await engine.dispose()


@pytest.fixture
def old_url(empty_url: str) -> str:
    """The URL of a database of the release before, with a request in its book."""
    if is_postgres(empty_url):
        asyncio.run(bring_postgres_to(empty_url, "0003"))
    else:
        with create_engine(empty_url).begin() as connection:
            bring_to(connection, "0003")

    async def fill() -> None:
        async with opened(empty_url) as database:
            for row in (ENTRY, CALL, HOUR):
                await database.write(asking(row))

    asyncio.run(fill())
    return empty_url


async def test_old_calls_heard_and_spoke_nothing_and_cost_what_they_did(old_url):
    upgrade(old_url)

    assert revision_of(old_url) == HEAD
    async with opened(old_url) as database:
        calls = await database.read(asking("SELECT cost_eur, audio_s, characters FROM ledger_calls"))
        hours = await database.read(asking("SELECT requests, heard, spoken, audio_s, characters FROM usage_hours"))
    assert [tuple(row) for row in calls] == [("0.3", None, None)]
    assert [tuple(row) for row in hours] == [(1, 0, 0, None, None)]


@pytest.mark.parametrize("change", CHANGES)
async def test_the_book_still_refuses_to_be_edited(old_url, change):
    upgrade(old_url)

    async with opened(old_url) as database:
        with pytest.raises(StorageError, match="append-only"):
            await database.write(asking(change))
        calls = await database.read(asking("SELECT audio_s, characters FROM ledger_calls"))
    assert [tuple(row) for row in calls] == [(None, None)]
