"""Orange Money: the contract, and what is Orange's own."""

from __future__ import annotations

import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests
from configured import settings, wrong
from contract import CARD, Played, ProviderContract
from notified import Notified, until
from orange_money_play import RETURN_URL, OrangePlay
from words import word_of

from gateway.kernel.faults import Fault
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.payments.providers.base import Accepted, NotFound, Order, Paid, Reason, Refused, Unclear, Waiting
from gateway.payments.providers.orange_money import OVER, Handle, OrangeMoney, order_id
from gateway.standins import orange_money as standin

PAYER = "+224640000001"


@pytest.fixture(scope="module")
def guinea() -> Iterator[OrangePlay]:
    """A country; its payers do nothing by themselves."""
    play = OrangePlay("gn", "--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def operator(guinea: OrangePlay) -> OrangePlay:
    """That country, with nothing asked and nothing scripted."""
    guinea.reset()
    return guinea


@pytest.fixture(scope="module")
def trial() -> Iterator[OrangePlay]:
    """The trial with its play currency, whose addresses are good for a moment."""
    play = OrangePlay("dev", "--auto", "manual", "--callback-delay", "0", "--prompt-expires", "0.3")
    yield play
    play.stop()


class TestTheContract(ProviderContract):
    REFUSALS = OVER
    PAYER = PAYER
    COUNTRY = "GN"
    CURRENCY = "GNF"

    def test_the_same_key_again_is_accepted_and_debits_once(self, operator: Played) -> None:
        """Orange takes an order_id once, and who has no address has nothing to send: one address, one payment."""
        provider, one = operator.provider(), self.order()
        with ThreadPoolExecutor(5) as threads:
            answers = list(threads.map(lambda _: provider.ask(one), range(5)))
        links = [answer.link for answer in answers if isinstance(answer, Accepted)]
        assert len(links) == 1
        assert [word_of(answer) for answer in answers].count(Reason.CONFIGURATION) == 4
        operator.approve(one.key)
        assert isinstance(provider.ask(one), Refused)
        assert operator.asked(one.key) == 6
        assert operator.debits(one.key) == 1

    def test_lost_on_the_way_back_it_is_unclear_and_then_paid(self, operator: Played) -> None:
        """Lost with its address, it can't be paid: it is as good as not found, and a second request is refused."""
        provider, one = operator.provider(), self.order()
        operator.drop_after()
        answer = provider.ask(one)
        assert isinstance(answer, Unclear)
        assert answer.safe_to_ask_again_after_s is None
        assert isinstance(provider.find(one), NotFound)
        assert isinstance(provider.ask(one), Refused)
        assert operator.debits(one.key) == 0

    def test_slower_than_the_time_out_is_unclear_and_then_found(self, operator: Played) -> None:
        """The address came too late for anybody to have it."""
        hasty, one = operator.provider(read_timeout_s=0.4), self.order()
        operator.slow(1.2)
        began = time.monotonic()
        answer = hasty.ask(one)
        assert time.monotonic() - began < 1.2
        assert isinstance(answer, Unclear)
        assert (answer.reason, answer.safe_to_ask_again_after_s) == ("no-answer", None)
        assert isinstance(operator.provider().find(one), NotFound)

    def test_a_key_that_is_refused_is_our_fault_and_nothing_was_begun(
        self, operator: Played, caplog: pytest.LogCaptureFixture
    ) -> None:
        """As in the contract, with the status of an order that has an address."""
        provider, one = operator.provider(), self.order()
        operator.answer("token", 401, {"code": "INVALID_CREDENTIALS"}, times=2)
        assert word_of(provider.ask(one)) == Reason.CONFIGURATION
        assert operator.asked(one.key) == 0
        assert any(record.levelno == logging.CRITICAL for record in caplog.records)
        assert isinstance(provider.find(replace(one, handle="x")), Unclear)

    def test_a_notice_is_a_hint_of_its_order(self, operator: Played) -> None:
        """Orange's notice names no order: the address at which it comes does."""
        hint = operator.provider().read("application/json", operator.notice(operator_key()), {})
        assert (hint.key, hint.said) == (None, "SUCCESS")


def order(amount: Money | None = None, url: str | None = None) -> Order:
    return Order(operator_key(), PAYER, amount or Money(1500, "GNF"), CARD, "GN", url)


def asked(provider: OrangeMoney, one: Order) -> tuple[Order, str]:
    """The order as it is kept once Orange has it, and the address where it is paid."""
    answer = provider.ask(one)
    assert isinstance(answer, Accepted)
    assert answer.link
    return replace(one, handle=answer.handle), answer.link


def open_page(link: str) -> str:
    """What a payer does: open the address and confirm. Gives what the page says then."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(link, b"", timeout=5) as answer:
        return str(json.load(answer)["status"])


# What is sent, and what is kept


def test_the_request_is_as_orange_wants_it(operator: OrangePlay) -> None:
    one = order(Money(150_050, "GNF"), "https://mutuelle.example.org/payments/orange_money/secret/key")
    assert isinstance(operator.provider().ask(one), Accepted)
    assert operator.requests()[one.key]["sent"] == {
        "merchant_key": standin.MERCHANT_KEY,
        "currency": "GNF",
        "order_id": order_id(one.key),
        "amount": 150_050,
        "return_url": RETURN_URL,
        "cancel_url": RETURN_URL,
        "lang": "fr",
        "reference": "Cotisation 123456782",
        "notif_url": one.callback_url,
    }


def test_an_order_id_is_short_and_its_own() -> None:
    keys = [operator_key() for _ in range(100)]
    named = {order_id(key) for key in keys}
    assert len(named) == 100
    assert all(len(one) == 26 and one.isalnum() for one in named)


@pytest.mark.parametrize("amount", [Money(12_345, "CDF"), Money(1, "USD"), Money(-100, "GNF")])
def test_an_amount_with_cents_is_refused_unasked(operator: OrangePlay, amount: Money) -> None:
    assert word_of(operator.provider().ask(order(amount))) == Reason.AMOUNT
    assert operator.calls("ask") == 0


@pytest.mark.parametrize(
    ("url", "plain", "sent"),
    [
        (None, True, False),
        ("https://m.example.org/x", False, True),
        ("http://m.example.org/x", True, False),
        ("https://203.0.113.7/x", False, False),
        ("https://[2001:db8::7]/x", False, False),
        ("http://127.0.0.1:9/x", True, True),
        ("http://127.0.0.1:9/x", False, False),
    ],
)
def test_an_address_for_notices_is_sent_only_where_orange_calls(
    trial: OrangePlay, url: str | None, plain: bool, sent: bool
) -> None:
    one = order(url=url)
    trial.provider(plain_addresses_here=plain).ask(one)
    assert trial.requests()[one.key]["callback_url"] == (url if sent else None)


@pytest.mark.parametrize("card", ["", "&", "123 456 782", "é<>&123", "x" * 400])
def test_no_text_is_sent_that_orange_chokes_on(operator: OrangePlay, card: str) -> None:
    assert isinstance(operator.provider().ask(replace(order(), card=card)), Accepted)


def test_the_trial_is_sent_the_figure_in_its_play_currency(trial: OrangePlay) -> None:
    one, _ = asked(trial.provider(), order(Money(1500, "XOF")))
    assert trial.requests()[one.key]["sent"]["currency"] == "OUV"
    trial.approve(one.key)
    found = trial.provider().find(one)
    assert isinstance(found, Paid)
    assert found.amount == Money(1500, "XOF")


def test_what_is_kept_is_short_and_no_notice_can_be_forged_with_it(operator: OrangePlay) -> None:
    answer = operator.provider().ask(order())
    pay_token, notif_token = operator.play("tokens")["tokens"][-2:]
    assert isinstance(answer, Accepted)
    assert answer.handle
    assert answer.token
    assert answer.link
    assert max(len(answer.handle), len(answer.token)) <= 200
    assert notif_token not in answer.handle + answer.token
    assert Handle.read(answer.handle).pay_token == pay_token
    assert answer.link.endswith(pay_token)


def test_a_handle_of_an_earlier_form_is_read_too() -> None:
    assert Handle.read(f"{'a' * 64}.{'0' * 32}.1800000000") == Handle("a" * 64, 1_800_000_000.0)


@pytest.mark.parametrize("country", ["", "GN", "gn/v1", "guinea"])
def test_no_provider_is_made_for_a_country_that_no_address_holds(operator: OrangePlay, country: str) -> None:
    with pytest.raises(Fault, match="Orange Money"):
        operator.provider(country=country)


# What Orange answers to an order

MADE = {
    "status": 201, "message": "OK", "pay_token": "a" * 64, "notif_token": "b" * 32,
    "payment_url": "https://webpayment.orange-money.example/payment/pay_token/" + "a" * 64,
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (201, MADE, "accepted"),
        (200, MADE, "unknown-word"),
        (400, {"code": 23, "message": "Invalid body field"}, Reason.CONFIGURATION),
        (401, {"code": 41, "message": "Invalid credentials"}, Reason.CONFIGURATION),
        (403, {"code": 50, "message": "Access denied"}, Reason.CONFIGURATION),
        (404, {"code": 60, "message": "Resource not found"}, Reason.CONFIGURATION),
        (409, "", Reason.CONFIGURATION),
        (500, {"code": 1}, "failed"),
        (503, {"code": 5}, "busy"),
        (201, "", "unreadable"),
        (201, {**MADE, "pay_token": None}, "unreadable"),
        (201, {**MADE, "pay_token": "a b c d e f g"}, "unreadable"),
        (201, {**MADE, "pay_token": "a" * 150}, "unreadable"),
        (201, {**MADE, "notif_token": None}, "unreadable"),
        (201, {**MADE, "notif_token": "short"}, "unreadable"),
        (201, {**MADE, "payment_url": None}, "unreadable"),
        (201, {**MADE, "payment_url": "javascript:alert(1)"}, "unreadable"),
        (201, {**MADE, "payment_url": "http://webpayment.orange-money.example/x"}, "unreadable"),
        (201, {**MADE, "payment_url": "https://x.example/pay here"}, "unreadable"),
        (201, {**MADE, "payment_url": "https://x.example/" + "x" * 500}, "unreadable"),
    ],
)
def test_an_answer_to_an_order(operator: OrangePlay, status: int, body: object, word: str) -> None:
    operator.answer("ask", status, body, times=2)
    answer = operator.provider().ask(order())
    assert word_of(answer) == word
    if isinstance(answer, Unclear):
        assert answer.safe_to_ask_again_after_s is None


def test_a_plain_address_is_taken_from_a_stand_in_alone(operator: OrangePlay) -> None:
    assert word_of(operator.provider(plain_addresses_here=False).ask(order())) == "unreadable"


def test_turned_away_for_too_many_it_may_be_asked_again(operator: OrangePlay) -> None:
    operator.script(http={"status": 429, "body": "", "headers": {"Retry-After": "30"}})
    answer = operator.provider().ask(order())
    assert isinstance(answer, Unclear)
    assert (answer.reason, answer.safe_to_ask_again_after_s) == ("busy", 30.0)


@pytest.mark.parametrize("wrong", [{"client_id": "x"}, {"client_secret": "x"}, {"merchant_key": "x"}])
def test_wrong_keys_are_our_fault(operator: OrangePlay, wrong: dict[str, str]) -> None:
    assert word_of(operator.provider(**wrong).ask(order())) == Reason.CONFIGURATION  # type: ignore[arg-type]


def test_an_order_that_never_arrived_is_asked_again_with_the_same_key(operator: OrangePlay) -> None:
    provider, one = operator.provider(), order()
    operator.drop_before()
    assert isinstance(provider.ask(one), Unclear)
    assert isinstance(provider.find(one), NotFound)
    assert operator.calls("find") == 0  # there is nothing that it could be asked by
    _, link = asked(provider, one)
    assert open_page(link) == "SUCCESS"
    assert operator.debits(one.key) == 1


# Paying, and what Orange answers about a status


def test_whoever_opens_the_address_pays_once(operator: OrangePlay) -> None:
    provider = operator.provider()
    one, link = asked(provider, order())
    assert isinstance(provider.find(one), Waiting)
    assert [open_page(link) for _ in range(3)] == ["SUCCESS"] * 3
    found = provider.find(one)
    assert isinstance(found, Paid)
    assert (found.amount, found.payer) == (Money(1500, "GNF"), None)
    assert found.operator_id.startswith("MP260709.1341.A")
    assert operator.debits(one.key) == 1


def test_who_confirms_too_late_has_not_paid(trial: OrangePlay) -> None:
    provider = trial.provider()
    one, link = asked(provider, order())
    time.sleep(0.4)
    assert isinstance(provider.find(one), Waiting)  # nobody has touched it
    assert open_page(link) == "EXPIRED"
    assert word_of(provider.find(one)) == Reason.EXPIRED
    assert trial.debits(one.key) == 0


@pytest.mark.parametrize(
    ("status", "age_s", "word"),
    [
        ("INITIATED", 0, "waiting"),
        ("INITIATED", 719, "waiting"),
        ("INITIATED", 721, Reason.EXPIRED),
        ("PENDING", 721, "waiting"),
        ("SUCCESS", 721, "paid"),
        ("EXPIRED", 0, Reason.EXPIRED),
    ],
)
def test_an_order_that_nobody_tried_is_over_once_its_address_is(
    operator: OrangePlay, status: str, age_s: float, word: str
) -> None:
    now = [1_800_000_000.0]
    provider = operator.provider(now=lambda: now[0])
    one, _ = asked(provider, order())
    operator.play("approve", {"key": one.key, "report": {"status": status}})
    now[0] += age_s
    assert word_of(provider.find(one)) == word


@pytest.mark.parametrize(
    ("report", "word"),
    [
        ({"txnid": None}, "mismatch"),
        ({"txnid": ""}, "mismatch"),
        ({"txnid": "1 or 2"}, "mismatch"),
        ({"order_id": "ANOTHER"}, "mismatch"),
        ({"order_id": None}, "paid"),
        ({"amount": 1400}, "paid"),
        ({"status": None}, "unreadable"),
        ({"status": "success"}, "unknown-word"),
    ],
)
def test_a_success_counts_only_when_nothing_speaks_against_it(
    operator: OrangePlay, report: dict[str, Any], word: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider = operator.provider()
    one, _ = asked(provider, order())
    operator.play("approve", {"key": one.key, "report": report})
    assert word_of(provider.find(one)) == word
    shouted = any(record.levelno == logging.ERROR and one.key in record.getMessage() for record in caplog.records)
    assert shouted == (word != "paid")


@pytest.mark.parametrize("status", [200, 201])
def test_a_status_comes_with_one_http_status_or_the_other(operator: OrangePlay, status: int) -> None:
    provider = operator.provider()
    one, _ = asked(provider, order())
    operator.answer("find", status, {"status": "EXPIRED"})
    assert word_of(provider.find(one)) == Reason.EXPIRED


def test_a_failure_without_a_reason_is_nothing_to_shout_about(
    operator: OrangePlay, caplog: pytest.LogCaptureFixture
) -> None:
    provider = operator.provider()
    one, _ = asked(provider, order())
    operator.refuse(one.key, "FAILED")
    assert word_of(provider.find(one)) == Reason.OTHER
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("change", [{"handle": "another" * 9}, {"amount": Money(1400, "GNF")}, {"handle": ""}])
def test_a_status_that_orange_does_not_know_by_that_name_decides_nothing(
    operator: OrangePlay, change: dict[str, Any]
) -> None:
    provider = operator.provider()
    one, link = asked(provider, order())
    open_page(link)
    assert word_of(provider.find(replace(one, **change))) == "failed"


def test_a_kept_connection_that_died_does_not_trouble_a_status_call(operator: OrangePlay) -> None:
    provider = operator.provider()
    one, _ = asked(provider, order())
    operator.script(on="find", drop_before=True)
    assert isinstance(provider.find(one), Waiting)
    assert operator.calls("find") == 2


# Notices, as the stand-in sends them


def test_a_notice_bears_the_token_of_its_order_alone(operator: OrangePlay, notified: Notified) -> None:
    provider = operator.provider()
    answer, other = (provider.ask(order(url=notified.url)) for _ in range(2))
    assert isinstance(answer, Accepted)
    assert isinstance(other, Accepted)
    open_page(answer.link or "")
    until(lambda: len(notified.came) == 1)
    hint = provider.read("application/json", notified.came[0][1], {})
    assert hint.said == "SUCCESS"
    assert hint.token == answer.token
    assert hint.token != other.token


@pytest.mark.parametrize("token", ["null", "5", "[]", '{"a": 1}', '""', '"\\ud800"', '"' + "5" * 32 + '"'])
def test_a_notice_whose_token_is_made_up_bears_another(operator: OrangePlay, token: str) -> None:
    provider = operator.provider()
    answer = provider.ask(order())
    assert isinstance(answer, Accepted)
    hint = provider.read("application/json", f'{{"status": "SUCCESS", "notif_token": {token}}}'.encode(), {})
    assert hint.token != answer.token
    assert hint.token is None or hint.token.isascii()


def test_a_notice_that_lies_is_only_a_hint(operator: OrangePlay, notified: Notified) -> None:
    provider = operator.provider()
    operator.script(outcome="EXPIRED", callback={"times": 2, "lie": {"status": "SUCCESS", "txnid": "MP1"}})
    one, _ = asked(provider, order(url=notified.url))
    until(lambda: len(notified.came) == 2)
    assert provider.read("application/json", notified.came[0][1], {}).said == "SUCCESS"
    assert word_of(provider.find(one)) == Reason.EXPIRED


# The settings

OURS = {
    "ORANGE_MONEY_CLIENT_ID": "client", "ORANGE_MONEY_CLIENT_SECRET": "canary", "ORANGE_MONEY_MERCHANT_KEY": "canary",
    "ORANGE_MONEY_COUNTRY": "gn",
}  # fmt: skip


def test_the_settings_make_the_provider() -> None:
    made = settings(OURS)
    assert OrangeMoney.from_settings(made).country == "gn"
    assert "canary" not in repr(made)
    assert settings({}).orange_money_client_id == ""


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_goes_together_is_told_when_it_is_missing(name: str) -> None:
    assert wrong({one: value for one, value in OURS.items() if one != name}) == f"{name} is missing"


@pytest.mark.parametrize("own", [{"ORANGE_MONEY_COUNTRY": "GN"}, {"ORANGE_MONEY_BASE_URL": "http://orange.example"}])
def test_what_cannot_be_is_told(own: dict[str, str]) -> None:
    assert wrong(OURS | own).startswith(next(iter(own)))


# The stand-in keeps to Orange's rules, so that passing here means something


@pytest.mark.parametrize(
    ("headers", "change", "status"),
    [
        ({}, {}, 201),
        ({"Authorization": "Bearer x"}, {}, 401),
        ({}, {"merchant_key": "x"}, 403),
        ({}, {"currency": "OUV"}, 400),
        ({}, {"order_id": "x" * 31}, 400),
        ({}, {"order_id": ""}, 400),
        ({}, {"amount": "1500"}, 400),
        ({}, {"amount": 15.5}, 400),
        ({}, {"return_url": "x"}, 400),
        ({}, {"reference": "x" * 31}, 400),
    ],
)
def test_the_stand_in_checks_what_orange_checks(
    operator: OrangePlay, headers: dict[str, str], change: dict[str, Any], status: int
) -> None:
    body = {
        "merchant_key": standin.MERCHANT_KEY, "currency": "GNF", "order_id": order_id(operator_key()), "amount": 1500,
        "return_url": RETURN_URL, "cancel_url": RETURN_URL, "lang": "fr", "reference": "Cotisation", **change,
    }  # fmt: skip
    with requests.Session() as session:
        session.trust_env = False
        keys = (standin.CLIENT_ID, standin.CLIENT_SECRET)
        grant = {"grant_type": "client_credentials"}
        token = session.post(f"{operator.url}/oauth/v3/token", data=grant, auth=keys, timeout=5).json()["access_token"]
        answer = session.post(
            f"{operator.url}/orange-money-webpay/gn/v1/webpayment", json=body,
            headers={"Authorization": f"Bearer {token}", **headers}, timeout=5,
        )  # fmt: skip
    assert answer.status_code == status


def test_there_is_no_page_for_a_token_that_is_none(operator: OrangePlay) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        open_page(f"{operator.url}/payment/pay_token/x")
