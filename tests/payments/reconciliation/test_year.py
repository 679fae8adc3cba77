"""A year with five hundred differences of every kind: each is found, none that isn't there, and the close balances."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.kernel.clock import FixedClock
from gateway.ledger.accounts import first_difference
from gateway.network.organisations import Network
from gateway.payments.reconciliation.closing.signing import WalletClosed, close_wallet
from gateway.payments.reconciliation.differences.listing import Difference, differences
from gateway.payments.reconciliation.differences.settling import Asked, Given, Settled, settle
from gateway.payments.reconciliation.running import reconcile
from gateway.store.schema import account, line
from gateway.store.unit import Store
from tests.payments.reconciliation.year import INJECTED, YEAR, Year
from tests.payments.village import ON_SQLITE

# What somebody chooses for each kind that no rule settles: the operator is right.
CHOICES = {"missing": "lost", "amount": "theirs", "twice": "two", "fee": "theirs", "out": "fee", "unknown": "keep"}


def found(year: Year, every: bool = True) -> list[Difference]:
    with year.store.read() as connection:
        return differences(connection, year.tree, every=every, limit=10_000)


def in_books(year: Year) -> int:
    with year.store.read() as connection:
        assert first_difference(connection) is None
        total = select(func.sum(line.c.amount_minor)).join(account, account.c.id == line.c.account_id)
        return int(connection.scalar(total.where(account.c.role == "wallet")) or 0)


def settle_all(year: Year) -> None:
    """An administrator goes through what is open, one after the other."""
    for one in found(year, every=False):
        choice = CHOICES.get(one.kind, "match")
        # Of two that could be meant, the one of the very moment is.
        given = Given(receipt=year.paid_at[one.at]) if one.kind == "ambiguous" else Given()
        with year.store.write() as unit:
            done = settle(unit, year.tree, year.chart, one.number, choice, "Bio Sarre", "the operator is right", given)
        assert isinstance(done, Settled), (one, done)
        assert not isinstance(done, Asked)


@pytest.mark.long
@ON_SQLITE
def test_five_hundred_differences_are_found_and_settled(
    store: Store, network: Network, clock: FixedClock, tmp_path: Path
) -> None:
    year = Year(store, network, clock, tmp_path)
    year.begin()
    assert sum(INJECTED.values()) == 500
    signed = []
    for month, _ in year.months():
        reconcile(store, year.tree, year.chart, year.wallet)
        settle_all(year)
        reconcile(store, year.tree, year.chart, year.wallet)
        closed = close_wallet(store, year.tree, year.wallet, "month", month, "Fati Bawa")
        assert isinstance(closed, WalletClosed), closed
        signed.append(closed)
    got = Counter(
        (str(one.kind), one.at.isoformat() if one.kind == "ambiguous" else str(one.operator_id)) for one in found(year)
    )
    want = Counter((str(kind), number) for kind, number in year.wrong)
    assert (got - want, want - got) == (Counter(), Counter())
    assert len(signed) == 12
    assert signed[-1].span.first_on == date(YEAR, 12, 1)
    assert in_books(year) == year.balance
