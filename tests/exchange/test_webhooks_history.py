"""An address that is added after years: told of what happens from then on, and the years aren't read through."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select

from gateway.exchange.webhooks import endpoints, following
from gateway.exchange.webhooks.endpoints import Event
from gateway.exchange.webhooks.following import AGAIN
from gateway.store.schema import household_change, request, webhook_delivery, webhook_mark
from tests.exchange.test_webhooks import Other, added, deliver, follow, other, told, village
from tests.payments.village import PAYER, Village

__all__ = ["other", "village"]  # fixtures
CHANGED = frozenset({Event.HOUSEHOLD_CHANGED})
YEARS = 20_000  # rows


@pytest.fixture
def years(village: Village) -> int:
    """A household that changed many times in two years, until yesterday; its id."""
    home = village.register(PAYER).household_id
    begun = village.clock.now()
    village.clock.move(timedelta(days=731))
    step = timedelta(days=730) / YEARS
    rows = [{"household_id": home, "kind": "renewed", "at": begun + step * number} for number in range(YEARS)]
    with village.store.write() as unit:
        unit.connection.execute(insert(household_change), rows)
    return home


def change(village: Village, home: int) -> None:
    with village.store.write() as unit:
        unit.connection.execute(insert(household_change).values(household_id=home, kind="moved", at=unit.now))


def marked(village: Village) -> int:
    with village.store.read() as connection:
        return (
            connection.scalar(select(webhook_mark.c.behind_id).where(webhook_mark.c.source == "household_change")) or 0
        )


def rows_read(village: Village) -> int:
    return sum(following.following(village.store))


def test_the_first_address_after_years_reads_none_of_them(village: Village, other: Other, years: int) -> None:
    its_id, _ = added(village, other.url, CHANGED)
    assert rows_read(village) == 0
    with village.store.read() as connection:
        assert marked(village) == connection.scalar(select(func.max(household_change.c.id)))
    change(village, years)
    assert rows_read(village) == 1
    assert deliver(village) == []
    assert [one["data"]["change"] for one in other.bodies()] == ["moved"]
    assert len(told(village, its_id)) == 1


def test_what_happened_just_before_is_looked_at_and_not_told(village: Village, other: Other, years: int) -> None:
    change(village, years)
    village.clock.move(AGAIN / 2)
    its_id, _ = added(village, other.url, CHANGED)
    assert rows_read(village) <= 2
    assert told(village, its_id) == []


def test_after_a_while_without_any_address_the_years_between_are_not_told(
    village: Village, other: Other, years: int
) -> None:
    """The mark of the first address lies far back: the next one doesn't begin there."""
    first, _ = added(village, other.url, CHANGED)
    follow(village)
    with village.store.write() as unit:
        endpoints.disable(unit, first, "disabled by Bio Sarre")
    for _ in range(600):
        change(village, years)
    village.clock.move(AGAIN * 2)
    its_id, _ = added(village, other.url, CHANGED)
    assert rows_read(village) == 0
    assert told(village, its_id) == []
    assert told(village, first) == []


def test_a_second_address_is_not_told_what_the_first_one_was(village: Village, other: Other, years: int) -> None:
    first, _ = added(village, other.url, CHANGED)
    change(village, years)
    follow(village)
    village.clock.move(timedelta(seconds=1))
    second, _ = added(village, other.url, CHANGED)
    follow(village)
    change(village, years)
    follow(village)
    assert [len(told(village, each)) for each in (first, second)] == [2, 1]


def test_what_happens_before_anybody_looks_for_the_first_time_is_told(
    village: Village, other: Other, years: int
) -> None:
    """An address counts from when it was added, also where the scheduler stood still from then on."""
    added(village, other.url, frozenset({Event.COMPLAINT_OPENED}))
    village.clock.move(timedelta(days=365))
    with village.store.write() as unit:
        rows = [{
            "kind": "complaint", "category": "other", "language": "fr", "text": "", "state": "open", "msisdn": PAYER,
            "organisation_id": village.place.books.id, "household_id": years, "created_at": unit.now,
        }] * 600  # fmt: skip
        unit.connection.execute(insert(request), rows)
    village.clock.move(AGAIN * 2)
    assert rows_read(village) == 600
    with village.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(webhook_delivery)) == 600
