"""The treasurer's lists in the office are read by indexes of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Name, table, columns, and which rows alone are in it.
INDEXES = (
    ("ix_collection_organisation_id_created_at", "collection", ("organisation_id", "created_at"), None),
    (
        "ix_collection_came_to_nothing",
        "collection",
        ("organisation_id", "created_at"),
        "state in ('refused', 'expired', 'reversed')",
    ),
    ("ix_incoming_suspense", "incoming", ("organisation_id", "id"), "state = 'suspense'"),
    ("ix_money_case_open", "money_case", ("organisation_id", "id"), "closed_at is null"),
    ("ix_entry_reverses_id", "entry", ("reverses_id",), "reverses_id is not null"),
    ("ix_line_due", "line", ("account_id", "amount_minor", "due_on"), "due_on is not null"),
)


def upgrade() -> None:
    for name, table, columns, only in INDEXES:
        which = sa.text(only) if only is not None else None
        op.create_index(name, table, list(columns), sqlite_where=which, postgresql_where=which)


def downgrade() -> None:
    for name, table, _, __ in reversed(INDEXES):
        op.drop_index(name, table_name=table)
