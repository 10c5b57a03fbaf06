"""Keys on either database: what was made with one ends with it, and nothing slips past an end at the same moment."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from accounts.errors import AccountError, KeyEnded, LifeTooLong
from accounts.keys.keys import Giver, Keys, NewKey
from accounts.keys.scopes import scopes_of
from accounts.keys.service_accounts import ServiceAccounts
from accounts.projects import Projects
from accounts.revision import Revision
from storage.script import Database
from tests.contract.databases import opened

pytestmark = pytest.mark.anyio

DEFAULT = "proj-default"
PLAIN = NewKey(kind="project", project_id=DEFAULT, name="k")
SCOPES = scopes_of(["keys"])


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with opened(url) as database:
        yield database


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database, "pepper-of-the-tests")


def giver(key_id: str) -> Giver:
    return Giver(key_id, DEFAULT, SCOPES, None)


async def family(keys: Keys, generations: int) -> list[tuple[str, str]]:
    """Make keys, each with the one before, and return their ids and values."""
    made = [await keys.create(replace(PLAIN, scopes=SCOPES))]
    for _ in range(generations):
        made.append(await keys.create(replace(PLAIN, scopes=SCOPES), giver(made[-1].key.id)))
    return [(minted.key.id, minted.value) for minted in made]


async def test_every_key_that_was_made_with_a_revoked_one_is_revoked(keys: Keys) -> None:
    (oldest, _), (second, second_value), (_, third_value) = await family(keys, 2)
    sibling = await keys.create(PLAIN, giver(oldest))
    rotated = await keys.rotate(second, DEFAULT, 3600)
    bystander = await keys.create(PLAIN)

    await keys.revoke(oldest, DEFAULT)

    for value in (second_value, rotated.value, third_value, sibling.value):
        assert await keys.open(value) is None
    assert await keys.open(bystander.value) is not None
    with pytest.raises(KeyEnded):
        await keys.create(PLAIN, giver(second))


async def test_a_long_line_of_keys_is_revoked_with_the_first(keys: Keys) -> None:
    line = await family(keys, 120)

    await keys.revoke(line[0][0], DEFAULT)

    assert await keys.open(line[-1][1]) is None


async def test_what_was_made_with_a_key_ends_no_later_than_it(keys: Keys) -> None:
    (oldest, _), (_, second_value), (_, third_value) = await family(keys, 2)

    changed = await keys.change(oldest, DEFAULT, None, 60)

    for value in (second_value, third_value):
        found = await keys.open(value)
        assert found is not None
        assert found.expires_at == changed.expires_at
    with pytest.raises(LifeTooLong):
        await keys.create(PLAIN, giver(oldest))
    assert changed.expires_at is not None
    mortal = replace(giver(oldest), expires_at=changed.expires_at - timedelta(seconds=1))
    assert (await keys.create(PLAIN, mortal)).key.expires_at == mortal.expires_at


async def test_no_key_outlives_the_end_of_its_service_account_that_comes_at_the_same_moment(
    database: Database, keys: Keys
) -> None:
    accounts = ServiceAccounts(database)
    for _ in range(15):
        account, first = await keys.create_with_account("robot", PLAIN)
        new = replace(PLAIN, service_account_id=account.id)
        made = [keys.create(new) for _ in range(4)]

        *outcomes, _ = await asyncio.gather(*made, accounts.remove(account.id, DEFAULT), return_exceptions=True)

        values = [first.value, *(minted.value for minted in outcomes if not isinstance(minted, BaseException))]
        assert all(isinstance(each, AccountError) for each in outcomes if isinstance(each, BaseException))
        assert [await keys.open(value) for value in values] == [None] * len(values)


async def test_no_key_outlives_its_maker_that_is_revoked_at_the_same_moment(keys: Keys) -> None:
    for _ in range(15):
        (oldest, _), (second, _) = await family(keys, 1)
        made = [keys.create(PLAIN, giver(maker)) for maker in (oldest, second, oldest, second)]

        *outcomes, ended = await asyncio.gather(*made, keys.revoke(oldest, DEFAULT), return_exceptions=True)

        assert ended is None
        values = [minted.value for minted in outcomes if not isinstance(minted, BaseException)]
        assert all(isinstance(each, KeyEnded) for each in outcomes if isinstance(each, BaseException))
        assert [await keys.open(value) for value in values] == [None] * len(values)


async def test_no_key_outlives_its_project_that_is_archived_at_the_same_moment(database: Database, keys: Keys) -> None:
    projects = Projects(database, Revision(database))
    for number in range(15):
        project_id = (await projects.create(f"p{number}")).id
        made = [keys.create(replace(PLAIN, project_id=project_id)) for _ in range(4)]

        *outcomes, _ = await asyncio.gather(*made, projects.archive(project_id), return_exceptions=True)

        values = [minted.value for minted in outcomes if not isinstance(minted, BaseException)]
        assert all(isinstance(each, AccountError) for each in outcomes if isinstance(each, BaseException))
        assert [await keys.open(value) for value in values] == [None] * len(values)
