"""Brings a database to the program's own version, or back, and says whether the two agree."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from gateway.store.schema import metadata

SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, to: str = "head") -> None:
    """Run every migration up to ``to``."""
    with engine.connect() as connection:
        command.upgrade(_config(connection), to)
        connection.commit()


def downgrade(engine: Engine, to: str = "base") -> None:
    """Undo every migration down to ``to``."""
    with engine.connect() as connection:
        command.downgrade(_config(connection), to)
        connection.commit()


@cache
def known() -> tuple[str, ...]:
    """The versions that this program has migrations for, the newest first."""
    return tuple(one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions())


def newest() -> str:
    """The version that this program expects."""
    return known()[0]


def current(connection: Connection) -> str:
    """The version that the database has; empty when it has none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def drift(connection: Connection) -> list[object]:
    """How the migrated database differs from the schema; empty when it doesn't."""
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))
