"""The figures that a day begins with: by the hour they come to what the day took in, and what waits is counted."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, text

from gateway.kernel.clock import FixedClock
from gateway.network.organisations import add_organisation
from gateway.payments.takings import Closed, close_day, takings, takings_by_hour
from gateway.payments.today import Waiting, waiting
from gateway.store.schema import request
from gateway.store.unit import Store
from tests.payments.deeds import on_suspense
from tests.payments.test_takings import close, give_back, take_back
from tests.payments.village import ON_SQLITE, PAYER, Village, found

SUNDAY = date(2026, 11, 22)
NOTHING = Waiting(0, 0, 0, 0, 0, 0, 0, 0, 0)


def hours(office: Village, day: date = SUNDAY) -> dict[tuple[int, str, str], int]:
    """By the hour; what it comes to is what the day took in."""
    tree, its_id = office.network.tree(), office.place.books.id
    with office.store.read() as connection:
        took, by_hour = takings_by_hour(connection, tree, its_id, day)
        assert took == takings(connection, tree, its_id, day)
    together: Counter[tuple[str, str]] = Counter()
    for (_, way, currency), minor in by_hour.items():
        together[way, currency] += minor
    assert together == {(way, amount.currency): amount.minor for way, _, amount in took.rows}
    return by_hour


def waits(office: Village) -> Waiting:
    with office.store.read() as connection:
        today = office.clock.now().date()
        return waiting(connection, office.network.tree(), office.place.books, today)


def test_a_day_by_the_hour_where_the_mutuelle_is(office: Village, home: int, clock: FixedClock) -> None:
    assert hours(office) == {}
    clock.at = datetime(2026, 11, 22, 9, 20, tzinfo=UTC)  # an hour ahead there
    office.give(home, office.treasurer, 1_000)
    office.push(home, 500)
    clock.at = datetime(2026, 11, 22, 22, 40, tzinfo=UTC)
    office.push(home, 70)
    # The operator says when it was; we learned of it later.
    office.push(home, 30, at=datetime(2026, 11, 22, 10, 5, tzinfo=UTC))
    on_suspense(office, 200, paid_at=datetime(2026, 11, 22, 5, 0, tzinfo=UTC))
    assert hours(office) == {
        (10, "cash", "XOF"): 1_000,
        (10, "push", "XOF"): 500,
        (11, "push", "XOF"): 30,
        (23, "push", "XOF"): 70,
        (23, "reference", "XOF"): 200,
    }


def test_what_counts_for_another_day_is_not_in_the_hours_of_this_one(
    office: Village, home: int, clock: FixedClock
) -> None:
    clock.at = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    office.push(home, 40, at=datetime(2026, 11, 22, 20, 0, tzinfo=UTC))  # told of in the morning after
    office.push(home, 5, at=datetime(2026, 11, 22, 23, 30, tzinfo=UTC))  # half past midnight where it is
    assert hours(office) == {(21, "push", "XOF"): 40}
    assert hours(office, SUNDAY + timedelta(days=1)) == {(0, "push", "XOF"): 5}


def test_what_was_taken_and_given_back_is_told_apart(office: Village, home: int) -> None:
    first, second = office.push(home, 500), office.push(home, 900)
    take_back(office, first)
    give_back(office, second, 100)
    assert {way: minor for (_, way, _), minor in hours(office).items()} == {
        "push": 1_400, "reversed": -500, "refunded": -100,
    }  # fmt: skip


# --- what waits -------------------------------------------------------------------------------------------------------


def test_what_waits_is_counted_at_and_below_a_place(office: Village, home: int, store: Store) -> None:
    assert waits(office) == NOTHING
    office.pay(home)
    on_suspense(office, 200)
    with store.write() as unit:
        unit.connection.execute(
            request.insert().values(
                kind="complaint", category="care", organisation_id=office.place.section_id, msisdn=PAYER,
                language="fr", text="...", state="open", created_at=unit.now,
            )
        )  # fmt: skip
    found_here = waits(office)
    assert (found_here.undecided, found_here.suspense, found_here.requests) == (1, 1, 1)
    other = found(store, office.network, code="n", treasurer="+2290100000999")
    with store.read() as connection:
        assert waiting(connection, office.network.tree(), other.books, SUNDAY) == NOTHING


def test_yesterday_waits_to_be_closed_where_days_are_closed(office: Village, home: int, clock: FixedClock) -> None:
    office.give(home, office.treasurer, 100)
    clock.move(timedelta(days=1))
    assert waits(office).days == 0  # nobody closes days here
    assert isinstance(close(office), Closed)
    office.give(home, office.treasurer, 50)
    clock.move(timedelta(days=1))
    assert waits(office).days == 0  # closed yesterday
    clock.move(timedelta(days=1))
    assert waits(office).days == 0  # nothing came in yesterday
    office.give(home, office.treasurer, 20)
    clock.move(timedelta(days=1))
    assert waits(office).days == 1
    close(office)
    assert waits(office).days == 0


@ON_SQLITE
def test_a_union_that_closes_for_its_mutuelles_has_closed_them(office: Village, store: Store) -> None:
    with store.write() as unit:
        above = add_organisation(unit, None, kind="union", code="u", name="Union", time_zone="Africa/Porto-Novo")
    place = found(store, office.network, above=above, code="below", treasurer="+2290100000998")
    own = Village(store, office.network, office.clock, place)
    home = own.register("+2290100000777").household_id
    keeper = own.hire("treasurer", "+2290100000997", above[0], "Awa Bani")
    own.give(home, own.holder("+2290100000998"), 100)
    with store.write() as unit:
        assert isinstance(close_day(unit, own.network.tree(), keeper, above[0]), Closed)
    own.clock.move(timedelta(days=1))
    own.give(home, own.holder("+2290100000998"), 100)
    assert waits(own).days == 0
    own.clock.move(timedelta(days=1))
    with store.read() as connection:
        tree = own.network.tree()
        assert waiting(connection, tree, tree[above[0]], own.clock.now().date()).days == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_nothing_is_read_from_end_to_end(office: Village, home: int, store: Store) -> None:
    """Where tables are large: whatever is asked of collections, entries and lines is asked by an index."""
    office.give(home, office.treasurer, 1_000)
    tree, asked = office.network.tree(), []
    event.listen(store.engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    with store.read() as connection:
        takings_by_hour(connection, tree, office.place.books.id, SUNDAY)
        waiting(connection, tree, office.place.books, SUNDAY)
        plans = []
        connection.execute(text("set enable_seqscan = off"))
        for statement, given in asked[:]:
            if statement.lstrip().lower().startswith("select"):
                rows = connection.exec_driver_sql(f"explain {statement}", given)
                plans.append("\n".join(row[0] for row in rows))
        connection.execute(text("set enable_seqscan = on"))
    assert len(plans) >= 9
    for each in plans:
        for large in ("collection", "entry", "line", "incoming", "difference", "money_case"):
            assert f"Seq Scan on {large} " not in each, each
            assert f"Seq Scan on {large}\n" not in each, each
