"""The office on a real database: the menu's small world with its staff, and a browser without script."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_client
from playwright.sync_api import Browser

from gateway.procs.redis import PrivateRedis
from tests.conftest import SqliteCopy
from tests.console.office import Office
from tests.console.windows import Windows, chromium_driven, served
from tests.databases import copied
from tests.simulator.browser import chromium
from tests.ussd.world import Place, StandingRuntime, settings

KINDS = ("sqlite", "postgresql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of a page has one of the two databases, always the same one; with BOTH_DATABASES=1 both.

    What pages stand on is tried on both anyway; half of the pages on each finds what only one of them refuses.
    """
    if "office_kind" in metafunc.fixturenames:
        whose = zlib.crc32(metafunc.definition.nodeid.encode()) % 2
        metafunc.parametrize("office_kind", KINDS if os.environ.get("BOTH_DATABASES") else KINDS[whose : whose + 1])


@pytest.fixture
def office(
    office_kind: str, request: pytest.FixtureRequest, redis_server: PrivateRedis, redis: redis_client.Redis
) -> Iterator[Office]:
    """An office on a database of either kind."""
    if office_kind == "sqlite":
        copy: SqliteCopy = request.getfixturevalue("sqlite_copy")
        template: Path = request.getfixturevalue("sqlite_world")
        with copy(template) as url:
            yield from _opened(url, redis_server)
        return
    with copied(request.getfixturevalue("postgres"), request.getfixturevalue("postgres_world")) as url:
        yield from _opened(url, redis_server)


@pytest.fixture
def pg_office(
    postgres: str, postgres_world: str, redis_server: PrivateRedis, redis: redis_client.Redis
) -> Iterator[Office]:
    """An office on PostgreSQL alone, for what would say nothing new on SQLite."""
    with copied(postgres, postgres_world) as url:
        yield from _opened(url, redis_server)


def _opened(url: str, redis_server: PrivateRedis) -> Iterator[Office]:
    place = Place(StandingRuntime(settings(url, redis_server.url)))
    office = Office(place)
    yield office
    place.close()


@pytest.fixture(scope="session")
def driven() -> Iterator[Browser]:
    """One browser for all; every window is a fresh one."""
    if chromium() is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or name one in CHROMIUM")
    with chromium_driven() as browser:
        yield browser


@pytest.fixture
def windows(driven: Browser, pg_office: Office) -> Iterator[Windows]:
    """Windows in an office on PostgreSQL."""
    with served(pg_office) as url:
        found = Windows(driven, pg_office, url)
        yield found
        found.close()
