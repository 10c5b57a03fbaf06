"""The shelf never gives a version that was read before a change, and reads for many who ask at once but once."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from agents.messages import Message, Sampling
from agents.prompts.errors import PromptUnknown
from agents.prompts.prompt import Config, Content, StoredPrompt, Version, Which
from agents.prompts.shelf import HEAVIEST, MOST_REMEMBERED, Shelf

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULTS = Config(model="gpt-4o", agent="V2", temperature=0.7)
WHICH = Which()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Watch:
    """A revision that is as fresh as the test says."""

    def __init__(self) -> None:
        self.fresh = True
        self.looks = 0
        self._forget: list[Callable[[], None]] = []

    def on_change(self, forget: Callable[[], None]) -> None:
        self._forget.append(forget)

    async def look(self) -> None:
        self.looks += 1

    def change(self) -> None:
        for forget in self._forget:
            forget()


class Versions:
    """Holds one text and config for every name but `unknown`, and waits at its gate."""

    def __init__(self) -> None:
        self.text, self.config = "Hello {{name}}", Config()
        self.gate = asyncio.Event()
        self.gate.set()
        self.reads = 0

    async def loaded(self, project_id: str, name: str, which: Which) -> tuple[StoredPrompt, Version]:
        self.reads += 1
        text = self.text
        await self.gate.wait()
        if name == "unknown":
            raise PromptUnknown(name)
        return stored(project_id, name), version(which.version or 1, text, self.config)


def stored(project_id: str, name: str) -> StoredPrompt:
    texts = {"description": "", "category": "", "tags": (), "created_at": NOW, "updated_at": NOW}
    return StoredPrompt(id=f"id of {name}", project_id=project_id, name=name, latest=1, production=1, **texts)


def version(number: int, text: str, config: Config) -> Version:
    told = {"note": "", "labels": (), "author": "a", "created_at": NOW, "updated_at": NOW}
    content = Content((Message("user", text),))
    ends = {"promoted_at": None, "archived_at": None}
    return Version(number=number, state="PRODUCTION", content=content, config=config, **told, **ends)


@pytest.fixture
async def shelf() -> SimpleNamespace:
    versions, revision = Versions(), Watch()
    return SimpleNamespace(of=Shelf(versions, revision, DEFAULTS), versions=versions, revision=revision)


async def test_what_was_found_is_known_until_a_change(shelf: SimpleNamespace):
    assert shelf.of.known("p", "mail", WHICH) is None
    found = await shelf.of.find("p", "mail", WHICH)

    assert shelf.of.known("p", "mail", WHICH) is found is await shelf.of.find("p", "mail", WHICH)
    assert shelf.of.known("other", "mail", WHICH) is None
    assert shelf.of.known("p", "mail", Which(version=1)) is None
    shelf.revision.change()
    assert shelf.of.known("p", "mail", WHICH) is None
    assert shelf.versions.reads == 1


async def test_nothing_is_known_while_nobody_looks_for_changes(shelf: SimpleNamespace):
    found = await shelf.of.find("p", "mail", WHICH)
    shelf.revision.fresh = False

    assert shelf.of.known("p", "mail", WHICH) is None
    assert await shelf.of.find("p", "mail", WHICH) is found
    assert shelf.revision.looks == 1


async def test_what_was_read_before_a_change_is_not_known_after_it(shelf: SimpleNamespace):
    shelf.versions.gate.clear()
    early = asyncio.create_task(shelf.of.find("p", "mail", WHICH))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    shelf.versions.text = "Bye {{name}}"
    shelf.revision.change()
    late = asyncio.create_task(shelf.of.find("p", "mail", WHICH))
    await asyncio.sleep(0)
    shelf.versions.gate.set()

    texts = [(await task).template.filled({"name": "A"})[0].content for task in (early, late)]

    assert texts == ["Hello A", "Bye A"]
    assert shelf.of.known("p", "mail", WHICH) is await late


async def test_many_who_ask_at_once_have_it_read_once_even_when_the_first_goes(shelf: SimpleNamespace):
    shelf.versions.gate.clear()
    asking = [asyncio.create_task(shelf.of.find("p", "mail", WHICH)) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    shelf.versions.gate.set()

    found = await asyncio.gather(*asking[1:])

    assert shelf.versions.reads == 1
    assert {each.version for each in found} == {1}


async def test_what_is_unknown_is_asked_again_the_next_time(shelf: SimpleNamespace):
    for _ in range(2):
        with pytest.raises(PromptUnknown):
            await shelf.of.find("p", "unknown", WHICH)

    assert shelf.versions.reads == 2


async def test_a_version_runs_with_what_it_states_and_the_defaults_for_the_rest(shelf: SimpleNamespace):
    plain = await shelf.of.find("p", "plain", WHICH)
    shelf.versions.config = Config(model="mistral-large", agent="V1", temperature=0, max_tokens=9, presence_penalty=1)
    stated = await shelf.of.find("p", "stated", Which(version=7))

    assert (plain.model, plain.agent, plain.sampling) == ("gpt-4o", "V2", Sampling(temperature=0.7))
    assert (stated.model, stated.agent, stated.version) == ("mistral-large", "V1", 7)
    assert stated.sampling == Sampling(0, None, 9, None, 1)


async def test_what_is_known_is_bounded_by_number_and_by_length(shelf: SimpleNamespace):
    for number in range(MOST_REMEMBERED + 1):
        await shelf.of.find("p", str(number), WHICH)
    assert shelf.of.known("p", "0", WHICH) is None
    assert shelf.of.known("p", "1", WHICH) is not None

    shelf.versions.text = "x" * (HEAVIEST // 5)
    for number in range(5):
        await shelf.of.find("p", f"long {number}", WHICH)

    known = [shelf.of.known("p", f"long {number}", WHICH) is not None for number in range(5)]
    assert known == [False, True, True, True, True]


async def test_variables_labels_and_what_clients_keep_count_though_they_are_no_text(shelf: SimpleNamespace):
    shelf.versions.text, shelf.versions.config = "{{x}}" * 40_000, Config(extra={"kept": "by a client"})
    first = await shelf.of.find("p", "first", WHICH)
    for number in range(20):
        await shelf.of.find("p", "mail", Which(label=f"{number}"))

    assert shelf.of.known("p", "first", WHICH) is None
    assert first.config == Config()


async def test_a_long_version_is_taken_apart_beside_the_loop(shelf: SimpleNamespace):
    shelf.versions.text = "{{x}}" * 40_000
    asked = asyncio.create_task(shelf.of.find("p", "mail", WHICH))
    turns = 0
    while not asked.done():
        await asyncio.sleep(0)
        turns += 1

    assert len((await asked).template.patterns[0].slots) == 40_000
    assert turns > 50  # of the loop; a handful when it has to wait
