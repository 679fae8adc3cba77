"""What came from other software and what it disagreed with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def _refs(table: str, **targets: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))
        for column, target in targets.items()
    ]


def _index(table: str, column: str) -> None:
    op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def upgrade() -> None:
    op.create_table(
        "software_exchange",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("taken_at", Instant),
        sa.Column("taken_by", sa.String(60)),
        *_refs("software_exchange", organisation_id="organisation"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_software_exchange")),
    )
    _index("software_exchange", "organisation_id")
    op.create_table(
        "software_agreed",
        sa.Column("beneficiary_id", RowId, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("version", sa.String(16), nullable=False),
        sa.Column("agreed_at", Instant, nullable=False),
        *_refs("software_agreed", beneficiary_id="beneficiary"),
        sa.PrimaryKeyConstraint("beneficiary_id", name=op.f("pk_software_agreed")),
    )
    op.create_table(
        "software_conflict",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("household_id", RowId, nullable=False),
        sa.Column("beneficiary_id", RowId, nullable=False),
        sa.Column("field", sa.String(12), nullable=False),
        sa.Column("agreed", sa.String(80)),
        sa.Column("ours", sa.String(80), nullable=False),
        sa.Column("theirs", sa.String(80), nullable=False),
        sa.Column("agreed_at", Instant),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("state", sa.String(6), nullable=False, server_default=sa.text("'open'")),
        sa.Column("settled_at", Instant),
        sa.Column("settled_by", sa.String(60)),
        *_refs("software_conflict", organisation_id="organisation", household_id="household",
               beneficiary_id="beneficiary"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_software_conflict")),
        sa.CheckConstraint("state in ('open', 'ours', 'theirs', 'same')", name=op.f("ck_software_conflict_state")),
    )  # fmt: skip
    _index("software_conflict", "organisation_id")
    _index("software_conflict", "household_id")
    is_open = sa.text("state = 'open'")
    op.create_index("uq_software_conflict_open", "software_conflict", ["beneficiary_id", "field"], unique=True,
                    sqlite_where=is_open, postgresql_where=is_open)  # fmt: skip
    op.create_table(
        "software_payment",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("content", sa.String(120), nullable=False),
        sa.Column("incoming_id", RowId),
        sa.Column("taken_at", Instant, nullable=False),
        *_refs("software_payment", organisation_id="organisation", incoming_id="incoming"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_software_payment")),
        sa.UniqueConstraint("organisation_id", "key", name=op.f("uq_software_payment_organisation_id_key")),
    )
    _index("software_payment", "incoming_id")


def downgrade() -> None:
    for table in ("software_payment", "software_conflict", "software_agreed", "software_exchange"):
        op.drop_table(table)
