"""What was heard and spoken: of each call, and summed by the hour."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_INTEGER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    """Add columns; nobody heard or spoke before. No row is written, so that the ledger's triggers have no say."""
    # Exact decimals are text; null where a call does neither.
    op.add_column("ledger_calls", sa.Column("audio_s", sa.Text))
    op.add_column("ledger_calls", sa.Column("characters", _INTEGER))
    # How many calls heard and spoke; a constant default is no rewrite of a table that may be long.
    for name in ("heard", "spoken"):
        op.add_column("usage_hours", sa.Column(name, _INTEGER, nullable=False, server_default="0"))
    op.add_column("usage_hours", sa.Column("characters", _INTEGER))
    op.add_column("usage_hours", sa.Column("audio_s", sa.Text))
