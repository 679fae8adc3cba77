"""Which data element a figure is elsewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dhis2_place",
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("org_unit", sa.String(11), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_dhis2_place_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_dhis2_place")),
        sa.UniqueConstraint("org_unit", name=op.f("uq_dhis2_place_org_unit")),
    )  # fmt: skip
    op.create_table(
        "dhis2_element",
        sa.Column("data_element", sa.String(11), nullable=False),
        sa.Column("category_option_combo", sa.String(11), nullable=False),
        sa.Column("months", sa.SmallInteger, nullable=False),
        sa.Column("data_set", sa.String(11), nullable=False),
        sa.Column("figure", sa.String(40), nullable=False),
        sa.Column("part", sa.String(11), nullable=False),
        sa.PrimaryKeyConstraint("data_element", "category_option_combo", "months", name=op.f("pk_dhis2_element")),
        sa.CheckConstraint("months in (1, 3, 12)", name=op.f("ck_dhis2_element_months")),
        sa.CheckConstraint(
            "part in ('value', 'percent', 'numerator', 'denominator')", name=op.f("ck_dhis2_element_part")
        ),
    )
    op.create_table(
        "dhis2_sending",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("period", sa.String(7), nullable=False),
        sa.Column("data_set", sa.String(11), nullable=False),
        sa.Column("sent_values", sa.Integer, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("finished_at", Instant),
        sa.Column("imported", sa.Integer),
        sa.Column("updated", sa.Integer),
        sa.Column("ignored", sa.Integer),
        sa.Column("said", sa.String(200)),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_dhis2_sending_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dhis2_sending")),
        sa.CheckConstraint(
            "state in ('sending', 'taken', 'partly', 'refused', 'unknown')", name=op.f("ck_dhis2_sending_state")
        ),
    )  # fmt: skip
    op.create_index(op.f("ix_dhis2_sending_organisation_id"), "dhis2_sending", ["organisation_id"])


def downgrade() -> None:
    for table in ("dhis2_sending", "dhis2_element", "dhis2_place"):
        op.drop_table(table)
