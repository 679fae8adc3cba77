"""What the failures' tests stand on: the village of the payments' tests and the running application of the menu's."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from gateway.store.engine import open_engine
from tests.payments.conftest import momo, office, running_momo, village, webhook
from tests.ussd.conftest import any_place, on_postgres, on_sqlite, pg_place, place, town
from tests.ussd.world import make_template

__all__ = [
    "any_place",
    "momo",
    "office",
    "on_postgres",
    "on_sqlite",
    "pg_place",
    "place",
    "running_momo",
    "town",
    "village",
    "webhook",
]


# The menu's world in databases of this folder's own: the menu's tests make theirs in the same run.


@pytest.fixture(scope="session")
def sqlite_world(run_folder: Path, sqlite_template: Path) -> Path:
    """A SQLite file that holds the world, to copy."""
    path = run_folder / "failures-world.db"
    shutil.copy(sqlite_template, path)
    make_template(f"sqlite:///{path}")
    engine = open_engine(f"sqlite:///{path}", patient=True)
    with engine.connect() as connection:
        connection.exec_driver_sql("rollback")
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_world(postgres: str, postgres_template: str) -> str:
    """The name of a PostgreSQL database that holds the world, to copy."""
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"create database failures_world template {postgres_template}".encode())
    address = postgres.replace("postgresql://", "postgresql+psycopg://")
    make_template(address.replace("/postgres?", "/failures_world?"))
    return "failures_world"
