"""Renewing: what is offered, what it makes in the books, and that it happens once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from gateway.membership import renewal
from gateway.membership.changes import By
from gateway.membership.dues import Terms
from gateway.membership.plans import add_plan, plans_for
from gateway.membership.renewal import Renewal, Renewed
from gateway.membership.rules import State
from gateway.store.schema import beneficiary, household_change, membership, plan
from tests.membership.money import put_money
from tests.payments.village import ON_SQLITE, PAYER, TERMS, YEAR_DUE, Village, at_once, francs

TODAY = date(2026, 11, 22)
LAST_DAY = date(2027, 11, 21)
OPENS = LAST_DAY - timedelta(days=60)
BY = By(PAYER)
NEXT = 11_600  # the next year of a family of four; no registration fee


@pytest.fixture
def home(village: Village) -> int:
    """A family of four that has paid its year on the first day."""
    made = village.register()
    put_money(village, made.household_id, YEAR_DUE, TODAY)
    return made.household_id


def on(village: Village, day: date) -> None:
    village.clock.move(day - village.clock.now().date())


def offered(village: Village, home: int) -> Renewal | None:
    with village.store.read() as connection:
        tree, one = village.network.tree(), village.family(home)
        return renewal.renewal_for(connection, tree, one, village.clock.now().date())


def renew(village: Village, home: int, plan_id: int | None = None) -> Renewed | None:
    with village.store.write() as unit:
        tree, one = village.network.tree(), village.family(home)
        return renewal.renew(unit, tree, village.chart, one, plan_id or village.place.plan.id, BY)


def new_plan(village: Village, code: str, terms: Terms, version: int = 1, opens_on: date = OPENS) -> int:
    with village.store.write() as unit:
        return add_plan(unit, village.place.books.id, code, code.title(), "XOF", terms, opens_on, version=version)


def years(village: Village, home: int) -> list[tuple[date, int, int]]:
    """First day, waiting days and people counted of each year."""
    with village.store.read() as connection:
        rows = connection.execute(select(membership).where(membership.c.household_id == home).order_by("starts_on"))
        return [(row.starts_on, row.waiting_days, row.beneficiaries) for row in rows]


def test_an_early_renewal(village: Village, home: int) -> None:
    on(village, OPENS - timedelta(days=1))
    assert offered(village, home) is None
    assert not village.stands(home).renewable
    on(village, OPENS)
    assert village.stands(home).renewable
    assert offered(village, home) == Renewal(
        village.place.plan, date(2027, 11, 22), date(2028, 11, 21), 4, francs(NEXT), francs(2_900), francs(0)
    )
    made = renew(village, home)
    assert made == Renewed(date(2027, 11, 22), francs(NEXT), francs(2_900), known=False)
    assert years(village, home) == [(TODAY, 30, 4), (date(2027, 11, 22), 0, 4)]
    assert offered(village, home) is None
    stands = village.stands(home)
    assert (stands.left, stands.due, stands.cover.due_on) == (francs(NEXT), francs(2_900), date(2027, 11, 22))
    assert (stands.cover.state, stands.cover.until, stands.renewable) == (State.ACTIVE, LAST_DAY, False)
    assert village.balance() == {"receivable": NEXT, "income": -YEAR_DUE - NEXT, "cash": YEAR_DUE}
    with village.store.read() as connection:
        (change,) = connection.execute(household_change.select()).all()
    assert (change.kind, change.household_id, change.msisdn, change.happened_on) == (
        "renewed", home, PAYER, date(2027, 11, 22),
    )  # fmt: skip


def test_twice_is_once(village: Village, home: int) -> None:
    on(village, OPENS)
    first = renew(village, home)
    assert first is not None
    put_money(village, home, 1_000, OPENS)
    assert renew(village, home) == Renewed(first.starts_on, first.total, francs(1_900), known=True)
    assert village.balance()["income"] == -YEAR_DUE - NEXT


def test_of_two_phones_at_once_one_renews(village: Village, home: int) -> None:
    on(village, OPENS)
    made = at_once(2, lambda: renew(village, home))
    assert sorted(one.known for one in made if isinstance(one, Renewed)) == [False, True]
    assert len(years(village, home)) == 2
    assert village.balance()["income"] == -YEAR_DUE - NEXT


@pytest.mark.parametrize(
    ("paid_ahead", "first", "advance"),
    [(1_000, 1_900, 1_000), (2_900, 0, 2_900), (NEXT, 0, NEXT), (NEXT + 500, 0, NEXT)],
)
@ON_SQLITE
def test_what_was_paid_ahead_is_used(village: Village, home: int, paid_ahead: int, first: int, advance: int) -> None:
    put_money(village, home, paid_ahead, TODAY)
    on(village, OPENS)
    offer = offered(village, home)
    assert offer is not None
    assert (offer.total, offer.first, offer.advance) == (francs(NEXT), francs(first), francs(advance))
    made = renew(village, home)
    assert made is not None
    assert made.first == offer.first
    assert village.stands(home).left == francs(NEXT - advance)
    assert village.balance().get("advance", 0) == advance - paid_ahead


@ON_SQLITE
def test_cover_goes_on_into_a_year_that_is_paid_for_ahead(village: Village, home: int) -> None:
    on(village, OPENS)
    renew(village, home)
    put_money(village, home, 2_900, OPENS)
    assert village.stands(home).cover.until == date(2028, 2, 22) + timedelta(days=30)
    for day in (LAST_DAY, LAST_DAY + timedelta(days=1), date(2028, 2, 22)):
        assert village.stands(home, day).cover.state is State.ACTIVE


@ON_SQLITE
def test_a_late_renewal_pays_what_has_fallen_due_and_covers_from_that_day(village: Village, home: int) -> None:
    on(village, date(2028, 1, 10))
    offer = offered(village, home)
    assert offer is not None
    assert (offer.starts_on, offer.first) == (date(2028, 1, 10), francs(2_900))
    renew(village, home)
    assert years(village, home)[1] == (date(2028, 1, 10), 30, 4)
    put_money(village, home, 2_900, date(2028, 1, 10))
    cover = village.stands(home).cover
    assert (cover.state, cover.begins_on) == (State.WAITING, date(2028, 2, 9))


@ON_SQLITE
def test_old_debts_stand_before_the_new_year(village: Village) -> None:
    home = village.register().household_id
    put_money(village, home, YEAR_DUE - 2_900, TODAY)
    on(village, date(2027, 12, 1))
    assert renew(village, home) == Renewed(date(2027, 11, 22), francs(NEXT), francs(2_900), known=False)
    stands = village.stands(home)
    assert (stands.cover.state, stands.to_start, stands.due) == (State.UNPAID, francs(5_800), francs(5_800))
    put_money(village, home, 5_800, date(2027, 12, 1))
    assert village.stands(home).cover.state is State.ACTIVE


@ON_SQLITE
def test_the_people_on_the_card_are_counted(village: Village, home: int) -> None:
    with village.store.write() as unit:
        gone = beneficiary.c.name == "Moussa Tchédré"
        unit.connection.execute(beneficiary.update().where(gone).values(left_on=TODAY))
    on(village, OPENS)
    offer = offered(village, home)
    assert offer is not None
    assert (offer.people, offer.total) == (3, francs(2_000 + 3 * 2_400))
    renew(village, home)
    assert years(village, home)[1][2] == 3


# Which plan

DEARER = replace(TERMS, household_minor=3_200)


@ON_SQLITE
def test_the_same_plan_in_its_newest_open_version(village: Village, home: int) -> None:
    new_plan(village, "autre", DEARER)
    newest = new_plan(village, "famille", DEARER, version=2)
    new_plan(village, "famille", TERMS, version=3, opens_on=OPENS + timedelta(days=1))
    on(village, OPENS)
    offer = offered(village, home)
    assert offer is not None
    assert (offer.plan.id, offer.total) == (newest, francs(NEXT + 1_200))
    assert renew(village, home) is None  # the version of last year is closed: whoever saw its price looks again
    assert len(years(village, home)) == 1
    made = renew(village, home, newest)
    assert made is not None
    assert made.total == offer.total


@ON_SQLITE
def test_another_open_plan_may_be_chosen(village: Village, home: int) -> None:
    other = new_plan(village, "autre", DEARER)
    on(village, OPENS)
    made = renew(village, home, other)
    assert made is not None
    assert made.total == francs(NEXT + 1_200)


@ON_SQLITE
def test_where_the_plan_is_gone_the_first_open_one_is_offered(village: Village, home: int) -> None:
    with village.store.write() as unit:
        section = village.place.section_id
        add_plan(unit, section, "b", "B", "XOF", DEARER, OPENS)
        first = add_plan(unit, section, "a", "A", "XOF", TERMS, OPENS)  # a section's own plans replace those above it
    on(village, OPENS)
    offer = offered(village, home)
    assert offer is not None
    assert offer.plan.id == first


@ON_SQLITE
def test_without_an_open_plan_there_is_no_renewal(village: Village, home: int) -> None:
    with village.store.write() as unit:
        unit.connection.execute(plan.update().values(opens_on=date(2030, 1, 1)))
    on(village, OPENS)
    assert offered(village, home) is None
    assert renew(village, home) is None


@ON_SQLITE
def test_a_version_that_turns_to_the_calendar_bills_no_month_twice(village: Village, home: int) -> None:
    newest = new_plan(village, "famille", replace(TERMS, year_starts_month=12), version=2)
    on(village, OPENS)
    offer = offered(village, home)
    assert offer is not None
    assert (offer.plan.id, offer.starts_on, offer.ends_on) == (newest, date(2027, 11, 22), date(2028, 11, 21))
    made = renew(village, home, newest)
    assert made is not None
    assert (made.starts_on, made.total) == (offer.starts_on, francs(NEXT))
    assert [start for start, _, _ in years(village, home)] == [TODAY, date(2027, 11, 22)]


@ON_SQLITE
def test_who_never_paid_waits_after_renewing(village: Village) -> None:
    """The renewal asks for no waiting of its own; that of the year before begins with the first money."""
    home = village.register().household_id
    paid_on = LAST_DAY + timedelta(days=25)
    on(village, paid_on)
    renew(village, home)
    assert years(village, home)[1] == (date(2027, 11, 22), 0, 4)
    put_money(village, home, YEAR_DUE + 2_900, paid_on)
    cover = village.stands(home).cover
    assert (cover.state, cover.begins_on) == (State.WAITING, paid_on + timedelta(days=30))
    assert village.stands(home, paid_on + timedelta(days=30)).cover.state is State.ACTIVE


@ON_SQLITE
def test_a_plan_that_follows_the_calendar(village: Village) -> None:
    """Enrolled in November for a year that began in January: it ends with December, and goes on with January."""
    calendar = new_plan(village, "calendrier", replace(TERMS, year_starts_month=1), opens_on=TODAY)
    with village.store.read() as connection:
        plans = plans_for(connection, village.network.tree(), village.place.section_id, TODAY)
    village.place = replace(village.place, plan=next(one for one in plans if one.id == calendar))
    home = village.register().household_id
    offer = offered(village, home)
    assert offer is not None  # its year is nearly over
    assert (offer.starts_on, offer.ends_on, offer.first) == (date(2027, 1, 1), date(2027, 12, 31), francs(2_900))
    renew(village, home)
    assert [start for start, _, _ in years(village, home)] == [date(2026, 1, 1), date(2027, 1, 1)]
