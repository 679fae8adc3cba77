"""Paying by an address that comes by SMS: from the menu's yes to the receipt, and what becomes of a lost address."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from datetime import timedelta

import pytest
from orange_money_play import OrangePlay

from gateway.kernel.clock import FixedClock
from gateway.network.organisations import Network
from gateway.payments.states import State
from gateway.store.unit import Store
from tests.payments.village import PAYER, Village, found


@pytest.fixture(scope="module")
def mali() -> Iterator[OrangePlay]:
    """A country of francs; nobody pays by themselves."""
    play = OrangePlay("ml", "--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def orange(mali: OrangePlay) -> OrangePlay:
    mali.reset()
    return mali


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock, orange: OrangePlay) -> Village:
    """A village whose cashier speaks with Orange, where it says the operator's name."""
    provider = orange.provider(read_timeout_s=2.0, now=lambda: clock.now().timestamp())
    return Village(store, network, clock, found(store, network), {"mtn_momo": provider})


def links(village: Village) -> list[str]:
    """The addresses that were sent to the payer."""
    sent = [row for row in village.messages("link") if row.msisdn == PAYER]
    return [address for row in sent for address in re.findall(r"http://\S+", row.text)]


def open_page(link: str) -> str:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(link, b"", timeout=5) as answer:
        return str(json.load(answer)["status"])


def test_the_address_comes_by_sms_and_what_is_paid_there_is_posted_once(village: Village, orange: OrangePlay) -> None:
    family = village.register()
    key = village.pay(family.household_id, 1_500)
    village.work()
    assert village.shown(key).state is State.PENDING
    [link] = links(village)
    assert open_page(link) == "SUCCESS"
    for _ in range(3):
        village.hint(key)
        village.work()
    assert village.shown(key).state is State.PAID
    assert orange.debits(key) == 1
    assert village.balance()["wallet"] == 1_500


def test_an_address_that_was_lost_is_no_payment_and_the_payer_is_told(village: Village, orange: OrangePlay) -> None:
    family = village.register()
    key = village.pay(family.household_id, 1_500)
    orange.drop_after()
    village.work_for(60)
    assert links(village) == []
    assert village.shown(key).state is State.REFUSED
    assert village.told("not_paid") == [("not_paid", PAYER)]
    again = village.pay(family.household_id, 1_500)
    village.work()
    assert open_page(links(village)[0]) == "SUCCESS"
    village.hint(again)
    village.work()
    assert (orange.debits(key), orange.debits(again)) == (0, 1)
    assert village.balance()["wallet"] == 1_500


def test_an_order_that_never_arrived_is_made_again_and_one_address_goes_out(
    village: Village, orange: OrangePlay
) -> None:
    family = village.register()
    key = village.pay(family.household_id, 1_500)
    orange.drop_before()
    village.work_for(60)
    assert village.shown(key).state is State.PENDING
    assert len(links(village)) == 1
    assert orange.asked(key) == 1


def test_an_address_that_nobody_opens_is_over_after_its_ten_minutes(village: Village, orange: OrangePlay) -> None:
    family = village.register()
    key = village.pay(family.household_id, 1_500)
    village.work()
    village.work_for(9 * 60, step_s=30)
    assert village.shown(key).state is State.PENDING
    village.clock.move(timedelta(minutes=4))
    village.work()
    assert village.shown(key).state is State.REFUSED
    assert village.told("not_paid") == [("not_paid", PAYER)]
    # Should Orange have let them pay all the same, the money is seen at the next look.
    open_page(links(village)[0])
    village.clock.move(timedelta(hours=2))
    village.work()
    assert village.shown(key).state is State.PAID
