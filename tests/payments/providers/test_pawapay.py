"""pawaPay: the contract, and what is pawaPay's own."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from configured import settings, wrong
from contract import CARD, PAYER, ProviderContract
from contract import order as plain_order
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from notified import Notified, listening, until
from pawapay_play import CALLBACK_URL, PawaPayPlay
from words import shouted_word

from gateway.kernel.atomic import transaction_open
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault, NetworkInsideTransaction
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.payments.providers.base import (
    Accepted,
    Availability,
    BadNotice,
    NotFound,
    Order,
    Paid,
    Reason,
    Refunder,
    Refused,
    Repayment,
    SaysAvailable,
    Unclear,
    Waiting,
)
from gateway.payments.providers.pawapay import PawaPay
from gateway.payments.providers.pawapay_keys import ASKED_EVERY_S as KEYS_ASKED_EVERY_S
from gateway.payments.providers.pawapay_keys import GOOD_FOR_S as KEYS_GOOD_FOR_S
from gateway.payments.providers.pawapay_toolkit import PREDICTED_AGAIN_AFTER_S, Suggestion, Terms
from gateway.payments.providers.pawapay_words import COUNTRIES, REASONS
from gateway.payments.providers.signatures import SigningKey
from gateway.payments.push.asking import GIVE_UP_AFTER
from gateway.standins import pawapay as standin

CODES = {"+229016": "MTN_MOMO_BEN", "+229015": "MTN_MOMO_BEN", "+229019": "MOOV_BEN", "+2438": "VODACOM_MPESA_COD",
         "+2439": "AIRTEL_COD"}  # fmt: skip
GOMA_MPESA, GOMA_AIRTEL = "+243811000001", "+243991000001"


def order(amount: Money | None = None, payer: str = PAYER, url: str | None = None) -> Order:
    """A new order, with pawaPay's code of the payer's operator, as the plan of operators has it."""
    code = next(code for start, code in CODES.items() if payer.startswith(start))
    return replace(plain_order(amount, payer, url), environment=code)


@pytest.fixture(scope="module")
def pawapay() -> Iterator[PawaPayPlay]:
    """pawaPay; its payers do nothing by themselves."""
    play = PawaPayPlay("--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def operator(pawapay: PawaPayPlay) -> PawaPayPlay:
    """The same, with nothing asked and nothing scripted."""
    pawapay.reset()
    return pawapay


@pytest.fixture
def notified(operator: PawaPayPlay) -> Iterator[Notified]:
    """Where pawaPay's dashboard sends callbacks to, signed."""
    with listening() as address:
        address.url += "/callback"
        operator.play("callbacks", {"url": address.url})
        yield address


def _came(notified: Notified, which: int = 0) -> tuple[dict[str, str], bytes]:
    """Headers and body of a notice, when it has come."""
    until(lambda: len(notified.came) > which)
    _, body, headers = notified.came[which]
    return dict(headers.items()), body


class TestTheContract(ProviderContract):
    REFUSALS = REASONS

    def order(self, amount: Money | None = None, url: str | None = None) -> Order:
        return order(amount, self.PAYER, url)

    # pawaPay's token is a setting: there is none to fetch and none that ends.
    test_many_calls_at_once_take_one_token = None
    test_a_token_that_ends_in_a_burst_is_renewed_once = None
    test_a_token_that_is_not_to_be_had_is_tried_for_once_by_all = None


def _word(answer: object) -> str:
    if isinstance(answer, Refused):
        return answer.reason
    words: dict[type[object], str] = {
        Accepted: "accepted", Waiting: "waiting", Paid: "paid", NotFound: "not found", Unclear: "unclear"
    }  # fmt: skip
    return words[type(answer)]


# What is sent


def test_the_deposit_is_as_pawapay_wants_it(operator: PawaPayPlay) -> None:
    one = order(amount=Money(150_050, "XOF"), url="https://mutuelle.example.org/not/asked/for")
    assert isinstance(operator.provider().ask(one), Accepted)
    assert operator.requests()[one.key]["sent"] == {
        "depositId": one.key,
        "amount": "150050",
        "currency": "XOF",
        "payer": {
            "type": "MMO",
            "accountDetails": {"phoneNumber": "2290161000001", "provider": "MTN_MOMO_BEN"},
        },
        "customerMessage": "Cotisation 123456782",
        "clientReferenceId": "123456782",
    }


@pytest.mark.parametrize("card", ["", "&", "123 456 782", "é<>&123", "x" * 400])
def test_no_text_is_sent_that_pawapay_chokes_on(operator: PawaPayPlay, card: str) -> None:
    assert isinstance(operator.provider().ask(replace(order(), card=card)), Accepted)


@pytest.mark.parametrize(
    ("payer", "amount", "sent"),
    [
        (GOMA_MPESA, Money(150_000, "CDF"), "1500"),
        (GOMA_MPESA, Money(12_345, "CDF"), None),
        (GOMA_MPESA, Money(12_345, "USD"), "123.45"),
        (GOMA_AIRTEL, Money(12_345, "CDF"), "123.45"),
        (GOMA_AIRTEL, Money(12_350, "CDF"), "123.5"),
        (GOMA_AIRTEL, Money(1_200_000, "CDF"), "12000"),
        (PAYER, Money(1500, "XOF"), "1500"),
    ],
)
@pytest.mark.parametrize("conf", ["told", "down"])
def test_an_amount_has_the_decimals_that_the_operator_takes(
    operator: PawaPayPlay, payer: str, amount: Money, sent: str | None, conf: str
) -> None:
    if conf == "down":
        operator.script(on="conf", http={"status": 503, "body": ""})
    one = order(payer=payer, amount=amount)
    answer = operator.provider().ask(one)
    assert _word(answer) == ("accepted" if sent else Reason.AMOUNT)
    assert operator.calls("ask") == (1 if sent else 0)
    if sent:
        assert operator.requests()[one.key]["sent"]["amount"] == sent


@pytest.mark.parametrize("amount", [99, 2_000_001])
@pytest.mark.parametrize(("conf", "sent"), [("told", 0), ("down", 1)])
def test_an_amount_beyond_the_bounds_is_refused_before_it_is_sent(
    operator: PawaPayPlay, amount: int, conf: str, sent: int
) -> None:
    if conf == "down":  # then pawaPay says it
        operator.script(on="conf", http={"status": 200, "body": "{}"})
    assert _word(operator.provider().ask(order(amount=Money(amount, "XOF")))) == Reason.AMOUNT
    assert operator.calls("ask") == sent


def test_bounds_that_change_are_those_that_count(operator: PawaPayPlay) -> None:
    operator.play("terms", {"code": "MTN_MOMO_BEN", "currency": "XOF", "minAmount": "2000"})
    assert _word(operator.provider().ask(order())) == Reason.AMOUNT
    operator.play("terms", {"code": "MTN_MOMO_BEN", "currency": "XOF", "minAmount": None, "minTransactionLimit": "1"})
    terms = operator.provider().toolkit.terms("BJ")
    assert [one.least for one in terms if one.code == "MTN_MOMO_BEN"] == [Money(1, "XOF")]  # type: ignore[union-attr]


@pytest.mark.parametrize("auth", ["PREAUTH", "REDIRECT_AUTH", "MOON_AUTH"])
def test_what_a_basic_phone_can_t_pay_is_not_asked(operator: PawaPayPlay, auth: str) -> None:
    operator.play("terms", {"code": "MTN_MOMO_BEN", "currency": "XOF", "authType": auth})
    assert _word(operator.provider().ask(order())) == Reason.CONFIGURATION
    assert operator.calls("ask") == 0


def test_the_countries_are_those_that_pawapay_lists(operator: PawaPayPlay) -> None:
    provider = operator.provider()
    for country in COUNTRIES:
        listed = provider.toolkit.terms(country)
        assert isinstance(listed, tuple)
        assert any(one.by_phone for one in listed)


# What pawaPay answers to a deposit


def _rejected(code: str) -> dict[str, object]:
    return {"status": "REJECTED", "failureReason": {"failureCode": code, "failureMessage": "no"}}


def _failure(code: str) -> dict[str, object]:
    return {"failureReason": {"failureCode": code, "failureMessage": "no"}}


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (200, {"status": "ACCEPTED"}, "accepted"),
        (200, {"status": "DUPLICATE_IGNORED"}, "accepted"),
        (200, _rejected("AMOUNT_OUT_OF_BOUNDS"), Reason.AMOUNT),
        (200, _rejected("INVALID_AMOUNT"), Reason.AMOUNT),
        (200, _rejected("INVALID_CURRENCY"), Reason.AMOUNT),
        (200, _rejected("INVALID_PHONE_NUMBER"), Reason.NO_WALLET),
        (200, _rejected("INVALID_PROVIDER"), Reason.CONFIGURATION),
        (200, _rejected("PROVIDER_TEMPORARILY_UNAVAILABLE"), Reason.UNAVAILABLE),
        (200, _rejected("SOMETHING_NEW"), Reason.OTHER),
        (200, {"status": "REJECTED"}, Reason.OTHER),
        (200, {"status": "ACCEPTED", "depositId": "55555555-5555-4555-8555-555555555555"}, "unclear"),
        (200, {"status": "SOMETHING_NEW"}, "unclear"),
        (200, {"status": None}, "unclear"),
        (200, "", "unclear"),
        (200, '{"status": "ACCEPTED", "status": "REJECTED"}', "unclear"),
        (202, {"status": "ACCEPTED"}, "unclear"),
        (400, _failure("INVALID_INPUT"), Reason.CONFIGURATION),
        (400, _failure("UNSUPPORTED_PARAMETER"), Reason.CONFIGURATION),
        (401, _failure("NO_AUTHENTICATION"), Reason.CONFIGURATION),
        (403, _failure("AUTHENTICATION_ERROR"), Reason.CONFIGURATION),
        (403, _failure("DEPOSITS_NOT_ALLOWED"), Reason.CONFIGURATION),
        (403, _failure("HTTP_SIGNATURE_ERROR"), Reason.CONFIGURATION),
        (404, {}, "unclear"),
        (500, _failure("UNKNOWN_ERROR"), "unclear"),
    ],
)
def test_an_answer_to_a_deposit(operator: PawaPayPlay, status: int, body: object, word: str) -> None:
    operator.answer("ask", status, body)
    answer = operator.provider().ask(order())
    assert _word(answer) == word
    if isinstance(answer, Unclear):
        assert answer.safe_to_ask_again_after_s is None


def test_an_unknown_rejection_is_kept_and_shouted(operator: PawaPayPlay, caplog: pytest.LogCaptureFixture) -> None:
    operator.answer("ask", 200, _rejected("MOON_IN_THE_WRONG_PHASE"))
    answer = operator.provider().ask(order())
    assert "MOON_IN_THE_WRONG_PHASE" in answer.said
    assert any(one.levelno == logging.ERROR and "MOON" in one.getMessage() for one in caplog.records)


@pytest.mark.parametrize(
    "fault",
    [
        {"fail_after": {"status": 500, "body": _failure("UNKNOWN_ERROR")}},
        {"fail_after": {"status": 502, "body": "<html>"}},
        {"truncate": True},
        {"fail_after": {"status": 200, "body": '{"pad": "' + "x" * 100_000 + '"}'}},
    ],
)
def test_an_answer_that_is_spoilt_after_the_deposit_was_taken_decides_nothing(
    operator: PawaPayPlay, fault: dict[str, Any]
) -> None:
    provider, one = operator.provider(), order()
    operator.script(outcome="COMPLETED", **fault)
    answer = provider.ask(one)
    assert isinstance(answer, Unclear)
    assert answer.safe_to_ask_again_after_s is None
    assert isinstance(provider.find(one), Paid)
    assert (operator.asked(one.key), operator.debits(one.key)) == (1, 1)


@pytest.mark.parametrize(
    ("header", "after_s"), [({}, 10.0), ({"Retry-After": "30"}, 30.0), ({"Retry-After": "86400"}, 600.0)]
)
def test_turned_away_for_too_many_it_may_be_asked_again(
    operator: PawaPayPlay, header: dict[str, str], after_s: float
) -> None:
    operator.script(http={"status": 429, "body": "", "headers": header})
    answer = operator.provider().ask(order())
    assert isinstance(answer, Unclear)
    assert (answer.reason, answer.safe_to_ask_again_after_s) == ("busy", after_s)


def test_a_wrong_token_is_our_fault(operator: PawaPayPlay) -> None:
    provider = operator.provider(api_token="wrong")
    assert _word(provider.ask(order())) == Reason.CONFIGURATION
    assert isinstance(provider.find(order()), Unclear)
    assert _word(provider.toolkit.terms("BJ")) == Reason.CONFIGURATION
    assert _word(provider.toolkit.predict(PAYER)) == Reason.CONFIGURATION


@pytest.mark.parametrize("token", ["", "a b", "é", "a\r\nX: y"])
def test_what_no_header_can_hold_is_told_at_once(operator: PawaPayPlay, token: str) -> None:
    with pytest.raises(Fault, match="pawaPay"):
        operator.provider(api_token=token)


# What pawaPay answers about a status


@pytest.mark.parametrize("word", ["ACCEPTED", "PROCESSING", "IN_RECONCILIATION", "ENQUEUED"])
def test_a_deposit_that_goes_on_waits(operator: PawaPayPlay, word: str) -> None:
    provider, one = operator.provider(), order()
    provider.ask(one)
    operator.script(on="find", report={"status": word})
    assert isinstance(provider.find(one), Waiting)


def test_a_status_that_flaps_is_told_as_it_is_each_time(operator: PawaPayPlay) -> None:
    provider, one = operator.provider(), order()
    provider.ask(one)
    reason = {"failureCode": "UNSPECIFIED_FAILURE", "failureMessage": ""}
    for report in ({"status": "PROCESSING"}, {"status": "FAILED", "failureReason": reason}, {"status": "PROCESSING"}):
        operator.script(on="find", report=report)
    operator.script(on="find", report={"status": "COMPLETED", "providerTransactionId": "7"})
    assert [_word(provider.find(one)) for _ in range(4)] == ["waiting", Reason.OTHER, "waiting", "paid"]


def test_not_found_is_no_failure_before_fifteen_minutes(operator: PawaPayPlay) -> None:
    """It only says that the same key may be asked again; what gives up on it is older than pawaPay's quarter hour."""
    assert timedelta(minutes=15) <= GIVE_UP_AFTER
    provider, one = operator.provider(), order()
    assert isinstance(provider.find(one), NotFound)
    assert isinstance(provider.ask(one), Accepted)
    assert isinstance(provider.ask(one), Accepted)
    operator.approve(one.key)
    assert (operator.asked(one.key), operator.debits(one.key)) == (2, 1)


@pytest.mark.parametrize(
    ("report", "amount", "payer", "number"),
    [
        ({}, Money(1500, "XOF"), PAYER, "MTN_MOMO_BEN:"),
        ({"amount": "1000.00"}, Money(1000, "XOF"), PAYER, "MTN_MOMO_BEN:"),
        ({"amount": 1500}, Money(1500, "XOF"), PAYER, "MTN_MOMO_BEN:"),
        ({"currency": "XAF"}, Money(1500, "XAF"), PAYER, "MTN_MOMO_BEN:"),
        ({"providerTransactionId": "MP260709.1341.A00073"}, Money(1500, "XOF"), PAYER, "MTN_MOMO_BEN:MP260709.1341."),
        (
            {"payer": {"type": "MMO", "accountDetails": {"phoneNumber": "22964000002", "provider": "MOOV_BEN"}}},
            Money(1500, "XOF"), "+2290164000002", "MOOV_BEN:",
        ),
        ({"payer": {"accountDetails": {"phoneNumber": "x", "provider": "MTN_MOMO_BEN"}}}, Money(1500, "XOF"), None, ""),
        ({"payer": None}, Money(1500, "XOF"), None, "own"),
        ({"providerTransactionId": None}, Money(1500, "XOF"), PAYER, "own"),
        ({"providerTransactionId": ""}, Money(1500, "XOF"), PAYER, "own"),
        ({"providerTransactionId": "1 or 2"}, Money(1500, "XOF"), PAYER, "own"),
        ({"providerTransactionId": {"id": 1}}, Money(1500, "XOF"), PAYER, "own"),
        ({"providerTransactionId": "9" * 70}, Money(1500, "XOF"), PAYER, "own"),
    ],
)  # fmt: skip
def test_what_really_moved_is_reported(
    operator: PawaPayPlay, report: dict[str, Any], amount: Money, payer: str | None, number: str
) -> None:
    provider, one = operator.provider(), order()
    operator.script(outcome="COMPLETED", report=report)
    provider.ask(one)
    found = provider.find(one)
    assert isinstance(found, Paid)
    assert (found.amount, found.payer) == (amount, payer)
    assert found.operator_id.startswith(one.key if number == "own" else number)
    assert len(found.operator_id) <= 64


@pytest.mark.parametrize(
    "report",
    [
        {"amount": None}, {"currency": None}, {"currency": "GHS"}, {"amount": "0.00"},
        {"depositId": "55555555-5555-4555-8555-555555555555"},
    ],
)  # fmt: skip
def test_a_completion_that_lacks_something_is_unclear_and_shouted(
    operator: PawaPayPlay, report: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert shouted_word(operator, operator.provider(), order(), report, caplog) == "mismatch"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"status": "NOT_FOUND"}, "not found"),
        ({"status": "FOUND"}, "unclear"),
        ({"status": "FOUND", "data": []}, "unclear"),
        ({"status": "FOUND", "data": {}}, "unclear"),
        ({"status": "LOST"}, "unclear"),
        ([{"status": "COMPLETED"}], "unclear"),  # version 1
    ],
)
def test_a_status_of_another_shape_decides_nothing(operator: PawaPayPlay, body: object, word: str) -> None:
    operator.answer("find", 200, body)
    assert _word(operator.provider().find(order())) == word


def test_connections_are_kept(operator: PawaPayPlay) -> None:
    provider, one = operator.provider(), order()
    provider.ask(one)
    before = operator.calls("connections")
    for _ in range(20):
        provider.find(one)
    assert operator.calls("connections") - before == 1  # that of this counting call


# Terms


def test_the_terms_of_a_country(operator: PawaPayPlay) -> None:
    operator.play("terms", {"code": "AIRTEL_COD", "currency": "CDF", "status": "DELAYED", "pinPrompt": "MANUAL"})
    operator.play("terms", {"code": "ORANGE_COD", "currency": "USD", "maxAmount": None, "decimalsInAmount": "SOME"})
    listed = operator.provider().toolkit.terms("CD")
    assert isinstance(listed, tuple)
    terms = {(one.code, one.currency): one for one in listed}
    assert terms["VODACOM_MPESA_COD", "CDF"] == Terms(
        "VODACOM_MPESA_COD", "CDF", "OPERATIONAL", 0, Money(10_000, "CDF"), Money(200_000_000, "CDF"), "PROVIDER_AUTH",
        "MUTUELLE", True,
    )  # fmt: skip
    assert terms["VODACOM_MPESA_COD", "USD"].decimals == 2
    delayed = terms["AIRTEL_COD", "CDF"]
    assert (delayed.status, delayed.prompts) == ("DELAYED", False)
    odd = terms["ORANGE_COD", "USD"]
    assert (odd.most, odd.decimals, odd.status) == (None, 0, "OPERATIONAL")


def test_a_country_that_pawapay_does_not_serve_has_none(operator: PawaPayPlay) -> None:
    assert operator.provider().toolkit.terms("BI") == ()
    assert operator.calls("conf") == 0


def test_only_the_country_that_was_asked_for_counts(operator: PawaPayPlay) -> None:
    with requests.Session() as session:
        session.trust_env = False
        bearer = {"Authorization": f"Bearer {standin.API_TOKEN}"}
        everything = session.get(f"{operator.url}/v2/active-conf", headers=bearer, timeout=5).json()
    assert len(everything["countries"]) > 1
    operator.answer("conf", 200, everything)
    listed = operator.provider().toolkit.terms("BJ")
    assert isinstance(listed, tuple)
    assert {one.code for one in listed} == {"MTN_MOMO_BEN", "MOOV_BEN"}


def test_terms_are_kept_for_a_minute_and_fetched_once_by_all(operator: PawaPayPlay) -> None:
    now = [1000.0]
    provider = operator.provider(monotonic=lambda: now[0])
    operator.script(on="conf", slow=0.1)
    with ThreadPoolExecutor(8) as threads:
        listed = list(threads.map(lambda _: provider.toolkit.terms("BJ"), range(8)))
    assert all(one == listed[0] and isinstance(one, tuple) for one in listed)
    provider.ask(order())
    now[0] += 59
    provider.toolkit.terms("BJ")
    assert operator.calls("conf") == 1
    now[0] += 2
    provider.toolkit.terms("BJ")
    assert operator.calls("conf") == 2
    provider.toolkit.terms("CD")
    assert operator.calls("conf") == 3


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({"http": {"status": 503, "body": ""}}, "busy"),
        ({"http": {"status": 200, "body": "<html>"}}, "unreadable"),
        ({"truncate": True}, "unreadable"),
        ({"slow": 1.5}, "no-answer"),
    ],
)
def test_terms_that_are_not_to_be_had_stop_no_payment(
    operator: PawaPayPlay, script: dict[str, Any], reason: str
) -> None:
    now = [1000.0]
    provider = operator.provider(monotonic=lambda: now[0], read_timeout_s=1.0)
    operator.script(on="conf", **script)
    answer = provider.toolkit.terms("BJ")
    assert isinstance(answer, Unclear)
    assert answer.reason == reason
    assert isinstance(provider.ask(order()), Accepted)
    assert operator.calls("conf") == 1  # and it isn't asked at every payment
    now[0] += 11
    assert isinstance(provider.toolkit.terms("BJ"), tuple)


# Who works


def test_each_operator_is_told_by_its_word_for_deposits(operator: PawaPayPlay) -> None:
    operator.play("terms", {"code": "MTN_MOMO_BEN", "currency": "XOF", "status": "CLOSED"})
    operator.play("terms", {"code": "ORANGE_SEN", "currency": "XOF", "status": "DELAYED"})
    operator.play("terms", {"code": "AIRTEL_RWA", "currency": "RWF", "status": "ASLEEP"})
    provider = operator.provider()
    assert isinstance(provider, SaysAvailable)
    found = provider.available()
    assert isinstance(found, tuple)
    told = {one.environment: one for one in found}
    assert told["MTN_MOMO_BEN"] == Availability("MTN_MOMO_BEN", False, "CLOSED")
    assert told["MOOV_BEN"] == Availability("MOOV_BEN", True, "OPERATIONAL")  # payouts of all are DELAYED
    assert told["ORANGE_SEN"] == Availability("ORANGE_SEN", True, "DELAYED")
    assert told["AIRTEL_RWA"] == Availability("AIRTEL_RWA", None, "ASLEEP")


def _listed(*types: object) -> list[object]:
    return [{"country": "BEN", "providers": [{"provider": "MOOV_BEN", "operationTypes": [*types]}]}]


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, [], []),
        (200, [{"country": "BEN"}, 5, {"providers": [{"provider": "no code"}, None]}], []),
        (200, _listed({"operationType": "PAYOUT", "status": "CLOSED"}), []),
        (200, _listed({"operationType": "DEPOSIT"}), [None]),
        (200, _listed({"operationType": "DEPOSIT", "status": ["CLOSED"]}), [None]),
        (200, {"status": "CLOSED"}, "unreadable"),
        (200, "<html>", "unreadable"),
        (503, "", "busy"),
        (403, _failure("AUTHENTICATION_ERROR"), "failed"),
    ],
)
def test_an_answer_about_who_works(operator: PawaPayPlay, status: int, body: object, told: object) -> None:
    operator.answer("availability", status, json.dumps(body) if isinstance(body, list) else body)
    answer = operator.provider().available()
    assert (answer.reason if isinstance(answer, Unclear) else [one.up for one in answer]) == told


# Predictions


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("+2290161000001", Suggestion("MTN_MOMO_BEN", "BJ", "+2290161000001")),
        ("+243991000001", Suggestion("AIRTEL_COD", "CD", "+243991000001")),
        ("+25761000001", Reason.NO_WALLET),
        ("+22912", Reason.NO_WALLET),
    ],
)
def test_a_prediction(operator: PawaPayPlay, number: str, found: Suggestion | Reason) -> None:
    answer = operator.provider().toolkit.predict(number)
    assert answer == found if isinstance(found, Suggestion) else _word(answer) == found


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (200, {"country": "BEN", "provider": "MTN_MOMO_BEN", "phoneNumber": "2290161000001"}, None),
        (200, {"country": "XXX", "provider": "NEW_XXX", "phoneNumber": "2290161000001"}, None),
        (200, _failure("INVALID_PARAMETER"), Reason.NO_WALLET),
        (200, {"provider": "MTN_MOMO_BEN"}, "unclear"),
        (200, {"provider": "no code", "phoneNumber": "2290161000001"}, "unclear"),
        (200, {"provider": "MTN_MOMO_BEN", "phoneNumber": "somebody"}, "unclear"),
        (200, "", "unclear"),
        (400, _failure("UNSUPPORTED_PARAMETER"), "unclear"),
        (500, _failure("UNKNOWN_ERROR"), "unclear"),
    ],
)
def test_an_answer_to_a_prediction(operator: PawaPayPlay, status: int, body: object, word: str | None) -> None:
    operator.answer("predict", status, body)
    answer = operator.provider().toolkit.predict(PAYER)
    assert isinstance(answer, Suggestion) if word is None else _word(answer) == word


def test_an_order_without_a_code_is_asked_where_pawapay_says(operator: PawaPayPlay) -> None:
    one = order(payer=GOMA_AIRTEL, amount=Money(150_000, "CDF"))
    assert isinstance(operator.provider().ask(replace(one, environment="")), Accepted)
    assert operator.requests()[one.key]["sent"]["payer"]["accountDetails"]["provider"] == "AIRTEL_COD"


def test_a_ported_number_is_asked_where_it_is_and_nowhere_else(operator: PawaPayPlay) -> None:
    operator.play("port", {"payer": PAYER, "code": "MOOV_BEN"})
    provider, one = operator.provider(), order()
    assert isinstance(provider.ask(one), Accepted)
    assert operator.requests()[one.key]["sent"]["payer"]["accountDetails"]["provider"] == "MOOV_BEN"
    operator.answer("predict", 503, "")  # then our plan is followed, and the key has been taken: nobody is asked twice
    assert isinstance(provider.ask(one), Accepted)
    operator.approve(one.key)
    assert operator.debits(one.key) == 1
    found = provider.find(one)
    assert isinstance(found, Paid)
    assert found.operator_id.startswith("MOOV_BEN:")


def test_a_ported_number_that_nobody_knows_of_has_no_wallet_and_is_not_debited(operator: PawaPayPlay) -> None:
    operator.play("port", {"payer": PAYER, "code": "MOOV_BEN", "predicted": False})
    provider, one = operator.provider(), order()
    assert isinstance(provider.ask(one), Accepted)
    until(lambda: not isinstance(provider.find(one), Waiting))
    assert _word(provider.find(one)) == Reason.NO_WALLET
    assert operator.debits(one.key) == 0


@pytest.mark.parametrize(
    ("code", "terms", "conf", "word"),
    [
        ("MOOV_BEN", {}, 200, "accepted"),
        ("MOOV_BEN", {}, 503, "accepted"),
        ("AIRTEL_COD", {}, 200, Reason.NO_WALLET),  # of another country
        ("AIRTEL_COD", {}, 503, Reason.NO_WALLET),
        ("WAVE_BEN", {}, 200, Reason.NO_WALLET),  # that pawaPay doesn't list for us
        ("MOOV_BEN", {"authType": "PREAUTH"}, 200, Reason.NO_WALLET),  # that a basic phone can't pay by
        ("MOOV_BEN", {"minAmount": "2000"}, 200, Reason.AMOUNT),  # whose own bounds count
    ],
)
def test_another_operator_is_asked_only_if_it_can_be_paid_from_there(
    operator: PawaPayPlay, code: str, terms: dict[str, str], conf: int, word: str
) -> None:
    operator.play("port", {"payer": PAYER, "code": code})
    operator.play("terms", {"code": "MOOV_BEN", "currency": "XOF", **terms})
    if conf != 200:
        operator.answer("conf", conf, "")
    answer = operator.provider().ask(order())
    assert _word(answer) == word
    assert operator.calls("ask") == (word == "accepted")
    assert word == "accepted" or code in answer.said


@pytest.mark.parametrize(
    ("status", "body"),
    [(503, ""), (200, "<html>"), (400, _failure("INVALID_PARAMETER")), (403, _failure("AUTHORISATION_ERROR"))],
)
def test_without_a_prediction_the_plan_is_followed(operator: PawaPayPlay, status: int, body: object) -> None:
    operator.answer("predict", status, body)
    one = order()
    assert isinstance(operator.provider().ask(one), Accepted)
    assert operator.requests()[one.key]["sent"]["payer"]["accountDetails"]["provider"] == "MTN_MOMO_BEN"


def test_predictions_that_hang_are_not_waited_for_at_every_payment(operator: PawaPayPlay) -> None:
    now = [1000.0]
    provider = operator.provider(monotonic=lambda: now[0], read_timeout_s=1.0)
    operator.script(on="predict", slow=1.5)
    for _ in range(3):
        assert isinstance(provider.ask(order()), Accepted)
    assert operator.calls("predict") == 1
    now[0] += PREDICTED_AGAIN_AFTER_S
    provider.ask(order())
    assert operator.calls("predict") == 2


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [(503, "", "unclear"), (400, _failure("INVALID_PARAMETER"), Reason.NO_WALLET)],
)
def test_without_a_prediction_nothing_is_asked(operator: PawaPayPlay, status: int, body: object, word: str) -> None:
    operator.answer("predict", status, body)
    answer = operator.provider().ask(plain_order())
    assert _word(answer) == word
    assert operator.calls("ask") == 0
    if isinstance(answer, Unclear):
        assert answer.safe_to_ask_again_after_s is not None


def test_benin_s_test_numbers_are_sent_to_the_sandbox_as_it_knows_them() -> None:
    play = PawaPayPlay("--sandbox", "--callback-delay", "0")
    try:
        provider = play.provider(old_benin_numbers=True)
        fates = {
            "+2290151345789": "paid", "+2290195345019": Reason.LIMIT, "+2290151345029": Reason.NO_WALLET,
            "+2290151345039": Reason.REJECTED, "+2290151345049": Reason.INSUFFICIENT,
            "+2290151345069": Reason.OTHER, "+2290151345129": "waiting", "+243813456789": "paid",
        }  # fmt: skip
        orders = [order(payer=payer, amount=_money_of(payer)) for payer in fates]
        for one in orders:
            assert isinstance(provider.ask(one), Accepted)
        final = [one for one in orders if fates[one.payer] != "waiting"]
        until(lambda: not any(isinstance(provider.find(one), Waiting) for one in final))
        found = {one.payer: provider.find(one) for one in orders}
        assert {payer: _word(answer) for payer, answer in found.items()} == fates
        sent = [each["sent"]["payer"]["accountDetails"]["phoneNumber"] for each in play.requests().values()]
        assert sent[0] == "22951345789"
        paid = found["+2290151345789"]
        assert isinstance(paid, Paid)
        assert paid.payer == "+2290151345789"
    finally:
        play.stop()


def _money_of(payer: str) -> Money:
    return Money(150_000, "CDF") if payer.startswith("+243") else Money(1500, "XOF")


# Refunds


def _paid_deposit(operator: PawaPayPlay, amount: Money | None = None, payer: str = PAYER) -> Order:
    one = order(amount=amount, payer=payer)
    assert isinstance(operator.provider().ask(one), Accepted)
    operator.approve(one.key)
    return one


def _repayment(of: Order, amount: int = 500, key: str | None = None, currency: str = "XOF") -> Repayment:
    return Repayment(key or operator_key(), of, "MTN_MOMO_BEN:1", Money(amount, currency))


def test_a_refund_is_accepted_waits_and_is_paid_back_once(operator: PawaPayPlay) -> None:
    provider, one = operator.provider(), _paid_deposit(operator)
    assert isinstance(provider, Refunder)
    back = _repayment(one)
    assert isinstance(provider.find_back(back), NotFound)
    for _ in range(3):
        assert isinstance(provider.give_back(back), Accepted)
    assert isinstance(provider.find_back(back), Waiting)
    operator.approve(back.key)
    found = provider.find_back(back)
    assert isinstance(found, Paid)
    assert (found.amount, found.payer) == (Money(500, "XOF"), PAYER)
    assert operator.debits(back.key) == 1
    assert operator.requests()[back.key]["sent"] == {
        "refundId": back.key, "depositId": one.key, "amount": "500", "currency": "XOF",
    }  # fmt: skip
    assert isinstance(provider.find(one), Paid)  # the deposit stays what it was
    assert isinstance(provider.find(replace(one, key=back.key)), NotFound)


def test_a_refund_in_decimals(operator: PawaPayPlay) -> None:
    back = _repayment(_paid_deposit(operator, Money(150_050, "CDF"), GOMA_AIRTEL), 150_050, currency="CDF")
    assert isinstance(operator.provider().give_back(back), Accepted)
    assert operator.requests()[back.key]["sent"]["amount"] == "1500.5"


def test_no_more_is_given_back_than_came(operator: PawaPayPlay) -> None:
    provider, one = operator.provider(), _paid_deposit(operator)

    def back(amount: int, key: str | None = None) -> str:
        return _word(provider.give_back(_repayment(one, amount, key)))

    first = operator_key()
    assert back(0) == Reason.AMOUNT
    assert back(1501) == Reason.AMOUNT
    assert back(1000, first) == "accepted"
    assert back(500) == Reason.UNAVAILABLE  # one at a time
    operator.approve(first)
    assert back(501) == Reason.AMOUNT
    second = operator_key()
    assert back(500, second) == "accepted"
    operator.refuse(second, "RECIPIENT_NOT_FOUND")
    assert _word(provider.find_back(_repayment(one, key=second))) == Reason.NO_WALLET
    third = operator_key()
    assert back(500, third) == "accepted"
    operator.approve(third)
    assert back(1) == Reason.OTHER


@pytest.mark.parametrize("reach", ["drop_before", "drop_after"])
def test_a_refund_whose_answer_is_lost_is_unclear_and_found(operator: PawaPayPlay, reach: str) -> None:
    provider = operator.provider()
    back = _repayment(_paid_deposit(operator))
    operator.script(on="give_back", **{reach: True})
    answer = provider.give_back(back)
    assert isinstance(answer, Unclear)
    assert answer.safe_to_ask_again_after_s is None
    assert isinstance(provider.find_back(back), Paid if reach == "drop_after" else NotFound)
    assert isinstance(provider.give_back(back), Accepted)
    operator.approve(back.key)
    assert isinstance(provider.find_back(back), Paid)
    assert operator.debits(back.key) == 1


@pytest.mark.parametrize("word", ["ACCEPTED", "ENQUEUED", "PROCESSING", "IN_RECONCILIATION"])
def test_a_refund_that_goes_on_waits(operator: PawaPayPlay, word: str) -> None:
    provider, back = operator.provider(), _repayment(_paid_deposit(operator))
    provider.give_back(back)
    operator.status(back.key, word)
    assert isinstance(provider.find_back(back), Waiting)


def test_a_refund_in_a_word_that_is_not_known_decides_nothing(
    operator: PawaPayPlay, caplog: pytest.LogCaptureFixture
) -> None:
    provider, back = operator.provider(), _repayment(_paid_deposit(operator))
    operator.answer("give_back", 200, {"refundId": back.key, "status": "PERHAPS"})
    assert _word(provider.give_back(back)) == "unclear"
    provider.give_back(back)
    operator.status(back.key, "PAID_BACKWARDS")
    assert _word(provider.find_back(back)) == "unclear"
    assert [word in caplog.text for word in ("PERHAPS", "PAID_BACKWARDS")] == [True, True]


def test_our_empty_wallet_wakes_the_administrator(operator: PawaPayPlay, caplog: pytest.LogCaptureFixture) -> None:
    provider, back = operator.provider(), _repayment(_paid_deposit(operator))
    provider.give_back(back)
    operator.refuse(back.key, "PAWAPAY_WALLET_OUT_OF_FUNDS")
    assert _word(provider.find_back(back)) == Reason.CONFIGURATION
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)


@pytest.mark.parametrize("wrong", ["", "x", "../deposits", "00000000-0000-1000-8000-000000000000"])
def test_a_refund_s_keys_are_as_strict(operator: PawaPayPlay, wrong: str) -> None:
    provider, good = operator.provider(), _repayment(order())
    calls: list[Callable[[], object]] = [
        lambda: provider.give_back(replace(good, order=replace(good.order, key=wrong))),
        lambda: provider.give_back(replace(good, key=wrong)),
        lambda: provider.find_back(replace(good, key=wrong)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="UUID"):
            call()
    assert operator.calls("give_back") == 0


def test_nothing_beyond_the_port_is_called_inside_a_transaction_either(operator: PawaPayPlay) -> None:
    provider, back = operator.provider(), _repayment(order())
    calls: list[Callable[[], object]] = [
        lambda: provider.toolkit.terms("BJ"), lambda: provider.toolkit.predict(PAYER), provider.available,
        lambda: provider.give_back(back), lambda: provider.find_back(back),
    ]  # fmt: skip
    with transaction_open():
        for call in calls:
            with pytest.raises(NetworkInsideTransaction):
                call()
    assert isinstance(provider.toolkit.terms("BJ"), tuple)  # and it is well afterwards


# Our signatures


def _merchant(operator: PawaPayPlay) -> SigningKey:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    operator.play("merchant", {"id": "COTISA:1", "key": public})
    return SigningKey("COTISA:1", key)


def test_signed_requests_hold_by_the_text_of_the_rfc(operator: PawaPayPlay) -> None:
    """The stand-in makes the signature base itself."""
    provider, one = operator.provider(signing_key=_merchant(operator)), order()
    assert isinstance(provider.ask(one), Accepted)
    operator.approve(one.key)
    assert isinstance(provider.give_back(_repayment(one)), Accepted)
    assert isinstance(provider.find(one), Paid)


def test_a_request_that_is_not_signed_well_is_our_fault(operator: PawaPayPlay) -> None:
    good = _merchant(operator)
    other = SigningKey(good.key_id, ec.generate_private_key(ec.SECP256R1()))
    early = FixedClock(datetime.now(UTC) - timedelta(minutes=5))
    for provider in (
        operator.provider(),
        operator.provider(signing_key=other),
        operator.provider(signing_key=replace(good, key_id="COTISA:2")),
        operator.provider(signing_key=good, clock=early),
    ):
        for answer in (provider.ask(order()), provider.give_back(_repayment(order()))):
            assert _word(answer) == Reason.CONFIGURATION
            assert "HTTP_SIGNATURE_ERROR" in answer.said
    assert operator.requests() == {}


def test_the_private_key_is_not_shown(operator: PawaPayPlay) -> None:
    assert "key=" not in repr(_merchant(operator))


# Callbacks, as the stand-in sends them


def learn(provider: PawaPay) -> tuple[str, ...]:
    """Have pawaPay's keys fetched, and wait for them; the ids of those that are known then."""
    provider.keys.want()
    for each in threading.enumerate():
        if each.name == "pawapay-keys":
            each.join()
    return tuple(provider.keys.known)


def _told(operator: PawaPayPlay, notified: Notified, **provider: Any) -> tuple[PawaPay, dict[str, str], bytes, str]:
    """A provider that knows pawaPay's keys, and the callback about a deposit that was paid."""
    reader, one = operator.provider(callback_url=notified.url, **provider), order()
    assert learn(reader)
    reader.ask(one)
    operator.approve(one.key)
    headers, body = _came(notified)
    return reader, headers, body, one.key


@pytest.mark.parametrize("digest", ["sha-256", "sha-512"])
@pytest.mark.parametrize("sign", ["der", "raw"])
def test_a_signed_callback_is_a_hint_that_can_be_trusted(
    operator: PawaPayPlay, notified: Notified, sign: str, digest: str
) -> None:
    operator.play("callbacks", {"sign": sign, "digest": digest})
    reader, headers, body, key = _told(operator, notified, signed_callbacks=True)
    hint = reader.read("application/json", body, headers)
    assert (hint.key, hint.said, hint.trusted) == (key, "COMPLETED", True)
    lower = {name.lower(): value for name, value in headers.items()}
    assert reader.read("application/json", body, lower).trusted


def test_an_unsigned_callback_is_a_hint_or_nothing(operator: PawaPayPlay, notified: Notified) -> None:
    operator.play("callbacks", {"sign": "none"})
    reader, headers, body, key = _told(operator, notified)
    hint = reader.read("application/json", body, headers)
    assert (hint.key, hint.trusted) == (key, False)
    strict = operator.provider(callback_url=notified.url, signed_callbacks=True)
    with pytest.raises(BadNotice, match="not signed"):
        strict.read("application/json", body, headers)


def _changed(headers: dict[str, str], **changes: str | None) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    kept = {name: value for name, value in headers.items() if name.lower() not in {one.lower() for one in named}}
    return kept | {name: value for name, value in named.items() if value is not None}


def test_a_callback_that_was_touched_is_bad(operator: PawaPayPlay, notified: Notified) -> None:
    reader, headers, body, _ = _told(operator, notified)
    reader.read("application/json", body, headers)
    signed = headers["Signature-Input"]
    bodies = [body.replace(b"1500.00", b"9500.00"), body + b" ", b"", body.replace(b": ", b":")]
    heads = [
        _changed(headers, Content_Digest=None),
        _changed(headers, Content_Digest="sha-512=:AAAA:"),
        _changed(headers, Content_Digest="md5=:AAAA:"),
        _changed(headers, Content_Type="text/plain"),
        _changed(headers, Signature_Date="2026-11-22T10:00:00Z"),
        _changed(headers, Signature=None),
        _changed(headers, Signature_Input=None),
        _changed(headers, Signature="sig-pp=:AAAA:"),
        _changed(headers, Signature="sig-pp=::"),
        _changed(headers, Signature=headers["Signature"].replace("sig-pp", "sig-xx")),
        _changed(headers, Signature="nonsense"),
        _changed(headers, Signature=headers["Signature"] + ", other=:AAAA:"),
        _changed(headers, Signature_Input=signed.replace("ecdsa-p256-sha256", "hmac-sha256")),
        _changed(headers, Signature_Input=signed.replace('"content-digest" ', "")),
        _changed(headers, Signature_Input=signed.replace('"@path" ', "")),
        _changed(headers, Signature_Input='sig-pp=("@method" "@authority" "@path");keyid="HTTP_EC_P256_KEY:1"'),
        _changed(headers, Signature_Input="sig-pp=()" + signed.partition(")")[2]),
        _changed(headers, Signature_Input=signed.partition(";created")[0]),
        _changed(headers, Signature_Input=signed + "0"),
        _changed(headers, Signature_Input=signed + ';tag="x"'),
        _changed(headers, Signature_Input="sig-pp=" + "(" * 3000),
        _changed(headers, Signature_Input="x" * 5000),
    ]
    for each in bodies:
        with pytest.raises(BadNotice):
            reader.read("application/json", each, headers)
    for each in heads:
        with pytest.raises(BadNotice):
            reader.read("application/json", body, each)


@pytest.mark.parametrize(
    "elsewhere",
    ["https://mutuelle.example.org/payments/pawapay/canary-webhook-secret/callback", "{}x", "{}/../refunds"],
)
def test_a_callback_to_another_address_is_bad(operator: PawaPayPlay, notified: Notified, elsewhere: str) -> None:
    _, headers, body, _ = _told(operator, notified)
    reader = operator.provider(callback_url=elsewhere.format(notified.url))
    learn(reader)
    with pytest.raises(BadNotice, match="doesn't hold"):
        reader.read("application/json", body, headers)


@pytest.mark.parametrize(
    ("late_s", "holds"), [(0, True), (100, True), (-50, True), (130, False), (86_400, False), (-90, False)]
)
def test_a_callback_holds_for_its_minute_give_or_take_another(
    operator: PawaPayPlay, notified: Notified, late_s: int, holds: bool
) -> None:
    _, headers, body, _ = _told(operator, notified)
    clock = FixedClock(datetime.now(UTC) + timedelta(seconds=late_s))
    reader = operator.provider(callback_url=notified.url, clock=clock)
    learn(reader)
    if holds:
        assert reader.read("application/json", body, headers).trusted
    else:
        with pytest.raises(BadNotice, match="outside its time"):
            reader.read("application/json", body, headers)


def test_by_a_key_that_is_not_known_it_counts_as_unsigned_and_the_key_is_learnt(
    operator: PawaPayPlay, notified: Notified
) -> None:
    _, headers, body, key = _told(operator, notified)
    lax = operator.provider(callback_url=notified.url)
    strict = operator.provider(callback_url=notified.url, signed_callbacks=True)
    with transaction_open():  # wherever it is read, nobody waits for the network
        hint = lax.read("application/json", body, headers)
        with pytest.raises(BadNotice, match="isn't known"):
            strict.read("application/json", body, headers)
    assert (hint.key, hint.trusted) == (key, False)
    until(lambda: bool(lax.keys.known) and bool(strict.keys.known))
    for reader in (lax, strict):
        hint = reader.read("application/json", body, headers)
        assert (hint.key, hint.trusted) == (key, True)


def test_two_keys_hold_at_once_while_pawapay_changes_them(operator: PawaPayPlay, notified: Notified) -> None:
    now = [1000.0]
    reader, headers, body, key = _told(operator, notified, monotonic=lambda: now[0])
    before = len(reader.keys.known)
    operator.play("rotate", {})
    one = order()
    reader.ask(one)
    operator.approve(one.key)
    new_headers, new_body = _came(notified, 1)
    now[0] += KEYS_ASKED_EVERY_S + 1
    assert not reader.read("application/json", new_body, new_headers).trusted
    until(lambda: len(reader.keys.known) > before)
    hint = reader.read("application/json", new_body, new_headers)
    assert (hint.key, hint.trusted) == (one.key, True)
    hint = reader.read("application/json", body, headers)
    assert (hint.key, hint.trusted) == (key, True)


def _fetched(operator: PawaPayPlay, times: int) -> None:
    """Fails unless the keys are fetched so often in all, and no oftener."""
    until(lambda: operator.calls("keys") >= times)
    time.sleep(0.02)
    assert operator.calls("keys") == times


def test_a_flood_of_forged_key_ids_asks_for_the_keys_once_in_some_minutes(
    operator: PawaPayPlay, notified: Notified
) -> None:
    now = [1000.0]
    reader, headers, body, _ = _told(operator, notified, monotonic=lambda: now[0])
    before = operator.calls("keys")

    def forged(number: int) -> bool:
        wrong = headers["Signature-Input"].replace('keyid="', f'keyid="FORGED_{number}_')
        return reader.read("application/json", body, _changed(headers, Signature_Input=wrong)).trusted

    for asked in (before + 1, before + 2):
        now[0] += KEYS_ASKED_EVERY_S + 1
        with ThreadPoolExecutor(8) as threads:
            assert not any(threads.map(forged, range(50)))
        _fetched(operator, asked)
    assert reader.read("application/json", body, headers).trusted  # and those that are known stay so


def test_keys_that_pawapay_takes_back_are_missed_in_time(operator: PawaPayPlay, notified: Notified) -> None:
    now = [1000.0]
    # It asks once: an answer that a busy machine is slow to give has to be waited for.
    reader, headers, body, _ = _told(operator, notified, monotonic=lambda: now[0], read_timeout_s=5.0)
    operator.answer("keys", 200, "[]")
    now[0] += KEYS_GOOD_FOR_S + 1
    assert reader.read("application/json", body, headers).trusted  # the last that is believed
    until(lambda: not reader.keys.known)
    assert not reader.read("application/json", body, headers).trusted


def test_keys_that_are_not_to_be_had_leave_those_that_are_known(operator: PawaPayPlay, notified: Notified) -> None:
    now = [1000.0]
    reader, headers, body, _ = _told(operator, notified, monotonic=lambda: now[0])
    known, asked = tuple(reader.keys.known), operator.calls("keys")
    operator.answer("keys", 503, "")
    now[0] += KEYS_ASKED_EVERY_S + 1
    assert learn(reader) == known
    assert operator.calls("keys") == asked + 1
    assert reader.read("application/json", body, headers).trusted


def test_keys_are_asked_for_every_few_minutes_at_most(operator: PawaPayPlay) -> None:
    now = [1000.0]
    reader = operator.provider(monotonic=lambda: now[0])
    for _ in range(5):
        learn(reader)
    assert operator.calls("keys") == 1
    now[0] += KEYS_ASKED_EVERY_S + 1
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: reader.keys.want(), range(8)))
    assert learn(reader)
    assert operator.calls("keys") == 2


@pytest.mark.parametrize(
    "body", ["", "{}", "[{}]", '[{"id": "x", "key": "y"}]', '[{"id": 1, "key": []}]', '[{"id": "x"}]']
)
def test_keys_that_cannot_be_read_are_not_had_and_not_asked_for_at_once_again(operator: PawaPayPlay, body: str) -> None:
    now = [1000.0]
    reader = operator.provider(monotonic=lambda: now[0])
    operator.answer("keys", 200, body)
    for _ in range(3):
        assert learn(reader) == ()
    assert operator.calls("keys") == 1
    now[0] += KEYS_ASKED_EVERY_S + 1
    assert learn(reader)


def test_a_callback_about_a_refund_names_the_refund(operator: PawaPayPlay, notified: Notified) -> None:
    reader, _, _, key = _told(operator, notified)
    back = _repayment(replace(order(), key=key))
    reader.give_back(back)
    operator.approve(back.key)
    headers, body = _came(notified, 1)
    hint = reader.read("application/json", body, headers)
    assert (hint.key, hint.trusted) == (back.key, True)


def test_a_notice_with_both_keys_is_about_the_refund(operator: PawaPayPlay) -> None:
    key, refund_key = operator_key(), operator_key()
    body = json.dumps({"depositId": key, "refundId": refund_key.upper(), "status": "COMPLETED"}).encode()
    assert operator.provider().read("application/json", body, {}).key == refund_key


@pytest.mark.parametrize(
    ("callback", "count"),
    [
        ({"times": 2}, 2),
        ({"before_response": True}, 1),
        ({"lie": {"amount": "9000000.00"}}, 1),
        ({"lie": {"status": "FAILED", "clientReferenceId": None}}, 1),
    ],
)
def test_whatever_the_callback_says_and_when_the_status_decides(
    operator: PawaPayPlay, notified: Notified, callback: dict[str, Any], count: int
) -> None:
    reader, one = operator.provider(callback_url=notified.url), order()
    learn(reader)
    operator.script(outcome="COMPLETED", callback=callback)
    assert isinstance(reader.ask(one), Accepted)
    for each in range(count):
        headers, body = _came(notified, each)
        assert reader.read("application/json", body, headers).key == one.key
    found = reader.find(one)
    assert isinstance(found, Paid)
    assert found.amount == Money(1500, "XOF")


def test_callbacks_out_of_order_are_hints_of_the_same_order(operator: PawaPayPlay, notified: Notified) -> None:
    reader, one = operator.provider(callback_url=notified.url), order()
    learn(reader)
    operator.script(callback={"times": 0})
    reader.ask(one)
    operator.approve(one.key)
    operator.play("tell", {"key": one.key})
    operator.play("tell", {"key": one.key, "lie": {"status": "PROCESSING"}})
    notices = [_came(notified, each) for each in range(2)]
    said = [reader.read("application/json", body, headers).said for headers, body in notices]
    assert said == ["COMPLETED", "PROCESSING"]
    assert isinstance(reader.find(one), Paid)


def test_a_forged_callback_is_bad(operator: PawaPayPlay, notified: Notified) -> None:
    reader, _, _, key = _told(operator, notified)
    operator.play("tell", {"key": key, "headers": {"Signature": "sig-pp=:MEQCIH8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:"}})
    headers, body = _came(notified, 1)
    with pytest.raises(BadNotice):
        reader.read("application/json", body, headers)


# Settings


def _key_files(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    ours, theirs = folder / "ours.pem", folder / "theirs.json"
    ours.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    theirs.write_text(json.dumps([{"id": "HTTP_EC_P256_KEY:9", "key": public}]))
    return ours, theirs


def test_it_is_made_from_settings(operator: PawaPayPlay, tmp_path: Path) -> None:
    ours, theirs = _key_files(tmp_path)
    values = {
        "PAWAPAY_API_TOKEN": standin.API_TOKEN, "PAWAPAY_BASE_URL": operator.url, "PAWAPAY_SIGNING_KEY_ID": "COTISA:1",
        "PAWAPAY_SIGNING_KEY_FILE": str(ours), "PAWAPAY_CALLBACK_KEYS_FILE": str(theirs),
        "PAWAPAY_SIGNED_CALLBACKS": "true",
    }  # fmt: skip
    provider, one = PawaPay.from_settings(settings(values)), order()
    assert provider.callback_url == CALLBACK_URL
    assert isinstance(provider.ask(one), Accepted)
    assert operator.requests()[one.key]["sent"]["payer"]["accountDetails"]["provider"] == "MTN_MOMO_BEN"
    assert learn(provider) == ("HTTP_EC_P256_KEY:9",)
    assert operator.calls("keys") == 0
    with pytest.raises(BadNotice, match="not signed"):
        provider.read("application/json", operator.notice(one.key), {})


def test_the_keys_of_the_settings_are_the_only_ones(operator: PawaPayPlay, notified: Notified, tmp_path: Path) -> None:
    _, headers, body, _ = _told(operator, notified)
    values = {
        "PAWAPAY_API_TOKEN": "x", "PAWAPAY_BASE_URL": operator.url,
        "PAWAPAY_CALLBACK_KEYS_FILE": str(_key_files(tmp_path)[1]),
    }  # fmt: skip
    provider = PawaPay.from_settings(settings(values))
    learn(provider)
    assert not provider.read("application/json", body, headers).trusted
    assert operator.calls("keys") == 1  # by the provider that has none of its own


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"PAWAPAY_API_TOKEN": "x"}, "PAWAPAY_BASE_URL is missing"),
        ({"PAWAPAY_BASE_URL": "https://api.pawapay.io"}, "PAWAPAY_API_TOKEN is missing"),
        ({"PAWAPAY_API_TOKEN": "x", "PAWAPAY_BASE_URL": "http://api.pawapay.io"}, "PAWAPAY_BASE_URL must begin with"),
        ({"PAWAPAY_SIGNING_KEY_ID": "x"}, "PAWAPAY_SIGNING_KEY_FILE is missing"),
        ({"PAWAPAY_SIGNING_KEY_ID": "x", "PAWAPAY_SIGNING_KEY_FILE": "/nowhere"}, "/nowhere doesn't exist"),
        ({"PAWAPAY_CALLBACK_KEYS_FILE": "/nowhere"}, "PAWAPAY_CALLBACK_KEYS_FILE /nowhere doesn't exist"),
        ({"PAWAPAY_SIGNING_KEY_ID": "é"}, "PAWAPAY_SIGNING_KEY_ID"),
    ],
)
def test_settings_that_do_not_go_together(values: dict[str, str], told: str) -> None:
    assert told in wrong(values)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("PAWAPAY_SIGNING_KEY_FILE", b""),
        ("PAWAPAY_SIGNING_KEY_FILE", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ("PAWAPAY_SIGNING_KEY_FILE", "P-384"),
        ("PAWAPAY_SIGNING_KEY_FILE", "encrypted"),
        ("PAWAPAY_CALLBACK_KEYS_FILE", b"{}"),
        ("PAWAPAY_CALLBACK_KEYS_FILE", b'[{"id": "1", "key": "x"}]'),
    ],
)
def test_a_key_file_that_cannot_be_used_is_named(tmp_path: Path, name: str, content: bytes | str) -> None:
    file = tmp_path / "key"
    file.write_bytes(_odd_key(content) if isinstance(content, str) else content)
    values = {"PAWAPAY_API_TOKEN": "x", "PAWAPAY_BASE_URL": "https://api.pawapay.io", name: str(file)}
    if name == "PAWAPAY_SIGNING_KEY_FILE":
        values["PAWAPAY_SIGNING_KEY_ID"] = "x"
    with pytest.raises(Fault, match=f"{name} {file}: "):
        PawaPay.from_settings(settings(values))


def _odd_key(kind: str) -> bytes:
    curve = ec.SECP384R1() if kind == "P-384" else ec.SECP256R1()
    how = BestAvailableEncryption(b"secret") if kind == "encrypted" else NoEncryption()
    return ec.generate_private_key(curve).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


# The stand-in keeps to pawaPay's rules, so that passing here means something


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({}, 200, None),
        ({"depositId": "not-a-uuid"}, 400, "INVALID_PARAMETER"),
        ({"depositId": "00000000-0000-1000-8000-000000000000"}, 400, "INVALID_PARAMETER"),
        ({"correspondent": "MTN_MOMO_BEN"}, 400, "UNSUPPORTED_PARAMETER"),
        ({"payer": None}, 400, "MISSING_PARAMETER"),
        ({"customerMessage": "abc"}, 400, "INVALID_PARAMETER"),
        ({"customerMessage": "a" * 23}, 400, "INVALID_PARAMETER"),
        ({"customerMessage": "a & b"}, 400, "INVALID_PARAMETER"),
        ({"amount": "1500.0"}, 200, "INVALID_AMOUNT"),
        ({"amount": "1500.5"}, 200, "INVALID_AMOUNT"),
        ({"amount": "01500"}, 200, "INVALID_AMOUNT"),
        ({"amount": "99"}, 200, "AMOUNT_OUT_OF_BOUNDS"),
        ({"currency": "XAF"}, 200, "INVALID_CURRENCY"),
        ({"provider": "MTN_MOMO_BDI"}, 200, "INVALID_PROVIDER"),
        ({"provider": "ORANGE_BFA"}, 400, "MISSING_PARAMETER"),
        ({"phoneNumber": "+2290161000001"}, 200, "INVALID_PHONE_NUMBER"),
        ({"phoneNumber": "0161000001"}, 200, "INVALID_PHONE_NUMBER"),
    ],
)
def test_the_stand_in_checks_what_pawapay_checks(
    operator: PawaPayPlay, change: dict[str, Any], status: int, code: str | None
) -> None:
    details = {"phoneNumber": "2290161000001", "provider": "MTN_MOMO_BEN"}
    details |= {name: value for name, value in change.items() if name in details}
    body = {
        "depositId": operator_key(), "amount": "1500", "currency": "XOF", "customerMessage": "Cotisation",
        "payer": {"type": "MMO", "accountDetails": details},
        **{name: value for name, value in change.items() if name not in details},
    }  # fmt: skip
    with requests.Session() as session:
        session.trust_env = False
        bearer = {"Authorization": f"Bearer {standin.API_TOKEN}"}
        answer = session.post(f"{operator.url}/v2/deposits", json=body, headers=bearer, timeout=5)
        assert session.post(f"{operator.url}/v2/deposits", json=body, timeout=5).status_code == 401
    assert answer.status_code == status
    assert answer.json().get("failureReason", {}).get("failureCode") == code


def test_a_prompt_stands_on_the_payers_phone_until_it_is_answered(operator: PawaPayPlay) -> None:
    one = order()
    operator.provider().ask(one)
    assert [prompt["key"] for prompt in operator.prompts(PAYER)] == [one.key]
    operator.play("approve", {"payer": PAYER})
    assert operator.prompts(PAYER) == []
    assert operator.debits(one.key) == 1


def test_a_closed_operator_takes_nothing_and_a_delayed_one_takes_deposits(operator: PawaPayPlay) -> None:
    operator.play("terms", {"code": "MTN_MOMO_BEN", "currency": "XOF", "status": "CLOSED"})
    assert _word(operator.provider().ask(order())) == Reason.UNAVAILABLE
    operator.play("terms", {"code": "MTN_MOMO_BEN", "currency": "XOF", "status": "DELAYED"})
    assert _word(operator.provider().ask(order())) == "accepted"


def test_no_card_and_no_number_is_said_by_what_is_beyond_the_port(
    operator: PawaPayPlay, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider = operator.provider()
    said = []
    for call, status in (("predict", 418), ("give_back", 400), ("find_back", 418), ("keys", 418)):
        operator.answer(call, status, _failure(f"X payer {PAYER} or {PAYER[1:]}"))
    said.append(provider.toolkit.predict(PAYER).said)  # type: ignore[union-attr]
    said.append(provider.give_back(_repayment(order())).said)
    said.append(provider.find_back(_repayment(order())).said)
    assert learn(provider) == ()
    logged = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    for canary in (PAYER[1:], PAYER[4:], CARD, standin.API_TOKEN):
        assert canary not in logged
        assert canary not in "\n".join(said)
    assert (len(said), operator.calls("keys")) == (3, 1)
