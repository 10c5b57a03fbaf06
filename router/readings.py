"""Which documents a request reads, and the refusals of those that it cannot (2.2.2)."""

from collections.abc import Sequence
from functools import partial

from agents.reading import Embeddings, Reading
from agents.window import Window
from documents.errors import SourcesUnknown
from documents.search import Library, Scope
from metering.meter import Meter
from pricing_tables.model import Model
from router.errors import Refused

MOST_NAMED = 20  # ids that a refusal or the warnings repeat
LONGEST_ID = 64


class Readings:
    """The documents of a process, as requests read them.

    Args:
        library: Finds passages; None where there are no embeddings, and so no document.
        model: The embeddings model.
        window: Fits the prompts.
        checks: Whether answers of V1 are checked.

    """

    def __init__(self, library: Library | None, model: Model | None, window: Window, *, checks: bool) -> None:
        self._library = library
        self._model = model
        self._window = window
        self._checks = checks

    async def scope(self, project_id: str, sources: Sequence[str]) -> Scope | None:
        """Return what a request may read; None when its project has nothing to read.

        Args:
            project_id: Its project, which it named.
            sources: The documents that it named.

        Raises:
            SourcesUnknown: The project has no such documents.
            Refused: `conflict`: none of them is ready.
            StorageDown: Nobody can tell now.

        """
        named = [source[:LONGEST_ID] for source in sources]
        if self._library is None or self._model is None:
            if named:
                raise SourcesUnknown(", ".join(named[:MOST_NAMED]))
            return None
        scope = await self._library.scope(project_id, named)
        if scope is not None and not scope.document_ids:
            waiting = ", ".join(scope.waiting[:MOST_NAMED])
            raise Refused("conflict", f"aucune des sources n'est prête : {waiting}", param="sources")
        return scope

    def open(self, scope: Scope, embeddings: Embeddings, meter: Meter) -> Reading:
        """Return the documents of one request, which can ask for no others."""
        assert self._library is not None and self._model is not None  # noqa: S101, PT018 - there is a scope
        search = partial(self._library.search, scope)
        for source in scope.waiting[:MOST_NAMED]:
            meter.warn(f"source-not-ready: {source}")
        if len(scope.waiting) > MOST_NAMED:
            meter.warn(f"sources-not-ready: {len(scope.waiting) - MOST_NAMED} more")
        return Reading(search, embeddings, self._model, meter.warn, self._window, checks=self._checks)
