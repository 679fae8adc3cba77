"""The phone: PINs, staff of every kind, changes to families, facilities, visits, requests, cash, calls counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempt",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.SmallInteger(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.Column("locked_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_attempt")),
    )
    op.create_table(
        "pin",
        sa.Column("holder", sa.String(length=24), nullable=False),
        sa.Column("hash", sa.String(length=120), nullable=False),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("holder", name=op.f("pk_pin")),
    )
    op.create_table(
        "ussd_charge",
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("cost", sa.String(length=20), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_ussd_charge")),
    )
    op.create_table(
        "facility",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("ownership", sa.String(length=8), nullable=False),
        sa.Column("district", sa.String(length=60), nullable=False),
        sa.Column("msisdn", sa.String(length=16), nullable=True),
        sa.Column("agreed_on", sa.Date(), nullable=False),
        sa.Column("agreed_until", sa.Date(), nullable=True),
        sa.CheckConstraint("kind in ('hospital', 'centre', 'clinic', 'pharmacy')", name=op.f("ck_facility_kind")),
        sa.CheckConstraint("ownership in ('public', 'private', 'faith')", name=op.f("ck_facility_ownership")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_facility_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facility")),
        sa.UniqueConstraint("code", name=op.f("uq_facility_code")),
    )
    with op.batch_alter_table("facility", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_facility_district"), ["district"], unique=False)
        batch_op.create_index(batch_op.f("ix_facility_organisation_id"), ["organisation_id"], unique=False)

    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("facility_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("ended_on", sa.Date(), nullable=True))
        batch_op.create_index(batch_op.f("ix_staff_msisdn"), ["msisdn"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_staff_facility_id"), "facility", ["facility_id"], ["id"])
        batch_op.drop_constraint(batch_op.f("ck_staff_role"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_staff_role"), "role in ('treasurer', 'animator', 'agent', 'adviser')"
        )

    op.create_table(
        "ussd_call",
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("gateway", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("seconds", sa.SmallInteger(), nullable=False),
        sa.Column("hops", sa.SmallInteger(), nullable=False),
        sa.Column("path", sa.JSON(), nullable=False),
        sa.Column("end", sa.String(length=8), nullable=False),
        sa.CheckConstraint("\"end\" in ('done', 'dropped', 'failed')", name=op.f("ck_ussd_call_end")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_ussd_call_organisation_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_ussd_call")),
    )
    with op.batch_alter_table("ussd_call", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ussd_call_started_at"), ["started_at"], unique=False)

    op.create_table(
        "request",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("category", sa.String(length=12), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("household_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("msisdn", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("text", sa.String(length=400), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("answered_by", sa.String(length=60), nullable=True),
        sa.Column("answer", sa.String(length=400), nullable=True),
        sa.CheckConstraint("kind in ('complaint', 'callback')", name=op.f("ck_request_kind")),
        sa.CheckConstraint("state in ('open', 'answered')", name=op.f("ck_request_state")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_request_household_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_request_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request")),
    )
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_request_msisdn"), ["msisdn"], unique=False)
        batch_op.create_index(batch_op.f("ix_request_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "closing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("closed_at", Instant(), nullable=False),
        sa.Column("totals", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_closing_organisation_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_closing_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closing")),
        sa.UniqueConstraint("organisation_id", "day", name=op.f("uq_closing_organisation_id_day")),
    )
    op.create_table(
        "handover",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("decided_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.CheckConstraint("state in ('open', 'confirmed', 'disputed')", name=op.f("ck_handover_state")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_handover_amount")),
        sa.CheckConstraint("decided_by <> staff_id", name=op.f("ck_handover_two_people")),
        sa.ForeignKeyConstraint(["decided_by"], ["staff.id"], name=op.f("fk_handover_decided_by")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_handover_organisation_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_handover_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
    )
    with op.batch_alter_table("handover", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_staff_id"), ["staff_id"], unique=False)

    op.create_table(
        "household_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("household_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("msisdn", sa.String(length=16), nullable=True),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("beneficiary_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("happened_on", sa.Date(), nullable=True),
        sa.Column("note", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(
            ["beneficiary_id"], ["beneficiary.id"], name=op.f("fk_household_change_beneficiary_id")
        ),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_household_change_household_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_household_change_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_change")),
    )
    with op.batch_alter_table("household_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_household_change_household_id"), ["household_id"], unique=False)

    op.create_table(
        "visit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("facility_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("household_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("beneficiary_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("announced_at", Instant(), nullable=False),
        sa.Column("announced_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["beneficiary_id"], ["beneficiary.id"], name=op.f("fk_visit_beneficiary_id")),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_visit_facility_id")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_visit_household_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_visit_organisation_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_visit_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
        sa.UniqueConstraint(
            "facility_id",
            "beneficiary_id",
            "announced_on",
            name=op.f("uq_visit_facility_id_beneficiary_id_announced_on"),
        ),
    )
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_visit_facility_id"), ["facility_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_visit_household_id"), ["household_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_visit_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "cash_taking",
        sa.Column(
            "collection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handover_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=op.f("fk_cash_taking_collection_id")),
        sa.ForeignKeyConstraint(["handover_id"], ["handover.id"], name=op.f("fk_cash_taking_handover_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_cash_taking_staff_id")),
        sa.PrimaryKeyConstraint("collection_id", name=op.f("pk_cash_taking")),
    )
    with op.batch_alter_table("cash_taking", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cash_taking_handover_id"), ["handover_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cash_taking_staff_id"), ["staff_id"], unique=False)

    with op.batch_alter_table("beneficiary", schema=None) as batch_op:
        batch_op.add_column(sa.Column("covered_from", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("left_because", sa.String(length=10), nullable=True))

    with op.batch_alter_table("caller", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stopped_at", Instant(), nullable=True))
        batch_op.alter_column("language", existing_type=sa.String(length=2), nullable=True)

    with op.batch_alter_table("collection", schema=None) as batch_op:
        batch_op.add_column(sa.Column("receipt_code", sa.String(length=5), nullable=True))
        batch_op.add_column(sa.Column("handle", sa.String(length=200), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("cash_taking", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cash_taking_staff_id"))
        batch_op.drop_index(batch_op.f("ix_cash_taking_handover_id"))

    op.drop_table("cash_taking")
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_visit_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_visit_household_id"))
        batch_op.drop_index(batch_op.f("ix_visit_facility_id"))

    op.drop_table("visit")
    with op.batch_alter_table("household_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_household_change_household_id"))

    op.drop_table("household_change")
    with op.batch_alter_table("handover", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_staff_id"))
        batch_op.drop_index(batch_op.f("ix_handover_organisation_id"))

    op.drop_table("handover")
    op.drop_table("closing")
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_request_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_request_msisdn"))

    op.drop_table("request")
    with op.batch_alter_table("ussd_call", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ussd_call_started_at"))

    op.drop_table("ussd_call")
    op.execute("delete from staff where role in ('agent', 'adviser') or ended_on is not null")
    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_staff_role"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_staff_role"), "role in ('treasurer', 'animator')")
        batch_op.drop_index(batch_op.f("ix_staff_msisdn"))
        batch_op.drop_constraint(batch_op.f("fk_staff_facility_id"), type_="foreignkey")
        batch_op.drop_column("ended_on")
        batch_op.drop_column("facility_id")

    op.drop_column("collection", "handle")
    op.drop_column("collection", "receipt_code")
    op.execute("delete from caller where language is null")
    with op.batch_alter_table("caller", schema=None) as batch_op:
        batch_op.alter_column("language", existing_type=sa.String(length=2), nullable=False)
        batch_op.drop_column("stopped_at")

    op.drop_column("beneficiary", "left_because")
    op.drop_column("beneficiary", "covered_from")

    with op.batch_alter_table("facility", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_facility_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_facility_district"))

    op.drop_table("facility")
    op.drop_table("ussd_charge")
    op.drop_table("pin")
    op.drop_table("attempt")
