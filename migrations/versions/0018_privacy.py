"""What people agreed to, who looked at them, and what was forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TABLES = ("erasure", "keeping_time", "data_request", "consent", "consent_text", "household_look")


def upgrade() -> None:
    op.create_table(
        "household_look",
        sa.Column("household_id", RowId, autoincrement=False, nullable=False),
        sa.Column("doer", sa.String(length=24), nullable=False),
        sa.Column("hour", Instant(), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("how", sa.String(length=8), nullable=False),
        sa.CheckConstraint("how in ('office', 'api', 'command')", name=op.f("ck_household_look_how")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_household_look_household_id")),
        sa.PrimaryKeyConstraint("household_id", "doer", "hour", name=op.f("pk_household_look")),
    )
    op.create_index(op.f("ix_household_look_hour"), "household_look", ["hour"])
    op.create_table(
        "consent_text",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.String(length=400), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_consent_text_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_text")),
        sa.UniqueConstraint(
            "organisation_id", "language", "version", name=op.f("uq_consent_text_organisation_id_language_version")
        ),
    )
    op.create_table(
        "consent",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("household_id", RowId, nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("way", sa.String(length=8), nullable=False),
        sa.Column("text_id", RowId, nullable=True),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=True),
        sa.CheckConstraint("way in ('ussd', 'sms', 'paper', 'office', 'import', 'api')", name=op.f("ck_consent_way")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_consent_household_id")),
        sa.ForeignKeyConstraint(["text_id"], ["consent_text.id"], name=op.f("fk_consent_text_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_household_id"), "consent", ["household_id"])
    op.create_table(
        "data_request",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("household_id", RowId, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("checked", sa.String(length=120), nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("answered_by", sa.String(length=60), nullable=True),
        sa.CheckConstraint("(answered_at is null) = (answered_by is null)", name=op.f("ck_data_request_answered")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_data_request_household_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_data_request_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_request")),
    )
    op.create_index(op.f("ix_data_request_household_id"), "data_request", ["household_id"])
    op.create_index(op.f("ix_data_request_organisation_id"), "data_request", ["organisation_id"])
    op.create_table(
        "keeping_time",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("years", sa.SmallInteger(), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.CheckConstraint("years between 1 and 30", name=op.f("ck_keeping_time_years")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_keeping_time_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keeping_time")),
    )
    op.create_index(op.f("ix_keeping_time_organisation_id"), "keeping_time", ["organisation_id"])
    op.create_table(
        "erasure",
        sa.Column("household_id", RowId, autoincrement=False, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("asked_by", sa.String(length=60), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("decided_by", sa.String(length=60), nullable=True),
        sa.Column("done_at", Instant(), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=True),
        sa.CheckConstraint("state in ('asked', 'dropped', 'done')", name=op.f("ck_erasure_state")),
        sa.CheckConstraint("decided_by <> asked_by or state = 'dropped'", name=op.f("ck_erasure_two_people")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_erasure_household_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_erasure_organisation_id")),
        sa.PrimaryKeyConstraint("household_id", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_erasure_organisation_id_state"), "erasure", ["organisation_id", "state"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
