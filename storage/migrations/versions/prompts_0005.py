"""Prompts, their versions, labels, promotions and golden samples; and which of them a request ran."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_STRICT = {"sqlite_strict": True}
_INTEGER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    """Create the tables; times are ISO 8601 in UTC, messages, configs and variables are JSON."""
    op.create_table(
        "prompts",
        _key("id"),
        # In NFC, and in the order of code points in every database.
        sa.Column("name", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        # Each tag stands between two line feeds. `folded` is what a search looks in, without case and accents.
        *_texts("project_id", "description", "category", "tags", "folded", "created_at", "updated_at"),
        # The number of the next version: that of a deleted draft is never given again.
        _integer("next_version"),
        sa.UniqueConstraint("project_id", "name"),
        **_STRICT,
    )
    op.create_table(
        "prompt_versions",
        _key("prompt_id"),
        _number("version"),
        sa.Column("state", sa.Text, sa.CheckConstraint("state IN ('DRAFT', 'PRODUCTION', 'ARCHIVED')"), nullable=False),
        # `kind` is text or chat; `note` says why the version was made.
        *_texts("kind", "messages", "config", "note", "author", "created_at", "updated_at"),
        *_maybe("promoted_at", "archived_at"),
        **_STRICT,
    )
    # At most one version in production, whoever promotes what at the same time (3.3.1).
    production = sa.text("state = 'PRODUCTION'")
    op.create_index(
        "prompt_versions_production",
        "prompt_versions",
        ["prompt_id"],
        unique=True,
        sqlite_where=production,
        postgresql_where=production,
    )
    op.create_table("prompt_labels", _key("prompt_id"), _key("label"), _integer("version"), **_STRICT)
    # What was in production when, in order; `replaced` is the version before, null for none. `back_to` is null but for
    # a rollback: the number of the promotion that is in force again.
    op.create_table(
        "prompt_promotions",
        _key("prompt_id"),
        _number("number"),
        _integer("version"),
        sa.Column("replaced", _INTEGER),
        sa.Column("back_to", _INTEGER),
        *_texts("at", "author"),
        **_STRICT,
    )
    # A golden sample: what was filled in, and the answer that is held for good; `version` and `request_id` say whose.
    op.create_table(
        "prompt_samples",
        _key("id"),
        *_texts("prompt_id", "name", "variables", "output", "author", "created_at"),
        sa.Column("version", _INTEGER),
        *_maybe("request_id"),
        sa.UniqueConstraint("prompt_id", "name"),
        **_STRICT,
    )
    _runs()


def _runs() -> None:
    """Say of each request which version it ran; no row is written, so that the ledger's triggers have no say."""
    op.add_column("ledger", sa.Column("prompt_id", sa.Text))
    op.add_column("ledger", sa.Column("prompt_version", _INTEGER))
    of_prompts = sa.text("prompt_id IS NOT NULL")
    # A prompt's runs are read newest first and summed over a time, of all its versions at once; a project's are listed.
    for name, columns in (
        ("ledger_by_prompt", ["prompt_id", "opened_at", "prompt_version"]),
        ("ledger_by_prompted_project", ["project_id", "opened_at"]),
    ):
        op.create_index(name, "ledger", columns, sqlite_where=of_prompts, postgresql_where=of_prompts)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, _INTEGER, primary_key=True, autoincrement=False)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, _INTEGER, nullable=False)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _maybe(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text) for name in names]
