"""Harvest time: a group's one payment is divided exactly by its list, once; until it is there nobody is told of it."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from sqlalchemy import func, select

from gateway.kernel.faults import Fault
from gateway.membership.households import Household
from gateway.payments.collections import by_id
from gateway.payments.payers import deduction_lists, deductions, dividing, group_account
from gateway.payments.payers.deduction_lists import EDGES, State, fill
from gateway.payments.push.limits import largest_alone
from gateway.payments.reversing import reverse
from gateway.payments.takings import takings
from gateway.payments.unasked.assigning import assign_to_group
from gateway.payments.unasked.suspense import NotAssigned
from gateway.store.schema import group_movement, incoming
from tests.payments.deeds import PAYS, asked, on_suspense
from tests.payments.harvest import Harvest
from tests.payments.village import ON_SQLITE, TREASURER, at_once, francs

# Reading


@ON_SQLITE
def test_each_row_says_what_is_wrong_with_it(harvest: Harvest) -> None:
    cards = [harvest.office.family(home).card for home in harvest.homes]
    head = harvest.office.family(harvest.homes[0]).head
    first, _, last = head.partition(" ")
    content = (
        "Coopérative Alafia;;\n"
        "Membre;Carte;Montant\n"
        f"{last} {first};;1 000\n"  # by name, the other way round
        f";{cards[1]};2000\n"
        f";{cards[1]};10\n"
        ";123456780;500\n"
        "Inconnu Personne;;500\n"
        f"x;{cards[2]};beaucoup\n"
        "Total;;3010\n"
    ).encode()
    one = harvest.hand_in(content)
    assert one.total == francs(4_010)
    said = dict(harvest.said(one))
    assert said[3] == said[4] == []
    assert said[5] == ["the same household as row 4: add the two up in one row"]
    assert said[6] == ["123456780 is no card number"]
    assert said[7] == ["nobody of the group has this name: write the card"]
    assert said[8] == ["the amount beaucoup can't be read"]
    assert said[9] == ["the total of the file isn't the sum of its rows"]
    with pytest.raises(Fault, match="rows that can't be taken: 5"):
        harvest.accept(one)


@ON_SQLITE
def test_a_workbook_says_the_same_as_text_and_is_the_same_list(harvest: Harvest) -> None:
    book = Workbook()
    page = book.active
    assert page is not None
    page.append(["Carte", "Montant"])
    for home, amount in zip(harvest.homes, (1_000, 2_000, 3_000), strict=True):
        page.append([harvest.office.family(home).card, amount])
    kept = io.BytesIO()
    book.save(kept)
    one = harvest.hand_in(kept.getvalue())
    assert one.total == francs(6_000)
    with pytest.raises(Fault, match=f"handed in before, as number {one.id}"):
        harvest.hand_in(harvest.file(1_000, 2_000, 3_000), "CAFÉ 2026 ")
    other = harvest.hand_in(harvest.file(1_000, 2_000, 3_000), "Coton 2026")
    with harvest.office.store.read() as connection:
        assert deductions.same_amounts(connection, other) == [one.id]


amounts_of = st.lists(st.integers(0, 5_000), min_size=1, max_size=12)


@given(amounts_of, st.lists(st.integers(1, 9_000), min_size=1, max_size=6))
def test_shares_fill_payments_exactly(shares: list[int], amounts: list[int]) -> None:
    def family(place: int) -> Household:
        return Household(place, f"{place:09d}", 1, "A B", "fr", "XOF", "Africa/Porto-Novo")

    wanted = [(family(place), francs(share)) for place, share in enumerate(shares)]
    paid = [francs(amount) for amount in amounts]
    if sum(shares) > sum(amounts):
        with pytest.raises(ValueError, match="reach"):
            fill(wanted, paid)
        return
    pieces, rest = fill(wanted, paid)
    got: dict[int, int] = {}
    for piece, amount in zip(pieces, amounts, strict=True):
        assert sum(share.minor for _, share in piece) <= amount
        for one, share in piece:
            assert share.minor > 0
            got[one.id] = got.get(one.id, 0) + share.minor
    assert got == {place: share for place, share in enumerate(shares) if share}
    if pieces[-1]:
        assert rest.minor == sum(amounts) - sum(shares)


# Dividing


def test_one_payment_is_divided_exactly_by_the_list(harvest: Harvest) -> None:
    office, before = harvest.office, harvest.left()
    one = harvest.waiting(1_000, 2_000, 500)
    came = on_suspense(office, 3_500, PAYS)
    told = len(office.messages())
    harvest.paid_with(one, came)
    assert len(office.messages()) == told  # nobody is told anything yet
    assert harvest.left() == before
    assert office.balance()["suspense"] == -3_500
    done = harvest.divide(one)
    assert done.state is State.POSTED
    assert [a - b for a, b in zip(before, harvest.left(), strict=True)] == [1_000, 2_000, 500]
    assert "suspense" not in office.balance()
    assert harvest.account() == 0
    receipts = office.messages("receipt")
    assert [row.msisdn for row in receipts].count(PAYS) == 1
    assert len(receipts) == 4
    assert office.told("treasurer") == [("treasurer", TREASURER)]
    with pytest.raises(Fault, match="divided already"):
        harvest.divide(one)
    assert len(office.messages("receipt")) == 4


def test_of_two_who_divide_it_at_once_one_does(harvest: Harvest) -> None:
    one = harvest.waiting(1_000, 2_000, 500)
    harvest.paid_with(one, on_suspense(harvest.office, 3_500, PAYS))

    def attempt() -> str:
        try:
            return harvest.divide(one).state.value
        except Fault:
            return "refused"

    assert sorted(at_once(3, attempt)) == ["posted", "refused", "refused"]  # type: ignore[type-var]
    assert len(harvest.office.messages("receipt")) == 4


@ON_SQLITE
def test_who_dies_in_the_middle_leaves_nothing_done(harvest: Harvest, monkeypatch: pytest.MonkeyPatch) -> None:
    one = harvest.waiting(1_000, 2_000, 500)
    harvest.paid_with(one, on_suspense(harvest.office, 3_500, PAYS))
    before, told = harvest.left(), len(harvest.office.messages())

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("died")

    with monkeypatch.context() as dying:
        dying.setattr(dividing, "write_decision", die)
        with pytest.raises(RuntimeError):
            harvest.divide(one)
    assert (harvest.left(), len(harvest.office.messages()), harvest.state(one)) == (before, told, State.WAITING)
    assert harvest.divide(one).state is State.POSTED


@ON_SQLITE
def test_what_pays_a_list_is_nobody_elses_meanwhile(harvest: Harvest) -> None:
    office = harvest.office
    one, other = harvest.waiting(1_000, 2_000, 500), harvest.waiting(3_000, 400, 100, label="Coton")
    came = on_suspense(office, 3_500, PAYS)
    harvest.paid_with(one, came)
    with pytest.raises(Fault, match="whose this money is"):
        harvest.paid_with(other, came)
    with office.store.write() as unit:
        given = assign_to_group(unit, harvest.tree, office.chart, came, harvest.group, "Bio Sarre", "it is theirs")
    assert given == NotAssigned("pending")
    with office.store.read() as connection:
        [part] = deduction_lists.parts_of(connection, one)
    harvest.write(deductions.remove_part, one.id, part.id)
    harvest.paid_with(other, came)
    assert harvest.divide(other).state is State.POSTED


# What differs


def test_less_came_than_the_list_says_and_the_rest_comes_later(harvest: Harvest) -> None:
    office, before = harvest.office, harvest.left()
    one = harvest.waiting(1_000, 2_000, 500)
    harvest.paid_with(one, on_suspense(office, 1_700, PAYS))
    with pytest.raises(Fault, match="is missing: wait for the rest"):
        harvest.divide(one)
    assert harvest.left() == before
    harvest.paid_with(one, on_suspense(office, 1_800, PAYS))
    harvest.divide(one)
    assert [a - b for a, b in zip(before, harvest.left(), strict=True)] == [1_000, 2_000, 500]
    assert "suspense" not in office.balance()
    # Whose share lies across both payments has a receipt of each; the others have one.
    assert len([row for row in office.messages("receipt") if row.msisdn != PAYS]) == 4


def test_more_came_and_the_rest_goes_on_the_groups_account_and_pays_the_next_list(harvest: Harvest) -> None:
    office = harvest.office
    one = harvest.waiting(1_000, 2_000, 500)
    harvest.paid_with(one, on_suspense(office, 4_000, PAYS))
    with pytest.raises(Fault, match="is too much"):
        harvest.divide(one)
    harvest.divide(one, rest_to_group=True)
    assert harvest.account() == 500
    assert "suspense" not in office.balance()
    before = harvest.left()
    two = harvest.waiting(300, 400, 0, label="Coton 2026")
    assert harvest.write(deductions.add_from_account, harvest.tree, two.id, "Bio Sarre") == francs(500)
    harvest.paid_with(two, on_suspense(office, 200, PAYS))
    harvest.divide(two)
    assert harvest.account() == 0
    assert [a - b for a, b in zip(before, harvest.left(), strict=True)] == [300, 400, 0]
    assert office.balance()["wallet"] == 4_200


@ON_SQLITE
def test_a_corrected_list_takes_the_place_of_the_first(harvest: Harvest) -> None:
    one = harvest.waiting(1_000, 2_000, 500)
    harvest.paid_with(one, on_suspense(harvest.office, 3_600, PAYS))
    new = harvest.accept(harvest.hand_in(harvest.file(1_000, 2_000, 600), replaces_id=one.id))
    assert (harvest.state(one), harvest.state(new)) == (State.WITHDRAWN, State.WAITING)
    assert harvest.divide(new).state is State.POSTED
    with pytest.raises(Fault, match="was divided already"):
        harvest.accept(harvest.hand_in(harvest.file(1, 2, 3), "again", replaces_id=new.id))
    with pytest.raises(Fault, match="divided already"):
        harvest.write(deductions.withdraw, new.id, "Bio Sarre", "too late")


@ON_SQLITE
def test_a_large_payment_takes_two_people(harvest: Harvest) -> None:
    office, large = harvest.office, largest_alone("XOF").minor + 1
    one = harvest.waiting(large - 1_000, 1_000)
    harvest.paid_with(one, on_suspense(office, large, PAYS))
    assert harvest.divide(one).state is State.PROPOSED
    assert office.balance()["suspense"] == -large
    with pytest.raises(Fault, match="another person"):
        harvest.write(dividing.approve, harvest.tree, office.chart, one.id, "sarre BIO")
    harvest.write(dividing.refuse, one.id, "Rafiou Gounou")
    assert harvest.divide(one).state is State.PROPOSED
    harvest.write(dividing.approve, harvest.tree, office.chart, one.id, "Rafiou Gounou")
    assert harvest.state(one) is State.POSTED
    assert "suspense" not in office.balance()


# By itself


def test_a_payment_that_names_the_list_and_is_its_sum_is_divided_by_itself_once(harvest: Harvest) -> None:
    one = harvest.waiting(1_000, 2_000, 500)
    on_suspense(harvest.office, 3_500, PAYS)  # no reference: a person says what it is
    on_suspense(harvest.office, 3_400, PAYS, reference=f"cafe {one.number}")
    harvest.match()
    assert harvest.state(one) is State.WAITING
    on_suspense(harvest.office, 3_500, PAYS, reference=f"cafe {one.number}")
    at_once(3, harvest.match)
    assert harvest.state(one) is State.POSTED
    with harvest.office.store.read() as connection:
        states = connection.scalars(select(incoming.c.state).order_by(incoming.c.id)).all()
    assert states == ["suspense", "suspense", "posted"]
    assert len(harvest.office.messages("receipt")) == 4


@ON_SQLITE
def test_the_groups_phone_is_asked_and_the_list_divides_what_it_pays(harvest: Harvest) -> None:
    office, before = harvest.office, harvest.left()
    one = harvest.waiting(1_000, 2_000, 500)
    office.confirm(asked(office, harvest.group, 3_500))
    assert harvest.state(one) is State.POSTED
    assert [a - b for a, b in zip(before, harvest.left(), strict=True)] == [1_000, 2_000, 500]
    two = harvest.waiting(100, 200, 50, label="Coton")
    office.clock.move(timedelta(days=1))
    office.confirm(asked(office, harvest.group, 400))  # not its sum: nobody guesses
    assert harvest.state(two) is State.WAITING
    assert office.balance()["suspense"] == -400


# Cash, and back again


def test_cash_goes_on_the_groups_account_and_from_there_by_the_list(harvest: Harvest) -> None:
    office, before = harvest.office, harvest.left()

    def cash(amount: int, key: str) -> Any:
        return harvest.write(
            group_account.record_group_cash, harvest.tree, office.chart, effect_key=key, group=harvest.group,
            who=office.treasurer, amount=francs(amount),
        )  # fmt: skip

    wrong = cash(9_000, "a")
    with pytest.raises(Fault, match="another person"):
        harvest.write(group_account.correct_group_cash, harvest.tree, harvest.group, wrong.id, "Bio Sarre", "a slip")
    harvest.write(group_account.correct_group_cash, harvest.tree, harvest.group, wrong.id, "Rafiou Gounou", "a slip")
    with pytest.raises(Fault, match="no such cash"):
        harvest.write(group_account.correct_group_cash, harvest.tree, harvest.group, wrong.id, "Rafiou Gounou", "x")
    assert harvest.account() == 0
    right = cash(3_500, "b")
    assert (harvest.account(), office.balance()["cash"]) == (3_500, 3_500)
    one = harvest.waiting(1_000, 2_000, 500)
    harvest.write(deductions.add_from_account, harvest.tree, one.id, "Bio Sarre")
    harvest.divide(one)
    assert harvest.account() == 0
    assert [a - b for a, b in zip(before, harvest.left(), strict=True)] == [1_000, 2_000, 500]
    assert office.balance()["cash"] == 3_500
    with pytest.raises(Fault, match="divided among households since"):
        harvest.write(group_account.correct_group_cash, harvest.tree, harvest.group, right.id, "Rafiou Gounou", "x")


def test_what_the_operator_takes_back_leaves_the_groups_account_too(harvest: Harvest) -> None:
    office, before = harvest.office, harvest.left()
    one = harvest.waiting(1_000, 2_000, 500)
    harvest.paid_with(one, on_suspense(office, 4_000, PAYS))
    harvest.divide(one, rest_to_group=True)
    with office.store.write() as unit:
        [its_id] = deduction_lists.collections_of_list(unit.connection, one.id)
        whole = by_id(unit.connection, its_id)
        assert whole is not None
        assert reverse(unit, harvest.tree, whole.key, "the operator")
    assert harvest.left() == before
    assert harvest.account() == 0
    assert "wallet" not in office.balance()
    with office.store.read() as connection:
        today = takings(connection, harvest.tree, office.place.books.id, date(2026, 11, 22)).rows
    assert sum(amount.minor for *_, amount in today) == -4_000
    with office.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(group_movement)) == 2


def test_the_graph_has_no_dead_end() -> None:
    assert set(EDGES) == set(State)
    assert {state for state in State if not EDGES[state]} == {State.POSTED, State.WITHDRAWN}
