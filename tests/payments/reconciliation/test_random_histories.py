"""Of any history of payments, faults and corrections exactly what was made to differ is found, and settling it closes
the wallet to the minor unit: however its statements are cut, overlap, and come late and out of order."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, select, update

from gateway.kernel.clock import FixedClock
from gateway.ledger.accounts import first_difference
from gateway.network.organisations import Network
from gateway.payments.reconciliation.differences.listing import Difference, differences
from gateway.payments.reconciliation.differences.settling import (
    Asked,
    Given,
    NotSettled,
    Settled,
    approve,
    settle,
    undo,
)
from gateway.store.schema import account, difference, difference_event, entry, line, statement, statement_part
from gateway.store.unit import Store
from tests.payments.reconciliation.histories import History, midnight
from tests.payments.village import ON_SQLITE, Village, found

SEEDS = int(os.environ.get("HISTORIES", "5"))  # of each layout; HISTORIES=1000 for a long look
# What somebody may choose for each kind where the operator is right.
CHOICES = {
    "missing": ("lost", "reverse"),
    "amount": ("theirs",),
    "twice": ("two",),
    "fee": ("theirs",),
    "out": ("fee", "expense", "transfer", "keep"),
    "unknown": ("keep", "income", "assign"),
    "ambiguous": ("match",),
}


def lived(store: Store, network: Network, clock: FixedClock, folder: Path, seed: int, layout: str) -> History:
    clock.at = midnight(0)
    village = Village(store, network, clock, found(store, network, currency="KES" if layout == "mpesa" else "XOF"))
    history = History(village, folder, seed, layout)
    history.live()
    return history


def standing(history: History) -> list[Difference]:
    """What was found and hasn't explained itself, the first first."""
    with history.store.read() as connection:
        every = differences(connection, history.tree, every=True, limit=10_000)[::-1]
    return [one for one in every if one.state != "settled" or one.choice is not None]


def named(one: Difference) -> tuple[str, str]:
    return one.kind, one.at.isoformat() if one.kind == "ambiguous" else str(one.operator_id)


def in_books(history: History) -> int:
    with history.store.read() as connection:
        assert first_difference(connection) is None
        total = select(func.sum(line.c.amount_minor)).join(account, account.c.id == line.c.account_id)
        return int(connection.scalar(total.where(account.c.role == "wallet")) or 0)


def written(history: History) -> list[object]:
    """Everything that a run may write."""
    counts = [select(func.count()).select_from(table) for table in (entry, line, difference_event)]
    with history.store.read() as connection:
        return [
            *(connection.scalar(each) for each in counts),
            connection.execute(select(difference).order_by(difference.c.id)).all(),
            connection.execute(select(statement_part).order_by("statement_id", "number")).all(),
        ]


def settle_all(history: History, random: Random) -> None:
    for one in standing(history):
        if one.state == "settled":
            continue
        choice = random.choice(CHOICES[one.kind])
        given = Given(
            receipt=history.paid_at[one.at, one.theirs.minor] if one.kind == "ambiguous" and one.theirs else None,
            card=history.families[0].card if choice == "assign" else None,
        )
        with history.store.write() as unit:
            done = settle(unit, history.tree, history.chart, one.number, choice, "Bio Sarre", "as it is", given)
        done = agreed(history, done)
        assert isinstance(done, Settled), (one, choice, done)


def agreed(history: History, done: Settled | Asked | NotSettled) -> Settled | Asked | NotSettled:
    """Another person says so too, where it takes two."""
    if not isinstance(done, Asked):
        return done
    with history.store.write() as unit:
        return approve(unit, history.tree, history.chart, done.number, "Fati Bawa")


def undo_all(history: History) -> None:
    for one in standing(history)[::-1]:
        if one.choice in (None, "rule"):
            continue
        with history.store.write() as unit:
            done = undo(unit, history.tree, history.chart, one.number, "Bio Sarre", "a mistake")
        done = agreed(history, done)
        assert isinstance(done, Settled), (one, done)


def check(history: History) -> None:
    tale = "\n".join(["", *history.told()])
    got = Counter(named(one) for one in standing(history))
    assert (got - history.wrong, history.wrong - got) == (Counter(), Counter()), tale
    before = written(history)
    with history.store.write() as unit:  # as if everything could still be late
        unit.connection.execute(update(statement).values(reconciled_at=None))
    history.reconcile()
    assert written(history) == before, tale
    random = Random(history.seed)
    settle_all(history, random)
    assert in_books(history) == history.balance, tale
    history.reconcile()
    assert [one for one in standing(history) if one.state != "settled"] == [], tale
    assert in_books(history) == history.balance, tale
    if not any(one.kind == "ambiguous" for one in standing(history)):
        undo_all(history)
        history.reconcile()
        settle_all(history, random)
        assert in_books(history) == history.balance, tale
        history.reconcile()
        assert [one for one in standing(history) if one.state != "settled"] == [], tale
    got = Counter(named(one) for one in standing(history))
    assert (got - history.wrong, history.wrong - got) == (Counter(), Counter()), tale


@ON_SQLITE
@pytest.mark.parametrize("layout", ["mtn_momo", "mpesa"])
@pytest.mark.parametrize("seed", range(1, SEEDS))
def test_what_was_made_to_differ_is_found(
    store: Store, network: Network, clock: FixedClock, tmp_path: Path, seed: int, layout: str
) -> None:
    check(lived(store, network, clock, tmp_path, seed, layout))


def test_on_both_databases(store: Store, network: Network, clock: FixedClock, tmp_path: Path) -> None:
    check(lived(store, network, clock, tmp_path, 0, "mtn_momo"))
