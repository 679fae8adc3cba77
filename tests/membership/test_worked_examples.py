"""The examples of docs/membership.md, done as the page says and compared with what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.locale import show_money
from gateway.membership import family, renewal
from gateway.membership.dues import next_year
from gateway.membership.family import By
from gateway.membership.people import Person
from gateway.membership.visits import who_is_covered
from gateway.store.schema import membership
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


def test_the_page_has_its_tables() -> None:
    assert [len(one) for one in (JOINING, RENEWING, PAYING, CALENDAR)] == [12, 6, 12, 6]
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
