"""Groups asked by push, operators' quotas, two people for money on suspense, refunds that an operator gives back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FOR_ONE_OF_BOTH = "(household_id is null) <> (group_id is null)"
HAS_HANDLE = "handle is not null"
GIVEN_UP = "state = 'expired' and reason = 'no_answer'"


def upgrade() -> None:
    op.create_table(
        "operator_pace",
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("free_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_operator_pace")),
    )
    op.create_table(
        "assignment",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("incoming_id", RowId, nullable=False),
        sa.Column("household_id", RowId, nullable=True),
        sa.Column("group_id", RowId, nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("asked_by", sa.String(length=60), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("decided_by", sa.String(length=60), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.CheckConstraint("decided_by <> asked_by or state = 'dropped'", name=op.f("ck_assignment_two_people")),
        sa.CheckConstraint("state in ('asked', 'done', 'refused', 'dropped')", name=op.f("ck_assignment_state")),
        sa.CheckConstraint(FOR_ONE_OF_BOTH, name=op.f("ck_assignment_for_whom")),
        sa.ForeignKeyConstraint(["group_id"], ["payer_group.id"], name=op.f("fk_assignment_group_id")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_assignment_household_id")),
        sa.ForeignKeyConstraint(["incoming_id"], ["incoming.id"], name=op.f("fk_assignment_incoming_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
    )
    op.create_index(op.f("ix_assignment_incoming_id"), "assignment", ["incoming_id"])

    with op.batch_alter_table("collection") as batch_op:
        batch_op.add_column(sa.Column("group_id", RowId, nullable=True))
        batch_op.add_column(sa.Column("token", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("look_at", Instant(), nullable=True))
        batch_op.alter_column("household_id", existing_type=RowId, nullable=True)
        batch_op.create_foreign_key(batch_op.f("fk_collection_group_id"), "payer_group", ["group_id"], ["id"])
        batch_op.create_check_constraint(batch_op.f("ck_collection_for_whom"), FOR_ONE_OF_BOTH)
    op.create_index(op.f("ix_collection_group_id"), "collection", ["group_id"])
    op.create_index("ix_collection_payer_created_at", "collection", ["payer", "created_at"])
    op.create_index(
        "ix_collection_handle",
        "collection",
        ["handle"],
        sqlite_where=sa.text(HAS_HANDLE),
        postgresql_where=sa.text(HAS_HANDLE),
    )
    op.create_index(op.f("ix_money_case_incoming_id"), "money_case", ["incoming_id"])
    op.create_index(op.f("ix_refund_incoming_id"), "refund", ["incoming_id"])
    op.create_index(
        "ix_collection_given_up",
        "collection",
        ["created_at"],
        sqlite_where=sa.text(GIVEN_UP),
        postgresql_where=sa.text(GIVEN_UP),
    )

    with op.batch_alter_table("notice") as batch_op:
        batch_op.add_column(sa.Column("digest", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("times", sa.Integer(), server_default=sa.text("1"), nullable=False))
        batch_op.drop_index("ix_notice_source_reference")
        batch_op.create_unique_constraint(
            batch_op.f("uq_notice_source_reference_digest"), ["source", "reference", "digest"]
        )

    op.add_column("refund", sa.Column("provider", sa.String(length=20), nullable=True))
    op.add_column("refund", sa.Column("handle", sa.String(length=200), nullable=True))
    op.add_column("refund", sa.Column("sent_at", Instant(), nullable=True))


def downgrade() -> None:
    op.drop_column("refund", "sent_at")
    op.drop_column("refund", "handle")
    op.drop_column("refund", "provider")

    with op.batch_alter_table("notice") as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_notice_source_reference_digest"), type_="unique")
        batch_op.drop_column("times")
        batch_op.drop_column("digest")
    op.create_index("ix_notice_source_reference", "notice", ["source", "reference"])

    op.drop_index("ix_collection_given_up", "collection")
    op.drop_index(op.f("ix_refund_incoming_id"), "refund")
    op.drop_index(op.f("ix_money_case_incoming_id"), "money_case")
    op.drop_index("ix_collection_handle", "collection")
    op.drop_index("ix_collection_payer_created_at", "collection")
    op.drop_index(op.f("ix_collection_group_id"), "collection")
    # What was asked of a group's payer is put down to its first household: the older program knows no other.
    op.execute(
        "update collection set household_id = (select min(m.household_id) from payer_group_member m"
        " where m.group_id = collection.group_id), group_id = null where household_id is null"
    )
    with op.batch_alter_table("collection") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_collection_for_whom"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_collection_group_id"), type_="foreignkey")
        batch_op.alter_column("household_id", existing_type=RowId, nullable=False)
        batch_op.drop_column("look_at")
        batch_op.drop_column("token")
        batch_op.drop_column("group_id")

    op.drop_index(op.f("ix_assignment_incoming_id"), "assignment")
    op.drop_table("assignment")
    op.drop_table("operator_pace")
