"""What the phone page's tests stand on: a trial on SQLite, demonstrations on PostgreSQL, a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_client

from gateway.procs.redis import PrivateRedis
from tests.conftest import SqliteCopy
from tests.databases import copied
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.simulator.noscript import NoScript
from tests.simulator.places import demonstration
from tests.ussd.world import Place, StandingRuntime, settings


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
def trial(
    sqlite_world: Path, sqlite_copy: SqliteCopy, redis_server: PrivateRedis, redis: redis_client.Redis
) -> Iterator[Place]:
    """An installation that tries the page out, with real operators."""
    with sqlite_copy(sqlite_world) as url:
        own = settings(url, redis_server.url).model_copy(update={"ussd_phone_page": True})
        place = Place(StandingRuntime(own))
        yield place
        place.close()


@pytest.fixture
def demo(
    postgres: str, postgres_world: str, redis_server: PrivateRedis, redis: redis_client.Redis, momo: MomoPlay
) -> Iterator[Place]:
    """A demonstration of this test's own."""
    with copied(postgres, postgres_world) as url:
        place = demonstration(url, redis_server, momo)
        yield place
        place.close()


@pytest.fixture
def window(demo: Place) -> NoScript:
    """A fresh browser without script in the demonstration, in French."""
    return NoScript(demo.app.test_client())
