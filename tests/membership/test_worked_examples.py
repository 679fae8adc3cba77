"""The examples of docs/membership.md, done as the page says and compared with what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.locale import show_money
from gateway.membership import family, leaving, penalties, renewal
from gateway.membership.dues import Tariff, closed_until, dues_for, for_joiner, for_months, next_year, waits
from gateway.membership.family import By
from gateway.membership.people import Person
from gateway.membership.rules import State
from gateway.membership.visits import who_is_covered
from gateway.store.schema import membership, plan
from tests.membership.money import put_money
from tests.payments.village import ON_SQLITE, PAYER, TERMS, YEAR_DUE, Village, francs

PAGE = (Path(__file__).parents[2] / "docs" / "membership.md").read_text()
BY = By(PAYER)


def table(first_head: str) -> list[tuple[str, ...]]:
    """The rows of the page's table that begins with this column."""
    lines = PAGE[PAGE.index(f"| {first_head} |") :].split("\n\n")[0].splitlines()
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]


@pytest.fixture
def home(village: Village) -> int:
    """The page's family of four, which has paid everything on the day it registered."""
    made = village.register()
    put_money(village, made.household_id, YEAR_DUE, date(2026, 11, 22))
    return made.household_id


def minor(shown: str) -> int:
    return int(shown.removesuffix(" F").replace(" ", ""))


def go_to(village: Village, day: str) -> None:
    village.clock.at = datetime.combine(date.fromisoformat(day), time(9), village.clock.at.tzinfo)


JOINING, RENEWING = table("told on"), table("renews on")
PAYING, CALENDAR = table("the family paid"), table("last year ended")


LEAVING, SUSPENDED, PEOPLE = table("it paid"), table("on | state"), table("people on the card")
WINDOW, BACK, PRO_RATA = table("somebody new comes on"), table("comes back on"), table("enrols on")
PENALTIES, SUBSIDIES = table("came | paid on"), table("subsidy")


def test_the_page_has_its_tables() -> None:
    assert [len(one) for one in (JOINING, RENEWING, PAYING, CALENDAR)] == [12, 6, 12, 6]
    assert [len(one) for one in (LEAVING, SUSPENDED, PEOPLE, WINDOW, BACK, PRO_RATA)] == [5, 7, 6, 4, 4, 4]
    assert [len(one) for one in (PENALTIES, SUBSIDIES)] == [7, 5]
    assert "rounded up to whole francs: 967 F" in PAGE


@pytest.mark.parametrize(("told_on", "what", "on", "owes", "covered"), JOINING)
@ON_SQLITE
def test_somebody_joins(village: Village, home: int, told_on: str, what: Any, on: str, owes: str, covered: str) -> None:
    go_to(village, told_on)
    day = date.fromisoformat(on)
    one = Person("Chabi Tchédré", "M", day.year if what == "birth" else 1990, "child")
    with village.store.write() as unit:
        args = (unit, village.network.tree(), village.chart, village.family(home), one, what, day, BY)
        refused = re.fullmatch("refused: (.+)", owes)
        if refused:
            with pytest.raises(family.Refused, match=f"^{refused[1]}$"):
                family.add(*args)
            return
        added = family.add(*args)
    shown = f"from {added.covered_from}" if added.covered_from else "with the household"
    assert (show_money(added.due, "en").replace(",", " "), shown) == (owes, covered)


@pytest.mark.parametrize(("paid", "came", "on", "the_family", "who_joined"), PAYING)
@ON_SQLITE
def test_who_joined_is_paid_for(
    village: Village, paid: str, came: str, on: str, the_family: str, who_joined: str
) -> None:
    """As a health facility sees them, and as the standing tells why."""
    home, today = village.register().household_id, date.fromisoformat(on)
    put_money(village, home, minor(paid), date(2026, 11, 22))
    go_to(village, "2027-05-23")
    with village.store.write() as unit:
        args = (unit, village.network.tree(), village.chart, village.family(home))
        joined = family.add(*args, Person("Sani Tchédré", "M", 1990, "other"), "arrival", date(2027, 5, 23), BY)
    if minor(came):
        put_money(village, home, minor(came), date(2027, 5, 23))
    with village.store.read() as connection:
        found = who_is_covered(connection, village.network.tree(), village.family(home), today)
    *others, last = found.people
    assert {"covered" if one.covered else "not covered" for one in others} == {the_family}
    unpaid = joined.beneficiary_id in village.stands(home, today).unpaid
    without = f"from {last.covered_from}" if last.covered_from else "not yet paid" if unpaid else "not covered"
    assert ("covered" if last.covered else without) == who_joined


@pytest.mark.parametrize(("ended", "on", "year"), CALENDAR)
def test_a_year_in_the_calendar(ended: str, on: str, year: str) -> None:
    terms = replace(TERMS, year_starts_month=1)
    found = next_year(terms, "XOF", date.fromisoformat(ended), 4, date.fromisoformat(on))
    assert f"{found.starts_on} to {found.ends_on}" == year


@pytest.mark.parametrize(("on", "year", "waits", "first"), RENEWING)
@ON_SQLITE
def test_the_next_year(village: Village, home: int, on: str, year: str, waits: str, first: str) -> None:
    go_to(village, on)
    today = date.fromisoformat(on)
    with village.store.read() as connection:
        offer = renewal.renewal_for(connection, village.network.tree(), village.family(home), today)
    if year == "too early":
        assert offer is None
        assert not village.stands(home, today).renewable
        return
    assert offer is not None
    assert f"{offer.starts_on} to {offer.ends_on}" == year
    with village.store.write() as unit:
        tree, one = village.network.tree(), village.family(home)
        made = renewal.renew(unit, tree, village.chart, one, offer.plan.id, BY)
        rows = unit.connection.execute(membership.select().order_by(membership.c.id)).all()
    assert made is not None
    assert (rows[1].starts_on, rows[1].ends_on) == (offer.starts_on, offer.ends_on)
    assert (f"{rows[1].waiting_days} days" if rows[1].waiting_days else "no") == waits
    due = village.stands(home, today)
    assert f"{show_money(made.first, 'en').replace(',', ' ')} by {due.cover.due_on}" == first
    assert made.first == due.due


@ON_SQLITE
def test_a_month(village: Village, home: int) -> None:
    assert village.stands(home).monthly == francs(967)
    assert village.stands(home, date(2027, 11, 21) - timedelta(days=60)).renewable


def shown(amount: int) -> str:
    return show_money(francs(amount), "en").replace(",", " ")


@pytest.mark.parametrize(("paid", "left_on", "cancelled", "left", "advance"), LEAVING)
@ON_SQLITE
def test_a_household_leaves(village: Village, paid: str, left_on: str, cancelled: str, left: str, advance: str) -> None:
    home, day = village.register().household_id, date.fromisoformat(left_on)
    put_money(village, home, minor(paid), date(2026, 11, 22))
    go_to(village, "2027-03-10")
    before = village.stands(home, day)
    with village.store.write() as unit:
        tree, one = village.network.tree(), village.family(home)
        done = leaving.leave(unit, tree, village.chart, one, day, "departure", BY)
    stands = village.stands(home)
    assert (shown(done.cancelled.minor), shown(stands.left.minor), shown(stands.advance.minor)) == (
        cancelled, left, advance,
    )  # fmt: skip
    assert done.advance == stands.advance
    assert village.stands(home, day).cover == before.cover
    assert stands.cover.state is State.LAPSED
    village.balance()


@pytest.mark.parametrize(("on", "state", "resumes"), SUSPENDED)
@ON_SQLITE
def test_suspended_or_over(village: Village, on: str, state: str, resumes: str) -> None:
    home = village.register().household_id
    put_money(village, home, 3_900, date(2026, 11, 22))
    stands = village.stands(home, date.fromisoformat(on))
    assert (stands.cover.state.value, shown(stands.to_start.minor) if stands.to_start else "–") == (state, resumes)
    if stands.to_start:
        put_money(village, home, stands.to_start.minor, date.fromisoformat(on))
        assert village.stands(home, date.fromisoformat(on)).cover.state.covered


SIZED = replace(TERMS, household_minor=6_000, beneficiary_minor=1_200, included_people=4, charged_people_max=8)


@pytest.mark.parametrize(("people", "owes", "one_more"), PEOPLE)
def test_how_many_people(people: str, owes: str, one_more: str) -> None:
    terms = replace(SIZED, people_max=10)
    tariff = Tariff.of(terms)
    assert shown(for_months(tariff, int(people), 12, "XOF").members_minor) == owes
    more = shown(for_joiner(tariff, int(people), 12, "XOF").members_minor)
    assert (more if int(people) < terms.room else "refused: full") == one_more


@pytest.mark.parametrize(("on", "enrolment"), WINDOW)
def test_when_newcomers_enrol(on: str, enrolment: str) -> None:
    terms = replace(TERMS, window_opens_month=10, window_opens_day=1, window_days=61)
    opens_on = closed_until(terms, date.fromisoformat(on))
    assert (f"opens on {opens_on}" if opens_on else "open") == enrolment
    assert closed_until(TERMS, date.fromisoformat(on)) is None


@pytest.mark.parametrize(("on", "waits_days"), BACK)
def test_who_comes_back(on: str, waits_days: str) -> None:
    terms, newcomer = replace(TERMS, lapsed_waiting_days=60), on == "never a member"
    day = date(2027, 12, 22) if newcomer else date.fromisoformat(on)
    assert f"{waits(terms, None if newcomer else date(2027, 11, 21), day)} days" == waits_days


@pytest.mark.parametrize(("on", "months", "owes", "instalments"), PRO_RATA)
def test_a_part_of_a_calendar_year(on: str, months: str, owes: str, instalments: str) -> None:
    terms = replace(TERMS, year_starts_month=1, pro_rata=True, registration_fee_minor=0)
    year = dues_for(terms, "XOF", date.fromisoformat(on), 4, newcomer=True)
    assert (str(year.months), shown(sum(amount for _, amount in year.dues))) == (months, owes)
    assert ", ".join(f"{shown(amount)} on {day}" for day, amount in year.dues) == instalments


@pytest.mark.parametrize(("came", "paid_on", "told_on", "on", "owed"), PENALTIES)
@ON_SQLITE
def test_penalties(village: Village, came: str, paid_on: str, told_on: str, on: str, owed: str) -> None:
    """Looked at every day, the last time on that day; money is told of on a day of its own."""
    with village.store.write() as unit:
        unit.connection.execute(plan.update().values(penalty_percent=10))
    home = village.register().household_id
    put_money(village, home, 3_900, date(2026, 11, 22))
    day, last = date(2027, 3, 19), date.fromisoformat(on)
    while day < last:
        day += timedelta(days=1)
        go_to(village, str(day))
        if told_on == str(day):
            put_money(village, home, minor(came), date.fromisoformat(paid_on))
        for _ in range(2):
            penalties.bring(village.store, village.network, village.chart, home)
    assert shown(-village.balance().get("penalties", 0)) == owed
    paid = minor(came) if told_on != "–" and date.fromisoformat(told_on) <= last else 0
    assert village.stands(home, last).left == francs(8_700 - paid + minor(owed))


@pytest.mark.parametrize(("percent", "household", "subsidiser"), SUBSIDIES)
def test_subsidies(percent: str, household: str, subsidiser: str) -> None:
    tariff = replace(Tariff.of(TERMS), subsidy_percent=int(percent.removesuffix(" %")))
    parts = for_months(tariff, 4, 12, "XOF")
    assert (shown(parts.members_minor), shown(parts.subsidised_minor)) == (household, subsidiser)
