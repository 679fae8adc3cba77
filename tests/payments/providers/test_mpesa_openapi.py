"""M-Pesa OpenAPI: the contract, and what is M-Pesa's own."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests
from annotated_types import Le
from configured import settings, wrong
from contract import CARD, ProviderContract
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mpesa_openapi_play import MpesaPlay
from notified import Notified, until
from words import word_of

from gateway.kernel.faults import Fault
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.payments.providers.base import Accepted, NotFound, Order, Paid, Reason, Unclear, Waiting
from gateway.payments.providers.mpesa_openapi import REFUSALS, TURNED_DOWN, MpesaOpenApi
from gateway.settings import Settings
from gateway.standins import mpesa_openapi as standin
from gateway.store.outbox import CLAIM, LONGEST_CALL

PAYER = "+243810000001"
ASKED, SESSION = "ask", "token"


@pytest.fixture(scope="module")
def answers_at_once() -> Iterator[MpesaPlay]:
    """An application with asynchronous results; its payers do nothing by themselves."""
    play = MpesaPlay("--flow", "async", "--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def operator(answers_at_once: MpesaPlay) -> MpesaPlay:
    """That application, with nothing asked and nothing scripted."""
    answers_at_once.reset()
    return answers_at_once


@pytest.fixture(scope="module")
def blocks_for_the_pin() -> Iterator[MpesaPlay]:
    """An application whose call waits for the payer; its payers do nothing by themselves."""
    play = MpesaPlay("--flow", "sync", "--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def blocking(blocks_for_the_pin: MpesaPlay) -> MpesaPlay:
    """That application, with nothing asked and nothing scripted."""
    blocks_for_the_pin.reset()
    return blocks_for_the_pin


class TestTheContract(ProviderContract):
    REFUSALS = REFUSALS
    PAYER = PAYER
    COUNTRY = "CD"
    CURRENCY = "CDF"

    # The status tells no amount, and its one word is status and reason at once.
    test_the_amount_that_is_reported_is_what_was_paid = None
    test_an_amount_that_is_not_exact_is_never_guessed = None
    test_an_unknown_reason_is_kept_and_shouted = None


def order(amount: Money | None = None, card: str = CARD) -> Order:
    return Order(operator_key(), PAYER, Money(150_000, "CDF") if amount is None else amount, card, "CD")


# What is sent


def test_the_request_is_as_m_pesa_wants_it(operator: MpesaPlay) -> None:
    one = order()
    assert isinstance(operator.provider().ask(one), Accepted)
    assert operator.requests()[one.key]["sent"] == {
        "input_Amount": "1500",
        "input_Country": "DRC",
        "input_Currency": "CDF",
        "input_CustomerMSISDN": "243810000001",
        "input_ServiceProviderCode": standin.SERVICE_PROVIDER_CODE,
        "input_TransactionReference": "123456782",
        "input_ThirdPartyConversationID": uuid.UUID(one.key).hex,
        "input_PurchasedItemsDesc": "Cotisation 123456782",
    }


@pytest.mark.parametrize(
    ("amount", "sent"),
    [
        (Money(100, "CDF"), "1"),
        (Money(500_000_000, "CDF"), "5000000"),
        (Money(110, "USD"), "1.10"),
        (Money(1, "USD"), "0.01"),
        (Money(250_000, "USD"), "2500.00"),
        (Money(150_050, "CDF"), None),  # M-Pesa takes no centimes of a franc
        (Money(1500, "XOF"), None),
        (Money(1500, "KES"), None),
        (Money(0, "USD"), None),
        (Money(-100, "CDF"), None),
    ],
)
def test_an_amount_is_sent_as_m_pesa_takes_it_or_not_at_all(
    operator: MpesaPlay, amount: Money, sent: str | None
) -> None:
    one = order(amount)
    answer = operator.provider().ask(one)
    if sent is None:
        assert word_of(answer) == Reason.AMOUNT
        assert operator.calls(ASKED) == 0
        return
    assert isinstance(answer, Accepted)
    assert operator.requests()[one.key]["sent"]["input_Amount"] == sent
    operator.approve(one.key)
    found = operator.provider().find(one)
    assert isinstance(found, Paid)
    assert found.amount == amount


@pytest.mark.parametrize("card", ["", "&", "123 456 782", "é<>&123", "x" * 400])
def test_no_text_is_sent_that_m_pesa_chokes_on(operator: MpesaPlay, card: str) -> None:
    assert isinstance(operator.provider().ask(order(card=card)), Accepted)


# The call that blocks while the payer types the PIN


def _meanwhile(play: MpesaPlay, one: Order, provider: MpesaOpenApi, path: str, given: dict[str, Any]) -> object:
    """What the call answers when, its prompt being open, the payer does this."""
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(provider.ask, one)
        until(lambda: bool(play.prompts(PAYER)))
        play.play(path, {"key": one.key, **given})
        return answer.result(5)


def test_a_pin_that_is_typed_in_time_is_answered_with_the_number_of_the_payment(blocking: MpesaPlay) -> None:
    one, provider = order(), blocking.provider(push_timeout_s=5)
    answer = _meanwhile(blocking, one, provider, "approve", {})
    assert isinstance(answer, Accepted)  # the status decides, not this answer
    found = provider.find(replace(one, handle=answer.handle))
    assert isinstance(found, Paid)
    assert found.operator_id == answer.handle == blocking.requests()[one.key]["operator_id"]


@pytest.mark.parametrize(
    ("reason", "asked", "found"),
    [
        ("Cancelled", Reason.REJECTED, Reason.REJECTED),
        ("Insufficient", Reason.INSUFFICIENT, "unknown-word"),
        ("Failed", Reason.OTHER, Reason.OTHER),
        ("Expired", "no-answer", Reason.EXPIRED),  # INS-9 may also be M-Pesa's own delay
    ],
)
def test_a_no_in_time_is_told_by_the_call_itself(blocking: MpesaPlay, reason: str, asked: str, found: str) -> None:
    one, provider = order(), blocking.provider(push_timeout_s=5)
    answer = _meanwhile(blocking, one, provider, "refuse", {"reason": reason})
    assert word_of(answer) == asked
    assert word_of(provider.find(one)) == found
    assert blocking.calls(ASKED) == 1


def test_only_the_payment_is_waited_for_so_long(blocking: MpesaPlay) -> None:
    one, provider = order(), blocking.provider(read_timeout_s=0.5, push_timeout_s=10)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(provider.ask, one)
        until(lambda: bool(blocking.prompts(PAYER)))
        time.sleep(0.7)
        blocking.script(on="find", slow=1.5)
        assert word_of(provider.find(one)) == "no-answer"
        assert isinstance(provider.find(one), Waiting)
        blocking.approve(one.key)
        assert isinstance(answer.result(5), Accepted)


def test_a_pin_that_takes_longer_is_looked_up_and_asked_for_once(blocking: MpesaPlay) -> None:
    one, provider = order(), blocking.provider(push_timeout_s=0.2)
    answer = provider.ask(one)
    assert isinstance(answer, Unclear)
    assert (answer.reason, answer.safe_to_ask_again_after_s) == ("no-answer", None)
    assert isinstance(provider.find(one), Waiting)
    again = provider.ask(one)
    assert isinstance(again, Accepted)
    assert "INS-10" in again.said
    blocking.approve(one.key)
    assert isinstance(provider.find(one), Paid)
    assert blocking.debits(one.key) == 1


def test_an_order_that_is_not_found_while_its_prompt_is_open_is_not_debited_twice(blocking: MpesaPlay) -> None:
    one, provider = order(), blocking.provider(push_timeout_s=0.2)
    assert isinstance(provider.ask(one), Unclear)
    blocking.answer("find", 400, {"output_ResponseCode": "INS-23", "output_ResponseDesc": "Unknown Status"})
    assert isinstance(provider.find(one), NotFound)
    assert isinstance(provider.ask(one), Accepted)
    blocking.approve(one.key)
    assert (blocking.asked(one.key), blocking.debits(one.key)) == (2, 1)


# What M-Pesa answers to a payment


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (201, "INS-0", "accepted"),
        (200, "INS-0", "accepted"),
        (409, "INS-10", "accepted"),
        (400, "INS-10", "accepted"),
        (400, "INS-1", "failed"),
        (500, "INS-1", "failed"),
        (408, "INS-9", "no-answer"),
        (401, "INS-6", Reason.OTHER),
        (400, "INS-2051", Reason.NO_WALLET),
        (422, "INS-2006", Reason.INSUFFICIENT),
        (400, "INS-990", Reason.LIMIT),
        (400, "INS-997", Reason.CONFIGURATION),
        (400, "INS-777", "unknown-word"),
        (400, "", "unknown-word"),
        (200, "", "unknown-word"),
        (500, "INS-0", "failed"),
        (404, "", "unknown-word"),
        (403, "", Reason.CONFIGURATION),
    ],
)
def test_an_answer_to_a_payment(operator: MpesaPlay, status: int, code: str, word: str) -> None:
    operator.answer("ask", status, {"output_ResponseCode": code, "output_ResponseDesc": "told"})
    answer = operator.provider().ask(order())
    assert word_of(answer) == word
    assert not isinstance(answer, Unclear) or answer.safe_to_ask_again_after_s is None


@pytest.mark.parametrize("code", TURNED_DOWN)
def test_each_code_that_turns_a_payment_down(operator: MpesaPlay, caplog: pytest.LogCaptureFixture, code: str) -> None:
    operator.answer("ask", 400, {"output_ResponseCode": code, "output_ResponseDesc": "told"})
    answer = operator.provider().ask(order())
    assert word_of(answer) == TURNED_DOWN[code]
    woken = any(record.levelno == logging.CRITICAL for record in caplog.records)
    assert woken == (TURNED_DOWN[code] is Reason.CONFIGURATION)


@pytest.mark.parametrize(
    ("status", "body", "headers", "after_s"),
    [
        (400, {"output_ResponseCode": "INS-16"}, {}, 10.0),
        (503, {"output_ResponseCode": "INS-16"}, {"Retry-After": "30"}, 30.0),
        (429, "", {}, 10.0),
        (429, "", {"Retry-After": "86400"}, 600.0),
    ],
)
def test_turned_away_for_too_many_it_may_be_asked_again(
    operator: MpesaPlay, status: int, body: object, headers: dict[str, str], after_s: float
) -> None:
    operator.script(http={"status": status, "body": body, "headers": headers})
    answer = operator.provider().ask(order())
    assert isinstance(answer, Unclear)
    assert (answer.reason, answer.safe_to_ask_again_after_s) == ("busy", after_s)


def test_an_answer_about_another_order_is_not_taken(operator: MpesaPlay) -> None:
    operator.answer("ask", 201, {"output_ResponseCode": "INS-0", "output_ThirdPartyConversationID": "ab" * 16})
    assert word_of(operator.provider().ask(order())) == "mismatch"


@pytest.mark.parametrize(("number", "handle"), [("VD1", "VD1"), ("N/A", None), ("", None), (None, None), ([1], None)])
def test_the_number_of_a_payment_is_kept_when_it_is_told(
    operator: MpesaPlay, number: object, handle: str | None
) -> None:
    operator.answer("ask", 201, {"output_ResponseCode": "INS-0", "output_TransactionID": number})
    answer = operator.provider().ask(order())
    assert isinstance(answer, Accepted)
    assert answer.handle == handle


def test_an_answer_that_breaks_off_leaves_it_open(operator: MpesaPlay) -> None:
    one = order()
    operator.script(truncate=True)
    answer = operator.provider().ask(one)
    assert isinstance(answer, Unclear)
    assert answer.safe_to_ask_again_after_s is None
    assert isinstance(operator.provider().find(one), Waiting)


# What M-Pesa answers about a status


def _found(operator: MpesaPlay, report: dict[str, Any], handle: str | None = None) -> object:
    """What a payment that was made is found to be when its status reads so."""
    one = order()
    operator.provider().ask(one)
    operator.approve(one.key)
    operator.script(on="find", report=report)
    return operator.provider().find(replace(one, handle=handle))


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("Completed", "paid"),
        ("Pending", "waiting"),
        ("Initiated", "waiting"),
        ("Authorized", "waiting"),
        ("Cancelled", Reason.REJECTED),
        ("N/A", "unreadable"),
        ("completed", "unknown-word"),
        ("", "unknown-word"),
        (None, "unreadable"),
        (["Completed"], "unreadable"),
        ({"status": "Completed"}, "unreadable"),
    ],
)
def test_a_status_is_read_word_by_word(operator: MpesaPlay, word: object, found: str) -> None:
    assert word_of(_found(operator, {"output_ResponseTransactionStatus": word})) == found


@pytest.mark.parametrize(
    ("report", "found"),
    [
        ({"output_Reversed": "True"}, Reason.OTHER),
        ({"output_Reversed": True}, Reason.OTHER),
        ({"output_Reversed": False}, "paid"),
        ({"output_Reversed": None}, "paid"),
        ({"output_Reversed": "perhaps"}, "mismatch"),
        ({"output_OriginalTransactionID": None}, "mismatch"),
        ({"output_OriginalTransactionID": "N/A"}, "mismatch"),
        ({"output_OriginalTransactionID": "1 or 2"}, "mismatch"),
        ({"output_ThirdPartyConversationID": "ab" * 16}, "mismatch"),
        ({"output_ThirdPartyConversationID": None}, "paid"),
        ({"output_ThirdPartyConversationID": "N/A"}, "paid"),
    ],
)
def test_a_completed_payment_is_paid_only_when_all_agrees(
    operator: MpesaPlay, report: dict[str, Any], found: str
) -> None:
    assert word_of(_found(operator, report)) == found


def test_the_number_that_the_call_told_serves_where_the_status_tells_none(operator: MpesaPlay) -> None:
    found = _found(operator, {"output_OriginalTransactionID": None}, handle="VD7")
    assert isinstance(found, Paid)
    assert found.operator_id == "VD7"


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (400, "INS-23", "not found"),
        (400, "INS-1", "failed"),
        (408, "INS-9", "no-answer"),
        (503, "INS-16", "busy"),
        (401, "INS-6", "failed"),  # the query failed, or the payment: it doesn't say which
        (409, "INS-10", "failed"),
        (422, "INS-2006", "failed"),
        (200, "INS-5", "failed"),
        (500, "INS-0", "failed"),
    ],
)
def test_an_answer_about_a_status(operator: MpesaPlay, status: int, code: str, word: str) -> None:
    completed = {"output_ResponseTransactionStatus": "Completed", "output_OriginalTransactionID": "VD1"}
    operator.answer("find", status, {"output_ResponseCode": code, **completed})
    assert word_of(operator.provider().find(order())) == word


def test_a_status_that_flaps_decides_by_what_it_says_now(operator: MpesaPlay) -> None:
    provider, one = operator.provider(), order()
    provider.ask(one)
    operator.approve(one.key)
    for word in ("Pending", "Cancelled", "N/A"):
        operator.script(on="find", report={"output_ResponseTransactionStatus": word})
    assert [word_of(provider.find(one)) for _ in range(4)] == ["waiting", Reason.REJECTED, "unreadable", "paid"]


# Sessions


@pytest.fixture
def slow_sessions(operator: MpesaPlay) -> Iterator[MpesaPlay]:
    """New sessions don't become valid for as long as the test lasts."""
    operator.play("session-delay", {"seconds": 3600})
    yield operator
    operator.play("session-delay", {"seconds": 0})


def test_a_new_session_is_given_its_time(slow_sessions: MpesaPlay) -> None:
    now = [1000.0]
    provider = slow_sessions.provider(session_live_after_s=30, monotonic=lambda: now[0])
    told = []
    for _ in range(3):
        answers = [provider.ask(order()), provider.find(order())]
        told += [(one.reason, one.safe_to_ask_again_after_s) for one in answers if isinstance(one, Unclear)]
        now[0] += 12
    assert told == [("not-ready", after_s) for after_s in (30.0, 30.0, 18.0, 18.0, 6.0, 6.0)]
    assert slow_sessions.calls(SESSION) == 1  # another would only have been younger


def test_a_session_that_stays_bad_is_renewed(slow_sessions: MpesaPlay) -> None:
    now = [1000.0]
    provider = slow_sessions.provider(session_live_after_s=30, monotonic=lambda: now[0])
    provider.ask(order())
    now[0] += 31
    again = provider.ask(order())
    assert isinstance(again, Unclear)
    assert again.safe_to_ask_again_after_s == 30.0  # now the new one has its time
    assert slow_sessions.calls(SESSION) == 2
    slow_sessions.play("session-delay", {"seconds": 0})
    now[0] += 31
    assert isinstance(provider.ask(order()), Accepted)
    assert slow_sessions.calls(SESSION) == 3


@pytest.mark.parametrize(("age_s", "sessions"), [(2999, 1), (3001, 2)])
def test_a_session_is_renewed_before_it_ends(operator: MpesaPlay, age_s: int, sessions: int) -> None:
    now = [1000.0]
    provider = operator.provider(monotonic=lambda: now[0])
    provider.find(order())
    now[0] += age_s
    provider.find(order())
    assert operator.calls(SESSION) == sessions


def test_a_no_that_comes_with_401_is_no_matter_of_the_session(operator: MpesaPlay) -> None:
    operator.answer("ask", 401, {"output_ResponseCode": "INS-6", "output_ResponseDesc": "Transaction Failed"})
    assert word_of(operator.provider().ask(order())) == Reason.OTHER
    assert (operator.calls(ASKED), operator.calls(SESSION)) == (1, 1)


def test_turned_away_twice_for_the_session_is_our_fault(operator: MpesaPlay) -> None:
    operator.answer("ask", 401, "", times=2)
    assert word_of(operator.provider().ask(order())) == Reason.CONFIGURATION
    assert (operator.calls(ASKED), operator.calls(SESSION)) == (2, 2)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        {"output_ResponseCode": "INS-0"},
        {"output_ResponseCode": "INS-0", "output_SessionID": ""},
        {"output_ResponseCode": "INS-0", "output_SessionID": "a b"},
        {"output_ResponseCode": "INS-0", "output_SessionID": "x" * 300},  # too long for the public key
        {"output_ResponseCode": "INS-1", "output_SessionID": "abc"},
    ],
)
def test_a_session_that_cannot_be_read_means_that_nothing_was_asked(operator: MpesaPlay, body: object) -> None:
    operator.answer("token", 200, body)
    answer = operator.provider().ask(order())
    assert isinstance(answer, Unclear)
    assert answer.safe_to_ask_again_after_s is not None
    assert operator.calls(ASKED) == 0


def test_a_session_is_refused_for_a_wrong_key(operator: MpesaPlay) -> None:
    assert word_of(operator.provider(api_key="wrong").ask(order())) == Reason.CONFIGURATION
    assert word_of(operator.provider(origin="elsewhere").ask(order())) == Reason.CONFIGURATION


def _elliptic() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"public_key": ""}, "public key"),
        ({"public_key": "not base64!"}, "public key"),
        ({"public_key": "YWJj"}, "public key"),
        ({"public_key": _elliptic()}, "no RSA key"),
        ({"api_key": ""}, "API key"),
        ({"api_key": "x" * 246}, "API key"),
        ({"origin": ""}, "origin"),
        ({"origin": "a\r\nb: c"}, "origin"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_at_once(operator: MpesaPlay, wrong: dict[str, str], told: str) -> None:
    with pytest.raises(Fault, match=told):
        operator.provider(**wrong)  # type: ignore[arg-type]


def test_the_public_key_may_be_armoured(operator: MpesaPlay) -> None:
    lines = (
        "-----BEGIN PUBLIC KEY-----",
        operator.public_key[:64],
        operator.public_key[64:],
        "-----END PUBLIC KEY-----",
    )
    armoured = "\n".join(lines)
    assert isinstance(operator.provider(public_key=armoured).ask(order()), Accepted)


# Asynchronous results, as the stand-in sends them


def test_a_result_is_read_as_a_hint(operator: MpesaPlay, notified: Notified) -> None:
    operator.play("response-url", {"url": notified.url})
    provider, one = operator.provider(), order()
    provider.ask(one)
    operator.approve(one.key)
    until(lambda: len(notified.came) == 1)
    hint = provider.read("application/json", notified.came[0][1], {})
    assert (hint.key, hint.said) == (one.key, "INS-0 Request processed successfully")


def test_a_result_that_lies_is_only_a_hint(operator: MpesaPlay, notified: Notified) -> None:
    operator.play("response-url", {"url": notified.url})
    provider, one = operator.provider(), order()
    operator.script(outcome="Failed", reason="Cancelled", callback={"times": 3, "lie": {"input_ResultCode": "INS-0"}})
    provider.ask(one)
    until(lambda: len(notified.came) == 3)
    assert provider.read("application/json", notified.came[0][1], {}).said.startswith("INS-0")
    assert word_of(provider.find(one)) == Reason.REJECTED


def test_a_result_can_overtake_the_answer(operator: MpesaPlay, notified: Notified) -> None:
    operator.play("response-url", {"url": notified.url})
    one = order()
    operator.script(callback={"before_response": True})
    assert isinstance(operator.provider().ask(one), Accepted)
    assert operator.provider().read("", notified.came[0][1], {}).key == one.key


@pytest.mark.parametrize("reference", [None, "", "not ours", "ab" * 15, 17, ["ab" * 16]])
def test_a_result_about_nothing_of_ours_names_no_order(operator: MpesaPlay, reference: object) -> None:
    body = json.dumps({"input_ResultCode": "INS-0", "input_ThirdPartyConversationID": reference}).encode()
    assert operator.provider().read("application/json", body, {}).key is None


# Settings


def _own(operator: MpesaPlay, **more: str) -> dict[str, str]:
    return {
        "MPESA_API_KEY": standin.API_KEY,
        "MPESA_PUBLIC_KEY": operator.public_key,
        "MPESA_SERVICE_PROVIDER_CODE": standin.SERVICE_PROVIDER_CODE,
        "MPESA_ENVIRONMENT": "openapi",
        "MPESA_BASE_URL": operator.url,
        **more,
    }


def test_the_settings_make_a_provider(operator: MpesaPlay) -> None:
    configured = settings(_own(operator))
    assert isinstance(MpesaOpenApi.from_settings(configured).ask(order()), Accepted)
    assert standin.API_KEY not in repr(configured)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"MPESA_API_KEY": ""}, "MPESA_API_KEY is missing"),
        ({"MPESA_PUBLIC_KEY": ""}, "MPESA_PUBLIC_KEY is missing"),
        ({"MPESA_SERVICE_PROVIDER_CODE": ""}, "MPESA_SERVICE_PROVIDER_CODE is missing"),
        ({"MPESA_ENVIRONMENT": ""}, "MPESA_ENVIRONMENT is missing"),
        ({"MPESA_ENVIRONMENT": "production"}, "MPESA_ENVIRONMENT"),
        ({"MPESA_SERVICE_PROVIDER_CODE": "a b"}, "MPESA_SERVICE_PROVIDER_CODE"),
        ({"MPESA_BASE_URL": "http://openapi.m-pesa.com"}, "MPESA_BASE_URL must begin with https://"),
        ({"MPESA_PUSH_TIMEOUT_S": "600"}, "MPESA_PUSH_TIMEOUT_S"),
    ],
)
def test_settings_that_are_wrong_are_told(operator: MpesaPlay, more: dict[str, str], told: str) -> None:
    assert told in wrong(_own(operator, **more))


RECORDED_S = 5.0  # for the call's record, whatever the database is busy with


def test_the_longest_push_that_may_be_set_fits_into_a_worker_s_claim(operator: MpesaPlay) -> None:
    """Were it longer, another worker would take the order over while the payer still types the PIN."""
    [most] = [one.le for one in Settings.model_fields["mpesa_push_timeout_s"].metadata if isinstance(one, Le)]
    own = _own(operator, MPESA_PUSH_TIMEOUT_S=str(most))
    longest_s = MpesaOpenApi.from_settings(settings(own)).longest_ask_s
    assert longest_s + RECORDED_S <= LONGEST_CALL.total_seconds() < CLAIM.total_seconds()
    assert longest_s >= 60  # and the payer has the minute that M-Pesa gives
    assert "MPESA_PUSH_TIMEOUT_S" in wrong({**own, "MPESA_PUSH_TIMEOUT_S": str(float(str(most)) + 1)})


def test_a_call_takes_no_longer_than_its_limits_say(blocking: MpesaPlay) -> None:
    provider = blocking.provider(read_timeout_s=0.2)
    began = time.monotonic()
    blocking.script(on="token", slow=0.1)
    assert isinstance(provider.ask(order()), Unclear)
    assert time.monotonic() - began < provider.longest_ask_s + 0.1


# The stand-in keeps to M-Pesa's rules, so that passing here means something


def _sealed(operator: MpesaPlay, key: str) -> str:
    provider = operator.provider(api_key=key)
    return provider._api_key


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ({}, {}, 201, "INS-0"),
        ({"input_Amount": 1500}, {}, 400, "INS-15"),
        ({"input_Amount": "1 500"}, {}, 400, "INS-15"),
        ({"input_Amount": "0"}, {}, 400, "INS-15"),
        ({"input_CustomerMSISDN": "+243810000001"}, {}, 400, "INS-2051"),
        ({"input_Country": "CD"}, {}, 400, "INS-998"),
        ({"input_Currency": "XOF"}, {}, 400, "INS-26"),
        ({"input_ServiceProviderCode": "OTHER"}, {}, 400, "INS-13"),
        ({"input_TransactionReference": "x" * 21}, {}, 400, "INS-17"),
        ({"input_ThirdPartyConversationID": "a-b"}, {}, 400, "INS-28"),
        ({"input_PurchasedItemsDesc": "a & b"}, {}, 400, "INS-30"),
        ({"input_PurchasedItemsDesc": None}, {}, 400, "INS-30"),
        ({}, {"Origin": "elsewhere"}, 403, None),
        ({}, {"Authorization": "Bearer x"}, 401, "INS-2"),
    ],
)
def test_the_stand_in_checks_what_m_pesa_checks(
    operator: MpesaPlay, body: dict[str, Any], headers: dict[str, str], status: int, code: str | None
) -> None:
    root = f"{operator.url}/openapi/ipg/v2/vodacomDRC"
    with requests.Session() as session:
        session.trust_env = False
        key = session.get(
            f"{root}/getSession/",
            timeout=5,
            headers={"Origin": "*", "Authorization": _sealed(operator, standin.API_KEY)},
        ).json()["output_SessionID"]
        good = {
            "input_Amount": "1500", "input_Country": "DRC", "input_Currency": "CDF",
            "input_CustomerMSISDN": "243810000001", "input_ServiceProviderCode": standin.SERVICE_PROVIDER_CODE,
            "input_TransactionReference": "1", "input_ThirdPartyConversationID": uuid.uuid4().hex,
            "input_PurchasedItemsDesc": "a",
        }  # fmt: skip
        answer = session.post(
            f"{root}/c2bPayment/singleStage/", json={**good, **body}, timeout=5,
            headers={"Origin": "*", "Authorization": _sealed(operator, key), **headers},
        )  # fmt: skip
        plain = session.post(
            f"{root}/c2bPayment/singleStage/", json=good, timeout=5,
            headers={"Origin": "*", "Authorization": f"Bearer {key}"},
        )  # fmt: skip
    assert (answer.status_code, answer.json().get("output_ResponseCode")) == (status, code)
    assert plain.status_code == 401  # a session's key that is not encrypted is none


def test_a_prompt_that_nobody_answers_expires() -> None:
    play = MpesaPlay("--flow", "sync", "--auto", "manual", "--prompt-expires", "0.1")
    try:
        one, provider = order(), play.provider(push_timeout_s=5)
        assert word_of(provider.ask(one)) == "no-answer"
        assert word_of(provider.find(one)) == Reason.EXPIRED
        assert play.prompts(PAYER) == []
    finally:
        play.stop()
