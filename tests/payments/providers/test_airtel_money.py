"""Airtel Money: the contract, and what is Airtel's own."""

from __future__ import annotations

import base64
import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from airtel_money_play import AirtelPlay
from configured import settings, wrong
from contract import CARD, ProviderContract
from notified import Notified, until
from words import shouted_word, word_of

from gateway.kernel.faults import Fault
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.payments.providers.airtel_money import AMBIGUOUS, NOT_BEGUN, REASONS, TIMED_OUT, AirtelMoney
from gateway.payments.providers.base import Accepted, Order, Paid, Reason, Refused, Unclear, Waiting
from gateway.standins import airtel_money as standin

PAYER = "+250740000001"


@pytest.fixture(scope="module")
def rwanda() -> Iterator[AirtelPlay]:
    """A country of francs; its payers do nothing by themselves."""
    play = AirtelPlay("RW", "--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def operator(rwanda: AirtelPlay) -> AirtelPlay:
    """That country, with nothing asked and nothing scripted."""
    rwanda.reset()
    return rwanda


@pytest.fixture(scope="module")
def congo() -> Iterator[AirtelPlay]:
    """A country of two currencies with cents; its payers do nothing by themselves."""
    play = AirtelPlay("CD", "--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


class TestTheContract(ProviderContract):
    REFUSALS = REASONS | TIMED_OUT
    PAYER = PAYER
    COUNTRY = "RW"
    CURRENCY = "RWF"


def order(amount: Money | None = None, payer: str = PAYER) -> Order:
    return Order(operator_key(), payer, amount or Money(1500, "RWF"), CARD, "RW")


# What is sent


def test_the_request_is_as_airtel_wants_it(operator: AirtelPlay) -> None:
    one = order(Money(150_050, "RWF"))
    assert isinstance(operator.provider().ask(one), Accepted)
    assert operator.requests()[one.key]["sent"] == {
        "reference": "Cotisation123456782",
        "subscriber": {"country": "RW", "currency": "RWF", "msisdn": "740000001"},
        "transaction": {"amount": 150_050, "country": "RW", "currency": "RWF", "id": uuid.UUID(one.key).hex},
    }


@pytest.mark.parametrize(
    ("amount", "sent"),
    [(Money(12_345, "CDF"), 123.45), (Money(150_000, "CDF"), 1500), (Money(110, "USD"), 1.1)],
)
def test_cents_are_sent_as_they_are(congo: AirtelPlay, amount: Money, sent: float) -> None:
    one = replace(order(amount, "+243790000001"), country="CD")
    provider = congo.provider()
    assert isinstance(provider.ask(one), Accepted)
    assert congo.requests()[one.key]["sent"]["transaction"]["amount"] == sent
    congo.approve(one.key)
    found = provider.find(one)
    assert isinstance(found, Paid)
    assert found.amount == amount


def test_the_wallet_s_country_counts_and_not_the_mutuelle_s(operator: AirtelPlay) -> None:
    assert isinstance(operator.provider().ask(replace(order(), country="CD")), Accepted)


@pytest.mark.parametrize("payer", ["+243790000001", "+2290161000001"])
def test_a_number_of_another_country_is_not_sent(operator: AirtelPlay, payer: str) -> None:
    answer = operator.provider().ask(order(payer=payer))
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.NO_WALLET
    assert operator.calls("ask") == 0


@pytest.mark.parametrize("card", ["", "&", "123 456 782", "é<>&123", "x" * 400])
def test_no_text_is_sent_that_airtel_chokes_on(operator: AirtelPlay, card: str) -> None:
    assert isinstance(operator.provider().ask(replace(order(), card=card)), Accepted)


@pytest.mark.parametrize("country", ["", "XX", "rw", "a b"])
def test_no_provider_is_made_for_a_country_that_is_none(operator: AirtelPlay, country: str) -> None:
    with pytest.raises(Fault, match="Airtel Money"):
        operator.provider(country=country)


# What Airtel answers to an order


def _status(response: str | None = None, result: str | None = None) -> dict[str, Any]:
    codes = {"response_code": response, "result_code": result, "message": "said so"}
    return {"status": {name: value for name, value in codes.items() if value}}


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (200, _status("DP00800001006", "ESB000010"), "accepted"),
        (200, _status("DP00800001001", "ESB000010"), "accepted"),
        (200, _status(None, "ESB000010"), "accepted"),
        (500, _status(None, "ESB000010"), "failed"),
        (400, _status(None, "ESB000041"), "accepted"),
        (200, _status("DP00800001005", "ESB000041"), "accepted"),
        (200, _status("DP00800001007", "ESB000011"), Reason.INSUFFICIENT),
        (200, _status("DP00800001009", "ESB000011"), Reason.OTHER),
        (400, _status("DP00800001004", "ESB000008"), Reason.AMOUNT),
        (200, _status("DP00800001024", "ESB000010"), "failed"),
        (200, _status("DP00800001000", "ESB000011"), "failed"),
        (200, _status(None, "ESB000011"), Reason.UNAVAILABLE),
        (200, _status("DP00800001099", "ESB000010"), "unknown-word"),
        (200, {"data": {"transaction": {"status": "TS"}}}, "unknown-word"),
        (200, "", "unknown-word"),
        (400, "", "unknown-word"),
        (400, _status(None, "ESB000099"), "unknown-word"),
        (403, {"message": "blocked"}, Reason.CONFIGURATION),
        (404, {"message": "no Route matched with those values"}, "unknown-word"),
        (200, {"status": "SUCCESS"}, "unknown-word"),
        (200, {"status": {"response_code": 1006}}, "unknown-word"),
    ],
)  # fmt: skip
def test_an_answer_to_an_order(operator: AirtelPlay, status: int, body: object, word: str) -> None:
    operator.answer("ask", status, body)
    answer = operator.provider().ask(order())
    assert word_of(answer) == word
    if isinstance(answer, Unclear):
        assert answer.safe_to_ask_again_after_s is None


@pytest.mark.parametrize("code", sorted(AMBIGUOUS))
def test_what_airtel_calls_ambiguous_is_not_asked_again(operator: AirtelPlay, code: str) -> None:
    operator.answer("ask", 200, _status(None, code))
    answer = operator.provider().ask(order())
    assert isinstance(answer, Unclear)
    assert answer.safe_to_ask_again_after_s is None


@pytest.mark.parametrize(("code", "reason"), sorted(NOT_BEGUN.items()))
def test_what_did_not_begin_is_refused(
    operator: AirtelPlay, code: str, reason: Reason, caplog: pytest.LogCaptureFixture
) -> None:
    operator.answer("ask", 400, _status(None, code))
    answer = operator.provider().ask(order())
    assert isinstance(answer, Refused)
    assert answer.reason is reason
    shouted = any(record.levelno == logging.CRITICAL for record in caplog.records)
    assert shouted == (reason is Reason.CONFIGURATION)


@pytest.mark.parametrize("wrong", [{"client_id": "x"}, {"client_secret": "x"}])
def test_wrong_keys_are_our_fault(operator: AirtelPlay, wrong: dict[str, str]) -> None:
    assert word_of(operator.provider(**wrong).ask(order())) == Reason.CONFIGURATION  # type: ignore[arg-type]


@pytest.mark.parametrize(("header", "after_s"), [({}, 10.0), ({"Retry-After": "30"}, 30.0)])
def test_turned_away_for_too_many_it_may_be_asked_again(
    operator: AirtelPlay, header: dict[str, str], after_s: float
) -> None:
    operator.script(http={"status": 429, "body": "", "headers": header})
    answer = operator.provider().ask(order())
    assert isinstance(answer, Unclear)
    assert (answer.reason, answer.safe_to_ask_again_after_s) == ("busy", after_s)


def test_an_answer_that_breaks_off_says_nothing_and_the_enquiry_knows(operator: AirtelPlay) -> None:
    provider, one = operator.provider(), order()
    operator.script(truncate=True)
    answer = provider.ask(one)
    assert isinstance(answer, Unclear)
    assert answer.safe_to_ask_again_after_s is None
    assert isinstance(provider.find(one), Waiting)


# What Airtel answers to an enquiry


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        (["TIP", "TA", "TS"], ["waiting", "waiting", "paid"]),
        (["TA", "TF", "TIP", "TS"], ["waiting", Reason.OTHER, "waiting", "paid"]),
        (["TE"], [Reason.EXPIRED]),
        (["TR"], [Reason.OTHER]),
        (["ts"], ["unknown-word"]),
        ([["TS"]], ["unreadable"]),
    ],
)
def test_a_status_may_flap_and_each_reading_stands_for_itself(
    operator: AirtelPlay, statuses: list[object], words: list[str]
) -> None:
    provider, one = operator.provider(), order()
    provider.ask(one)
    operator.approve(one.key)
    found = []
    for status in statuses:
        operator.script(on="find", report={"status": status})
        found.append(word_of(provider.find(one)))
    assert found == words


@pytest.mark.parametrize(
    "report",
    [
        {"airtel_money_id": None},
        {"airtel_money_id": ""},
        {"airtel_money_id": "1 or 2"},
        {"airtel_money_id": ["MP1"]},
        {"amount": "1500", "currency": "GHS"},
        {"id": "55555555555545558555555555555555"},
    ],
)
def test_a_success_that_lacks_something_is_unclear_and_shouted(
    operator: AirtelPlay, report: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert shouted_word(operator, operator.provider(), order(), report, caplog) == "mismatch"


@pytest.mark.parametrize(
    ("report", "amount"),
    [
        ({}, Money(1500, "RWF")),
        ({"amount": 1400}, Money(1400, "RWF")),
        ({"amount": "14.00", "currency": "USD"}, Money(1400, "USD")),
        ({"id": None}, Money(1500, "RWF")),
        ({"airtel_money_id": 1_234_567}, Money(1500, "RWF")),
    ],
)
def test_what_was_ordered_was_paid_unless_it_is_told(
    operator: AirtelPlay, report: dict[str, Any], amount: Money
) -> None:
    provider, one = operator.provider(), order()
    provider.ask(one)
    operator.play("approve", {"key": one.key, "report": report})
    found = provider.find(one)
    assert isinstance(found, Paid)
    assert (found.amount, found.payer) == (amount, None)


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize(
    ("body", "word"),
    [
        (_status(None, "ESB000045"), "not found"),
        (_status("DP00800001025", "ESB000011"), "not found"),
        (_status(None, "ESB000014"), "unclear"),
        ({"message": "no Route matched with those values"}, "unclear"),
        ("", "unclear"),
    ],
)
def test_only_airtel_s_own_words_say_that_an_order_is_missing(
    operator: AirtelPlay, status: int, body: object, word: str
) -> None:
    operator.answer("find", status, body)
    found = operator.provider().find(order())
    assert ("unclear" if isinstance(found, Unclear) else word_of(found)) == word


def test_an_enquiry_that_hides_behind_an_error_is_not_believed(operator: AirtelPlay) -> None:
    one = order()
    paid = {"data": {"transaction": {"status": "TS", "airtel_money_id": "MP1"}}}
    operator.answer("find", 500, paid)
    assert word_of(operator.provider().find(one)) == "failed"


# Tokens


@pytest.mark.parametrize(("life_s", "age_s", "tokens"), [(180, 161, 1), (180, 163, 2), (3600, 3541, 2), (0, 0, 2)])
def test_a_token_is_renewed_shortly_before_it_ends(
    operator: AirtelPlay, life_s: int, age_s: float, tokens: int
) -> None:
    now = [1000.0]
    provider = operator.provider(monotonic=lambda: now[0])
    operator.answer("token", 200, {"access_token": "first", "expires_in": life_s})
    operator.answer("token", 200, {"access_token": "second", "expires_in": str(life_s)})
    operator.answer("find", 200, _status(None, "ESB000045"), times=2)
    provider.find(order())
    now[0] += age_s
    provider.find(order())
    assert operator.tokens() == tokens


@pytest.mark.parametrize(
    "body", ["", "[]", {"access_token": ""}, {"access_token": "é"}, {"access_token": [5]}, {"expires_in": 180}]
)
def test_a_token_that_cannot_be_read_means_that_nothing_was_asked(operator: AirtelPlay, body: object) -> None:
    operator.answer("token", 200, body)
    answer = operator.provider().ask(order())
    assert isinstance(answer, Unclear)
    assert answer.reason == "unreadable"
    assert answer.safe_to_ask_again_after_s is not None
    assert operator.calls("ask") == 0


# Message signing


def test_a_signed_order_is_read_by_the_key_that_airtel_shows(operator: AirtelPlay) -> None:
    provider, one = operator.provider(sign=True), order()
    assert isinstance(provider.ask(one), Accepted)
    assert isinstance(provider.ask(order()), Accepted)
    assert operator.calls("key") == 1
    operator.approve(one.key)
    assert isinstance(provider.find(one), Paid)


def test_a_key_that_airtel_renewed_is_asked_for_anew(operator: AirtelPlay) -> None:
    provider, one = operator.provider(sign=True), order()
    provider.ask(order())
    operator.play("new-key", {})
    assert isinstance(provider.ask(one), Accepted)
    assert (operator.asked(one.key), operator.calls("key")) == (1, 2)


def test_a_signature_that_never_fits_is_our_fault_and_tried_twice(operator: AirtelPlay) -> None:
    operator.answer("ask", 403, _status("DP00800001026", "ESB000011"), times=2)
    assert word_of(operator.provider(sign=True).ask(order())) == Reason.CONFIGURATION
    assert operator.calls("ask") == 2


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (503, "", "busy"),
        (200, "", "unreadable"),
        (200, {"data": {"key": "not base64"}}, "unreadable"),
        (200, {"data": {"key": base64.b64encode(b"no key").decode()}}, "unreadable"),
        (403, "", Reason.CONFIGURATION),
    ],
)
def test_without_a_key_nothing_is_asked(operator: AirtelPlay, status: int, body: object, word: str) -> None:
    operator.answer("key", status, body)
    answer = operator.provider(sign=True).ask(order())
    assert word_of(answer) == word
    assert operator.calls("ask") == 0
    if isinstance(answer, Unclear):
        assert answer.safe_to_ask_again_after_s is not None


# Callbacks, as the stand-in sends them to the one address that is registered


def test_the_callback_is_read_as_a_hint(operator: AirtelPlay, notified: Notified) -> None:
    operator.play("callback-url", {"url": notified.url})
    provider, one = operator.provider(), order()
    provider.ask(one)
    operator.approve(one.key)
    until(lambda: len(notified.came) == 1)
    hint = provider.read("application/json", notified.came[0][1], {})
    assert (hint.key, hint.said) == (one.key, "TS 1500 RWF")


def test_callbacks_that_lie_repeat_or_overtake_are_only_hints(operator: AirtelPlay, notified: Notified) -> None:
    operator.play("callback-url", {"url": notified.url})
    provider, one = operator.provider(), order()
    forged = {"transaction": {"id": uuid.UUID(one.key).hex, "status_code": "TS", "airtel_money_id": "MP1"}, "hash": "x"}
    operator.script(outcome="TF", reason="DP00800001029", callback={"times": 3, "lie": forged, "before_response": True})
    assert isinstance(provider.ask(one), Accepted)
    assert len(notified.came) == 3
    assert provider.read("application/json", notified.came[0][1], {}).said.startswith("TS")
    assert word_of(provider.find(one)) == Reason.EXPIRED


@pytest.mark.parametrize("named", ["", "x", "5" * 31, 5, None, ["5" * 32]])
def test_a_callback_of_no_order_of_ours_names_none(operator: AirtelPlay, named: object) -> None:
    hint = operator.provider().read("", json.dumps({"transaction": {"id": named, "status_code": "TF"}}).encode(), {})
    assert (hint.key, hint.said) == (None, "TF")


# The settings

OURS = {
    "AIRTEL_MONEY_CLIENT_ID": "client", "AIRTEL_MONEY_CLIENT_SECRET": "canary", "AIRTEL_MONEY_COUNTRY": "CD",
    "AIRTEL_MONEY_BASE_URL": "https://openapi.airtel.example",
}  # fmt: skip


def test_the_settings_make_the_provider() -> None:
    made = settings(OURS)
    assert AirtelMoney.from_settings(made).country == "CD"
    assert "canary" not in repr(made)
    assert settings({}).airtel_money_client_id == ""


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_goes_together_is_told_when_it_is_missing(name: str) -> None:
    assert wrong({one: value for one, value in OURS.items() if one != name}) == f"{name} is missing"


@pytest.mark.parametrize(
    "own",
    [{"AIRTEL_MONEY_COUNTRY": "cd"}, {"AIRTEL_MONEY_BASE_URL": "http://airtel.example"}, {"AIRTEL_MONEY_SIGN": "?"}],
)
def test_what_cannot_be_is_told(own: dict[str, str]) -> None:
    assert wrong(OURS | own).startswith(next(iter(own)))


# The stand-in keeps to Airtel's rules, so that passing here means something


@pytest.mark.parametrize(
    ("headers", "change", "status", "code"),
    [
        ({}, {}, 200, "ESB000010"),
        ({"Authorization": "Bearer x"}, {}, 401, None),
        ({"X-Country": "CD"}, {}, 400, "ROUTER006"),
        ({"X-Currency": "USD"}, {}, 400, "ROUTER112"),
        ({}, {"reference": "a & b"}, 400, "ESB000008"),
        ({}, {"subscriber": {"country": "RW", "currency": "RWF", "msisdn": "250740000001"}}, 400, "ESB000033"),
        ({}, {"subscriber": {"country": "RW", "currency": "RWF", "msisdn": "0740000001"}}, 400, "ESB000033"),
        ({}, {"id": "11111111-1111-4111-8111-111111111111"}, 400, "ESB000008"),
        ({}, {"amount": "1500"}, 400, "ESB000008"),
        ({}, {"amount": 0}, 400, "ESB000008"),
    ],
)
def test_the_stand_in_checks_what_airtel_checks(
    operator: AirtelPlay, headers: dict[str, str], change: dict[str, Any], status: int, code: str | None
) -> None:
    keys = {
        "client_id": standin.CLIENT_ID, "client_secret": standin.CLIENT_SECRET, "grant_type": "client_credentials",
    }  # fmt: skip
    transaction = {"amount": 1500, "country": "RW", "currency": "RWF", "id": uuid.uuid4().hex}
    body = {
        "reference": "Cotisation 1",
        "subscriber": {"country": "RW", "currency": "RWF", "msisdn": "740000001"},
        "transaction": {name: change.pop(name, value) for name, value in transaction.items()},
        **change,
    }
    with requests.Session() as session:
        session.trust_env = False
        token = session.post(f"{operator.url}/auth/oauth2/token", json=keys, timeout=5).json()["access_token"]
        sent = {"Authorization": f"Bearer {token}", "X-Country": "RW", "X-Currency": "RWF", **headers}
        answer = session.post(f"{operator.url}/merchant/v1/payments/", json=body, headers=sent, timeout=5)
    assert answer.status_code == status
    assert answer.json().get("status", {}).get("result_code") == code


def test_a_prompt_stands_on_the_payers_phone_until_it_is_answered(operator: AirtelPlay) -> None:
    one = order()
    operator.provider().ask(one)
    assert [prompt["key"] for prompt in operator.prompts(PAYER)] == [one.key]
    operator.play("approve", {"payer": PAYER})
    assert operator.prompts(PAYER) == []
    assert operator.debits(one.key) == 1
