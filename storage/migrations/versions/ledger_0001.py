"""The ledger and its calls."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_STRICT = {"sqlite_strict": True}
_INTEGER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
_REAL = sa.REAL[float]().with_variant(sa.Double[float](), "postgresql")
_STATUSES = "'ok', 'partial', 'error', 'client_gone', 'unknown'"


def upgrade() -> None:
    """Create the tables; times are ISO 8601 in UTC, exact decimals are text."""
    _ledger()
    _ledger_calls()
    if op.get_bind().dialect.name == "postgresql":
        _append_only_on_postgres("ledger", "ledger_calls")
    else:
        _append_only("ledger", "request_id = NEW.request_id OR position = NEW.position")
        _append_only("ledger_calls", "request_id = NEW.request_id AND seq = NEW.seq")


def _ledger() -> None:
    op.create_table(
        "ledger",
        # Grows with each entry: who exports the book remembers how far it came.
        sa.Column("position", _INTEGER, primary_key=True),
        sa.Column("request_id", sa.Text, nullable=False, unique=True),
        *_texts("opened_at", "settled_at", "route", "agent", "model", "project_id", "subject"),
        sa.Column("status", sa.Text, sa.CheckConstraint(f"status IN ({_STATUSES})"), nullable=False),
        *_integers("stream", "input_tokens", "output_tokens", "total_tokens"),
        *_reals("latency_s", "ttft_s", "overhead_s"),
        *_figures("cost_eur", "emissions_kg", "emissions_min_kg", "emissions_max_kg"),
        *_figures("energy_kwh", "embodied_kg", "water_liters"),
        *_figures("method", "exchange", "usage_source"),
        *_integers("attempts"),
        *_figures("resolved_model", "warnings"),
        **_STRICT,
    )
    op.create_index("ledger_by_project", "ledger", ["project_id", "settled_at"])


def _ledger_calls() -> None:
    op.create_table(
        "ledger_calls",
        sa.Column("request_id", sa.Text, sa.ForeignKey("ledger.request_id"), primary_key=True),
        sa.Column("seq", _INTEGER, primary_key=True),
        *_texts("model", "canonical", "provider", "status", "usage_source"),
        *_reals("upstream_s", "ttft_s"),
        *_integers("input_uncached", "cache_read", "cache_write", "output_visible", "reasoning"),
        *_integers("audio_input", "audio_output"),
        *_texts("cost_eur", "input_eur", "output_eur"),
        *_figures("kg", "kg_min", "kg_max", "embodied_kg", "energy_kwh", "water_liters"),
        *_texts("basis"),
        *_figures("zone"),
        *_reals("busy_s"),
        sqlite_with_rowid=False,
        **_STRICT,
    )


def _append_only_on_postgres(*tables: str) -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP; END $$"
    )
    for table in tables:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _append_only(table: str, same: str) -> None:
    for event in ("UPDATE", "DELETE"):
        _refuse(table, event, f"BEFORE {event} ON {table}")
    # REPLACE would overwrite a row without asking the other two.
    _refuse(table, "REPLACE", f"BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})")  # noqa: S608 - names of ours


def _refuse(table: str, what: str, when: str) -> None:
    refusal = f"SELECT RAISE(ABORT, '{table} is append-only: {what} refused');"
    op.execute(f"CREATE TRIGGER {table}_refuses_{what.lower()} {when} BEGIN {refusal} END")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _figures(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text) for name in names]


def _integers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, _INTEGER) for name in names]


def _reals(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, _REAL) for name in names]
