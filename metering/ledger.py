"""The book: one row a request that reached a provider, appended once and never edited."""

from datetime import datetime

from msgspec import Struct

from metering.receipt import Receipt, RequestStatus


class Admission(Struct, frozen=True, kw_only=True):
    """A request let in, before any upstream call; it stays open until its entry is appended."""

    request_id: str
    opened_at: datetime
    route: str
    agent: str
    model: str
    project_id: str
    subject: str


class Entry(Struct, frozen=True, kw_only=True):
    """A settled request: who asked what, how it ended, and its receipt."""

    admission: Admission
    settled_at: datetime
    status: RequestStatus
    stream: bool
    receipt: Receipt
