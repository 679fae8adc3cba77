"""A closed month keeps its totals, whatever comes later; and the months together are always the whole of the books."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.kernel.numbers import with_check_digit
from gateway.ledger.accounts import balances
from gateway.ledger.closing import Closed, OpenCases, first_changed_period, periods, read_month
from gateway.ledger.entries import record
from gateway.ledger.registers import booked_column, closed_months
from gateway.ledger.rules import ClosedMonth, booked_month, booked_on, month_of, next_month
from gateway.network.organisations import add_organisation
from gateway.payments.decisions.cases import close_case, open_case
from gateway.store.schema import entry, seal
from gateway.store.unit import Store
from tests.ledger.books import Books, behind_the_back
from tests.payments.village import ON_SQLITE, Village, at_once

AUGUST, SEPTEMBER, OCTOBER, NOVEMBER = (date(2026, month, 1) for month in (8, 9, 10, 11))


@pytest.fixture
def books(store: Store) -> Books:
    return Books(store)


def cash_of(books: Books, month: date) -> tuple[int, int, int, int]:
    """What the trial balance of a month says of the cash: opening, debit, credit, closing."""
    rows = [one for one in books.trial(month) if one.role == "cash"] or [None]
    one = rows[0]
    return (one.opening_minor, one.debit_minor, one.credit_minor, one.closing_minor) if one else (0, 0, 0, 0)


# --- the rule ---------------------------------------------------------------------------------------------------------

CLOSED = (ClosedMonth(AUGUST, 10), ClosedMonth(SEPTEMBER, 10), ClosedMonth(OCTOBER, 25))


@pytest.mark.parametrize(
    ("happened_on", "number", "booked"),
    [
        (date(2026, 8, 31), 10, date(2026, 8, 31)),  # sealed before it was closed
        (date(2026, 8, 31), 11, date(2026, 10, 1)),  # late: August and September were closed at once
        (date(2026, 9, 30), 11, date(2026, 10, 1)),
        (date(2026, 10, 7), 25, date(2026, 10, 7)),
        (date(2026, 10, 7), 26, date(2026, 11, 1)),
        (date(2026, 8, 31), 26, date(2026, 11, 1)),
        (date(2026, 3, 1), 26, date(2026, 11, 1)),  # a month before the first that was closed is closed too
        (date(2026, 3, 1), 4, date(2026, 3, 1)),
        (date(2026, 11, 22), 26, date(2026, 11, 22)),
        (date(2026, 11, 22), None, date(2026, 11, 22)),
        (date(2026, 10, 31), None, date(2026, 11, 1)),  # not sealed yet: behind everything that is
    ],
)
def test_the_day_that_an_entry_stands_under(happened_on: date, number: int | None, booked: date) -> None:
    assert booked_on(happened_on, number, CLOSED) == booked
    assert booked_month(happened_on, number, CLOSED) == month_of(booked)


def test_the_month_after_december() -> None:
    assert next_month(date(2026, 12, 1)) == date(2027, 1, 1)
    assert next_month(date(2027, 1, 1)) == date(2027, 2, 1)


@pytest.mark.parametrize("wrong", ["2026-13", "2026-00", "202610", "october", "0000-01", ""])
def test_what_is_no_month_is_refused(wrong: str) -> None:
    with pytest.raises(Fault, match="2026-10"):
        read_month(wrong)


# --- closing ----------------------------------------------------------------------------------------------------------


def test_a_month_is_closed_with_its_totals_and_what_comes_late_stands_in_the_next(books: Books) -> None:
    books.cash(date(2026, 9, 30), 100)
    books.cash(date(2026, 10, 1), 20)
    books.cash(date(2026, 10, 31), 3)
    assert isinstance(books.close(SEPTEMBER), Closed)
    done = books.close(OCTOBER)
    assert isinstance(done, Closed)
    assert [(one.role, one.opening_minor, one.debit_minor, one.credit_minor) for one in done.totals] == [
        ("cash", 100, 23, 0), ("income", -100, 0, 23),
    ]  # fmt: skip
    books.cash(date(2026, 10, 5), 7_000)
    for _ in range(2):  # sealed or not
        assert cash_of(books, SEPTEMBER) == (0, 100, 0, 100)
        assert cash_of(books, OCTOBER) == (100, 23, 0, 123)
        assert cash_of(books, NOVEMBER) == (123, 7_000, 0, 7_123)
        books.seal()


def test_a_transaction_that_is_committed_after_the_closing_is_in_no_closed_month(pg_store: Store) -> None:
    books = Books(pg_store)
    books.cash(date(2026, 10, 5), 1)
    late = books.entry(date(2026, 10, 6), 50)
    with pg_store.write() as unit:
        record(unit, late)
        assert isinstance(books.close(OCTOBER), Closed)
    assert cash_of(books, OCTOBER) == (0, 1, 0, 1)
    assert cash_of(books, NOVEMBER) == (1, 50, 0, 51)
    with pg_store.read() as connection:
        assert first_changed_period(connection) is None


def test_the_day_that_counts_for_cover_is_the_same_in_a_closed_month(office: Village, clock: FixedClock) -> None:
    clock.at = datetime(2026, 10, 20, 9, tzinfo=UTC)
    home = office.register().household_id
    clock.at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    place = Books(office.store, id=office.place.books.id)
    assert isinstance(place.close(OCTOBER), Closed)
    paid_on = date(2026, 10, 25)
    clock.at = datetime(2026, 10, 25, 9, tzinfo=UTC)
    key = office.pay(home, 3_900)
    clock.at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    office.confirm(key, datetime(2026, 10, 25, 9, tzinfo=UTC))
    with office.store.read() as connection:
        one = connection.execute(select(entry.c.happened_on).where(entry.c.key == f"collection:{key}")).one()
    assert one.happened_on == paid_on
    # Thirty days of waiting from the payment, not from the day that it stands under in the books.
    days = [paid_on + timedelta(days=number) for number in range(60)]
    assert next(day for day in days if office.stands(home, day).cover.state.covered) == date(2026, 11, 24)
    (receivable,) = (one for one in place.trial(OCTOBER) if one.role == "receivable")
    assert (receivable.debit_minor, receivable.credit_minor) == (12_600, 0)
    (receivable,) = (one for one in place.trial(NOVEMBER) if one.role == "receivable")
    assert (receivable.opening_minor, receivable.credit_minor) == (12_600, 3_900)


@ON_SQLITE
@pytest.mark.parametrize(
    ("at", "month", "why"),
    [
        (datetime(2026, 10, 31, 22, 59, tzinfo=UTC), OCTOBER, "isn't over in Africa/Porto-Novo"),
        (datetime(2026, 10, 31, 23, 1, tzinfo=UTC), OCTOBER, None),  # the 1st of November in Benin
        (datetime(2026, 11, 22, 9, tzinfo=UTC), NOVEMBER, "isn't over"),
        (datetime(2026, 11, 22, 9, tzinfo=UTC), date(2027, 1, 1), "isn't over"),
    ],
)
def test_a_month_is_over_where_the_mutuelle_is(
    books: Books, clock: FixedClock, at: datetime, month: date, why: str | None
) -> None:
    clock.at = at
    if why is None:
        assert isinstance(books.close(month), Closed)
    else:
        with pytest.raises(Fault, match=why):
            books.close(month)


def test_months_are_closed_in_order_once_and_for_ever(books: Books) -> None:
    books.cash(date(2026, 8, 4))
    with pytest.raises(Fault, match="2026-08 of m is open and has entries"):
        books.close(OCTOBER)
    books.close(AUGUST)
    books.close(OCTOBER)  # nothing stands in September
    for month in (AUGUST, SEPTEMBER, OCTOBER):
        with pytest.raises(Fault, match="is closed, with 2026-10"):
            books.close(month)
    with books.store.read() as connection:
        assert [one.month for one in periods(connection, books.id)] == [OCTOBER, AUGUST]


def test_of_two_who_close_at_once_one_does(books: Books) -> None:
    books.cash(date(2026, 10, 5))

    def close() -> bool:
        try:
            return isinstance(books.close(OCTOBER), Closed)
        except Fault:
            return False

    assert sorted(map(bool, at_once(3, close))) == [False, False, True]
    with books.store.read() as connection:
        assert len(periods(connection, books.id)) == 1


def test_a_late_entry_counts_as_one_of_the_month_that_it_stands_in(books: Books, clock: FixedClock) -> None:
    books.cash(date(2026, 8, 4))
    books.close(AUGUST)
    books.cash(date(2026, 8, 5))
    with pytest.raises(Fault, match="2026-09 of m is open and has entries"):
        books.close(OCTOBER)


def test_open_cases_about_money_of_the_month_are_listed_and_need_a_reason(books: Books, clock: FixedClock) -> None:
    with books.store.write() as unit:
        clock.at = datetime(2026, 11, 3, 9, tzinfo=UTC)
        unit.now = clock.at
        open_case(unit, "unread-sms", books.id, None, None, "later", "later")
        unit.now = datetime(2026, 10, 31, 9, tzinfo=UTC)
        case = open_case(unit, "unread-sms", books.id, None, None, "what", "in-october")
    found = books.close(OCTOBER)
    assert isinstance(found, OpenCases)
    number = with_check_digit(case)
    assert found.cases == ((number, "unread-sms"),)
    done = books.close(OCTOBER, despite="the operator doesn't answer")
    assert isinstance(done, Closed)
    assert done.cases == (number,)
    with books.store.read() as connection:
        (kept,) = periods(connection, books.id)
    assert (kept.despite, kept.closed_by) == ("the operator doesn't answer", "Bio Sarre")
    with books.store.write() as unit:
        assert close_case(unit, case, "x", "y")


def test_cases_of_other_books_stand_in_nobodys_way(books: Books, clock: FixedClock) -> None:
    with books.store.write() as unit:
        other, _ = add_organisation(unit, None, kind="mutuelle", code="o", name="Other", keeps_books=True)
        unit.now = datetime(2026, 10, 31, 9, tzinfo=UTC)
        open_case(unit, "unread-sms", other, None, None, "what", "x")
    assert isinstance(books.close(OCTOBER), Closed)


def test_who_keeps_no_books_closes_none(books: Books) -> None:
    with books.store.write() as unit:
        below, _ = add_organisation(unit, (books.id, f"/{books.id}/"), kind="section", code="s", name="Section")
    books.id = below
    with pytest.raises(Fault, match="kept by another"):
        books.close(OCTOBER)


def test_totals_that_were_edited_or_whose_entries_were_are_found(books: Books) -> None:
    books.cash(date(2026, 10, 5), 1_000)
    books.close(OCTOBER)
    books.cash(date(2026, 10, 5), 5)
    with books.store.read() as connection:
        assert first_changed_period(connection) is None
    behind_the_back(books.store, "update account set code = '999' where role = 'cash'")
    with books.store.read() as connection:
        assert "2026-10" in (first_changed_period(connection) or "")


# --- the months together ----------------------------------------------------------------------------------------------

_codes = itertools.count()
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("entry"), st.integers(1, 11), st.integers(-5_000, 5_000).filter(bool)),
        st.tuples(st.just("close"), st.integers(1, 10), st.just(0)),
        st.tuples(st.just("seal"), st.just(0), st.just(0)),
    ),
    max_size=25,
)


@ON_SQLITE
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps)
def test_the_months_together_are_the_books(store: Store, steps: list[tuple[str, int, int]]) -> None:
    books = Books(store, f"m{next(_codes)}")
    kept: dict[date, object] = {}
    for number, (what, month, amount) in enumerate(steps):
        first = date(2026, max(month, 1), 1)
        if what == "entry":
            books.cash(first + timedelta(days=number % 28), amount, f"{books.code}-{number}")
        elif what == "seal":
            books.seal()
        else:
            try:
                books.close(first)
            except Fault:
                continue
            kept[first] = books.trial(first)
    assert {month: books.trial(month) for month in kept} == kept  # no closed month has changed
    opening: Counter[str] = Counter()
    for month in (date(2026, each, 1) for each in range(1, 13)):
        for one in books.trial(month):
            assert one.opening_minor == opening[one.role]
            opening[one.role] = one.closing_minor
    with store.read() as connection:
        whole = {one.role: one.amount_minor for one in balances(connection, f"/{books.id}/")}
        assert {role: minor for role, minor in opening.items() if minor} == {r: m for r, m in whole.items() if m}
        closed = closed_months(connection, books.id)
        rows = connection.execute(
            select(entry.c.happened_on, seal.c.id.label("number"), booked_column(closed).label("booked"))
            .outerjoin(seal, seal.c.entry_id == entry.c.id)
            .where(entry.c.organisation_id == books.id)
        ).all()
        assert first_changed_period(connection) is None
    # The rule in SQL is the rule.
    assert [row.booked for row in rows] == [booked_on(row.happened_on, row.number, closed) for row in rows]
