"""Every choice makes exactly its entry, once; undoing it restores the books; it takes two people where it is much."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.ledger.closing import Closed, close_month
from gateway.ledger.registers import closed_months, trial_balance
from gateway.payments.collections import by_key, move
from gateway.payments.receipts import receipt_number
from gateway.payments.reconciliation.differences.choices import CHOICES
from gateway.payments.reconciliation.differences.deals import NotSettled
from gateway.payments.reconciliation.differences.doing import DEEDS
from gateway.payments.reconciliation.differences.found import due_again
from gateway.payments.reconciliation.differences.settling import Asked, Settled, came_after_all, drop
from gateway.payments.refunds import Refund, ask_refund, refunds
from gateway.payments.refunds import approve as approve_refund
from gateway.payments.refunds import paid as refund_paid
from gateway.payments.states import State
from gateway.payments.unasked.assigning import assign, drop_assignment, waiting
from gateway.payments.unasked.incoming import Posted
from gateway.store.schema import incoming
from tests.payments.deeds import YESTERDAY, asked, cases_of, group_of, kinds, newest_key, three_families, told
from tests.payments.reconciliation.differing import (
    LARGE,
    ONE,
    OTHER,
    agree,
    choose,
    entry_count,
    find,
    left_the_wallet,
    lines_of,
    missing,
    not_settled,
    payment,
    settled,
    shown,
    state_of,
    steps,
    take_up,
    unknown,
)
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, TREASURER, Village, at_once, francs

Find = Callable[[Village, int], str]


def other_amount(theirs: int) -> Find:
    def do(office: Village, home: int) -> str:
        return find(office, "amount", theirs=theirs, ours=1_500, collection_id=payment(office, home))

    return do


def twice(theirs: int, ours: int) -> Find:
    def do(office: Village, home: int) -> str:
        return find(office, "twice", theirs=theirs, ours=ours, collection_id=payment(office, home))

    return do


def taken(office: Village, home: int) -> str:
    return find(office, "reversed", theirs=1_500, collection_id=payment(office, home))


def fee(theirs: int) -> Find:
    return lambda office, _: find(office, "fee", theirs=theirs, ours=20)


# Every choice that is one entry of its own: how it is found, the entry's lines, debit positive.
ENTRIES: list[tuple[str, str, Find, dict[str, int]]] = [
    ("unknown", "income", lambda office, _: unknown(office), {"suspense": 2_000, "subsidies": -2_000}),
    ("unknown", "transfer", lambda office, _: unknown(office), {"suspense": 2_000, "transfer": -2_000}),
    ("missing", "lost", missing, {"losses": 1_500, "wallet": -1_500}),
    ("amount", "theirs", other_amount(2_000), {"wallet": 500, "receivable": -500}),
    ("amount", "ours", other_amount(2_000), {"wallet": 500, "unexplained": -500}),
    ("amount", "ours", other_amount(1_200), {"unexplained": 300, "wallet": -300}),
    ("twice", "two", twice(1_500, 3_000), {"unexplained": 1_500, "wallet": -1_500}),
    ("reversed", "keep", taken, {"unexplained": 1_500, "wallet": -1_500}),
    ("fee", "theirs", fee(35), {"fees": 15, "wallet": -15}),
    ("fee", "theirs", fee(5), {"fees": -15, "wallet": 15}),
    ("fee", "ours", fee(35), {"unexplained": 15, "wallet": -15}),
    (
        "twice",
        "two",
        lambda office, _: find(office, "twice", theirs=-400, ours=-200),
        {"unexplained": 200, "wallet": -200},
    ),
    (
        "twice",
        "two",
        lambda office, _: find(office, "twice", theirs=-200, ours=-400),
        {"unexplained": -200, "wallet": 200},
    ),
    (
        "amount",
        "ours",
        lambda office, _: find(office, "amount", theirs=-900, ours=-1_000),
        {"wallet": 100, "unexplained": -100},
    ),
    (
        "ambiguous",
        "unknown",
        lambda office, _: find(office, "ambiguous", theirs=-90),
        {"unexplained": 90, "wallet": -90},
    ),
    ("out", "transfer", lambda office, _: left_the_wallet(office), {"transfer": 700, "unexplained": -700}),
    ("out", "fee", lambda office, _: left_the_wallet(office), {"fees": 700, "unexplained": -700}),
    ("out", "expense", lambda office, _: left_the_wallet(office), {"losses": 700, "unexplained": -700}),
]


def test_a_choice_makes_its_entry_and_undone_it_makes_the_counter_entry_as_often_as_one_likes(
    office: Village, home: int
) -> None:
    for kind, choice, found, lines in ENTRIES:
        number = found(office, home)
        before, stood = office.balance(), office.stands(home)
        its_id = shown(office, number).id
        assert settled(office, number, choice) == f"settle:{its_id}:1", (kind, choice)
        assert lines_of(office, f"settle:{its_id}:1") == lines, (kind, choice)
        after = office.balance()
        assert moved(before, after) == lines

        undone = take_up(office, number)
        assert isinstance(undone, Settled), undone
        assert undone.entry_key == f"unsettle:{its_id}:1"
        assert lines_of(office, undone.entry_key) == {role: -amount for role, amount in lines.items()}
        assert office.balance() == before
        assert (office.stands(home).left, office.stands(home).cover) == (stood.left, stood.cover)
        assert shown(office, number).state == "open"

        assert settled(office, number, choice) == f"settle:{its_id}:2"
        assert office.balance() == after
        assert steps(office, number) == ["found", "settled", "undone", "settled"]


def moved(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    by = {role: after.get(role, 0) - before.get(role, 0) for role in {*after, *before}}
    return {role: amount for role, amount in by.items() if amount}


# Choices that post nothing, and what they leave.
NOTHING: list[tuple[str, str, Find, dict[str, Any]]] = [
    ("unknown", "keep", lambda office, _: unknown(office), {}),
    ("missing", "wait", missing, {"until": date(2026, 12, 1)}),
    ("missing", "confirmed", missing, {}),
    ("twice", "one", twice(3_000, 1_500), {}),
    ("twice", "two", twice(1_500, 1_500), {}),
    ("out", "keep", lambda office, _: left_the_wallet(office), {}),
]


def test_a_choice_that_leaves_the_books_as_they_are_posts_nothing(office: Village, home: int) -> None:
    for kind, choice, found, given in NOTHING:
        number = found(office, home)
        entries, before = entry_count(office), office.balance()
        assert settled(office, number, choice, **given) is None, (kind, choice)
        assert (entry_count(office), office.balance()) == (entries, before)
        assert isinstance(take_up(office, number), Settled)
        assert (entry_count(office), shown(office, number).state) == (entries, "open")


def test_every_choice_of_the_table_is_done_somehow() -> None:
    assert set(DEEDS) == {(kind, each.word) for kind, choices in CHOICES.items() for each in choices}


# unknown


def test_a_stranger_s_money_is_assigned_to_a_household_and_back_and_to_another(office: Village, home: int) -> None:
    number = unknown(office)
    before, owed = office.balance(), office.stands(home).left
    other = office.register(NEIGHBOUR, language="en").household_id
    suspended = office.balance()
    key = settled(office, number, "assign", card=office.family(home).card)
    assert lines_of(office, key) == {"suspense": 2_000, "receivable": -2_000}
    assert (owed - office.stands(home).left).minor == 2_000
    assert cases_of(office) == []

    undone = take_up(office, number, reason="the wrong card")
    assert isinstance(undone, Settled)
    assert lines_of(office, undone.entry_key) == {"receivable": 2_000, "suspense": -2_000}
    assert (office.stands(home).left, office.balance()) == (owed, suspended)
    # The stranger who paid read the receipt: they read this too, and so does the family.
    assert {to for _, to in office.told("corrected")} == {to for _, to in office.told("receipt")} | {TREASURER}
    assert before["suspense"] == -2_000

    settled(office, number, "assign", card=office.family(other).card)
    assert office.stands(home).left == owed
    assert (owed - office.stands(other).left).minor == 2_000
    assert "suspense" not in office.balance()


def test_large_money_is_assigned_by_two_and_goes_back_by_two(office: Village, home: int) -> None:
    number = unknown(office, LARGE)
    before = office.balance()
    assert choose(office, number, "assign", card=office.family(home).card) == Asked(number, "assign")
    assert (shown(office, number).state, office.balance()) == ("asked", before)
    assert not_settled(agree(office, number, "sarre BIO")) == "same-person"
    assert isinstance(agree(office, number), Settled)
    assert office.balance()["advance"] == -(LARGE - 12_600)

    assert take_up(office, number) == Asked(number, "undo")
    assert not_settled(agree(office, number, ONE)) == "same-person"
    assert "advance" in office.balance()
    assert isinstance(agree(office, number), Settled)
    assert office.balance() == before
    assert steps(office, number) == ["found", "asked", "settled", "asked", "undone"]


@ON_SQLITE
def test_what_one_said_about_large_money_is_dropped_with_the_assignment(office: Village, home: int) -> None:
    number = unknown(office, LARGE)
    choose(office, number, "assign", card=office.family(home).card)
    with office.store.write() as unit:
        assert drop(unit, number, OTHER, "not theirs") is None
    assert (shown(office, number).state, shown(office, number).card) == ("open", None)
    assert steps(office, number)[-1] == "refused"
    # Nothing of it stands in the way of the next.
    assert choose(office, number, "assign", card=office.family(home).card) == Asked(number, "assign")


@ON_SQLITE
def test_a_card_that_nobody_has_or_that_pays_elsewhere_changes_nothing(office: Village, home: int) -> None:
    number = unknown(office)
    assert not_settled(choose(office, number, "assign")) == "needs"
    assert not_settled(choose(office, number, "assign", card="123456789")) == "card"
    assert not_settled(choose(office, number, "assign", card="100000009")) == "card"
    assert (shown(office, number).state, steps(office, number)) == ("open", ["found"])


@ON_SQLITE
def test_a_refund_is_asked_for_and_undone_while_it_is_not_paid(office: Village, home: int) -> None:
    number = unknown(office)
    settled(office, number, "refund")
    with office.store.read() as connection:
        [asked] = refunds(connection)
    assert (asked.amount, asked.asked_by, asked.id) == (francs(2_000), ONE, shown(office, number).refund_id)
    assert isinstance(take_up(office, number), Settled)
    with office.store.read() as connection:
        assert refunds(connection) == []

    settled(office, number, "refund")
    with office.store.write() as unit:
        [again] = refunds(unit.connection)
        assert isinstance(approve_refund(unit, again.number, OTHER), Refund)
        assert isinstance(refund_paid(unit, office.network.tree(), office.chart, again.number, "PAID123456"), Refund)
    assert not_settled(take_up(office, number)) == "paid"
    assert office.balance().get("wallet", 0) == 0


@ON_SQLITE
def test_money_that_nobody_could_post_is_put_on_suspense_by_the_choice(office: Village) -> None:
    number = find(office, "unknown", theirs=900, operator_id=None, statement_id=None)
    settled(office, number, "keep")
    assert office.balance() == {"wallet": 900, "suspense": -900}
    settled_key = lines_of(office, f"incoming:{shown(office, number).incoming_id}")
    assert settled_key == {"wallet": 900, "suspense": -900}


@ON_SQLITE
def test_what_is_income_can_t_be_assigned_as_well(office: Village, home: int) -> None:
    number = unknown(office)
    its_id = shown(office, number).incoming_id
    settled(office, number, "income")
    with office.store.read() as connection:
        assert connection.scalar(select(incoming.c.state).where(incoming.c.id == its_id)) == "posted"
    take_up(office, number)
    with office.store.read() as connection:
        assert connection.scalar(select(incoming.c.state).where(incoming.c.id == its_id)) == "suspense"


# missing


def test_what_never_came_is_taken_back_and_the_member_told_and_counts_anew_when_it_came_after_all(
    office: Village, home: int
) -> None:
    owed = office.stands(home)
    number = missing(office, home)
    paid, before = office.stands(home), office.balance()
    was = shown(office, number).collection_id or 0
    key = settled(office, number, "reverse")
    assert lines_of(office, key) == {"receivable": 1_500, "wallet": -1_500}
    assert state_of(office, was) == "reversed"
    assert (office.stands(home).left, office.stands(home).cover) == (owed.left, owed.cover)
    assert set(office.told("reversed")) == {("reversed", PAYER), ("reversed", TREASURER)}
    assert kinds(office) == []  # the reversal's own case is decided by the same person

    undone = take_up(office, number, reason="the operator found it")
    assert isinstance(undone, Settled)
    assert lines_of(office, undone.entry_key) == {"wallet": 1_500, "receivable": -1_500}
    assert office.balance() == before
    assert (office.stands(home).left, office.stands(home).cover) == (paid.left, paid.cover)
    assert len(office.told("receipt")) == 2

    # The difference is about the new payment now.
    assert shown(office, number).collection_id != was
    settled(office, number, "reverse")
    assert office.stands(home).left == owed.left


@ON_SQLITE
def test_what_the_mutuelle_bears_stays_the_household_s(office: Village, home: int) -> None:
    number = missing(office, home)
    paid = office.stands(home)
    settled(office, number, "lost")
    assert (office.stands(home).left, office.told("reversed")) == (paid.left, [])


@ON_SQLITE
def test_money_on_suspense_that_never_came_leaves_it(office: Village) -> None:
    came = shown(office, unknown(office))
    number = find(office, "missing", ours=2_000, incoming_id=came.incoming_id, operator_id=came.operator_id, line=None)
    before = office.balance()
    assert not_settled(choose(office, number, "lost")) == "unidentified"
    assert lines_of(office, settled(office, number, "reverse")) == {"wallet": -2_000, "suspense": 2_000}
    assert office.balance() == {}
    assert isinstance(take_up(office, number), Settled)
    assert office.balance() == before


@ON_SQLITE
def test_a_group_s_payment_that_never_came_is_taken_back_whole(office: Village) -> None:
    homes = three_families(office)
    key = asked(office, group_of(office, homes), 8_700)
    office.confirm(key, YESTERDAY)
    number = find(office, "missing", ours=8_700, collection_id=office.shown(key).id, line=None)
    assert not_settled(choose(office, number, "lost")) == "group"
    assert settled(office, number, "reverse") is None
    assert "wallet" not in office.balance()
    assert not_settled(take_up(office, number)) == "group"
    with office.store.write() as unit:
        assert not came_after_all(unit, office.network.tree(), office.chart, number, "a later statement has it")
    assert kinds(office) == ["conflict"]


@ON_SQLITE
def test_cash_is_no_matter_of_a_statement(office: Village, home: int) -> None:
    office.give(home, office.treasurer, 1_500)
    number = find(office, "missing", ours=1_500, collection_id=office.shown(newest_key(office)).id, line=None)
    assert not_settled(choose(office, number, "reverse")) == "cash"


@ON_SQLITE
def test_what_is_waited_for_is_due_again(office: Village, home: int) -> None:
    number = missing(office, home)
    assert not_settled(choose(office, number, "wait")) == "needs"
    assert not_settled(choose(office, number, "wait", until=date(2026, 11, 22))) == "needs"
    settled(office, number, "wait", until=date(2026, 12, 1))
    one = shown(office, number)
    for today, again in ((date(2026, 11, 30), 0), (date(2026, 12, 1), 1), (date(2026, 12, 2), 0)):
        with office.store.write() as unit:
            assert due_again(unit, one.wallet_id, today) == again
    assert (shown(office, number).state, shown(office, number).ours) == ("open", francs(1_500))


# amount, twice, reversed


@ON_SQLITE
def test_what_is_more_than_the_household_owes_is_its_advance(office: Village, home: int) -> None:
    number = other_amount(13_000)(office, home)
    expected = {"wallet": 11_500, "receivable": -11_100, "advance": -400}
    assert lines_of(office, settled(office, number, "theirs")) == expected
    assert office.stands(home).left == francs(0)
    take_up(office, number)
    assert (office.stands(home).left, "advance" in office.balance()) == (francs(11_100), False)


@ON_SQLITE
def test_what_is_less_than_we_thought_is_taken_back_in_part(office: Village, home: int) -> None:
    number = other_amount(1_200)(office, home)
    left, before = office.stands(home).left, office.balance()
    key = settled(office, number, "theirs")
    assert lines_of(office, key) == {"receivable": 300, "wallet": -300}
    assert (office.stands(home).left - left).minor == 300
    assert "300" in office.messages("reversed")[0].text
    assert isinstance(take_up(office, number), Settled)
    assert (office.balance(), office.stands(home).left) == (before, left)


@ON_SQLITE
def test_the_family_reads_that_more_counts_and_that_it_does_not(office: Village, home: int) -> None:
    number = other_amount(2_000)(office, home)
    settled(office, number, "theirs")
    take_up(office, number)
    texts = {row.msisdn: row.text for row in office.messages("corrected") if row.msisdn == TREASURER}
    assert len(office.messages("corrected")) == 4
    assert "500" in texts[TREASURER]


@ON_SQLITE
def test_a_number_that_only_one_line_has_and_two_payments_of_ours_loses_one_of_them(office: Village, home: int) -> None:
    number = twice(1_500, 3_000)(office, home)
    owed = office.stands(home).left
    assert lines_of(office, settled(office, number, "one")) == {"receivable": 1_500, "wallet": -1_500}
    assert (office.stands(home).left - owed).minor == 1_500


@ON_SQLITE
def test_a_second_payment_of_one_number_waits_to_be_identified(office: Village, home: int) -> None:
    number = twice(3_000, 1_500)(office, home)
    before = office.balance()
    assert settled(office, number, "two") is None
    assert (office.balance()["suspense"], kinds(office)) == (-1_500, ["unknown-payer"])
    assert ("to_identify", TREASURER) in office.told()
    assert isinstance(take_up(office, number), Settled)
    assert (office.balance(), kinds(office)) == (before, [])
    settled(office, number, "two")
    assert office.balance()["suspense"] == -1_500


@ON_SQLITE
def test_what_the_operator_took_back_is_found_by_its_number(office: Village, home: int) -> None:
    seen = told(office, 1_500, office.family(home).card)
    owed = office.stands(home).left
    assert isinstance(office.see(seen), Posted)
    number = find(office, "reversed", theirs=1_500, operator_id=seen.operator_id)
    settled(office, number, "reverse")
    assert office.stands(home).left == owed
    assert not_settled(take_up(office, number)) == "reversed"


@ON_SQLITE
def test_what_names_nothing_of_ours_is_named_by_a_person(office: Village, home: int) -> None:
    number = find(office, "reversed", theirs=1_500, operator_id="R-1")
    assert not_settled(choose(office, number, "reverse")) == "needs"
    assert settled(office, number, "reverse", receipt=receipt_number(payment(office, home))) is not None
    assert office.balance().get("wallet", 0) == 0


@ON_SQLITE
def test_what_is_given_back_is_not_taken_back_as_well(office: Village, home: int) -> None:
    number = missing(office, home)
    with office.store.write() as unit:
        asked_for = ask_refund(unit, office.network.tree(), collection_key=newest_key(office), amount=francs(700),
                               reason="too much", by=ONE)  # fmt: skip
        assert isinstance(asked_for, Refund)
    assert not_settled(choose(office, number, "reverse")) == "busy"
    assert steps(office, number) == ["found"]


@ON_SQLITE
def test_an_assignment_that_was_said_anew_elsewhere_is_not_approved_here(office: Village, home: int) -> None:
    number, other = unknown(office, LARGE), office.register(NEIGHBOUR, language="en").household_id
    its_id = shown(office, number).incoming_id or 0
    choose(office, number, "assign", card=office.family(home).card)
    with office.store.write() as unit:
        drop_assignment(unit, its_id, OTHER, "not theirs")
        assign(unit, office.network.tree(), office.chart, its_id, office.family(other), OTHER, "the neighbours'")
    assert not_settled(agree(office, number, "Awa Sabi")) == "gone"
    assert (office.balance()["suspense"], shown(office, number).state) == (-LARGE, "asked")
    with office.store.write() as unit:
        assert drop(unit, number, ONE, "said elsewhere") is None
        assert [each.asked_by for each in waiting(unit.connection)] == [OTHER]


# out, ambiguous


@ON_SQLITE
def test_what_left_was_a_refund(office: Village, home: int) -> None:
    paid = office.shown(office.push(home, 1_500, YESTERDAY))
    with office.store.write() as unit:
        asked = ask_refund(unit, office.network.tree(), collection_key=paid.key, amount=francs(700), reason="too much",
                           by=ONE)  # fmt: skip
        assert isinstance(asked, Refund)
    number = left_the_wallet(office)
    assert not_settled(choose(office, number, "refund", refund=asked.number)) == "refund"
    assert shown(office, number).refund_id is None
    with office.store.write() as unit:
        approve_refund(unit, asked.number, OTHER)
    settled(office, number, "refund", refund=asked.number)
    assert office.balance().get("unexplained", 0) == 0
    assert office.balance()["wallet"] == 800
    assert ("refund", PAYER) in office.told()
    assert not_settled(take_up(office, number)) == "paid"


@ON_SQLITE
def test_a_refund_that_was_recorded_already_leaves_the_wallet_once_and_that_can_be_undone(
    office: Village, home: int
) -> None:
    paid = office.shown(office.push(home, 1_500, YESTERDAY))
    number = left_the_wallet(office)
    with office.store.write() as unit:
        asked = ask_refund(unit, office.network.tree(), collection_key=paid.key, amount=francs(700), reason="too much",
                           by=ONE)  # fmt: skip
        assert isinstance(asked, Refund)
        approve_refund(unit, asked.number, OTHER)
        refund_paid(unit, office.network.tree(), office.chart, asked.number, "PAID123456")
    before = office.balance()
    assert lines_of(office, settled(office, number, "refund", refund=asked.number)) == {
        "wallet": 700, "unexplained": -700,
    }  # fmt: skip
    assert isinstance(take_up(office, number), Settled)
    assert (office.balance(), shown(office, number).refund_id) == (before, None)


def test_a_person_names_the_payment_that_a_line_is(office: Village, home: int) -> None:
    wish = office.shown(office.pay(home, 1_500))
    number = find(office, "ambiguous", theirs=1_500)
    assert not_settled(choose(office, number, "match")) == "needs"
    assert not_settled(choose(office, number, "match", receipt="no such key")) == "receipt"
    owed = office.stands(home).left
    with office.store.write() as unit:
        one = by_key(unit.connection, wish.key, lock=True)
        assert one is not None
        move(unit, one, State.EXPIRED, "no_answer")
    assert settled(office, number, "match", receipt=wish.key) == f"collection:{wish.key}"
    assert (owed - office.stands(home).left).minor == 1_500
    assert office.shown(wish.key).operator_id == shown(office, number).operator_id
    assert not_settled(take_up(office, number)) == "later"


@ON_SQLITE
def test_a_line_of_a_payment_that_counts_already_posts_nothing(office: Village, home: int) -> None:
    key = office.push(home, 1_500, YESTERDAY)
    number, before = find(office, "ambiguous", theirs=1_500), office.balance()
    assert settled(office, number, "match", receipt=key) is None
    assert (shown(office, number).collection_id, office.balance()) == (office.shown(key).id, before)
    assert isinstance(take_up(office, number), Settled)
    assert (shown(office, number).collection_id, office.balance()) == (None, before)


@ON_SQLITE
def test_a_line_that_is_none_of_ours_is_posted_like_any_money_that_we_do_not_know(office: Village) -> None:
    number = find(office, "ambiguous", theirs=1_500)
    settled(office, number, "unknown")
    assert office.balance() == {"wallet": 1_500, "suspense": -1_500}
    take_up(office, number)
    assert office.balance() == {}
    settled(office, number, "unknown")
    assert office.balance() == {"wallet": 1_500, "suspense": -1_500}


# Two people, once


@pytest.mark.parametrize("choice", ["lost", "reverse"])
def test_what_is_much_takes_two_people_to_settle_and_two_to_undo(office: Village, home: int, choice: str) -> None:
    number = missing(office, home, LARGE)
    before = office.balance()
    assert choose(office, number, choice) == Asked(number, choice)
    assert not_settled(choose(office, number, choice, by=OTHER)) == "pending"
    assert not_settled(agree(office, number, "SARRE, Bio")) == "same-person"
    assert office.balance() == before
    assert isinstance(agree(office, number), Settled)
    assert (shown(office, number).asked_by, shown(office, number).settled_by) == (ONE, OTHER)
    assert not_settled(agree(office, number)) == "not-asked"

    assert take_up(office, number) == Asked(number, "undo")
    with office.store.write() as unit:
        assert drop(unit, number, ONE, "it was right") is None
    assert (shown(office, number).state, shown(office, number).settled_by) == ("settled", OTHER)
    take_up(office, number)
    assert isinstance(agree(office, number), Settled)
    assert office.balance() == before


@ON_SQLITE
def test_a_choice_has_a_name_and_a_reason_and_is_one_of_its_kind(office: Village, home: int) -> None:
    number = missing(office, home)
    assert not_settled(choose(office, number, "lost", by=" ")) == "no-reason"
    assert not_settled(choose(office, number, "lost", reason=" ")) == "no-reason"
    assert choose(office, number, "assign") == NotSettled("choice", "wait, confirmed, reverse, lost")
    assert not_settled(choose(office, "000000", "lost")) == "gone"
    assert not_settled(take_up(office, number)) == "open"
    settled(office, number, "lost")
    assert not_settled(choose(office, number, "lost")) == "settled"


def test_many_at_once_settle_once(office: Village, home: int) -> None:
    numbers = [missing(office, home), unknown(office), left_the_wallet(office)]
    for number, choice in zip(numbers, ("lost", "income", "expense"), strict=True):
        before = entry_count(office)
        done = at_once(6, lambda number=number, choice=choice: choose(office, number, choice))
        assert sum(isinstance(each, Settled) for each in done) == 1
        assert {each.why for each in done if isinstance(each, NotSettled)} == {"settled"}
        assert entry_count(office) == before + 1
    undone = at_once(6, lambda: take_up(office, numbers[0]))
    assert sum(isinstance(each, Settled) for each in undone) == 1
    assert office.balance().get("losses", 0) == 700


@ON_SQLITE
def test_what_is_of_a_closed_month_stands_in_the_month_that_is_open(office: Village, home: int) -> None:
    office.clock.move(timedelta(days=10))
    number = missing(office, home)
    tree, books, november = office.network.tree(), office.place.books, date(2026, 11, 1)
    closed = close_month(office.store, tree, books, november, ONE, despite="a test")
    assert isinstance(closed, Closed)
    settled(office, number, "lost")
    with office.store.read() as connection:
        months = closed_months(connection, books.id)
        now = {
            month: {row.role for row in trial_balance(connection, books.id, months, month, last)}
            for month, last in ((november, date(2026, 11, 30)), (date(2026, 12, 1), date(2026, 12, 31)))
        }
    assert ("losses" in now[november], "losses" in now[date(2026, 12, 1)]) == (False, True)


# Whatever people do

# What each choice of these moves, by role.
MODEL: dict[tuple[str, str], dict[str, int]] = {
    ("unknown", "income"): {"suspense": LARGE, "subsidies": -LARGE},
    ("unknown", "transfer"): {"suspense": LARGE, "transfer": -LARGE},
    ("unknown", "keep"): {},
    ("missing", "lost"): {"losses": 1_500, "wallet": -1_500},
    ("missing", "reverse"): {"receivable": 1_500, "wallet": -1_500},
    ("missing", "confirmed"): {},
    ("amount", "theirs"): {"wallet": 500, "receivable": -500},
    ("amount", "ours"): {"wallet": 500, "unexplained": -500},
    ("out", "expense"): {"losses": 700, "unexplained": -700},
    ("out", "keep"): {},
    ("fee", "theirs"): {"fees": 15, "wallet": -15},
    ("fee", "ours"): {"unexplained": 15, "wallet": -15},
}


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_settled_approved_dropped_and_undone_the_books_are_what_the_choices_say(
    office: Village, home: int, seed: int
) -> None:
    dice = random.Random(seed)
    numbers = {
        "unknown": unknown(office, LARGE),
        "missing": missing(office, home),
        "amount": other_amount(2_000)(office, home),
        "out": left_the_wallet(office),
        "fee": fee(35)(office, home),
    }
    begin = Counter(office.balance())
    for _ in range(40):
        kind = dice.choice(list(numbers))
        who = dice.choice((ONE, OTHER))
        match dice.randrange(4):
            case 0:
                choice = dice.choice([word for of, word in MODEL if of == kind])
                choose(office, numbers[kind], choice, by=who)
            case 1:
                agree(office, numbers[kind], who)
            case 2:
                take_up(office, numbers[kind], who)
            case _:
                with office.store.write() as unit:
                    drop(unit, numbers[kind], who, "no")
        expected = Counter(begin)
        for each, number in numbers.items():
            one = shown(office, number)
            if one.settled_at is not None and one.choice is not None:
                expected.update(MODEL[each, one.choice])
        assert office.balance() == {role: amount for role, amount in expected.items() if amount}
