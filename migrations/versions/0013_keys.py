"""Keys of other systems and what they asked for once; households in the order in which they are handed over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.types import Instant, RowId

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("organisation_id", RowId, nullable=False),
        sa.Column("facility_id", RowId, nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("made_by", sa.String(length=60), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("revoked_by", sa.String(length=60), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_api_key_facility_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_api_key_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_key_prefix")),
    )
    op.create_index("ix_api_key_organisation_id", "api_key", ["organisation_id"])
    op.create_table(
        "api_answer",
        sa.Column("api_key_id", RowId, nullable=False),
        sa.Column("once", sa.String(length=64), nullable=False),
        sa.Column("asked", sa.String(length=64), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"], name=op.f("fk_api_answer_api_key_id")),
        sa.PrimaryKeyConstraint("api_key_id", "once", name=op.f("pk_api_answer")),
    )
    op.create_index("ix_api_answer_at", "api_answer", ["at"])
    with op.batch_alter_table("visit") as batch:
        batch.alter_column("staff_id", existing_type=RowId, nullable=True)
        batch.add_column(sa.Column("api_key_id", RowId, nullable=True))
        batch.create_foreign_key(op.f("fk_visit_api_key_id"), "api_key", ["api_key_id"], ["id"])
    op.create_index("ix_household_section_id_id", "household", ["section_id", "id"])
    op.drop_index("ix_household_section_id", table_name="household")
    op.create_index("ix_household_registered_at", "household", ["registered_at"])
    op.create_index("ix_household_change_at", "household_change", ["at"])


def downgrade() -> None:
    op.drop_index("ix_household_change_at", table_name="household_change")
    op.drop_index("ix_household_registered_at", table_name="household")
    op.create_index("ix_household_section_id", "household", ["section_id"])
    op.drop_index("ix_household_section_id_id", table_name="household")
    # A visit that a system announced names nobody, and would have no place in the table as it was.
    op.execute("delete from visit where staff_id is null")
    with op.batch_alter_table("visit") as batch:
        batch.drop_constraint(op.f("fk_visit_api_key_id"), type_="foreignkey")
        batch.drop_column("api_key_id")
        batch.alter_column("staff_id", existing_type=RowId, nullable=False)
    op.drop_table("api_answer")
    op.drop_table("api_key")
