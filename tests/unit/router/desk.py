"""A gateway without its routes: what a process opens, and its books."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from accounts.budgets.budget import NewBudget
from accounts.budgets.budgets import Budgets
from documents.document import Document
from router.bookings import Bookings
from router.opening import Opened, bookings_of, open_house
from router.rows import LocalEndpoint
from router.settings import load_settings
from router.wiring import build
from storage.script import Query, Rows, Script

DOCUMENT = Document(
    id="7f0c1f0e-6a43-4e19-9a9f-2f1f3c1f8f10",
    project_id="proj-default",
    name="Bail.pdf",
    format="pdf",
    size=90_000,
    state="processing",
    created_at=datetime(2026, 11, 22, tzinfo=UTC),
    subject="user-of-the-upload",
)
TEXTS = [f"Article {number}. Le loyer est payable d'avance." for number in range(150)]
SMALL = {"OPENAI_API_KEY": "sk-ours", "ROUTER_EMBEDDINGS_MODEL": "text-embedding-3-small"}
ROW = "request_id, route, agent, model, resolved_model, project_id, subject, status, input_tokens, output_tokens"


class Desk:
    """A gateway without its routes."""

    def __init__(self, folder: Path, environ: dict[str, str], local: LocalEndpoint | None = None) -> None:
        given = environ | {"ROUTER_DATA_DIR": str(folder / "data")}
        self.house = build(load_settings(given, folder), given, local)
        self._stack = AsyncExitStack()
        (folder / "data").mkdir(exist_ok=True)

    async def __aenter__(self) -> Self:
        self.opened: Opened = await open_house(self.house, self._stack)
        self.bookings: Bookings = bookings_of(
            self.house, self.opened.books, self.opened.turnstile, self.opened.tenancy.projects
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def limit(self, unit: str, amount: str) -> None:
        budgets = Budgets(self.opened.ground.database, "Europe/Paris", noticed_s=0)
        new = NewBudget(scope="organization", unit=unit, limit=Decimal(amount), window="month", kind="hard")
        await budgets.create(new)

    async def rows(self, columns: str = ROW, table: str = "ledger") -> list[dict[str, Any]]:
        def script() -> Script[Rows]:
            return (yield Query(f"SELECT {columns} FROM {table}"))  # noqa: S608 - names of ours

        found = await self.opened.ground.database.read(script)
        return [dict(zip(columns.split(", "), row, strict=True)) for row in found]

    async def calls(self) -> list[dict[str, Any]]:
        return await self.rows("model, status, input_uncached, output_visible, cost_eur, kg, busy_s", "ledger_calls")

    def metrics(self) -> str:
        return self.house.metrics.text().decode()
