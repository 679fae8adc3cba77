"""Other systems that are told of what happens, what they are to be told, and how far that came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", RowId, primary_key=True, autoincrement=True),
        sa.Column("organisation_id", RowId, sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("url", sa.String(300), nullable=False),
        sa.Column("events", sa.JSON, nullable=False),
        sa.Column("secret", sa.String(400), nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("made_by", sa.String(60), nullable=False),
        sa.Column("failed_at", Instant),
        sa.Column("failed_key", sa.String(60)),
        sa.Column("disabled_at", Instant),
        sa.Column("disabled_because", sa.String(80)),
    )
    op.create_index("ix_webhook_organisation_id", "webhook", ["organisation_id"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", RowId, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(60), nullable=False, unique=True),
        sa.Column("webhook_id", RowId, sa.ForeignKey("webhook.id"), nullable=False),
        sa.Column("event", sa.String(30), nullable=False),
        sa.Column("happened_at", Instant, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("state", sa.String(10), nullable=False, server_default=sa.text("'open'")),
        sa.Column("tries", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("said", sa.String(80)),
        sa.Column("tried_at", Instant),
        sa.CheckConstraint("state in ('open', 'done', 'given up')", name="state"),
    )
    op.create_index("ix_webhook_delivery_webhook_id", "webhook_delivery", ["webhook_id"])
    op.create_table(
        "webhook_mark",
        sa.Column("source", sa.String(20), primary_key=True),
        sa.Column("behind_id", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("webhook_mark")
    op.drop_table("webhook_delivery")
    op.drop_table("webhook")
