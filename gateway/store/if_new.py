"""An INSERT that leaves a row whose key is known as it is: written once for both databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def if_new(table: Table, *key: str) -> Mapping[str, Any]:
    """The statement for each dialect by name, returning the first column of ``key`` for every row that was new.

    Make it once, as a constant: ``connection.scalar(NEW[connection.dialect.name], values)`` is None for a known key.
    """
    first = table.c[key[0]]
    return {
        "postgresql": postgresql.insert(table).on_conflict_do_nothing(index_elements=key).returning(first),
        "sqlite": sqlite.insert(table).on_conflict_do_nothing(index_elements=key).returning(first),
    }
