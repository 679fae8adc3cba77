"""The frame: every table of the first release, and the guards that keep the ledger whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The row of an entry seals it: it is refused unless its lines, written before it, net to zero in one currency; no line
# can join an entry that is sealed; and neither is ever changed or deleted, whoever tries. A line without an entry can't
# be committed: its foreign key is checked at the end of the transaction.
SEALED_ONCE = ("entry", "line", "collection_event")

POSTGRESQL = (
    """
    create function entry_seal() returns trigger language plpgsql as $$
    declare
        total numeric;
        lines integer;
        strangers integer;
    begin
        select coalesce(sum(l.amount_minor), 0), count(*),
               count(*) filter (where a.currency <> new.currency or a.organisation_id <> new.organisation_id)
          into total, lines, strangers
          from line l join account a on a.id = l.account_id where l.entry_id = new.id;
        if lines < 2 or total <> 0 then
            raise exception 'entry % nets to % over % lines', new.key, total, lines using errcode = 'check_violation';
        end if;
        if strangers > 0 then
            raise exception 'entry % has lines in other books or currencies', new.key using errcode = 'check_violation';
        end if;
        return new;
    end $$
    """,
    "create trigger entry_seal before insert on entry for each row execute function entry_seal()",
    """
    create function line_unsealed() returns trigger language plpgsql as $$
    begin
        if exists (select 1 from entry where id = new.entry_id) then
            raise exception 'entry % is sealed', new.entry_id using errcode = 'check_violation';
        end if;
        return new;
    end $$
    """,
    "create trigger line_unsealed before insert on line for each row execute function line_unsealed()",
    """
    create function never_changed() returns trigger language plpgsql as $$
    begin
        raise exception '% is never changed or deleted', tg_table_name using errcode = 'restrict_violation';
    end $$
    """,
    *(
        f"create trigger {table}_never_changed before update or delete or truncate on {table} "
        "for each statement execute function never_changed()"
        for table in SEALED_ONCE
    ),
)

SQLITE = (
    """
    create trigger entry_seal before insert on entry begin
        select raise(abort, 'entry does not net to zero over two lines or more') where (
            select count(*) < 2 or coalesce(sum(amount_minor), 0) <> 0 from line where entry_id = new.id
        );
        select raise(abort, 'entry has lines in other books or currencies') where exists (
            select 1 from line l join account a on a.id = l.account_id
            where l.entry_id = new.id and (a.currency <> new.currency or a.organisation_id <> new.organisation_id)
        );
    end
    """,
    """
    create trigger line_unsealed before insert on line begin
        select raise(abort, 'entry is sealed') where exists (select 1 from entry where id = new.entry_id);
    end
    """,
    # SQLite runs no trigger for the deletion in INSERT OR REPLACE: what is there can't be written over either.
    *(
        f"create trigger {table}_no_replace before insert on {table} when exists "
        f"(select 1 from {table} where id = new.id) begin "
        f"select raise(abort, '{table} is never changed or deleted'); end"
        for table in SEALED_ONCE
    ),
    """
    create trigger entry_no_second before insert on entry when exists (select 1 from entry where key = new.key) begin
        select raise(abort, 'UNIQUE constraint failed: entry.key');
    end
    """,
    *(
        f"create trigger {table}_no_{verb} before {verb} on {table} begin "
        f"select raise(abort, '{table} is never changed or deleted'); end"
        for table in SEALED_ONCE
        for verb in ("update", "delete")
    ),
)


def upgrade() -> None:
    op.create_table(
        "caller",
        sa.Column("msisdn", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.PrimaryKeyConstraint("msisdn", name=op.f("pk_caller")),
    )
    op.create_table(
        "effect",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_effect")),
    )
    op.create_table(
        "lease",
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("taken_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_lease")),
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=30), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("content_type", sa.String(length=60), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index("ix_notice_source_reference", ["source", "reference"], unique=False)

    op.create_table(
        "organisation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("parent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("district", sa.String(length=60), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("time_zone", sa.String(length=40), nullable=True),
        sa.Column("languages", sa.String(length=40), nullable=True),
        sa.Column("merchant_code", sa.String(length=20), nullable=True),
        sa.Column("keeps_books", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.CheckConstraint(
            "kind in ('platform', 'promoter', 'union', 'mutuelle', 'section')", name=op.f("ck_organisation_kind")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["organisation.id"], name=op.f("fk_organisation_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("code", name=op.f("uq_organisation_code")),
        sa.UniqueConstraint("path", name=op.f("uq_organisation_path")),
    )
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_organisation_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("queue", sa.String(length=12), nullable=False),
        sa.Column("topic", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("rank", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("claimed_until", Instant(), nullable=True),
        sa.Column("claims", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("fault", sa.String(length=200), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("done_at", Instant(), nullable=True),
        sa.CheckConstraint("queue in ('money', 'receipts', 'replies', 'reminders')", name=op.f("ck_outbox_queue")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_open",
            ["queue", "rank", "due_at"],
            unique=False,
            sqlite_where=sa.text("done_at is null"),
            postgresql_where=sa.text("done_at is null"),
        )

    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_account_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint(
            "organisation_id", "role", "currency", name=op.f("uq_account_organisation_id_role_currency")
        ),
    )
    op.create_table(
        "entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("journal", sa.String(length=12), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "journal in ('dues', 'collections', 'cash', 'bank', 'corrections')", name=op.f("ck_entry_journal")
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_entry_organisation_id")),
        sa.ForeignKeyConstraint(["reverses_id"], ["entry.id"], name=op.f("fk_entry_reverses_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
        sa.UniqueConstraint("key", name=op.f("uq_entry_key")),
    )
    with op.batch_alter_table("entry", schema=None) as batch_op:
        batch_op.create_index("ix_entry_organisation_id_happened_on", ["organisation_id", "happened_on"], unique=False)

    op.create_table(
        "household",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("card", sa.String(length=9), nullable=False),
        sa.Column("section_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=True),
        sa.Column("registered_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["section_id"], ["organisation.id"], name=op.f("fk_household_section_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household")),
        sa.UniqueConstraint("card", name=op.f("uq_household_card")),
    )
    with op.batch_alter_table("household", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_household_section_id"), ["section_id"], unique=False)

    op.create_table(
        "plan",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=False),
        sa.Column("registration_fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("household_minor", sa.BigInteger(), nullable=False),
        sa.Column("beneficiary_minor", sa.BigInteger(), nullable=False),
        sa.Column("instalments", sa.SmallInteger(), nullable=False),
        sa.Column("waiting_days", sa.SmallInteger(), nullable=False),
        sa.Column("grace_days", sa.SmallInteger(), nullable=False),
        sa.Column("activation_percent", sa.SmallInteger(), nullable=False),
        sa.Column("minimum_payment_minor", sa.BigInteger(), nullable=False),
        sa.Column("year_starts_month", sa.SmallInteger(), nullable=True),
        sa.CheckConstraint("activation_percent between 1 and 100", name=op.f("ck_plan_activation")),
        sa.CheckConstraint("instalments between 1 and 12", name=op.f("ck_plan_instalments")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_plan_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.UniqueConstraint("organisation_id", "code", "version", name=op.f("uq_plan_organisation_id_code_version")),
    )
    with op.batch_alter_table("plan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plan_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "service_code",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("septets", sa.SmallInteger(), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_service_code_organisation_id")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_service_code")),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("msisdn", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=True),
        sa.CheckConstraint("role in ('treasurer', 'animator')", name=op.f("ck_staff_role")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_staff_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("organisation_id", "msisdn", "role", name=op.f("uq_staff_organisation_id_msisdn_role")),
    )
    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "beneficiary",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("household_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("sex", sa.String(length=1), nullable=False),
        sa.Column("birth_year", sa.SmallInteger(), nullable=False),
        sa.Column("relation", sa.String(length=8), nullable=False),
        sa.Column("joined_on", sa.Date(), nullable=False),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "relation in ('head', 'spouse', 'child', 'parent', 'other')", name=op.f("ck_beneficiary_relation")
        ),
        sa.CheckConstraint("sex in ('F', 'M')", name=op.f("ck_beneficiary_sex")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_beneficiary_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_beneficiary")),
    )
    with op.batch_alter_table("beneficiary", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_beneficiary_household_id"), ["household_id"], unique=False)

    op.create_table(
        "collection",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=36), nullable=False),
        sa.Column("effect_key", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("household_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("way", sa.String(length=10), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("payer", sa.String(length=16), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("said", sa.String(length=200), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("asked_at", Instant(), nullable=True),
        sa.Column("looks", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), nullable=True),
        sa.Column("paid_currency", sa.String(length=3), nullable=True),
        sa.Column("paid_at", Instant(), nullable=True),
        sa.Column("operator_id", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "state in ('created', 'sending', 'pending', 'unclear', 'paid', 'refused', 'expired', 'reversed')",
            name=op.f("ck_collection_state"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_collection_amount")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_collection_household_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_collection_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection")),
        sa.UniqueConstraint("effect_key", name=op.f("uq_collection_effect_key")),
        sa.UniqueConstraint("key", name=op.f("uq_collection_key")),
        sa.UniqueConstraint("provider", "operator_id", name=op.f("uq_collection_provider_operator_id")),
    )
    with op.batch_alter_table("collection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_collection_household_id"), ["household_id"], unique=False)
        batch_op.create_index(
            "ix_collection_undecided",
            ["state", "created_at"],
            unique=False,
            sqlite_where=sa.text("state in ('created', 'sending', 'pending', 'unclear')"),
            postgresql_where=sa.text("state in ('created', 'sending', 'pending', 'unclear')"),
        )

    op.create_table(
        "membership",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("household_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("waiting_days", sa.SmallInteger(), nullable=False),
        sa.Column("beneficiaries", sa.SmallInteger(), nullable=False),
        sa.Column("enrolled_at", Instant(), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_membership_dates")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_membership_household_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_membership_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("household_id", "starts_on", name=op.f("uq_membership_household_id_starts_on")),
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_index("ix_membership_starts_on", ["starts_on"], unique=False)

    op.create_table(
        "message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("household_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("msisdn", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("parts", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("sends", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("aggregator_id", sa.String(length=64), nullable=True),
        sa.Column("cost", sa.String(length=20), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("handed_at", Instant(), nullable=True),
        sa.Column("report", sa.String(length=30), nullable=True),
        sa.Column("reported_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "state in ('waiting', 'sending', 'sent', 'delivered', 'failed', 'uncertain')", name=op.f("ck_message_state")
        ),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_message_household_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_message_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("key", name=op.f("uq_message_key")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_aggregator_id"), ["aggregator_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_message_msisdn"), ["msisdn"], unique=False)
        batch_op.create_index(batch_op.f("ix_message_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(
            "ix_message_open",
            ["state"],
            unique=False,
            sqlite_where=sa.text("state in ('waiting', 'sending', 'uncertain')"),
            postgresql_where=sa.text("state in ('waiting', 'sending', 'uncertain')"),
        )

    op.create_table(
        "phone",
        sa.Column("msisdn", sa.String(length=16), nullable=False),
        sa.Column("household_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("main", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_phone_household_id")),
        sa.PrimaryKeyConstraint("msisdn", "household_id", name=op.f("pk_phone")),
    )
    with op.batch_alter_table("phone", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_phone_household_id"), ["household_id"], unique=False)

    op.create_table(
        "collection_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("collection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("from_state", sa.String(length=10), nullable=True),
        sa.Column("to_state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("said", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=op.f("fk_collection_event_collection_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection_event")),
    )
    with op.batch_alter_table("collection_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_collection_event_collection_id"), ["collection_id"], unique=False)

    op.create_table(
        "line",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("household_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("membership_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_line_not_zero")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_line_account_id")),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entry.id"], name=op.f("fk_line_entry_id"), initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_line_household_id")),
        sa.ForeignKeyConstraint(["membership_id"], ["membership.id"], name=op.f("fk_line_membership_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_line")),
    )
    with op.batch_alter_table("line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_line_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_line_entry_id"), ["entry_id"], unique=False)
        batch_op.create_index("ix_line_household_id", ["household_id"], unique=False)

    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.execute(sa.text(statement))


def downgrade() -> None:
    with op.batch_alter_table("line", schema=None) as batch_op:
        batch_op.drop_index("ix_line_household_id")
        batch_op.drop_index(batch_op.f("ix_line_entry_id"))
        batch_op.drop_index(batch_op.f("ix_line_account_id"))

    op.drop_table("line")
    with op.batch_alter_table("collection_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_collection_event_collection_id"))

    op.drop_table("collection_event")
    with op.batch_alter_table("phone", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_phone_household_id"))

    op.drop_table("phone")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("ix_message_open")
        batch_op.drop_index(batch_op.f("ix_message_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_message_msisdn"))
        batch_op.drop_index(batch_op.f("ix_message_aggregator_id"))

    op.drop_table("message")
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index("ix_membership_starts_on")

    op.drop_table("membership")
    with op.batch_alter_table("collection", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_collection_undecided",
            sqlite_where=sa.text("state in ('created', 'sending', 'pending', 'unclear')"),
            postgresql_where=sa.text("state in ('created', 'sending', 'pending', 'unclear')"),
        )
        batch_op.drop_index(batch_op.f("ix_collection_household_id"))

    op.drop_table("collection")
    with op.batch_alter_table("beneficiary", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_beneficiary_household_id"))

    op.drop_table("beneficiary")
    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_organisation_id"))

    op.drop_table("staff")
    op.drop_table("service_code")
    with op.batch_alter_table("plan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_plan_organisation_id"))

    op.drop_table("plan")
    with op.batch_alter_table("household", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_household_section_id"))

    op.drop_table("household")
    with op.batch_alter_table("entry", schema=None) as batch_op:
        batch_op.drop_index("ix_entry_organisation_id_happened_on")

    op.drop_table("entry")
    op.drop_table("account")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_open",
            sqlite_where=sa.text("done_at is null"),
            postgresql_where=sa.text("done_at is null"),
        )

    op.drop_table("outbox")
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_organisation_parent_id"))

    op.drop_table("organisation")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index("ix_notice_source_reference")

    op.drop_table("notice")
    op.drop_table("lease")
    op.drop_table("effect")
    op.drop_table("caller")

    if op.get_bind().dialect.name == "postgresql":
        for function in ("entry_seal", "line_unsealed", "never_changed"):
            op.execute(sa.text(f"drop function {function}"))
