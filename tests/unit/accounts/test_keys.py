"""Keys: what is kept of them, how long each value opens, and who gives what."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from accounts.errors import (
    AccountForbidden,
    KeyEnded,
    KeyExpired,
    KeyUnknown,
    LifeInvalid,
    LifeTooLong,
    NameInvalid,
    ProjectUnknown,
)
from accounts.keys.key import Kind
from accounts.keys.keys import Giver, Keys, NewKey
from accounts.keys.last_uses import LastUses
from accounts.keys.scopes import scopes_of
from accounts.pages import Cut
from storage.script import Query, Script
from storage.sqlite import Sqlite

DEFAULT = "proj-default"
PLAIN = NewKey(kind="project", project_id=DEFAULT, name="k")
SCOPES = scopes_of(["keys", "model:gpt-4o"])


@pytest.fixture
def database(database_path: Path) -> Sqlite:
    return Sqlite(database_path)


@pytest.fixture
def keys(database: Sqlite) -> Keys:
    return Keys(database, "pepper-of-the-tests")


@pytest.fixture
async def maker(keys: Keys) -> Giver:
    return Giver((await keys.create(PLAIN)).key.id, DEFAULT, SCOPES, None)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "prefix", "mask"),
    [("project", "sk-proj-", "sk-proj-…{0[-4:]}"), ("prompt", "sk_", "sk_***"), ("admin", "sk-admin-", "sk-admin-…")],
)
async def test_a_value_is_long_random_shown_once_and_kept_as_a_digest(
    keys: Keys, database_path: Path, kind: Kind, prefix: str, mask: str
) -> None:
    owner = "" if kind == "admin" else DEFAULT

    first = await keys.create(NewKey(kind=kind, project_id=owner, name="k"))
    second = await keys.create(NewKey(kind=kind, project_id=owner, name="k"))

    assert first.value.startswith(prefix)
    assert len(first.value) - len(prefix) >= 43
    assert first.value != second.value
    assert first.key.masked.startswith(mask.partition("{")[0])
    assert first.key.masked.endswith(first.value[-6:] if kind == "prompt" else first.value[-4:])
    kept = b"".join(path.read_bytes() for path in database_path.parent.iterdir())
    assert first.value[len(prefix) :].encode() not in kept


@pytest.mark.anyio
async def test_a_table_under_another_pepper_opens_nothing(keys: Keys, database: Sqlite) -> None:
    minted = await keys.create(PLAIN)

    assert await keys.open(minted.value) is not None
    assert await Keys(database, "another-pepper").open(minted.value) is None


@pytest.mark.anyio
async def test_a_rotated_key_opens_by_both_values_until_its_grace_is_over(keys: Keys) -> None:
    old = await keys.create(PLAIN)

    new = await keys.rotate(old.key.id, DEFAULT, 3600)
    by_old, by_new = await keys.open(old.value), await keys.open(new.value)

    assert by_old is not None
    assert by_new is not None
    assert by_old.key.id == by_new.key.id == old.key.id
    assert by_new.expires_at is None
    assert by_old.expires_at is not None
    assert timedelta(seconds=3598) < by_old.expires_at - datetime.now(UTC) <= timedelta(seconds=3601)


@pytest.mark.anyio
async def test_a_value_rotated_without_grace_opens_nothing_and_its_mark_neither(keys: Keys) -> None:
    old = await keys.create(PLAIN)
    opened = await keys.open(old.value)
    assert opened is not None

    new = await keys.rotate(old.key.id, DEFAULT, 0)

    assert await keys.open(old.value) is None
    assert await keys.reopen(old.key.id, opened.mark) is None
    assert await keys.reopen(old.key.id, keys.digest(new.value)[:16]) is not None
    assert await keys.reopen(old.key.id, "") is None


@pytest.mark.anyio
async def test_a_key_rotated_twice_opens_by_all_values_in_their_grace(keys: Keys) -> None:
    first = await keys.create(PLAIN)
    second = await keys.rotate(first.key.id, DEFAULT, 60)
    third = await keys.rotate(first.key.id, DEFAULT, 60)

    assert [await keys.open(each.value) is not None for each in (first, second, third)] == [True, True, True]


@pytest.mark.anyio
async def test_a_revoked_key_opens_by_none_of_its_values_and_cannot_come_back(keys: Keys) -> None:
    old = await keys.create(PLAIN)
    new = await keys.rotate(old.key.id, DEFAULT, 60)

    await keys.revoke(old.key.id, DEFAULT)

    assert await keys.open(old.value) is None
    assert await keys.open(new.value) is None
    with pytest.raises(KeyUnknown):
        await keys.rotate(old.key.id, DEFAULT, 60)
    assert (await keys.page(DEFAULT, Cut())).rows == []


@pytest.mark.anyio
async def test_an_expired_key_opens_nothing_and_is_not_revived(keys: Keys, database: Sqlite) -> None:
    minted = await keys.create(PLAIN)

    def expire() -> Script[None]:
        yield Query("UPDATE keys SET expires_at = ?", ("2026-01-01T00:00:00.000000+00:00",))

    await database.write(expire)

    with pytest.raises(KeyExpired):
        await keys.open(minted.value)
    with pytest.raises(KeyEnded):
        await keys.rotate(minted.key.id, DEFAULT, 60)
    with pytest.raises(KeyEnded):
        await keys.change(minted.key.id, DEFAULT, None, 60)


@pytest.mark.anyio
async def test_a_key_gives_its_own_scopes_without_its_permissions_when_none_are_named(keys: Keys, maker: Giver) -> None:
    minted = await keys.create(PLAIN, maker)

    assert minted.key.scopes.listed() == ["model:gpt-4o"]


@pytest.mark.anyio
async def test_a_key_gives_no_longer_life_than_its_own(keys: Keys, maker: Giver) -> None:
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    mortal = replace(maker, expires_at=ends_at)

    heir = await keys.create(PLAIN, mortal)

    assert heir.key.expires_at == ends_at
    with pytest.raises(LifeTooLong):
        await keys.create(NewKey(kind="project", project_id=DEFAULT, name="k", life_s=7200), mortal)


@pytest.mark.anyio
async def test_a_key_gives_nothing_without_the_permission_and_nothing_elsewhere(keys: Keys, maker: Giver) -> None:
    with pytest.raises(AccountForbidden):
        await keys.create(PLAIN, replace(maker, scopes=scopes_of([])))
    with pytest.raises(AccountForbidden):
        await keys.create(PLAIN, replace(maker, project_id="proj-other"))


@pytest.mark.anyio
@pytest.mark.parametrize("project_id", ["", DEFAULT])
async def test_a_key_makes_no_admin_key(keys: Keys, maker: Giver, project_id: str) -> None:
    with pytest.raises(AccountForbidden):
        await keys.create(NewKey(kind="admin", project_id=project_id, name="k"), replace(maker, project_id=project_id))


@pytest.mark.anyio
async def test_what_cannot_be_a_key_is_refused(keys: Keys) -> None:
    for name in ("", "  ", "n" * 257, "a\nb"):
        with pytest.raises(NameInvalid):
            await keys.create(NewKey(kind="project", project_id=DEFAULT, name=name))
    for life_s in (0, -1, 31_536_001):
        with pytest.raises(LifeInvalid):
            await keys.create(NewKey(kind="project", project_id=DEFAULT, name="k", life_s=life_s))
    with pytest.raises(LifeInvalid):
        await keys.rotate((await keys.create(PLAIN)).key.id, DEFAULT, -1)
    with pytest.raises(ProjectUnknown):
        await keys.create(NewKey(kind="project", project_id="proj-none", name="k"))


@pytest.mark.anyio
async def test_pages_follow_each_other_without_gap_or_repetition(keys: Keys) -> None:
    made = [(await keys.create(PLAIN)).key.id for _ in range(5)]

    first = await keys.page(DEFAULT, Cut(limit=2))
    second = await keys.page(DEFAULT, Cut(after=first.rows[-1].id, limit=3))
    backwards = await keys.page(DEFAULT, Cut(limit=5, descending=True))

    assert (first.has_more, second.has_more) == (True, False)
    assert [key.id for key in [*first.rows, *second.rows]] == sorted(made)
    assert [key.id for key in backwards.rows] == sorted(made, reverse=True)


# 6.7: at most once a minute, whichever process saw it.
@pytest.mark.anyio
async def test_the_last_use_is_written_at_most_once_a_minute(keys: Keys, database: Sqlite) -> None:
    key_id = (await keys.create(PLAIN)).key.id
    now = datetime.now(UTC)
    one, other = LastUses(database), LastUses(database)

    async def used(uses: LastUses, seconds: float) -> datetime | None:
        uses.latest[key_id] = (now + timedelta(seconds=seconds)).timestamp()
        await uses.write()
        return (await keys.find(key_id, DEFAULT)).last_used_at

    assert await used(one, 0) == now
    assert await used(one, 30) == now
    assert await used(other, 59) == now
    assert await used(LastUses(database), 61) == now + timedelta(seconds=61)


@pytest.mark.anyio
async def test_two_rotations_at_once_leave_one_current_value(keys: Keys) -> None:
    first = await keys.create(PLAIN)

    rotated = await asyncio.gather(*(keys.rotate(first.key.id, DEFAULT, 60) for _ in range(2)))

    opened = [await keys.open(each.value) for each in rotated]
    assert sum(each is not None and each.expires_at is None for each in opened) == 1
    assert all(each is not None for each in opened)
