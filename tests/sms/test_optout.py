"""Who stopped SMS gets answers, receipts as the law allows, and nothing else, whatever way they said it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, insert, update

import gateway
from gateway.kernel.clock import FixedClock
from gateway.membership.households import sms_stopped, stop_sms
from gateway.sms.africastalking import NAME, AfricasTalking
from gateway.sms.optout import KINDS, Kind, stopped
from gateway.sms.outgoing import TOPIC, Sender
from gateway.sms.port import Handed, SmsPort
from gateway.sms.recording import record_all
from gateway.store.outbox import drain
from gateway.store.schema import message, staff
from gateway.store.unit import Store
from tests.sms.helpers import NUMBER, SECRET, StandIn, on_sqlite

Write = Callable[..., None]
Work = Callable[[SmsPort], int]
Shown = Callable[..., Row[Any]]
Post = Callable[..., int]

OTHER = "+2290100000002"
TEN_MINUTES = timedelta(minutes=10)


def stop(store: Store, msisdn: str = NUMBER, yes: bool = True) -> None:
    with store.write() as unit:
        stop_sms(unit, msisdn, stopped=yes)


def wants_none(store: Store, msisdn: str = NUMBER) -> bool:
    with store.read() as connection:
        return sms_stopped(connection, msisdn)


@pytest.fixture
def without_receipts(store: Store) -> Callable[[SmsPort], None]:
    """Drain the queue where receipts aren't sent to who stopped."""

    def work(port: SmsPort) -> None:
        faults: list[Exception] = []
        drain(store, "receipts", {TOPIC: Sender(store, port, False)}, lambda _, error: faults.append(error))
        assert not faults, faults

    return work


# --- at the moment of sending -----------------------------------------------------------------------------------------


def test_who_stopped_gets_what_concerns_their_money_and_no_reminder(
    store: Store, write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking
) -> None:
    events = ("reminder", "news", "rule", "list", "anything", *KINDS)
    for event in events:
        write(event)
    write("reminder", msisdn=OTHER, key="other")
    stop(store)  # after they were written, before they are sent
    work(port)
    for event in events:
        row = shown(f"{event}:1")
        told = ("sent", None) if event in KINDS else ("skipped", "opted_out")
        assert (row.state, row.reason) == told, event
        assert (row.sends, row.handed_at is None) == ((1, False) if event in KINDS else (0, True))
    assert shown("other").state == "sent"
    assert len(standin.sent()) == len(KINDS) + 1
    assert work(port) == 0


def test_where_receipts_are_stopped_too_answers_and_work_are_left(
    store: Store, write: Write, without_receipts: Work, shown: Shown, standin: StandIn, port: AfricasTalking
) -> None:
    for event in KINDS:
        write(event)
        write(event, msisdn=OTHER, key=f"{event}:other")
    stop(store)
    without_receipts(port)
    for event, kind in KINDS.items():
        sent = kind in (Kind.ANSWER, Kind.WORK)
        assert shown(f"{event}:1").state == ("sent" if sent else "skipped"), event
        assert shown(f"{event}:other").state == "sent"


@pytest.mark.parametrize(("ended", "state"), [(False, "sent"), (True, "skipped")])
@on_sqlite
def test_what_staff_and_members_are_told_alike_is_work_to_staff(
    store: Store,
    clock: FixedClock,
    books: int,
    write: Write,
    without_receipts: Work,
    shown: Shown,
    port: AfricasTalking,
    ended: bool,
    state: str,
) -> None:
    with store.write() as unit:
        row = {"organisation_id": books, "name": "A", "role": "treasurer", "msisdn": NUMBER}
        unit.connection.execute(insert(staff).values(**row, ended_on=clock.now().date() if ended else None))
    write("refund")
    write("receipt")
    stop(store)
    without_receipts(port)
    assert (shown("refund:1").state, shown().state) == (state, "skipped")


@on_sqlite
def test_who_starts_again_gets_what_still_waits(
    store: Store, write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking, clock: FixedClock
) -> None:
    standin.script({"code": 405})
    write("reminder")
    work(port)
    stop(store)
    stop(store, yes=False)
    clock.move(timedelta(minutes=15))
    work(port)
    assert shown("reminder:1").state == "sent"


@on_sqlite
def test_what_waits_for_another_try_is_looked_at_again(
    store: Store, write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking, clock: FixedClock
) -> None:
    standin.script({"code": 405})
    write("reminder")
    work(port)
    assert (shown("reminder:1").state, shown("reminder:1").reason) == ("waiting", "no_credit")
    stop(store)
    clock.move(timedelta(minutes=15))
    work(port)
    assert (shown("reminder:1").state, shown("reminder:1").reason) == ("skipped", "opted_out")
    assert standin.sent() == []


@on_sqlite
def test_an_uncertain_receipt_is_not_sent_again_to_who_wants_none(
    store: Store,
    write: Write,
    without_receipts: Work,
    shown: Shown,
    standin: StandIn,
    port: AfricasTalking,
    clock: FixedClock,
) -> None:
    standin.script({"drop_after": True})
    write()
    without_receipts(port)
    stop(store)
    clock.move(TEN_MINUTES)
    without_receipts(port)
    clock.move(TEN_MINUTES)
    without_receipts(port)
    assert len(standin.sent()) == 1
    assert (shown().state, shown().sends) == ("uncertain", 1)


def test_which_of_many_numbers_are_stopped(store: Store) -> None:
    stop(store)
    stop(store, OTHER)
    stop(store, OTHER, yes=False)
    with store.read() as connection:
        assert stopped(connection, [NUMBER, OTHER, "+2290100000003"]) == {NUMBER}
        assert stopped(connection, []) == set()


# --- who says so to the aggregator ------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["reminder", "receipt"])
def test_an_aggregator_that_has_them_on_its_list_is_believed(
    store: Store,
    write: Write,
    work: Work,
    shown: Shown,
    standin: StandIn,
    port: AfricasTalking,
    clock: FixedClock,
    event: str,
) -> None:
    standin.script({"code": 406})
    write(event)
    write("news", msisdn=OTHER)
    work(port)
    assert (shown(f"{event}:1").state, shown(f"{event}:1").reason) == ("failed", "opted_out")
    assert (wants_none(store), wants_none(store, OTHER)) == (True, False)
    clock.move(timedelta(days=1))
    assert work(port) == 0  # it is final
    write("reminder", key="next")
    write("receipt", key="receipt")
    work(port)
    assert (shown("next").state, shown("receipt").state) == ("skipped", "sent")


@pytest.mark.parametrize("early", [False, True], ids=["after the answer", "before the answer"])
def test_a_report_that_says_so_is_believed_and_final(
    store: Store, write: Write, work: Work, shown: Shown, port: AfricasTalking, report: Post, early: bool
) -> None:
    write("reminder")
    if early:
        report("ATXid_1", "Failed", failureReason="UserInBlackList")
        with store.write() as unit:
            unit.connection.execute(update(message).values(state="sending"))
            record_all(unit, port, [(shown("reminder:1").id, Handed("ATXid_1", None, NAME))])
    else:
        work(port)
        report(shown("reminder:1").aggregator_id, "Failed", failureReason="UserInBlacklist")
    assert (shown("reminder:1").state, shown("reminder:1").reason) == ("failed", "opted_out")
    assert wants_none(store)


@on_sqlite
def test_another_failure_stops_nothing(
    store: Store, write: Write, work: Work, port: AfricasTalking, standin: StandIn, report: Post, shown: Shown
) -> None:
    standin.script({"code": 409}, {"code": 403})
    write("a")
    write("b")
    write("c")
    work(port)
    report(shown("c:1").aggregator_id, "Failed", failureReason="UserIsInactive")
    assert not wants_none(store)


@on_sqlite
def test_who_told_the_aggregator_is_written_to_no_more(
    store: Store, write: Write, work: Work, shown: Shown, web: Any, port: AfricasTalking
) -> None:
    write("reminder")
    form = {"senderId": "COTISA", "phoneNumber": NUMBER}
    assert web.post(f"/sms/africastalking/{SECRET}/optout", data=form).status_code == 200
    work(port)
    assert shown("reminder:1").state == "skipped"


# --- every event has its place ----------------------------------------------------------------------------------------

# Which argument of a call that writes an SMS is its event.
WRITES = {"Outgoing": 0, "tell": 0, "tell_family": 0, "message_to": 1, "message_of": 1, "_to": 1}


def events_written() -> Iterator[tuple[str, str]]:
    """Every event that the program's own code names where it writes an SMS, and where that is."""
    for path in sorted(Path(gateway.__file__).parent.rglob("*.py")):
        text = path.read_text()
        if not any(f"{name}(" in text for name in WRITES):
            continue
        tree = ast.parse(text)
        known = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
            if name not in WRITES:
                continue
            named = [each.value for each in node.keywords if each.arg == "event"]
            given = named or node.args[WRITES[name] : WRITES[name] + 1]
            for each in given:
                event = known.get(each.id) if isinstance(each, ast.Name) else getattr(each, "value", None)
                if isinstance(event, str):
                    yield event, path.name


def test_what_is_written_to_people_one_by_one_is_no_reminder_by_oversight() -> None:
    found = dict(events_written())
    assert {"receipt", "treasurer", "by_code", "registered", "answer", "corrected", "sms_alarm", "alert"} <= set(found)
    assert {event: where for event, where in found.items() if event not in KINDS} == {}
