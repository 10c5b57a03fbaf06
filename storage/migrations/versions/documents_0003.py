"""Documents, their uploads until they are read, their passages, and what these are found by."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_STRICT = {"sqlite_strict": True}
_INTEGER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    """Create the tables; times are ISO 8601 in UTC unless their name says otherwise."""
    op.create_table(
        "documents",
        _key("id"),
        # `digest` is the SHA-256 of the upload; of a document that is being deleted it is made unique by the id.
        *_texts("project_id", "name", "format", "digest"),
        _integer("size"),
        # `state` is processing, ready, failed or deleting.
        *_texts("state", "created_at", "subject"),
        *_maybe("key_id", "error"),
        # Under which id the bytes of its upload lie; null once they are of no more use.
        *_maybe("upload"),
        sa.Column("tokens", _INTEGER),
        sa.Column("passages", _INTEGER),
        # What its vectors are of: the index and the embeddings model; null before there are any.
        *_maybe("indexed_by"),
        # Who works on it, until when unless that is renewed, how often it was begun, and when it may be begun again.
        *_maybe("claimed_by"),
        *[_integer(name) for name in ("claimed_until_ns", "tries", "due_ns")],
        sa.UniqueConstraint("project_id", "digest"),
        **_STRICT,
    )
    op.create_index("documents_by_project", "documents", ["project_id", "id"])
    op.create_index("documents_by_state", "documents", ["state", "project_id", "id"])
    op.create_index("documents_by_upload", "documents", ["upload"])
    # The bytes of an upload in order, before its document is there and until it is ready or has failed; `document_id`
    # is the upload's, which is the document's own but where a failed one was uploaded anew.
    op.create_table(
        "document_chunks",
        _key("document_id"),
        sa.Column("number", _INTEGER, primary_key=True, autoincrement=False),
        _integer("at_ns"),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        **_STRICT,
    )
    op.create_table(
        "passages",
        sa.Column("id", _INTEGER, primary_key=True),
        *_texts("document_id"),
        _integer("number"),
        # `words` are those that a search by keywords looks for: stems without accents.
        *_texts("heading", "text", "words"),
        _integer("tokens"),
        sa.UniqueConstraint("document_id", "number"),
        **_STRICT,
    )
    # Vectors: of the passage, of length one, float32, little endian; of its parts, one after the other, signed bytes.
    op.create_table(
        "vectors",
        sa.Column("passage_id", _INTEGER, primary_key=True, autoincrement=False),
        *_texts("document_id"),
        *[sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("vector", "parts")],
        **_STRICT,
    )
    op.create_index("vectors_by_document", "vectors", ["document_id"])
    # `generation` is another one whenever the vectors of a document change.
    op.create_table("vector_sets", _key("document_id"), *_texts("generation"), **_STRICT)
    _keywords()


def _keywords() -> None:
    """Index the words of passages with what each database has for it."""
    if op.get_bind().dialect.name == "postgresql":
        # A list of what is not sorted in yet would be read whole by every search.
        op.execute(
            "CREATE INDEX passages_by_words ON passages USING gin (string_to_array(words, ' ')) WITH (fastupdate = off)"
        )
        return
    op.execute(
        "CREATE VIRTUAL TABLE passage_words USING fts5(words, content='passages', content_rowid='id', "
        "tokenize=\"unicode61 remove_diacritics 0 tokenchars '_-'\")"
    )
    op.execute(
        "CREATE TRIGGER passage_words_insert AFTER INSERT ON passages BEGIN "
        "INSERT INTO passage_words (rowid, words) VALUES (new.id, new.words); END"
    )
    op.execute(
        "CREATE TRIGGER passage_words_delete AFTER DELETE ON passages BEGIN "
        "INSERT INTO passage_words (passage_words, rowid, words) VALUES ('delete', old.id, old.words); END"
    )


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, _INTEGER, nullable=False)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _maybe(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text) for name in names]
