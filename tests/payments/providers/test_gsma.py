"""The GSMA Mobile Money API: the contract, and what is its own."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from configured import settings, wrong
from contract import CARD, ProviderContract
from gsma_play import GsmaPlay
from notified import Notified, until
from words import shouted_word, word_of

from gateway.kernel.faults import Fault
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.payments.providers.base import Accepted, NotFound, Order, Paid, Reason, Refused, Unclear, Waiting
from gateway.payments.providers.gsma import REASONS, UNDECIDED_CODES, Gsma
from gateway.standins import gsma as standin

PAYER = "+25774000001"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def running() -> Iterator[GsmaPlay]:
    """An operator; its payers do nothing by themselves."""
    play = GsmaPlay("--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def operator(running: GsmaPlay) -> GsmaPlay:
    """That operator, with nothing asked and nothing scripted."""
    running.reset()
    return running


class TestTheContract(ProviderContract):
    REFUSALS = REASONS
    PAYER = PAYER
    COUNTRY = "BI"
    CURRENCY = "BIF"

    # The keys are settings: there is no token to fetch and none that ends.
    test_many_calls_at_once_take_one_token = None
    test_a_token_that_ends_in_a_burst_is_renewed_once = None
    test_a_token_that_is_not_to_be_had_is_tried_for_once_by_all = None
    test_a_key_that_is_refused_is_our_fault_and_nothing_was_begun = None


def order(amount: Money | None = None, url: str | None = None) -> Order:
    return Order(operator_key(), PAYER, amount or Money(1500, "BIF"), CARD, "BI", url)


def asked(provider: Gsma, one: Order) -> Order:
    """The order as it is kept once the operator has it."""
    answer = provider.ask(one)
    assert isinstance(answer, Accepted)
    assert answer.handle
    return replace(one, handle=answer.handle)


# What is sent


def test_the_request_is_as_the_specification_wants_it(operator: GsmaPlay) -> None:
    one = order(Money(150_050, "BIF"), "https://mutuelle.example.org/payments/gsma/secret/key")
    noon = datetime.now(UTC).replace(microsecond=0)
    provider = operator.provider(now=noon.timestamp)
    assert isinstance(provider.ask(one), Accepted)
    taken = operator.requests()[one.key]
    assert taken["sent"] == {
        "amount": "150050",
        "currency": "BIF",
        "debitParty": [{"key": "msisdn", "value": PAYER}],
        "creditParty": [{"key": "organisationid", "value": "4711"}],
        "requestingOrganisationTransactionReference": one.key,
        "descriptionText": "Cotisation 123456782",
        "requestDate": noon.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    assert taken["callback_url"] == one.callback_url


@pytest.mark.parametrize(
    ("amount", "sent"),
    [(Money(12_345, "CDF"), "123.45"), (Money(150_000, "CDF"), "1500.00"), (Money(1, "USD"), "0.01")],
)
def test_an_amount_has_its_currency_s_decimals(operator: GsmaPlay, amount: Money, sent: str) -> None:
    provider = operator.provider()
    one = asked(provider, order(amount))
    assert operator.requests()[one.key]["sent"]["amount"] == sent
    operator.approve(one.key)
    found = provider.find(one)
    assert isinstance(found, Paid)
    assert found.amount == amount


@pytest.mark.parametrize(
    ("url", "plain", "sent"),
    [
        (None, True, False),
        ("https://m.example.org/x", False, True),
        ("http://m.example.org/x", True, False),
        ("http://127.0.0.1:9/x", True, True),
        ("http://127.0.0.1:9/x", False, False),
    ],
)
def test_a_callback_address_is_sent_only_where_it_may_be_called(
    operator: GsmaPlay, url: str | None, plain: bool, sent: bool
) -> None:
    one = order(url=url)
    assert isinstance(operator.provider(plain_callbacks_here=plain).ask(one), Accepted)
    assert operator.requests()[one.key]["callback_url"] == (url if sent else None)


@pytest.mark.parametrize("card", ["", "&", "123 456 782", "é<>&123", "x" * 400])
def test_no_text_is_sent_that_is_too_long(operator: GsmaPlay, card: str) -> None:
    assert isinstance(operator.provider().ask(replace(order(), card=card)), Accepted)


@pytest.mark.parametrize(
    "wrong", [{"payee": ""}, {"payee": "4711"}, {"payee": "organisationid:"}, {"api_key": ""}, {"client_id": "é"}]
)
def test_what_cannot_be_sent_is_told_at_once(operator: GsmaPlay, wrong: dict[str, str]) -> None:
    with pytest.raises(Fault, match="GSMA"):
        operator.provider(**wrong)  # type: ignore[arg-type]


# What the operator answers to an order


@pytest.mark.parametrize(("code", "reason"), sorted(REASONS.items()))
@pytest.mark.parametrize("status", [400, 404, 500])
def test_an_error_refuses_an_order_before_it_began(
    operator: GsmaPlay, status: int, code: str, reason: Reason, caplog: pytest.LogCaptureFixture
) -> None:
    operator.answer("ask", status, standin.error(code))
    answer = operator.provider().ask(order())
    if code in UNDECIDED_CODES:
        assert isinstance(answer, Unclear)
        assert answer.safe_to_ask_again_after_s is None
    else:
        assert isinstance(answer, Refused)
        assert answer.reason is reason
        shouted = any(record.levelno == logging.CRITICAL for record in caplog.records)
        assert shouted == (reason is Reason.CONFIGURATION)


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (202, {"status": "pending", "serverCorrelationId": "a-b"}, "accepted"),
        (202, {"status": "completed", "serverCorrelationId": "a-b"}, "accepted"),
        (202, "", "accepted"),
        (201, {"transactionStatus": "pending", "transactionReference": "REF-1"}, "accepted"),
        (202, {"status": "failed", "error": standin.error("insufficientFunds")}, Reason.INSUFFICIENT),
        (202, {"status": "failed"}, Reason.OTHER),
        (400, standin.error("duplicateRequest"), "accepted"),
        (409, standin.error("duplicateRequest"), "accepted"),
        (400, standin.error("quoteHasExpired"), "unknown-word"),
        (400, {"errorCode": "insufficientFunds"}, Reason.INSUFFICIENT),
        (400, "", "unknown-word"),
        (401, "", Reason.CONFIGURATION),
        (403, {"message": "address not allowed"}, Reason.CONFIGURATION),
        (404, {"message": "no such page"}, "unknown-word"),
        (500, {"errorCode": ["insufficientFunds"]}, "failed"),
        (503, "", "busy"),
        (200, {"status": "completed"}, "unknown-word"),
    ],
)
def test_an_answer_to_an_order(operator: GsmaPlay, status: int, body: object, word: str) -> None:
    operator.answer("ask", status, body)
    answer = operator.provider().ask(order())
    assert word_of(answer) == word
    if isinstance(answer, Unclear):
        assert answer.safe_to_ask_again_after_s is None


@pytest.mark.parametrize(
    ("status", "body", "headers", "after_s"),
    [
        (429, "", {"Retry-After": "30"}, 30.0),
        (429, "", {}, 10.0),
        (429, standin.error("rateLimitError"), {}, 10.0),
        (503, standin.error("rateLimitError"), {"Retry-After": "30"}, 30.0),
    ],
)
def test_turned_away_for_too_many_it_may_be_asked_again(
    operator: GsmaPlay, status: int, body: object, headers: dict[str, str], after_s: float
) -> None:
    operator.script(http={"status": status, "body": body, "headers": headers})
    answer = operator.provider().ask(order())
    assert isinstance(answer, Unclear)
    assert (answer.reason, answer.safe_to_ask_again_after_s) == ("busy", after_s)


@pytest.mark.parametrize("wrong", [{"api_key": "x"}, {"client_id": ""}])
def test_wrong_keys_are_our_fault_and_say_nothing_of_an_order(
    operator: GsmaPlay, wrong: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    provider = operator.provider(**wrong)  # type: ignore[arg-type]
    assert word_of(provider.ask(order())) == Reason.CONFIGURATION
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)
    assert isinstance(provider.find(order()), Unclear)


@pytest.mark.parametrize("handle", [None, ["a"], "", "../../x", "x" * 300])
def test_a_name_that_no_address_holds_is_not_kept(operator: GsmaPlay, handle: object) -> None:
    operator.answer("ask", 202, {"status": "pending", "serverCorrelationId": handle})
    answer = operator.provider().ask(order())
    assert isinstance(answer, Accepted)
    assert answer.handle is None


# The request state and the transaction


def test_an_order_is_looked_for_by_its_request_state_and_then_read(operator: GsmaPlay) -> None:
    provider = operator.provider()
    one = asked(provider, order())
    assert isinstance(provider.find(one), Waiting)
    assert operator.calls("transaction") == 0
    operator.approve(one.key)
    found = provider.find(one)
    assert isinstance(found, Paid)
    assert (found.amount, found.payer) == (Money(1500, "BIF"), PAYER)
    assert found.operator_id == operator.requests()[one.key]["reference"]
    assert found.at is not None
    assert found.at.tzinfo is UTC


def test_a_status_may_flap_and_each_reading_stands_for_itself(operator: GsmaPlay) -> None:
    provider = operator.provider()
    one = asked(provider, order())
    operator.approve(one.key)
    found = []
    for report in ({"status": "pending"}, {"status": "failed"}, {"status": "Completed"}, {"objectReference": None}, {}):
        operator.script(on="find", report=report)
        found.append(word_of(provider.find(one)))
    assert found == ["waiting", Reason.OTHER, "unknown-word", "unreadable", "paid"]


@pytest.mark.parametrize(
    ("report", "word"),
    [
        ({"transactionReference": None}, "mismatch"),
        ({"transactionReference": "1 or 2"}, "mismatch"),
        ({"amount": None}, "mismatch"),
        ({"currency": None}, "mismatch"),
        ({"currency": "GHS"}, "mismatch"),
        ({"requestingOrganisationTransactionReference": "another"}, "mismatch"),
        ({"creditParty": [{"key": "organisationid", "value": "4712"}]}, "mismatch"),
        ({"transactionStatus": "Completed"}, "unknown-word"),
        ({"transactionStatus": None}, "unreadable"),
    ],
)
def test_a_success_that_lacks_something_is_unclear_and_shouted(
    operator: GsmaPlay, report: dict[str, Any], word: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert shouted_word(operator, operator.provider(), order(), report, caplog) == word


@pytest.mark.parametrize(
    ("report", "amount", "payer", "at"),
    [
        ({"amount": 1400}, Money(1400, "BIF"), PAYER, None),
        ({"currency": "USD", "amount": "15.50"}, Money(1550, "USD"), PAYER, None),
        ({"debitParty": [{"key": "msisdn", "value": "25774000002"}]}, Money(1500, "BIF"), "+25774000002", None),
        ({"debitParty": [{"key": "walletid", "value": "1"}]}, Money(1500, "BIF"), None, None),
        ({"debitParty": None}, Money(1500, "BIF"), None, None),
        ({"creditParty": [{"key": "accountid", "value": "1"}]}, Money(1500, "BIF"), PAYER, None),
        ({"requestingOrganisationTransactionReference": None}, Money(1500, "BIF"), PAYER, None),
        ({"creationDate": "2026-11-22T12:00:00+02:00"}, Money(1500, "BIF"), PAYER, NOON.replace(hour=10)),
        (
            {"creationDate": "2026-11-22T12:00:00Z", "modificationDate": "2026-11-22T12:05:00Z"},
            Money(1500, "BIF"), PAYER, NOON.replace(minute=5),
        ),
        ({"creationDate": "2026-11-22T12:00:00"}, Money(1500, "BIF"), PAYER, "untold"),
        ({"creationDate": "0001-01-01T00:00:00+14:00"}, Money(1500, "BIF"), PAYER, "untold"),
        ({"creationDate": "yesterday"}, Money(1500, "BIF"), PAYER, "untold"),
    ],
)  # fmt: skip
def test_what_really_moved_is_reported(
    operator: GsmaPlay, report: dict[str, Any], amount: Money, payer: str | None, at: object
) -> None:
    provider = operator.provider()
    one = asked(provider, order())
    operator.play("approve", {"key": one.key, "report": report})
    found = provider.find(one)
    assert isinstance(found, Paid)
    assert (found.amount, found.payer) == (amount, payer)
    if at is not None:
        assert found.at == (None if at == "untold" else at)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_transaction_that_cannot_be_had_decides_nothing(operator: GsmaPlay, status: int) -> None:
    provider = operator.provider()
    one = asked(provider, order())
    operator.approve(one.key)
    operator.answer("transaction", status, standin.error("identifierError"))
    assert isinstance(provider.find(one), Unclear)
    assert isinstance(provider.find(one), Paid)


# What became of an order whose answer was lost


@pytest.mark.parametrize(
    ("outcome", "word"),
    [("pending", "waiting"), ("completed", "paid"), ("failed", Reason.OTHER), ("reversed", Reason.OTHER)],
)
def test_an_order_whose_answer_was_lost_is_found_by_our_key(operator: GsmaPlay, outcome: str, word: str) -> None:
    provider, one = operator.provider(), order()
    operator.script(drop_after=True, outcome=outcome)
    assert isinstance(provider.ask(one), Unclear)
    assert word_of(provider.find(one)) == word
    assert operator.asked(one.key) == 1


def test_what_was_lost_and_asked_again_is_a_duplicate_and_found_by_our_key(operator: GsmaPlay) -> None:
    provider, one = operator.provider(), order()
    operator.script(drop_after=True, outcome="pending")
    provider.ask(one)
    again = provider.ask(one)
    assert isinstance(again, Accepted)
    assert again.handle is None
    operator.approve(one.key)
    assert isinstance(provider.find(one), Paid)
    assert (operator.asked(one.key), operator.debits(one.key)) == (2, 1)


def test_a_request_state_that_the_operator_forgot_is_found_by_our_key(operator: GsmaPlay) -> None:
    provider = operator.provider()
    one = asked(provider, order())
    operator.approve(one.key)
    operator.answer("find", 404, standin.error("identifierError"))
    assert isinstance(provider.find(one), Paid)


def test_an_order_that_was_taken_is_never_not_found(operator: GsmaPlay) -> None:
    provider = operator.provider()
    one = asked(provider, order())
    operator.answer("find", 404, standin.error("identifierError"), times=4)
    assert isinstance(provider.find(one), Unclear)
    assert isinstance(provider.find(replace(one, handle=None)), NotFound)


@pytest.mark.parametrize(
    ("link", "word"),
    [
        ("/transactions/{reference}", "paid"),
        ("transactions/{reference}", "paid"),
        ("https://elsewhere.example/v1.2/mm/transactions/{reference}", "paid"),
        ("/requeststates/{state_id}", "paid"),
        ("/transactions/{reference}?x=1", "unreadable"),
        ("/transactions/{reference}/..", "unreadable"),
        ("/accounts/1", "unreadable"),
        ("", "unreadable"),
        (None, "unreadable"),
    ],
)
def test_only_the_end_of_a_link_is_followed(operator: GsmaPlay, link: str | None, word: str) -> None:
    provider = operator.provider()
    one = asked(provider, order())
    operator.approve(one.key)
    names = operator.requests()[one.key]
    told = link and link.format(reference=names["reference"], state_id=names["state_id"])
    operator.script(on="find", report={"link": told})
    assert word_of(provider.find(replace(one, handle=None))) == word


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (standin.error("identifierError"), "not found"),
        (standin.error("genericError"), "unclear"),
        ({"message": "no such page"}, "unclear"),  # a wrong address, not a missing order
        ("", "unclear"),
    ],
)
def test_only_the_specification_s_word_says_that_an_order_is_missing(
    operator: GsmaPlay, body: object, word: str
) -> None:
    operator.answer("find", 404, body)
    found = operator.provider().find(order())
    assert ("unclear" if isinstance(found, Unclear) else word_of(found)) == word


# Callbacks, as the stand-in sends them


def test_the_callback_is_put_and_read_as_a_hint(operator: GsmaPlay, notified: Notified) -> None:
    provider = operator.provider()
    one = asked(provider, order(url=notified.url))
    operator.approve(one.key)
    until(lambda: len(notified.came) == 1)
    method, body, _ = notified.came[0]
    assert method == "PUT"
    hint = provider.read("application/json", body, {})
    assert (hint.key, hint.said) == (one.key, "completed")


def test_our_key_is_known_in_capitals_too(operator: GsmaPlay) -> None:
    key = operator_key()
    assert operator.provider().read("", operator.notice(key.upper()), {}).key == key


def test_the_callback_of_an_error_is_known_by_its_header(operator: GsmaPlay, notified: Notified) -> None:
    provider = operator.provider()
    one = asked(provider, order(url=notified.url))
    operator.refuse(one.key, "insufficientFunds")
    until(lambda: len(notified.came) == 1)
    _, body, headers = notified.came[0]
    hint = provider.read("application/json", body, dict(headers.items()) | {"X-CorrelationID": one.key})
    assert headers["X-CorrelationID"] == one.key
    assert (hint.key, hint.said) == (one.key, "insufficientFunds")
    assert provider.read("application/json", body, {}).key is None


def test_callbacks_that_lie_repeat_or_overtake_are_only_hints(operator: GsmaPlay, notified: Notified) -> None:
    provider, one = operator.provider(), order(url=notified.url)
    lie = {"transactionStatus": "completed", "amount": "9000000", "errorCode": None}
    operator.script(
        outcome="failed", reason="requestDeclined", callback={"times": 3, "lie": lie, "before_response": True}
    )
    assert word_of(provider.ask(one)) == Reason.REJECTED
    assert len(notified.came) == 3
    assert provider.read("application/json", notified.came[0][1], {}).said == "completed"
    assert isinstance(provider.find(one), Refused)


# The settings

OURS = {
    "GSMA_API_KEY": "canary", "GSMA_PAYEE": "organisationid:4711", "GSMA_ENVIRONMENT": "ecocash-bi",
    "GSMA_BASE_URL": "https://api.operator.example/v1.2/mm",
}  # fmt: skip


def test_the_settings_make_the_provider() -> None:
    made = settings(OURS)
    assert Gsma.from_settings(made).name == "gsma"
    assert "canary" not in repr(made)
    assert settings({}).gsma_payee == ""


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_goes_together_is_told_when_it_is_missing(name: str) -> None:
    assert wrong({one: value for one, value in OURS.items() if one != name}) == f"{name} is missing"


@pytest.mark.parametrize(
    "own", [{"GSMA_PAYEE": "4711"}, {"GSMA_ENVIRONMENT": "Éco Cash"}, {"GSMA_BASE_URL": "http://operator.example"}]
)
def test_what_cannot_be_is_told(own: dict[str, str]) -> None:
    assert wrong(OURS | own).startswith(next(iter(own)))


# The stand-in keeps to the specification, so that passing here means something


@pytest.mark.parametrize(
    ("headers", "change", "status", "code"),
    [
        ({}, {}, 202, None),
        ({"X-API-Key": "x"}, {}, 401, "clientAuthorisationError"),
        ({"X-CorrelationID": "x"}, {}, 400, "formatError"),
        ({"X-Content-Hash": "x"}, {}, 400, "formatError"),
        ({"X-Content-Hash": None}, {}, 202, None),
        ({"X-Date": "2020-01-01T00:00:00Z"}, {}, 400, "formatError"),
        ({"X-Date": "today"}, {}, 400, "formatError"),
        ({}, {"amount": None}, 400, "mandatoryValueNotSupplied"),
        ({}, {"amount": "01500"}, 400, "formatError"),
        ({}, {"amount": 1500}, 400, "formatError"),
        ({}, {"currency": "francs"}, 400, "formatError"),
        ({}, {"debitParty": [{"key": "msisdn", "value": "25774000001"}]}, 400, "formatError"),
        ({}, {"creditParty": [{"key": "organisationid", "value": "1"}]}, 404, "identifierError"),
        ({}, {"descriptionText": "x" * 161}, 400, "lengthError"),
    ],
)
def test_the_stand_in_checks_what_the_specification_says(
    operator: GsmaPlay, headers: dict[str, str], change: dict[str, Any], status: int, code: str | None
) -> None:
    kind, _, account = standin.PAYEE.partition(":")
    body = {
        "amount": "1500", "currency": "BIF", "debitParty": [{"key": "msisdn", "value": PAYER}],
        "creditParty": [{"key": kind, "value": account}], **change,
    }  # fmt: skip
    raw = json.dumps(body).encode()
    sent = {
        "X-API-Key": standin.API_KEY, "X-Client-Id": standin.CLIENT_ID, "X-CorrelationID": operator_key(),
        "X-Date": datetime.now(UTC).isoformat(), "X-Content-Hash": hashlib.sha256(raw).hexdigest(), **headers,
    }  # fmt: skip
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(f"{operator.url}/transactions/type/merchantpay", data=raw, headers=sent, timeout=5)
    assert answer.status_code == status
    assert answer.json().get("errorCode") == code


def test_a_prompt_stands_on_the_payers_phone_until_it_is_answered(operator: GsmaPlay) -> None:
    one = asked(operator.provider(), order())
    assert [prompt["key"] for prompt in operator.prompts(PAYER)] == [one.key]
    operator.play("approve", {"payer": PAYER})
    assert operator.prompts(PAYER) == []
    assert operator.debits(one.key) == 1
