"""Every answer of Africa's Talking, and every way of not answering, as the one value that follows from it."""

from __future__ import annotations

import logging
import socket
import ssl
from datetime import timedelta
from typing import Any

import pytest
import requests
import urllib3
from urllib3.exceptions import MaxRetryError

from gateway.kernel.faults import NetworkInsideTransaction
from gateway.sms.africastalking import (
    HTTP_STATUSES,
    NAME,
    STATUSES,
    UNTIL_SOMEBODY_ACTS,
    AfricasTalking,
    read_answers,
    read_failure,
    read_report,
)
from gateway.sms.port import Answer, Handed, News, Refused, TryAgain, Unsure
from gateway.store.unit import Store
from tests.sms.helpers import LOST, NUMBER, StandIn, on_sqlite

SOON, LATER = timedelta(seconds=30), timedelta(minutes=15)
SECOND, THIRD = "+2290100000002", "+2290100000003"


ROWS: list[tuple[dict[str, Any], Answer, int]] = [
    ({"code": 401}, Refused("risk_hold"), 0),
    ({"code": 402}, TryAgain("invalid_sender", UNTIL_SOMEBODY_ACTS), 0),
    ({"code": 403}, Refused("bad_number"), 0),
    ({"code": 404}, Refused("unsupported_number"), 0),
    ({"code": 405}, TryAgain("no_credit", LATER), 0),
    ({"code": 406}, Refused("opted_out"), 0),
    ({"code": 407}, Refused("no_route"), 0),
    ({"code": 409}, Refused("do_not_disturb"), 0),
    ({"code": 500}, TryAgain("aggregator_error", SOON), 0),
    ({"code": 501}, TryAgain("gateway_error", SOON), 0),
    ({"code": 502}, Refused("rejected_by_gateway"), 0),
    ({"code": 408}, Unsure("408 Unheard", NAME), 0),
    ({"http": 400}, Refused("bad_request"), 0),
    ({"http": 401}, TryAgain("bad_credentials", LATER), 0),
    ({"http": 403}, TryAgain("bad_credentials", LATER), 0),
    ({"http": 404}, TryAgain("wrong_address", LATER), 0),
    ({"http": 429}, TryAgain("throttled", SOON), 0),
    ({"http": 503}, TryAgain("unavailable", SOON), 0),
    ({"http": 500}, Unsure("HTTP 500", NAME), 0),
    ({"http": 502}, Unsure("HTTP 502", NAME), 0),
    ({"http": 307}, Unsure("HTTP 307", NAME), 0),
    ({"empty_recipients": "InvalidSenderId"}, TryAgain("invalid_sender", UNTIL_SOMEBODY_ACTS), 0),
    ({"empty_recipients": "InsufficientBalance"}, TryAgain("no_credit", LATER), 0),
    ({"empty_recipients": "Sent to 0/1 Total Cost: 0"}, Refused("not_accepted"), 0),
    ({"empty_recipients": "Sent to 1/1 Total Cost: 0"}, Unsure("Sent to 1/1 Total Cost: 0", NAME), 0),
    ({"empty_recipients": "Come back on Monday"}, Unsure("Come back on Monday", NAME), 0),
    ({"text_answer": "Success"}, Unsure("unreadable_answer", NAME), 1),
    ({"drop_before": True}, Unsure("no_answer", NAME), 0),
    ({"drop_after": True}, Unsure("no_answer", NAME), 1),
    (LOST, Unsure("no_answer", NAME), 1),
]
ACCEPTED = [100, 101, 102]


@pytest.mark.parametrize(("does", "answer", "sent"), ROWS, ids=lambda one: str(one) if isinstance(one, dict) else "")
def test_answers(
    standin: StandIn, port: AfricasTalking, does: dict[str, Any], answer: Answer, sent: int, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    standin.script(does)
    assert port.send("Reçu 12", NUMBER) == answer
    assert len(standin.sent()) == sent
    assert NUMBER not in caplog.text
    assert NUMBER[1:] not in caplog.text


@pytest.mark.parametrize("code", ACCEPTED)
def test_what_was_accepted_is_handed_over_with_its_id_and_cost(
    standin: StandIn, port: AfricasTalking, code: int
) -> None:
    standin.script({"code": code})
    answer = port.send("Recu 12", NUMBER)
    (sent,) = standin.sent()
    assert answer == Handed(sent["id"], "XOF 12.0000", NAME)
    assert (sent["to"], sent["message"], sent["from"]) == (NUMBER, "Recu 12", None)


def test_every_status_of_the_tables_has_its_row() -> None:
    assert set(STATUSES) <= {does.get("code") for does, _, _ in ROWS} | set(ACCEPTED)
    assert set(HTTP_STATUSES) <= {does.get("http") for does, _, _ in ROWS}


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ({"code": 408}, "408 Unheard"),
        ({"code": 405}, "InsufficientBalance"),
        ({"code": 402}, "InvalidSenderId"),
        ({"http": 401}, "Unauthorized"),
    ],
)
def test_what_somebody_must_act_on_is_logged_as_an_error(
    standin: StandIn, port: AfricasTalking, does: dict[str, Any], said: str, caplog: Any
) -> None:
    standin.script(does)
    port.send("Recu 12", NUMBER)
    assert [said in record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [True]


def test_nobody_listening_means_that_nothing_was_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        free = unused.getsockname()[1]
    answer = AfricasTalking("cotisa", "key", "", f"http://127.0.0.1:{free}").send("Recu 12", NUMBER)
    assert answer == TryAgain("not_reached", SOON)


@pytest.mark.parametrize(
    ("broken", "answer"),
    [
        (ssl.SSLCertVerificationError("certificate is not yet valid"), TryAgain("not_reached", SOON)),
        (
            ssl.SSLError("wrong version number"),
            Unsure("no_answer", NAME),
        ),  # in the middle of an answer it looks the same
    ],
)
def test_a_host_with_a_bad_certificate_was_sent_nothing(broken: ssl.SSLError, answer: Answer) -> None:
    reason = urllib3.exceptions.SSLError(broken)
    pool = urllib3.HTTPSConnectionPool("127.0.0.1")
    assert read_failure(requests.exceptions.SSLError(MaxRetryError(pool, "/", reason))) == answer


def test_a_wrong_key_stops_nothing_for_good(standin: StandIn) -> None:
    answer = AfricasTalking("cotisa", "another", "", standin.url).send("Recu 12", NUMBER)
    assert answer == TryAgain("bad_credentials", LATER)


@pytest.mark.parametrize("number", ["0100000001", "+2290", "", "+229 01 00 00 00 01"])
def test_a_number_that_is_not_e164_is_never_posted(standin: StandIn, port: AfricasTalking, number: str) -> None:
    assert port.send("Recu 12", number) == Refused("bad_number")
    assert standin.sent() == []


def test_the_sender_id_and_the_connection_are_kept(standin: StandIn) -> None:
    port = AfricasTalking("cotisa", "key", "COTISA", standin.url + "/")
    for _ in range(3):
        assert isinstance(port.send("Recu 12", NUMBER), Handed)
    sent = standin.sent()
    assert {one["from"] for one in sent} == {"COTISA"}
    assert len({one["connection"] for one in sent}) == 1


@on_sqlite
def test_no_call_is_made_inside_a_transaction(store: Store, standin: StandIn, port: AfricasTalking) -> None:
    with pytest.raises(NetworkInsideTransaction), store.write():
        port.send("Recu 12", NUMBER)
    assert standin.sent() == []


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ('{"SMSMessageData": {"Recipients": [{"statusCode": "101", "messageId": "x"}]}}', Handed("x", None, NAME)),
        ('{"SMSMessageData": {"Recipients": [{"statusCode": 101, "messageId": "None"}]}}', Handed(None, None, NAME)),
        (
            '{"SMSMessageData": {"Recipients": [{"statusCode": 101, "messageId": "a\\u0000b"}]}}',
            Handed("ab", None, NAME),
        ),
        ('{"SMSMessageData": {"Recipients": [{"status": "Success"}]}}', Unsure("None Success", NAME)),
        ('{"SMSMessageData": {"Recipients": [{}, {}]}}', Unsure("left_out", NAME)),
        ('{"SMSMessageData": {"Recipients": null}}', Unsure("unreadable_answer", NAME)),
        ('{"SMSMessageData": []}', Unsure("unreadable_answer", NAME)),
        ('{"SMSMessageData": {}}', Unsure("unreadable_answer", NAME)),
        ("[]", Unsure("unreadable_answer", NAME)),
        ("<html>", Unsure("unreadable_answer", NAME)),
        ("", Unsure("unreadable_answer", NAME)),
    ],
)
def test_odd_answers(body: str, answer: Answer) -> None:
    assert read_answers(body.encode(), [NUMBER]) == [answer]


def test_each_of_many_numbers_has_its_own_answer(standin: StandIn, port: AfricasTalking) -> None:
    standin.play("script", {"numbers": {SECOND: {"code": 406}, THIRD: {"code": 405}}})
    first, second, third, bad = port.send_many("Rappel", [NUMBER, SECOND, THIRD, "0100"])
    (sent,) = standin.sent()
    assert first == Handed(sent["id"], "XOF 12.0000", NAME)
    assert (second, third, bad) == (Refused("opted_out"), TryAgain("no_credit", LATER), Refused("bad_number"))


def test_whom_an_answer_leaves_out_may_have_been_sent_to(standin: StandIn, port: AfricasTalking) -> None:
    standin.script({"leave_out": 2})
    answers = port.send_many("Rappel", [NUMBER, SECOND, THIRD])
    assert [type(one) for one in answers] == [Handed, Unsure, Unsure]
    assert answers[1:] == [Unsure("left_out", NAME)] * 2
    assert len(standin.sent()) == 3


@pytest.mark.parametrize(
    ("does", "answer"),
    [
        ({"drop_after": True}, Unsure("no_answer", NAME)),
        ({"text_answer": "<html>Gateway time-out</html>"}, Unsure("unreadable_answer", NAME)),
        ({"empty_recipients": "InsufficientBalance"}, TryAgain("no_credit", LATER)),
        ({"http": 429}, TryAgain("throttled", SOON)),
    ],
)
def test_one_answer_for_a_whole_request_is_that_of_each(
    standin: StandIn, port: AfricasTalking, does: dict[str, Any], answer: Answer
) -> None:
    standin.script(does)
    assert port.send_many("Rappel", [NUMBER, SECOND]) == [answer] * 2


@pytest.mark.parametrize(
    ("body", "news", "word", "reason"),
    [
        ("id=a&status=Sent", News.ON_ITS_WAY, "Sent", None),
        ("id=a&status=Submitted", News.ON_ITS_WAY, "Submitted", None),
        ("id=a&status=Buffered", News.ON_ITS_WAY, "Buffered", None),
        ("id=a&status=Success", News.DELIVERED, "Success", None),
        ("id=a&status=Failed&failureReason=UserInBlackList", News.FAILED, "Failed", "opted_out"),
        ("id=a&status=Failed&failureReason=NotNetworkSubcriber", News.FAILED, "Failed", "bad_number"),
        ("id=a&status=Failed&failureReason=MoonEclipse", News.FAILED, "Failed", "MoonEclipse"),
        ("id=a&status=Rejected", News.FAILED, "Rejected", "Rejected"),
        ("id=a&status=Expired", News.FAILED, "Expired", "Expired"),
        ("id=a&status=AbsentSubscriber", News.FAILED, "AbsentSubscriber", "AbsentSubscriber"),
        ("id=a&status=Hibernating&failureReason=x", News.UNKNOWN, "Hibernating", None),
        ("id=a", News.UNKNOWN, "", None),
    ],
)
def test_reports(body: str, news: News, word: str, reason: str | None) -> None:
    report = read_report(body.encode())
    assert report is not None
    assert (report.aggregator_id, report.news, report.word, report.reason) == ("a", news, word, reason)


@pytest.mark.parametrize("body", [b"", b"status=Success", b"id=", b"\xff\xfe", b"&" * 100, b"{}"])
def test_what_holds_no_report(body: bytes) -> None:
    assert read_report(body) is None
