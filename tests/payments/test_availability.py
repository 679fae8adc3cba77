"""What a provider says of its operators is in the menu before anybody is asked, and ends by itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.kernel.clock import FixedClock
from gateway.network.organisations import Defaults, Network
from gateway.payments.collections import newest
from gateway.payments.providers.base import Availability, Connected, Provider, Unclear, Waiting
from gateway.payments.push import availability
from gateway.payments.push.asking import GIVE_UP_AFTER
from gateway.payments.push.breaker import PATIENCE, SAID_HOLDS, Breakers, Line
from gateway.payments.push.operators import Operators
from gateway.payments.push.routes import Route
from gateway.payments.push.wishes import ask_for_payment
from gateway.payments.states import State
from gateway.services import Services
from gateway.store.schema import operator_state
from gateway.store.unit import Store
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.providers.pawapay_play import PawaPayPlay
from tests.payments.village import Village, found, francs
from workers.schedule import Round, aside

MTN_NUMBER, MOOV_NUMBER = "+2290161000001", "+2290164000001"
MTN, MOOV = Line("pawapay", "MTN_MOMO_BEN"), Line("pawapay", "MOOV_BEN")
SERVED = {"mtn_momo": frozenset({"mtnbenin"})}
SILENT = Unclear("no-answer", "nothing came back")
NOTHING = timedelta(0)


@pytest.fixture(scope="module")
def running_pawapay() -> Iterator[PawaPayPlay]:
    play = PawaPayPlay("--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def pawapay(running_pawapay: PawaPayPlay) -> PawaPayPlay:
    """pawaPay, with all operators at work and nothing asked."""
    running_pawapay.reset()
    return running_pawapay


class Menu:
    """What a phone is offered, in a process that has just looked into the database."""

    def __init__(self, store: Store, network: Network, providers: dict[str, Provider]) -> None:
        self.store, self.network, self.providers = store, network, providers

    def tell(self) -> None:
        """What the scheduler does each minute."""
        availability.tell(Breakers(self.store), self.providers)

    def route(self, msisdn: str) -> Route | None:
        services = Services(
            store=self.store, clock=self.store.clock, network=self.network,
            defaults=Defaults("BJ", "XOF", "Africa/Porto-Novo", "fr", 160), operators=Operators.load(),
            providers={name: Connected(one, SERVED.get(name)) for name, one in self.providers.items()},
            breakers=Breakers(self.store), push_delay=timedelta(0),
        )  # fmt: skip
        return services.route(msisdn, "BJ")


@pytest.fixture
def menu(store: Store, network: Network, pawapay: PawaPayPlay) -> Menu:
    return Menu(store, network, {"pawapay": pawapay.provider()})


def say(pawapay: PawaPayPlay, status: str, code: str = "MTN_MOMO_BEN") -> None:
    pawapay.play("terms", {"code": code, "currency": "XOF", "status": status})


# The menu


def test_a_closed_operator_is_down_in_the_menu_until_it_works_again(menu: Menu, pawapay: PawaPayPlay) -> None:
    menu.tell()
    up = Route("push", "MTN MoMo", "pawapay", "MTN_MOMO_BEN")
    assert menu.route(MTN_NUMBER) == up
    say(pawapay, "CLOSED")
    menu.tell()
    assert menu.route(MTN_NUMBER) == Route("push", "MTN MoMo", "pawapay", "MTN_MOMO_BEN", down=True)
    assert menu.route(MOOV_NUMBER) == Route("push", "Moov Money", "pawapay", "MOOV_BEN")  # nobody else is
    say(pawapay, "OPERATIONAL")
    menu.tell()
    assert menu.route(MTN_NUMBER) == up
    assert pawapay.calls("ask") == 0


def test_where_another_provider_asks_the_same_operator_it_is_taken(
    menu: Menu, pawapay: PawaPayPlay, momo: MomoPlay, clock: FixedClock
) -> None:
    menu.providers = {"mtn_momo": momo.provider(), **menu.providers}
    for _ in range(PATIENCE):
        Breakers(menu.store).heard(Line("mtn_momo", "mtnbenin"), SILENT)
    assert menu.route(MTN_NUMBER) == Route("push", "MTN MoMo", "pawapay", "MTN_MOMO_BEN")
    say(pawapay, "CLOSED")
    menu.tell()
    assert menu.route(MTN_NUMBER) == Route("push", "MTN MoMo", "mtn_momo", "mtnbenin", down=True)
    clock.move(timedelta(seconds=30))
    assert menu.route(MTN_NUMBER) == Route("push", "MTN MoMo", "mtn_momo", "mtnbenin")


def test_a_delayed_operator_is_not_down(menu: Menu, pawapay: PawaPayPlay) -> None:
    say(pawapay, "DELAYED")
    menu.tell()
    assert menu.route(MTN_NUMBER) == Route("push", "MTN MoMo", "pawapay", "MTN_MOMO_BEN")


@pytest.mark.parametrize("before", ["OPERATIONAL", "CLOSED"])
def test_a_word_that_is_not_known_is_kept_and_shouted_once_and_changes_nothing(
    menu: Menu, pawapay: PawaPayPlay, caplog: pytest.LogCaptureFixture, before: str
) -> None:
    say(pawapay, before)
    menu.tell()
    offered = menu.route(MTN_NUMBER)
    assert offered is not None
    assert offered.down == (before == "CLOSED")
    say(pawapay, "ASLEEP")
    caplog.clear()
    for _ in range(3):
        menu.tell()
    assert menu.route(MTN_NUMBER) == offered
    assert [record.levelno for record in caplog.records if "ASLEEP" in record.getMessage()] == [logging.ERROR]
    with menu.store.read() as connection:
        assert list(connection.scalars(select(operator_state.c.said))) == ["ASLEEP"]


@pytest.mark.parametrize("http", [{"status": 503, "body": ""}, {"status": 200, "body": "<html>"}])
def test_a_provider_that_says_nothing_changes_nothing_and_ends_in_time(
    menu: Menu, pawapay: PawaPayPlay, clock: FixedClock, http: dict[str, object]
) -> None:
    say(pawapay, "CLOSED")
    menu.tell()
    pawapay.script(on="availability", http=http, times=3)
    menu.tell()
    assert menu.route(MTN_NUMBER) == Route("push", "MTN MoMo", "pawapay", "MTN_MOMO_BEN", down=True)
    clock.move(SAID_HOLDS)
    menu.tell()
    assert menu.route(MTN_NUMBER) == Route("push", "MTN MoMo", "pawapay", "MTN_MOMO_BEN")


class Failing:
    """A provider that tells of its operators, and whose file has a defect there."""

    name = "failing"

    def available(self) -> Sequence[Availability] | Unclear:
        raise KeyError("a defect")


def test_one_that_fails_stops_no_other(
    menu: Menu, pawapay: PawaPayPlay, momo: MomoPlay, caplog: pytest.LogCaptureFixture
) -> None:
    say(pawapay, "CLOSED")
    failing: Provider = Failing()  # type: ignore[assignment]
    menu.providers = {"failing": failing, "mtn_momo": momo.provider(), **menu.providers}
    menu.tell()
    assert Breakers(menu.store).down(MTN)
    assert "failing isn't asked for its operators" in caplog.text


# Beside what calls find out


def test_a_call_that_is_answered_does_not_end_what_the_provider_says(store: Store) -> None:
    breakers = Breakers(store)
    breakers.said(MTN, Availability("MTN_MOMO_BEN", False, "CLOSED"))
    breakers.heard(MTN, Waiting("PROCESSING"))
    assert Breakers(store).down(MTN)
    assert Breakers(store).wait(MTN) == NOTHING  # so what was asked before is looked for


def test_silence_is_counted_when_nobody_has_said_so_and_is_ended_by_an_answer_alone(
    store: Store, clock: FixedClock
) -> None:
    breakers = Breakers(store)
    breakers.said(MTN, Availability("MTN_MOMO_BEN", False, "CLOSED"))
    breakers.heard(MTN, SILENT)
    assert Breakers(store).wait(MTN) == NOTHING
    clock.move(SAID_HOLDS)
    for _ in range(PATIENCE):
        Breakers(store).heard(MTN, SILENT)
    waits = Breakers(store).wait(MTN)
    assert waits > NOTHING
    for up in (True, None, False):
        Breakers(store).said(MTN, Availability("MTN_MOMO_BEN", up, "whatever"))
        assert Breakers(store).wait(MTN) == waits
    Breakers(store).heard(MTN, Waiting(""))
    assert not Breakers(store).down(MTN)


def test_a_little_silence_hides_no_word_of_the_provider(store: Store) -> None:
    Breakers(store).heard(MTN, SILENT)
    Breakers(store).said(MTN, Availability("MTN_MOMO_BEN", False, "CLOSED"))
    assert Breakers(store).down(MTN)
    Breakers(store).said(MTN, Availability("MTN_MOMO_BEN", True, "OPERATIONAL"))
    assert not Breakers(store).down(MTN)


def test_what_was_said_of_another_stays(store: Store) -> None:
    for line in (MTN, MOOV):
        Breakers(store).said(line, Availability(line.environment, False, "CLOSED"))
    Breakers(store).said(MTN, Availability("MTN_MOMO_BEN", True, "OPERATIONAL"))
    assert [Breakers(store).down(line) for line in (MTN, MOOV)] == [False, True]


# The scheduler


def test_a_provider_that_hangs_holds_up_no_sweep(
    store: Store, menu: Menu, pawapay: PawaPayPlay, clock: FixedClock
) -> None:
    say(pawapay, "CLOSED")
    pawapay.script(on="availability", slow=1.0)
    menu.providers = {"pawapay": pawapay.provider(read_timeout_s=2.0)}
    one = Round(store, "a", "work", 60, lambda _: aside(menu.tell))
    longest = 0.0
    went_on = 0
    while True:
        began = time.monotonic()
        more = one.go_on()
        longest = max(longest, time.monotonic() - began)
        if not more:
            break
        went_on += 1
    assert went_on >= 1
    assert longest < 0.8
    assert Breakers(store).down(MTN)
    assert pawapay.calls("availability") == 1


# A deposit that pawaPay doesn't end


@pytest.fixture
def served(store: Store, network: Network, clock: FixedClock, pawapay: PawaPayPlay) -> Village:
    """A village whose cashier speaks with pawaPay."""
    return Village(store, network, clock, found(store, network), {"pawapay": pawapay.provider(read_timeout_s=2.0)})


def ask(village: Village) -> str:
    """Somebody pays 1 500 francs through pawaPay; our key of it."""
    household_id = village.register().household_id
    with village.store.write() as unit:
        ask_for_payment(
            unit, effect_key="effect", books=village.place.books, household_id=household_id, payer=MTN_NUMBER,
            provider="pawapay", amount=francs(1_500), after=NOTHING, environment="MTN_MOMO_BEN",
        )  # fmt: skip
    village.work()
    with village.store.read() as connection:
        return newest(connection, 1)[0].key


def test_a_deposit_in_reconciliation_is_told_late_and_never_lost(served: Village, pawapay: PawaPayPlay) -> None:
    key = ask(served)
    pawapay.status(key, "IN_RECONCILIATION")
    served.work_for(int(GIVE_UP_AFTER.total_seconds()) + 240, step_s=30)
    assert served.shown(key).state is State.EXPIRED  # the payer is told not to wait
    before = pawapay.calls("find")
    served.work_for(3 * 3600, step_s=600)
    assert pawapay.calls("find") > before  # and pawaPay is asked all the same
    pawapay.status(key, "COMPLETED")
    served.work_for(2 * 3600, step_s=600)
    assert served.shown(key).state is State.PAID
    assert pawapay.asked(key) == 1
    assert served.balance()["wallet"] == 1_500


def test_a_deposit_of_a_closed_operator_is_still_looked_for(
    served: Village, pawapay: PawaPayPlay, store: Store
) -> None:
    key = ask(served)
    say(pawapay, "CLOSED")
    availability.tell(Breakers(store), served.providers)
    pawapay.approve(key)
    served.work_for(20)
    assert served.shown(key).state is State.PAID
    assert Breakers(store).down(MTN)
