"""Several statements in one round trip to the database, where the driver can: the waits are what costs.

On PostgreSQL the statements are sent through psycopg's pipeline mode; elsewhere one after the other. A statement is
compiled once and for all, so it is a constant of its module and holds no list that expands (``in_``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

Values = Mapping[str, Any]
# A statement with its values; a list of values is the statement once for each.
Ask = tuple[Executable, Values | Sequence[Values]]


def together(connection: Connection, *asks: Ask) -> list[Sequence[Any]]:
    """Run the statements in order; gives the rows of each (none for one that returns none).

    Raises what SQLAlchemy raises. Rows have their columns as attributes; values come as the driver gives them, which
    for this schema's types on PostgreSQL are the same (aware moments, dates, integers, UUIDs, text).
    """
    if connection.dialect.name != "postgresql":
        return [_alone(connection, statement, values) for statement, values in asks]
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    # SQLAlchemy begins lazily, at its own first statement; psycopg begins by itself at ours.
    cursors = []
    try:
        with driver.pipeline():
            for statement, values in asks:
                many = [values] if isinstance(values, Mapping) else values
                sql, own = _compiled(statement, connection.dialect, tuple(many[0]) if many else ())
                cursor = driver.cursor(row_factory=namedtuple_row)
                for each in many:
                    cursor = driver.cursor(row_factory=namedtuple_row)
                    cursor.execute(sql, {**own, **each})
                cursors.append(cursor)
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors]
    except psycopg.Error as error:
        raise _translated(connection, driver, error) from error


def _alone(connection: Connection, statement: Executable, values: Values | Sequence[Values]) -> Sequence[Any]:
    if not values and not isinstance(values, Mapping):
        return []
    result = connection.execute(statement, values if isinstance(values, Mapping) else list(values))
    return result.all() if result.returns_rows else []


@cache
def _compiled(statement: Executable, dialect: Any, keys: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """The statement's text, and the values that stand in it already."""
    assert isinstance(statement, ClauseElement)
    # A SELECT names its own values; only an INSERT or UPDATE is completed by those that are given.
    columns = list(keys) if statement.is_dml else None
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    return str(compiled), dict(compiled.params)


def _translated(connection: Connection, driver: psycopg.Connection[Any], error: psycopg.Error) -> BaseException:
    lost = isinstance(error, psycopg.OperationalError) and (driver.closed or driver.broken)
    if lost:
        # As SQLAlchemy itself does: where one connection has died, those that wait in the pool are not trusted either.
        connection.invalidate()
        connection.engine.dispose()
    return DBAPIError.instance(
        None, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=lost, dialect=connection.dialect
    )
