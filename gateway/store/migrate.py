"""Brings a database to the program's own version, or back, and says whether the two agree."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from gateway.kernel.faults import Fault
from gateway.store.schema import metadata

SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, to: str = "head") -> None:
    """Run every migration up to ``to``."""
    _run(engine, lambda config: command.upgrade(config, to))


def downgrade(engine: Engine, to: str = "base") -> None:
    """Undo every migration down to ``to``."""
    _run(engine, lambda config: command.downgrade(config, to))


def _run(engine: Engine, migrations: Callable[[Config], None]) -> None:
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            migrations(_config(connection))
            connection.commit()
            return
        # SQLite changes a table by copying it to a new one: what refers to the old one must not be checked meanwhile.
        # Between transactions alone can that be switched.
        _foreign_keys(connection, on=False)
        try:
            migrations(_config(connection))
            if lost := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise Fault(f"migrate: a row of {lost[0]} would refer to nothing: nothing was changed")
            connection.commit()
        finally:
            connection.rollback()
            _foreign_keys(connection, on=True)


def _foreign_keys(connection: Connection, *, on: bool) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


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
