"""The registers a leaf at a time say what the whole registers say, whatever was closed, sealed or came late."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.kernel.faults import Fault
from gateway.ledger import leaves, registers
from gateway.ledger.registers import Movement, closed_months
from gateway.store.unit import Store
from tests.ledger.books import Books
from tests.payments.village import ON_SQLITE

_codes = itertools.count()
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("entry"), st.integers(1, 11), st.integers(-5_000, 5_000).filter(bool)),
        st.tuples(st.just("close"), st.integers(1, 10), st.just(0)),
        st.tuples(st.just("seal"), st.just(0), st.just(0)),
    ),
    max_size=25,
)
Steps = list[tuple[str, int, int]]


def play(store: Store, steps: Steps) -> Books:
    books = Books(store, f"leaves{next(_codes)}")
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
    return books


def without_balance(movements: list[Movement]) -> list[Movement]:
    return [replace(one, balance_minor=0) for one in movements]


def assert_same(store: Store, books: Books, first: date, last: date, size: int) -> None:
    with store.read() as connection:
        closed = closed_months(connection, books.id)
        assert leaves.trial_balance(connection, books.id, closed, first, last) == registers.trial_balance(
            connection, books.id, closed, first, last
        )
        whole = registers.account_book(connection, books.id, closed, "cash", "XOF", first, last)
        found: list[Movement] = []
        while True:
            part = leaves.book_leaf(connection, books.id, closed, "cash", "XOF", first, last, len(found), size)
            assert (part.opening_minor, part.closing_minor) == (whole.opening_minor, whole.closing_minor)
            found += part.leaf.movements
            if not part.leaf.more:
                break
        assert tuple(found) == whole.movements
        for journal in (None, "cash", "dues"):
            lines = list(registers.journal_lines(connection, books.id, closed, "XOF", first, last, journal))
            found = []
            while True:
                leaf = leaves.journal_leaf(connection, books.id, closed, "XOF", first, last, journal, len(found), size)
                found += leaf.movements
                if not leaf.more:
                    break
            assert found == without_balance(lines)


@ON_SQLITE
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=_steps,
    first=st.dates(date(2025, 12, 20), date(2026, 12, 20)),
    days=st.integers(0, 120),
    size=st.integers(1, 6),
)
def test_leaves_are_the_registers(store: Store, steps: Steps, first: date, days: int, size: int) -> None:
    books = play(store, steps)
    assert_same(store, books, first, first + timedelta(days=days), size)
    assert_same(store, books, first.replace(day=1), first, size)


def test_what_came_late_for_a_closed_month_is_on_the_leaf_of_the_next(store: Store) -> None:
    books = play(
        store,
        [("entry", 8, 100), ("entry", 9, 700), ("close", 8, 0), ("close", 9, 0), ("entry", 8, 30), ("entry", 9, 4)],
    )
    books.seal()
    books.cash(date(2026, 9, 30), 11)
    for first, last in (
        (date(2026, 8, 1), date(2026, 8, 31)),
        (date(2026, 9, 1), date(2026, 9, 30)),
        (date(2026, 10, 1), date(2026, 10, 31)),
        (date(2026, 10, 2), date(2026, 11, 30)),
        (date(2026, 7, 1), date(2026, 12, 31)),
    ):
        assert_same(store, books, first, last, 2)
    with store.read() as connection:
        closed = closed_months(connection, books.id)
        leaf = leaves.book_leaf(
            connection, books.id, closed, "cash", "XOF", date(2026, 10, 1), date(2026, 10, 31), 0, 50
        )  # fmt: skip
    assert (leaf.opening_minor, leaf.closing_minor) == (800, 845)
    assert [one.amount_minor for one in leaf.leaf.movements] == [30, 4, 11]
    assert {one.on for one in leaf.leaf.movements} == {date(2026, 10, 1)}


def test_nothing_is_on_the_leaf_of_nobody(store: Store) -> None:
    books = Books(store, "empty")
    assert_same(store, books, date(2026, 1, 1), date(2026, 12, 31), 5)
