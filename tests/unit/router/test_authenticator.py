"""Who is calling: looked up once, forgotten at every change, and an outage is no refusal."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.keys.key import iso
from accounts.keys.keys import NewKey
from accounts.revision import CHANGED
from router.auth import Authenticator
from router.credentials import KeyExpired
from router.errors import Refused
from router.settings import Settings
from router.tenancy import Tenancy, tenancy_of, tokens_of
from storage.errors import StorageDown
from storage.script import Database, Query, Script
from storage.sqlite import Sqlite
from tests.heads import file_at_head

PLAIN = NewKey(kind="project", project_id="proj-default", name="k")
ADDRESS = "192.0.2.1"
ADMIN_KEY = "Qx8.acceptance.admin-key-of-the-unit-tests"


class Counted:
    """A database that counts what is read, and can be down, or slow until it is told to go on."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.reads = 0
        self.down = False
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    def clock_ns(self) -> int:
        return self.database.clock_ns()

    async def write(self, script: Callable[[], Script[Any]]) -> Any:
        return await self.database.write(script)

    async def read(self, script: Callable[[], Script[Any]]) -> Any:
        self.reads += 1
        if self.down:
            raise StorageDown
        found = await self.database.read(script)
        self.asked.set()
        await self.go_on.wait()
        return found

    async def aclose(self) -> None:
        await self.database.aclose()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, admin_key=ADMIN_KEY)


@pytest.fixture
async def counted(tmp_path: Path) -> Counted:
    return Counted(Sqlite(file_at_head(tmp_path / "router.db")))


@pytest.fixture
async def tenancy(settings: Settings, counted: Counted) -> Tenancy:
    tenancy = tenancy_of(settings, counted)
    await tenancy.revision.look()
    return tenancy


def bearer(credential: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", b"Bearer " + credential.encode())]


async def refused(authenticator: Authenticator, credential: str) -> bool:
    try:
        await authenticator.principal(bearer(credential), ADDRESS)
    except Refused as refusal:
        return refusal.code == "unauthorized"
    return False


@pytest.mark.anyio
async def test_a_key_is_looked_up_once(tenancy: Tenancy, counted: Counted) -> None:
    minted = await tenancy.api_keys.create(PLAIN)
    await tenancy.revision.look()
    before = counted.reads

    callers = [await tenancy.authenticator.principal(bearer(minted.value), ADDRESS) for _ in range(5)]

    assert counted.reads == before + 1
    assert {caller.key_id for caller in callers} == {minted.key.id}
    assert minted.key.id in tenancy.uses.latest


@pytest.mark.anyio
async def test_many_who_come_at_once_ask_once(tenancy: Tenancy, counted: Counted) -> None:
    minted = await tenancy.api_keys.create(PLAIN)
    await tenancy.revision.look()
    before = counted.reads

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(tenancy.authenticator.principal(bearer(minted.value), ADDRESS))

    assert counted.reads == before + 1


@pytest.mark.anyio
async def test_who_asked_first_and_left_takes_nobody_along(tenancy: Tenancy, counted: Counted) -> None:
    minted = await tenancy.api_keys.create(PLAIN)
    await tenancy.revision.look()
    counted.go_on.clear()
    counted.asked.clear()
    first = asyncio.ensure_future(tenancy.authenticator.principal(bearer(minted.value), ADDRESS))
    second = asyncio.ensure_future(tenancy.authenticator.principal(bearer(minted.value), ADDRESS))
    await counted.asked.wait()

    first.cancel()
    counted.go_on.set()

    assert (await second).key_id == minted.key.id


@pytest.mark.anyio
async def test_a_wrong_key_is_remembered_too_until_anything_changes(tenancy: Tenancy, counted: Counted) -> None:
    wrong = "sk-proj-" + "x" * 48
    before = counted.reads

    assert [await refused(tenancy.authenticator, wrong) for _ in range(3)] == [True] * 3
    assert counted.reads == before + 1


@pytest.mark.anyio
async def test_what_has_no_form_of_ours_is_not_looked_up(tenancy: Tenancy, counted: Counted) -> None:
    before = counted.reads

    for credential in ("abc", "a.b.c", "sk-ant-api03-" + "x" * 80, "' OR 1=1 --"):
        assert await refused(tenancy.authenticator, credential)
    assert counted.reads == before


@pytest.mark.anyio
async def test_a_change_seen_makes_a_revoked_key_unknown(tenancy: Tenancy) -> None:
    minted = await tenancy.api_keys.create(PLAIN)
    await tenancy.revision.look()
    await tenancy.authenticator.principal(bearer(minted.value), ADDRESS)

    await tenancy.api_keys.revoke(minted.key.id, "proj-default")
    await tenancy.revision.look()

    assert await refused(tenancy.authenticator, minted.value)


@pytest.mark.anyio
async def test_what_was_read_before_a_change_is_not_remembered_after_it(tenancy: Tenancy, counted: Counted) -> None:
    minted = await tenancy.api_keys.create(PLAIN)
    await tenancy.revision.look()
    counted.go_on.clear()
    counted.asked.clear()
    early = asyncio.ensure_future(tenancy.authenticator.principal(bearer(minted.value), ADDRESS))
    await counted.asked.wait()
    await tenancy.api_keys.revoke(minted.key.id, "proj-default")
    look = asyncio.ensure_future(tenancy.revision.look())

    counted.go_on.set()
    await asyncio.gather(early, look)

    assert await refused(tenancy.authenticator, minted.value)


@pytest.mark.anyio
async def test_an_outage_is_not_a_refusal(tenancy: Tenancy, counted: Counted, settings: Settings) -> None:
    minted = await tenancy.api_keys.create(PLAIN)
    await tenancy.revision.look()
    counted.down = True

    with pytest.raises(StorageDown):
        await tenancy.authenticator.principal(bearer(minted.value), ADDRESS)

    token = tokens_of(settings).issue("user")
    assert (await tenancy.authenticator.principal(bearer(token), ADDRESS)).subject == "user"
    assert (await tenancy.authenticator.principal(bearer(ADMIN_KEY), ADDRESS)).kind == "admin"
    counted.down = False
    assert (await tenancy.authenticator.principal(bearer(minted.value), ADDRESS)).key_id == minted.key.id


@pytest.mark.anyio
async def test_who_has_not_looked_lately_looks_before_it_goes_by_what_it_knows(
    settings: Settings, tenancy: Tenancy, counted: Counted
) -> None:
    minted = await tenancy.api_keys.create(PLAIN)
    other = tenancy_of(settings, counted)
    before = counted.reads

    assert other.authenticator.known(bearer(minted.value)) is None
    assert (await other.authenticator.principal(bearer(minted.value), ADDRESS)).key_id == minted.key.id

    assert counted.reads == before + 2
    assert other.authenticator.known(bearer(minted.value)) is not None


@pytest.mark.anyio
async def test_a_token_of_a_key_has_its_project_and_the_scopes_of_the_moment(
    tenancy: Tenancy, settings: Settings
) -> None:
    minted = await tenancy.api_keys.create(PLAIN)
    opened = await tenancy.api_keys.open(minted.value)
    assert opened is not None
    expires_at = int(time.time()) + 60
    token = tokens_of(settings).issue_for_key(minted.key.id, "proj-default", opened.mark, expires_at)
    await tenancy.revision.look()

    caller = await tenancy.authenticator.principal(bearer(token), ADDRESS)

    assert (caller.kind, caller.key_id, caller.expires_at) == ("access", minted.key.id, expires_at)
    forged = tokens_of(settings).issue_for_key(minted.key.id, "proj-default", "0" * 16, expires_at)
    assert await refused(tenancy.authenticator, forged)


@pytest.mark.anyio
async def test_an_expired_key_is_told_from_a_wrong_one_and_looked_up_once(tenancy: Tenancy, counted: Counted) -> None:
    minted = await tenancy.api_keys.create(PLAIN)
    await expire(counted, minted.key.id)
    await tenancy.revision.look()
    before = counted.reads

    for _ in range(3):
        with pytest.raises(KeyExpired) as refusal:
            await tenancy.authenticator.principal(bearer(minted.value), ADDRESS)
        assert refusal.value.code == "unauthorized"
    assert counted.reads == before + 1


@pytest.mark.anyio
async def test_a_value_that_was_rotated_out_is_wrong_and_not_expired(tenancy: Tenancy) -> None:
    minted = await tenancy.api_keys.create(PLAIN)
    await tenancy.api_keys.rotate(minted.key.id, "proj-default", 0)
    await tenancy.revision.look()

    with pytest.raises(Refused) as refusal:
        await tenancy.authenticator.principal(bearer(minted.value), ADDRESS)

    assert not isinstance(refusal.value, KeyExpired)


async def expire(counted: Counted, key_id: str) -> None:
    moment = iso(datetime.now(UTC) - timedelta(seconds=1))

    def script() -> Script[None]:
        yield Query("UPDATE keys SET expires_at = ? WHERE id = ?", (moment, key_id))
        yield CHANGED

    await counted.write(script)
