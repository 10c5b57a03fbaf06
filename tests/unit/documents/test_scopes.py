"""Whatever projects and documents there are, a search finds nothing outside its scope."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from documents.blob_index import BlobIndex
from documents.search import Library
from storage.sqlite import Sqlite
from tests.contract.library import MODEL, put, vector
from tests.heads import file_at_head

_SIDE = st.floats(-1, 1, width=16).filter(lambda number: abs(number) > 0.01)
_PASSAGE = st.tuples(st.sampled_from(["loyer REF-1/2", "REF-1/2", "chat", "rent due"]), st.tuples(_SIDE, _SIDE))
_DOCUMENTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.lists(_PASSAGE, min_size=1, max_size=4)), min_size=1, max_size=8
)


@settings(max_examples=25, deadline=None)
@given(documents=_DOCUMENTS, question=st.sampled_from(["loyer REF-1/2", "chat", "?"]), data=st.data())
def test_nothing_outside_the_scope_is_ever_found(documents, question, data):
    project = data.draw(st.sampled_from("abc"))
    own = [f"d{number}" for number, (name, _) in enumerate(documents) if name == project]
    sources = data.draw(st.lists(st.sampled_from(own), unique=True)) if own else []

    found = asyncio.run(_search(documents, project, sources, question))

    assert found <= set(sources or own)


async def _search(documents, project: str, sources: list[str], question: str) -> set[str]:
    with tempfile.TemporaryDirectory() as folder:
        database = Sqlite(file_at_head(Path(folder) / "router.db"))
        index = BlobIndex(database)
        for number, (name, passages) in enumerate(documents):
            await put(database, index, f"d{number}", passages, project=name)
        library = Library(database, index, MODEL)
        scope = await library.scope(project, sources)
        hits = await library.search(scope, question, vector(1, 0.5), 50) if scope else []
        await database.aclose()
        return {hit.document_id for hit in hits}
