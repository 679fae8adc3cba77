"""Family B: what operators tell us late, wrongly, twice or with a strange clock changes nothing that isn't true."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
import requests
from flask import Flask
from sqlalchemy import select

from gateway.membership.rules import State as Cover
from gateway.payments.decisions.cases import escalate, open_cases
from gateway.payments.providers.base import Paid
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.unasked.forwarded import Forwarded
from gateway.sms.web import sms_blueprint
from gateway.store.outbox import Handler, drain
from gateway.store.schema import notice
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import (
    FIRST_DUE,
    NEIGHBOUR,
    ON_SQLITE,
    PAYER,
    SECRET,
    TREASURER,
    Village,
    francs,
    wait_until,
)


@pytest.fixture
def home(village: Village) -> int:
    return village.register().household_id


def tell(village: Village, key: str, **said: object) -> int:
    """A notice to our webhook; the HTTP status."""
    url = village.callback_base.format(provider="mtn_momo", key=key)
    return requests.post(url, data=json.dumps({"externalId": key, **said}), timeout=5).status_code


def kinds(village: Village) -> list[str]:
    with village.store.read() as connection:
        return [one.kind for one in open_cases(connection)]


# B7


@ON_SQLITE
def test_a_failure_after_the_success_is_a_case_once_and_takes_nothing(
    village: Village, momo: MomoPlay, webhook: str, home: int
) -> None:
    key = village.pay(home, FIRST_DUE)
    village.work()
    momo.approve(key)
    wait_until(village.notices)
    village.work()
    before = village.balance(), village.stands(home)
    village.clock.move(timedelta(hours=2))
    momo.refuse(key, "INTERNAL_PROCESSING_ERROR")
    wait_until(lambda: village.notices() == 2)
    village.work()
    tell(village, key, status="FAILED")
    village.work()
    assert village.shown(key).state is State.PAID
    assert (village.balance(), village.stands(home)) == before
    assert kinds(village) == ["conflict"]
    assert village.told() == [("receipt", PAYER), ("treasurer", TREASURER)]


# B8


@ON_SQLITE
@pytest.mark.parametrize(
    "said", [{"status": "TIMEOUT"}, {"status": "FAILED", "reason": "EXPIRED"}, {"ResultCode": 1037}]
)
def test_a_notice_of_a_time_out_decides_nothing(
    village: Village, momo: MomoPlay, webhook: str, home: int, said: dict[str, object]
) -> None:
    key = village.pay(home)
    village.work()
    assert tell(village, key, **said) == 200
    village.work()
    assert (village.shown(key).state, village.told()) == (State.PENDING, [])
    momo.approve(key)
    village.work_for(30)
    assert village.steps(key) == ["created", "sending", "pending", "paid"]
    assert village.told("not_paid") == []


# B9


@ON_SQLITE
def test_what_is_pending_for_three_days_covers_nobody_and_is_shown(village: Village, momo: MomoPlay, home: int) -> None:
    key = village.pay(home, FIRST_DUE)
    village.work()
    village.work_for(73 * 3600, 3600)
    escalate(village.store)
    assert village.stands(home).cover.state is Cover.UNPAID
    assert village.entries() == []
    assert kinds(village) == ["undecided-1h", "undecided-24h", "undecided-72h"]
    momo.approve(key)
    village.work_for(30 * 3600, 3600)
    escalate(village.store)
    assert village.shown(key).state is State.PAID
    assert kinds(village) == []


# B11


@ON_SQLITE
def test_what_another_phone_paid_counts_for_the_household_that_was_asked_for(
    village: Village, momo: MomoPlay, home: int
) -> None:
    """Credit follows our key, never the payer's number: the neighbour who is named has a household too."""
    theirs = village.register(NEIGHBOUR).household_id
    key = village.pay(home, FIRST_DUE)
    village.work()
    momo.play("approve", {"key": key, "report": {"payer": {"partyIdType": "MSISDN", "partyId": NEIGHBOUR[1:]}}})
    village.work_for(30)
    assert village.shown(key).state is State.PAID
    assert village.stands(home).cover.state is Cover.WAITING
    assert village.stands(theirs).cover.state is Cover.UNPAID
    assert village.told("receipt") == [("receipt", PAYER)]


@ON_SQLITE
def test_a_status_about_another_order_is_not_taken(village: Village, momo: MomoPlay, home: int) -> None:
    key = village.pay(home)
    village.work()
    momo.play("approve", {"key": key, "report": {"externalId": "0b8f1a8e-64a4-4a57-9c2f-6f5f3e0f9a10"}})
    village.work_for(60)
    assert (village.shown(key).state, village.entries()) == (State.PENDING, [])


@ON_SQLITE
def test_a_success_for_another_receiver_is_refused(village: Village, momo: MomoPlay, webhook: str, home: int) -> None:
    """Neither another operator's door nor an order that another merchant made posts anything here."""
    key = village.pay(home)
    village.work()
    other_door = webhook + f"/payments/pawapay/{SECRET}/{key}"
    assert requests.post(other_door, data=b'{"status": "COMPLETED"}', timeout=5).status_code == 404
    elsewhere = "0b8f1a8e-64a4-4a57-9c2f-6f5f3e0f9a10"  # an order of another merchant's, truly paid there
    assert tell(village, elsewhere, status="SUCCESSFUL", amount="1500", currency="XOF") == 200
    village.work_for(60)
    assert (village.shown(key).state, village.entries()) == (State.PENDING, [])


# B13


def test_a_notice_whose_answer_was_lost_and_that_comes_again_counts_once(
    village: Village, momo: MomoPlay, webhook: str, home: int
) -> None:
    """Stored and not acknowledged, as a process leaves it that is killed between its commit and its answer."""
    momo.script(callback={"times": 0})
    key = village.pay(home)
    village.work()
    momo.approve(key)
    with village.store.write() as unit:
        unit.connection.execute(
            notice.insert().values(
                source="mtn_momo", reference=key, received_at=unit.now, content_type="", body=momo.notice(key)
            )
        )
    village.hint(key)
    for _ in range(3):
        assert tell(village, key, status="SUCCESSFUL") == 200
    village.work()
    assert village.balance()["wallet"] == 1_500
    assert village.told() == [("receipt", PAYER), ("treasurer", TREASURER)]


# B15


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=30)], ids=str)
def test_our_clock_jumps_back_in_the_middle_of_a_payment(
    village: Village, momo: MomoPlay, home: int, back: timedelta
) -> None:
    """What was due a moment ago is late at worst; nothing is sent again, lost or told twice."""
    momo.script(callback={"times": 0})
    key = village.pay(home)
    village.work()
    village.clock.move(-back)
    momo.approve(key)
    village.hint(key)
    village.work()
    assert village.shown(key).state is State.PAID
    village.clock.move(back)
    village.work_for(60)
    assert (momo.asked(key), momo.debits(key), village.balance()["wallet"]) == (1, 1, 1_500)
    assert village.told() == [("receipt", PAYER), ("treasurer", TREASURER)]


@ON_SQLITE
def test_our_clock_jumps_ahead_and_expires_what_is_posted_all_the_same(
    village: Village, momo: MomoPlay, home: int
) -> None:
    key = village.pay(home)
    village.work()
    village.clock.move(timedelta(hours=5))
    village.work()
    village.clock.move(-timedelta(hours=5))
    momo.approve(key)
    village.work_for(8 * 3600, 600)
    assert village.shown(key).state is State.PAID
    assert village.balance()["wallet"] == 1_500


@ON_SQLITE
@pytest.mark.parametrize("wrong_by", [timedelta(hours=30), timedelta(days=365), -timedelta(days=300)], ids=str)
def test_an_operators_wrong_clock_moves_no_payment_to_another_day(
    village: Village, home: int, wrong_by: timedelta
) -> None:
    """A push was paid between our asking and now: it counts for no day to come, nor for one before it was asked for,
    which would let a household wait less for its cover."""
    key = village.pay(home, FIRST_DUE)
    village.work()
    with village.store.write() as unit:
        paid = Paid(francs(FIRST_DUE), "op-1", PAYER, "SUCCESSFUL", unit.now + wrong_by)
        assert post_paid(unit, village.network.tree(), village.chart, key, paid)
    assert village.entries() == [("2026-11-22", f"collection:{key}")]
    assert village.stands(home).cover.begins_on == date(2026, 12, 22)


def test_a_notice_dated_in_the_future_changes_no_order(
    village: Village, momo: MomoPlay, webhook: str, home: int
) -> None:
    """Notices are kept in the order in which they came, by our own number, whatever date stands in them."""
    key = village.pay(home)
    village.work()
    for year in (2031, 2019, 2027):
        said = {"status": "SUCCESSFUL", "timestamp": datetime(year, 1, 1, tzinfo=UTC).isoformat()}
        assert tell(village, key, **said) == 200
    with village.store.read() as connection:
        rows = connection.execute(select(notice.c.body, notice.c.received_at).order_by(notice.c.id)).all()
    assert [json.loads(row.body)["timestamp"][:4] for row in rows] == ["2031", "2019", "2027"]
    assert {row.received_at for row in rows} == {village.clock.now()}
    village.work()
    assert village.shown(key).state is State.PENDING


# H2


@ON_SQLITE
def test_a_genuine_notice_that_is_replayed_days_later_or_changed_does_nothing(
    village: Village, momo: MomoPlay, webhook: str, home: int
) -> None:
    key = village.pay(home)
    village.work()
    momo.approve(key)
    wait_until(village.notices)
    village.work()
    before = village.balance(), village.told(), village.entries()
    for days, amount in ((1, "1500"), (1, "900000"), (30, "1500"), (400, "1")):
        village.clock.move(timedelta(days=days))
        assert tell(village, key, status="SUCCESSFUL", amount=amount, currency="XOF") == 200
        village.work()
    assert (village.balance(), village.told(), village.entries()) == before
    assert kinds(village) == []


# I12


@ON_SQLITE
def test_the_inbox_replayed_into_books_without_a_payment_gives_the_same_books(
    village: Village, momo: MomoPlay, webhook: str
) -> None:
    """A notice is a hint and an SMS is evidence: sent again, in any order and twice, to the books as they stood before
    the first of them, with the same operator behind them, they lead to the same entries, balances and cover."""
    payers = [f"+22901000006{number:02}" for number in range(4)]
    homes = [village.register(payer).household_id for payer in payers]
    keys = [village.pay(homes[0], FIRST_DUE, payers[0]), village.pay(homes[1], 2_000, payers[1])]
    keys.append(village.pay(homes[2], 2_500, payers[2]))
    village.work()
    app = Flask(__name__)
    app.register_blueprint(sms_blueprint(village.store, SECRET))
    inbound = app.test_client()
    path = str(village.store.engine.url.database)
    before = sqlite3.connect(":memory:")
    with closing(sqlite3.connect(path)) as now:
        now.backup(before)

    def read_sms() -> None:
        read: Handler = Forwarded(village.store, village.network, village.chart)
        while drain(village.store, "replies", {"sms.read": read, "sms.send": lambda _: None}, village._tell):
            assert village.faults == []

    def stands() -> tuple[object, ...]:
        days = sorted(day for day, _ in village.entries())
        return (village.balance(), days, [village.stands(home) for home in homes])

    momo.approve(keys[0])
    momo.approve(keys[1], "2600")
    momo.refuse(keys[2], "APPROVAL_REJECTED")
    wait_until(lambda: village.notices() == 3)
    for number, reference in (("11000000001", village.family(homes[3]).card), ("11000000002", "merci")):
        form = {"id": f"at-{number}", "from": TREASURER, "to": "20880", "text": forwarded(number, reference)}
        assert inbound.post(f"/sms/africastalking/{SECRET}/inbound", data=form).status_code == 200
    village.work()
    read_sms()
    told, wanted = village.told("receipt"), stands()
    assert village.balance()["wallet"] == FIRST_DUE + 2_600 + 2 * 2_000
    assert village.balance()["suspense"] == -2_000
    with village.store.read() as connection:
        inbox = connection.execute(select(notice).order_by(notice.c.id)).all()

    village.store.close()
    with closing(sqlite3.connect(path)) as now:
        before.backup(now)
    village.network.forget()
    assert "wallet" not in village.balance()
    for row in [*reversed(inbox), *inbox]:
        if row.source == "at.inbound":
            url = f"/sms/africastalking/{SECRET}/inbound"
            assert inbound.post(url, data=row.body, content_type=row.content_type).status_code == 200
        else:
            url = f"{webhook}/payments/{row.source}/{SECRET}/{row.reference}"
            assert requests.post(url, data=row.body, timeout=5).status_code == 200
    read_sms()
    village.work()
    assert stands() == wanted
    assert sorted(village.told("receipt")) == sorted(told)
    assert [village.shown(key).state for key in keys] == [State.PAID, State.PAID, State.REFUSED]


def forwarded(number: str, reference: str) -> str:
    """MTN Benin's SMS of 2 000 F, as a treasurer's phone forwards it."""
    return (
        f"Vous avez recu un transfert de 2000FCFA de ORA SABI ({NEIGHBOUR[1:]}) le 2026-11-21 17:14:31. "
        f"Reference: {reference}. Nouveau solde: 10482 FCFA. ID de la transaction : {number}."
    )
