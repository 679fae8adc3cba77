"""A village's wallet with MTN, what differs between its statement and the books, and the people who settle it."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from gateway.kernel.numbers import with_check_digit
from gateway.ledger.entries import Entry, Line, record
from gateway.payments.collections import by_key_or_receipt
from gateway.payments.reconciliation.differences.deals import NotSettled, Why
from gateway.payments.reconciliation.differences.found import (
    Found,
    Kind,
    difference_key,
    open_difference,
    story,
)
from gateway.payments.reconciliation.differences.listing import Difference, difference_numbered
from gateway.payments.reconciliation.differences.settling import Asked, Given, Settled, approve, settle, undo
from gateway.payments.reconciliation.wallets import open_wallet
from gateway.payments.unasked.incoming import Suspense
from gateway.store.schema import account, collection, entry, line
from tests.payments.deeds import STRANGER, YESTERDAY, told
from tests.payments.village import Village, francs

ONE, OTHER = "Bio Sarre", "Fati Bawa"
LARGE = 60_000  # more than one person decides alone
_MINUTE = timedelta(minutes=1)
_numbers = itertools.count(1)


def wallet_id(office: Village) -> int:
    with office.store.write() as unit:
        return open_wallet(unit, office.place.books, "mtn_momo", "wallet").id


def find(office: Village, kind: Kind, at: datetime = YESTERDAY, **facts: Any) -> str:
    """A run finds a difference; its number. Amounts are in francs."""
    own = next(_numbers)
    usual = {"operator_id": f"8{own:09d}", "line": own}
    amounts = {name: francs(facts.pop(name)) for name in ("theirs", "ours") if name in facts}
    its_wallet = wallet_id(office)
    ours = [
        f"{letter}{facts[name]}" for letter, name in (("c", "collection_id"), ("i", "incoming_id")) if name in facts
    ]
    key = difference_key(kind, its_wallet, ours[0] if kind == "missing" else str(own))
    found = Found(kind, key, its_wallet, at, "as the statement has it", **{**usual, **facts}, **amounts)
    with office.store.write() as unit:
        return with_check_digit(open_difference(unit, found))


def shown(office: Village, number: str) -> Difference:
    with office.store.read() as connection:
        one = difference_numbered(connection, number)
    assert one is not None
    return one


def steps(office: Village, number: str) -> list[str]:
    """What happened to it."""
    with office.store.read() as connection:
        return [each.what for each in story(connection, shown(office, number).id)]


# What is found


def unknown(office: Village, amount: int = 2_000, payer: str = STRANGER) -> str:
    """Money, a stranger's unless said, which the rule has put on suspense."""
    seen = told(office, amount, payer=payer)
    came = office.see(seen)
    assert isinstance(came, Suspense)
    return find(office, "unknown", seen.paid_at, theirs=amount, incoming_id=came.incoming_id,
                operator_id=seen.operator_id)  # fmt: skip


def payment(office: Village, home: int, amount: int = 1_500, at: datetime = YESTERDAY) -> int:
    """A payment of a household's that counts; the id of its collection."""
    return id_of(office, office.push(home, amount, at))


def id_of(office: Village, key: str) -> int:
    with office.store.read() as connection:
        one = by_key_or_receipt(connection, key)
    assert one is not None
    return one.id


def missing(office: Village, home: int, amount: int = 1_500) -> str:
    return find(office, "missing", ours=amount, collection_id=payment(office, home, amount), line=None)


def left_the_wallet(office: Village, amount: int = 700) -> str:
    """The rule has posted what left: D unexplained C wallet."""
    number = f"OUT{next(_numbers):06d}"
    with office.store.write() as unit:
        accounts = office.chart.of(unit, office.place.books.id, "XOF")
        lines = (Line(accounts["unexplained"], amount), Line(accounts["wallet"], -amount))
        books = office.place.books.id
        record(unit, Entry(f"wallet:1:out:{number}", books, "bank", "XOF", YESTERDAY.date(), lines))
    return find(office, "out", theirs=amount, operator_id=number)


# What people do


def choose(
    office: Village, number: str, choice: str, by: str = ONE, reason: str = "as agreed", **given: Any
) -> Settled | Asked | NotSettled:
    office.clock.move(_MINUTE)
    with office.store.write() as unit:
        return settle(unit, office.network.tree(), office.chart, number, choice, by, reason, Given(**given))


def not_settled(done: object) -> Why:
    assert isinstance(done, NotSettled), done
    return done.why


def settled(office: Village, number: str, choice: str, **given: Any) -> str | None:
    """The same where nothing stands in the way; the key of the entry that it made."""
    done = choose(office, number, choice, **given)
    assert isinstance(done, Settled), done
    return done.entry_key


def agree(office: Village, number: str, by: str = OTHER) -> Settled | NotSettled:
    office.clock.move(_MINUTE)
    with office.store.write() as unit:
        return approve(unit, office.network.tree(), office.chart, number, by)


def take_up(office: Village, number: str, by: str = ONE, reason: str = "a mistake") -> Settled | Asked | NotSettled:
    office.clock.move(_MINUTE)
    with office.store.write() as unit:
        return undo(unit, office.network.tree(), office.chart, number, by, reason)


# What the books say


def lines_of(office: Village, key: str | None) -> dict[str, int]:
    """An entry's lines by role: debit positive."""
    found: Counter[str] = Counter()
    with office.store.read() as connection:
        rows = connection.execute(
            select(account.c.role, line.c.amount_minor)
            .join(line, line.c.account_id == account.c.id)
            .join(entry, entry.c.id == line.c.entry_id)
            .where(entry.c.key == key)
        )
        for role, minor in rows:
            found[role] += minor
    return dict(found)


def entry_count(office: Village) -> int:
    with office.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(entry)) or 0


def state_of(office: Village, collection_id: int) -> str:
    with office.store.read() as connection:
        return str(connection.scalar(select(collection.c.state).where(collection.c.id == collection_id)))
