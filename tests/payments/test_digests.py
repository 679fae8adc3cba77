"""Treasurers are told of each payment, or of an hour's or a day's together: each once, with the ledger's own figure."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from gateway.kernel.faults import Fault
from gateway.kernel.money import MAX_MINOR, Money
from gateway.locale import Say
from gateway.network import staff
from gateway.network.organisations import Network, add_organisation
from gateway.payments import digests
from gateway.payments.cash_corrections import CashCorrected, correct_cash
from gateway.payments.collections import by_key, move
from gateway.payments.day_control import control
from gateway.payments.keepers import keepers
from gateway.payments.providers.base import Paid
from gateway.payments.refunds import Refund, approve, ask_refund
from gateway.payments.refunds import paid as refunds_paid
from gateway.payments.reversing import reverse
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.unasked import standing
from gateway.payments.unasked.assigning import assign
from gateway.payments.unasked.incoming import Known
from gateway.sms.digest_texts import Day, Digest, digest, still_waits, twin
from gateway.sms.gsm7 import parts, septets
from gateway.store import schema
from gateway.store.schema import account, collection, message, outbox
from gateway.store.unit import Store
from tests.payments.commands import Run, on_database_of
from tests.payments.deeds import asked, came, group_of, on_suspense, three_families
from tests.payments.deeds import told as told_of
from tests.payments.village import ON_SQLITE, PAYER, TREASURER, Village, at_once, found, francs

SECOND = "+2290100000905"
UNION = "+2290100000906"
DIALS = "+2290150000002"  # as people type one in a command
# The office's day: it is an hour later there than UTC; quiet from 20:00 to 7:00.
MORNING = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)  # 7:00 there


def chooses(office: Village, how: str, msisdn: str = TREASURER, language: str = "en") -> None:
    """The treasurer wants to be told so, and in English."""
    with office.store.write() as unit:
        one = staff.roles_of(unit.connection, msisdn)[0]
        staff.choose_told(unit, one.id, how)
        unit.connection.execute(update(schema.staff).where(schema.staff.c.id == one.id).values(language=language))


def goes_on(office: Village, until: datetime) -> None:
    """Time passes, with a scheduler that does its rounds: here as each hour begins, and at the end."""
    while office.clock.at < until:
        hour = office.clock.at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        office.clock.at = min(hour, until)
        rounds(office)


def rounds(office: Village) -> None:
    for work in (digests.telling, standing.alerting, standing.reminding):
        for _ in work(office.store, office.network):
            pass


def at(hour: int, minute: int = 0, day: int = 22) -> datetime:
    """A moment of the office's day, as its own clock says it."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=1)


def sent(office: Village, *events: str, msisdn: str = TREASURER) -> list[str]:
    """What goes to a treasurer, in order: what is held doesn't."""
    return [row.text for row in office.messages(*events) if row.msisdn == msisdn and row.state != "skipped"]


def held(office: Village) -> list[str]:
    """The reasons of what isn't sent by itself."""
    return [row.reason for row in office.messages() if row.state == "skipped"]


def due_to_be_sent(office: Village) -> dict[str, datetime]:
    """When each message's work is due, by the message's text."""
    with office.store.read() as connection:
        rows = connection.execute(select(outbox.c.key, outbox.c.due_at).where(outbox.c.topic == "sms.send")).all()
    texts = {f"sms:{row.key}": row.text for row in office.messages()}
    return {texts[row.key]: row.due_at for row in rows}


# Each


@ON_SQLITE
def test_by_day_each_payment_is_told_at_once(office: Village, home: int) -> None:
    office.push(home, 1_500)
    assert [text.split(" ")[0] for text in sent(office, "treasurer")] == ["Recu"]
    goes_on(office, at(23))
    assert len(sent(office)) == 1
    assert held(office) == []


@ON_SQLITE
def test_one_payment_of_the_night_is_told_in_its_own_words_in_the_morning(office: Village, home: int) -> None:
    office.clock.at = at(22)
    office.push(home, 1_500)
    goes_on(office, at(6, 59, day=23))
    assert sent(office) == []
    goes_on(office, MORNING)
    (text,) = sent(office, "treasurer")
    assert text.startswith("Recu 00")
    assert "carte" in text
    goes_on(office, MORNING + timedelta(hours=5))
    assert len(sent(office)) == 1
    assert held(office) == []


def test_several_of_the_night_are_told_together(office: Village, home: int) -> None:
    chooses(office, "each")
    goes_on(office, at(20))
    for amount in (1_500, 500):
        office.push(home, amount)
    office.give(home, office.hire("animator"), 1_000)
    goes_on(office, MORNING)
    assert sent(office) == ["Since 22/11 20:00: 3 payments, 3,000 F. By phone 2,000 F, cash 1,000 F."]
    office.clock.move(timedelta(minutes=1))
    office.push(home, 700)
    assert len(sent(office)) == 2  # by day again at once


# By the hour


def test_by_the_hour_after_each_hour_in_which_something_came(office: Village, home: int) -> None:
    chooses(office, "hour")
    goes_on(office, at(10, 10))
    office.push(home, 1_500)
    goes_on(office, at(10, 59))
    assert sent(office) == []
    goes_on(office, at(13, 30))  # nothing came from 11 to 13
    office.push(home, 500)
    came(office, 700, reference=office.family(home).card)
    goes_on(office, at(14, 10))
    assert sent(office) == [
        "Since 10:00: 1 payment, 1,500 F. By phone.",
        "Since 13:00: 2 payments, 1,200 F. By phone 500 F, merchant code 700 F.",
    ]
    assert set(held(office)) == {"in a digest"}


@ON_SQLITE
def test_the_hours_of_the_night_are_told_in_the_morning(office: Village, home: int) -> None:
    chooses(office, "hour")
    goes_on(office, at(19, 30))
    office.push(home, 100)  # told as the quiet hours begin
    goes_on(office, at(23, 30))
    office.push(home, 200)
    goes_on(office, MORNING - timedelta(minutes=1))
    assert sent(office) == ["Since 19:00: 1 payment, 100 F. By phone."]
    goes_on(office, MORNING)
    assert sent(office)[1:] == ["Since 22/11 20:00: 1 payment, 200 F. By phone."]


# By the day


def test_by_the_day_when_it_becomes_quiet(office: Village, home: int) -> None:
    chooses(office, "day")
    office.push(home, 1_500)
    goes_on(office, at(17))
    office.push(home, 500)
    goes_on(office, at(19, 59))
    assert sent(office) == []
    goes_on(office, at(21))
    office.push(home, 300)  # in the next day's
    goes_on(office, at(20, day=23))
    assert sent(office) == [
        "Since 10:00: 2 payments, 2,000 F. By phone. The ledger agrees.",
        "Since 22/11 20:00: 1 payment, 300 F. By phone. The ledger agrees.",
    ]
    goes_on(office, at(21, day=24))
    assert len(sent(office)) == 2  # nothing came


def test_what_went_back_and_what_stands_on_suspense(office: Village, home: int) -> None:
    chooses(office, "day")
    keys = [office.push(home, amount) for amount in (1_500, 500)]
    on_suspense(office, 2_000)
    with office.store.write() as unit:
        assert reverse(unit, office.network.tree(), keys[1], "FAILED")
        wish = ask_refund(unit, office.network.tree(), collection_key=keys[0], amount=francs(200), reason="too much",
                           by="Awa Bio")  # fmt: skip
        assert isinstance(wish, Refund)
        assert isinstance(approve(unit, wish.number, "Orou Sabi"), Refund)
        assert isinstance(refunds_paid(unit, office.network.tree(), office.chart, wish.number, "MP261122.1"), Refund)
    # These come at once, each in its own words.
    assert [row.event for row in office.messages() if row.msisdn == TREASURER and row.state == "waiting"] == [
        "refund", "reversed", "to_identify"
    ]  # fmt: skip
    goes_on(office, at(20))
    assert sent(office, "digest") == [
        "Since 10:00: 2 payments, 2,000 F. By phone. Taken back: 500 F. Given back: 200 F. To identify: 1, 2,000 F. "
        "The ledger agrees."
    ]


@ON_SQLITE
def test_cash_that_was_corrected_is_taken_back(office: Village, home: int) -> None:
    chooses(office, "hour")
    recorded = office.give(home, office.hire("animator"), 1_000)
    goes_on(office, at(11))
    with office.store.write() as unit:
        done = correct_cash(unit, office.network.tree(), office.chart, recorded.number, "Awa Bio", "typed twice")
    assert isinstance(done, CashCorrected)
    goes_on(office, at(12))
    assert sent(office, "digest") == [
        "Since 10:00: 1 payment, 1,000 F. Cash.",
        "Since 11:00: no payment. Taken back: 1,000 F.",
    ]


@ON_SQLITE
def test_a_groups_payment_is_one(office: Village) -> None:
    homes = three_families(office)
    chooses(office, "day")
    office.confirm(asked(office, group_of(office, homes), 8_700))
    goes_on(office, at(20))
    assert sent(office, "digest") == ["Since 10:00: 1 payment, 8,700 F. By phone. The ledger agrees."]


def test_money_that_is_identified_counts_on_that_day(office: Village, home: int) -> None:
    chooses(office, "day")
    kept = on_suspense(office, 2_000)
    goes_on(office, at(20))
    goes_on(office, at(10, day=23))
    with office.store.write() as unit:
        assign(unit, office.network.tree(), office.chart, kept, office.family(home), "Awa Bio", "her receipt")
    goes_on(office, at(20, day=23))
    assert sent(office, "digest") == ["Since 22/11 20:00: 1 payment, 2,000 F. Merchant code. The ledger agrees."]


@ON_SQLITE
def test_a_large_payment_is_told_at_once_too_and_counted_once(office: Village, home: int) -> None:
    chooses(office, "hour")
    office.push(home, 50_000)
    office.push(home, 50_001)
    assert [text[:7] for text in sent(office)] == ["Receipt"]
    goes_on(office, at(22))
    office.push(home, 60_000)  # nobody is woken for it
    goes_on(office, MORNING)
    assert sent(office, "digest") == [
        "Since 10:00: 2 payments, 100,001 F. By phone.",
        "Since 22/11 20:00: 1 payment, 60,000 F. By phone.",
    ]
    assert len(sent(office, "treasurer")) == 1


# Exactly once


def amounts_told(office: Village) -> int:
    """All money of which any digest, or a confirmation by itself, speaks."""
    with office.store.read() as connection:
        rows = connection.execute(select(message.c.text, message.c.event, message.c.state)).all()
    total = 0
    for row in rows:
        if row.event == "digest":
            total += int(row.text.split(", ")[1].split(" F")[0].replace(",", "").replace(" ", ""))
        elif row.event == "treasurer" and row.state != "skipped":
            total += int(row.text.split(": ")[1].split(" F")[0].replace(",", ""))
    return total


@contextmanager
def dying_at(store: Store, statement: int) -> Iterator[None]:
    """The process dies before the so manieth statement that writes."""
    seen = 0

    def before(_c: Any, _cursor: Any, sql: str, *_: Any) -> None:
        nonlocal seen
        seen += sql.lower().lstrip().startswith(("insert", "update"))
        if seen == statement and sql.lower().lstrip().startswith(("insert", "update")):
            raise KeyboardInterrupt

    event.listen(store.engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(store.engine, "before_cursor_execute", before)


def test_killed_at_any_moment_nothing_is_lost_or_told_twice(office: Village, home: int) -> None:
    chooses(office, "day")
    office.push(home, 1_500)
    office.push(home, 500)
    office.clock.at = at(20, 0) + timedelta(seconds=20)
    deaths = 0
    for statement in range(1, 20):
        try:
            with dying_at(office.store, statement):
                rounds(office)
        except KeyboardInterrupt:
            deaths += 1
            assert sent(office) == []
        else:
            break
    assert deaths >= 2
    rounds(office)
    assert sent(office) == ["Since 10:00: 2 payments, 2,000 F. By phone. The ledger agrees."]


def test_two_schedulers_at_once_tell_it_once(office: Village, home: int) -> None:
    chooses(office, "hour")
    for hour in range(11, 16):
        office.push(home, 1_000)
        office.clock.at = at(hour)
        at_once(3, lambda: rounds(office))
    assert len(sent(office)) == 5
    assert amounts_told(office) == 5_000


def test_payments_that_are_posted_meanwhile_are_told_once(office: Village, home: int) -> None:
    chooses(office, "hour")
    animator = office.hire("animator")
    over = threading.Event()

    def pay() -> None:
        try:
            for _ in range(20):
                office.give(home, animator, 100)
                office.clock.move(timedelta(minutes=11))
        finally:
            over.set()

    def schedule() -> None:
        while not over.is_set():
            rounds(office)

    with ThreadPoolExecutor(3) as threads:
        for running in [threads.submit(pay), threads.submit(schedule), threads.submit(schedule)]:
            running.result()
    goes_on(office, office.clock.at + timedelta(hours=2))
    assert amounts_told(office) == 2_000
    assert len(sent(office)) >= 2


def test_a_long_outage_makes_one_digest_of_all_of_it(office: Village, home: int) -> None:
    chooses(office, "hour")
    goes_on(office, at(10))
    for times in range(12):
        office.clock.at = at(10) + timedelta(hours=5 * times, minutes=1)
        office.push(home, 100)
    assert sent(office) == []
    office.clock.at = at(3, day=25)  # by night nobody is written to
    rounds(office)
    assert sent(office) == []
    goes_on(office, at(7, day=25))
    assert sent(office, "digest") == ["Since 22/11 10:00: 12 payments, 1,200 F. By phone."]


@ON_SQLITE
def test_a_payment_that_is_committed_late_is_in_the_next(office: Village, home: int) -> None:
    """It was begun before the hour was over, and nobody saw it when the hour was told."""
    chooses(office, "hour")
    goes_on(office, at(10, 30))
    office.push(home, 100)
    goes_on(office, at(11))
    office.clock.at = at(10, 59)
    office.push(home, 300)
    office.clock.at = at(11, 5)
    goes_on(office, at(12, 10))
    assert sent(office) == [
        "Since 10:00: 1 payment, 100 F. By phone.",
        "Since 10:59: 1 payment, 300 F. By phone.",
    ]


@ON_SQLITE
def test_after_a_clock_that_was_wrong_it_goes_on(office: Village, home: int) -> None:
    chooses(office, "hour")
    goes_on(office, at(10, 30))
    office.clock.at = at(12, day=30)
    rounds(office)
    office.clock.at = at(10, 31)
    office.push(home, 100)
    goes_on(office, at(13))
    assert sent(office) == ["Since 10:31: 1 payment, 100 F. By phone."]


@pytest.mark.parametrize(
    ("ways", "texts"),
    [
        (("each", "hour"), 2),
        (("each", "day"), 2),
        (("hour", "each"), 2),
        (("hour", "day"), 1),
        (("day", "each"), 2),
        (("day", "hour"), 2),
        (("hour", "day", "each", "hour"), 3),
    ],
)
@ON_SQLITE
def test_a_change_of_the_way_loses_nothing(office: Village, home: int, ways: tuple[str, ...], texts: int) -> None:
    count = 0
    for hour, how in enumerate(ways, 10):
        chooses(office, how)
        goes_on(office, at(hour, 15))
        office.push(home, 1_000)
        count += 1
        goes_on(office, at(hour, 45))
    goes_on(office, at(20, day=23))
    assert amounts_told(office) == count * 1_000
    assert not [reason for reason in held(office) if reason != "in a digest"]
    assert len(sent(office)) == texts


@ON_SQLITE
def test_the_day_counts_what_was_told_before_the_change(office: Village, home: int) -> None:
    chooses(office, "each")
    office.push(home, 1_000)
    chooses(office, "day")
    office.push(home, 500)
    goes_on(office, at(20))
    assert sent(office, "digest") == ["Since 10:00: 1 payment, 500 F. By phone. Whole day: 1,500 F, as in the ledger."]


@ON_SQLITE
def test_treasurers_are_told_each_in_their_way(office: Village, home: int) -> None:
    office.hire("treasurer", SECOND, name="Awa Bio")
    chooses(office, "hour")
    office.push(home, 1_500)
    goes_on(office, at(11))
    assert len(sent(office, "treasurer")) == 0
    assert len(sent(office, "treasurer", msisdn=SECOND)) == 1
    assert len(sent(office, "digest")) == 1
    assert sent(office, "digest", msisdn=SECOND) == []


# The ledger


def tampered(office: Village, key: str) -> None:
    """Somebody changes in the database what a payment brought."""
    with office.store.write() as unit:
        unit.connection.execute(update(collection).where(collection.c.key == key).values(paid_minor=900))


def test_a_ledger_that_does_not_agree_is_told_and_shouted(
    office: Village, home: int, caplog: pytest.LogCaptureFixture
) -> None:
    chooses(office, "day")
    office.push(home, 500)
    tampered(office, office.push(home, 1_500))
    with caplog.at_level(logging.ERROR):
        goes_on(office, at(20))
    assert sent(office, "digest") == [
        "Since 10:00: 2 payments, 2,000 F. By phone. Whole day: 1,400 F. The ledger does NOT agree: 2,000 F."
    ]
    (shouted,) = {record.getMessage() for record in caplog.records if record.levelno == logging.ERROR}
    assert "payments of m on the day" in shouted
    assert "1400 by their states, 2000 by the ledger's lines" in shouted


def test_lines_that_were_moved_to_another_account_are_seen(office: Village, home: int) -> None:
    """Money that left the wallet's account behind the program's back."""
    chooses(office, "day")
    office.push(home, 1_500)
    with office.store.write() as unit:
        wallet = select(account.c.id).where(account.c.role == "wallet").scalar_subquery()
        fees = select(account.c.id).where(account.c.role == "fees").scalar_subquery()
        if office.store.is_postgresql:
            unit.connection.exec_driver_sql("alter table line disable trigger all")
        else:
            names = unit.connection.exec_driver_sql(
                "select name from sqlite_master where type = 'trigger' and tbl_name = 'line'"
            ).scalars()
            for name in names.all():
                unit.connection.exec_driver_sql(f"drop trigger {name}")
        unit.connection.execute(update(schema.line).where(schema.line.c.account_id == wallet).values(account_id=fees))
    goes_on(office, at(20))
    assert sent(office, "digest") == ["Since 10:00: 1 payment, 1,500 F. By phone. The ledger does NOT agree: 0 F."]


def test_payments_and_ledger_are_the_same_whatever_happens(office: Village, home: int) -> None:
    """Cash, another currency, suspense, a part taken back, a group: neither side sees what the other doesn't."""
    tree = office.network.tree()
    office.give(home, office.treasurer, 1_000)
    office.give(home, office.hire("animator"), 200)
    key = office.push(home, 1_500)
    came(office, 300, reference=office.family(home).card, stands_on="bank")
    on_suspense(office, 4_000)
    with office.store.write() as unit:
        assert reverse(unit, tree, key, "FAILED", francs(100), "R7")
        assert reverse(unit, tree, key, "FAILED")
    with office.store.read() as connection:
        (came_in,) = control(connection, at(0), at(23)).values()
        assert control(connection, at(23), at(0, day=23)) == {}
    assert (came_in.payments_minor, came_in.ledger_minor) == (3_000, 3_000)


# Whose


@ON_SQLITE
def test_the_nearest_treasurers_keep_the_books(store: Store, network: Network, clock: Any) -> None:
    with store.write() as unit:
        union = add_organisation(unit, None, kind="union", code="u", name="Union", keeps_books=True)
        staff.add(unit, union[0], "Awa Bio", "treasurer", UNION, "en")
    place = found(store, network, above=union)
    office = Village(store, network, clock, place)
    with store.write() as unit:
        other = add_organisation(unit, union, kind="mutuelle", code="n", name="Autre", keeps_books=True)
        add_organisation(unit, other, kind="section", code="n-1", name="Loin")
    network.forget()
    with store.read() as connection:
        whose = {one.msisdn: set(one.books) for one in keepers(connection, network.tree())}
    assert whose == {TREASURER: {place.books.id}, UNION: {union[0], other[0]}}
    home = office.register().household_id
    chooses(office, "day")
    chooses(office, "day", UNION)
    office.push(home, 1_500)
    goes_on(office, at(20))
    assert len(sent(office, "digest")) == 1
    assert sent(office, msisdn=UNION) == []


# Suspense


def test_money_on_suspense_is_told_at_once_and_each_morning_after_a_day(office: Village, home: int) -> None:
    chooses(office, "each")
    goes_on(office, at(10, 30))
    kept = on_suspense(office, 2_000)
    came(office, 500, payer=None)
    assert [text[:26] for text in sent(office)] == ["Money to identify: 2,000 F", "Money to identify: 500 F, "]
    goes_on(office, at(10, day=23))
    assert len(sent(office)) == 2  # not yet for a day
    goes_on(office, at(12, day=24))
    goes_on(office, at(12, day=25))
    assert sent(office, "suspense") == 2 * [
        "To identify for more than a day: 2 payments, 2,500 F in all. It counts for nobody until somebody says whose "
        "it is."
    ]
    with office.store.write() as unit:
        assign(unit, office.network.tree(), office.chart, kept, office.family(home), "Awa Bio", "her receipt")
    goes_on(office, at(12, day=26))
    assert sent(office, "suspense")[2:] == [
        "To identify for more than a day: 1 payment, 500 F. It counts for nobody until somebody says whose it is."
    ]


@ON_SQLITE
def test_by_night_it_is_told_when_the_quiet_hours_end(office: Village) -> None:
    chooses(office, "each")
    office.clock.at = at(22)
    on_suspense(office, 2_000)
    assert [(text[:17], when) for text, when in due_to_be_sent(office).items() if text.startswith("Money")] == [
        ("Money to identify", MORNING)
    ]


def test_money_of_another_currency_is_told_as_such(office: Village, home: int) -> None:
    chooses(office, "day")
    key = office.pay(home, 1_500)
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
        paid = Paid(Money(300, "XAF"), "op-1", PAYER, "SUCCESSFUL")
        assert post_paid(unit, office.network.tree(), office.chart, key, paid)
    (text,) = sent(office)
    assert text.endswith("To identify.")
    goes_on(office, at(12, day=24))
    assert sent(office, "digest") == []
    assert [text[:64] for text in sent(office, "suspense")] == [
        "To identify for more than a day: 1 payment, 300 F. It counts for"
    ]


def test_a_transaction_that_came_twice_is_told_once(office: Village) -> None:
    chooses(office, "day")
    on_suspense(office, 2_000, operator_id="7000000001")
    office.clock.at = at(21)
    again = office.see(told_of(office, 2_500, operator_id="7000000001"))
    assert isinstance(again, Known)
    assert again.case is not None
    goes_on(office, at(6, 50, day=23))
    assert sent(office, "alert") == []
    goes_on(office, at(8, day=23))
    at_once(2, lambda: rounds(office))
    (text,) = sent(office, "alert")
    assert text.endswith("payment 7000000001 of 2,000 F came twice, not the same. "
                         "Compare it with the operator's statement.")  # fmt: skip


# Texts

LARGEST = Money(MAX_MINOR, "BIF")
LONGEST = Digest(
    since="22/11 20:00",
    count=1_000_000,
    came=LARGEST,
    ways={"push": LARGEST, "reference": LARGEST, "cash": LARGEST},
    back=LARGEST,
    given=Money(0, "BIF"),
    suspense=(100_000, LARGEST),
)


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(
    "day", [None, Day(LARGEST, LARGEST), Day(LARGEST, -LARGEST), Day(Money(MAX_MINOR - 1, "BIF"), LARGEST)]
)
def test_the_longest_digest_is_one_part(language: str, day: Day | None) -> None:
    say = Say(language)
    for told in (LONGEST, replace(LONGEST, back=Money(MAX_MINOR // 2, "BIF"), given=Money(MAX_MINOR // 2, "BIF"))):
        text = digest(say, replace(told, day=day))
        assert parts(text) == 1, (septets(text), text)
        assert "1,000,000,000,000" in text.replace(" ", ",")
        assert ("NOT agree" in text or "PAS" in text) == (day is not None and day.payments != day.ledger)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_longest_reminder_and_alert_are_one_part(language: str) -> None:
    say = Say(language)
    for text in (still_waits(say, 100_000, LARGEST), twin(say, "1234567", LARGEST, "X" * 30)):
        assert parts(text) == 1, (septets(text), text)


# The command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, office: Village) -> Run:
    return on_database_of(office, monkeypatch)


@ON_SQLITE
def test_the_office_chooses_and_sees_it(office: Village, run: Run) -> None:
    office.hire("treasurer", DIALS)
    office.hire("animator", DIALS)
    assert "told of the payments of a day together" in run("staff", "told", DIALS, "m", "day")
    assert told_by(run) == ["", "each", "day"]
    run("staff", "told", "01 50 00 00 02", "m", "each")
    assert told_by(run) == ["", "each", "each"]
    with pytest.raises(Fault, match=r"\+229…03 is not treasurer of m"):
        run("staff", "told", "01 50 00 00 03", "m", "day")


def told_by(run: Run) -> list[str]:
    return [one["told"] for one in json.loads(run("staff", "list", "--json"))]


@ON_SQLITE
def test_whoever_is_treasurer_no_more_is_told_nothing(office: Village, home: int) -> None:
    chooses(office, "hour")
    office.push(home, 1_500)
    with office.store.write() as unit:
        staff.end(unit, staff.roles_of(unit.connection, TREASURER)[0].id, office.clock.now().date())
    goes_on(office, at(12))
    assert sent(office) == []
