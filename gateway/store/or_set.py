"""An INSERT that sets columns of the row there is when its key is known: written once for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def or_set(table: Table, key: Sequence[str], *columns: str) -> Mapping[str, Any]:
    """The statement for each dialect by name; of a row whose ``key`` is known it sets ``columns`` to the values given.

    Make it once, as a constant: ``connection.execute(KEEP[connection.dialect.name], values)``.
    """

    def written(insert: Any) -> Any:
        new = insert(table)
        return new.on_conflict_do_update(index_elements=key, set_={name: new.excluded[name] for name in columns})

    return {"postgresql": written(postgresql.insert), "sqlite": written(sqlite.insert)}
