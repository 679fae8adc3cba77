"""Our movements as columns: the same on both databases, and never another sum than the books'."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import func, select

from gateway.kernel.money import MAX_MINOR, Money
from gateway.network.organisations import Organisation
from gateway.payments.reconciliation.items import OURS
from gateway.payments.reconciliation.ours import details, movements
from gateway.payments.reconciliation.wallets import Wallet, open_wallet, wallet_name, wallet_named
from gateway.payments.refunds import Refund, approve, ask_refund, paid
from gateway.payments.reversing import reverse
from gateway.payments.unasked.fees import post_fee
from gateway.payments.unasked.incoming import Seen
from gateway.payments.unasked.suspense import reverse_suspense
from gateway.store.schema import account, incoming, line
from tests.payments.village import NEIGHBOUR, PAYER, Village, francs

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def momo_wallet(village: Village) -> Wallet:
    with village.store.write() as unit:
        return open_wallet(unit, village.place.books, "mtn_momo", "wallet")


def seen(village: Village, number: str, amount: int, reference: str | None = None, at: datetime = NOW) -> Seen:
    return Seen("mtn_momo", number, village.place.books.id, francs(amount), NEIGHBOUR, reference, at)


def read(village: Village, one: Wallet) -> pl.DataFrame:
    with village.store.read() as connection:
        return movements(connection, village.network.tree(), one, NOW - timedelta(days=1), NOW + timedelta(days=1))


def in_books(village: Village) -> int:
    with village.store.read() as connection:
        total = select(func.sum(line.c.amount_minor)).join(account, account.c.id == line.c.account_id)
        return int(connection.scalar(total.where(account.c.role == "wallet")) or 0)


def test_nothing_has_moved(village: Village, momo_wallet: Wallet) -> None:
    assert read(village, momo_wallet).schema == OURS
    assert read(village, momo_wallet).is_empty()


def test_every_way_of_moving_has_one_row_and_all_of_them_are_what_the_books_hold(
    village: Village, momo_wallet: Wallet
) -> None:
    tree, family = village.network.tree(), village.register()
    first, second, third = (village.push(family.household_id, amount) for amount in (1_500, 2_000, 3_000))
    village.see(seen(village, "A.1-1", 700))
    village.see(seen(village, "A22222", 800, family.card))
    village.see(seen(village, "A33333", 900))
    village.give(family.household_id, village.treasurer, 4_000)
    with village.store.write() as unit:
        reverse(unit, tree, second, "the operator took it back")
        reverse(unit, tree, third, "a part", francs(1_000), "R-99")
        gone = unit.connection.execute(select(incoming).where(incoming.c.operator_id == "A33333")).one()
        reverse_suspense(unit, tree, gone, "gateway", "taken back")
        own = village.place.books.id
        post_fee(unit, tree, village.chart, operator="MTN", operator_id="A22222", organisation_id=own, fee=francs(8),
                 at=NOW)  # fmt: skip
        asked = ask_refund(unit, tree, collection_key=first, amount=francs(200), reason="too much", by="Bio")
        assert isinstance(asked, Refund)
        assert isinstance(approve(unit, asked.number, "Awa"), Refund)
        assert isinstance(paid(unit, tree, village.chart, asked.number, "GIVEN.1"), Refund)
    found = read(village, momo_wallet)
    counts = found.filter("counts")
    assert counts["amount"].sum() == in_books(village)
    rows = set(counts.select("source", "amount", "operator_id").iter_rows())
    plain = f"OP{second.replace('-', '').upper()}"
    assert {
        ("collection", 2_000, plain),
        ("reversal", -2_000, plain),
        ("reversal", -1_000, "R99"),
        ("incoming", 700, "A11"),
        ("incoming", 800, "A22222"),
        ("incoming", 900, "A33333"),
        ("returned", -900, "A33333"),
        ("refund", -200, "GIVEN1"),
        ("entry", -8, None),
    } <= rows
    assert counts.height == 11  # and the two other payments; no cash
    assert found.select("source", "id").is_duplicated().sum() == 0


def test_what_was_asked_for_and_not_paid_does_not_count_and_has_our_key(village: Village, momo_wallet: Wallet) -> None:
    key = village.pay(village.register().household_id)
    [row] = read(village, momo_wallet).iter_rows(named=True)
    assert (row["source"], row["amount"], row["counts"], row["operator_id"]) == ("collection", 1_500, False, None)
    assert row["our_id"] == key.replace("-", "").upper()
    assert row["at"] == NOW


def test_money_keeps_its_name_when_somebody_says_whose_it_is(village: Village, momo_wallet: Wallet) -> None:
    family = village.register()
    village.see(seen(village, "B55555", 700, family.card))
    [row] = read(village, momo_wallet).iter_rows(named=True)
    assert row["source"] == "incoming"
    with village.store.read() as connection:
        named = details(connection, read(village, momo_wallet))
    assert named.schema == OURS
    assert named.select("card", "payer").rows() == [(family.card, NEIGHBOUR)]


def test_payments_have_the_card_and_the_payer(village: Village, momo_wallet: Wallet) -> None:
    family = village.register()
    village.push(family.household_id)
    [row] = read(village, momo_wallet).iter_rows(named=True)
    with village.store.read() as connection:
        named = details(connection, read(village, momo_wallet))
    assert named.select("id", "card", "payer").rows() == [(row["id"], family.card, PAYER)]


def test_another_wallet_s_money_is_not_there(village: Village, momo_wallet: Wallet) -> None:
    family = village.register()
    village.push(family.household_id)
    village.see(Seen("moov", "C11111", village.place.books.id, francs(5), None, None, NOW))
    with village.store.write() as unit:
        moov = open_wallet(unit, village.place.books, "Moov", "wallet")
    assert read(village, moov)["amount"].to_list() == [5]
    assert read(village, momo_wallet)["amount"].to_list() == [1_500]


def test_a_section_with_a_wallet_of_its_own_keeps_its_money_to_itself(village: Village, momo_wallet: Wallet) -> None:
    tree = village.network.tree()
    section: Organisation = tree[village.place.section_id]
    with village.store.write() as unit:
        own = open_wallet(unit, section, "mtn_momo", "wallet")
        again = open_wallet(unit, section, "MTN", "wallet")
    assert again == own
    village.see(Seen("mtn", "D11111", section.id, francs(9), None, None, NOW))
    assert read(village, own)["amount"].to_list() == [9]
    assert read(village, momo_wallet).is_empty()
    with village.store.read() as connection:
        assert wallet_named(connection, tree, "m-1:mtn") == own
    assert wallet_name(tree, own) == "m-1:mtn_momo"


def test_moments_and_money_are_exact(village: Village, momo_wallet: Wallet) -> None:
    at = NOW - timedelta(microseconds=1)
    village.see(seen(village, "E11111", MAX_MINOR, at=at))
    [row] = read(village, momo_wallet).iter_rows(named=True)
    assert (row["at"], Money(row["amount"], "XOF")) == (at, Money(MAX_MINOR, "XOF"))
