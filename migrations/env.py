"""Runs migrations on a connection that was handed in, or on DATABASE_URL."""

from __future__ import annotations

import os
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from gateway.store.engine import open_engine
from gateway.store.schema import metadata


def _render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write our own column types by their short names."""
    if kind == "type" and type(item).__module__ == "gateway.store.types":
        autogen.imports.add("from gateway.store.types import Instant, RowId")
        return f"{type(item).__name__}()"
    return False


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=_render,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_in = context.config.attributes.get("connection")
if handed_in is not None:
    _migrate(handed_in)
else:
    with open_engine(os.environ["DATABASE_URL"], patient=True).connect() as own:
        _migrate(own)
        own.commit()
