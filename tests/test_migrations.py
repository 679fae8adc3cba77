"""Migrations bring a database of either kind to the schema and back; the guards of the ledger come with them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, Connection, Engine, inspect, text

from gateway.store import migrate
from gateway.store.engine import open_engine
from gateway.store.schema import metadata
from tests.databases import copied

GUARDED = ("entry", "line", "collection_event", "seal", "office_event", "category_proposal_event", "group_movement")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind in turn."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'empty.db'}", patient=True)
        yield engine
        engine.dispose()
        return
    postgres: str = request.getfixturevalue("postgres")
    with copied(postgres) as url:
        engine = open_engine(url, patient=True)
        yield engine
        engine.dispose()


def _triggers(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        return set(connection.scalars(text("select name from sqlite_master where type = 'trigger'")))
    return set(connection.scalars(text("select tgname from pg_trigger where not tgisinternal")))


def _leftovers(connection: Connection) -> set[str]:
    """Everything that is ours in the database, apart from Alembic's own table."""
    found = set(inspect(connection).get_table_names()) - {"alembic_version"} | _triggers(connection)
    if connection.dialect.name == "postgresql":
        ours = "select proname from pg_proc join pg_namespace n on n.oid = pronamespace where nspname = 'public'"
        found |= set(connection.scalars(text(ours)))
    return found


def test_up_down_and_up_again(empty: Engine) -> None:
    for _ in range(2):
        migrate.upgrade(empty)
        with empty.connect() as connection:
            assert migrate.current(connection) == migrate.newest()
            assert migrate.drift(connection) == []
            assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
        migrate.downgrade(empty)
        with empty.connect() as connection:
            assert migrate.current(connection) == ""
            assert _leftovers(connection) == set()


def test_up_to_date_is_left_alone(empty: Engine) -> None:
    migrate.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("insert into caller (msisdn, language) values ('+2290100000101', 'fr')"))
    migrate.upgrade(empty)
    with empty.connect() as connection:
        assert connection.execute(text("select count(*) from caller")).scalar() == 1


def test_the_guards_of_the_ledger_are_there(empty: Engine) -> None:
    migrate.upgrade(empty)
    with empty.connect() as connection:
        found = _triggers(connection)
    assert {"entry_seal", "line_unsealed"} <= found
    if empty.dialect.name == "postgresql":
        assert {f"{table}_never_changed" for table in GUARDED} <= found
    else:
        assert {f"{table}_no_{verb}" for table in GUARDED for verb in ("update", "delete")} <= found


def test_a_difference_is_found(empty: Engine) -> None:
    migrate.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("alter table plan add column discount integer"))
    with empty.connect() as connection:
        assert "discount" in str(migrate.drift(connection))


def test_checks_hold_in_the_database(empty: Engine) -> None:
    """What the schema says of states, queues and kinds stands in the migrated database; Alembic doesn't compare it."""
    migrate.upgrade(empty)
    expected = {
        (table, str(one.name)): str(one.sqltext)
        for table in metadata.tables
        for one in metadata.tables[table].constraints
        if isinstance(one, CheckConstraint)
    }
    with empty.connect() as connection:
        seen = inspect(connection)
        found = {
            (table, one["name"]): one["sqltext"]
            for table in metadata.tables
            for one in seen.get_check_constraints(table)
        }
    assert found.keys() == expected.keys()
    if empty.dialect.name == "sqlite":  # PostgreSQL writes them in its own way
        assert found == expected


def test_the_command_says_what_it_did_and_what_went_wrong(tmp_path: Path) -> None:
    def run(url: str, *words: str) -> tuple[int, str, str]:
        own = {
            "DATABASE_URL": url, "REDIS_URL": "redis://127.0.0.1:9", "SECRET_KEY": "x" * 32, "WEBHOOK_SECRET": "x" * 16,
            "PUBLIC_URL": "https://cotisa.invalid", "PATH": os.environ["PATH"],
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "migrate", *words], env=own, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    here = f"sqlite:///{tmp_path / 'a.db'}"
    assert run(here) == (0, f"database at version {migrate.newest()}\n", "")
    assert run(here, "--down")[0] == 130  # nobody has said yes
    assert run(here, "--down", "--yes") == (0, "database at version none\n", "")
    code, out, err = run("postgresql://u:canary-password@127.0.0.1:9/x")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith("gateway: migrate: ")
    assert "canary" not in err
