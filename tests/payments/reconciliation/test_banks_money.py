"""Money that came to a bank leaves the bank's account again: taken back, given back, assigned, of other books."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.payments.collections import by_id
from gateway.payments.reconciliation.differences.listing import differences
from gateway.payments.reconciliation.kept import Kept
from gateway.payments.reconciliation.running import reconcile
from gateway.payments.reconciliation.taking_in import take_in
from gateway.payments.reconciliation.wallets import open_wallet
from gateway.payments.refunds import Refund, approve, ask_refund, paid
from gateway.payments.statements.hints import Hints
from gateway.payments.unasked.assigning import Proposed, assign
from gateway.payments.unasked.incoming import Posted, Suspense
from gateway.payments.unasked.suspense import NotAssigned
from gateway.store.schema import collection, incoming
from tests.payments.deeds import came, taken_back, told
from tests.payments.reconciliation.differing import settled
from tests.payments.statements.writers import bank, csv, movements, with_balances
from tests.payments.village import ON_SQLITE, Village, francs


def to_bank(office: Village, reference: str | None = None, number: str = "B0000001") -> Posted | Suspense:
    done = came(office, 2_000, reference, operator="ecobank", operator_id=number, stands_on="bank", payer=None)
    assert isinstance(done, Posted | Suspense)
    return done


def key_of(office: Village, collection_id: int) -> str:
    with office.store.read() as connection:
        one = by_id(connection, collection_id)
    assert one is not None
    return one.key


def stands(office: Village) -> tuple[int, int]:
    """On the bank's account, and on the wallet."""
    balance = office.balance()
    return balance.get("bank", 0), balance.get("wallet", 0)


def identified(office: Village, home: int) -> str:
    """Money on suspense that somebody has said to be a household's; our key."""
    kept = to_bank(office)
    assert isinstance(kept, Suspense)
    with office.store.write() as unit:
        done = assign(unit, office.network.tree(), office.chart, kept.incoming_id, office.family(home), "Awa", "known")
    assert not isinstance(done, Proposed | NotAssigned)
    with office.store.read() as connection:
        key = select(collection.c.key).join(incoming, incoming.c.collection_id == collection.c.id)
        return str(connection.scalar(key))


def given_back(office: Village, **of: object) -> None:
    tree = office.network.tree()
    with office.store.write() as unit:
        asked = ask_refund(unit, tree, amount=francs(2_000), reason="moved away", by="Awa", **of)  # type: ignore[arg-type]
        assert isinstance(asked, Refund), asked
        assert isinstance(approve(unit, asked.number, "Fati Bawa"), Refund)
        assert isinstance(paid(unit, tree, office.chart, asked.number, "R0000001"), Refund)


@ON_SQLITE
def test_what_was_identified_on_suspense_is_taken_back_from_the_bank(office: Village, home: int) -> None:
    identified(office, home)
    assert stands(office) == (2_000, 0)
    taken_back(office, "B0000001", francs(500), operator="ecobank")
    assert stands(office) == (1_500, 0)
    taken_back(office, "B0000001", francs(1_500), "R2", operator="ecobank")
    assert stands(office) == (0, 0)


@ON_SQLITE
def test_what_named_its_card_is_taken_back_from_the_bank(office: Village, home: int) -> None:
    to_bank(office, office.family(home).card)
    taken_back(office, "B0000001", operator="ecobank")
    assert stands(office) == (0, 0)


@ON_SQLITE
@pytest.mark.parametrize("how", ["suspense", "assigned", "card"])
def test_what_is_given_back_leaves_the_bank(office: Village, home: int, how: str) -> None:
    match how:
        case "suspense":
            kept = to_bank(office)
            assert isinstance(kept, Suspense)
            given_back(office, incoming_id=kept.incoming_id)
        case "assigned":
            given_back(office, collection_key=identified(office, home))
        case "card":
            done = to_bank(office, office.family(home).card)
            assert isinstance(done, Posted)
            given_back(office, collection_key=key_of(office, done.collection_id))
    assert stands(office) == (0, 0)


@ON_SQLITE
def test_a_wallets_money_leaves_the_wallet_still(office: Village, home: int) -> None:
    done = came(office, 2_000, office.family(home).card)
    assert isinstance(done, Posted)
    given_back(office, collection_key=key_of(office, done.collection_id))
    kept = office.see(told(office, 700, payer="+2290100000199"))
    assert isinstance(kept, Suspense)
    with office.store.write() as unit:
        assign(unit, office.network.tree(), office.chart, kept.incoming_id, office.family(home), "Awa", "known")
    assert stands(office) == (0, 700)


@ON_SQLITE
def test_a_wallets_payment_that_the_bank_gives_back_leaves_the_bank(office: Village, home: int, tmp_path: Path) -> None:
    key, tree = office.push(home, 2_000), office.network.tree()
    at = office.clock.now()
    rows = [
        {"at": at, "amount": 5_000, "kind": "payment", "operator_id": "V0000001"},
        {"at": at, "amount": -2_000, "kind": "other", "operator_id": "R0000001"},
    ]
    file = tmp_path / "bank.csv"
    file.write_bytes(csv(bank(with_balances(movements(rows))), ";"))
    with office.store.write() as unit:
        one = open_wallet(unit, office.place.books, "ecobank", "bank")
        asked = ask_refund(unit, tree, collection_key=key, amount=francs(2_000), reason="moved away", by="Awa")
        assert isinstance(asked, Refund)
        assert isinstance(approve(unit, asked.number, "Fati Bawa"), Refund)
    taken = take_in(office.store, tree, one, file, Hints("XOF", "BJ", "Africa/Porto-Novo", date_order="dmy"), "Awa")
    assert isinstance(taken, Kept)
    reconcile(office.store, tree, office.chart, one)
    assert stands(office) == (3_000, 2_000)
    with office.store.read() as connection:
        found = {each.kind: each.number for each in differences(connection, tree)}
    assert sorted(found) == ["out", "unknown"]
    settled(office, found["out"], "refund", refund=asked.number)
    assert stands(office) == (3_000, 2_000)
    assert "unexplained" not in office.balance()
