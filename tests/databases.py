"""Databases for tests: PostgreSQL's are copies that are cleaned and lent again; engines share what they compiled."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

# A returned database is thrown away when it has been lent so often, or a test left so much in it.
LENDINGS, LEFT_BYTES = 200, 4 * 1024**2
GONE_WITHIN_S = 0.5


def url_of(postgres: str, database: str) -> str:
    """The address of a database of the server whose maintenance database is at ``postgres``."""
    return postgres.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{database}?")


def make_database(postgres: str, name: str, template: str = "template1") -> str:
    """Make a database like ``template``; its address."""
    with psycopg.connect(postgres, autocommit=True) as admin:
        # File by file: else every page of it goes through the server's log first.
        admin.execute(f"create database {name} template {template} strategy file_copy".encode())
    return url_of(postgres, name)


@contextmanager
def copied(postgres: str, template: str = "template1") -> Iterator[str]:
    """The address of a database like ``template``, of which the next one sees nothing afterwards.

    A copy of a migrated one is cleaned and lent again where that is certain to leave no trace: making one, and filling
    PostgreSQL's caches anew, costs more than most tests do.
    """
    shelf = _shelves[postgres, template]
    lent = shelf.pop() if shelf else _Lent.of(postgres, template)
    yield url_of(postgres, lent.name)
    lent.lendings += 1
    if lent.is_clean_again():
        shelf.append(lent)
    else:
        lent.drop()


# What everything of a schema was when it was copied: whatever alters a table, a trigger or a function changes this.
_SHAPE = """
select array_agg(what order by what) from (
  select 'c' || oid || ' ' || xmin from pg_class where relnamespace = 'public'::regnamespace
  union all select 'a' || attrelid || ' ' || attnum || ' ' || xmin from pg_attribute where attrelid >= 16384
  union all select 't' || oid || ' ' || xmin from pg_trigger
  union all select 'p' || oid || ' ' || xmin from pg_proc where oid >= 16384
  union all select 'n' || oid || ' ' || xmin from pg_constraint where oid >= 16384
  union all select 's' || oid from pg_namespace
  union all select 'g' || setdatabase || ' ' || setrole || ' ' || xmin from pg_db_role_setting
) everything(what)
"""
_OTHERS = """
select count(*) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
_NUMBERS = "select array_agg(format('%I', sequencename)), array_agg(last_value) from pg_sequences"
_RENUMBER = """
select setval(format('%I', sequencename), coalesce(kept, start_value), kept is not null)
from pg_sequences left join unnest(%s::text[], %s::bigint[]) as was(name, kept) on name = format('%I', sequencename)
where last_value is distinct from kept
"""


@dataclass
class _Lent:
    """One copy, and what stood in it when it was new."""

    postgres: str
    name: str
    own: psycopg.Connection[Any]
    shape: list[str]
    numbers: tuple[list[str], list[int | None]]
    rows: dict[str, bytes]
    filled: LiteralString
    lendings: int = 0

    @classmethod
    def of(cls, postgres: str, template: str) -> _Lent | _Once:
        """A fresh copy."""
        name = f"t{uuid.uuid4().hex}"
        url = make_database(postgres, name, template)
        if template == "template1":
            return _Once(postgres, name)
        own = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        # As a replica, so that neither the guards of the ledger nor foreign keys stand in the way.
        own.execute("set session_replication_role = replica")
        tables = [
            f"public.{table}" for (table,) in own.execute(
                "select format('%I', relname) from pg_class "
                "where relnamespace = 'public'::regnamespace and relkind = 'r' order by relname"
            )
        ]  # fmt: skip
        has = (f"case when exists(select 1 from {one}) then '{one}' end" for one in tables)
        filled = cast("LiteralString", f"select array_remove(array[{', '.join(has)}], null)")
        (shape,) = _one(own, _SHAPE)
        names, values = _one(own, _NUMBERS)
        (standing,) = _one(own, filled)
        rows = {table: _copy_of(own, table) for table in standing}
        return cls(postgres, name, own, shape, (names, values), rows, filled)

    def is_clean_again(self) -> bool:
        """Put everything back as it was; false where that can't be had for certain."""
        try:
            return self.lendings < LENDINGS and self._is_left_alone() and self._is_put_back()
        except psycopg.Error:
            return False

    def _is_left_alone(self) -> bool:
        """Has everybody gone? A connection takes a moment to end after its client has closed it."""
        deadline = time.monotonic() + GONE_WITHIN_S
        while _one(self.own, _OTHERS) != (0,):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def _is_put_back(self) -> bool:
        if _one(self.own, _SHAPE) != (self.shape,):
            return False
        (filled,) = _one(self.own, self.filled)
        (left_bytes,) = _one(
            self.own, "select coalesce(sum(pg_relation_size(t)), 0) from unnest(%s::regclass[]) t", filled
        )
        if left_bytes > LEFT_BYTES:
            return False
        with self.own.transaction():
            changed = [one for one in filled if one not in self.rows or _copy_of(self.own, one) != self.rows[one]]
            changed += self.rows.keys() - set(filled)
            for table in changed:
                self.own.execute(_about("delete from {}", table))
            for table in changed:
                if table in self.rows:
                    with self.own.cursor().copy(_about("copy {} from stdin", table)) as copy:
                        copy.write(self.rows[table])
            self.own.execute(_RENUMBER, self.numbers)
        return True

    def drop(self) -> None:
        self.own.close()
        _drop(self.postgres, self.name)


@dataclass
class _Once:
    """A copy of an empty database, whose tests make tables themselves: lent once."""

    postgres: str
    name: str
    lendings: int = 0

    def is_clean_again(self) -> bool:
        return False

    def drop(self) -> None:
        _drop(self.postgres, self.name)


_shelves: dict[tuple[str, str], list[_Lent | _Once]] = defaultdict(list)


def _drop(postgres: str, name: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"drop database {name} with (force)".encode())


def _about(query: LiteralString, table: str) -> sql.Composed:
    return sql.SQL(query).format(sql.SQL(cast("LiteralString", table)))


def _one(connection: psycopg.Connection[Any], query: LiteralString, *given: Any) -> tuple[Any, ...]:
    row = connection.execute(query, given or None).fetchone()
    assert row is not None
    return tuple(row)


def _copy_of(connection: psycopg.Connection[Any], table: str) -> bytes:
    with connection.cursor().copy(_about("copy {} to stdout", table)) as copy:
        return b"".join(bytes(part) for part in copy)


class _Compiled(LRUCache[Any, Any]):
    """Statements that were compiled for one engine serve all engines that speak in the same way.

    As in a process that runs for long with one engine: else every test would compile every statement anew.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_spoken(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_spoken(key), value)


def _spoken(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *rest = key
    return (type(dialect), dialect.server_version_info, dialect.use_insertmanyvalues_wo_returning, *rest)


def share_compiled_statements() -> None:
    """Let every engine of this process keep its compiled statements in one place."""
    shared = _Compiled(10_000)
    Engine._compiled_cache = property(lambda _: shared, lambda _, own: None)  # type: ignore[assignment]
