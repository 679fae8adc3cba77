"""Changes of category proposed, validated and applied; what a group hands in at harvest time, and its own account."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLES = (
    "category_proposal",
    "category_proposal_row",
    "category_proposal_event",
    "group_movement",
    "deduction",
    "deduction_row",
    "deduction_part",
)
# What happened is written down for ever.
GUARDED = ("category_proposal_event", "group_movement")
NOT_WITHDRAWN = sa.text("state <> 'withdrawn'")


def _id() -> sa.Column[Any]:
    return sa.Column("id", RowId, autoincrement=True, nullable=False)


def _refs(table: str, **targets: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))
        for column, target in targets.items()
    ]


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*(columns or ("id",)), name=op.f(f"pk_{table}"))


def _check(table: str, name: str, what: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(what, name=op.f(f"ck_{table}_{name}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


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
    _proposals()
    _deductions()
    guards = _postgresql if op.get_bind().dialect.name == "postgresql" else _sqlite
    for table in GUARDED:
        for statement in guards(table):
            op.execute(statement)


def _proposals() -> None:
    name = "category_proposal"
    op.create_table(
        name,
        _id(),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("title", sa.String(80), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("made_by", sa.String(60), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("met_on", sa.Date()),
        sa.Column("witnesses", sa.JSON()),
        sa.Column("validated_by", sa.String(60)),
        sa.Column("validated_at", Instant()),
        sa.Column("applies_on", sa.Date()),
        sa.Column("applied_by", sa.String(60)),
        sa.Column("applied_at", Instant()),
        _check(name, "two_people", "applied_by <> validated_by"),
        _check(name, "state", "state in ('proposed', 'printed', 'validated', 'applying', 'applied', 'withdrawn')"),
        *_refs(name, organisation_id="organisation"),
        _key(name),
    )
    _index(name, "organisation_id")
    _index(name, "state")
    name = "category_proposal_row"
    op.create_table(
        name,
        _id(),
        sa.Column("proposal_id", RowId, nullable=False),
        sa.Column("household_id", RowId, nullable=False),
        sa.Column("section_id", RowId, nullable=False),
        sa.Column("from_code", sa.String(20)),
        sa.Column("to_code", sa.String(20)),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("proposed_by", sa.String(60), nullable=False),
        sa.Column("decision", sa.String(8)),
        sa.Column("decided_code", sa.String(20)),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("skipped_because", sa.String(12)),
        sa.UniqueConstraint("proposal_id", "household_id", name=op.f(f"uq_{name}_proposal_id_household_id")),
        _check(name, "decision", "decision in ('accepted', 'changed', 'refused')"),
        _check(name, "state", "state in ('open', 'applied', 'kept', 'skipped')"),
        *_refs(name, proposal_id="category_proposal", household_id="household", section_id="organisation"),
        _key(name),
    )
    _index(name, "household_id")
    name = "category_proposal_event"
    op.create_table(
        name,
        _id(),
        sa.Column("proposal_id", RowId, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("from_state", sa.String(10)),
        sa.Column("to_state", sa.String(10), nullable=False),
        sa.Column("by_name", sa.String(60), nullable=False),
        sa.Column("note", sa.String(200)),
        *_refs(name, proposal_id="category_proposal"),
        _key(name),
    )
    _index(name, "proposal_id")


def _deductions() -> None:
    name = "group_movement"
    op.create_table(
        name,
        _id(),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("group_id", RowId, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("collection_id", RowId, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.UniqueConstraint("key", name=op.f(f"uq_{name}_key")),
        _check(name, "kind", "kind in ('rest', 'cash', 'used', 'back')"),
        _check(name, "not_zero", "amount_minor <> 0"),
        *_refs(name, group_id="payer_group", organisation_id="organisation", collection_id="collection"),
        _key(name),
    )
    _index(name, "group_id")
    name = "deduction"
    op.create_table(
        name,
        _id(),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("group_id", RowId, nullable=False),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("file_name", sa.String(120), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("rows_digest", sa.String(64), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("replaces_id", RowId),
        sa.Column("by_name", sa.String(60), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("asked_by", sa.String(60)),
        sa.Column("asked_at", Instant()),
        sa.Column("rest_to_group", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("decided_by", sa.String(60)),
        sa.Column("decided_at", Instant()),
        sa.Column("reason", sa.String(200)),
        _check(name, "two_people", "decided_by <> asked_by or state = 'withdrawn'"),
        _check(name, "state", "state in ('read', 'waiting', 'proposed', 'posted', 'withdrawn')"),
        *_refs(name, organisation_id="organisation", group_id="payer_group", replaces_id="deduction"),
        _key(name),
    )
    _index(name, "organisation_id")
    _index(name, "group_id")
    _index(name, "state")
    op.create_index("uq_deduction_used_once", name, ["group_id", "digest"], unique=True,
                    sqlite_where=NOT_WITHDRAWN, postgresql_where=NOT_WITHDRAWN)  # fmt: skip
    name = "deduction_row"
    op.create_table(
        name,
        sa.Column("deduction_id", RowId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("named", sa.String(80), nullable=False),
        sa.Column("household_id", RowId),
        sa.Column("amount_minor", sa.BigInteger()),
        sa.Column("faults", sa.JSON(), nullable=False),
        *_refs(name, deduction_id="deduction", household_id="household"),
        _key(name, "deduction_id", "number"),
    )
    _index(name, "household_id")
    name = "deduction_part"
    op.create_table(
        name,
        _id(),
        sa.Column("deduction_id", RowId, nullable=False),
        sa.Column("incoming_id", RowId),
        sa.Column("collection_id", RowId),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("by_name", sa.String(60), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.UniqueConstraint("incoming_id", name=op.f(f"uq_{name}_incoming_id")),
        _check(name, "amount", "amount_minor > 0"),
        *_refs(name, deduction_id="deduction", incoming_id="incoming", collection_id="collection"),
        _key(name),
    )
    _index(name, "deduction_id")


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)
