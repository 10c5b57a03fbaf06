"""What the contract tests of documents share: a plain index, and uploads in one line."""

from documents.documents import Documents
from storage.script import Query, Write
from storage.statement import insert_into

PROJECT = "proj-default"
_ADD = insert_into("vectors", ("passage_id", "document_id", "vector"), rank=0)


class PlainVectors:
    """Vectors in their table, as they are."""

    name = "plain"

    def add(self, document_id, rows):
        yield Write(_ADD, [(passage_id, document_id, vector) for passage_id, vector in rows])

    def remove(self, document_id):
        yield Query("DELETE FROM vectors WHERE document_id = ?", (document_id,))


def documents_of(database, *, most=1000):
    return Documents(database, PlainVectors(), most=most)


async def put(documents, content, *, project=PROJECT, name="a.txt", step=70_000):
    async with documents.upload(project) as upload:
        for start in range(0, len(content), step):
            await upload.add(content[start : start + step])
        return await upload.finish(name=name, format="txt", subject="alice", key_id=None)
