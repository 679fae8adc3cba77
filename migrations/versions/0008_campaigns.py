"""Texts of a mutuelle's own, reminders by rule and by campaign, news, digests, failing numbers, what an SMS cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATES = "state in ('waiting', 'sending', 'sent', 'delivered', 'failed', 'uncertain'{more})"
OPEN = "state in ('waiting', 'sending', 'uncertain')"
OPEN_CAMPAIGN = "state in ('scheduled', 'running', 'paused')"


def upgrade() -> None:
    op.create_table(
        "sms_template",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_sms_template_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_template")),
        sa.UniqueConstraint(
            "organisation_id", "event", "language", "version",
            name=op.f("uq_sms_template_organisation_id_event_language_version"),
        ),
    )  # fmt: skip
    op.create_table(
        "reminder_rule",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("plan_code", sa.String(length=20), nullable=True),
        sa.Column("days", sa.SmallInteger(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.CheckConstraint("days between -60 and 180", name=op.f("ck_reminder_rule_days")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_reminder_rule_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder_rule")),
    )
    op.create_index(op.f("ix_reminder_rule_organisation_id"), "reminder_rule", ["organisation_id"])
    op.create_table(
        "campaign",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("who", sa.JSON(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("budget_e4", sa.BigInteger(), nullable=True),
        sa.Column("committed_e4", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("expected", sa.JSON(), nullable=True),
        sa.Column("starts_at", Instant(), nullable=True),
        sa.Column("rule_id", RowId, nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("cursor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("slices", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("chosen_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.CheckConstraint("kind in ('reminder', 'rule', 'news', 'list')", name=op.f("ck_campaign_kind")),
        sa.CheckConstraint(
            "state in ('draft', 'scheduled', 'running', 'paused', 'done', 'cancelled')", name=op.f("ck_campaign_state")
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_campaign_organisation_id")),
        sa.ForeignKeyConstraint(["rule_id"], ["reminder_rule.id"], name=op.f("fk_campaign_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("key", name=op.f("uq_campaign_key")),
    )
    op.create_index(op.f("ix_campaign_organisation_id"), "campaign", ["organisation_id"])
    _partial("ix_campaign_open", "campaign", ["state"], OPEN_CAMPAIGN)
    op.create_table(
        "campaign_event",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("campaign_id", RowId, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("what", sa.String(length=12), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_event_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_event")),
    )
    op.create_index(op.f("ix_campaign_event_campaign_id"), "campaign_event", ["campaign_id"])
    op.create_table(
        "sms_guest",
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("msisdn", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_sms_guest_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "msisdn", name=op.f("pk_sms_guest")),
    )
    op.create_table(
        "news_reader",
        sa.Column("msisdn", sa.String(length=16), nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_news_reader_organisation_id")),
        sa.PrimaryKeyConstraint("msisdn", "organisation_id", name=op.f("pk_news_reader")),
    )
    op.create_index(op.f("ix_news_reader_organisation_id"), "news_reader", ["organisation_id"])
    op.create_table(
        "failing_number",
        sa.Column("msisdn", sa.String(length=16), nullable=False),
        sa.Column("failures", sa.SmallInteger(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("msisdn", name=op.f("pk_failing_number")),
    )
    op.create_table(
        "aggregator_state",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("failures", sa.SmallInteger(), nullable=False),
        sa.Column("left_alone_until", Instant(), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("told_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_aggregator_state")),
    )

    with op.batch_alter_table("organisation") as batch_op:
        batch_op.add_column(sa.Column("quiet_from", sa.SmallInteger(), nullable=True))
        batch_op.add_column(sa.Column("quiet_until", sa.SmallInteger(), nullable=True))
        batch_op.create_check_constraint(
            batch_op.f("ck_organisation_quiet_hours"), "quiet_from between 0 and 23 and quiet_until between 0 and 23"
        )
    with op.batch_alter_table("staff") as batch_op:
        batch_op.add_column(sa.Column("told", sa.String(length=4), nullable=True))
        batch_op.add_column(sa.Column("told_until", Instant(), nullable=True))
        batch_op.create_check_constraint(batch_op.f("ck_staff_told"), "told in ('hour', 'day')")

    op.drop_index("ix_message_open", "message")
    with op.batch_alter_table("message") as batch_op:
        batch_op.add_column(sa.Column("aggregator", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("cost_e4", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("cost_currency", sa.String(length=3), nullable=True))
        batch_op.add_column(sa.Column("campaign_id", RowId, nullable=True))
        batch_op.add_column(sa.Column("slice", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_message_campaign_id"), "campaign", ["campaign_id"], ["id"])
        batch_op.drop_constraint(batch_op.f("ck_message_state"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_message_state"), STATES.format(more=", 'unknown', 'skipped'"))
    _partial("ix_message_open", "message", ["state"], OPEN)
    _partial("ix_message_unreported", "message", ["handed_at"], "state = 'sent'")
    _partial("ix_message_campaign", "message", ["campaign_id", "slice", "state"], "campaign_id is not null")
    # "XOF 12.0000": the aggregator's wording, as a count.
    op.execute(
        "update message set aggregator = 'africastalking', cost_currency = substr(cost, 1, 3),"
        " cost_e4 = cast(round(cast(substr(cost, 5) as numeric) * 10000) as bigint)"
        " where cost like '___ _%.____'"
    )


def downgrade() -> None:
    op.drop_index("ix_message_campaign", "message")
    op.drop_index("ix_message_unreported", "message")
    op.drop_index("ix_message_open", "message")
    op.execute("delete from message where state = 'skipped'")
    op.execute("update message set state = 'sent' where state = 'unknown'")
    with op.batch_alter_table("message") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_message_state"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_message_state"), STATES.format(more=""))
        batch_op.drop_constraint(batch_op.f("fk_message_campaign_id"), type_="foreignkey")
        for column in ("slice", "campaign_id", "cost_currency", "cost_e4", "aggregator"):
            batch_op.drop_column(column)
    _partial("ix_message_open", "message", ["state"], OPEN)
    with op.batch_alter_table("staff") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_staff_told"), type_="check")
        batch_op.drop_column("told_until")
        batch_op.drop_column("told")
    with op.batch_alter_table("organisation") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_organisation_quiet_hours"), type_="check")
        batch_op.drop_column("quiet_until")
        batch_op.drop_column("quiet_from")
    for table in (
        "aggregator_state", "failing_number", "news_reader", "sms_guest", "campaign_event", "campaign",
        "reminder_rule", "sms_template",
    ):  # fmt: skip
        op.drop_table(table)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
