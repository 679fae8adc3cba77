"""Months that are closed, and a chain of digests over the entries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

GUARDED = "seal"
POSTGRESQL = (
    f"create trigger {GUARDED}_never_changed before update or delete or truncate on {GUARDED} "
    "for each statement execute function never_changed()",
)
_REFUSED = f"begin select raise(abort, '{GUARDED} is never changed or deleted'); end"
SQLITE = (
    *(f"create trigger {GUARDED}_no_{verb} before {verb} on {GUARDED} {_REFUSED}" for verb in ("update", "delete")),
    # SQLite runs no trigger for the deletion in INSERT OR REPLACE: what is there can't be written over either.
    f"create trigger {GUARDED}_no_replace before insert on {GUARDED} "
    f"when exists (select 1 from {GUARDED} where id = new.id) {_REFUSED}",
)


def upgrade() -> None:
    op.create_table(
        "period",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("closed_by", sa.String(length=60), nullable=False),
        sa.Column("closed_at", Instant(), nullable=False),
        sa.Column("totals", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_period_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_period")),
        sa.UniqueConstraint("organisation_id", "month", name=op.f("uq_period_organisation_id_month")),
    )
    op.create_table(
        "seal",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_seal_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_seal_entry_id")),
    )
    for guard in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(guard)


def downgrade() -> None:
    op.drop_table("seal")
    op.drop_table("period")
