"""Which passages hold the words of a question, asked of the word index of each database."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from documents.words import Word
from storage.script import Database, Query, Script
from storage.sqlite import Sqlite

COMMON = 300
"""From so many passages on a word is common: no more are looked at, and how many more there are is not asked."""


class Keywords(Protocol):
    """Finds the passages that hold a word."""

    def holding(self, word: Word, document_ids: Sequence[str]) -> Script[list[int]]:
        """Return the ids of the first passages of these documents that hold a word, no more than `COMMON`."""
        ...


def keywords_of(database: Database) -> Keywords:
    """Return what finds words in a database."""
    return SqliteKeywords() if isinstance(database, Sqlite) else PostgresKeywords()


class SqliteKeywords:
    """Asks the FTS5 table; its rows come in the order of their ids."""

    _SQL = """
        SELECT passages.id FROM passage_words JOIN passages ON passages.id = passage_words.rowid
        WHERE passage_words MATCH ? AND passages.document_id IN (SELECT value FROM json_each(?))
        ORDER BY passage_words.rowid LIMIT ?
    """

    def holding(self, word: Word, document_ids: Sequence[str]) -> Script[list[int]]:
        """Return the ids of the first passages that hold a word."""
        # Terms are letters and digits; in quotes none of them is an operator.
        match = " OR ".join(f'"{term}"' for term in word.terms)
        rows = yield Query(self._SQL, (match, msgspec.json.encode(document_ids).decode(), COMMON))
        return [passage_id for (passage_id,) in rows]


class PostgresKeywords:
    """Asks the GIN index over the array of words."""

    # Rows come as they lie in the table: to sort those of a common word would mean to fetch them all. The documents
    # are looked up in a hash table; in a CASE, so that the planner does not walk through them in search of the word.
    _SQL = """
        SELECT id FROM passages
        WHERE string_to_array(words, ' ') && string_to_array(?, ' ')
            AND CASE WHEN document_id IN (SELECT unnest(string_to_array(?, ','))) THEN 1 END = 1
        LIMIT ?
    """

    def holding(self, word: Word, document_ids: Sequence[str]) -> Script[list[int]]:
        """Return the ids of the first passages that hold a word."""
        rows = yield Query(self._SQL, (" ".join(word.terms), ",".join(document_ids), COMMON))
        return [passage_id for (passage_id,) in rows]
