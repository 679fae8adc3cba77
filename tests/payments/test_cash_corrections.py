"""Cash that was recorded by mistake is taken back by a new entry, by another person, wherever it has gone meanwhile."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.membership.rules import State as Cover
from gateway.network.staff import Member
from gateway.payments.cash import decide, hand_over, same_lately
from gateway.payments.cash_corrections import CashCorrected, NotCorrected, cash_receipt, correct_cash
from gateway.payments.collections import story
from gateway.payments.receipts import check_receipt, receipt_number
from gateway.payments.refunds import ask_refund
from gateway.payments.states import State
from gateway.payments.takings import AlreadyClosed, Closed, close_day, collected_by, takings, to_close
from gateway.sms import notices
from gateway.sms.gsm7 import parts
from gateway.store.schema import collection
from tests.payments.commands import on_database_of
from tests.payments.deeds import in_hand, newest_key
from tests.payments.village import (
    ANIMATOR,
    FIRST_DUE,
    ON_SQLITE,
    PAYER,
    TREASURER,
    YEAR_DUE,
    Village,
    at_once,
    found,
    francs,
)

OFFICE = "Fati Bawa"
SECOND_TREASURER = "+2290100000903"


@pytest.fixture
def animator(office: Village) -> Member:
    return office.hire("animator")


def gave(office: Village, home: int, who: Member, amount: int = 1_500) -> str:
    office.give(home, who, amount)
    return newest_key(office)


def corrected(
    office: Village,
    key: str,
    by: str = OFFICE,
    reason: str = "the wrong family",
    treasurer: Member | None = None,
) -> CashCorrected | NotCorrected:
    with office.store.write() as unit:
        return correct_cash(unit, office.network.tree(), office.chart, key, by, reason, treasurer)


def handed(office: Village, who: Member, received: bool | None = None) -> None:
    """Hand all over; and what the treasurer says of it."""
    with office.store.write() as unit:
        [one] = hand_over(unit, office.network.tree(), who)
    if received is not None:
        with office.store.write() as unit:
            decide(unit, office.network.tree(), office.chart, one.id, office.treasurer, received)


def rows(office: Village, closing: bool = False) -> list[tuple[str, int, int]]:
    """What stands in today's takings, or in the next closing."""
    with office.store.read() as connection:
        today = office.clock.now().date()
        read = to_close if closing else takings
        found = read(connection, office.network.tree(), office.place.books.id, today)
    return [(way, count, amount.minor) for way, count, amount in found.rows]


def test_a_treasurers_mistake_is_taken_out_of_the_box(office: Village, home: int) -> None:
    key = gave(office, home, office.treasurer, FIRST_DUE)
    assert office.stands(home).cover.state is Cover.WAITING
    office.clock.move(timedelta(minutes=1))
    done = corrected(office, key)
    assert isinstance(done, CashCorrected)
    assert (done.amount, done.card) == (francs(FIRST_DUE), office.family(home).card)
    assert office.balance() == {"receivable": YEAR_DUE, "income": -YEAR_DUE}
    assert office.entries() == [("2026-11-22", f"collection:{key}"), ("2026-11-22", f"correction:{key}")]
    assert office.stands(home).cover.state is Cover.UNPAID
    assert office.shown(key).state is State.REVERSED
    with office.store.read() as connection:
        last = story(connection, office.shown(key).id)[-1]
    assert (last.after, last.reason, last.said) == ("reversed", "corrected", f"{OFFICE}: the wrong family")
    assert corrected(office, key) == NotCorrected("gone")


@ON_SQLITE
def test_a_number_names_its_own_receipt_alone_or_with_the_code_that_was_drawn_for_it(
    office: Village, home: int, animator: Member
) -> None:
    code = office.give(home, animator, 1_000).code
    short = str(int(receipt_number(1)))
    later = int(short + "0000")  # its number begins with the first one's, and five digits follow
    with office.store.write() as unit:
        one = unit.connection.execute(select(collection)).one()._asdict()
        last = {"id": later, "key": "the one before", "effect_key": "the one before", "state": "created"}
        unit.connection.execute(insert(collection).values({**one, **last}))
    office.give(home, animator, 2_000)
    tree = office.network.tree()
    with office.store.read() as connection:

        def named(typed: str) -> Money | None:
            found = cash_receipt(connection, tree, typed)
            return found.amount if found else None

        assert [named(receipt_number(1)), named(receipt_number(later + 1))] == [francs(1_000), francs(2_000)]
        assert named(f"{receipt_number(1)}-{code}") == francs(1_000)
        assert named(f"{receipt_number(1)}-{(int(code) + 1) % 100_000:05d}") is None
    assert corrected(office, receipt_number(later + 1)) == CashCorrected(
        receipt_number(later + 1), francs(2_000), office.family(home).card, office.family(home).head
    )


def test_the_member_the_treasurer_and_the_recorder_are_told(office: Village, home: int, animator: Member) -> None:
    key = gave(office, home, animator)
    corrected(office, key)
    assert office.told("corrected") == [("corrected", PAYER), ("corrected", TREASURER), ("corrected", ANIMATOR)]
    member, treasurer, recorder = (row.text for row in office.messages("corrected"))
    one = office.shown(key)
    with office.store.read() as connection:
        assert cash_receipt(connection, office.network.tree(), key) is None
        genuine = check_receipt(
            connection, office.network.tree(), receipt_number(office.shown(key).id), one.receipt_code or ""
        )
    assert genuine is not None
    assert genuine.reversed
    assert f"{genuine.number}-{one.receipt_code}" in member
    assert "1 500 F" in member
    assert OFFICE not in member
    assert OFFICE in treasurer
    assert treasurer == recorder


def test_what_was_paid_beyond_the_due_is_taken_back_as_it_was_booked(office: Village, home: int) -> None:
    key = gave(office, home, office.treasurer, YEAR_DUE + 400)
    corrected(office, key)
    assert office.balance() == {"receivable": YEAR_DUE, "income": -YEAR_DUE}


# Wherever the cash has gone


def test_in_the_animators_hands(office: Village, home: int, animator: Member) -> None:
    wrong, right = gave(office, home, animator, 1_500), gave(office, home, animator, 300)
    assert isinstance(corrected(office, wrong), CashCorrected)
    assert in_hand(office, animator) == [francs(300)]
    assert office.balance()["collectors"] == 300
    handed(office, animator, True)
    assert office.balance() | {"receivable": 0, "income": 0} == {"cash": 300, "receivable": 0, "income": 0}
    assert office.shown(right).state is State.PAID
    with office.store.read() as connection:
        today = collected_by(connection, animator.id, office.clock.now().date())
    assert (len(today.payments), today.totals) == (1, (francs(300),))


def test_on_its_way_to_the_treasurer_it_waits_for_their_word(office: Village, home: int, animator: Member) -> None:
    key = gave(office, home, animator)
    handed(office, animator)
    assert corrected(office, key) == NotCorrected("handover")
    with office.store.write() as unit:
        decide(unit, office.network.tree(), office.chart, 1, office.treasurer, False)
    assert in_hand(office, animator) == [francs(1_500)]
    assert isinstance(corrected(office, key), CashCorrected)
    assert in_hand(office, animator) == []
    assert "collectors" not in office.balance()


def test_in_the_treasurers_box(office: Village, home: int, animator: Member) -> None:
    key, other = gave(office, home, animator, 1_500), office.register("+2290100000333").household_id
    handed(office, animator, True)
    assert isinstance(corrected(office, key), CashCorrected)
    assert "cash" not in office.balance()
    assert "collectors" not in office.balance()
    office.give(other, office.treasurer, 1_500)  # it was theirs
    assert office.balance()["cash"] == 1_500


def test_after_the_day_was_closed_it_stands_in_today_s_takings(office: Village, home: int, animator: Member) -> None:
    key = gave(office, home, animator, 1_500)
    handed(office, animator, True)
    with office.store.write() as unit:
        first = close_day(unit, office.network.tree(), office.treasurer, office.place.books.id)
    assert isinstance(first, Closed)
    office.clock.move(timedelta(days=1))
    corrected(office, key)
    assert rows(office) == rows(office, closing=True) == [("reversed", 1, -1_500)]
    with office.store.read() as connection:
        before = takings(connection, office.network.tree(), office.place.books.id, first.day)
    assert before == first.takings
    with office.store.write() as unit:
        second = close_day(unit, office.network.tree(), office.treasurer, office.place.books.id)
    assert isinstance(second, Closed)
    assert second.takings.totals == (francs(-1_500),)
    with office.store.write() as unit:
        again = close_day(unit, office.network.tree(), office.treasurer, office.place.books.id)
    assert isinstance(again, AlreadyClosed)
    assert rows(office, closing=True) == []


def test_what_is_being_handed_over_at_this_moment_is_handed_over_first(
    office: Village, home: int, animator: Member
) -> None:
    key = gave(office, home, animator, 1_500)
    with ThreadPoolExecutor(1) as another:
        with office.store.write() as unit:
            hand_over(unit, office.network.tree(), animator)
            answer = another.submit(lambda: corrected(office, key))
            with pytest.raises(TimeoutError):
                answer.result(0.3)  # it waits for the staff's row
        assert answer.result(10) == NotCorrected("handover")
    with office.store.write() as unit:
        decide(unit, office.network.tree(), office.chart, 1, office.treasurer, True)
    assert office.balance()["cash"] == 1_500
    assert "collectors" not in office.balance()


# Two people


def test_whoever_recorded_it_does_not_correct_it_alone(office: Village, home: int, animator: Member) -> None:
    key = gave(office, home, animator)
    assert corrected(office, key, " dafia ISSIFOU") == NotCorrected("own")
    assert corrected(office, key, " ") == corrected(office, key, reason=" ") == NotCorrected("no-reason")
    both = office.hire("treasurer", ANIMATOR)  # the same phone, as a treasurer
    assert corrected(office, key, both.name, treasurer=both) == NotCorrected("own")
    assert isinstance(corrected(office, key, office.treasurer.name, treasurer=office.treasurer), CashCorrected)
    own = gave(office, home, office.treasurer)
    assert corrected(office, own, office.treasurer.name, treasurer=office.treasurer) == NotCorrected("own")
    second = office.hire("treasurer", SECOND_TREASURER, name="Zinatou Orou")
    assert isinstance(corrected(office, own, second.name, treasurer=second), CashCorrected)


def test_another_offices_treasurer_does_not_correct_it(office: Village, home: int, animator: Member) -> None:
    key = gave(office, home, animator)
    elsewhere = found(office.store, office.network, code="n", treasurer="+2290100000905").books
    stranger = office.holder("+2290100000905")
    assert stranger.organisation_id == elsewhere.id
    assert corrected(office, key, stranger.name, treasurer=stranger) == NotCorrected("wrong-office")
    assert corrected(office, key, animator.name, treasurer=animator) == NotCorrected("wrong-office")


# What is no such cash


def test_only_cash_that_counts_is_corrected(office: Village, home: int) -> None:
    assert corrected(office, office.push(home, 1_000)) == NotCorrected("gone")
    assert corrected(office, "no-such-key") == corrected(office, "000000") == NotCorrected("gone")


def test_what_was_given_back_is_not_corrected_too(office: Village, home: int) -> None:
    key = gave(office, home, office.treasurer)
    with office.store.write() as unit:
        ask_refund(unit, office.network.tree(), collection_key=key, amount=francs(100), reason="x", by=OFFICE)
    assert corrected(office, key) == NotCorrected("refund")
    assert office.balance()["cash"] == 1_500


def test_of_many_who_correct_at_once_one_does(office: Village, home: int) -> None:
    key = gave(office, home, office.treasurer)
    answers = at_once(4, lambda: corrected(office, key))
    assert sorted(type(one).__name__ for one in answers) == ["CashCorrected"] + ["NotCorrected"] * 3
    assert "cash" not in office.balance()


@ON_SQLITE
def test_what_was_corrected_can_be_recorded_anew_at_once(office: Village, home: int, animator: Member) -> None:
    key = gave(office, home, animator)
    for known in (True, False):
        with office.store.write() as unit:
            assert (same_lately(unit, animator, home, francs(1_500)) is not None) == known
        corrected(office, key)


# Words


@pytest.mark.parametrize("language", ["fr", "en", "sw", "rn"])
def test_the_texts_are_one_part(language: str) -> None:
    say, most = Say(language), Money(10**11, "CDF")
    number, card, name = "1234567890123-48213", "123456789", "Marie-Madeleine Habonimana Ntahombaye de Bujumbura"
    assert parts(notices.cash_corrected(say, number, most, card)) == 1
    assert parts(notices.cash_corrected_by(say, number, most, card, name)) == 1


@ON_SQLITE
def test_the_command(office: Village, home: int, animator: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    run = on_database_of(office, monkeypatch)
    key = gave(office, home, animator)
    with pytest.raises(Fault, match="can't correct it alone"):
        run("collections", "correct", key, "--by", animator.name, "--reason", "x")
    number = receipt_number(office.shown(key).id)
    said = run("collections", "correct", number, "--by", OFFICE, "--reason", "twice")
    assert f"receipt {number} no longer counts: 1,500 F in cash" in said
    with pytest.raises(Fault, match="no cash that counts"):
        run("collections", "correct", key, "--by", OFFICE, "--reason", "twice")
    [one] = json.loads(run("report", "decisions", "--month", "2026-11", "--json"))["decisions"]
    assert (one["by"], one["what"], one["count"]) == (OFFICE, "cash-corrected", 1)
    assert one["amounts"] == [{"amount_minor": 1_500, "currency": "XOF"}]
