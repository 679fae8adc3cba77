"""Money in: operators' health, money that came by reference, declarations, cases, refunds, groups of payers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_state",
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("environment", sa.String(length=40), nullable=False),
        sa.Column("failures", sa.SmallInteger(), nullable=False),
        sa.Column("open_until", Instant(), nullable=True),
        sa.Column("said", sa.String(length=200), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "environment", name=op.f("pk_operator_state")),
    )
    op.create_table(
        "payer_group",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("msisdn", sa.String(length=16), nullable=True),
        sa.Column("rule", sa.String(length=10), nullable=False),
        sa.CheckConstraint("rule in ('due', 'equal', 'fixed')", name=op.f("ck_payer_group_rule")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_payer_group_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payer_group")),
        sa.UniqueConstraint("code", name=op.f("uq_payer_group_code")),
    )
    with op.batch_alter_table("payer_group", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payer_group_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "declaration",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("operator_id", sa.String(length=64), nullable=False),
        sa.Column("household_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("msisdn", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("declared_at", Instant(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.CheckConstraint("state in ('open', 'confirmed', 'unfound')", name=op.f("ck_declaration_state")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_declaration_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration")),
        sa.UniqueConstraint("operator_id", "household_id", name=op.f("uq_declaration_operator_id_household_id")),
    )
    with op.batch_alter_table("declaration", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_declaration_household_id"), ["household_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_declaration_operator_id"), ["operator_id"], unique=False)

    op.create_table(
        "payer_group_member",
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("household_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["payer_group.id"], name=op.f("fk_payer_group_member_group_id")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_payer_group_member_household_id")),
        sa.PrimaryKeyConstraint("group_id", "household_id", name=op.f("pk_payer_group_member")),
    )
    with op.batch_alter_table("payer_group_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payer_group_member_household_id"), ["household_id"], unique=False)

    op.create_table(
        "incoming",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("operator", sa.String(length=30), nullable=False),
        sa.Column("operator_id", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("payer", sa.String(length=16), nullable=True),
        sa.Column("reference", sa.String(length=40), nullable=True),
        sa.Column("paid_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("notice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("collection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("state in ('suspense', 'posted', 'returned')", name=op.f("ck_incoming_state")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_incoming_amount")),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=op.f("fk_incoming_collection_id")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_incoming_notice_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_incoming_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incoming")),
        sa.UniqueConstraint("collection_id", name=op.f("uq_incoming_collection_id")),
        sa.UniqueConstraint("operator", "operator_id", name=op.f("uq_incoming_operator_operator_id")),
    )
    with op.batch_alter_table("incoming", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_incoming_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "money_case",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("collection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("incoming_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("said", sa.String(length=200), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("closed_by", sa.String(length=60), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=op.f("fk_money_case_collection_id")),
        sa.ForeignKeyConstraint(["incoming_id"], ["incoming.id"], name=op.f("fk_money_case_incoming_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_money_case_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_money_case")),
        sa.UniqueConstraint("key", name=op.f("uq_money_case_key")),
    )
    with op.batch_alter_table("money_case", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_money_case_collection_id"), ["collection_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_money_case_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "refund",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=36), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("collection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("incoming_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("asked_by", sa.String(length=60), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("approved_by", sa.String(length=60), nullable=True),
        sa.Column("approved_at", Instant(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("said", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "state in ('asked', 'approved', 'sent', 'paid', 'refused', 'dropped')", name=op.f("ck_refund_state")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refund_amount")),
        sa.CheckConstraint("approved_by <> asked_by", name=op.f("ck_refund_two_people")),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=op.f("fk_refund_collection_id")),
        sa.ForeignKeyConstraint(["incoming_id"], ["incoming.id"], name=op.f("fk_refund_incoming_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_refund_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("key", name=op.f("uq_refund_key")),
    )
    with op.batch_alter_table("refund", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refund_collection_id"), ["collection_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_refund_organisation_id"), ["organisation_id"], unique=False)

    with op.batch_alter_table("collection", schema=None) as batch_op:
        batch_op.add_column(sa.Column("environment", sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column("collection", "environment")
    with op.batch_alter_table("refund", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refund_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_refund_collection_id"))

    op.drop_table("refund")
    with op.batch_alter_table("money_case", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_money_case_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_money_case_collection_id"))

    op.drop_table("money_case")
    with op.batch_alter_table("incoming", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_incoming_organisation_id"))

    op.drop_table("incoming")
    with op.batch_alter_table("payer_group_member", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payer_group_member_household_id"))

    op.drop_table("payer_group_member")
    with op.batch_alter_table("declaration", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_declaration_operator_id"))
        batch_op.drop_index(batch_op.f("ix_declaration_household_id"))

    op.drop_table("declaration")
    with op.batch_alter_table("payer_group", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payer_group_organisation_id"))

    op.drop_table("payer_group")
    op.drop_table("operator_state")
