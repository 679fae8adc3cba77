"""An INSERT that sets columns of the row there is when its key is known: written once for both databases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def or_set(table: Table, key: Sequence[str], *columns: str) -> Mapping[str, Any]:
    """The statement for each dialect by name; of a row whose ``key`` is known it sets ``columns`` to the values given.

    Make it once, as a constant: ``connection.execute(KEEP[connection.dialect.name], values)``.
    """
    return or_set_to(table, key, lambda new: {name: new[name] for name in columns})


def or_set_to(table: Table, key: Sequence[str], to: Callable[[Any], Mapping[str, Any]]) -> Mapping[str, Any]:
    """The same, of which ``to`` says what each column is set to: from ``new``, the row that was to be, by column."""

    def written(insert: Any) -> Any:
        new = insert(table)
        return new.on_conflict_do_update(index_elements=key, set_=to(new.excluded))

    return {"postgresql": written(postgresql.insert), "sqlite": written(sqlite.insert)}
