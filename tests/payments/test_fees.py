"""An operator's fee has an entry of its own, once, and the household is credited with all that it paid."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.kernel.money import Money
from gateway.network.organisations import Organisation
from gateway.payments.collections import by_key, move
from gateway.payments.providers.base import Paid
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.takings import takings
from gateway.payments.unasked.fees import post_fee
from gateway.payments.unasked.incoming import Known, Posted, Seen, Suspense
from gateway.payments.unasked.operator_sms import Read, read_sms
from tests.payments.village import PAYER, Village, at_once, francs

AT = datetime(2026, 11, 21, 9, 50, tzinfo=UTC)
NUMBER = "17000000003"
SMS = (
    "Vous avez recu 2500 FCFA de ORA SABI (2290100000101 ) sur votre compte Mobile Money 2026-11-21 09:50:32. "
    "Message de l'expediteur: {card}. Votre nouveau solde est de 29398 FCFA. Frais: {fee} FCFA. "
    "Transaction ID: 17000000003."
)


def sees(office: Village, amount: int, fee: int | None, reference: str | None, **changes: Any) -> object:
    given: dict[str, Any] = {
        "operator": "MTN MoMo",
        "operator_id": NUMBER,
        "organisation_id": office.place.books.id,
    } | changes
    seen = Seen(
        amount=francs(amount), payer=PAYER, reference=reference, paid_at=AT,
        fee=francs(fee) if fee is not None else None, **given,
    )  # fmt: skip
    return office.see(seen)


def where(office: Village) -> Organisation:
    return office.place.books


@pytest.mark.parametrize(("written", "fee"), [("25", 25), ("1 250", 1_250), ("0", None), ("0.00", None)])
def test_a_text_that_tells_a_fee(office: Village, written: str, fee: int | None) -> None:
    read = read_sms(SMS.format(card="123 456 782", fee=written), where(office))
    assert isinstance(read, Read)
    assert (read.amount, read.fee) == (francs(2_500), francs(fee) if fee else None)


def test_a_fee_that_cannot_be_read_leaves_the_text_to_a_person(office: Village) -> None:
    assert not isinstance(read_sms(SMS.format(card="123 456 782", fee="1 25"), where(office)), Read)


def test_the_household_is_credited_gross_and_the_fee_is_booked_once(office: Village, home: int) -> None:
    left = office.stands(home).left.minor
    card = office.family(home).card
    assert isinstance(sees(office, 2_500, 25, card), Posted)
    assert isinstance(sees(office, 2_500, 25, card), Known)
    assert office.stands(home).left.minor == left - 2_500
    held = office.balance()
    assert (held["wallet"], held["fees"]) == (2_475, 25)
    with office.store.read() as connection:
        # What came in is counted gross.
        rows = takings(connection, office.network.tree(), office.place.books.id, AT.date()).rows
    assert rows == (("reference", 1, francs(2_500)),)


def test_money_that_nobody_knows_has_its_fee_too(office: Village) -> None:
    assert isinstance(sees(office, 2_500, 25, None), Suspense)
    held = office.balance()
    assert (held["wallet"], held["suspense"], held["fees"]) == (2_475, -2_500, 25)


def test_what_we_asked_for_has_its_fee_from_the_sms(office: Village, home: int) -> None:
    key = office.pay(home, 2_500)
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
        post_paid(unit, office.network.tree(), office.chart, key, Paid(one.amount, NUMBER, PAYER, "SUCCESSFUL", AT))
    assert isinstance(sees(office, 2_500, 25, None), Known)
    assert (office.balance()["wallet"], office.balance()["fees"]) == (2_475, 25)


def test_a_fee_of_another_amount_than_was_posted_is_left_with_its_case(office: Village, home: int) -> None:
    card = office.family(home).card
    sees(office, 2_500, None, card)
    known = sees(office, 2_400, 25, card)
    assert isinstance(known, Known)
    assert known.case is not None
    assert "fees" not in office.balance()


def test_whoever_tells_of_it_it_is_booked_once(office: Village) -> None:
    def tell(operator: str = "MTN MoMo", number: str = "1700-0000 003") -> bool:
        with office.store.write() as unit:
            return post_fee(
                unit, office.network.tree(), office.chart, operator=operator, operator_id=number,
                organisation_id=office.place.books.id, fee=francs(25), at=AT,
            )  # fmt: skip

    assert sorted(map(str, at_once(3, tell))) == ["False", "False", "True"]
    assert not tell("momo", NUMBER)
    assert office.balance() == {"wallet": -25, "fees": 25}
    with office.store.write() as unit, pytest.raises(ValueError, match="above zero"):
        post_fee(
            unit, office.network.tree(), office.chart, operator="MTN", operator_id="1", fee=Money(0, "XOF"), at=AT,
            organisation_id=office.place.books.id,
        )  # fmt: skip
