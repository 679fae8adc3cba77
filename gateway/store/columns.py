"""A query's rows as columns: a million of them without a Python object each; one place knows how either driver does it.

PostgreSQL copies them out as text; SQLite hands tuples over, some ten thousand at a time.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import polars as pl
import psycopg
from sqlalchemy import BigInteger, Connection, Select, cast, func
from sqlalchemy.sql import ColumnElement

from gateway.store.types import Instant

MOMENT = pl.Datetime("us", "UTC")
_FROM_SQLITE: dict[Any, Any] = {MOMENT: pl.String, pl.Boolean: pl.Int64}
_ROWS = 50_000
_BYTES = 16_000_000


def read_columns(connection: Connection, query: Select[Any], schema: pl.Schema) -> pl.DataFrame:
    """The rows of a query, whose columns have the names of ``schema``, in its types.

    Moments are read from columns of the type :class:`~gateway.store.types.Instant`. The query holds no list that
    expands (``in_``) on PostgreSQL beyond what its parameters can carry.
    """
    if connection.dialect.name == "postgresql":
        frames = list(_copied(connection, query, schema))
    else:
        frames = list(_fetched(connection, query, schema))
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def _copied(connection: Connection, query: Select[Any], schema: pl.Schema) -> Iterator[pl.DataFrame]:
    chosen: list[ColumnElement[Any]] = [
        cast(func.extract("epoch", column) * 1_000_000, BigInteger) if isinstance(column.type, Instant) else column
        for column in query.selected_columns
    ]
    compiled = query.with_only_columns(*chosen, maintain_column_froms=True).compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    on_wire = pl.Schema({name: pl.Int64 if kind == MOMENT else kind for name, kind in schema.items()})
    with driver.cursor() as cursor:
        statement = f"copy ({compiled}) to stdout (format csv)"
        with cursor.copy(statement, compiled.params) as rows:
            buffer = io.BytesIO()
            for row in rows:
                buffer.write(row)
                if buffer.tell() >= _BYTES:
                    yield _read_text(buffer, on_wire, schema)
                    buffer = io.BytesIO()
            if buffer.tell():
                yield _read_text(buffer, on_wire, schema)


def _read_text(buffer: io.BytesIO, on_wire: pl.Schema, schema: pl.Schema) -> pl.DataFrame:
    as_text = pl.Schema({name: pl.String if kind == pl.Boolean else kind for name, kind in on_wire.items()})
    frame = pl.read_csv(buffer.getvalue(), has_header=False, schema=as_text, null_values="")
    return frame.with_columns(
        (pl.col(name) == "t" if kind == pl.Boolean else pl.col(name)).cast(kind) for name, kind in schema.items()
    )


# --- SQLite -----------------------------------------------------------------------------------------------------------


def _fetched(connection: Connection, query: Select[Any], schema: pl.Schema) -> Iterator[pl.DataFrame]:
    as_text = pl.Schema({name: _FROM_SQLITE.get(kind, kind) for name, kind in schema.items()})
    with connection.execute(query) as result:
        # The driver's own cursor: a value becomes no other Python object on its way.
        cursor: Any = result.cursor
        while rows := cursor.fetchmany(_ROWS):
            frame = pl.DataFrame(rows, schema=as_text, orient="row")
            yield frame.with_columns(_typed(name, kind) for name, kind in schema.items())


def _typed(name: str, kind: pl.DataType) -> pl.Expr:
    if kind == MOMENT:
        return pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us").dt.replace_time_zone("UTC")
    return pl.col(name).cast(kind)
