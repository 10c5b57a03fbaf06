"""Keys, projects, limits, budgets and what they are enforced with; the hours of the ledger, summed."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.hours import sum_hours

revision = "0002"
down_revision = "0001"

_STRICT = {"sqlite_strict": True}
_INTEGER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
_BYTES = sa.LargeBinary()


def upgrade() -> None:
    """Create the tables; times are ISO 8601 in UTC unless their name says otherwise, exact decimals are text."""
    op.add_column("ledger", sa.Column("key_id", sa.Text))
    op.drop_index("ledger_by_project", "ledger")
    op.create_index("ledger_by_opening", "ledger", ["opened_at", "position"])
    _accounts()
    _budgets()
    _enforcement()
    _usage_hours()
    sum_hours(op.get_bind())
    op.execute("INSERT INTO revision (one, number) VALUES (1, 1)")
    op.execute(
        "INSERT INTO projects (id, name, created_at) "
        "VALUES ('proj-default', 'Default project', '2026-01-01T00:00:00.000000+00:00')"
    )


def _accounts() -> None:
    # Grows with every change to what processes remember of the accounts, so that they notice.
    _table("revision", sa.Column("one", _INTEGER, primary_key=True, autoincrement=False), _integer("number"))
    _table("projects", _key("id"), *_texts("name", "created_at"), *_maybe("archived_at"))
    _table("service_accounts", _key("id"), *_texts("project_id", "name", "created_at"))
    _table(
        "keys",
        _key("id"),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        *_texts("kind"),
        *_maybe("project_id", "service_account_id"),
        *_texts("name", "masked", "scopes", "created_at"),
        # `maker_id` is the key that it was made with, if it was: it ends with that one.
        *_maybe("expires_at", "revoked_at", "last_used_at", "maker_id"),
    )
    op.create_index("keys_by_project", "keys", ["project_id"])
    op.create_index("keys_by_maker", "keys", ["maker_id"])
    op.create_index("keys_by_service_account", "keys", ["service_account_id"])
    # Values that a key had before it was rotated, as long as they still open.
    _table("rotated_keys", _key("digest"), *_texts("key_id", "expires_at"))
    op.create_index("rotated_keys_by_key", "rotated_keys", ["key_id"])
    _table(
        "limits",
        _key("scope"),
        _key("scope_id"),
        *[sa.Column(name, _INTEGER) for name in ("requests_per_minute", "tokens_per_minute", "running")],
    )


def _budgets() -> None:
    _table(
        "budgets",
        _key("id"),
        # The organisation's budgets have the scope_id ''.
        *_texts("scope", "scope_id", "unit", "amount", "every", "kind", "timezone", "emails", "created_at"),
        # `quoted` is the amount in `currency`, as it was given; `former` the counters of before the window was changed
        # that requests still held then.
        *_maybe("currency", "quoted", "subject_prefix", "former"),
    )
    op.create_index("budgets_by_scope", "budgets", ["scope_id", "scope"])
    # One row a budget and window, `id` being `budget_id@opens_at`.
    _table("budget_windows", _key("id"), *_texts("budget_id", "opens_at", "closes_at", "spent"))
    _table(
        "alerts",
        _key("id"),
        *_texts("budget_id", "window_id"),
        _integer("threshold"),
        *_texts("recipients", "unserved", "subject", "body", "created_at"),
        *_maybe("sent_at", "failure"),
        *[_integer(name) for name in ("tries", "due_ns", "claimed_until_ns")],
        sa.UniqueConstraint("window_id", "threshold"),
    )


def _enforcement() -> None:
    # What the requests of one process hold, by counter: `budget_id@opens_at`, or `running:` and a key's id.
    _table("holds", _key("counter"), _key("owner"), *_texts("amount"))
    # GCRA: the theoretical arrival time of each limited counter, in nanoseconds of the epoch.
    _table("rates", _key("counter"), _integer("tat_ns"))
    # PostgreSQL only: what tells a commit that was lost from one that is in (`storage/postgres_session.py`), processes
    # that live, and requests they have let in. With SQLite the latter are files.
    _table("commits", _key("id"), _integer("at_ns"))
    _table("owners", _key("id"), _integer("lease_until_ns"))
    _table("open_requests", _key("request_id"), *_texts("owner", "admission"))
    _table(
        "idempotency",
        _key("project_id"),
        _key("key"),
        *_texts("digest", "owner", "request_id"),
        _integer("expires_ns"),
        sa.Column("status", _INTEGER),
        *_maybe("headers"),
        sa.Column("body", _BYTES),
    )
    op.create_index("idempotency_by_expiry", "idempotency", ["expires_ns"])


def _usage_hours() -> None:
    # Sums of the ledger by the hour in which requests were let in; each process has rows of its own, so that no two
    # ever write the same one. A sum is null when no request has the figure; the `_known` count those that have it.
    # Reports read hours in order, so SQLite keeps the rows in the order of their key.
    op.create_table(
        "usage_hours",
        *[_key(name) for name in ("hour", "owner", "project_id", "key_id", "subject", "model", "resolved_model")],
        *[_key(name) for name in ("basis", "zone", "method", "exchange")],
        *[_integer(name) for name in ("requests", "failed", "unknown", "carbon_known", "carbon_tokens")],
        *[_integer(name) for name in ("energy_known", "embodied_known", "water_known")],
        *[sa.Column(name, _INTEGER) for name in ("input_tokens", "output_tokens", "cached_tokens")],
        *_maybe("cost_eur", "input_eur", "output_eur"),
        *_maybe("emissions_kg", "emissions_min_kg", "emissions_max_kg"),
        *_maybe("embodied_kg", "energy_kwh", "water_liters"),
        sqlite_with_rowid=False,
        **_STRICT,
    )


def _table(name: str, *parts: sa.Column[str] | sa.Column[int] | sa.Column[bytes] | sa.UniqueConstraint) -> None:
    op.create_table(name, *parts, **_STRICT)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, _INTEGER, nullable=False)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _maybe(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text) for name in names]
