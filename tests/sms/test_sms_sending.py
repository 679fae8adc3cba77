"""Promise 6 for SMS: queued once with its cause, handed over once, and what becomes of it when nobody can tell."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row, delete, select

from gateway.kernel.clock import FixedClock
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.outgoing import TOPIC, Outgoing, Sender, queue_messages
from gateway.sms.port import Answer, NoSms, SmsPort
from gateway.sms.recording import RECEIPT_EVENTS
from gateway.store.outbox import CLAIM, Ask, ages, claim, put
from gateway.store.schema import message, outbox
from gateway.store.unit import Store
from tests.sms.helpers import LOST, NUMBER, Around, StandIn, on_sqlite

Write = Callable[..., None]
Work = Callable[[SmsPort], int]
Shown = Callable[..., Row[Any]]

TEN_MINUTES = timedelta(minutes=10)
MOMENT = timedelta(seconds=1)
DROPPED = {"drop_after": True}


def power_cut(_: Answer) -> None:
    """Nothing after this point runs, as after kill -9: the worker's loop doesn't catch it."""
    raise SystemExit


# --- queueing ---------------------------------------------------------------------------------------------------------


def test_a_message_is_queued_folded_and_counted_and_sent_once(
    store: Store, write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking
) -> None:
    write(text="Reçu n° 12, sœur Noël 👍" + "é" * 150)
    row = shown()
    assert (row.text, row.parts, row.state) == ("Recu no 12, soeur Noel " + "é" * 150, 2, "waiting")
    assert work(port) == 1
    assert work(port) == 0
    (sent,) = standin.sent()
    assert (sent["to"], sent["message"]) == (NUMBER, row.text)
    row = shown()
    assert (row.state, row.aggregator_id, row.cost, row.sends, row.handed_at) == (
        "sent",
        sent["id"],
        "XOF 12.0000",
        1,
        store.clock.now(),
    )


def test_a_message_whose_key_is_known_is_left_alone(
    store: Store, books: int, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking
) -> None:
    def one(key: str, text: str) -> Outgoing:
        return Outgoing("receipt", NUMBER, "fr", text, books, None, key)

    with store.write() as unit:
        queue_messages(unit, "receipts", one("a", "first"), one("b", "second"), one("a", "third"))
        assert unit.rings == {"receipts"}
    with store.write() as unit:
        queue_messages(unit, "receipts", one("b", "fourth"), one("c", "fifth"))
        queue_messages(unit, "receipts", one("a", "sixth"))
        queue_messages(unit, "receipts")
    with store.read() as connection:
        assert set(connection.scalars(select(outbox.c.key))) == {"sms:a", "sms:b", "sms:c"}
        assert {str(one) for one in connection.scalars(select(message.c.id))} == set(subjects(store))
    work(port)
    assert [one["message"] for one in standin.sent()] == ["first", "second", "fifth"]
    assert shown("a").text == "first"
    with store.write() as unit:  # as when what is done has been cleared away
        unit.connection.execute(delete(outbox))
        queue_messages(unit, "receipts", one("a", "seventh"))
    work(port)
    assert len(standin.sent()) == 3


def subjects(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.scalars(select(outbox.c.subject).where(outbox.c.topic == TOPIC)))


def test_a_message_is_undone_with_its_cause(store: Store, books: int) -> None:
    def cause() -> None:
        with store.write() as unit:
            queue_messages(unit, "receipts", Outgoing("receipt", NUMBER, "fr", "Recu 12", books, None, "a"))
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        cause()
    assert subjects(store) == []


def test_a_thousand_are_queued_at_once(store: Store, books: int) -> None:
    many = [Outgoing("reminder", NUMBER, "fr", "Bonjour", books, None, f"r:{n}") for n in range(1500)]
    with store.write() as unit:
        queue_messages(unit, "receipts", *many)
    assert len(set(subjects(store))) == 1500
    assert len(claim(store, "receipts")) == 100


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "state", "reason", "sends"),
    [
        ({}, "sent", None, 1),
        ({"code": 100}, "sent", None, 1),
        ({"code": 102}, "sent", None, 1),
        ({"code": 401}, "failed", "risk_hold", 0),
        ({"code": 402}, "waiting", "invalid_sender", 0),
        ({"code": 403}, "failed", "bad_number", 0),
        ({"code": 404}, "failed", "unsupported_number", 0),
        ({"code": 405}, "waiting", "no_credit", 0),
        ({"code": 406}, "failed", "opted_out", 0),
        ({"code": 407}, "failed", "no_route", 0),
        ({"code": 409}, "failed", "do_not_disturb", 0),
        ({"code": 500}, "waiting", "aggregator_error", 0),
        ({"code": 501}, "waiting", "gateway_error", 0),
        ({"code": 502}, "failed", "rejected_by_gateway", 0),
        ({"code": 777}, "uncertain", "777 Unheard", 1),
        ({"http": 503}, "waiting", "unavailable", 0),
        ({"http": 401}, "waiting", "bad_credentials", 0),
        ({"http": 500}, "uncertain", "HTTP 500", 1),
        ({"empty_recipients": "InvalidPhoneNumber"}, "failed", "bad_number", 0),
        ({"text_answer": "OK"}, "uncertain", "unreadable_answer", 1),
        (DROPPED, "uncertain", "no_answer", 1),
        ({"drop_before": True}, "uncertain", "no_answer", 1),
        (LOST, "uncertain", "no_answer", 1),
    ],
    ids=str,
)
@on_sqlite
def test_states(
    write: Write,
    work: Work,
    shown: Shown,
    standin: StandIn,
    port: AfricasTalking,
    does: dict[str, Any],
    state: str,
    reason: str | None,
    sends: int,
) -> None:
    standin.script(does)
    write()
    work(port)
    row = shown()
    assert (row.state, row.reason, row.sends) == (state, reason, sends)


@pytest.mark.parametrize(
    ("does", "waits_s"),
    [
        ({"code": 405}, [900, 900]),
        ({"http": 401}, [900, 900]),
        ({"code": 500}, [30, 30, 60, 300, 900, 900]),
        ({"http": 429}, [30, 30, 60, 300, 900, 900]),
    ],
    ids=str,
)
@on_sqlite
def test_what_was_certainly_not_taken_is_tried_again_with_growing_patience(
    clock: FixedClock,
    write: Write,
    work: Work,
    shown: Shown,
    standin: StandIn,
    port: AfricasTalking,
    does: dict[str, Any],
    waits_s: list[int],
) -> None:
    standin.script(*[does] * len(waits_s))
    write("reminder")
    for wait_s in waits_s:
        assert work(port) == 1
        clock.move(timedelta(seconds=wait_s) - MOMENT)
        assert work(port) == 0
        clock.move(MOMENT)
        assert shown("reminder:1").state == "waiting"
    assert standin.sent() == []
    work(port)
    assert len(standin.sent()) == 1
    row = shown("reminder:1")
    assert (row.state, row.sends, row.reason) == ("sent", 1, None)


def test_without_an_aggregator_messages_wait_and_are_seen_to_wait(
    store: Store,
    clock: FixedClock,
    write: Write,
    work: Work,
    shown: Shown,
    standin: StandIn,
    port: AfricasTalking,
    caplog: Any,
) -> None:
    write()
    nobody = NoSms()
    for _ in range(3):
        work(nobody)
        clock.move(timedelta(minutes=16))
    assert (shown().state, shown().reason) == ("waiting", "no_aggregator")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    with store.read() as connection:
        assert ages(connection, clock.now())["receipts"][0] == 1
    work(port)
    assert len(standin.sent()) == 1


# --- nobody can tell --------------------------------------------------------------------------------------------------


def test_which_messages_are_receipts() -> None:
    assert {"receipt", "treasurer", "digest", "not_paid", "registered"} == RECEIPT_EVENTS


@pytest.mark.parametrize(
    ("event", "lost"), [("receipt", LOST), ("treasurer", DROPPED), ("not_paid", DROPPED), ("registered", DROPPED)]
)
@on_sqlite
def test_a_receipt_whose_answer_was_lost_is_sent_once_more_after_ten_minutes_and_never_again(
    clock: FixedClock,
    write: Write,
    work: Work,
    shown: Shown,
    standin: StandIn,
    port: AfricasTalking,
    event: str,
    lost: dict[str, Any],
) -> None:
    standin.script(lost, lost)
    write(event)
    work(port)
    for _ in range(10):  # whatever rings meanwhile
        clock.move(timedelta(seconds=59))
        work(port)
        assert len(standin.sent()) == 1
        row = shown(f"{event}:1")
        assert (row.state, row.reason, row.sends) == ("uncertain", "no_answer", 1)
    clock.move(timedelta(seconds=10))
    work(port)
    first, second = standin.sent()
    assert (first["to"], first["message"]) == (second["to"], second["message"])
    assert (shown(f"{event}:1").state, shown(f"{event}:1").sends) == ("uncertain", 2)
    for _ in range(10):
        clock.move(TEN_MINUTES)
        assert work(port) == 0
    assert len(standin.sent()) == 2
    assert shown(f"{event}:1").state == "uncertain"


def test_the_second_hand_over_is_recorded_like_any(
    clock: FixedClock, write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking
) -> None:
    standin.script(DROPPED)
    write()
    work(port)
    clock.move(TEN_MINUTES)
    work(port)
    assert (shown().state, shown().reason, shown().sends) == ("sent", None, 2)
    assert shown().aggregator_id == standin.sent()[1]["id"]


@on_sqlite
def test_another_message_is_never_sent_again(
    clock: FixedClock, write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking
) -> None:
    standin.script(DROPPED)
    write("reminder")
    work(port)
    for _ in range(5):
        clock.move(TEN_MINUTES)
        assert work(port) == 0
    assert len(standin.sent()) == 1
    assert (shown("reminder:1").state, shown("reminder:1").sends) == ("uncertain", 1)


@pytest.mark.parametrize(
    ("does", "reason", "tries"),
    [({"code": 406}, "opted_out", 1), ({"http": 503}, "unavailable", 2)],
    ids=str,
)
@on_sqlite
def test_a_second_hand_over_that_is_turned_down_says_nothing_of_the_first(
    clock: FixedClock,
    write: Write,
    work: Work,
    shown: Shown,
    standin: StandIn,
    port: AfricasTalking,
    does: dict[str, Any],
    reason: str,
    tries: int,
) -> None:
    standin.script(DROPPED, does)
    write()
    work(port)
    clock.move(TEN_MINUTES)
    work(port)
    assert (shown().state, shown().reason, shown().sends) == ("uncertain", reason, 1)
    clock.move(TEN_MINUTES)
    work(port)
    assert len(standin.sent()) == tries


@pytest.mark.parametrize(("event", "hand_overs"), [("receipt", 2), ("reminder", 1)])
def test_a_worker_killed_between_the_call_and_its_record(
    clock: FixedClock,
    write: Write,
    work: Work,
    shown: Shown,
    standin: StandIn,
    port: AfricasTalking,
    event: str,
    hand_overs: int,
) -> None:
    write(event)
    with pytest.raises(SystemExit):
        work(Around(port, power_cut))
    assert shown(f"{event}:1").state == "sending"
    assert work(port) == 0  # still claimed by the dead
    clock.move(CLAIM + MOMENT)
    assert work(port) == 1
    row = shown(f"{event}:1")
    assert (row.state, row.reason, row.sends) == ("uncertain", "interrupted", 1)
    assert len(standin.sent()) == 1
    for _ in range(5):
        clock.move(TEN_MINUTES)
        work(port)
    assert len(standin.sent()) == hand_overs
    assert shown(f"{event}:1").sends == hand_overs


def test_a_worker_killed_in_the_second_hand_over_is_the_last(
    clock: FixedClock, write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking
) -> None:
    standin.script(DROPPED)
    write()
    work(port)
    clock.move(TEN_MINUTES)
    with pytest.raises(SystemExit):
        work(Around(port, power_cut))
    for _ in range(5):
        clock.move(TEN_MINUTES)
        work(port)
    assert len(standin.sent()) == 2
    assert (shown().state, shown().sends) == ("uncertain", 2)


def test_a_worker_that_was_only_slow_still_records_what_it_knows(
    clock: FixedClock, write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking
) -> None:
    seen = []

    def another_worker(_: Answer) -> None:
        clock.move(CLAIM + MOMENT)  # our claim has run out, and another finds the message in our hands
        work(port)
        seen.append(shown().state)

    write()
    work(Around(port, another_worker))
    assert seen == ["uncertain"]
    assert (shown().state, shown().sends) == ("sent", 1)
    clock.move(TEN_MINUTES)
    work(port)
    assert len(standin.sent()) == 1


def test_what_cannot_be_told_is_logged_without_number_or_text(
    write: Write, work: Work, standin: StandIn, port: AfricasTalking, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    standin.script(DROPPED)
    write(text="Recu 4711")
    work(port)
    assert "may or may not have been sent" in caplog.text
    assert NUMBER[1:] not in caplog.text
    assert "4711" not in caplog.text


def test_a_task_without_its_message_is_closed(store: Store, work: Work, port: AfricasTalking, caplog: Any) -> None:
    with store.write() as unit:
        put(unit, Ask("receipts", TOPIC, "00000000-0000-7000-8000-000000000000", "sms:gone"))
    assert work(port) == 1
    assert work(port) == 0
    assert "no such message" in caplog.text


def test_a_sender_takes_what_the_outbox_hands_it(
    store: Store, write: Write, standin: StandIn, port: AfricasTalking
) -> None:
    write()
    (task,) = claim(store, "receipts")
    sender = Sender(store, port)
    assert sender(task) is None
    assert sender(task) is None  # handled again, as any row may be
    assert len(standin.sent()) == 1
