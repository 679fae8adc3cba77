"""Who looked at whose record: once an hour, never in the way, forgotten in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from gateway.kernel.faults import Unavailable
from gateway.privacy.looking import KEPT_FOR, Looker, forgetting, looked, looks_at
from gateway.store.schema import household_look
from tests.payments.village import ON_SQLITE, Village, at_once

RAFIOU = Looker.login(7, "Rafiou Gounou")


def test_a_look_is_written_once_an_hour(village: Village) -> None:
    one = village.register().household_id
    at_once(4, lambda: looked(village.store, RAFIOU, [one], village.clock.now()))
    looked(village.store, Looker.key(3, "API abc Registry"), [one, one], village.clock.now())
    village.clock.move(timedelta(hours=1))
    looked(village.store, RAFIOU, [one], village.clock.now())
    with village.store.read() as connection:
        found = looks_at(connection, one, 10)
    assert [(each.by, each.how) for each in found] == [
        ("Rafiou Gounou", "office"), ("API abc Registry", "api"), ("Rafiou Gounou", "office"),
    ]  # fmt: skip
    assert found[0].hour.minute == 0


@ON_SQLITE
def test_a_database_that_is_away_is_in_nobodys_way(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise Unavailable("database: busy")

    monkeypatch.setattr(village.store, "write", away)
    looked(village.store, RAFIOU, [1], village.clock.now())


def test_looks_are_forgotten_in_time(village: Village) -> None:
    one = village.register().household_id
    looked(village.store, RAFIOU, [one], village.clock.now() - KEPT_FOR - timedelta(hours=2))
    looked(village.store, RAFIOU, [one], village.clock.now())
    assert sum(forgetting(village.store, village.clock.now())) == 1
    with village.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(household_look)) == 1
