"""What entries brought to households, gathered for counting."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import RowId

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "indicator_payment",
        sa.Column("household_id", RowId, primary_key=True, autoincrement=False),
        sa.Column("entry_id", sa.Uuid(), primary_key=True),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("came_by", sa.String(10), nullable=False),
        sa.Column("minutes", sa.Integer()),
        sa.Column("minor", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_indicator_payment_entry_id", "indicator_payment", ["entry_id"])


def downgrade() -> None:
    op.drop_table("indicator_payment")
