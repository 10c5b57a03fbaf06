"""The books of ingestion: one row a document, let in, held for and settled like a request."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from accounts.errors import AccountError, BudgetSpent, FootprintUnknown, ProjectUnknown, RateExceeded, TooManyRunning
from accounts.gate.gate import Hold
from accounts.projects import Projects
from agents.errors import ModelUnavailable, PromptRefused, ProviderError
from agents.providers.models import Models
from documents.document import Document
from documents.embed import Embedder
from documents.errors import EmbeddingDelayed, EmbeddingFailed, EmbeddingRefused
from metering.bound import Size
from metering.ledger import Admission
from metering.meter import Books, Meter
from metering.middleware import new_request_id
from metering.receipt import RequestStatus
from pricing_tables.model import Model
from router.families import F3
from router.overspend import reason_of
from router.turnstile import Turnstile
from storage.errors import StorageError

ROUTE = "/projects/{project_id}/documents"
AGENT = "documents"
FORESEEN = (AccountError, ModelUnavailable, ProviderError, StorageError)


class Bookings:
    """Opens a row of the ledger for each document that is embedded.

    Args:
        model: Embeds.
        books: Where the rows go.
        gate: Says whether limits and budgets let a document in.
        models: Returns the provider of one row, which counts on its meter and is covered by its hold.
        projects: Those there are: on one that is archived nothing is booked any more.

    """

    def __init__(
        self,
        model: Model,
        books: Books,
        gate: Turnstile,
        models: Callable[[Meter, Hold | None], Models],
        projects: Projects,
    ) -> None:
        self._model = model
        self._books = books
        self._gate = gate
        self._models = models
        self._projects = projects

    @property
    def model(self) -> str:
        """The catalogue name of the embeddings model."""
        return self._model.name

    @asynccontextmanager
    async def open(self, document: Document) -> AsyncGenerator[Embedder]:
        """Open the row of one document; it is settled when the context ends, however it ends.

        Raises:
            EmbeddingRefused: A budget does not cover it, or its project is archived.
            EmbeddingFailed: A limit or an outage stands in the way for now.

        """
        meter = Meter(self._books, new_request_id())
        # A graceful stop waits for what is in here.
        self._books.served.add(meter)
        try:
            hold = await self._let_in(document, meter)
            try:
                yield Booked(self._model, self._models(meter, hold))
            except BaseException:
                # What was embedded is owed, also where a stop cancels the rest.
                await _settle(meter, hold, "error")
                raise
            await _settle(meter, hold, "ok")
        finally:
            self._books.served.discard(meter)

    async def _let_in(self, document: Document, meter: Meter) -> Hold | None:
        admission = Admission(
            request_id=meter.request_id,
            opened_at=datetime.now(UTC),
            route=ROUTE,
            agent=AGENT,
            model=self._model.name,
            project_id=document.project_id,
            subject=document.subject,
            key_id=document.key_id,
        )
        try:
            if not self._projects.is_known_open(document.project_id):
                await self._projects.check_open(document.project_id)
            # How many tokens follow is not known: each call is held for when it comes.
            return await self._gate.let_in_call(admission, self._model, Size(self._model.name, 1, 0), meter)
        except ProjectUnknown as cause:
            raise EmbeddingRefused("its project is archived") from cause
        except FORESEEN as cause:
            raise failed(cause) from cause


class Booked:
    """Embeds on the row of one document."""

    def __init__(self, model: Model, models: Models) -> None:
        self._model = model
        self._models = models

    async def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        """Return the vector of each text; see `documents.embed.Embedder`."""
        try:
            return await self._models.embed(self._model, texts)
        except FORESEEN as cause:
            raise failed(cause) from cause


def failed(cause: Exception) -> EmbeddingFailed:
    """Return what a failure means to a document: refused for good, or to be tried again."""
    match cause:
        case BudgetSpent() | FootprintUnknown():
            return EmbeddingRefused(reason_of(cause, F3))
        case PromptRefused():
            return EmbeddingRefused("the provider of the embeddings model refused the text")
        case ModelUnavailable():
            return EmbeddingRefused("the embeddings model is not available on this gateway")
        case ProviderError():
            return EmbeddingFailed("the provider of the embeddings model failed")
        case RateExceeded() | TooManyRunning():
            return EmbeddingDelayed("a limit is reached for now")
        case _:
            return EmbeddingFailed("the books cannot be reached now")


async def _settle(meter: Meter, hold: Hold | None, status: RequestStatus) -> None:
    """Settle once; a book that cannot take the row now keeps it queued."""
    try:
        with suppress(StorageError):
            await meter.settle(status)
    finally:
        if hold is not None:
            with suppress(AccountError, StorageError):
                await hold.used(meter.tokens)
