"""Statements' files that were handed in, until they are taken in or dropped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATES = "state in ('new', 'read', 'wrong', 'asked', 'taken', 'dropped')"
OPEN = sa.text("finished_at is null")


def upgrade() -> None:
    op.create_table(
        "statement_upload",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("wallet_id", RowId, nullable=True),
        sa.Column("file_name", sa.String(length=120), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("hints", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("statement_id", RowId, nullable=True),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.CheckConstraint(STATES, name=op.f("ck_statement_upload_state")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_statement_upload_organisation_id")
        ),
        sa.ForeignKeyConstraint(["statement_id"], ["statement.id"], name=op.f("fk_statement_upload_statement_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_statement_upload_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_upload")),
    )
    op.create_index(
        "ix_statement_upload_open",
        "statement_upload",
        ["organisation_id", "id"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def downgrade() -> None:
    op.drop_table("statement_upload")
