"""What came is counted from rows made of the books once: gathered or not, or in part, the figures are the same."""

from __future__ import annotations

import time
import uuid
from datetime import date, timedelta

from sqlalchemy import delete, func, insert, select, update

from gateway.indicators.keeping import count
from gateway.indicators.payments import LATE_COMMIT, gathered_until, gathering, gathering_late
from gateway.indicators.periods import Period
from gateway.payments.reversing import reverse
from gateway.store.schema import collection, entry, indicator_payment
from tests.indicators.asking import NOVEMBER, now, rows
from tests.payments.deeds import asked, came, group_of, three_families
from tests.payments.village import Village

DAY_MS = LATE_COMMIT // timedelta(milliseconds=1)
PERIODS = NOVEMBER, Period(2026), NOVEMBER.before


def _all_ways(office: Village) -> None:
    """A payment by each way, one that is taken back, and one that goes to dues and to advance."""
    homes = three_families(office)
    office.push(homes[0], 1_500)
    office.give(homes[0], office.treasurer, 500)
    came(office, 2_000, office.family(homes[1]).card)
    office.confirm(asked(office, group_of(office, homes), 8_700))
    late = office.pay(homes[2], 50_000)
    office.clock.move(timedelta(minutes=7))
    office.confirm(late)
    key = office.push(homes[1], 700)
    with office.store.write() as unit:
        assert reverse(unit, office.network.tree(), key, "fraud")


def _kept(office: Village) -> int:
    with office.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(indicator_payment)) or 0


def test_figures_are_the_same_gathered_or_not(office: Village) -> None:
    _all_ways(office)
    before = [now(office, period) for period in PERIODS]
    assert before[0]["pay_to_cover_p90"].denominator == len(rows(office, "pay_to_cover_p90")) > 2
    added = sum(gathering(office.store))
    assert added == _kept(office) > 6
    assert [now(office, period) for period in PERIODS] == before
    assert sum(gathering(office.store)) == 0, "nothing is gathered twice"


def test_what_is_not_gathered_yet_counts_with_what_is(office: Village) -> None:
    _all_ways(office)
    list(gathering(office.store))
    home = office.register("+2290100000388").household_id
    was = now(office)["recovery:XOF"].numerator or 0
    office.push(home, 1_100)
    assert now(office)["recovery:XOF"].numerator == was + 1_100
    assert sum(gathering(office.store)) == 1
    assert now(office)["recovery:XOF"].numerator == was + 1_100


def test_a_large_network_is_gathered_as_it_is_counted(office: Village) -> None:
    _all_ways(office)
    then = now(office)
    count(office.store, office.network.tree().named("m-1"), NOVEMBER)
    assert _kept(office) > 6
    assert now(office) == then


def test_an_entry_that_was_committed_late_counts_before_it_is_gathered(office: Village) -> None:
    _all_ways(office)
    then = now(office)
    list(gathering(office.store))
    with office.store.write() as unit:
        first = unit.connection.scalars(select(indicator_payment.c.entry_id).order_by(indicator_payment.c.entry_id))
        unit.connection.execute(delete(indicator_payment).where(indicator_payment.c.entry_id == first.first()))
    assert now(office) == then
    assert sum(gathering(office.store)) == 1


def test_what_is_gathered_reaches_a_day_back_and_never_beyond_now(office: Village) -> None:
    with office.store.read() as connection:
        assert gathered_until(connection) is None
    ahead = uuid.UUID(int=time.time_ns() // 1_000_000 + 10 * DAY_MS << 80)
    row = {"household_id": 1, "currency": "XOF", "came_by": "cash", "minor": 1, "happened_on": date(2026, 11, 22)}
    with office.store.write() as unit:
        unit.connection.execute(insert(indicator_payment), row | {"entry_id": ahead})
    with office.store.read() as connection:
        until = gathered_until(connection)
    assert until is not None
    assert abs((until.int >> 80) + DAY_MS - time.time_ns() // 1_000_000) < DAY_MS // 100


def test_gathering_late_finds_what_is_missing_wherever_it_stands(office: Village) -> None:
    assert list(gathering_late(office.store)) == [], "a gateway that gathers nothing isn't looked through"
    _all_ways(office)
    list(gathering(office.store))
    whole = _kept(office)
    with office.store.write() as unit:
        unit.connection.execute(
            delete(indicator_payment).where(
                indicator_payment.c.entry_id.in_(select(entry.c.id).where(entry.c.journal == "cash"))
            )
        )
    missing = whole - _kept(office)
    assert missing > 0
    assert sum(gathering_late(office.store)) == missing


def test_money_of_another_currency_covers_nobody_and_is_no_wait(office: Village) -> None:
    home = office.register().household_id
    office.push(home, 1_500)
    other = office.push(home, 500)
    with office.store.write() as unit:
        unit.connection.execute(update(collection).where(collection.c.key == other).values(paid_currency="USD"))
    assert len(rows(office, "pay_to_cover_median")) == now(office)["pay_to_cover_median"].denominator == 1
