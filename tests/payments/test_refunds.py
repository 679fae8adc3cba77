"""Money is given back by two people, never more than was paid, and is in the books when it was paid out, not before."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.membership.rules import State as Cover
from gateway.payments.collections import by_key, move, newest
from gateway.payments.decisions.cases import open_case, open_cases
from gateway.payments.decisions.deciding import NotSettled, settle_case
from gateway.payments.payers.group_money import shares_of
from gateway.payments.posting import post
from gateway.payments.providers.base import Paid
from gateway.payments.refunds import NoRefund, Refund, approve, ask_refund, drop, paid, refunds
from gateway.payments.reversing import reverse
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.unasked.assigning import assign
from gateway.payments.unasked.suspense import NotAssigned, held
from gateway.payments.unasked.taken_back import LeftToPerson
from gateway.store.schema import refund
from tests.payments.commands import Run, on_database_of
from tests.payments.deeds import STRANGER, cases_of, group_of, on_suspense, taken_back, three_families
from tests.payments.deeds import asked as asked_group
from tests.payments.village import FIRST_DUE, ON_SQLITE, PAYER, TREASURER, YEAR_DUE, Village, at_once, francs

ASKS, APPROVES = "Bio Sarre", "Fati Bawa"


def asked(
    office: Village, key: str, amount: int | Money, by: str = ASKS, reason: str = "paid twice"
) -> Refund | NoRefund:
    money = amount if isinstance(amount, Money) else francs(amount)
    with office.store.write() as unit:
        return ask_refund(unit, office.network.tree(), collection_key=key, amount=money, reason=reason, by=by)


def number_of(one: Refund | NoRefund) -> str:
    assert isinstance(one, Refund), one
    return one.number


def approved(office: Village, number: str, by: str = APPROVES) -> Refund | NoRefund:
    with office.store.write() as unit:
        return approve(unit, number, by)


def paid_out(office: Village, number: str, operator_number: str = "MP26.1234") -> Refund | NoRefund:
    with office.store.write() as unit:
        return paid(unit, office.network.tree(), office.chart, number, operator_number)


def dropped(office: Village, number: str, by: str, reason: str = "a mistake") -> Refund | NoRefund:
    with office.store.write() as unit:
        return drop(unit, number, by, reason)


def given(office: Village, key: str, amount: int) -> Refund:
    number = number_of(asked(office, key, amount))
    approved(office, number)
    done = paid_out(office, number)
    assert isinstance(done, Refund)
    return done


# The way of one refund


def test_two_people_and_then_the_books(office: Village, home: int) -> None:
    key = office.push(home, FIRST_DUE)
    before = office.balance()
    one = asked(office, key, 1_000)
    number = number_of(one)
    assert isinstance(one, Refund)
    assert (one.state, one.asked_by, one.approved_by) == ("asked", ASKS, None)
    assert paid_out(office, number) == NoRefund("gone")
    two = approved(office, number)
    assert isinstance(two, Refund)
    assert (two.state, two.approved_by) == ("approved", APPROVES)
    assert approved(office, number) == NoRefund("gone")
    assert office.balance() == before
    assert office.stands(home).cover.state is Cover.WAITING
    three = paid_out(office, number, "mp26.1234")
    assert isinstance(three, Refund)
    assert (three.state, three.said) == ("paid", "MP261234")
    assert office.balance()["wallet"] == FIRST_DUE - 1_000
    assert office.stands(home).left == francs(YEAR_DUE - FIRST_DUE + 1_000)
    assert office.stands(home).cover.state is Cover.UNPAID
    assert paid_out(office, number) == NoRefund("gone")
    assert office.told("refund") == [("refund", PAYER), ("refund", TREASURER)]
    text = office.messages("refund")[0].text
    assert "1 000 F" in text
    assert "MP261234" in text
    to_treasurer = office.messages("refund")[1]
    assert to_treasurer.parts == 1
    assert all(part in to_treasurer.text for part in ("1 000 F", "MP261234", ASKS, APPROVES))


@pytest.mark.parametrize(
    "by", ["Bio Sarre", "bio sarré", "SARRE Bio", " Bio  Sarre "], ids=["same", "accent", "order", "spaces"]
)
@ON_SQLITE
def test_who_asked_never_approves(office: Village, home: int, by: str) -> None:
    number = number_of(asked(office, office.push(home, 2_000), 2_000))
    assert approved(office, number, by) == NoRefund("same-person")
    assert approved(office, number, " ") == NoRefund("nobody")


def test_the_database_refuses_one_person_alone(office: Village, home: int) -> None:
    number_of(asked(office, office.push(home, 2_000), 2_000))
    with pytest.raises(IntegrityError), office.store.write() as unit:
        unit.connection.execute(refund.update().values(approved_by=ASKS))


def test_a_refund_is_of_the_advance_first(office: Village, home: int) -> None:
    key = office.push(home, YEAR_DUE + 500)
    given(office, key, 700)
    assert "advance" not in office.balance()
    assert office.stands(home).left == francs(200)


@ON_SQLITE
def test_cash_is_given_back_from_the_box(office: Village, home: int) -> None:
    office.give(home, office.treasurer, 2_000)
    with office.store.read() as connection:
        key = newest(connection, 1)[0].key
    given(office, key, 500)
    assert office.balance()["cash"] == 1_500
    assert "wallet" not in office.balance()


# Never more than was paid


def test_never_more_than_was_paid_whatever_is_asked_beside_it(office: Village, home: int) -> None:
    key = office.push(home, 2_000)
    first = number_of(asked(office, key, 1_500))
    assert asked(office, key, 501) == NoRefund("too-much")
    assert asked(office, key, 0) == NoRefund("too-much")
    assert asked(office, key, Money(100, "BIF")) == NoRefund("currency")
    dropped(office, first, ASKS)
    given(office, key, 1_900)
    assert asked(office, key, 101) == NoRefund("too-much")
    given(office, key, 100)
    assert office.stands(home).left == francs(YEAR_DUE)


def test_of_many_who_ask_at_once_no_more_than_was_paid_is_given(office: Village, home: int) -> None:
    key = office.push(home, 2_000)
    answers = at_once(4, lambda: asked(office, key, 1_500))
    assert sorted(type(one).__name__ for one in answers) == ["NoRefund"] * 3 + ["Refund"]


def test_what_the_operator_took_back_meanwhile_is_not_given_too(office: Village, home: int) -> None:
    key = office.push(home, 2_000)
    number = number_of(asked(office, key, 1_500))
    approved(office, number)
    with office.store.write() as unit:
        reverse(unit, office.network.tree(), key, "REVERSED", francs(1_000), "R1")
    assert paid_out(office, number) == NoRefund("too-much")
    assert asked(office, key, 1) == NoRefund("too-much")
    with office.store.write() as unit:
        reverse(unit, office.network.tree(), key, "REVERSED")
    assert paid_out(office, number) == NoRefund("gone")
    assert asked(office, key, 1) == NoRefund("gone")
    assert "wallet" not in office.balance()


@ON_SQLITE
def test_what_was_not_paid_is_not_given_back(office: Village, home: int) -> None:
    assert asked(office, office.pay(home), 100) == NoRefund("gone")
    assert asked(office, "no-such-key", 100) == NoRefund("gone")
    key = office.push(office.register("+2290100000102").household_id, 2_000)
    assert asked(office, key, 100, by=" ") == asked(office, key, 100, reason="") == NoRefund("nobody")
    with pytest.raises(ValueError, match="of a collection or of money"), office.store.write() as unit:
        ask_refund(unit, office.network.tree(), amount=francs(1), reason="x", by="y")


# Its other ends


def test_a_refund_is_dropped_by_who_asked_and_refused_by_another(office: Village, home: int) -> None:
    key = office.push(home, 2_000)
    states = []
    for by in (ASKS, APPROVES):
        number = number_of(asked(office, key, 2_000))
        approved(office, number)
        done = dropped(office, number, by)
        assert isinstance(done, Refund)
        states.append((done.state, done.said))
        assert dropped(office, number, by) == paid_out(office, number) == NoRefund("gone")
    assert states == [("dropped", f"{ASKS}: a mistake"), ("refused", f"{APPROVES}: a mistake")]
    assert office.balance()["wallet"] == 2_000
    with office.store.read() as connection:
        assert refunds(connection) == []
        assert [one.state for one in refunds(connection, every=True)] == ["refused", "dropped"]


@ON_SQLITE
def test_without_the_operators_number_it_is_not_in_the_books(office: Village, home: int) -> None:
    number = number_of(asked(office, office.push(home, 2_000), 2_000))
    approved(office, number)
    assert paid_out(office, number, "done") == NoRefund("number")
    assert office.balance()["wallet"] == 2_000


# Money that nobody has identified


def test_a_strangers_money_goes_back_whole(office: Village, home: int) -> None:
    """D4."""
    its_id = on_suspense(office)
    tree = office.network.tree()
    with office.store.write() as unit:
        part = ask_refund(unit, tree, incoming_id=its_id, amount=francs(1_000), reason="a stranger's", by=ASKS)
        assert part == NoRefund("part")
        number = number_of(
            ask_refund(unit, tree, incoming_id=its_id, amount=francs(2_000), reason="a stranger's", by=ASKS)
        )
    with office.store.write() as unit:  # while it is being given back it isn't assigned
        no = assign(unit, tree, office.chart, its_id, office.family(home), ASKS, "asked the payer")
    assert no == NotAssigned("refund")
    approved(office, number)
    assert isinstance(paid_out(office, number), Refund)
    assert office.balance() == {"receivable": YEAR_DUE, "income": -YEAR_DUE}
    assert office.told("refund") == [("refund", STRANGER), ("refund", TREASURER)]
    with office.store.read() as connection:
        assert (held(connection, tree), open_cases(connection)) == ([], [])
    with office.store.write() as unit:
        no = assign(unit, tree, office.chart, its_id, office.family(home), ASKS, "asked the payer")
    assert no == NotAssigned("gone")


@ON_SQLITE
def test_a_groups_payment_goes_back_share_by_share(office: Village, home: int) -> None:
    key = asked_group(office, group_of(office, [home], "equal"), 2_000)
    office.confirm(key)
    assert asked(office, key, 2_000) == NoRefund("group")
    with office.store.read() as connection:
        [share] = shares_of(connection, office.shown(key))
    given(office, share.key, 500)
    assert office.balance()["wallet"] == 1_500


# Commands


@ON_SQLITE
def test_the_commands(office: Village, home: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run: Run = on_database_of(office, monkeypatch)
    key = office.push(home, 2_000)
    ask = ("refunds", "ask", "--collection", key, "--by", ASKS, "--reason", "paid twice")
    assert "500 F, asked" in run(*ask, "--amount", "500")
    [one] = json.loads(run("refunds", "list", "--json"))
    assert (one["asked_by"], one["state"], one["amount_minor"]) == (ASKS, "asked", 500)
    with pytest.raises(Fault, match="it takes two"):
        run("refunds", "approve", one["number"], "--by", ASKS)
    run("refunds", "approve", one["number"], "--by", APPROVES)
    assert "500 F, paid" in run("refunds", "paid", one["number"], "MP26.1234")
    assert json.loads(run("refunds", "list", "--under", "m", "--json")) == []
    assert "paid twice" in run("refunds", "list", "--all")
    with pytest.raises(Fault, match="more than is left"):
        run(*ask, "--amount", "1501")
    with pytest.raises(Fault, match="can't be read"):
        run(*ask, "--amount", "many")
    on_suspense(office)
    [waits] = json.loads(run("incoming", "list", "--json"))
    said = run("refunds", "ask", "--incoming", waits["number"], "--amount", "2000", "--by", ASKS, "--reason", "x")
    number = said.split()[1].rstrip(":")
    assert "refused" in run("refunds", "drop", number, "--by", APPROVES, "--reason", "it is a member's")


# Money that turns out to be what was asked for


def asked_and_seen_first(office: Village, home: int) -> tuple[str, int]:
    """A push of 2 000 F whose answer is late, and the money that a treasurer's SMS told of first, on suspense."""
    key = office.pay(home, 2_000)
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
    return key, on_suspense(office, operator_id="8123456789")


def said_paid(office: Village, key: str) -> bool:
    answer = Paid(francs(2_000), "8123456789", PAYER, "SUCCESSFUL")
    with office.store.write() as unit:
        return post_paid(unit, office.network.tree(), office.chart, key, answer)


@ON_SQLITE
def test_what_was_given_back_from_suspense_is_booked_when_it_counts_for_a_household_meanwhile(
    office: Village, home: int
) -> None:
    key, its_id = asked_and_seen_first(office, home)
    number = number_of(asked_of_suspense(office, its_id))
    approved(office, number)
    assert said_paid(office, key)
    assert "refund" in [one.kind for one in cases_of(office)]
    assert office.balance()["wallet"] == 2_000
    done = paid_out(office, number)
    assert isinstance(done, Refund)
    assert (done.state, done.collection_id, done.incoming_id) == ("paid", office.shown(key).id, None)
    assert "wallet" not in office.balance()
    assert office.stands(home).left == francs(YEAR_DUE)


@ON_SQLITE
def test_what_was_given_back_by_hand_and_taken_back_by_its_operator_too_is_a_case(office: Village) -> None:
    its_id = on_suspense(office, operator_id="8123456789")
    number = number_of(asked_of_suspense(office, its_id))
    approved(office, number)
    assert isinstance(paid_out(office, number), Refund)
    assert cases_of(office) == []
    one = taken_back(office, "8123456789")
    assert isinstance(one, LeftToPerson)
    assert taken_back(office, "8123456789") == one
    assert [(each.kind, number in each.said) for each in cases_of(office)] == [("refund", True)]


@pytest.mark.parametrize("by", ["paid", "settled"])
def test_money_that_leaves_suspense_at_this_moment_counts_for_nobody_too(
    office: Village, home: int, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, its_id = asked_and_seen_first(office, home)
    number = number_of(asked_of_suspense(office, its_id))
    approved(office, number)
    with office.store.write() as unit:
        open_case(unit, "reversed", office.place.books.id, None, its_id, "taken back", "early-reversal:x")
        if by == "settled":
            unit.connection.execute(update(refund).values(state="dropped"))
    with office.store.read() as connection:
        case = next(one.number for one in open_cases(connection) if one.kind == "reversed")

    def meanwhile() -> object:
        if by == "paid":
            return paid_out(office, number)
        with office.store.write() as unit:
            return settle_case(unit, office.network.tree(), case, "reversed", "Awa Bio", "the statement says so")

    others = ThreadPoolExecutor(1)
    left: list[Future[object]] = []

    def post_slowly(*given: Any) -> object:
        left.append(others.submit(meanwhile))
        wait(left, 1)
        return post(*given)

    monkeypatch.setattr("gateway.payments.settle.post", post_slowly)
    assert said_paid(office, key)
    done = left[0].result(10)
    assert isinstance(done, Refund if by == "paid" else NotSettled)
    assert "suspense" not in office.balance()
    assert office.balance().get("wallet", 0) == (0 if by == "paid" else 2_000)
    others.shutdown()


@ON_SQLITE
def test_what_is_being_given_back_is_not_divided_among_a_groups_households(office: Village) -> None:
    group = group_of(office, three_families(office), "equal")
    key = asked_group(office, group, 900)
    its_id = on_suspense(office, 900, operator_id="8123456789")
    number = number_of(asked_of_suspense(office, its_id, 900))
    approved(office, number)
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
    with office.store.write() as unit:
        answer = Paid(francs(900), "8123456789", PAYER, "SUCCESSFUL")
        assert post_paid(unit, office.network.tree(), office.chart, key, answer)
    assert isinstance(paid_out(office, number), Refund)
    assert "wallet" not in office.balance()
    assert "suspense" not in office.balance()


def asked_of_suspense(office: Village, its_id: int, amount: int = 2_000) -> Refund | NoRefund:
    with office.store.write() as unit:
        return ask_refund(
            unit, office.network.tree(), incoming_id=its_id, amount=francs(amount), reason="not ours", by=ASKS
        )
