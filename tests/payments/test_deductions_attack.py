"""Harvest lists as they also come: rows of nothing, huge amounts, formulas, words in place of numbers."""

from __future__ import annotations

import pytest

from gateway.kernel.faults import Fault
from gateway.payments.payers import deductions, group_account
from gateway.payments.payers.deduction_lists import State
from tests.payments.deeds import PAYS, asked, on_suspense
from tests.payments.harvest import Harvest
from tests.payments.village import ON_SQLITE, at_once, francs


def test_a_household_of_which_nothing_was_kept_back_stops_no_payment(harvest: Harvest) -> None:
    one = harvest.waiting(1_000, 0, 500)
    before = harvest.left()
    harvest.paid_with(one, on_suspense(harvest.office, 1_500, PAYS))
    assert harvest.divide(one).state is State.POSTED
    assert [a - b for a, b in zip(before, harvest.left(), strict=True)] == [1_000, 0, 500]


@ON_SQLITE
@pytest.mark.parametrize(
    "typed", ["-500", "1e9", "=SUM(A1:A3)", "500 USD", "99999999999999", "1.234.567,89", "NaN", "½"]
)
def test_no_amount_is_guessed(harvest: Harvest, typed: str) -> None:
    card = harvest.office.family(harvest.homes[0]).card
    one = harvest.hand_in(f"Carte;Montant\n{card};{typed}\n".encode(), typed)
    assert dict(harvest.said(one))[2], typed


@ON_SQLITE
def test_nor_does_it_stop_the_payment_that_the_group_was_asked_for(harvest: Harvest) -> None:
    one = harvest.waiting(1_000, 0, 500)
    before = harvest.left()
    harvest.office.confirm(asked(harvest.office, harvest.group, 1_500))
    assert harvest.state(one) is State.POSTED
    assert [a - b for a, b in zip(before, harvest.left(), strict=True)] == [1_000, 0, 500]


@ON_SQLITE
def test_a_list_above_all_money_is_refused_in_plain_words(harvest: Harvest) -> None:
    with pytest.raises(Fault, match="too large"):
        harvest.hand_in(harvest.file(*[999_999_999_999] * 3), "Trop")


def test_two_treasurers_cannot_take_the_groups_account_twice(harvest: Harvest) -> None:
    office = harvest.office
    harvest.write(
        group_account.record_group_cash, harvest.tree, office.chart, effect_key="a", group=harvest.group,
        who=office.treasurer, amount=francs(3_000),
    )  # fmt: skip
    before = harvest.left()
    lists = [harvest.waiting(1_000, 500, 500), harvest.waiting(500, 1_000, 500, label="Coton")]
    for one in lists:
        harvest.write(deductions.add_from_account, harvest.tree, one.id, "Bio Sarre")
    turns = iter(lists)

    def attempt() -> str:
        try:
            return harvest.divide(next(turns)).state.value
        except Fault:
            return "refused"

    assert sorted(at_once(2, attempt)) == ["posted", "refused"]  # type: ignore[type-var]
    assert harvest.account() == 1_000
    assert sum(before) - sum(harvest.left()) == 2_000
