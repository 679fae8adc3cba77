"""What Africa's Talking tells us later: kept before it is answered, applied in any order, believed only forwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Row, select, update
from werkzeug.serving import make_server

from gateway.kernel.clock import FixedClock
from gateway.membership.households import sms_stopped
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.port import Answer, Handed, SmsPort
from gateway.sms.web import LARGEST_NOTICE, sms_blueprint
from gateway.store.schema import message, notice
from gateway.store.unit import Store
from tests.sms.helpers import LOST, NUMBER, READ_TIMEOUT_S, SECRET, Around, StandIn, on_sqlite

Write = Callable[..., None]
Work = Callable[[SmsPort], int]
Shown = Callable[..., Row[Any]]
Post = Callable[..., int]

OTHER = "+2290100000002"


def kept(store: Store) -> list[tuple[str, str]]:
    """The source and reference of every notice."""
    with store.read() as connection:
        rows = connection.execute(select(notice.c.source, notice.c.reference).order_by(notice.c.id))
        return [(row.source, row.reference) for row in rows]


# --- the message is known ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "state", "word"),
    [
        (["Sent"], "sent", "Sent"),
        (["Submitted"], "sent", "Submitted"),
        (["Buffered"], "sent", "Buffered"),
        (["Success"], "delivered", "Success"),
        (["Failed"], "failed", "Failed"),
        (["Rejected"], "failed", "Rejected"),
        (["Expired"], "failed", "Expired"),
        (["Sent", "Buffered", "Success"], "delivered", "Success"),
        (["Success", "Sent"], "delivered", "Success"),
        (["Success", "Success"], "delivered", "Success"),
        (["Success", "Failed"], "delivered", "Success"),
        (["Failed", "Success"], "failed", "Failed"),
        (["Failed", "Buffered"], "failed", "Failed"),
        (["Hibernating"], "sent", "Hibernating"),
        (["Hibernating", "Success"], "delivered", "Success"),
        (["Success", "Hibernating"], "delivered", "Success"),
        ([""], "sent", ""),
    ],
)
@on_sqlite
@pytest.mark.parametrize("early", [False, True], ids=["after the answer", "before the answer"])
def test_reports_in_any_order(
    write: Write,
    work: Work,
    shown: Shown,
    port: AfricasTalking,
    report: Post,
    statuses: list[str],
    state: str,
    word: str,
    early: bool,
) -> None:
    def come(answer: Answer) -> None:
        assert isinstance(answer, Handed)
        assert answer.aggregator_id is not None
        for status in statuses:
            assert report(answer.aggregator_id, status) == 200

    write()
    if early:
        work(Around(port, come))
    else:
        answers: list[Answer] = []
        work(Around(port, answers.append))
        come(answers[0])
    row = shown()
    assert (row.state, row.report or "", row.sends) == (state, word, 1)
    assert (row.reported_at is None) == (not word and row.report is None)


def test_a_failure_says_why(write: Write, work: Work, shown: Shown, port: AfricasTalking, report: Post) -> None:
    write()
    work(port)
    report(shown().aggregator_id, "Failed", failureReason="UserInBlackList")
    assert (shown().state, shown().reason) == ("failed", "opted_out")


def test_an_early_report_waits_for_its_message_when_there_are_several(
    write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking, report: Post, store: Store
) -> None:
    def come(answer: Answer) -> None:
        assert isinstance(answer, Handed)
        report(answer.aggregator_id, "Success")
        assert shown().aggregator_id is None  # two messages to this number could be meant

    write()
    write("treasurer")
    with store.write() as unit:  # another worker has the second one in hand
        unit.connection.execute(update(message).where(message.c.key == "treasurer:1").values(state="sending"))
    work(Around(port, come))
    assert shown().state == "delivered"
    assert shown("treasurer:1").state == "uncertain"
    assert shown("treasurer:1").aggregator_id is None


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_report_and_the_record_of_its_send_at_the_same_moment(store: Store, write: Write, report: Post) -> None:
    """Two messages to one number are being sent. The first's report comes while its send is being recorded."""
    write(key="a")
    write(key="b")
    with store.write() as unit:
        unit.connection.execute(update(message).values(state="sending"))
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(report("ATXid_1", "Success")))
    with store.write() as unit:
        unit.connection.execute(
            update(message).where(message.c.key == "a").values(state="sent", aggregator_id="ATXid_1")
        )
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()  # it waits for us instead of finding nothing
    thread.join(5)
    assert answers == [200]
    with store.read() as connection:
        states = dict(connection.execute(select(message.c.key, message.c.state)).all())
    assert states == {"a": "delivered", "b": "sending"}


# --- the message is uncertain -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "msisdn", "minutes", "state"),
    [
        ("Success", NUMBER, 5, "delivered"),
        ("Success", NUMBER[1:], 5, "delivered"),
        ("Success", NUMBER, 59, "delivered"),
        ("Success", NUMBER, 61, "uncertain"),
        ("Success", OTHER, 5, "uncertain"),
        ("Success", "", 5, "uncertain"),
        ("Sent", NUMBER, 5, "sent"),
        ("Failed", NUMBER, 5, "uncertain"),
        ("Hibernating", NUMBER, 5, "uncertain"),
    ],
)
@on_sqlite
def test_a_report_of_an_unknown_id_settles_the_one_message_it_can_be_about(
    clock: FixedClock,
    write: Write,
    work: Work,
    shown: Shown,
    standin: StandIn,
    port: AfricasTalking,
    report: Post,
    status: str,
    msisdn: str,
    minutes: int,
    state: str,
) -> None:
    standin.script({"drop_after": True})
    write("reminder")
    work(port)
    clock.move(timedelta(minutes=minutes))
    assert report("ATXid_unheard", status, msisdn) == 200
    assert shown("reminder:1").state == state


def test_a_settled_message_is_not_sent_again(
    clock: FixedClock, write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking, report: Post
) -> None:
    standin.script({"drop_after": True})
    write()
    work(port)
    report(standin.sent()[0]["id"], "Buffered")
    clock.move(timedelta(minutes=10))
    work(port)
    report(standin.sent()[0]["id"], "Success")
    assert len(standin.sent()) == 1
    assert (shown().state, shown().sends) == ("delivered", 1)


def test_of_two_uncertain_messages_to_one_number_neither_is_settled(
    write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking, report: Post
) -> None:
    standin.script({"drop_after": True}, {"drop_after": True})
    write("reminder")
    write("campaign")
    work(port)
    report("ATXid_unheard", "Success")
    assert (shown("reminder:1").state, shown("campaign:1").state) == ("uncertain", "uncertain")


@pytest.mark.parametrize(("status", "state"), [("Success", "delivered"), ("Sent", "sent"), ("Failed", "uncertain")])
def test_a_report_that_comes_while_we_wait_for_an_answer_that_never_comes(
    clock: FixedClock,
    write: Write,
    work: Work,
    shown: Shown,
    standin: StandIn,
    port: AfricasTalking,
    report: Post,
    status: str,
    state: str,
) -> None:
    def come(_: Answer) -> None:
        report(standin.sent()[0]["id"], status)
        report("ATXid_of_another", "Buffered" if status != "Failed" else "Failed")  # the first one's word stays
        assert shown().state == "sending"

    standin.script(LOST)
    write()
    work(Around(port, come))
    assert (shown().state, shown().sends) == (state, 1)
    assert shown().aggregator_id == (None if state == "uncertain" else standin.sent()[0]["id"])
    clock.move(timedelta(minutes=10))
    assert work(port) == (1 if state == "uncertain" else 0)


def test_a_report_of_something_else_does_not_stick_to_a_message_that_was_not_taken(
    clock: FixedClock, write: Write, work: Work, shown: Shown, standin: StandIn, port: AfricasTalking, report: Post
) -> None:
    standin.script({"http": 503})
    write()
    work(Around(port, lambda _: report("ATXid_of_another", "Success")))
    assert (shown().state, shown().aggregator_id) == ("waiting", None)
    clock.move(timedelta(minutes=1))
    work(port)
    assert (shown().state, shown().aggregator_id) == ("sent", standin.sent()[0]["id"])


# --- what comes over the wire -----------------------------------------------------------------------------------------


def delivery(web: FlaskClient, body: bytes, **more: Any) -> int:
    return web.post(f"/sms/africastalking/{SECRET}/delivery", data=body, **more).status_code


def test_an_unknown_id_is_kept_and_answered(web: FlaskClient, store: Store, report: Post) -> None:
    assert report("ATXid_unheard", "Success") == 200
    assert kept(store) == [("at.delivery", "ATXid_unheard")]


@pytest.mark.parametrize(
    ("body", "status", "reference"),
    [
        (b"", 400, None),
        (b"id=&status=Success", 200, ""),
        (b"nothing of the kind", 200, ""),
        (b'{"id": "x"}', 200, ""),
        (b"\xff\xfe\x00\x80", 200, ""),
        (b"id=a%00b%0Ac&status=%00&phoneNumber=%00", 200, "abc"),
        (b"id=" + b"a" * 100 + b"&status=" + b"S" * 100, 200, "a" * 64),
        (b"id=%ED%A0%80%FF&phoneNumber=%2B1&status=%F0%9F%91%8D", 200, "\ufffd" * 4),
        (b"id=first&id=second&status=Sent", 200, "first"),
        (b"&".join(b"f%d=1" % n for n in range(60)), 200, ""),
        (b"id=" + b"a" * LARGEST_NOTICE, 413, None),
    ],
    ids=range(11),
)
def test_whatever_is_posted_is_kept_or_refused_and_breaks_nothing(
    web: FlaskClient, store: Store, body: bytes, status: int, reference: str | None
) -> None:
    form = "application/x-www-form-urlencoded"
    assert delivery(web, body, content_type=form) == status
    assert kept(store) == ([] if reference is None else [("at.delivery", reference)])
    with store.read() as connection:
        assert connection.scalars(select(notice.c.body)).all() == ([] if reference is None else [body])


@on_sqlite
@pytest.mark.parametrize("kind", ["delivery", "inbound", "optout"])
@pytest.mark.parametrize("secret", ["wrong", SECRET[:-1], SECRET + "0", "é" * 16])
def test_a_wrong_secret_is_no_such_page(web: FlaskClient, store: Store, kind: str, secret: str) -> None:
    wrong = web.post(f"/sms/africastalking/{secret}/{kind}", data={"id": "a"})
    nowhere = web.post("/sms/africastalking/nowhere/at/all", data={"id": "a"})
    assert (wrong.status_code, wrong.data) == (404, nowhere.data)
    assert kept(store) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_with_the_database_down_nothing_is_acknowledged(postgres: str, store: Store, web: FlaskClient) -> None:
    body = b"id=ATXid_1&status=Success&phoneNumber=%2B2290100000001"
    name = store.engine.url.database
    assert delivery(web, b"id=ATXid_0&status=Success") == 200
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'alter database "{name}" with allow_connections false')
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        assert [delivery(web, body) for _ in range(3)] == [503, 503, 503]
        admin.execute(f'alter database "{name}" with allow_connections true')
    assert delivery(web, body) == 200
    assert kept(store) == [("at.delivery", "ATXid_0"), ("at.delivery", "ATXid_1")]


def test_an_incoming_message_is_kept_once(web: FlaskClient, store: Store) -> None:
    def come(its_id: str, date: str) -> int:
        form = {"id": its_id, "from": "MTN", "to": "COTISA", "text": "SOLDE", "date": date, "linkId": "l"}
        return web.post(f"/sms/africastalking/{SECRET}/inbound", data=form).status_code

    assert [come("1", "2026-05-03T06:04:45Z"), come("1", "2026-05-03 06:04:45"), come("2", "")] == [200] * 3
    assert web.post(f"/sms/africastalking/{SECRET}/inbound", data={"text": "no id"}).status_code == 200
    assert web.post(f"/sms/africastalking/{SECRET}/inbound", data={"text": "no id"}).status_code == 200
    assert kept(store) == [("at.inbound", "1"), ("at.inbound", "2"), ("at.inbound", ""), ("at.inbound", "")]


def test_an_opt_out_is_kept_and_heeded(web: FlaskClient, store: Store) -> None:
    form = {"senderId": "COTISA", "phoneNumber": NUMBER}
    for _ in range(2):
        assert web.post(f"/sms/africastalking/{SECRET}/optout", data=form).status_code == 200
    assert web.post(f"/sms/africastalking/{SECRET}/optout", data={"phoneNumber": "MTN"}).status_code == 200
    assert kept(store) == [("at.optout", NUMBER), ("at.optout", NUMBER), ("at.optout", "MTN")]
    with store.read() as connection:
        assert sms_stopped(connection, NUMBER)


# --- all of it together -----------------------------------------------------------------------------------------------


@pytest.fixture
def both(store: Store) -> Iterator[tuple[StandIn, AfricasTalking]]:
    """A real server with our routes, and a stand-in that reports to it at once."""
    app = Flask(__name__)
    app.register_blueprint(sms_blueprint(store, SECRET))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.port}/sms/africastalking/{SECRET}/delivery"
    standin = StandIn("--report-to", url, "--report-after", "0")
    yield standin, AfricasTalking("sandbox", "any", "", standin.url, read_timeout_s=READ_TIMEOUT_S)
    standin.stop()
    server.shutdown()


@on_sqlite
def test_the_stand_in_reports_and_the_receipt_is_delivered(
    both: tuple[StandIn, AfricasTalking], write: Write, work: Work, shown: Shown, clock: FixedClock
) -> None:
    standin, port = both
    standin.script({"reports": ["Sent", "Success"]}, {**LOST, "reports": ["Success"]}, {"reports": []})
    write()
    work(port)
    until(lambda: shown().state == "delivered")
    write("treasurer", msisdn=OTHER)
    work(port)
    until(lambda: shown("treasurer:1").state == "delivered")
    write("reminder")
    work(port)
    assert standin.play("report", {"id": standin.sent()[2]["id"], "status": "Rejected"}) == {"http": 200}
    assert shown("reminder:1").state == "failed"
    clock.move(timedelta(hours=1))
    work(port)
    assert len(standin.sent()) == 3


def until(true: Callable[[], bool]) -> None:
    for _ in range(50):
        if true():
            return
        threading.Event().wait(0.1)
    raise AssertionError("it never came to be")
