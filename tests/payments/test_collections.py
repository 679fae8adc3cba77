"""Promises 2 and 3: what the operator debited is posted once and told, whatever is lost, late, repeated or forged."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from gateway.kernel.card import show_card
from gateway.ledger.rules import Credit, Due, position, split_payment
from gateway.membership.rules import State as Cover
from gateway.payments.collections import by_key, move
from gateway.payments.providers.base import AskAnswer, FindAnswer, Order, Paid, Provider, Reason
from gateway.payments.providers.mtn_momo import REASONS
from gateway.payments.push.wishes import Asked
from gateway.payments.reversing import reverse
from gateway.payments.settle import post_paid
from gateway.payments.states import IllegalMove, State
from gateway.sms.gsm7 import fold
from gateway.store.outbox import CLAIM, claim
from gateway.store.schema import money_case, staff
from tests.payments.deeds import cases_of, taken_back
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import (
    FAMILY,
    FIRST_DUE,
    NEIGHBOUR,
    ON_SQLITE,
    PAYER,
    TREASURER,
    YEAR_DUE,
    Village,
    at_once,
    francs,
    wait_until,
)

OTHER_MOTHER = "+2290100000103"


@pytest.fixture
def home(village: Village) -> int:
    """The id of a family that owes 3 900 now and 12 600 in all."""
    return village.register().household_id


# The way it should go


def test_a_payment_is_asked_for_approved_posted_and_told(
    village: Village, momo: MomoPlay, webhook: str, home: int
) -> None:
    key = village.pay(home, FIRST_DUE)
    village.work()
    assert village.shown(key).state is State.PENDING
    assert village.stands(home).cover.state is Cover.UNPAID
    momo.approve(key)
    wait_until(village.notices)
    village.work()

    assert village.steps(key) == ["created", "sending", "pending", "paid"]
    assert (village.shown(key).paid, village.shown(key).reason) == (francs(FIRST_DUE), None)
    assert village.entries() == [("2026-11-22", f"collection:{key}")]
    assert village.balance() == {"wallet": FIRST_DUE, "receivable": YEAR_DUE - FIRST_DUE, "income": -YEAR_DUE}
    stands = village.stands(home)
    assert (stands.cover.state, stands.cover.begins_on) == (Cover.WAITING, date(2026, 12, 22))
    assert (stands.left, momo.debits(key)) == (francs(YEAR_DUE - FIRST_DUE), 1)
    assert village.told() == [("receipt", PAYER), ("treasurer", TREASURER)]
    to_payer, to_treasurer = village.messages()
    number = to_payer.text.split()[1]
    assert re.fullmatch(r"\d{6}-\d{5}", number)
    assert "3 900 F" in to_payer.text
    assert "22/12/2026" in to_payer.text
    assert "8 700 F" in to_payer.text
    assert to_treasurer.text.split()[1] == number
    assert "Adjara" in to_treasurer.text


@ON_SQLITE
def test_what_the_operator_is_sent(village: Village, momo: MomoPlay, home: int) -> None:
    key = village.pay(home, FIRST_DUE, NEIGHBOUR)
    village.work()
    asked = momo.requests()[key]
    card = village.family(home).card
    assert asked["payer"] == NEIGHBOUR
    assert (asked["sent"]["amount"], asked["sent"]["currency"]) == ("3900", "XOF")
    assert card in asked["sent"]["payerMessage"]


@ON_SQLITE
def test_without_any_callback_the_operator_is_asked_soon(village: Village, momo: MomoPlay, home: int) -> None:
    momo.script(callback={"times": 0})
    key = village.pay(home)
    village.work()
    momo.approve(key)
    village.work_for(30)
    assert village.shown(key).state is State.PAID
    assert village.notices() == 0


@ON_SQLITE
def test_who_has_not_decided_is_asked_about_less_and_less(village: Village, momo: MomoPlay, home: int) -> None:
    village.pay(home)
    looks = []
    for _ in range(6):
        before = momo.calls("find")
        village.work_for(60)
        looks.append(momo.calls("find") - before)
    assert looks[0] >= 3
    assert 5 <= sum(looks[1:]) <= 12
    village.work_for(9 * 60, 60)
    before = momo.calls("find")
    village.work_for(6 * 24 * 3600, 4 * 3600)
    assert 7 <= momo.calls("find") - before <= 20
    before = momo.calls("find")
    village.work_for(3 * 24 * 3600, 4 * 3600)
    assert momo.calls("find") == before


# No money


def _word(reason: Reason) -> str:
    return next((word for word, ours in REASONS.items() if ours is reason), "A_WORD_OF_NEXT_YEAR")


@ON_SQLITE
@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.AMOUNT])
def test_a_refusal_is_told_to_the_payer_and_leaves_the_books_alone(
    village: Village, momo: MomoPlay, home: int, reason: Reason
) -> None:
    key = village.pay(home)
    village.work()
    momo.refuse(key, _word(reason))
    village.work_for(30)
    village.work_for(2 * 3600, 600)
    assert (village.shown(key).state, village.shown(key).reason) == (State.REFUSED, reason)
    assert village.entries() == []
    assert village.told() == [("not_paid", PAYER)]
    assert (village.messages()[0].parts, village.messages()[0].language) == (1, "fr")
    assert village.messages()[0].text.startswith("Non payé : 1 500 F")
    assert village.wish(home) is Asked.NOW


@ON_SQLITE
def test_what_is_refused_at_once_is_told_at_once(village: Village, momo: MomoPlay, home: int) -> None:
    momo.script(http={"status": 500, "body": {"code": "PAYER_NOT_FOUND"}})
    key = village.pay(home)
    village.work()
    assert (village.shown(key).state, village.shown(key).reason) == (State.REFUSED, "no_wallet")
    assert village.told() == [("not_paid", PAYER)]
    assert "autre" in village.messages()[0].text


@ON_SQLITE
def test_nobody_answers_the_prompt_and_the_payer_is_told_once(village: Village, momo: MomoPlay, home: int) -> None:
    key = village.pay(home)
    village.work()
    village.work_for(14 * 60)
    assert (village.shown(key).state, village.told()) == (State.PENDING, [])
    village.work_for(3 * 60)
    assert (village.shown(key).state, village.told()) == (State.EXPIRED, [("not_paid", PAYER)])
    assert "Code PIN" in village.messages()[0].text
    momo.refuse(key, "EXPIRED")
    village.work_for(24 * 3600, 3600)
    assert (village.shown(key).state, village.told()) == (State.REFUSED, [("not_paid", PAYER)])


@ON_SQLITE
def test_where_the_operator_was_never_reached_the_payer_is_not_blamed(
    village: Village, momo: MomoPlay, home: int
) -> None:
    momo.script(drop_before=True, times=1_000)
    key = village.pay(home)
    village.work()
    village.work_for(17 * 60, 60)
    assert village.shown(key).state is State.EXPIRED
    assert village.told() == [("not_paid", PAYER)]
    assert "L'opérateur ne répond pas" in village.messages()[0].text


# Late money


def test_money_after_a_refusal_is_posted_and_told(village: Village, momo: MomoPlay, webhook: str, home: int) -> None:
    key = village.pay(home)
    village.work()
    momo.refuse(key, "INTERNAL_PROCESSING_ERROR")
    wait_until(village.notices)
    village.work()
    assert village.shown(key).state is State.REFUSED
    village.clock.move(timedelta(hours=3))
    momo.approve(key)
    wait_until(lambda: village.notices() == 2)
    village.work()
    assert (village.shown(key).state, village.shown(key).reason) == (State.PAID, "late")
    assert village.told() == [("not_paid", PAYER), ("receipt", PAYER), ("treasurer", TREASURER)]
    assert village.balance()["wallet"] == 1_500


@ON_SQLITE
def test_money_after_a_refusal_is_posted_though_the_operator_is_down_when_it_tells(
    village: Village, momo: MomoPlay, home: int
) -> None:
    key = village.pay(home)
    village.work()
    momo.refuse(key, "INTERNAL_PROCESSING_ERROR")
    village.work_for(30)
    assert village.shown(key).state is State.REFUSED
    momo.approve(key)
    momo.answer("find", 503, {"code": "SERVICE_UNAVAILABLE"}, times=3)
    village.hint(key)
    village.work()
    assert village.shown(key).state is State.REFUSED
    village.work_for(30 * 60, 30)
    assert village.shown(key).state is State.PAID


@ON_SQLITE
def test_money_after_the_end_is_posted_and_told(village: Village, momo: MomoPlay, home: int) -> None:
    key = village.pay(home)
    village.work()
    village.work_for(17 * 60, 60)
    assert village.shown(key).state is State.EXPIRED
    momo.approve(key)
    village.work_for(2 * 3600, 600)
    assert (village.shown(key).state, village.shown(key).reason) == (State.PAID, "late")
    assert village.told() == [("not_paid", PAYER), ("receipt", PAYER), ("treasurer", TREASURER)]


def test_paid_again_meanwhile_and_the_surplus_is_an_advance(village: Village, momo: MomoPlay, home: int) -> None:
    first = village.pay(home, YEAR_DUE)
    village.work()
    momo.refuse(first, "INTERNAL_PROCESSING_ERROR")
    village.work_for(30)
    second = village.pay(home, YEAR_DUE)
    village.work()
    momo.approve(second)
    village.work_for(30)
    momo.approve(first)
    village.hint(first)
    village.work()
    assert [village.shown(key).state for key in (first, second)] == [State.PAID] * 2
    assert village.balance() == {"wallet": 2 * YEAR_DUE, "advance": -YEAR_DUE, "income": -YEAR_DUE}
    assert village.told("receipt") == [("receipt", PAYER)] * 2


@ON_SQLITE
def test_a_failure_after_the_success_changes_nothing(village: Village, momo: MomoPlay, webhook: str, home: int) -> None:
    key = village.pay(home)
    village.work()
    momo.approve(key)
    wait_until(village.notices)
    village.work()
    before = village.balance(), village.told()
    momo.refuse(key, "INTERNAL_PROCESSING_ERROR")
    wait_until(lambda: village.notices() == 2)
    village.work_for(3600, 600)
    assert village.shown(key).state is State.PAID
    assert (village.balance(), village.told()) == before


def test_an_operator_that_takes_its_word_back_is_told_of_loudly(
    village: Village, momo: MomoPlay, home: int, caplog: pytest.LogCaptureFixture
) -> None:
    key = village.pay(home)
    village.work()
    momo.approve(key)
    village.work_for(11 * 60, 60)
    momo.refuse(key, "INTERNAL_PROCESSING_ERROR")
    village.hint(key)
    village.work()
    assert f"collection {key} is posted, and its operator says now" in caplog.text
    assert village.shown(key).state is State.PAID


# What was paid isn't what was asked for


@ON_SQLITE
@pytest.mark.parametrize("amount", [100, 1_499, 1_501, 20_000])
def test_another_amount_is_posted_as_it_came(village: Village, momo: MomoPlay, home: int, amount: int) -> None:
    key = village.pay(home, 1_500)
    village.work()
    momo.approve(key, str(amount))
    village.work_for(30)
    shown = village.shown(key)
    assert (shown.state, shown.reason, shown.amount, shown.paid) == (
        State.PAID, "amount", francs(1_500), francs(amount),
    )  # fmt: skip
    assert village.balance()["wallet"] == amount
    assert village.balance().get("advance", 0) == -max(0, amount - YEAR_DUE)
    assert f"{amount:,} F".replace(",", " ") in village.messages("receipt")[0].text.replace("\u202f", " ")


@pytest.mark.parametrize(
    ("amount", "member", "treasurer"),
    [
        (1_000, "1,000 F paid, 1,500 F asked, card {card}. To be covered: 2,150 F. Left to pay: 11,600 F.",
         "1,000 F, by phone. Asked: 1,500 F. Adjara Tchédré, card {card}. Left to pay: 11,600 F."),
        (2_000, "2,000 F paid, 1,500 F asked, card {card}. It all counts. To be covered: 1,150 F. "
         "Left to pay: 10,600 F.",
         "2,000 F, by phone. Asked: 1,500 F. Adjara Tchédré, card {card}. Left to pay: 10,600 F."),
        (13_000, "13,000 F paid, 1,500 F asked, card {card}. In advance: 400 F. Cover starts on 22/12/2026. "
         "All is paid.",
         "13,000 F, by phone. Asked: 1,500 F. Adjara Tchédré, card {card}. All is paid."),
    ],
    ids=["too little", "too much, for what is left", "too much, in advance"],
)  # fmt: skip
def test_too_much_and_too_little_are_said_plainly(
    village: Village, home: int, amount: int, member: str, treasurer: str
) -> None:
    village.speak(PAYER, "en")
    with village.store.write() as unit:
        unit.connection.execute(staff.update().values(language="en"))
    key = village.pay(home, 1_500)
    with village.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
        post_paid(unit, village.network.tree(), village.chart, key, Paid(francs(amount), "op", PAYER, "ok"))
    card = show_card(village.family(home).card)
    texts = {row.event: row.text.partition(": ")[2] for row in village.messages()}
    assert texts == {"receipt": fold(member.format(card=card)), "treasurer": fold(treasurer.format(card=card))}
    assert [(one.kind, one.collection_key) for one in cases_of(village)] == [("amount", key)]


def test_another_currency_goes_to_suspense_and_gives_no_cover(village: Village, momo: MomoPlay, home: int) -> None:
    key = village.pay(home, FIRST_DUE)
    village.work()
    momo.play("approve", {"key": key, "report": {"currency": "USD"}})
    village.work_for(30)
    assert (village.shown(key).state, village.shown(key).reason) == (State.PAID, "currency")
    assert village.balance("USD") == {"wallet": 390_000, "suspense": -390_000}
    assert village.balance() == {"receivable": YEAR_DUE, "income": -YEAR_DUE}
    assert village.stands(home).cover.state is Cover.UNPAID
    assert village.told() == [("receipt", PAYER), ("treasurer", TREASURER)]
    receipt, confirmation = (row.text for row in village.messages())
    assert "3 900 USD" in receipt
    assert "3 900 F" in receipt
    assert "3 900 USD" in confirmation
    assert [(one.kind, one.collection_key) for one in cases_of(village)] == [("currency", key)]


def test_one_transaction_of_the_operator_under_two_keys_is_posted_once(
    village: Village, momo: MomoPlay, home: int, caplog: pytest.LogCaptureFixture
) -> None:
    other = village.register(NEIGHBOUR).household_id
    first, second = village.pay(home), village.pay(other, payer=NEIGHBOUR)
    village.work()
    for key in (first, second):
        momo.play("approve", {"key": key, "report": {"financialTransactionId": "4711"}})
    village.work_for(60)
    assert sorted(one.state for one in map(village.shown, (first, second))) == [State.PAID, State.REFUSED]
    assert village.balance()["wallet"] == 1_500
    assert len(village.told("receipt")) == 1
    assert any(first in one.getMessage() and second in one.getMessage() for one in caplog.records)
    # Nothing is left to be asked about, and a repeat changes nothing.
    village.hint(first)
    village.hint(second)
    village.work_for(3600, 600)
    assert village.balance()["wallet"] == 1_500
    assert len(village.told()) == 3


# Lost, repeated, overtaken


def test_lost_on_the_way_back_it_is_debited_once_and_posted(village: Village, momo: MomoPlay, home: int) -> None:
    momo.drop_after()
    key = village.pay(home)
    village.work()
    village.work_for(60)
    assert village.steps(key) == ["created", "sending", "unclear", "paid"]
    assert (momo.asked(key), momo.debits(key), village.balance()["wallet"]) == (1, 1, 1_500)


@ON_SQLITE
def test_lost_on_the_way_there_it_is_sent_again_with_the_same_key(village: Village, momo: MomoPlay, home: int) -> None:
    momo.drop_before()
    key = village.pay(home)
    village.work()
    village.work_for(20)
    assert village.steps(key) == ["created", "sending", "unclear", "sending", "pending"]
    momo.approve(key)
    village.work_for(20)
    assert (list(momo.requests()), momo.debits(key), village.balance()["wallet"]) == ([key], 1, 1_500)


@ON_SQLITE
def test_it_is_not_sent_again_when_the_payer_has_left_the_phone(village: Village, momo: MomoPlay, home: int) -> None:
    momo.script(drop_before=True, times=1_000)
    village.pay(home)
    village.work()
    village.work_for(5 * 60)
    asked = momo.calls("ask")
    assert 3 <= asked <= 12  # in growing distances, whatever else makes us look
    village.work_for(12 * 60)
    assert momo.calls("ask") == asked


@ON_SQLITE
def test_what_nobody_took_in_hand_for_five_minutes_is_not_sent(village: Village, momo: MomoPlay, home: int) -> None:
    key = village.pay(home)
    village.clock.move(timedelta(minutes=5, seconds=1))
    village.work()
    assert (village.shown(key).state, village.shown(key).reason) == (State.EXPIRED, "never_sent")
    assert (momo.calls("ask"), village.told()) == (0, [("not_paid", PAYER)])


@ON_SQLITE
def test_an_operator_that_is_not_reached_is_tried_again_and_then_given_up(
    village: Village, momo: MomoPlay, home: int
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    village.providers["mtn_momo"] = momo.provider(url=nowhere)
    key = village.pay(home)
    village.work()
    assert (village.shown(key).state, village.shown(key).reason) == (State.UNCLEAR, "unreached")
    village.work_for(6 * 60)
    assert (village.shown(key).state, village.shown(key).reason) == (State.EXPIRED, "never_sent")
    assert village.told() == [("not_paid", PAYER)]
    assert "L'opérateur ne répond pas" in village.messages()[0].text


class Dies(BaseException):
    """The process ends here: nothing after this line runs."""


@dataclass
class Mortal:
    """The real provider in a process that dies before or after its call."""

    real: Provider
    after_the_call: bool
    name: str = "mtn_momo"

    def ask(self, order: Order) -> AskAnswer:
        if self.after_the_call:
            self.real.ask(order)
        raise Dies

    def find(self, order: Order) -> FindAnswer:
        return self.real.find(order)


@ON_SQLITE
def test_killed_before_anybody_took_it_in_hand(village: Village, momo: MomoPlay, home: int) -> None:
    """Rows alone carry it on: whoever comes next sends it once, with the key that was stored first."""
    key = village.pay(home)
    village.work()
    village.work()
    assert (list(momo.requests()), momo.asked(key)) == ([key], 1)


@pytest.mark.parametrize("after_the_call", [False, True], ids=["before the call", "after the call"])
def test_killed_around_the_call(village: Village, momo: MomoPlay, home: int, after_the_call: bool) -> None:
    real = village.providers["mtn_momo"]
    key = village.pay(home)
    village.providers["mtn_momo"] = Mortal(real, after_the_call)  # type: ignore[assignment]
    with pytest.raises(Dies):
        village.work()
    assert village.shown(key).state is State.SENDING
    village.providers["mtn_momo"] = real
    # A look is enough where the operator knows the order; where it doesn't, the claim has to run out first.
    village.work_for(20 if after_the_call else int(CLAIM.total_seconds()) + 60)
    assert village.shown(key).state is State.PENDING
    momo.approve(key)
    village.work_for(3 * 60)
    assert village.shown(key).state is State.PAID
    assert (momo.asked(key), momo.debits(key), village.balance()["wallet"]) == (1, 1, 1_500)
    assert village.told() == [("receipt", PAYER), ("treasurer", TREASURER)]


def test_killed_after_the_record_and_before_the_row_is_closed(village: Village, momo: MomoPlay, home: int) -> None:
    """What may have been heard is never sent again, also not by whoever finds the work of sending it still open."""
    key = village.pay(home)
    momo.script(on="ask", drop_after=True, outcome="PENDING")
    [asking] = [task for task in claim(village.store, "money") if task.topic == "collection.ask"]
    village.cashier.ask(asking)  # and here the process ends
    assert (village.shown(key).state, village.shown(key).reason) == (State.UNCLEAR, "no-answer")
    village.clock.move(CLAIM + timedelta(seconds=1))
    assert "collection.ask" not in {task.topic for task in claim(village.store, "money")}


def test_killed_after_a_lost_call_was_noticed_and_before_the_row_is_closed(village: Village, home: int) -> None:
    key = village.pay(home)
    [asking] = [task for task in claim(village.store, "money") if task.topic == "collection.ask"]
    with village.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)  # somebody began the call, and died
    village.cashier.ask(asking)
    assert (village.shown(key).state, village.shown(key).reason) == (State.UNCLEAR, "interrupted")
    village.clock.move(CLAIM + timedelta(seconds=1))
    assert "collection.ask" not in {task.topic for task in claim(village.store, "money")}


@ON_SQLITE
def test_a_backup_from_before_the_payment_is_put_back(village: Village, momo: MomoPlay, home: int) -> None:
    """G8: what the operator took meanwhile is found again by the key that was stored before it was asked."""
    key = village.pay(home)
    path = village.store.engine.url.database
    assert path is not None
    backup = sqlite3.connect(":memory:")
    sqlite3.connect(path).backup(backup)
    village.work()
    momo.approve(key)
    village.work_for(30)
    assert village.shown(key).state is State.PAID
    village.store.close()
    backup.backup(sqlite3.connect(path))
    assert village.shown(key).state is State.CREATED
    village.clock.move(timedelta(hours=9))
    village.work_for(120)
    assert (village.shown(key).state, village.shown(key).reason) == (State.PAID, "late")
    assert (momo.asked(key), momo.debits(key), village.balance()["wallet"]) == (1, 1, 1_500)


def test_the_callback_overtakes_the_answer_to_our_call(
    village: Village, momo: MomoPlay, webhook: str, home: int
) -> None:
    momo.script(callback={"before_response": True}, slow=0.5)
    key = village.pay(home)
    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(village.work)
        wait_until(village.notices)
        village.work()
        assert village.shown(key).state is State.PAID
        assert not asking.done()
        asking.result()
    assert village.steps(key) == ["created", "sending", "paid"]
    assert (village.balance()["wallet"], village.told("receipt")) == (1_500, [("receipt", PAYER)])


@ON_SQLITE
def test_twenty_callbacks_one_after_the_other(village: Village, momo: MomoPlay, webhook: str, home: int) -> None:
    momo.script(callback={"times": 20})
    key = village.pay(home)
    village.work()
    momo.approve(key)
    wait_until(lambda: len(momo.requests()[key]["callback_answers"]) == 20)
    village.work()
    assert momo.requests()[key]["callback_answers"] == [200] * 20
    assert village.balance()["wallet"] == 1_500
    assert village.told() == [("receipt", PAYER), ("treasurer", TREASURER)]


def test_twenty_callbacks_in_the_same_instant(village: Village, momo: MomoPlay, webhook: str, home: int) -> None:
    key = village.pay(home)
    village.work()
    momo.script(callback={"times": 0})
    momo.approve(key)
    url = village.callback_base.format(provider="mtn_momo", key=key)

    def tell() -> int:
        return requests.post(url, data=momo.notice(key), timeout=10).status_code

    assert at_once(20, tell) == [200] * 20
    at_once(4, village.work)
    assert village.faults == []
    assert village.balance()["wallet"] == 1_500
    assert [day_and_key[1] for day_and_key in village.entries()] == [f"collection:{key}"]
    assert village.told() == [("receipt", PAYER), ("treasurer", TREASURER)]


@ON_SQLITE
def test_a_forged_callback_posts_nothing(village: Village, momo: MomoPlay, webhook: str, home: int) -> None:
    key = village.pay(home)
    village.work()
    body = {"externalId": key, "status": "SUCCESSFUL", "amount": "1500", "currency": "XOF",
            "financialTransactionId": "1"}  # fmt: skip
    for _ in range(3):
        assert requests.post(
            village.callback_base.format(provider="mtn_momo", key=key), data=json.dumps(body), timeout=5
        ).ok
    village.work()
    assert (village.shown(key).state, village.entries(), village.told()) == (State.PENDING, [], [])


# One household, several payments


@ON_SQLITE
def test_while_one_is_open_no_second_is_asked_for(village: Village, momo: MomoPlay, home: int) -> None:
    assert village.wish(home) is Asked.NOW
    assert village.wish(home, payer=NEIGHBOUR) is Asked.IN_PROGRESS
    assert village.wish(village.register(NEIGHBOUR).household_id, payer=PAYER) is Asked.NOW
    village.work()
    assert village.wish(home) is Asked.IN_PROGRESS
    village.clock.move(timedelta(minutes=14, seconds=59))
    assert village.wish(home) is Asked.IN_PROGRESS
    village.clock.move(timedelta(seconds=1))
    assert village.wish(home) is Asked.NOW


@pytest.mark.parametrize("again", range(3))
def test_of_many_wishes_at_once_one_is_asked_for(village: Village, momo: MomoPlay, home: int, again: int) -> None:
    answers = at_once(8, lambda: village.wish(home))
    assert sorted(str(one) for one in answers) == sorted(map(str, [Asked.NOW] + [Asked.IN_PROGRESS] * 7))
    village.work()
    assert len(momo.requests()) == 1


def _paid(amount: int, operator_id: str, at: datetime | None = None) -> Paid:
    return Paid(francs(amount), operator_id, PAYER, "SUCCESSFUL", at)


def _undecided(village: Village, household_id: int, *amounts: int) -> list[str]:
    """Collections that are all open at the same time, as when the earlier ones are late."""
    keys = []
    for amount in amounts:
        keys.append(village.pay(household_id, amount))
        village.work()
        village.clock.move(timedelta(minutes=15))
    return keys


def test_payments_of_one_household_in_the_same_moment_are_split_right(village: Village, home: int) -> None:
    """Each sees what the other has paid: 14 000 for 12 600 of dues leave an advance of 1 400, whoever is first."""
    amounts = (5_000, 4_000, 3_000, 2_000)
    keys = _undecided(village, home, *amounts)
    payments = [(key, _paid(amount, f"op-{key}")) for key, amount in zip(keys, amounts, strict=True)]
    tree = village.network.tree()
    lock = threading.Lock()

    def post() -> bool:
        with lock:
            key, paid = payments.pop()
        with village.store.write() as unit:
            return post_paid(unit, tree, village.chart, key, paid)

    assert at_once(4, post) == [True] * 4
    assert village.balance() == {"wallet": 14_000, "advance": -1_400, "income": -YEAR_DUE}
    assert village.stands(home).left == francs(0)


def test_one_payment_posted_by_many_at_once_is_posted_once(village: Village, home: int) -> None:
    (key,) = _undecided(village, home, 2_000)
    tree = village.network.tree()

    def post() -> bool:
        with village.store.write() as unit:
            return post_paid(unit, tree, village.chart, key, _paid(2_000, "op-1"))

    assert sorted(map(bool, at_once(8, post))) == [False] * 7 + [True]
    assert village.balance()["wallet"] == 2_000


DUES = st.lists(
    st.builds(
        Due,
        membership_id=st.integers(1, 3),
        due_on=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
        amount_minor=st.integers(1, 9_000),
    ),
    max_size=6,
)
PAYMENTS = st.lists(st.tuples(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(1, 9_000)), max_size=6)


@given(DUES, PAYMENTS.flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))))
def test_the_order_of_payments_makes_no_difference(
    dues: list[Due], paid: tuple[list[tuple[date, int]], list[tuple[date, int]]]
) -> None:
    def books(payments: list[tuple[date, int]]) -> tuple[int, int, object]:
        """What a household's accounts hold when the payments are posted one by one."""
        to_dues = to_advance = 0
        credits: list[Credit] = []
        for day, amount in payments:
            mine, beyond = split_payment(dues, credits, amount)
            assert (mine >= 0, beyond >= 0, mine + beyond) == (True, True, amount)
            to_dues, to_advance = to_dues + mine, to_advance + beyond
            credits.append(Credit(day, amount))
        return to_dues, to_advance, position(dues, credits)

    assert books(paid[0]) == books(paid[1])


@given(DUES, PAYMENTS, st.randoms())
def test_dues_are_filled_by_their_date_and_add_up(
    dues: list[Due], payments: list[tuple[date, int]], random: object
) -> None:
    credits = [Credit(*one) for one in payments]
    found = position(dues, credits)
    shuffled = list(dues)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert position(shuffled, credits) == found
    money, owed = sum(one.amount_minor for one in credits), sum(one.amount_minor for one in dues)
    assert sum(one.paid_minor for one in found.filled) == min(money, owed)
    assert found.advance_minor == max(0, money - owed)
    assert found.left_minor == max(0, owed - money)
    # Nothing is paid on a later due while an earlier one is open.
    open_on = [one.due.due_on for one in found.filled if one.left_minor]
    assert all(one.due.due_on <= min(open_on) for one in found.filled if one.paid_minor and open_on)


# Which day it counts for


@ON_SQLITE
@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC), "2026-12-31"),
        (datetime(2026, 12, 31, 23, 0, 1, tzinfo=UTC), "2027-01-01"),
    ],
    ids=["23:59:59 in Ouaké", "00:00:01 in Ouaké"],
)
def test_the_day_is_the_operators_where_the_mutuelle_is(village: Village, home: int, at: datetime, day: str) -> None:
    (key,) = _undecided(village, home, 1_500)
    village.clock.at = datetime(2027, 1, 3, 9, 0, tzinfo=UTC)  # the operator told us late
    with village.store.write() as unit:
        post_paid(unit, village.network.tree(), village.chart, key, _paid(1_500, "op-1", at))
    assert village.entries() == [(day, f"collection:{key}")]


@ON_SQLITE
def test_where_the_operator_tells_no_time_a_late_answer_costs_the_payer_no_day(
    village: Village, momo: MomoPlay, home: int
) -> None:
    village.clock.at = datetime(2026, 12, 31, 22, 58, tzinfo=UTC)  # 23:58 on the last day, in Ouaké
    momo.drop_after()
    key = village.pay(home)
    village.work()
    village.clock.move(timedelta(hours=10))
    village.work()
    assert village.entries() == [("2026-12-31", f"collection:{key}")]


# Taken back


def test_a_reversal_is_a_new_entry_that_undoes_the_first(village: Village, momo: MomoPlay, home: int) -> None:
    before = village.balance()
    key = village.pay(home, YEAR_DUE + 500)
    village.work()
    momo.approve(key)
    village.work_for(30)
    assert village.stands(home).cover.state is Cover.WAITING
    village.clock.at = datetime(2026, 12, 1, 23, 30, tzinfo=UTC)  # the second, in Ouaké
    tree = village.network.tree()
    with village.store.write() as unit:
        assert reverse(unit, tree, key, "REVERSED")
    with village.store.write() as unit:
        assert not reverse(unit, tree, key, "REVERSED")
    assert village.balance() == before
    assert village.entries() == [("2026-11-22", f"collection:{key}"), ("2026-12-02", f"reversal:{key}")]
    assert village.stands(home, date(2026, 12, 1)).cover.state is Cover.WAITING  # as it stood on that day
    assert village.stands(home, date(2026, 12, 2)).cover.state is Cover.UNPAID
    assert village.stands(home, date(2026, 12, 2)).left == francs(YEAR_DUE)
    village.hint(key)
    village.work()
    assert village.shown(key).state is State.REVERSED


@ON_SQLITE
def test_what_was_not_paid_cannot_be_taken_back(village: Village, home: int) -> None:
    key = village.pay(home)
    village.work()
    with pytest.raises(IllegalMove), village.store.write() as unit:
        reverse(unit, village.network.tree(), key, "REVERSED")
    assert village.entries() == []


def taken(village: Village, number: str, *parts: tuple[int | None, str | None]) -> None:
    """The operator takes a transaction back in parts, or all of it."""
    for amount, its_id in parts:
        taken_back(village, number, francs(amount) if amount else None, its_id)


@pytest.mark.parametrize("parts", [[(None, "R1")], [(FIRST_DUE, None)], [(900, "R1"), (3_000, "R2"), (900, "R1")]])
def test_taken_back_before_it_was_told_of_it_gives_no_cover_and_is_told_once(
    village: Village, home: int, parts: list[tuple[int | None, str | None]]
) -> None:
    before = village.balance()
    key = village.pay(home, FIRST_DUE)
    taken(village, f"op-{key}", *parts)
    village.confirm(key)
    assert village.shown(key).state is State.REVERSED
    assert village.steps(key)[-2:] == ["paid", "reversed"]
    assert village.balance() == before
    assert village.stands(home).cover.state is Cover.UNPAID
    assert village.told() == [("reversed", PAYER), ("reversed", TREASURER)]
    assert [(one.kind, one.collection_key) for one in cases_of(village)] == [("reversed", key)]
    with village.store.read() as connection:
        linked = connection.execute(select(money_case.c.collection_id, money_case.c.note)).all()
    # The early word is closed, and says of which collection it was.
    assert len(linked) == 2
    assert {row.collection_id for row in linked} == {village.shown(key).id}
    # Said once more, nothing happens.
    taken(village, f"op-{key}", *parts)
    assert village.balance() == before


def test_a_part_that_was_taken_back_before_leaves_the_rest_counted(village: Village, home: int) -> None:
    key = village.pay(home, FIRST_DUE)
    taken(village, f"op-{key}", (900, "R1"))
    village.confirm(key)
    assert village.shown(key).state is State.PAID
    assert village.balance()["wallet"] == 3_000
    assert village.stands(home).cover.state is Cover.UNPAID
    assert {event for event, _ in village.told()} == {"receipt", "treasurer", "reversed"}
    taken(village, f"op-{key}", (900, "R1"))
    assert village.balance()["wallet"] == 3_000


def test_more_taken_back_than_was_paid_is_left_to_a_person(village: Village, home: int) -> None:
    key = village.pay(home, FIRST_DUE)
    taken(village, f"op-{key}", (5_000, "R1"))
    village.confirm(key)
    assert village.shown(key).state is State.PAID
    assert [(one.kind, one.collection_key) for one in cases_of(village)] == [("reversed", key)]


# Who is told


def test_the_payer_and_the_main_phones_get_one_receipt_each_in_their_own_language(
    village: Village, momo: MomoPlay, home: int
) -> None:
    village.add_phone(home, OTHER_MOTHER)
    village.add_phone(home, "+2290100000104", main=False)
    village.speak(NEIGHBOUR, "en")
    village.speak(OTHER_MOTHER, "sw")
    key = village.pay(home, FIRST_DUE, NEIGHBOUR)
    village.work()
    momo.approve(key)
    village.work_for(30)
    receipts = village.messages("receipt")
    assert sorted((row.msisdn, row.language) for row in receipts) == [
        (PAYER, "fr"), (NEIGHBOUR, "en"), (OTHER_MOTHER, "sw"),
    ]  # fmt: skip
    assert {row.parts for row in village.messages()} == {1}
    by_number = {row.msisdn: row.text for row in receipts}
    assert by_number[NEIGHBOUR].startswith("Receipt ")
    assert by_number[PAYER].startswith("Recu ")
    assert [row.language for row in village.messages("treasurer")] == ["fr"]


@ON_SQLITE
def test_two_readers_whose_numbers_end_alike_are_both_told(village: Village, momo: MomoPlay, home: int) -> None:
    twin = "+2290199990101"
    assert twin[-4:] == PAYER[-4:]
    village.add_phone(home, twin)
    key = village.pay(home)
    village.work()
    momo.approve(key)
    village.work_for(30)
    assert sorted(row.msisdn for row in village.messages("receipt")) == sorted([PAYER, twin])


@ON_SQLITE
def test_a_receipt_is_one_part_with_the_longest_data(village: Village, momo: MomoPlay) -> None:
    head = FAMILY[0].__class__("Marie-Antoinette Ndayishimiye Niyonkuru de Bujumbura-Rural", "F", 1980, "head")
    home = village.register(people=(head, *FAMILY[1:])).household_id
    key = village.pay(home, 12_345)
    village.work()
    momo.approve(key)
    village.work_for(30)
    assert [row.parts for row in village.messages()] == [1, 1]


@ON_SQLITE
def test_where_there_is_no_treasurer_the_payment_is_posted_all_the_same(
    village: Village, momo: MomoPlay, home: int
) -> None:
    with village.store.write() as unit:
        unit.connection.execute(delete(staff))
    key = village.pay(home)
    village.work()
    momo.approve(key)
    village.work_for(30)
    assert (village.shown(key).state, village.told()) == (State.PAID, [("receipt", PAYER)])
