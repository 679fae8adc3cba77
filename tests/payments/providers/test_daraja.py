"""Daraja: the contract as far as it can be kept without a key of ours, and what is Daraja's own."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from configured import settings, wrong
from contract import CARD, ProviderContract
from daraja_play import DarajaPlay, callback
from notified import Notified, until
from words import word_of

from gateway.kernel.clock import FixedClock
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.payments.providers.base import (
    Accepted,
    BadNotice,
    Order,
    Paid,
    Provider,
    Reason,
    Refused,
    Unclear,
    Waiting,
)
from gateway.payments.providers.daraja import NO_CALLBACK, RESULTS, Daraja
from gateway.standins import daraja as standin

PAYER = "+254700000001"
NOWHERE = "http://127.0.0.1:9/payments/daraja/secret"


@pytest.fixture(scope="module")
def kenya() -> Iterator[DarajaPlay]:
    """Safaricom; its payers do nothing by themselves."""
    play = DarajaPlay("--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def operator(kenya: DarajaPlay) -> DarajaPlay:
    """Safaricom, with nothing asked and nothing scripted."""
    kenya.reset()
    return kenya


def order(amount: Money | None = None, url: str = NOWHERE, card: str = CARD) -> Order:
    key = operator_key()
    money = Money(150_000, "KES") if amount is None else amount
    return Order(key, PAYER, money, card, "KE", f"{url}/{key}")


class TestTheContract(ProviderContract):
    REFUSALS = RESULTS
    PAYER = PAYER
    COUNTRY = "KE"
    CURRENCY = "KES"

    # The query tells no amount, and its one code is status and reason at once.
    test_the_amount_that_is_reported_is_what_was_paid = None
    test_an_amount_that_is_not_exact_is_never_guessed = None
    test_an_unknown_reason_is_kept_and_shouted = None
    # Daraja takes no key of ours: the same order again would be another prompt.
    test_the_same_key_again_is_accepted_and_debits_once = None

    def order(self, amount: Money | None = None, url: str | None = None) -> Order:
        """The stand-in knows an order by the last part of its callback address."""
        return order(amount, url or NOWHERE)

    def test_a_key_that_was_never_asked_is_not_found(self, operator: DarajaPlay) -> None:
        """Nor can it be said to be missing: without a handle there is nothing to ask by."""
        found = operator.provider().find(self.order())
        assert isinstance(found, Unclear)
        assert found.reason == "no-handle"
        assert operator.calls("find") == 0

    def test_lost_on_the_way_back_it_is_unclear_and_then_paid(self, operator: DarajaPlay) -> None:
        """It stays unclear, and is never asked for again, until the callback brings the handle."""
        provider, one = operator.provider(), self.order()
        operator.drop_after()
        self._stays_unclear(provider, one)
        assert operator.asked(one.key) == 1
        hint = provider.read("application/json", callback(operator.pushes(one.key)[0]["handle"]), {})
        assert isinstance(provider.find(replace(one, handle=hint.handle)), Paid)
        assert operator.debits(one.key) == 1

    def test_lost_on_the_way_there_it_is_unclear_and_then_not_found(self, operator: DarajaPlay) -> None:
        """It stays unclear: nobody can know that it never arrived."""
        operator.drop_before()
        self._stays_unclear(operator.provider(), one := self.order())
        assert operator.asked(one.key) == 0

    def test_slower_than_the_time_out_is_unclear_and_then_found(self, operator: DarajaPlay) -> None:
        """It stays unclear, although its prompt is open."""
        operator.slow(1.2)
        began = time.monotonic()
        self._stays_unclear(operator.provider(read_timeout_s=0.4), one := self.order())
        assert time.monotonic() - began < 1.2
        assert operator.asked(one.key) == 1

    def test_a_notice_is_a_hint_of_its_order(self, operator: DarajaPlay) -> None:
        """It names the order as Daraja does; for which of ours it came, its address tells."""
        hint = operator.provider().read("application/json", callback("ws_CO_22112026101500123700000001"), {})
        assert (hint.key, hint.handle) == (None, "ws_CO_22112026101500123700000001")
        assert hint.said == "0 told TAB1CD2EF3"

    def _stays_unclear(self, provider: Provider, one: Order) -> None:
        answer = provider.ask(one)
        assert isinstance(answer, Unclear)
        assert (answer.reason, answer.safe_to_ask_again_after_s) == ("no-answer", None)
        for _ in range(3):
            found = provider.find(one)
            assert isinstance(found, Unclear)
            assert (found.reason, found.safe_to_ask_again_after_s) == ("no-handle", None)


# What is sent


def test_the_request_is_as_daraja_wants_it(operator: DarajaPlay) -> None:
    clock = FixedClock(datetime(2026, 12, 31, 21, 15, 7, tzinfo=UTC))
    one = replace(order(), callback_url="https://mutuelle.example.org/payments/daraja/secret/key")
    assert isinstance(operator.provider(clock=clock).ask(one), Accepted)
    sent = operator.play("requests")["requests"][0]["sent"]
    at = "20270101001507"  # in Nairobi
    assert base64.b64decode(sent.pop("Password")).decode() == f"{standin.SHORT_CODE}{standin.PASSKEY}{at}"
    assert sent == {
        "BusinessShortCode": standin.SHORT_CODE,
        "Timestamp": at,
        "TransactionType": "CustomerPayBillOnline",
        "Amount": 1500,
        "PartyA": "254700000001",
        "PartyB": standin.SHORT_CODE,
        "PhoneNumber": "254700000001",
        "CallBackURL": one.callback_url,
        "AccountReference": "123456782",
        "TransactionDesc": "Cotisation",
    }


@pytest.mark.parametrize(
    ("amount", "sent"),
    [
        (Money(100, "KES"), 1),
        (Money(25_000_000, "KES"), 250_000),
        (Money(150_050, "KES"), None),  # no cents of a shilling
        (Money(99, "KES"), None),
        (Money(1500, "XOF"), None),
        (Money(1500, "USD"), None),
        (Money(0, "KES"), None),
        (Money(-100, "KES"), None),
    ],
)
def test_an_amount_is_sent_in_whole_shillings_or_not_at_all(
    operator: DarajaPlay, amount: Money, sent: int | None
) -> None:
    one = order(amount)
    answer = operator.provider().ask(one)
    if sent is None:
        assert word_of(answer) == Reason.AMOUNT
        assert operator.calls("ask") == 0
        return
    assert isinstance(answer, Accepted)
    assert operator.requests()[one.key]["sent"]["Amount"] == sent
    operator.approve(one.key)
    found = operator.provider().find(replace(one, handle=answer.handle))
    assert isinstance(found, Paid)
    assert found.amount == amount


@pytest.mark.parametrize(
    ("url", "plain", "sent"),
    [
        (None, True, False),
        ("", True, False),
        ("https://m.example.org/x", False, True),
        ("http://m.example.org/x", True, False),
        ("http://127.0.0.1:9/x", True, True),
        ("http://127.0.0.1:9/x", False, False),
        ("ftp://127.0.0.1/x", True, False),
    ],
)
def test_an_address_that_may_not_be_called_is_replaced_by_one_that_leads_nowhere(
    operator: DarajaPlay, url: str | None, plain: bool, sent: bool
) -> None:
    one = replace(order(), callback_url=url)
    assert isinstance(operator.provider(plain_callbacks_here=plain).ask(one), Accepted)
    assert operator.play("requests")["requests"][0]["sent"]["CallBackURL"] == (url if sent else NO_CALLBACK)


@pytest.mark.parametrize("card", ["", "&", "123 456 782", "é<>&123", "x" * 400])
def test_no_reference_is_sent_that_daraja_chokes_on(operator: DarajaPlay, card: str) -> None:
    assert isinstance(operator.provider().ask(order(card=card)), Accepted)


def test_a_push_goes_on_a_connection_of_its_own(operator: DarajaPlay) -> None:
    """An answer lost to a kept connection that died could never be made good; a query's can, and it keeps its own."""
    provider, before = operator.provider(), operator.calls("connections")
    orders = [order() for _ in range(4)]
    handles = [answer.handle for one in orders if isinstance(answer := provider.ask(one), Accepted)]
    for one, handle in zip(orders, handles, strict=True):
        assert isinstance(provider.find(replace(one, handle=handle)), Waiting)
    assert operator.calls("connections") - before == 4 + 1 + 1  # the pushes, all else, and this counting call
    assert len({operator.pushes(one.key)[0]["connection"] for one in orders}) == 4


# What Daraja answers to a push

MESSAGE = "Bad Request - Invalid "


@pytest.mark.parametrize(
    ("status", "code", "message", "word", "safe_s"),
    [
        (400, "400.002.02", MESSAGE + "PhoneNumber", Reason.NO_WALLET, None),
        (400, "400.002.02", MESSAGE + "Amount", Reason.AMOUNT, None),
        (400, "400.002.02", MESSAGE + "CallBackURL", Reason.CONFIGURATION, None),
        (400, "400.002.05", "Invalid Request Payload", Reason.CONFIGURATION, None),
        (404, "404.001.01", "Resource not found", Reason.CONFIGURATION, None),
        (405, "405.001", "Method Not Allowed", Reason.CONFIGURATION, None),
        (500, "500.001.1001", "Merchant does not exist", Reason.CONFIGURATION, None),
        (500, "500.001.1001", "Wrong credentials", Reason.CONFIGURATION, None),
        (500, "500.001.1001", "Unable to lock subscriber, a transaction is already in process", "payer-busy", 60.0),
        (500, "500.001.1001", "The transaction is being processed", "failed", None),
        (500, "500.001.1001", "", "failed", None),
        (500, "500.003.02", "Error Occurred: Spike Arrest Violation", "busy", 10.0),
        (500, "500.003.03", "Quota Violation", "busy", 10.0),
        (500, "500.003.1001", "Internal Server Error", "failed", None),
        (503, "", "", "busy", None),
        (429, "", "", "busy", 10.0),
        (400, "400.777.77", "something new", "unknown-word", None),
        (400, "", "", "unknown-word", None),
        (404, "", "", "unknown-word", None),
    ],
)
def test_an_answer_to_a_push(
    operator: DarajaPlay, status: int, code: str, message: str, word: str, safe_s: float | None
) -> None:
    operator.answer("ask", status, {"requestId": "1", "errorCode": code, "errorMessage": message})
    answer = operator.provider().ask(order())
    assert word_of(answer) == word
    assert not isinstance(answer, Unclear) or answer.safe_to_ask_again_after_s == safe_s


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"ResponseCode": "0", "CheckoutRequestID": "ws_CO_1"}, "accepted"),
        ({"ResponseCode": 0, "CheckoutRequestID": "ws_CO_1"}, "accepted"),
        ({"ResponseCode": "0"}, "unreadable"),
        ({"ResponseCode": "0", "CheckoutRequestID": ""}, "unreadable"),
        ({"ResponseCode": "0", "CheckoutRequestID": "x" * 101}, "unreadable"),
        ({"ResponseCode": "0", "CheckoutRequestID": "a b"}, "unreadable"),
        ({"ResponseCode": "0", "CheckoutRequestID": ["ws_CO_1"]}, "unreadable"),
        ({"ResponseCode": "1", "CheckoutRequestID": "ws_CO_1"}, "unknown-word"),
        ({"CheckoutRequestID": "ws_CO_1"}, "unknown-word"),
        ("", "unknown-word"),
        ('{"ResponseCode": "0", "pad": "' + "x" * 100_000 + '"}', "unknown-word"),
    ],
)
def test_only_a_push_that_can_be_asked_about_is_accepted(operator: DarajaPlay, body: object, word: str) -> None:
    operator.answer("ask", 200, body)
    answer = operator.provider().ask(order())
    assert word_of(answer) == word
    assert not isinstance(answer, Unclear) or answer.safe_to_ask_again_after_s is None


@pytest.mark.parametrize("broken", [{"truncate": True}, {"fail_after": {"status": 500, "body": ""}}])
def test_a_push_that_was_taken_and_not_acknowledged_stays_unclear(
    operator: DarajaPlay, broken: dict[str, object]
) -> None:
    one = order()
    operator.script(**broken)
    answer = operator.provider().ask(one)
    assert isinstance(answer, Unclear)
    assert answer.safe_to_ask_again_after_s is None
    assert operator.asked(one.key) == 1


@pytest.mark.parametrize(("status", "code"), [(404, "404.001.03"), (400, "400.003.01"), (404, "404.001.04"), (401, "")])
def test_a_token_that_is_turned_away_is_renewed_once_whatever_status_it_comes_with(
    operator: DarajaPlay, status: int, code: str
) -> None:
    error = {"errorCode": code, "errorMessage": "Invalid Access Token"}
    operator.answer("ask", status, error)
    assert isinstance(operator.provider().ask(order()), Accepted)
    assert (operator.calls("ask"), operator.tokens()) == (2, 2)
    operator.answer("ask", status, error, times=2)
    assert word_of(operator.provider().ask(order())) == Reason.CONFIGURATION
    assert (operator.calls("ask"), operator.tokens()) == (4, 4)


@pytest.mark.parametrize("wrong", [{"consumer_key": "x"}, {"consumer_secret": "x"}, {"passkey": "x"}])
def test_wrong_keys_are_our_fault(
    operator: DarajaPlay, caplog: pytest.LogCaptureFixture, wrong: dict[str, str]
) -> None:
    assert word_of(operator.provider(**wrong).ask(order())) == Reason.CONFIGURATION  # type: ignore[arg-type]
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)


# What Daraja answers about a push


def _found(operator: DarajaPlay, report: dict[str, Any]) -> object:
    """What a push that was paid is found to be when the query reads so."""
    provider, one = operator.provider(), order()
    answer = provider.ask(one)
    assert isinstance(answer, Accepted)
    operator.approve(one.key)
    operator.script(on="find", report=report)
    return provider.find(replace(one, handle=answer.handle))


@pytest.mark.parametrize(
    ("report", "word"),
    [
        ({}, "paid"),
        ({"ResultCode": 0}, "paid"),
        ({"ResultCode": "4999", "ResultDesc": "The transaction is still under processing"}, "waiting"),
        ({"ResultCode": 1032}, Reason.REJECTED),
        ({"ResultCode": "00"}, "unknown-word"),
        ({"ResultCode": ""}, "unknown-word"),
        ({"ResultCode": "26"}, "unknown-word"),
        ({"ResultCode": None}, "failed"),
        ({"ResultCode": ["0"]}, "unreadable"),
        ({"ResultCode": True}, "unreadable"),
        ({"ResponseCode": "1"}, "unknown-word"),
        ({"ResponseCode": None}, "unknown-word"),
        ({"CheckoutRequestID": "ws_CO_another"}, "mismatch"),
        ({"CheckoutRequestID": None}, "paid"),
    ],
)
def test_a_result_is_read_word_by_word(operator: DarajaPlay, report: dict[str, Any], word: str) -> None:
    assert word_of(_found(operator, report)) == word


def test_the_payment_is_numbered_by_its_handle(operator: DarajaPlay) -> None:
    """The query tells no receipt; two pushes are never one payment."""
    found = [_found(operator, {}) for _ in range(2)]
    numbers = [one.operator_id for one in found if isinstance(one, Paid)]
    assert len(set(numbers)) == 2
    assert all(number.startswith("ws_CO_") for number in numbers)


@pytest.mark.parametrize(
    ("status", "code", "message", "word"),
    [
        (500, "500.001.1001", "The transaction is being processed", "waiting"),
        (500, "500.001.1001", "Wrong credentials", "failed"),
        (500, "500.003.02", "Error Occurred: Spike Arrest Violation", "busy"),
        (400, "400.002.02", "Bad Request - Invalid CheckoutRequestID", "failed"),
        (200, "", "", "failed"),
    ],
)
def test_an_answer_about_a_push(operator: DarajaPlay, status: int, code: str, message: str, word: str) -> None:
    operator.answer("find", status, {"requestId": "1", "errorCode": code, "errorMessage": message})
    assert word_of(operator.provider().find(replace(order(), handle="ws_CO_1"))) == word


def test_a_result_beside_an_error_is_no_result(operator: DarajaPlay) -> None:
    operator.answer("find", 500, {"ResponseCode": "0", "ResultCode": "0", "CheckoutRequestID": "ws_CO_1"})
    assert word_of(operator.provider().find(replace(order(), handle="ws_CO_1"))) == "failed"


def test_a_handle_that_daraja_does_not_know_is_not_said_to_be_missing(operator: DarajaPlay) -> None:
    assert word_of(operator.provider().find(replace(order(), handle="ws_CO_unheard_of"))) == "failed"


def test_a_kept_connection_that_died_does_not_trouble_a_query(operator: DarajaPlay) -> None:
    provider, one = operator.provider(), order()
    answer = provider.ask(one)
    assert isinstance(answer, Accepted)
    operator.script(on="find", drop_before=True)
    assert isinstance(provider.find(replace(one, handle=answer.handle)), Waiting)
    assert operator.calls("find") == 2


# Callbacks, as the stand-in sends them


def test_a_callback_comes_to_its_orders_address_and_names_the_handle(operator: DarajaPlay, notified: Notified) -> None:
    provider, one = operator.provider(), order(url=notified.url)
    answer = provider.ask(one)
    assert isinstance(answer, Accepted)
    operator.approve(one.key)
    until(lambda: len(notified.came) == 1)
    hint = provider.read("application/json", notified.came[0][1], {})
    assert hint.handle == answer.handle
    assert hint.said.startswith("0 The service request is processed successfully. T")


def test_a_callback_after_a_no_has_no_receipt(operator: DarajaPlay, notified: Notified) -> None:
    one = order(url=notified.url)
    operator.provider().ask(one)
    operator.refuse(one.key, "1032")
    until(lambda: len(notified.came) == 1)
    assert operator.provider().read("", notified.came[0][1], {}).said == "1032 Request cancelled by user."


def test_a_callback_that_lies_is_only_a_hint(operator: DarajaPlay, notified: Notified) -> None:
    provider, one = operator.provider(), order(url=notified.url)
    operator.script(outcome="failed", reason="1032", callback={"times": 3})
    answer = provider.ask(one)
    assert isinstance(answer, Accepted)
    until(lambda: len(notified.came) == 3)
    assert answer.handle
    assert provider.read("application/json", callback(answer.handle), {}).said.startswith("0 ")
    assert word_of(provider.find(replace(one, handle=answer.handle))) == Reason.REJECTED


def test_a_callback_can_overtake_the_answer(operator: DarajaPlay, notified: Notified) -> None:
    operator.script(callback={"before_response": True})
    answer = operator.provider().ask(order(url=notified.url))
    assert isinstance(answer, Accepted)
    assert operator.provider().read("", notified.came[0][1], {}).handle == answer.handle


@pytest.mark.parametrize(
    "found",
    [{}, {"Body": []}, {"Body": {"stkCallback": "x"}}, {"Body": {"stkCallback": {"ResultCode": 0}}},
     {"Body": {"stkCallback": {"CheckoutRequestID": "a b"}}}, {"Body": {"stkCallback": {"CheckoutRequestID": ["x"]}}}],
)  # fmt: skip
def test_a_callback_without_a_handle_is_none_of_a_push(operator: DarajaPlay, found: object) -> None:
    with pytest.raises(BadNotice):
        operator.provider().read("application/json", json.dumps(found).encode(), {})


@pytest.mark.parametrize(
    "items", [None, {}, [], ["x"], [{"Name": "MpesaReceiptNumber"}], [{"Name": ["a"], "Value": []}]]
)
def test_odd_details_of_a_callback_do_no_harm(operator: DarajaPlay, items: object) -> None:
    found = {"CheckoutRequestID": "ws_CO_1", "ResultCode": 0, "CallbackMetadata": {"Item": items}}
    hint = operator.provider().read("", json.dumps({"Body": {"stkCallback": found}}).encode(), {})
    assert (hint.handle, hint.said) == ("ws_CO_1", "0")


# Settings


def _own(operator: DarajaPlay, **more: str) -> dict[str, str]:
    return {
        "DARAJA_CONSUMER_KEY": standin.CONSUMER_KEY,
        "DARAJA_CONSUMER_SECRET": standin.CONSUMER_SECRET,
        "DARAJA_SHORT_CODE": standin.SHORT_CODE,
        "DARAJA_PASSKEY": standin.PASSKEY,
        "DARAJA_BASE_URL": operator.url,
        **more,
    }


def test_the_settings_make_a_provider(operator: DarajaPlay) -> None:
    configured = settings(_own(operator))
    one = replace(order(), callback_url="https://m.example.org/x")
    assert isinstance(Daraja.from_settings(configured).ask(one), Accepted)
    assert standin.CONSUMER_SECRET not in repr(configured)
    assert standin.PASSKEY not in repr(configured)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"DARAJA_CONSUMER_KEY": ""}, "DARAJA_CONSUMER_KEY is missing"),
        ({"DARAJA_CONSUMER_SECRET": ""}, "DARAJA_CONSUMER_SECRET is missing"),
        ({"DARAJA_SHORT_CODE": ""}, "DARAJA_SHORT_CODE is missing"),
        ({"DARAJA_SHORT_CODE": "60099"}, None),
        ({"DARAJA_SHORT_CODE": "pay bill"}, "DARAJA_SHORT_CODE"),
        ({"DARAJA_PASSKEY": ""}, "DARAJA_PASSKEY is missing"),
        ({"DARAJA_BASE_URL": ""}, "DARAJA_BASE_URL is missing"),
        ({"DARAJA_BASE_URL": "http://api.safaricom.co.ke"}, "DARAJA_BASE_URL must begin with https://"),
    ],
)
def test_settings_that_are_wrong_are_told(operator: DarajaPlay, more: dict[str, str], told: str | None) -> None:
    if told is None:
        settings(_own(operator, **more))
    else:
        assert told in wrong(_own(operator, **more))


# The stand-in keeps to Daraja's rules, so that passing here means something


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        ({}, {}, 200, None),
        ({"BusinessShortCode": "1"}, {}, 400, "Bad Request - Invalid BusinessShortCode"),
        ({"Timestamp": "2026-11-22"}, {}, 400, "Bad Request - Invalid Timestamp"),
        ({"Timestamp": "20261122101501"}, {}, 500, "Wrong credentials"),  # the password is another moment's
        ({"TransactionType": "Gift"}, {}, 400, "Bad Request - Invalid TransactionType"),
        ({"Amount": "1500"}, {}, 400, "Bad Request - Invalid Amount"),
        ({"Amount": 0}, {}, 400, "Bad Request - Invalid Amount"),
        ({"Amount": 1.5}, {}, 400, "Bad Request - Invalid Amount"),
        ({"PhoneNumber": "+254700000001"}, {}, 400, "Bad Request - Invalid PhoneNumber"),
        ({"PartyB": "1"}, {}, 500, "Merchant does not exist"),
        ({"CallBackURL": ""}, {}, 400, "Bad Request - Invalid CallBackURL"),
        ({"CallBackURL": "http://m.example.org/"}, {}, 400, "Bad Request - Invalid CallBackURL"),
        ({"AccountReference": "x" * 13}, {}, 400, "Bad Request - Invalid AccountReference"),
        ({"TransactionDesc": "x" * 14}, {}, 400, "Bad Request - Invalid TransactionDesc"),
        ({}, {"Authorization": "Bearer x"}, 404, "Invalid Access Token"),
    ],
)
def test_the_stand_in_checks_what_daraja_checks(
    operator: DarajaPlay, body: dict[str, Any], headers: dict[str, str], status: int, message: str | None
) -> None:
    at = "20261122101500"
    good = {
        "BusinessShortCode": standin.SHORT_CODE, "Timestamp": at, "TransactionType": "CustomerPayBillOnline",
        "Password": base64.b64encode(f"{standin.SHORT_CODE}{standin.PASSKEY}{at}".encode()).decode(),
        "Amount": 1500, "PartyA": "254700000001", "PartyB": standin.SHORT_CODE, "PhoneNumber": "254700000001",
        "CallBackURL": NO_CALLBACK, "AccountReference": "1", "TransactionDesc": "a",
    }  # fmt: skip
    with requests.Session() as session:
        session.trust_env = False
        token = session.get(
            f"{operator.url}/oauth/v1/generate?grant_type=client_credentials", timeout=5,
            auth=(standin.CONSUMER_KEY, standin.CONSUMER_SECRET),
        ).json()["access_token"]  # fmt: skip
        answer = session.post(
            f"{operator.url}/mpesa/stkpush/v1/processrequest", json={**good, **body}, timeout=5,
            headers={"Authorization": f"Bearer {token}", **headers},
        )  # fmt: skip
    assert (answer.status_code, answer.json().get("errorMessage")) == (status, message)


def test_the_same_order_again_would_be_another_prompt(operator: DarajaPlay) -> None:
    """Why the gateway asks once, whatever happens."""
    provider, one = operator.provider(), order()
    handles = {answer.handle for _ in range(2) if isinstance(answer := provider.ask(one), Accepted)}
    assert len(handles) == 2
    assert len(operator.prompts(PAYER)) == 2


def test_a_prompt_that_nobody_answers_expires() -> None:
    play = DarajaPlay("--auto", "manual", "--prompt-expires", "0.1")
    try:
        provider, one = play.provider(), order()
        answer = provider.ask(one)
        assert isinstance(answer, Accepted)
        until(lambda: isinstance(provider.find(replace(one, handle=answer.handle)), Refused))
        assert word_of(provider.find(replace(one, handle=answer.handle))) == Reason.EXPIRED
        assert play.prompts(PAYER) == []
    finally:
        play.stop()
