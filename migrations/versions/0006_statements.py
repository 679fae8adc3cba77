"""Statements of operators and banks, what they were matched with, what differs, and the days and months signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

GUARDED = ("difference_event", "wallet_close", "period")


def _postgresql(table: str) -> tuple[str, ...]:
    return (
        f"create trigger {table}_never_changed before update or delete or truncate on {table} "
        "for each statement execute function never_changed()",
    )


def _sqlite(table: str) -> tuple[str, ...]:
    refused = f"begin select raise(abort, '{table} is never changed or deleted'); end"
    return (
        *(f"create trigger {table}_no_{verb} before {verb} on {table} {refused}" for verb in ("update", "delete")),
        f"create trigger {table}_no_replace before insert on {table} "
        f"when exists (select 1 from {table} where id = new.id) {refused}",
    )


def upgrade() -> None:
    op.create_table(
        "wallet",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("operator", sa.String(length=20), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=True),
        sa.Column("delay_hours", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("role in ('wallet', 'bank')", name=op.f("ck_wallet_role")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_wallet_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet")),
        sa.UniqueConstraint(
            "organisation_id", "operator", "currency", name=op.f("uq_wallet_organisation_id_operator_currency")
        ),
    )
    op.create_table(
        "statement",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("wallet_id", RowId, nullable=False),
        sa.Column("file_name", sa.String(length=120), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(length=40), nullable=False),
        sa.Column("imported_by", sa.String(length=60), nullable=False),
        sa.Column("imported_at", Instant(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("repeated", sa.Integer(), nullable=False),
        sa.Column("from_at", Instant(), nullable=False),
        sa.Column("until_at", Instant(), nullable=False),
        sa.Column("opening_minor", sa.BigInteger(), nullable=True),
        sa.Column("closing_minor", sa.BigInteger(), nullable=True),
        sa.Column("reconciled_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_statement_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement")),
        sa.UniqueConstraint("wallet_id", "digest", name=op.f("uq_statement_wallet_id_digest")),
    )
    op.create_index("ix_statement_wallet_id_until_at", "statement", ["wallet_id", "until_at"])
    op.create_table(
        "statement_part",
        sa.Column("statement_id", RowId, autoincrement=False, nullable=False),
        sa.Column("number", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("from_at", Instant(), nullable=False),
        sa.Column("until_at", Instant(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("matches", sa.LargeBinary(), nullable=True),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["statement_id"], ["statement.id"], name=op.f("fk_statement_part_statement_id")),
        sa.PrimaryKeyConstraint("statement_id", "number", name=op.f("pk_statement_part")),
    )
    op.create_table(
        "statement_profile",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("saved_by", sa.String(length=60), nullable=False),
        sa.Column("saved_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_profile")),
        sa.UniqueConstraint("name", name=op.f("uq_statement_profile_name")),
    )
    _differences()
    op.create_table(
        "wallet_close",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("wallet_id", RowId, nullable=False),
        sa.Column("span", sa.String(length=5), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("despite", sa.String(length=200), nullable=True),
        sa.Column("signed_by", sa.String(length=60), nullable=False),
        sa.Column("signed_at", Instant(), nullable=False),
        sa.CheckConstraint("span in ('day', 'month')", name=op.f("ck_wallet_close_span")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_wallet_close_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_close")),
        sa.UniqueConstraint("wallet_id", "span", "first_on", name=op.f("uq_wallet_close_wallet_id_span_first_on")),
    )
    beside = sa.text("journal in ('bank', 'corrections')")
    op.create_index(
        "ix_entry_beside",
        "entry",
        ["organisation_id", "happened_on"],
        sqlite_where=beside,
        postgresql_where=beside,
    )
    guards = _sqlite if op.get_bind().dialect.name == "sqlite" else _postgresql
    for table in GUARDED:
        for guard in guards(table):
            op.execute(guard)


def _differences() -> None:
    op.create_table(
        "difference",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("wallet_id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("statement_id", RowId, nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("operator_id", sa.String(length=64), nullable=True),
        sa.Column("collection_id", RowId, nullable=True),
        sa.Column("incoming_id", RowId, nullable=True),
        sa.Column("refund_id", RowId, nullable=True),
        sa.Column("theirs_minor", sa.BigInteger(), nullable=True),
        sa.Column("ours_minor", sa.BigInteger(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("said", sa.String(length=200), nullable=False),
        sa.Column("found_at", Instant(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("choice", sa.String(length=16), nullable=True),
        sa.Column("card", sa.String(length=9), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("asked_by", sa.String(length=60), nullable=True),
        sa.Column("settled_by", sa.String(length=60), nullable=True),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "kind in ('unknown', 'late', 'missing', 'amount', 'twice', 'reversed', 'fee', 'out', 'ambiguous')",
            name=op.f("ck_difference_kind"),
        ),
        sa.CheckConstraint("state in ('open', 'asked', 'settled')", name=op.f("ck_difference_state")),
        sa.CheckConstraint("asked_by <> settled_by", name=op.f("ck_difference_two_people")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_difference_wallet_id")),
        sa.ForeignKeyConstraint(["statement_id"], ["statement.id"], name=op.f("fk_difference_statement_id")),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=op.f("fk_difference_collection_id")),
        sa.ForeignKeyConstraint(["incoming_id"], ["incoming.id"], name=op.f("fk_difference_incoming_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_difference_refund_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference")),
        sa.UniqueConstraint("key", name=op.f("uq_difference_key")),
    )
    for name in ("wallet_id", "statement_id", "collection_id", "incoming_id"):
        op.create_index(f"ix_difference_{name}", "difference", [name])
    unsettled = sa.text("state <> 'settled'")
    op.create_index(
        "ix_difference_open", "difference", ["wallet_id", "id"], sqlite_where=unsettled, postgresql_where=unsettled
    )
    op.create_table(
        "difference_event",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("difference_id", RowId, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("what", sa.String(length=8), nullable=False),
        sa.Column("choice", sa.String(length=16), nullable=True),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("entry_key", sa.String(length=80), nullable=True),
        sa.CheckConstraint(
            "what in ('found', 'asked', 'refused', 'dropped', 'settled', 'undone', 'gone', 'again')",
            name=op.f("ck_difference_event_what"),
        ),
        sa.ForeignKeyConstraint(["difference_id"], ["difference.id"], name=op.f("fk_difference_event_difference_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference_event")),
    )
    op.create_index("ix_difference_event_difference_id", "difference_event", ["difference_id"])


def downgrade() -> None:
    drop = "drop trigger {}" if op.get_bind().dialect.name == "sqlite" else "drop trigger {} on period"
    names = ("no_update", "no_delete", "no_replace") if op.get_bind().dialect.name == "sqlite" else ("never_changed",)
    for name in names:
        op.execute(drop.format(f"period_{name}"))
    op.drop_index("ix_entry_beside", table_name="entry")
    for table in (
        "wallet_close",
        "difference_event",
        "difference",
        "statement_profile",
        "statement_part",
        "statement",
        "wallet",
    ):
        op.drop_table(table)
