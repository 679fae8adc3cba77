"""What the phone page's tests stand on: a trial on SQLite, demonstrations on PostgreSQL, a real Redis."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from gateway.procs.redis import PrivateRedis
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.simulator.noscript import NoScript
from tests.simulator.places import Copies, demonstration
from tests.ussd.world import Place, StandingRuntime, make_template, settings


@pytest.fixture(scope="session")
def page_copies(postgres: str, postgres_template: str) -> Copies:
    """Makes copies of a PostgreSQL database that holds the menu's small world; the URL of one, while it is needed."""

    def url(database: str) -> str:
        return postgres.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{database}?")

    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"create database page_world template {postgres_template}")
    make_template(url("page_world"))

    @contextmanager
    def copy() -> Iterator[str]:
        name = f"page_{uuid.uuid4().hex}"
        with psycopg.connect(postgres, autocommit=True) as admin:
            admin.execute(f"create database {name} template page_world")
            yield url(name)
            admin.execute(f"drop database {name} with (force)")

    return copy


@pytest.fixture(scope="session")
def page_file(run_folder: Path, sqlite_template: Path) -> Path:
    """The same world in a SQLite file, to copy."""
    path = run_folder / "page-world.db"
    shutil.copy(sqlite_template, path)
    make_template(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def running_momo() -> Iterator[MomoPlay]:
    """MTN Benin, whose payers do nothing by themselves."""
    play = MomoPlay("--target-environment", "mtnbenin", "--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def momo(running_momo: MomoPlay) -> MomoPlay:
    """MTN Benin, with nothing asked."""
    running_momo.play("reset", {})
    return running_momo


@pytest.fixture
def trial(page_file: Path, tmp_path: Path, redis_server: PrivateRedis, redis: redis_client.Redis) -> Iterator[Place]:
    """An installation that tries the page out, with real operators."""
    path = tmp_path / "cotisa.db"
    for part in page_file.parent.glob(f"{page_file.name}*"):  # with what SQLite has not written into it yet
        shutil.copy(part, tmp_path / part.name.replace(page_file.name, path.name))
    own = settings(f"sqlite:///{path}", redis_server.url).model_copy(update={"ussd_phone_page": True})
    place = Place(StandingRuntime(own))
    yield place
    place.close()


@pytest.fixture
def demo(page_copies: Copies, redis_server: PrivateRedis, redis: redis_client.Redis, momo: MomoPlay) -> Iterator[Place]:
    """A demonstration of this test's own."""
    with page_copies() as url:
        place = demonstration(url, redis_server, momo)
        yield place
        place.close()


@pytest.fixture
def window(demo: Place) -> NoScript:
    """A fresh browser without script in the demonstration, in French."""
    return NoScript(demo.app.test_client())
