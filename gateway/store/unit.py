"""The unit of work: what is written together is committed together, and only then is anyone rung for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.kernel.atomic import transaction_open
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Unavailable
from gateway.store import engine as engines

# Rings for a queue; the rows are committed when it is called, so it may fail without harm: a sweep rings again.
Bell = Callable[[set[str]], None]

# PostgreSQL's "read_only_sql_transaction": the server has become a copy of another, or was told to change nothing.
READ_ONLY = "25006"


@dataclass
class Unit:
    """One writing transaction: its connection, its moment, and the queues to ring for once it is committed."""

    connection: Connection
    now: datetime
    rings: set[str] = field(default_factory=set)


class Store:
    """The database, as the rest of the program sees it."""

    def __init__(self, engine: Engine, clock: Clock, bell: Bell | None = None) -> None:
        self.engine = engine
        self.clock = clock
        self.bell = bell
        self._reader = engines.reading(engine)

    @property
    def is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading; raises :class:`Unavailable` when the database doesn't answer."""
        with telling_unavailable(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Unit]:
        """A transaction: committed when the block ends, rolled back when it raises; no network call fits inside."""
        with telling_unavailable(), transaction_open(), self.engine.begin() as connection:
            unit = Unit(connection, self.clock.now())
            yield unit
        if unit.rings and self.bell is not None:
            self.bell(unit.rings)

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def telling_unavailable() -> Iterator[None]:
    """Turns what the driver raises when the database doesn't answer into :class:`Unavailable`."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as down:
        raise Unavailable(f"database: {_first_line(down)}") from down
    except InternalError as refused:
        if getattr(refused.orig, "sqlstate", None) != READ_ONLY:
            raise
        raise Unavailable(f"database: {_first_line(refused)}") from refused


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]
