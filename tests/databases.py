"""PostgreSQL databases for tests: copies of one that is prepared, each made in hundredths of a second."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg


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
    """The address of a database like ``template`` that is gone afterwards."""
    name = f"t{uuid.uuid4().hex}"
    yield make_database(postgres, name, template)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"drop database {name} with (force)".encode())
