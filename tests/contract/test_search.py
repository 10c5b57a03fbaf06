"""Search over every index and database: the same answers, and nothing but what the request may read."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from documents.blob_index import BlobIndex
from documents.errors import SourcesUnknown
from documents.index import Index, index_of
from documents.keywords import FEW
from documents.search import Library
from storage.migrations import upgrade
from storage.script import Database, Script
from tests.contract.databases import asking, opened
from tests.contract.library import MODEL, drop, put, told, vector
from tests.heads import file_at_head

HOSTILE = ('"', "NEAR(loyer OR", "loyer* AND ^x", "a:b -c", "'); DROP TABLE passages; --", "\x00", "{}%_\\")

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["blob-sqlite", "blob-postgresql", "pgvector-postgresql"])
def place(request: pytest.FixtureRequest, tmp_path) -> Iterator[tuple[str, str]]:
    kind, _, where = request.param.partition("-")
    if where == "sqlite":
        return kind, f"sqlite:///{file_at_head(tmp_path / 'router.db')}"
    return kind, request.getfixturevalue("postgres_url_at_head")


@asynccontextmanager
async def shelf(place: tuple[str, str]) -> AsyncIterator[tuple[Database, Index, Library]]:
    kind, url = place
    async with opened(url) as database:
        index = BlobIndex(database) if kind == "blob" else await index_of(database)
        assert index.name == kind
        yield database, index, Library(database, index, MODEL)


async def found(library: Library, question: str, *numbers: float, sources=(), project="proj-a") -> list[str]:
    scope = await library.scope(project, sources)
    if scope is None:
        return []
    hits = await library.search(scope, question, vector(*numbers) if numbers else None, 10)
    return [f"{hit.document_id}/{hit.passage.number}" for hit in hits]


async def fill(database: Database, index: Index) -> None:
    await put(database, index, "d1", [("Le loyer est dû le premier du mois", (1, 0, 0)), ("Le chat dort", (0.1, 1, 0))])
    await put(
        database, index, "d2", [("Invoice REF-2024/017 was paid", (0, 0.2, 1)), ("The rent is due", (0.9, 0.1, 0))]
    )
    await put(database, index, "d3", [("Le loyer secret du voisin REF-2024/017", (1, 0, 0))], project="proj-b")


async def test_meaning_finds_what_shares_no_word(place):
    async with shelf(place) as (database, index, library):
        await fill(database, index)

        assert (await found(library, "Combien coûte l'appartement ?", 1, 0, 0))[:2] == ["d1/1", "d2/2"]


async def test_code_wins_over_meaning_that_is_nearly_as_near(place):
    async with shelf(place) as (database, index, library):
        await put(database, index, "d1", [("Dossier REF-2024/017", (1, 0.1)), ("Dossier REF-2024/018", (1, 0.05))])

        assert (await found(library, "REF-2024/017 ?", 1, 0))[0] == "d1/1"
        assert (await found(library, "REF-2024/018 ?", 1, 0))[0] == "d1/2"


async def test_best_part_decides_between_passages_that_are_alike_as_a_whole(place):
    async with shelf(place) as (database, index, library):
        ids = await put(database, index, "d1", [("x", (1, 1, 0)), ("y", (1, 1, 0))])
        parts = [(ids[0], told(1, 1, 0, parts=[(0, 1, 0)])), (ids[1], told(1, 1, 0, parts=[(0, 1, 0), (1, 0, 0)]))]
        await database.write(lambda: index.add("d1", parts))

        assert await found(library, "?", 1, 0, 0) == ["d1/2", "d1/1"]


async def test_words_alone_find_without_accents_and_in_other_forms(place):
    async with shelf(place) as (database, index, library):
        await fill(database, index)

        assert (await found(library, "LOYERS DUS"))[0] == "d1/1"
        assert await found(library, "ref 2024/017") == ["d2/1"]


async def test_everyday_words_find_those_of_the_other_language(place):
    async with shelf(place) as (database, index, library):
        await fill(database, index)

        assert await found(library, "Où est la facture ?") == ["d2/1"]
        assert set(await found(library, "How much is the rent?")) == {"d1/1", "d2/2"}


@pytest.mark.parametrize(
    "question", ['"', "NEAR(loyer OR", "loyer* AND ^x", "a:b -c", "'); DROP TABLE passages; --", "\x00", "{}%_\\"]
)
async def test_question_is_never_a_query(place, question):
    async with shelf(place) as (database, index, library):
        await fill(database, index)

        assert set(await found(library, question, 1, 0, 0)) <= {"d1/1", "d1/2", "d2/1", "d2/2"}


async def test_other_projects_and_other_sources_are_not_read(place):
    async with shelf(place) as (database, index, library):
        await fill(database, index)

        assert await found(library, "loyer REF-2024/017", 1, 0, 0, project="proj-b") == ["d3/1"]
        assert set(await found(library, "loyer REF-2024/017", 1, 0, 0, sources=["d2"])) == {"d2/1", "d2/2"}
        assert await found(library, "loyer REF-2024/017", sources=["d1"]) == ["d1/1"]


async def test_sources_that_the_project_does_not_have_are_listed(place):
    async with shelf(place) as (database, index, library):
        await fill(database, index)

        with pytest.raises(SourcesUnknown, match="d3, nowhere"):
            await library.scope("proj-a", ["nowhere", "d1", "d3"])


async def test_sources_that_are_not_ready_wait_and_are_not_read(place):
    async with shelf(place) as (database, index, library):
        await fill(database, index)
        await put(database, index, "d4", [("Le loyer de demain", (1, 0, 0))], state="processing")

        scope = await library.scope("proj-a", ["d1", "d4"])

        assert scope is not None
        assert (scope.document_ids, scope.waiting) == (("d1",), ("d4",))
        assert "d4/1" not in await found(library, "loyer", 1, 0, 0)


async def test_documents_that_are_being_read_are_counted_where_none_is_named(place):
    async with shelf(place) as (database, index, library):
        await put(database, index, "d4", [("Le loyer de demain", (1, 0, 0))], state="processing")
        await put(database, index, "d5", [("Le loyer d'hier", (1, 0, 0))], state="failed")

        scope = await library.scope("proj-a", [])

        assert scope is not None
        assert (scope.document_ids, scope.coming) == ((), 1)


async def test_project_without_documents_has_nothing_to_read(place):
    async with shelf(place) as (_, _, library):
        assert await library.scope("proj-a", []) is None


async def test_deleted_document_vanishes_for_who_has_found_it_before(place):
    async with shelf(place) as (database, index, library), shelf(place) as (other_database, other_index, _):
        await fill(database, index)
        scope = await library.scope("proj-a", [])
        assert scope is not None
        assert "d1/1" in await found(library, "loyer", 1, 0, 0)

        await drop(other_database, other_index, "d1")

        assert not any(name.startswith("d1") for name in await found(library, "loyer", 1, 0, 0))
        hits = await library.search(scope, "loyer", vector(1, 0, 0), 10)
        assert not any(hit.document_id == "d1" for hit in hits)


async def test_document_that_another_embedded_anew_is_found_by_its_new_vectors(place):
    async with shelf(place) as (database, index, library), shelf(place) as (other_database, other_index, _):
        ids = await put(database, index, "d1", [("x", (1, 0)), ("y", (0, 1))])
        assert await found(library, "?", 1, 0) == ["d1/1"]

        def anew() -> Script[None]:
            yield from other_index.remove("d1")
            yield from other_index.add("d1", [(ids[0], told(0, 1)), (ids[1], told(1, 0))])

        await other_database.write(anew)

        assert await found(library, "?", 1, 0) == ["d1/2"]


async def test_document_of_another_model_is_found_by_its_words(place):
    async with shelf(place) as (database, index, library):
        await fill(database, index)
        await database.write(asking("UPDATE documents SET indexed_by = 'blob/other' WHERE id = 'd1'"))

        scope = await library.scope("proj-a", [])

        assert scope is not None
        assert scope.indexed == ("d2",)
        assert "d1/1" in await found(library, "loyer", 1, 0, 0)
        assert "d1/2" not in await found(library, "autre", 0, 1, 0)


async def test_score_is_never_more_than_one(place):
    async with shelf(place) as (database, index, library):
        # Both numbers are rounded up where they are kept in half the bits.
        await put(database, index, "d1", [("loyer X-17", (0.6481941, 0.7614751)), ("loyer", (0.7614751, 0.6481941))])

        scope = await library.scope("proj-a", [])

        assert scope is not None
        for numbers in ((0.6481941, 0.7614751), (0.7614751, 0.6481941), (0.5002, 0.8659)):
            for question in ("loyer d1.txt", "loyer X-17"):
                hits = await library.search(scope, question, vector(*numbers), 10)
                assert all(0 < hit.score <= 1 for hit in hits)


async def test_small_and_large_scopes_find_the_same_words(place):
    async with shelf(place) as (database, index, library):
        await fill(database, index)
        small = await library.scope("proj-a", [])
        assert small is not None
        large = replace(small, passages=FEW + 1)

        for question in ("loyer", "REF-2024/017", "the rent is due le premier", "chats", "rien"):
            found = [await library.search(each, question, None, 10) for each in (small, large)]
            assert [hit.passage.text for hit in found[0]] == [hit.passage.text for hit in found[1]]


async def test_vectors_of_other_dimensions_are_passed_over(place):
    async with shelf(place) as (database, index, library):
        await put(database, index, "d1", [("x", (1, 0, 0))])
        await put(database, index, "d2", [("y", (1, 0))])

        assert await found(library, "?", 1, 0) == ["d2/1"]


async def test_vectors_of_the_largest_models_are_found(place):
    async with shelf(place) as (database, index, library):
        await put(database, index, "d1", [("x", (1, *[0.01 * (at % 7) for at in range(8191)]))])
        await put(database, index, "d2", [("y", (-1, *[0.01 * (at % 5) for at in range(8191)]))])

        assert await found(library, "?", 1, *[0] * 8191) == ["d1/1"]


async def test_memory_of_vectors_is_bounded_and_answers_stay_the_same(tmp_path):
    upgrade(url := f"sqlite:///{tmp_path}/router.db")
    async with opened(url) as database:
        index = BlobIndex(database, memory=64)
        library = Library(database, index, MODEL)
        for number in range(20):
            await put(database, index, f"d{number:02}", [("x", (1, number))])

        names = [await found(library, "?", 1, 0) for _ in range(2)]

        assert names[0] == names[1]
        assert names[0][0] == "d00/1"
        assert 0 < index.memory <= 64


async def test_postgresql_where_extensions_may_not_be_made_keeps_blobs(postgres, postgres_url):
    upgrade(postgres_url)
    name = f"plain_{postgres_url.rpartition('_')[2]}"
    postgres.psql(f"CREATE ROLE {name} LOGIN PASSWORD 'password-of-the-tests'", postgres_url)
    postgres.psql(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}", postgres_url)
    url = postgres_url.replace("//router:", f"//{name}:")
    try:
        async with opened(url) as database:
            assert (await index_of(database)).name == "blob"
        async with opened(postgres_url) as database:
            assert (await index_of(database)).name == "pgvector"
    finally:
        postgres.psql(f"DROP OWNED BY {name}; DROP ROLE {name}", postgres_url)
