"""A push of an operator that takes no key of ours is asked for once: what was lost is never sent again blindly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from daraja_play import DarajaPlay

from gateway.kernel.clock import FixedClock
from gateway.kernel.money import Money
from gateway.network.organisations import Network
from gateway.payments.collections import newest
from gateway.payments.push.wishes import Asked, ask_for_payment
from gateway.payments.states import State
from gateway.store.unit import Store
from tests.payments.village import FIRST_DUE, ON_SQLITE, Village, found

PAYER = "+254700000101"

pytestmark = ON_SQLITE


@pytest.fixture(scope="module")
def safaricom() -> Iterator[DarajaPlay]:
    """Safaricom; its payers do nothing by themselves."""
    play = DarajaPlay("--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock, safaricom: DarajaPlay) -> Village:
    """A village that counts in shillings, and whose notices lead nowhere."""
    safaricom.reset()
    providers = {"daraja": safaricom.provider(read_timeout_s=2.0)}
    base = "http://127.0.0.1:9/payments/{provider}/secret/{key}"
    return Village(store, network, clock, found(store, network, currency="KES"), providers, callback_base=base)


def push(village: Village) -> str:
    """What the menu does when somebody says yes to a payment; our key of it."""
    home = village.register(PAYER).household_id
    with village.store.write() as unit:
        asked = ask_for_payment(
            unit,
            effect_key="effect",
            books=village.place.books,
            household_id=home,
            provider="daraja",
            payer=PAYER,
            amount=Money(FIRST_DUE, "KES"),
            after=timedelta(0),
        )
        assert asked is Asked.NOW
        return newest(unit.connection, 1)[0].key


def test_a_push_that_was_answered_is_asked_about_by_its_handle(village: Village, safaricom: DarajaPlay) -> None:
    key = push(village)
    village.work()
    assert village.shown(key).handle == safaricom.pushes(key)[0]["handle"]
    safaricom.approve(key)
    village.work_for(20)
    assert village.shown(key).state is State.PAID
    assert village.balance("KES")["wallet"] == FIRST_DUE


@pytest.mark.parametrize("lost", ["there", "back"])
def test_a_push_that_was_not_answered_is_never_sent_again(village: Village, safaricom: DarajaPlay, lost: str) -> None:
    key = push(village)
    safaricom.drop_before() if lost == "there" else safaricom.drop_after()
    village.work()
    assert village.shown(key).state is State.UNCLEAR
    village.work_for(20 * 60, step_s=30)
    assert village.shown(key).state is State.EXPIRED
    assert village.told("not_paid") == [("not_paid", PAYER)]
    village.work_for(3 * 86_400, step_s=3600)
    assert safaricom.calls("ask") == 1
    assert "wallet" not in village.balance("KES")
    # The statement decides: it names the card as the account that was paid.
    assert [one["sent"]["AccountReference"] for one in safaricom.pushes(key)] == (
        [] if lost == "there" else [village.family(village.shown(key).household_id).card]
    )


def test_what_never_left_is_sent_once_it_can(village: Village, safaricom: DarajaPlay, closed_url: str) -> None:
    key = push(village)
    village.providers["daraja"] = safaricom.provider(url=closed_url)
    village.work()
    assert village.shown(key).state is State.UNCLEAR
    village.providers["daraja"] = safaricom.provider()
    village.work_for(20)
    assert village.shown(key).state is State.PENDING
    assert safaricom.asked(key) == 1
