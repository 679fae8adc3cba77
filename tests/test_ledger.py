"""Promise 1: every entry nets to zero, in the constructor and in the database, and is never changed."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DatabaseError

from gateway.kernel.ids import ordered_id
from gateway.ledger.accounts import balances, first_difference
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, Unbalanced, record
from gateway.network.organisations import add_organisation
from gateway.store.schema import entry, line
from gateway.store.unit import Store, Unit

DAY = date(2026, 11, 22)


def _books(unit: Unit, code: str = "m", currency: str = "XOF") -> tuple[int, dict[str, int]]:
    new_id, _ = add_organisation(unit, None, kind="mutuelle", code=code, name="Mutuelle", keeps_books=True)
    return new_id, Chart().of(unit, new_id, currency)


def _entry(books: int, accounts: dict[str, int], key: str = "k", amount: int = 500) -> Entry:
    return Entry(
        key, books, "cash", "XOF", DAY, (Line(accounts["cash"], amount), Line(accounts["receivable"], -amount))
    )


def test_an_entry_that_nets_to_zero_is_written(store: Store) -> None:
    with store.write() as unit:
        record(unit, _entry(*_books(unit)))
    with store.read() as connection:
        assert [(one.code, one.amount_minor) for one in balances(connection)] == [("411", -500), ("571", 500)]
        assert first_difference(connection) is None


@pytest.mark.parametrize("amounts", [(500, -499), (500,), (), (1, 1, -1)])
def test_the_constructor_refuses_what_does_not_net(amounts: tuple[int, ...]) -> None:
    with pytest.raises(Unbalanced):
        Entry("k", 1, "cash", "XOF", DAY, tuple(Line(1, amount) for amount in amounts))


@pytest.mark.parametrize("amounts", [(500, -499), (500,), ()])
def test_the_database_refuses_what_does_not_net(store: Store, amounts: tuple[int, ...]) -> None:
    with store.write() as unit:
        books, accounts = _books(unit)
    with pytest.raises(DatabaseError, match="net"):
        _write_by_hand(store, books, accounts["cash"], amounts)


def _write_by_hand(store: Store, books: int, account: int, amounts: tuple[int, ...]) -> None:
    its_id = ordered_id()
    with store.write() as unit:
        for amount in amounts:
            unit.connection.execute(insert(line).values(entry_id=its_id, account_id=account, amount_minor=amount))
        unit.connection.execute(
            insert(entry).values(
                id=its_id, key="k", organisation_id=books, journal="cash", currency="XOF",
                happened_on=DAY, recorded_at=unit.now,
            )
        )  # fmt: skip


def test_the_database_refuses_lines_without_an_entry(store: Store) -> None:
    with store.write() as unit:
        books, accounts = _books(unit)
    with pytest.raises(DatabaseError), store.write() as unit:
        unit.connection.execute(
            insert(line).values(entry_id=_entry(books, accounts).id, account_id=accounts["cash"], amount_minor=5)
        )


def test_the_database_refuses_a_line_added_to_a_sealed_entry(store: Store) -> None:
    with store.write() as unit:
        books, accounts = _books(unit)
        sealed = _entry(books, accounts)
        record(unit, sealed)
    with pytest.raises(DatabaseError, match="sealed"), store.write() as unit:
        unit.connection.execute(insert(line).values(entry_id=sealed.id, account_id=accounts["cash"], amount_minor=5))


@pytest.mark.parametrize(
    "tamper",
    [
        update(line).values(amount_minor=line.c.amount_minor * 2),
        update(entry).values(happened_on=date(2020, 1, 1)),
        delete(line),
        delete(entry),
    ],
)
def test_the_database_refuses_changes_and_deletions(store: Store, tamper: object) -> None:
    with store.write() as unit:
        record(unit, _entry(*_books(unit)))
    with pytest.raises(DatabaseError, match="never changed"), store.write() as unit:
        unit.connection.execute(tamper)  # type: ignore[call-overload]


def test_currencies_are_never_mixed(store: Store) -> None:
    with store.write() as unit:
        books, accounts = _books(unit)
        foreign = Chart().of(unit, books, "USD")
    with pytest.raises(DatabaseError, match="currencies"), store.write() as unit:
        record(unit, Entry("k", books, "cash", "XOF", DAY, (Line(accounts["cash"], 5), Line(foreign["cash"], -5))))


def test_an_entry_stays_in_its_own_books(store: Store) -> None:
    with store.write() as unit:
        books, accounts = _books(unit)
        _, others = _books(unit, "other")
    with pytest.raises(DatabaseError, match="other books"), store.write() as unit:
        record(unit, Entry("k", books, "cash", "XOF", DAY, (Line(accounts["cash"], 5), Line(others["cash"], -5))))


def test_a_key_is_posted_once(store: Store) -> None:
    with store.write() as unit:
        books, accounts = _books(unit)
        record(unit, _entry(books, accounts))
    with pytest.raises(DatabaseError), store.write() as unit:
        record(unit, _entry(books, accounts))
    with store.read() as connection:
        assert connection.execute(select(entry.c.key)).all() == [("k",)]


def test_verification_names_what_was_changed_behind_the_softwares_back(pg_store: Store) -> None:
    with pg_store.write() as unit:
        record(unit, _entry(*_books(unit), key="the one"))
    with pg_store.write() as unit:  # what only the owner of the database can do
        unit.connection.execute(text("alter table line disable trigger all"))
        unit.connection.execute(update(line).where(line.c.amount_minor > 0).values(amount_minor=501))
    with pg_store.read() as connection:
        assert first_difference(connection) == "entry the one nets to 1 over 2 lines"
