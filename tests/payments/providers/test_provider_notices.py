"""Operators' notices at our webhook: each answered as its operator expects it, and a forged one moves nothing."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
import requests
from airtel_money_play import AirtelPlay
from daraja_play import DarajaPlay, callback
from gsma_play import GsmaPlay
from mpesa_openapi_play import MpesaPlay
from mtn_momo_play import MomoPlay
from notified import until
from orange_money_play import OrangePlay
from playing import Playing
from sqlalchemy import select

from gateway.kernel.clock import FixedClock
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.network.organisations import Network
from gateway.payments.collections import newest
from gateway.payments.push.wishes import Asked, ask_for_payment
from gateway.payments.states import State
from gateway.store.schema import collection, outbox
from gateway.store.unit import Store
from tests.payments.village import ON_SQLITE, PAYER, SECRET, Village, found

pytestmark = ON_SQLITE

MANUAL = ("--auto", "manual", "--callback-delay", "0")


@pytest.fixture(scope="module")
def operators() -> Iterator[dict[str, Playing]]:
    """Each operator; their payers do nothing by themselves."""
    with ExitStack() as all_of_them:
        plays: dict[str, Callable[[], Playing]] = {
            "airtel_money": lambda: AirtelPlay("RW", *MANUAL),
            "daraja": lambda: DarajaPlay(*MANUAL),
            "gsma": lambda: GsmaPlay(*MANUAL),
            "mpesa_openapi": lambda: MpesaPlay("--flow", "async", *MANUAL),
            "mtn_momo": lambda: MomoPlay("--target-environment", "mtnbenin", *MANUAL),
            "orange_money": lambda: OrangePlay("ml", *MANUAL),
        }
        running = {}
        for name, play in plays.items():
            running[name] = play()
            all_of_them.callback(running[name].stop)
        yield running


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock, operators: dict[str, Playing]) -> Village:
    """A village whose cashier speaks with all of them."""
    for each in operators.values():
        each.reset()
    orange = operators["orange_money"].provider(  # type: ignore[attr-defined]
        read_timeout_s=2.0, now=lambda: clock.now().timestamp()
    )
    providers = {name: each.provider(read_timeout_s=2.0) for name, each in operators.items()}  # type: ignore[attr-defined]
    return Village(store, network, clock, found(store, network), {**providers, "orange_money": orange})


CONVERSATION = uuid.uuid4().hex
REFERENCE = uuid.uuid4().hex
MPESA = {
    "input_OriginalConversationID": CONVERSATION, "input_TransactionID": "VD1", "input_ResultCode": "INS-0",
    "input_ResultDesc": "ok", "input_ThirdPartyConversationID": REFERENCE,
}  # fmt: skip
RECEIVED = {
    "output_OriginalConversationID": CONVERSATION, "output_ResponseCode": "0",
    "output_ResponseDesc": "Successfully Accepted Result", "output_ThirdPartyConversationID": REFERENCE,
}  # fmt: skip
NOTHING = {"output_OriginalConversationID": "", "output_ThirdPartyConversationID": ""}
TAKEN = {"ResultCode": 0, "ResultDesc": "Accepted"}


@pytest.mark.parametrize(
    ("provider", "body", "status", "answered"),
    [
        ("airtel_money", b"{}", 200, None),
        ("mtn_momo", b"{}", 200, None),
        ("orange_money", b"{}", 200, None),
        ("gsma", b'{"transactionStatus": "completed"}', 204, None),
        ("gsma", b"{", 204, None),
        ("daraja", callback("ws_CO_1"), 200, TAKEN),
        ("daraja", b"\xff", 200, TAKEN),
        ("mpesa_openapi", json.dumps(MPESA).encode(), 200, RECEIVED),
        ("mpesa_openapi", b"not json", 200, RECEIVED | NOTHING),
        ("mpesa_openapi", b'{"input_OriginalConversationID": ["x"]}', 200, RECEIVED | NOTHING),
        (
            "mpesa_openapi",
            json.dumps({"input_OriginalConversationID": "<x>" * 99, "input_ThirdPartyConversationID": [5]}).encode(),
            200,
            RECEIVED | NOTHING,
        ),
    ],
)
def test_each_operator_is_answered_as_it_expects(
    webhook: str, village: Village, provider: str, body: bytes, status: int, answered: dict[str, object] | None
) -> None:
    answer = requests.post(f"{webhook}/payments/{provider}/{SECRET}/{operator_key()}", data=body, timeout=5)
    assert answer.status_code == status
    assert (answer.json() if answer.content else None) == answered
    if answered:
        assert answer.headers["Content-Type"] == "application/json"
    assert village.notices() == 1


def push(village: Village, provider: str) -> str:
    """What the menu does when somebody says yes to a payment; our key of it."""
    home = village.register(PAYER).household_id
    with village.store.write() as unit:
        asked = ask_for_payment(
            unit,
            effect_key="effect",
            books=village.place.books,
            household_id=home,
            provider=provider,
            payer=PAYER,
            amount=Money(1_500, "XOF"),
            after=timedelta(0),
        )
        assert asked is Asked.NOW
        return newest(unit.connection, 1)[0].key


def hints(village: Village) -> int:
    """How many looks out of turn are open."""
    with village.store.read() as connection:
        rows = connection.execute(
            select(outbox.c.id).where(outbox.c.topic == "collection.hint", outbox.c.done_at.is_(None))
        )
        return len(rows.all())


def tokens(village: Village) -> list[str | None]:
    with village.store.read() as connection:
        return list(connection.scalars(select(collection.c.token)))


def tell(webhook: str, key: str, body: bytes) -> int:
    return requests.post(f"{webhook}/payments/orange_money/{SECRET}/{key}", data=body, timeout=5).status_code


def test_the_genuine_notice_of_orange_is_looked_into(
    webhook: str, village: Village, operators: dict[str, Playing], caplog: pytest.LogCaptureFixture
) -> None:
    key = push(village, "orange_money")
    assert tokens(village) == [None]
    village.work()
    assert tokens(village) != [None]
    operators["orange_money"].approve(key)  # and Orange tells us
    until(lambda: village.notices() == 1)
    village.work()
    assert village.shown(key).state is State.PAID
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    "body",
    [
        b'{"status": "SUCCESS", "notif_token": "' + b"5" * 32 + b'", "txnid": "MP1"}',
        b'{"status": "SUCCESS", "notif_token": "", "txnid": "MP1"}',
        b'{"status": "SUCCESS", "txnid": "MP1"}',
        b'{"status": "SUCCESS", "notif_token": "' + "é".encode() * 32 + b'"}',
        b"{",
    ],
)
def test_a_forged_notice_of_orange_is_stored_and_nothing_more(
    webhook: str, village: Village, operators: dict[str, Playing], body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    key = push(village, "orange_money")
    village.work()
    looked = operators["orange_money"].calls("find")
    assert tell(webhook, key, body) == 200
    assert (village.notices(), hints(village)) == (1, 0)
    assert [record.levelname for record in caplog.records if "forged" in record.getMessage()] == ["ERROR"]
    village.work()
    assert operators["orange_money"].calls("find") == looked


def test_what_is_kept_is_no_token_to_forge_a_notice_with(webhook: str, village: Village) -> None:
    key = push(village, "orange_money")
    village.work()
    [kept] = tokens(village)
    assert tell(webhook, key, json.dumps({"status": "SUCCESS", "notif_token": kept}).encode()) == 200
    assert hints(village) == 0


def test_a_notice_that_overtakes_its_token_is_looked_into(webhook: str, village: Village) -> None:
    key = push(village, "orange_money")
    assert tell(webhook, key, b'{"status": "SUCCESS", "notif_token": "' + b"5" * 32 + b'"}') == 200
    assert (village.notices(), hints(village)) == (1, 1)


def test_a_notice_for_an_order_of_another_operator_finds_no_token_to_differ_from(
    webhook: str, village: Village
) -> None:
    key = push(village, "mtn_momo")
    village.work()
    assert tell(webhook, key, b'{"status": "SUCCESS", "notif_token": "' + b"5" * 32 + b'"}') == 200
    assert village.notices() == 1
