"""A network's terms: what is inherited, agreements, and where a section was before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CONTACT = (("contact_name", 60), ("contact_msisdn", 16), ("address", 120))
# Every agreement as it stands becomes the first row of its history.
FIRST = """
insert into facility_agreement (facility_id, organisation_id, kind, begins_on, ends_on, at)
select id, organisation_id, 'agreed', agreed_on, agreed_until, CURRENT_TIMESTAMP from facility
"""


def upgrade() -> None:
    for name, length in CONTACT:
        op.add_column("organisation", sa.Column(name, sa.String(length=length), nullable=True))
    op.create_table(
        "organisation_move",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("from_parent_id", RowId, nullable=True),
        sa.Column("to_parent_id", RowId, nullable=False),
        sa.Column("from_path", sa.String(length=200), nullable=False),
        sa.Column("to_path", sa.String(length=200), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_organisation_move_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["from_parent_id"], ["organisation.id"], name=op.f("fk_organisation_move_from_parent_id")
        ),
        sa.ForeignKeyConstraint(["to_parent_id"], ["organisation.id"], name=op.f("fk_organisation_move_to_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_move")),
    )
    op.create_index("ix_organisation_move_organisation_id", "organisation_move", ["organisation_id"])
    op.create_index("ix_organisation_move_since", "organisation_move", ["since"])
    op.create_table(
        "facility_agreement",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("facility_id", RowId, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("terms", sa.Text(), nullable=True),
        sa.Column("tariff", sa.String(length=80), nullable=True),
        sa.Column("covers", sa.String(length=400), nullable=True),
        sa.Column("by_name", sa.String(length=60), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.CheckConstraint("kind in ('agreed', 'renewed', 'ended')", name=op.f("ck_facility_agreement_kind")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_facility_agreement_facility_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_facility_agreement_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facility_agreement")),
    )
    op.create_index("ix_facility_agreement_facility_id", "facility_agreement", ["facility_id"])
    op.execute(FIRST)
    op.create_index("ix_request_household_id", "request", ["household_id"])
    op.create_index("ix_message_household_id", "message", ["household_id"])
    op.create_index("ix_visit_announced_on", "visit", ["announced_on"])


def downgrade() -> None:
    op.drop_index("ix_visit_announced_on", table_name="visit")
    op.drop_index("ix_message_household_id", table_name="message")
    op.drop_index("ix_request_household_id", table_name="request")
    op.drop_table("facility_agreement")
    op.drop_table("organisation_move")
    for name, _ in reversed(CONTACT):
        op.drop_column("organisation", name)
