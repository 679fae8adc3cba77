"""Target populations, what was counted of a period, and to whom figures are sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = ("figures_letter", "indicator_sum", "target_population")


def upgrade() -> None:
    op.create_table(
        "target_population",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.CheckConstraint("people > 0", name=op.f("ck_target_population_people")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_target_population_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_target_population")),
    )
    op.create_index(op.f("ix_target_population_organisation_id"), "target_population", ["organisation_id"])
    op.create_table(
        "indicator_sum",
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("sums", sa.JSON(), nullable=False),
        sa.Column("counted_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_indicator_sum_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "period", name=op.f("pk_indicator_sum")),
    )
    op.create_table(
        "figures_letter",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("staff_id", RowId, nullable=True),
        sa.Column("role", sa.String(length=16), nullable=True),
        sa.Column("day", sa.SmallInteger(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_by", sa.String(length=60), nullable=True),
        sa.CheckConstraint("(staff_id is null) <> (role is null)", name=op.f("ck_figures_letter_reader")),
        sa.CheckConstraint("day between 1 and 28", name=op.f("ck_figures_letter_day")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_figures_letter_organisation_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_figures_letter_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_figures_letter")),
    )
    op.create_index(op.f("ix_figures_letter_organisation_id"), "figures_letter", ["organisation_id"])
    with_cost = sa.text("cost_e4 is not null")
    op.create_index("ix_message_cost", "message", ["handed_at"], sqlite_where=with_cost, postgresql_where=with_cost)


def downgrade() -> None:
    op.drop_index("ix_message_cost", table_name="message")
    for table in TABLES:
        op.drop_table(table)
