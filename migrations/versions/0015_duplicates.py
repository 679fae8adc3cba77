"""Old numbers of households; pairs that look like one household, and who decided what; merges that can be undone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "old_number",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("household_id", RowId, nullable=False),
        sa.Column("written", sa.String(length=40), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_old_number_organisation_id")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_old_number_household_id")),
        sa.PrimaryKeyConstraint("key", "organisation_id", name=op.f("pk_old_number")),
    )
    op.create_index(op.f("ix_old_number_household_id"), "old_number", ["household_id"])
    op.create_table(
        "household_merge",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("stays_id", RowId, nullable=False),
        sa.Column("goes_id", RowId, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("undone_at", Instant(), nullable=True),
        sa.Column("undone_by", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(["stays_id"], ["household.id"], name=op.f("fk_household_merge_stays_id")),
        sa.ForeignKeyConstraint(["goes_id"], ["household.id"], name=op.f("fk_household_merge_goes_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_merge")),
    )
    op.create_index(op.f("ix_household_merge_stays_id"), "household_merge", ["stays_id"])
    op.create_index(op.f("ix_household_merge_goes_id"), "household_merge", ["goes_id"])
    op.create_table(
        "duplicate_key",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("household_id", RowId, nullable=False),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_duplicate_key_household_id")),
        sa.PrimaryKeyConstraint("key", "household_id", name=op.f("pk_duplicate_key")),
    )
    op.create_index(op.f("ix_duplicate_key_household_id"), "duplicate_key", ["household_id"])
    op.create_table(
        "duplicate_pair",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("one_id", RowId, nullable=False),
        sa.Column("other_id", RowId, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("found_at", Instant(), nullable=False),
        sa.CheckConstraint("state in ('open', 'same', 'different', 'unsure')", name=op.f("ck_duplicate_pair_state")),
        sa.CheckConstraint("one_id < other_id", name=op.f("ck_duplicate_pair_in_order")),
        sa.ForeignKeyConstraint(["one_id"], ["household.id"], name=op.f("fk_duplicate_pair_one_id")),
        sa.ForeignKeyConstraint(["other_id"], ["household.id"], name=op.f("fk_duplicate_pair_other_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_duplicate_pair_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_pair")),
        sa.UniqueConstraint("one_id", "other_id", name=op.f("uq_duplicate_pair_one_id_other_id")),
    )
    op.create_index(op.f("ix_duplicate_pair_other_id"), "duplicate_pair", ["other_id"])
    op.create_index("ix_duplicate_pair_list", "duplicate_pair", ["organisation_id", "state", "score", "id"])
    op.create_table(
        "duplicate_event",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("pair_id", RowId, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("what", sa.String(length=12), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(["pair_id"], ["duplicate_pair.id"], name=op.f("fk_duplicate_event_pair_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_event")),
    )
    op.create_index(op.f("ix_duplicate_event_pair_id"), "duplicate_event", ["pair_id"])
    op.create_table(
        "duplicate_run",
        sa.Column("organisation_id", RowId, autoincrement=False, nullable=False),
        sa.Column("after_id", RowId, nullable=False),
        sa.Column("until_id", RowId, nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("households", sa.BigInteger(), nullable=False),
        sa.Column("pairs", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_duplicate_run_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_duplicate_run")),
    )


def downgrade() -> None:
    for each in ("run", "event", "pair", "key"):
        op.drop_table(f"duplicate_{each}")
    for name in ("household_merge", "old_number"):
        op.drop_table(name)
