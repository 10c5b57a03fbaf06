"""Limits of keys and projects: set, changed, forgotten at once, and combined into what a request takes."""

import asyncio

import pytest

from accounts.errors import KeyUnknown, LimitInvalid, ProjectUnknown
from accounts.limits.gcra import Rate
from accounts.limits.limits import Applied, Limits
from accounts.limits.store import Limit
from accounts.revision import CHANGED, Revision
from storage.script import Database, Query, Script

PROJECT = "proj-default"
KEY = "key_a"
pytestmark = pytest.mark.anyio


def add_key() -> Script[None]:
    values = (KEY, "digest", "project", PROJECT, "name", "sk-proj-…abcd", "[]", "2026-01-01T00:00:00.000000+00:00")
    columns = "id, digest, kind, project_id, name, masked, scopes, created_at"
    yield Query(f"INSERT INTO keys ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608 - constant


class Watched:
    """A database that counts what is read and can hold back what was found."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.write = database.write
        self.reads = 0
        self.held = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def read(self, script):
        self.reads += 1
        found = await self._database.read(script)
        if isinstance(found, dict):
            self.held.set()
            await self.go.wait()
        return found


@pytest.fixture
async def watched(database) -> Watched:
    await database.write(add_key)
    return Watched(database)


@pytest.fixture
def revision(watched) -> Revision:
    return Revision(watched)


@pytest.fixture
def limits(watched, revision) -> Limits:
    return Limits(watched, revision)


async def test_nothing_is_limited_until_a_limit_is_set(limits):
    applied = await limits.applied(KEY, PROJECT)

    assert applied == Applied((), (), None)
    assert applied.rates_of(1000) == ()


async def test_a_request_takes_from_the_limits_of_its_key_and_of_its_project(limits):
    await limits.set("key", KEY, Limit(500, 90_000, 4))
    await limits.set("project", PROJECT, Limit(5_000))

    applied = await limits.applied(KEY, PROJECT)

    assert applied.rates_of(800) == (
        Rate("requests:key:key_a", 500, 1),
        Rate("requests:project:proj-default", 5_000, 1),
        Rate("tokens:key:key_a", 90_000, 800),
    )
    assert applied.running_cap == 4


async def test_defaults_are_for_each_key_and_for_the_project_when_there_is_no_key(watched, revision):
    limits = Limits(watched, revision, default_rpm=60, default_tpm=1000)

    assert (await limits.applied(KEY, PROJECT)).rates_of(9) == (
        Rate("requests:key:key_a", 60, 1),
        Rate("tokens:key:key_a", 1000, 9),
    )
    assert (await limits.applied(None, PROJECT)).rates_of(9) == (
        Rate("requests:project:proj-default", 60, 1),
        Rate("tokens:project:proj-default", 1000, 9),
    )


async def test_what_one_has_of_its_own_stands_before_the_default(watched, revision):
    limits = Limits(watched, revision, default_rpm=60, default_tpm=1000)
    await limits.set("key", KEY, Limit(requests_per_minute=7))

    assert (await limits.applied(KEY, PROJECT)).rates_of(9) == (
        Rate("requests:key:key_a", 7, 1),
        Rate("tokens:key:key_a", 1000, 9),
    )


async def test_limits_are_remembered_while_the_revision_is_fresh(limits, revision, watched):
    await revision.look()
    assert limits.remembered(KEY, PROJECT) is None
    applied = await limits.applied(KEY, PROJECT)
    reads = watched.reads

    assert limits.remembered(KEY, PROJECT) is applied
    assert await limits.applied(KEY, PROJECT) is applied
    assert watched.reads == reads


async def test_limits_are_asked_for_while_nobody_knows_whether_they_changed(limits):
    await limits.applied(KEY, PROJECT)

    assert limits.remembered(KEY, PROJECT) is None


async def test_a_change_elsewhere_is_seen_at_the_next_look(limits, revision, watched):
    await revision.look()
    await limits.applied(KEY, PROJECT)
    await Limits(watched, Revision(watched)).set("key", KEY, Limit(3))

    await revision.look()

    assert limits.remembered(KEY, PROJECT) is None
    assert (await limits.applied(KEY, PROJECT)).rates_of(0) == (Rate("requests:key:key_a", 3, 1),)


async def test_what_was_read_before_a_change_is_not_remembered_after_it(limits, revision, watched):
    await revision.look()
    watched.go.clear()
    asking = asyncio.create_task(limits.applied(KEY, PROJECT))
    await watched.held.wait()
    await watched.write(changed)
    await revision.look()
    watched.go.set()
    await asking

    assert limits.remembered(KEY, PROJECT) is None


def changed() -> Script[None]:
    yield CHANGED


async def test_limits_are_read_changed_and_deleted_one_by_one(limits):
    assert await limits.read("key", KEY) == Limit()
    await limits.set("key", KEY, Limit(5, 6, 7))

    assert await limits.change("key", KEY, Limit(tokens_per_minute=60)) == Limit(5, 60, 7)
    assert await limits.read("key", KEY) == Limit(5, 60, 7)
    assert await limits.read_all() == [("key", KEY, Limit(5, 60, 7))]
    assert await limits.set("key", KEY, Limit(concurrent_requests=1)) == Limit(None, None, 1)
    await limits.delete("key", KEY)
    assert await limits.read("key", KEY) == Limit()
    assert await limits.read_all() == []


@pytest.mark.parametrize("number", [0, -1, 10**9 + 1])
async def test_numbers_out_of_range_are_refused(limits, number):
    for limit in (Limit(number), Limit(None, number), Limit(None, None, number)):
        with pytest.raises(LimitInvalid):
            await limits.set("key", KEY, limit)


async def test_a_project_has_no_limit_of_requests_at_once(limits):
    with pytest.raises(LimitInvalid, match="concurrent_requests"):
        await limits.set("project", PROJECT, Limit(concurrent_requests=3))


@pytest.mark.parametrize("name", ["key_b", "", "key\0", "clé", "'"])
async def test_what_is_not_there_has_no_limits(limits, name):
    for work in (limits.read, limits.delete):
        with pytest.raises(KeyUnknown):
            await work("key", name)
        with pytest.raises(ProjectUnknown):
            await work("project", name)
    with pytest.raises(KeyUnknown):
        await limits.set("key", name, Limit(1))
    with pytest.raises(ProjectUnknown):
        await limits.change("project", name, Limit(1))


async def test_changes_at_the_same_time_both_hold(limits):
    await asyncio.gather(
        limits.change("key", KEY, Limit(requests_per_minute=11)),
        limits.change("key", KEY, Limit(tokens_per_minute=12)),
        limits.change("key", KEY, Limit(concurrent_requests=13)),
    )

    assert await limits.read("key", KEY) == Limit(11, 12, 13)
