"""The one place that knows SQLite from PostgreSQL: how each is opened, and how a transaction begins."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

# A USSD hop has to answer within five seconds even when the database is gone: nothing here may wait longer.
CONNECT_TIMEOUT_S = 3
STATEMENT_TIMEOUT_MS = 4000
LOCK_TIMEOUT_MS = 3000


def open_engine(url: str, *, patient: bool = False, pool_size: int = 8) -> Engine:
    """An engine for ``url``. ``patient`` lifts the statement time-outs: for loading, reports and migrations."""
    if url.startswith("sqlite"):
        engine = create_engine(
            url,
            hide_parameters=True,
            # We begin transactions ourselves; the driver would begin them late, as readers, and then fail to upgrade.
            connect_args={"isolation_level": None, "timeout": 60 if patient else LOCK_TIMEOUT_MS / 1000},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    options = "" if patient else f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
    engine = create_engine(
        url,
        hide_parameters=True,  # an error's text may be logged, and parameters are people's numbers and names
        pool_size=pool_size,
        max_overflow=4,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=False,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": f"-c timezone=UTC {options}".strip(),
            "tcp_user_timeout": STATEMENT_TIMEOUT_MS,
        },
    )
    # A few rows at once go as one statement: half the waits of the driver's own way with many.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    return engine


def reading(engine: Engine) -> Engine:
    """The same pool, for reading alone: takes no lock on SQLite, commits nothing on PostgreSQL."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(reading=True)
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32000", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: two that both read first and then write would deadlock and one would fail.
    reads = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
