"""What a message centre delivers is stored, applied and only then acknowledged, whenever it comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row, event, select

from gateway.kernel.clock import FixedClock
from gateway.sms.port import SmsPort
from gateway.sms.smpp.port import Smpp
from gateway.sms.words import read_inbound
from gateway.store.schema import message, notice, outbox
from gateway.store.unit import Store
from tests.sms.helpers import NUMBER, on_sqlite
from tests.sms.smsc import Smsc, until

TO = NUMBER.removeprefix("+")
Write = Callable[..., None]
Work = Callable[[SmsPort], int]
Shown = Callable[..., Row[Any]]


@pytest.fixture(scope="module")
def running() -> Iterator[Smsc]:
    running = Smsc()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def running_hex() -> Iterator[Smsc]:
    running = Smsc("--hex")
    yield running
    running.stop()


@pytest.fixture
def smsc(running: Smsc) -> Smsc:
    running.begin()
    return running


@pytest.fixture
def port(store: Store, smsc: Smsc) -> Iterator[Smpp]:
    yield smsc.port_of(store)
    smsc.begin()  # nobody takes what is delivered into a database that is gone


def reported(smsc: Smsc, its_id: str, stat: str = "DELIVRD", **more: object) -> int | None:
    """Deliver a receipt; with what it was acknowledged."""
    status: int | None = smsc.play("report", {"id": its_id, "stat": stat, "to": TO, **more})["status"]
    return status


@pytest.mark.parametrize(
    ("stat", "state", "reason"),
    [
        ("DELIVRD", "delivered", None),
        ("ACCEPTD", "sent", None),
        ("ENROUTE", "sent", None),
        ("EXPIRED", "failed", "absent"),
        ("DELETED", "failed", "deleted"),
        ("UNDELIV", "failed", "delivery_failure"),
        ("REJECTD", "failed", "rejected_by_gateway"),
        ("UNKNOWN", "sent", None),
        ("SIDEWAY", "sent", None),
    ],
)
@pytest.mark.parametrize("tlv", [False, True], ids=["text", "parameters"])
@on_sqlite
def test_each_state_has_its_outcome(
    store: Store, write: Write, work: Work, shown: Shown, smsc: Smsc, port: Smpp,
    stat: str, state: str, reason: str | None, tlv: bool,
) -> None:  # fmt: skip
    write()
    work(port)
    [sent] = smsc.sent()
    assert (shown().state, shown().aggregator, shown().aggregator_id) == ("sent", "smpp", sent["id"])
    assert reported(smsc, sent["id"], stat, tlv=tlv) == 0
    assert (shown().state, shown().reason, shown().report) == (state, reason, stat)
    with store.read() as connection:
        kept = connection.execute(select(notice)).one()
    assert (kept.source, kept.reference) == ("smpp.delivery", sent["id"])


def test_a_receipt_that_comes_before_the_answer_is_applied_with_it(
    store: Store, write: Write, work: Work, shown: Shown, smsc: Smsc, port: Smpp
) -> None:
    smsc.script({"early": True})
    write()
    work(port)
    row = shown()
    assert (row.state, row.aggregator_id, row.report) == ("delivered", smsc.sent()[0]["id"], "DELIVRD")
    assert smsc.bound()["acknowledged"] == [0]


def test_a_receipt_settles_what_nobody_answered(write: Write, work: Work, shown: Shown, smsc: Smsc, port: Smpp) -> None:
    smsc.script({"drop_after": True})
    write()
    work(port)
    assert (shown().state, shown().reason, shown().aggregator) == ("uncertain", "no_answer", "smpp")
    assert port.keep() is None
    assert reported(smsc, smsc.sent()[0]["id"]) == 0
    assert (shown().state, shown().aggregator_id) == ("delivered", smsc.sent()[0]["id"])


@on_sqlite
def test_states_never_go_back_and_strangers_change_nothing(
    store: Store, write: Write, work: Work, shown: Shown, smsc: Smsc, port: Smpp
) -> None:
    write()
    work(port)
    its_id = smsc.sent()[0]["id"]
    assert [reported(smsc, its_id, stat) for stat in ("DELIVRD", "ENROUTE", "UNDELIV", "DELIVRD")] == [0] * 4
    assert reported(smsc, "77", "UNDELIV") == 0
    assert reported(smsc, its_id, text="nothing that anybody could read") == 0
    assert reported(smsc, its_id, "EXPIRED", tlv="unended") == 0  # an id that ends without its zero
    assert shown().state == "delivered"
    with store.read() as connection:
        references = connection.scalars(select(notice.c.reference).order_by(notice.c.id)).all()
    assert references == [its_id] * 4 + ["77", "", its_id]


@on_sqlite
def test_another_aggregator_s_message_of_the_same_id_is_left_alone(
    store: Store, write: Write, work: Work, shown: Shown, smsc: Smsc, port: Smpp
) -> None:
    write()
    work(port)
    its_id = smsc.sent()[0]["id"]
    with store.write() as unit:
        unit.connection.execute(message.update().values(aggregator="africastalking"))
    reported(smsc, its_id, "UNDELIV")
    assert shown().state == "sent"


@on_sqlite
def test_ids_in_hexadecimal_are_found_by_their_decimal_receipts(
    store: Store, write: Write, work: Work, shown: Shown, running_hex: Smsc
) -> None:
    port = running_hex.port_of(store, ids="hex-decimal")
    write()
    work(port)
    answered = running_hex.sent()[-1]["id"]
    assert shown().aggregator_id == str(int(answered, 16))
    assert reported(running_hex, shown().aggregator_id) == 0
    assert shown().state == "delivered"
    assert reported(running_hex, answered, "DELIVRD", tlv=True, text="id:12 stat:DELIVRD") == 0
    with store.read() as connection:
        assert connection.scalars(select(notice.c.reference).order_by(notice.c.id)).all()[-1] == shown().aggregator_id
    port.close()


@on_sqlite
def test_what_can_t_be_stored_is_not_acknowledged_and_comes_again(
    store: Store, write: Write, work: Work, shown: Shown, smsc: Smsc, port: Smpp, caplog: pytest.LogCaptureFixture
) -> None:
    from sqlalchemy.exc import OperationalError

    write()
    work(port)
    its_id = smsc.sent()[0]["id"]

    def refuse(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("disk full"))

    event.listen(store.engine, "before_cursor_execute", refuse)
    try:
        with caplog.at_level(logging.CRITICAL):
            assert reported(smsc, its_id) == 0x64
    finally:
        event.remove(store.engine, "before_cursor_execute", refuse)
    assert shown().state == "sent"
    assert reported(smsc, its_id) == 0
    assert shown().state == "delivered"


def test_receipts_come_while_nobody_sends(
    store: Store, write: Write, work: Work, shown: Shown, smsc: Smsc, port: Smpp, clock: FixedClock
) -> None:
    """Whoever sent is gone; another process holds a line, and takes them."""
    write()
    work(port)
    port.close()
    until(lambda: smsc.bound()["now"] == 0)
    assert reported(smsc, smsc.sent()[0]["id"]) is None
    listener = smsc.port_of(store)
    assert listener.keep() is None
    clock.move(timedelta(hours=1))
    assert reported(smsc, smsc.sent()[0]["id"]) == 0
    assert shown().state == "delivered"


@on_sqlite
def test_a_person_s_sms_is_kept_and_read_like_any_other(store: Store, smsc: Smsc, port: Smpp) -> None:
    port.keep()
    assert smsc.play("deliver", {"from": TO, "to": "8500", "text": "SOLDE é à"})["status"] == 0
    with store.read() as connection:
        kept = connection.execute(select(notice.c.id)).scalar_one()
        sms = read_inbound(connection, kept)
        work = connection.execute(select(outbox.c.queue, outbox.c.topic, outbox.c.subject)).one()
    assert sms is not None
    assert (sms.sender, sms.text) == (NUMBER, "SOLDE é à")
    assert tuple(work) == ("replies", "sms.read", str(kept))
