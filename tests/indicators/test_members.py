"""Members, growth, loyalty and penetration: of twelve months, as they were, with the households that make them."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from sqlalchemy import update

from gateway.indicators.keeping import count, counted, counting, look, read
from gateway.indicators.periods import Period
from gateway.indicators.populations import BadPopulation, set_population
from gateway.kernel.faults import Fault
from gateway.membership.people import Person
from gateway.store.schema import household
from tests.indicators.asking import NOVEMBER, now, rows, value
from tests.payments.deeds import three_families
from tests.payments.village import Village

WOMAN = (Person("Bake Orou", "F", 1980, "head"),)


def test_members_are_those_of_twelve_months(office: Village) -> None:
    three_families(office)
    office.register("+2290100000399", WOMAN)
    found = now(office)
    assert (found["sections"].value, found["households"].value) == (1, 4)
    people = found["beneficiaries"].value
    assert found["family_size"].value == Fraction(people or 0, 4)
    assert found["women_heads"].numerator == sum(row[3] == "yes" for row in rows(office, "women_heads"))
    assert len(rows(office, "households")) == 4
    assert sum(row[2] for row in rows(office, "beneficiaries")) == people  # type: ignore[misc]
    assert value(office, "households", Period(2027, month=10)) == 4
    assert value(office, "households", Period(2027, month=11)) == 0, "their year began more than twelve months ago"
    assert value(office, "households", NOVEMBER.before) == 0, "a month that is past stays as it was"
    assert now(office, code="m-1") == found
    assert found["growth"].value is None


def test_growth_and_loyalty_compare_with_a_year_before(office: Village) -> None:
    homes = three_families(office)
    office.clock.move(timedelta(days=365))
    for number in range(3):
        office.register(f"+22901000004{number:02}", WOMAN)
    november = Period(2027, month=11)
    assert value(office, "growth", november) == 0
    assert value(office, "loyalty", november) == 0
    assert len(rows(office, "loyalty", november)) == len(homes)
    assert len(rows(office, "growth", november)) == 6


def test_a_card_that_was_merged_counts_once(office: Village) -> None:
    homes = three_families(office)
    with office.store.write() as unit:
        unit.connection.execute(
            update(household).where(household.c.id == homes[0]).values(merged_into_id=homes[1])
        )  # fmt: skip
    assert value(office, "households") == 2 == len(rows(office, "households"))


def test_a_population_counts_from_its_day_and_adds_up(office: Village) -> None:
    three_families(office)
    tree = office.network.tree()
    people = value(office, "beneficiaries")
    assert value(office, "penetration") is None
    with office.store.write() as unit:
        set_population(unit, tree.named("m-1"), date(2026, 1, 1), 400, "census", "Bio")
        set_population(unit, tree.named("m-1"), date(2026, 11, 1), 500, "census of  2026", "Bio")
        set_population(unit, tree.named("m-1"), date(2026, 12, 1), 900, "later", "Bio")
    assert value(office, "penetration") == Fraction(people or 0, 500)
    assert value(office, "penetration", NOVEMBER.before) == 0
    assert value(office, "penetration", Period(2026)) == Fraction(people or 0, 900)
    with office.store.write() as unit:  # its own goes before the sum of those below
        set_population(unit, tree.named("m"), date(2026, 1, 1), 1_000, "district", "Bio")
    assert value(office, "penetration") == Fraction(people or 0, 1_000)
    assert rows(office, "penetration") == [("Mutuelle de Ouaké", 1_000, people), ("Awanla", 500, people)]


@pytest.mark.parametrize(("people", "source"), [(0, "x"), (-1, "x"), (5, " "), (5, "x" * 121)])
def test_a_population_says_where_it_is_from(office: Village, people: int, source: str) -> None:
    with pytest.raises(BadPopulation), office.store.write() as unit:
        set_population(unit, office.place.books, date(2026, 1, 1), people, source, "Bio")


def test_an_unknown_code_is_said(office: Village) -> None:
    with pytest.raises(Fault, match="no indicator"):
        rows(office, "nothing")


def test_a_large_network_is_counted_now_and_then_and_kept(office: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    three_families(office)
    monkeypatch.setattr("gateway.indicators.keeping.AT_ONCE", 2)
    tree, root = office.network.tree(), office.place.books
    with office.store.read() as connection:
        assert read(connection, tree, root, NOVEMBER).figures is None, "not counted yet"
        exact = counted(connection, tree, root, NOVEMBER)
        below = counted(connection, tree, tree.named("m-1"), NOVEMBER)
    assert sum(1 for _ in counting(office.store, office.network)) == 22
    assert sum(1 for _ in counting(office.store, office.network)) == 0, "none needs it so soon"
    with office.store.read() as connection:
        kept = read(connection, tree, root, NOVEMBER)
        assert (kept.figures, kept.trend) == (exact.figures, exact.trend)
        assert kept.counted_at == office.clock.now()
        one = read(connection, tree, tree.named("m-1"), NOVEMBER)
    office.register("+2290100000398", WOMAN)
    count(office.store, root, NOVEMBER)
    with office.store.read() as connection:
        again = read(connection, tree, root, NOVEMBER)
    assert again.figures != kept.figures
    assert one.figures == below.figures
    office.clock.move(timedelta(days=1))
    # What may still change: this month and the one before, this quarter and the one before, this year.
    assert sum(1 for _ in counting(office.store, office.network)) == 4


def test_an_older_period_of_a_large_network_is_counted_when_somebody_asks(
    office: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_families(office)
    monkeypatch.setattr("gateway.indicators.keeping.AT_ONCE", 2)
    tree, then = office.network.tree(), Period(2020)
    assert sum(1 for _ in counting(office.store, office.network)) == 22
    for _ in range(2):  # however often it is asked for
        assert look(office.store, tree, tree.named("m-1"), then).figures is None
    assert sum(1 for _ in counting(office.store, office.network)) == len({then, *then.trend})
    assert sum(1 for _ in counting(office.store, office.network)) == 0
    found = look(office.store, tree, tree.named("m-1"), then)
    with office.store.read() as connection:
        assert found.figures == counted(connection, tree, tree.named("m-1"), then).figures
