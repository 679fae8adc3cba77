"""Categories with a tariff and a subsidy; further terms of plans; households that leave; invoices to subsidisers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WINDOW = (
    "(window_opens_month is null) = (window_opens_day is null) and (window_opens_month is null) = (window_days is null)"
)
STILL_HERE = "left_on is null"


def upgrade() -> None:
    op.create_table(
        "subsidiser",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_subsidiser_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subsidiser")),
        sa.UniqueConstraint("code", name=op.f("uq_subsidiser_code")),
    )
    op.create_table(
        "category",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_category_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_category")),
        sa.UniqueConstraint("organisation_id", "code", name=op.f("uq_category_organisation_id_code")),
    )
    op.create_table(
        "tariff",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("plan_id", RowId, nullable=False),
        sa.Column("category_id", RowId, nullable=False),
        sa.Column("registration_fee_minor", sa.BigInteger(), nullable=True),
        sa.Column("household_minor", sa.BigInteger(), nullable=True),
        sa.Column("beneficiary_minor", sa.BigInteger(), nullable=True),
        sa.Column("subsidy_percent", sa.SmallInteger(), nullable=False),
        sa.Column("subsidiser_id", RowId, nullable=True),
        sa.CheckConstraint("subsidy_percent between 0 and 100", name=op.f("ck_tariff_subsidy")),
        sa.CheckConstraint("subsidy_percent = 0 or subsidiser_id is not null", name=op.f("ck_tariff_who_pays")),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_tariff_category_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_tariff_plan_id")),
        sa.ForeignKeyConstraint(["subsidiser_id"], ["subsidiser.id"], name=op.f("fk_tariff_subsidiser_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff")),
        sa.UniqueConstraint("plan_id", "category_id", name=op.f("uq_tariff_plan_id_category_id")),
    )
    op.create_table(
        "household_category",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("household_id", RowId, nullable=False),
        sa.Column("category_id", RowId, nullable=True),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_household_category_category_id")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_household_category_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_category")),
    )
    op.create_index(op.f("ix_household_category_household_id"), "household_category", ["household_id"])
    op.create_table(
        "subsidy_invoice",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("subsidiser_id", RowId, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("made_by", sa.String(length=60), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("paid_by", sa.String(length=60), nullable=True),
        sa.CheckConstraint("(paid_on is null) = (paid_by is null)", name=op.f("ck_subsidy_invoice_paid")),
        sa.ForeignKeyConstraint(["subsidiser_id"], ["subsidiser.id"], name=op.f("fk_subsidy_invoice_subsidiser_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subsidy_invoice")),
    )
    op.create_table(
        "subsidy_invoice_line",
        sa.Column("line_id", RowId, autoincrement=False, nullable=False),
        sa.Column("invoice_id", RowId, nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["subsidy_invoice.id"], name=op.f("fk_subsidy_invoice_line_invoice_id")
        ),
        sa.ForeignKeyConstraint(["line_id"], ["line.id"], name=op.f("fk_subsidy_invoice_line_line_id")),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_subsidy_invoice_line")),
    )
    op.create_index(op.f("ix_subsidy_invoice_line_invoice_id"), "subsidy_invoice_line", ["invoice_id"])

    with op.batch_alter_table("plan") as batch_op:
        batch_op.add_column(sa.Column("lapsed_waiting_days", sa.SmallInteger(), nullable=True))
        batch_op.add_column(sa.Column("window_opens_month", sa.SmallInteger(), nullable=True))
        batch_op.add_column(sa.Column("window_opens_day", sa.SmallInteger(), nullable=True))
        batch_op.add_column(sa.Column("window_days", sa.SmallInteger(), nullable=True))
        batch_op.add_column(
            sa.Column("included_people", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
        )
        batch_op.add_column(sa.Column("charged_people_max", sa.SmallInteger(), nullable=True))
        batch_op.add_column(sa.Column("people_max", sa.SmallInteger(), nullable=True))
        batch_op.add_column(sa.Column("pro_rata", sa.Boolean(), server_default=sa.text("false"), nullable=False))
        batch_op.add_column(
            sa.Column("penalty_percent", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
        )
        batch_op.create_check_constraint(batch_op.f("ck_plan_penalty"), "penalty_percent between 0 and 100")
        batch_op.create_check_constraint(batch_op.f("ck_plan_window"), WINDOW)
    with op.batch_alter_table("membership") as batch_op:
        batch_op.add_column(sa.Column("months", sa.SmallInteger(), server_default=sa.text("12"), nullable=False))
        batch_op.add_column(sa.Column("tariff_id", RowId, nullable=True))
        batch_op.add_column(sa.Column("left_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("left_told_on", sa.Date(), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_membership_tariff_id"), "tariff", ["tariff_id"], ["id"])
        batch_op.create_check_constraint(batch_op.f("ck_membership_left"), "(left_on is null) = (left_told_on is null)")
        batch_op.drop_constraint(batch_op.f("uq_membership_household_id_starts_on"), type_="unique")
    op.create_index(op.f("ix_membership_household_id"), "membership", ["household_id"])
    op.create_index(
        "uq_membership_household_id_starts_on",
        "membership",
        ["household_id", "starts_on"],
        unique=True,
        sqlite_where=sa.text(STILL_HERE),
        postgresql_where=sa.text(STILL_HERE),
    )
    op.add_column("household_change", sa.Column("by_name", sa.String(length=60), nullable=True))


def downgrade() -> None:
    op.drop_column("household_change", "by_name")
    op.drop_index("uq_membership_household_id_starts_on", "membership")
    op.drop_index(op.f("ix_membership_household_id"), "membership")
    with op.batch_alter_table("membership") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_membership_left"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_membership_tariff_id"), type_="foreignkey")
        batch_op.drop_column("left_told_on")
        batch_op.drop_column("left_on")
        batch_op.drop_column("tariff_id")
        batch_op.drop_column("months")
        batch_op.create_unique_constraint(
            batch_op.f("uq_membership_household_id_starts_on"), ["household_id", "starts_on"]
        )
    with op.batch_alter_table("plan") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_plan_window"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_plan_penalty"), type_="check")
        batch_op.drop_column("penalty_percent")
        batch_op.drop_column("pro_rata")
        batch_op.drop_column("people_max")
        batch_op.drop_column("charged_people_max")
        batch_op.drop_column("included_people")
        batch_op.drop_column("window_days")
        batch_op.drop_column("window_opens_day")
        batch_op.drop_column("window_opens_month")
        batch_op.drop_column("lapsed_waiting_days")

    op.drop_table("subsidy_invoice_line")
    op.drop_table("subsidy_invoice")
    op.drop_table("household_category")
    op.drop_table("tariff")
    op.drop_table("category")
    op.drop_table("subsidiser")
