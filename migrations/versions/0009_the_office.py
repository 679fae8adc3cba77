"""The office's pages: who may enter and what they did; how names sound; merged cards; registers from files; tallies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.kernel.sounds import sounds_of
from gateway.store.if_new import if_new
from gateway.store.types import Instant, RowId

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ROLES = "role in ('treasurer', 'animator', 'agent', 'adviser'{more})"
GUARDED = "office_event"
POSTGRESQL = (
    f"create trigger {GUARDED}_never_changed before update or delete or truncate on {GUARDED} "
    "for each statement execute function never_changed()",
)
_REFUSED = f"begin select raise(abort, '{GUARDED} is never changed or deleted'); end"
SQLITE = (
    *(f"create trigger {GUARDED}_no_{verb} before {verb} on {GUARDED} {_REFUSED}" for verb in ("update", "delete")),
    f"create trigger {GUARDED}_no_replace before insert on {GUARDED} "
    f"when exists (select 1 from {GUARDED} where id = new.id) {_REFUSED}",
)
BATCH = 20_000


def upgrade() -> None:
    op.create_table(
        "card_alias",
        sa.Column("card", sa.String(length=9), nullable=False),
        sa.Column("household_id", RowId, nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_card_alias_household_id")),
        sa.PrimaryKeyConstraint("card", name=op.f("pk_card_alias")),
    )
    op.create_index(op.f("ix_card_alias_household_id"), "card_alias", ["household_id"])
    op.create_table(
        "name_key",
        sa.Column("key", sa.String(length=24), nullable=False),
        sa.Column("household_id", RowId, nullable=False),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_name_key_household_id")),
        sa.PrimaryKeyConstraint("key", "household_id", name=op.f("pk_name_key")),
    )
    op.create_index(op.f("ix_name_key_household_id"), "name_key", ["household_id"])
    op.create_table(
        "register_import",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("file_name", sa.String(length=120), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "state in ('read', 'running', 'done', 'undoing', 'undone', 'dropped')",
            name=op.f("ck_register_import_state"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_register_import_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_import")),
    )
    op.create_index(op.f("ix_register_import_organisation_id"), "register_import", ["organisation_id"])
    op.create_table(
        "register_import_row",
        sa.Column("import_id", RowId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("household_id", RowId, nullable=True),
        sa.CheckConstraint(
            "state in ('good', 'wrong', 'known', 'taken', 'undone', 'kept')", name=op.f("ck_register_import_row_state")
        ),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_register_import_row_household_id")),
        sa.ForeignKeyConstraint(["import_id"], ["register_import.id"], name=op.f("fk_register_import_row_import_id")),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_register_import_row")),
    )
    op.create_index(op.f("ix_register_import_row_household_id"), "register_import_row", ["household_id"])
    op.create_table(
        "cover_tally",
        sa.Column("section_id", RowId, nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("households", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("covered", sa.Integer(), nullable=False),
        sa.Column("counted_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["section_id"], ["organisation.id"], name=op.f("fk_cover_tally_section_id")),
        sa.PrimaryKeyConstraint("section_id", "on", "state", name=op.f("pk_cover_tally")),
    )
    op.create_table(
        "login",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("msisdn", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=True),
        sa.Column("password", sa.String(length=120), nullable=True),
        sa.Column("password_at", Instant(), nullable=True),
        sa.Column("totp_secret", sa.String(length=200), nullable=True),
        sa.Column("totp_on_at", Instant(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login")),
        sa.UniqueConstraint("msisdn", name=op.f("uq_login_msisdn")),
    )
    op.create_table(
        "login_link",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("login_id", RowId, nullable=False),
        sa.Column("made_by", sa.String(length=60), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["login_id"], ["login.id"], name=op.f("fk_login_link_login_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_login_link")),
    )
    op.create_index(op.f("ix_login_link_login_id"), "login_link", ["login_id"])
    op.create_table(
        "login_recovery",
        sa.Column("login_id", RowId, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["login_id"], ["login.id"], name=op.f("fk_login_recovery_login_id")),
        sa.PrimaryKeyConstraint("login_id", "digest", name=op.f("pk_login_recovery")),
    )
    op.create_table(
        "passkey",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("login_id", RowId, nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("signs", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["login_id"], ["login.id"], name=op.f("fk_passkey_login_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential", name=op.f("uq_passkey_credential")),
    )
    op.create_index(op.f("ix_passkey_login_id"), "passkey", ["login_id"])
    op.create_table(
        "login_session",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("login_id", RowId, nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("agent", sa.String(length=120), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["login_id"], ["login.id"], name=op.f("fk_login_session_login_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("digest", name=op.f("uq_login_session_digest")),
    )
    op.create_index(op.f("ix_login_session_login_id"), "login_session", ["login_id"])
    op.create_table(
        "office_event",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("login_id", RowId, nullable=True),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("organisation_id", RowId, nullable=True),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("about", sa.String(length=80), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["login_id"], ["login.id"], name=op.f("fk_office_event_login_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_office_event_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office_event")),
    )
    op.create_index(op.f("ix_office_event_about"), "office_event", ["about"])
    op.create_index(op.f("ix_office_event_at"), "office_event", ["at"])
    op.create_index(op.f("ix_office_event_login_id"), "office_event", ["login_id"])
    op.create_index(op.f("ix_office_event_organisation_id"), "office_event", ["organisation_id"])

    with op.batch_alter_table("household") as batch_op:
        batch_op.add_column(sa.Column("merged_into_id", RowId, nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_household_merged_into_id"), "household", ["merged_into_id"], ["id"])
    _roles(", 'administrator'")
    connection = op.get_bind()
    for guard in POSTGRESQL if connection.dialect.name == "postgresql" else SQLITE:
        op.execute(guard)
    _write_sounds(connection)


def downgrade() -> None:
    op.execute("delete from staff where role = 'administrator'")
    _roles("")
    with op.batch_alter_table("household") as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_household_merged_into_id"), type_="foreignkey")
        batch_op.drop_column("merged_into_id")
    for table in (
        "office_event", "login_session", "passkey", "login_recovery", "login_link", "login", "cover_tally",
        "register_import_row", "register_import", "name_key", "card_alias",
    ):  # fmt: skip
        op.drop_table(table)


def _roles(more: str) -> None:
    with op.batch_alter_table("staff") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_staff_role"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_staff_role"), ROLES.format(more=more))


def _write_sounds(connection: sa.Connection) -> None:
    """How the names of everybody sound, some thousand people at a time."""
    beneficiary = sa.table("beneficiary", sa.column("id"), sa.column("household_id"), sa.column("name"))
    name_key = sa.Table("name_key", sa.MetaData(), sa.Column("key", sa.String), sa.Column("household_id", RowId))
    new = if_new(name_key, "key", "household_id")[connection.dialect.name]
    asked = (
        sa.select(beneficiary).where(beneficiary.c.id > sa.bindparam("after")).order_by(beneficiary.c.id).limit(BATCH)
    )
    after = 0
    while people := connection.execute(asked, {"after": after}).all():
        found = {(key, one.household_id) for one in people for key in sounds_of(one.name)}
        if found:
            connection.execute(new, [{"key": key, "household_id": its} for key, its in sorted(found)])
        after = people[-1].id
