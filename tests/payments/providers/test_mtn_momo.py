"""MTN MoMo: the contract, and what is MTN's own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from contract import PAYER, ProviderContract, order
from mtn_momo_play import MomoPlay
from notified import Notified, until
from words import shouted_word, word_of

from gateway.kernel.faults import Fault
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.payments.providers.base import Accepted, Order, Paid, Reason, Refused, Unclear, Waiting
from gateway.payments.providers.mtn_momo import REASONS
from gateway.payments.push.operators import Operators, Push
from gateway.standins import mtn_momo as standin


@pytest.fixture(scope="module")
def benin() -> Iterator[MomoPlay]:
    """A country's environment; its payers do nothing by themselves."""
    play = MomoPlay("--target-environment", "mtnbenin", "--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def operator(benin: MomoPlay) -> MomoPlay:
    """That environment, with nothing asked and nothing scripted."""
    benin.reset()
    return benin


@pytest.fixture(scope="module")
def sandbox() -> Iterator[MomoPlay]:
    """The sandbox; its payers approve at once, but for the test payers."""
    play = MomoPlay("--target-environment", "sandbox", "--callback-delay", "0")
    yield play
    play.stop()


class TestTheContract(ProviderContract):
    REFUSALS = REASONS


# What is sent


def test_the_request_is_as_mtn_wants_it(operator: MomoPlay) -> None:
    one = order(amount=Money(150_050, "XOF"), url="https://mutuelle.example.org/payments/mtn_momo/secret/key")
    assert isinstance(operator.provider().ask(one), Accepted)
    taken = operator.requests()[one.key]
    assert taken["sent"] == {
        "amount": "150050",
        "currency": "XOF",
        "externalId": one.key,
        "payer": {"partyIdType": "MSISDN", "partyId": "2290161000001"},
        "payerMessage": "Cotisation 123456782",
        "payeeNote": "Cotisation 123456782",
    }
    assert taken["callback_url"] == one.callback_url


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
def test_a_callback_address_is_sent_only_where_mtn_may_call_it(
    operator: MomoPlay, url: str | None, plain: bool, sent: bool
) -> None:
    one = order(url=url)
    assert isinstance(operator.provider(plain_callbacks_here=plain).ask(one), Accepted)
    assert operator.requests()[one.key]["callback_url"] == (url if sent else None)


@pytest.mark.parametrize("card", ["", "&", "123 456 782", "é<>&123", "x" * 400])
def test_no_text_is_sent_that_mtn_chokes_on(operator: MomoPlay, card: str) -> None:
    one = order()
    assert isinstance(operator.provider().ask(type(one)(one.key, PAYER, one.amount, card, "BJ")), Accepted)


@pytest.mark.parametrize(
    ("amount", "sent"),
    [(Money(12_345, "CDF"), "123.45"), (Money(1500, "XOF"), "1500")],
)
def test_the_sandbox_is_sent_the_figure_in_euro(sandbox: MomoPlay, amount: Money, sent: str) -> None:
    provider, one = sandbox.provider(), order(amount=amount)
    assert isinstance(provider.ask(one), Accepted)
    taken = sandbox.requests()[one.key]["sent"]
    assert (taken["amount"], taken["currency"]) == (sent, "EUR")
    found = _decided(sandbox, one)
    assert isinstance(found, Paid)
    assert found.amount == amount


def _decided(play: MomoPlay, one: Order) -> object:
    for _ in range(40):
        found = play.provider().find(one)
        if not isinstance(found, Waiting):
            return found
        time.sleep(0.02)
    raise AssertionError("still waiting")


@pytest.mark.parametrize(
    ("report", "currency"),
    [({"amount": "15.50"}, "XOF"), ({"currency": "XOF"}, "XOF"), ({"amount": "15.505"}, "CDF")],
)
def test_the_sandbox_reports_only_figures_that_agree(sandbox: MomoPlay, report: dict[str, str], currency: str) -> None:
    one = order(amount=Money(1500, currency))
    sandbox.script(payer=PAYER, outcome="SUCCESSFUL", report=report)
    sandbox.provider().ask(one)
    found = sandbox.provider().find(one)
    assert isinstance(found, Unclear)
    assert found.reason == "mismatch"


# The sandbox's test payers


@pytest.mark.parametrize(
    ("payer", "asked", "found"),
    [
        ("+46733123450", "accepted", Reason.UNAVAILABLE),
        ("+46733123451", "accepted", Reason.REJECTED),
        ("+46733123452", "accepted", Reason.EXPIRED),
        ("+46733123453", "accepted", "waiting"),
        ("+46733123454", "accepted", "waiting"),
        ("+46733123455", "accepted", Reason.NO_WALLET),
        ("+46733123456", "accepted", Reason.CONFIGURATION),
        ("+46733123457", Reason.NOT_ALLOWED, "not found"),
        ("+46733123458", Reason.CONFIGURATION, "not found"),
        ("+46733123459", Reason.CONFIGURATION, "not found"),
        ("+46733123460", Reason.CONFIGURATION, "not found"),
        ("+46733123461", "failed", "not found"),
        ("+46733123462", "busy", "not found"),
        ("+46733123463", "accepted", Reason.EXPIRED),
        ("+46733123464", "accepted", Reason.CONFIGURATION),
        ("+46733123499", "accepted", "paid"),
    ],
)
def test_a_test_payer_of_the_sandbox(sandbox: MomoPlay, payer: str, asked: str, found: str) -> None:
    assert Operators.load().pushes_for(payer, in_sandbox=True) == (Push("mtn_momo", "sandbox"),)
    provider, one = sandbox.provider(), order(payer=payer)
    assert word_of(provider.ask(one)) == asked
    time.sleep(0.05)
    assert word_of(provider.find(one)) == found


# What MTN answers to a request to pay


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (409, {"code": "RESOURCE_ALREADY_EXIST"}, "accepted"),
        (409, "", "accepted"),
        (400, {"code": "BAD_REQUEST"}, Reason.CONFIGURATION),
        (400, "", Reason.CONFIGURATION),
        (400, {"code": "PAYER_NOT_FOUND"}, Reason.NO_WALLET),
        (403, {"message": "IP not authorised"}, Reason.CONFIGURATION),
        (500, {"code": "NOT_ALLOWED"}, Reason.NOT_ALLOWED),
        (500, {"code": "NOT_ALLOWED_TARGET_ENVIRONMENT"}, Reason.CONFIGURATION),
        (500, {"code": "INVALID_CALLBACK_URL_HOST"}, Reason.CONFIGURATION),
        (500, {"code": "INVALID_CURRENCY"}, Reason.CONFIGURATION),
        (500, {"code": "INTERNAL_PROCESSING_ERROR"}, "failed"),
        (500, {"code": "SOMETHING_NEW"}, "failed"),
        (503, {"code": "SERVICE_UNAVAILABLE"}, "busy"),
        (200, {"status": "SUCCESSFUL"}, "unknown-word"),
        (404, {"code": "RESOURCE_NOT_FOUND"}, "unknown-word"),
        (418, {"code": "TEAPOT"}, "unknown-word"),
    ],
)
def test_an_answer_to_a_request_to_pay(operator: MomoPlay, status: int, body: object, word: str) -> None:
    operator.answer("ask", status, body)
    assert word_of(operator.provider().ask(order())) == word


@pytest.mark.parametrize(
    ("header", "after_s"),
    [({}, 10.0), ({"Retry-After": "30"}, 30.0), ({"Retry-After": "86400"}, 600.0), ({"Retry-After": "0"}, 1.0),
     ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 10.0)],
)  # fmt: skip
def test_turned_away_for_too_many_it_may_be_asked_again(
    operator: MomoPlay, header: dict[str, str], after_s: float
) -> None:
    operator.script(http={"status": 429, "body": "", "headers": header})
    answer = operator.provider().ask(order())
    assert isinstance(answer, Unclear)
    assert (answer.reason, answer.safe_to_ask_again_after_s) == ("busy", after_s)


def test_401_twice_is_our_fault_and_asked_no_third_time(operator: MomoPlay) -> None:
    operator.answer("ask", 401, {"code": "INVALID_TOKEN"}, times=2)
    answer = operator.provider().ask(order())
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.CONFIGURATION
    assert (operator.calls("ask"), operator.tokens()) == (2, 2)


@pytest.mark.parametrize("wrong", [{"api_user": operator_key()}, {"api_key": "x"}, {"subscription_key": "x"}])
def test_wrong_keys_are_our_fault(operator: MomoPlay, wrong: dict[str, str]) -> None:
    answer = operator.provider(**wrong).ask(order())  # type: ignore[arg-type]
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.CONFIGURATION


# What MTN answers about a status


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ({"code": "NOT_ENOUGH_FUNDS", "message": "no"}, Reason.INSUFFICIENT),
        ("NOT_ENOUGH_FUNDS", Reason.INSUFFICIENT),
        ("ONGOING", "waiting"),
        ({"code": "DELAYED"}, "waiting"),
        ({}, Reason.OTHER),
        (["NOT_ENOUGH_FUNDS"], Reason.OTHER),
        (None, Reason.OTHER),
    ],
)
def test_a_reason_is_a_word_or_an_object(operator: MomoPlay, reason: object, word: str) -> None:
    one = order()
    operator.script(outcome="FAILED", reason=reason)
    operator.provider().ask(one)
    assert word_of(operator.provider().find(one)) == word


@pytest.mark.parametrize(
    "report",
    [
        {"financialTransactionId": None},
        {"financialTransactionId": ""},
        {"financialTransactionId": "1 or 2"},
        {"financialTransactionId": {"id": 1}},
        {"amount": None},
        {"currency": None},
        {"currency": "GHS"},
        {"externalId": "55555555-5555-4555-8555-555555555555"},
    ],
)
def test_a_success_that_lacks_something_is_unclear_and_shouted(
    operator: MomoPlay, report: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert shouted_word(operator, operator.provider(), order(), report, caplog) == "mismatch"


@pytest.mark.parametrize(
    ("report", "amount", "payer"),
    [
        ({"amount": 1500, "financialTransactionId": 42}, Money(1500, "XOF"), PAYER),
        ({"amount": 1500.0}, Money(1500, "XOF"), PAYER),
        ({"currency": "XAF"}, Money(1500, "XAF"), PAYER),
        ({"payer": {"partyIdType": "MSISDN", "partyId": "22964000002"}}, Money(1500, "XOF"), "+2290164000002"),
        ({"payer": {"partyId": "somebody"}}, Money(1500, "XOF"), None),
        ({"payer": None}, Money(1500, "XOF"), None),
        ({"externalId": None}, Money(1500, "XOF"), PAYER),
    ],
)
def test_what_really_moved_is_reported(
    operator: MomoPlay, report: dict[str, Any], amount: Money, payer: str | None
) -> None:
    one = order()
    operator.script(outcome="SUCCESSFUL", report=report)
    operator.provider().ask(one)
    found = operator.provider().find(one)
    assert isinstance(found, Paid)
    assert (found.amount, found.payer) == (amount, payer)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"code": "RESOURCE_NOT_FOUND", "message": "Requested resource was not found."}, "not found"),
        ({"statusCode": 404, "message": "Resource not found"}, "failed"),  # a wrong address, not a missing order
        ("", "failed"),
    ],
)
def test_only_mtn_s_own_word_says_that_an_order_is_missing(operator: MomoPlay, body: object, word: str) -> None:
    operator.answer("find", 404, body)
    assert word_of(operator.provider().find(order())) == word


def test_a_kept_connection_that_died_does_not_trouble_a_status_call(operator: MomoPlay) -> None:
    provider, one = operator.provider(), order()
    provider.ask(one)
    operator.script(on="find", drop_before=True)
    assert isinstance(provider.find(one), Waiting)
    assert operator.calls("find") == 2


def test_connections_are_kept(operator: MomoPlay) -> None:
    provider, one = operator.provider(), order()
    provider.ask(one)
    before = operator.calls("connections")
    for _ in range(20):
        provider.find(one)
    assert operator.calls("connections") - before == 1  # that of this counting call


# Tokens


@pytest.mark.parametrize(
    ("life_s", "age_s", "tokens"), [(3600, 3500, 1), (3600, 3541, 2), (100, 89, 1), (100, 91, 2), (0, 0, 2)]
)
def test_a_token_is_renewed_shortly_before_it_ends(operator: MomoPlay, life_s: int, age_s: int, tokens: int) -> None:
    now = [1000.0]
    provider = operator.provider(monotonic=lambda: now[0])
    operator.answer("token", 200, {"access_token": "first", "expires_in": life_s})
    operator.answer("token", 200, {"access_token": "second", "expires_in": str(life_s)})
    operator.answer("find", 404, {"code": "RESOURCE_NOT_FOUND"}, times=2)
    provider.find(order())
    now[0] += age_s
    provider.find(order())
    assert operator.tokens() == tokens


@pytest.mark.parametrize(
    "body", ["", "[]", {"access_token": ""}, {"access_token": "a\r\nX: y"}, {"access_token": [5]}, {"expires_in": 3600}]
)
def test_a_token_that_cannot_be_read_means_that_nothing_was_asked(operator: MomoPlay, body: object) -> None:
    operator.answer("token", 200, body)
    answer = operator.provider().ask(order())
    assert isinstance(answer, Unclear)
    assert answer.safe_to_ask_again_after_s is not None
    assert operator.calls("ask") == 0


@pytest.mark.parametrize("wrong", [{"subscription_key": ""}, {"subscription_key": "é"}, {"target_environment": "a b"}])
def test_what_no_header_can_hold_is_told_at_once(operator: MomoPlay, wrong: dict[str, str]) -> None:
    with pytest.raises(Fault, match="MTN MoMo"):
        operator.provider(**wrong)  # type: ignore[arg-type]


# As MTN names its target environments.
ENVIRONMENTS = {
    ("mtnbenin", "BJ"), ("mtncameroon", "CM"), ("mtncongo", "CG"), ("mtnguineaconakry", "GN"), ("mtnivorycoast", "CI"),
    ("mtnrwanda", "RW"),
}  # fmt: skip


def test_the_table_of_operators_names_the_environments_as_mtn_does() -> None:
    pushes = ((push, one.country) for one in Operators.load().all for push in one.pushes)
    listed = {(push.environment, country) for push, country in pushes if push.provider == "mtn_momo"}
    assert listed
    assert listed <= ENVIRONMENTS


# Callbacks, as the stand-in sends them


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_the_callback_is_read_as_a_hint(operator: MomoPlay, notified: Notified, method: str) -> None:
    provider, one = operator.provider(), order(url=notified.url)
    operator.script(callback={"method": method})
    provider.ask(one)
    operator.approve(one.key)
    until(lambda: len(notified.came) == 1)
    assert notified.came[0][0] == method
    hint = provider.read("application/json", notified.came[0][1], {})
    assert (hint.key, hint.said) == (one.key, "SUCCESSFUL")


def test_a_callback_that_lies_is_only_a_hint(operator: MomoPlay, notified: Notified) -> None:
    provider, one = operator.provider(), order(url=notified.url)
    operator.script(
        outcome="FAILED", reason="EXPIRED", callback={"times": 3, "lie": {"status": "SUCCESSFUL", "amount": "9000000"}}
    )
    provider.ask(one)
    until(lambda: len(notified.came) == 3)
    assert provider.read("application/json", notified.came[0][1], {}).said.startswith("SUCCESSFUL")
    assert word_of(provider.find(one)) == Reason.EXPIRED


def test_a_callback_can_overtake_the_answer(operator: MomoPlay, notified: Notified) -> None:
    one = order(url=notified.url)
    operator.script(callback={"before_response": True})
    assert isinstance(operator.provider().ask(one), Accepted)
    assert len(notified.came) == 1


def test_a_hint_finds_its_key_in_the_header_too(operator: MomoPlay) -> None:
    key = operator_key()
    assert operator.provider().read("", b'{"status": "FAILED"}', {"X-Reference-Id": key}).key == key


# The stand-in keeps to MTN's rules, so that passing here means something


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({}, {}, 202, None),
        ({"X-Reference-Id": "not-a-uuid"}, {}, 400, "BAD_REQUEST"),
        ({"X-Reference-Id": "00000000-0000-1000-8000-000000000000"}, {}, 400, "BAD_REQUEST"),
        ({"X-Target-Environment": "mtncongo"}, {}, 500, "NOT_ALLOWED_TARGET_ENVIRONMENT"),
        ({"Authorization": "Bearer x"}, {}, 401, "INVALID_TOKEN"),
        ({"Ocp-Apim-Subscription-Key": "x"}, {}, 401, "ACCESS_DENIED"),
        ({"X-Callback-Url": ""}, {}, 400, "BAD_REQUEST"),
        ({"X-Callback-Url": "http://m.example.org/"}, {}, 400, "BAD_REQUEST"),
        ({}, {"amount": 1500}, 400, "BAD_REQUEST"),
        ({}, {"amount": "1 500"}, 400, "BAD_REQUEST"),
        ({}, {"currency": "EUR"}, 500, "INVALID_CURRENCY"),
        ({}, {"payerMessage": ""}, 500, "INTERNAL_PROCESSING_ERROR"),
        ({}, {"payeeNote": "a & b"}, 400, "BAD_REQUEST"),
        ({}, {"payeeNote": "x" * 161}, 400, "BAD_REQUEST"),
        ({}, {"payer": {"partyIdType": "MSISDN", "partyId": "+2290161000001"}}, 400, "BAD_REQUEST"),
    ],
)
def test_the_stand_in_checks_what_mtn_checks(
    operator: MomoPlay, headers: dict[str, str], body: dict[str, Any], status: int, code: str | None
) -> None:
    product = {"Ocp-Apim-Subscription-Key": standin.SUBSCRIPTION_KEY}
    with requests.Session() as session:
        session.trust_env = False
        token = session.post(
            f"{operator.url}/collection/token/", auth=(standin.API_USER, standin.API_KEY), headers=product, timeout=5
        ).json()["access_token"]
        good_headers = {
            "Authorization": f"Bearer {token}", "X-Reference-Id": operator_key(), "X-Target-Environment": "mtnbenin",
        }  # fmt: skip
        good_body = {
            "amount": "1500", "currency": "XOF", "externalId": "1",
            "payer": {"partyIdType": "MSISDN", "partyId": "2290161000001"}, "payerMessage": "a", "payeeNote": "a",
        }  # fmt: skip
        answer = session.post(
            f"{operator.url}/collection/v1_0/requesttopay",
            data=json.dumps({**good_body, **body}), headers={**good_headers, **product, **headers}, timeout=5,
        )  # fmt: skip
    assert answer.status_code == status
    assert (answer.json()["code"] if answer.content else None) == code


def test_a_prompt_stands_on_the_payers_phone_until_it_is_answered(operator: MomoPlay) -> None:
    one = order()
    operator.provider().ask(one)
    assert [prompt["key"] for prompt in operator.prompts(PAYER)] == [one.key]
    assert operator.prompts("+2290199000000") == []
    operator.play("approve", {"payer": PAYER})
    assert operator.prompts(PAYER) == []
    assert operator.debits(one.key) == 1


def test_a_prompt_that_nobody_answers_expires() -> None:
    play = MomoPlay("--target-environment", "mtnbenin", "--auto", "manual", "--prompt-expires", "0.1")
    try:
        one = order()
        play.provider().ask(one)
        assert word_of(_decided(play, one)) == Reason.EXPIRED
        assert play.prompts(PAYER) == []
    finally:
        play.stop()


def test_a_misspelt_script_is_refused(operator: MomoPlay) -> None:
    with pytest.raises(Exception, match="400"):
        operator.script(drop_afterwards=True)
