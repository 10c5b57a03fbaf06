"""Which passages hold the words of a question, asked of the word index of each database."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from documents.words import Word
from storage.script import Database, Query, Script
from storage.sqlite import Sqlite

COMMON = 300
"""From so many passages on a word is common: no more are looked at, and how many more there are is not asked."""
FEW = 2_000
"""So many passages are read one by one where the index of words would show those of every project first."""


class Keywords(Protocol):
    """Finds the passages that hold words."""

    def holding(self, words: Sequence[Word], document_ids: Sequence[str], passages: int) -> Script[list[list[int]]]:
        """Return for each word the ids of the first passages that hold it, no more than `COMMON`.

        Args:
            words: Of a question.
            document_ids: No passage of another document is found.
            passages: How many these documents have.

        """
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

    _WORDS = """
        SELECT id, words FROM passages WHERE document_id IN (SELECT value FROM json_each(?)) ORDER BY id
    """

    def holding(self, words: Sequence[Word], document_ids: Sequence[str], passages: int) -> Script[list[list[int]]]:
        """Return for each word the ids of the first passages that hold it."""
        within = msgspec.json.encode(document_ids).decode()
        if passages <= FEW:
            rows = yield Query(self._WORDS, (within,))
            known = [(passage_id, frozenset(own.split())) for passage_id, own in rows]
            return [[found for found, terms in known if not terms.isdisjoint(word.terms)][:COMMON] for word in words]
        holding: list[list[int]] = []
        for word in words:
            # Terms are letters and digits; in quotes none of them is an operator.
            match = " OR ".join(f'"{term}"' for term in word.terms)
            rows = yield Query(self._SQL, (match, within, COMMON))
            holding.append([passage_id for (passage_id,) in rows])
        return holding


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

    def holding(
        self,
        words: Sequence[Word],
        document_ids: Sequence[str],
        passages: int,  # noqa: ARG002 - the server's own planner knows what is few
    ) -> Script[list[list[int]]]:
        """Return for each word the ids of the first passages that hold it."""
        within = ",".join(document_ids)
        holding: list[list[int]] = []
        for word in words:
            rows = yield Query(self._SQL, (" ".join(word.terms), within, COMMON))
            holding.append([passage_id for (passage_id,) in rows])
        return holding
