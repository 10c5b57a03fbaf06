"""One contract for both databases: keys, projects and service accounts live and end the same way on each."""

import asyncio
from datetime import UTC, datetime

import pytest

from accounts.errors import KeyUnknown, ProjectTaken, ProjectUnknown, ServiceAccountUnknown
from accounts.keys.keys import Keys, NewKey
from accounts.keys.last_uses import LastUses
from accounts.keys.scopes import scopes_of
from accounts.keys.service_accounts import ServiceAccounts
from accounts.pages import Cut
from accounts.projects import Projects
from accounts.revision import Revision
from tests.contract.databases import opened

pytestmark = pytest.mark.anyio
PEPPER = "pepper-of-the-contract"


async def test_a_key_lives_and_ends(url):
    async with opened(url) as database:
        keys, uses = Keys(database, PEPPER), LastUses(database)
        made = await keys.create(NewKey(kind="project", project_id="proj-default", name="k"))
        uses.latest[made.key.id] = datetime.now(UTC).timestamp()
        await uses.write()
        narrowed = await keys.change(made.key.id, "proj-default", scopes_of(["agent:V2"]), 3600)
        rotated = await keys.rotate(made.key.id, "proj-default", 60)
        old, new = await keys.open(made.value), await keys.open(rotated.value)
        again = await keys.reopen(made.key.id, old.mark)
        await keys.revoke(made.key.id, "proj-default")
        ended = [await keys.open(made.value), await keys.open(rotated.value), await keys.reopen(made.key.id, new.mark)]

    assert narrowed.last_used_at is not None
    assert new.key.scopes.listed() == ["agent:V2"]
    assert old.key.id == new.key.id == made.key.id
    assert old.expires_at < new.expires_at
    assert again == old
    assert ended == [None, None, None]


async def test_a_project_takes_its_keys_along(url):
    async with opened(url) as database:
        keys, projects = Keys(database, PEPPER), Projects(database, Revision(database))
        project = await projects.create("Projet", "labo")
        made = await keys.create(NewKey(kind="prompt", project_id=project.id, name="k"))
        renamed = await projects.rename("labo", "Laboratoire")
        before = await keys.open(made.value)
        archived = await projects.archive("labo")

        assert before is not None
        assert await keys.open(made.value) is None
        with pytest.raises(ProjectTaken):
            await projects.create("Autre", "labo")
        with pytest.raises(ProjectUnknown):
            await keys.create(NewKey(kind="project", project_id="labo", name="k"))
        with pytest.raises(ProjectUnknown):
            await projects.open_by_name("labo")
        listed = [(await page).rows for page in (projects.page(Cut()), projects.page_with_archived(Cut()))]

    assert (renamed.name, archived.archived_at is None) == ("Laboratoire", False)
    assert [[each.id for each in rows] for rows in listed] == [["proj-default"], ["labo", "proj-default"]]


async def test_a_service_account_takes_its_keys_along(url):
    async with opened(url) as database:
        keys, accounts = Keys(database, PEPPER), ServiceAccounts(database)
        new = NewKey(kind="project", project_id="proj-default", name="k")
        account, minted = await keys.create_with_account("robot", new)
        await accounts.create("proj-default", "bare")
        page = await accounts.page("proj-default", Cut(limit=1))
        await accounts.remove(account.id, "proj-default")

        assert await keys.open(minted.value) is None
        with pytest.raises(ServiceAccountUnknown):
            await accounts.find(account.id, "proj-default")
        with pytest.raises(KeyUnknown):
            await keys.find(minted.key.id, "proj-default")

    assert ([each.id for each in page.rows], page.has_more) == ([account.id], True)


async def test_a_project_named_by_many_at_once_is_made_once(url):
    async with opened(url) as database:
        everybody = [Projects(database, Revision(database)) for _ in range(4)]

        await asyncio.gather(*(projects.open_by_name("proj-shared") for projects in everybody))

        assert [each.id for each in (await everybody[0].page(Cut())).rows] == ["proj-default", "proj-shared"]
