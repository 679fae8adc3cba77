"""A receipt is genuine when its number and its code were given together, and nothing else is."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from stdnum import damm

from gateway.kernel.clock import FixedClock
from gateway.payments import receipts
from gateway.payments.receipts import Genuine, check_receipt, receipt_number, show_receipt
from gateway.payments.refunds import Refund, approve, ask_refund, paid
from gateway.payments.reversing import reverse
from gateway.store.schema import collection
from tests.payments.village import ON_SQLITE, PAYER, Village, francs


def checked(office: Village, number: str, code: str = "") -> Genuine | None:
    with office.store.read() as connection:
        return check_receipt(connection, office.network.tree(), number, code)


def in_the_sms(office: Village) -> tuple[str, str]:
    """The number and the code of the only receipt, as its reader finds them."""
    (text,) = (row.text for row in office.messages("receipt"))
    number, code = re.match(r"Recu (\d+)-(\d{5}) : ", text).groups()  # type: ignore[union-attr]
    return number, code


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 100_000:05d}"


def test_what_the_sms_says_is_found_however_it_is_typed(office: Village) -> None:
    home = office.register().household_id
    office.push(home, 1_500)
    number, code = in_the_sms(office)
    (to_treasurer,) = (row.text for row in office.messages("treasurer"))
    assert to_treasurer.startswith(f"Recu {number}-{code} : ")
    genuine = Genuine(
        number, francs(1_500), date(2026, 11, 22), office.family(home).card, "Adjara Tchédré", False, francs(0)
    )
    shorter = number.lstrip("0")
    for typed in (
        (number, code), (f" {number} ", f"{code[:2]} {code[2:]}"), (shorter, code), (f"{number}-{code}",),
        (f"{number} {code}",), (f"{number}.{code}",), (f"{number}{code}",), (f"{shorter}{code}",),
    ):  # fmt: skip
        assert checked(office, *typed) == genuine, typed


def test_cash_has_a_receipt_like_any_other_payment(office: Village) -> None:
    home = office.register().household_id
    recorded = office.give(home, office.treasurer, 2_000)
    assert in_the_sms(office) == (recorded.number, recorded.code)
    found = checked(office, recorded.number, recorded.code)
    assert found is not None
    assert (found.amount, found.on) == (francs(2_000), date(2026, 11, 22))


def test_nothing_else_is_genuine(office: Village) -> None:
    home, other = office.register().household_id, office.register("+2290100000111").household_id
    one, two = (office.give(each, office.treasurer) for each in (home, other))
    unknown = receipt_number(4_711)
    swapped = one.number[:-2] + one.number[:-3:-1]
    for typed in (
        (one.number, wrong(one.code)), (one.number, two.code), (unknown, one.code), (swapped, one.code),
        (one.number, ""), ("", one.code), ("", ""), (one.number, one.code[:4]), (one.number, one.code + "0"),
        (f"{one.number}-{one.code}", one.code), ("Recu " + one.number, one.code), (one.number, "-----"),
        ("0", one.code), ("9" * 30, one.code), (receipt_number(10**18), one.code), ("'; --", one.code),
        (f"{one.number}{wrong(one.code)}",),
    ):  # fmt: skip
        assert checked(office, *typed) is None, typed
    assert checked(office, one.number, one.code) is not None


def test_what_is_not_paid_has_no_receipt(office: Village) -> None:
    key = office.pay(office.register().household_id)
    asked = office.shown(key)
    assert asked.receipt_code is not None
    assert checked(office, receipt_number(asked.id), asked.receipt_code) is None


def test_what_the_operator_took_back_says_so(office: Village) -> None:
    key = office.push(office.register().household_id)
    number, code = in_the_sms(office)
    with office.store.write() as unit:
        reverse(unit, office.network.tree(), key, "REVERSED")
    found = checked(office, number, code)
    assert found is not None
    assert found.reversed


def test_what_went_back_of_it_is_told(office: Village) -> None:
    key = office.push(office.register().household_id, 1_500)
    number, code = in_the_sms(office)
    with office.store.write() as unit:
        reverse(unit, office.network.tree(), key, "REVERSED", francs(400), "R1")
        asked = ask_refund(
            unit, office.network.tree(), collection_key=key, amount=francs(100), reason="trop payé", by="Awa"
        )
        assert isinstance(asked, Refund)
        approve(unit, asked.number, "Bio")
        paid(unit, office.network.tree(), office.chart, asked.number, "11000000077")
    found = checked(office, number, code)
    assert found is not None
    assert (found.amount, found.gone_back, found.reversed) == (francs(1_500), francs(500), False)


def test_an_old_receipt_without_a_code_is_shown_without_and_cannot_be_checked(office: Village) -> None:
    home = office.register().household_id
    key = office.pay(home)
    with office.store.write() as unit:
        unit.connection.execute(update(collection).values(receipt_code=None))
    assert office.shown(key).receipt_code is None
    office.confirm(key)
    (text,) = (row.text for row in office.messages("receipt"))
    number = receipt_number(office.shown(key).id)
    assert text.startswith(f"Recu {number} : 1 500 F")
    for code in ("", "-----", "00000", "None"):
        assert checked(office, number, code) is None


@ON_SQLITE
def test_the_day_is_the_books_not_the_machines(office: Village, clock: FixedClock) -> None:
    home = office.register().household_id
    clock.at = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)  # 1 January, half past midnight, in Ouaké
    recorded = office.give(home, office.treasurer)
    found = checked(office, recorded.number, recorded.code)
    assert found is not None
    assert found.on == date(2027, 1, 1)


@ON_SQLITE
def test_every_collection_has_a_code_of_its_own(office: Village) -> None:
    home = office.register().household_id
    codes = [office.give(home, office.treasurer, 100).code for _ in range(40)]
    assert all(re.fullmatch(r"\d{5}", code) for code in codes)
    assert len(set(codes)) > 35  # of forty draws from 100 000, one in 130 runs holds a pair at all


@ON_SQLITE
@pytest.mark.parametrize("known", [True, False], ids=["known number", "unknown number"])
def test_a_known_and_an_unknown_number_are_compared_alike(
    office: Village, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """What was typed is compared once and in constant time, whether there is such a receipt or not."""
    recorded = office.give(office.register().household_id, office.treasurer)
    compared = []

    def compare(first: str, second: str) -> bool:
        compared.append((len(first), second))
        return first == second

    monkeypatch.setattr(receipts.secrets, "compare_digest", compare)
    assert checked(office, recorded.number if known else receipt_number(4_711), wrong(recorded.code)) is None
    assert compared == [(5, wrong(recorded.code))]


@given(st.integers(1, 10**14), st.sampled_from(["-", " ", "", "."]), st.integers(0, 99_999))
def test_number_and_code_are_told_apart_again(collection_id: int, between: str, code: int) -> None:
    shown = show_receipt(collection_id, f"{code:05d}")
    number, apart = shown.split("-")
    assert (len(number) >= 6, damm.is_valid(number), apart) == (True, True, f"{code:05d}")
    typed = receipts._digits(number + between + apart)
    assert (receipts._collection_id(typed[:-5]), typed[-5:]) == (collection_id, f"{code:05d}")


def test_a_payer_of_another_household_gets_the_same_number_and_code(office: Village) -> None:
    home = office.register().household_id
    office.add_phone(home, "+2290100000112")
    office.push(home)
    starts = {row.text.split(" : ")[0] for row in office.messages("receipt", "treasurer")}
    assert (len(starts), len(office.messages("receipt"))) == (1, 2)
    assert PAYER in {row.msisdn for row in office.messages("receipt")}
