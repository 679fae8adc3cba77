"""Some words as rows that a query can join: one parameter, however many there are, on both databases."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import JSON, ColumnElement, Connection, String, cast, func, literal
from sqlalchemy.sql.selectable import TableValuedAlias


def as_rows(connection: Connection, words: Sequence[str]) -> tuple[TableValuedAlias, ColumnElement[str]]:
    """The words as a table to select from, and its only column."""
    given = literal(json.dumps(list(words)), String)
    if connection.dialect.name == "postgresql":
        rows = func.json_array_elements_text(cast(given, JSON)).table_valued("value", name="listed")
    else:
        rows = func.json_each(given).table_valued("value", name="listed")
    return rows, cast(rows.c.value, String)
