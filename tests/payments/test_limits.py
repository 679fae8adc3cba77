"""Nobody empties a wallet in a day or has a stranger's phone ask for a PIN all day; and who asked learns what came."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from gateway.kernel.money import Money
from gateway.network.organisations import Network
from gateway.payments.collections import by_key, move
from gateway.payments.providers.base import Paid
from gateway.payments.push.daily import BY_FAMILY, BY_OTHER, Limited
from gateway.payments.push.limits import (
    PROMPTS,
    PROMPTS_BY_OTHERS,
    UNANSWERED_BY_OTHERS,
    largest_payment,
    most_for_household,
    most_from_payer,
    span_of,
)
from gateway.payments.push.wishes import Asked
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.store.schema import collection, collection_event
from gateway.store.unit import Store
from tests.conftest import DEFAULTS
from tests.payments.deeds import newest_key
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village, at_once, found

LARGEST = largest_payment("XOF").minor
STRANGER = "+2290100000103"
# Midnight in Ouaké, an hour before Greenwich's.
MIDNIGHT = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
_phones = itertools.count(200)


def somebody() -> str:
    return f"+229010000{next(_phones):04d}"


def ends(office: Village, state: State, reason: str | None = None) -> None:
    """How the newest prompt ends."""
    with office.store.write() as unit:
        one = by_key(unit.connection, newest_key(office), lock=True)
        assert one is not None
        if state is State.PAID:
            move(unit, one, State.SENDING)
            assert post_paid(unit, office.network.tree(), office.chart, one.key, Paid(one.amount, one.key, None, ""))
        elif state is State.REFUSED:
            move(unit, one, State.SENDING)
            sending = by_key(unit.connection, one.key)
            assert sending is not None
            move(unit, sending, state, reason)
        else:
            move(unit, one, state, reason)


def wishes(office: Village, home: int, amount: int = 1_500, payer: str = PAYER, by: str | None = None) -> object:
    """A wish, once no prompt from before is open any more."""
    office.clock.move(timedelta(minutes=5))
    return office.wish(home, amount, payer, by)


# Amounts


def test_a_households_day(office: Village) -> None:
    home = office.register().household_id
    most = most_for_household("XOF")
    assert most.minor == 2 * LARGEST
    assert wishes(office, home, LARGEST, NEIGHBOUR) is Asked.NOW
    ends(office, State.PAID)
    assert wishes(office, home, LARGEST, STRANGER) is Asked.NOW
    assert wishes(office, home, 200, NEIGHBOUR) == Limited("household", most, MIDNIGHT)  # what is still open counts
    ends(office, State.REFUSED, "insufficient")
    assert wishes(office, home, 200) is Asked.NOW  # what came to nothing does not
    ends(office, State.PAID)
    assert wishes(office, home, LARGEST - 200) is Asked.NOW
    ends(office, State.PAID)
    assert wishes(office, home, 200) == Limited("household", most, MIDNIGHT)
    assert wishes(office, office.register(NEIGHBOUR).household_id, 200) is Asked.NOW
    office.clock.at = MIDNIGHT - timedelta(minutes=6)
    assert wishes(office, home, 200) == Limited("household", most, MIDNIGHT)
    assert wishes(office, home, 200) is Asked.NOW


def test_what_strangers_ask_of_their_own_wallets_keeps_no_family_from_paying(office: Village) -> None:
    home = office.register().household_id
    for stranger in (NEIGHBOUR, STRANGER):
        assert wishes(office, home, LARGEST, stranger, by=stranger) is Asked.NOW
    assert wishes(office, home, LARGEST, PAYER) is Asked.NOW
    assert wishes(office, home, 200, somebody()) is Asked.IN_PROGRESS


def test_a_wallets_day(office: Village) -> None:
    homes = [office.register(somebody()).household_id for _ in range(6)]
    for home in homes[:4]:
        assert wishes(office, home, LARGEST) is Asked.NOW
        ends(office, State.PAID)
    over = Limited("payer", most_from_payer("XOF"), MIDNIGHT)
    assert wishes(office, homes[4], 200) == over
    assert wishes(office, homes[4], 200, NEIGHBOUR) is Asked.NOW
    office.clock.at = MIDNIGHT
    assert wishes(office, homes[5], 200) is Asked.NOW


def test_of_many_phones_at_one_moment_no_more_get_through_than_the_wallet_may_pay(pg_store: Store) -> None:
    network = Network(pg_store, DEFAULTS)
    office = Village(pg_store, network, pg_store.clock, found(pg_store, network))  # type: ignore[arg-type]
    homes = [office.register(somebody()).household_id for _ in range(8)]
    next_home = iter(homes)
    answers = at_once(8, lambda: office.wish(next(next_home), LARGEST))
    assert answers.count(Asked.NOW) == 4
    assert sum(isinstance(each, Limited) for each in answers) == 4


def test_a_refused_wish_writes_nothing(office: Village) -> None:
    home = office.register().household_id
    for _ in range(2):
        assert wishes(office, home, LARGEST, somebody()) is Asked.NOW
        ends(office, State.PAID)
    with office.store.read() as connection:
        before = [connection.scalar(select(func.count()).select_from(each)) for each in (collection, collection_event)]
    assert isinstance(wishes(office, home), Limited)
    with office.store.read() as connection:
        after = [connection.scalar(select(func.count()).select_from(each)) for each in (collection, collection_event)]
    assert after == before


def test_what_an_operator_lets_through_in_one_payment() -> None:
    assert span_of("daraja", "safaricomKE", "KES") == (Money(100, "KES"), Money(25_000_000, "KES"))
    assert span_of("daraja", "safaricomKE", "USD") is None
    assert span_of("mtn_momo", "mtnbenin", "XOF") is None


@ON_SQLITE
def test_beyond_what_the_operator_lets_through_nobody_is_asked(
    office: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.payments.push.limits._SPANS", {("mtn_momo", ""): ("XOF", 300, 1_000)})
    home = office.register().household_id
    assert office.wish(home, 299) == Limited("least", Money(300, "XOF"))
    assert office.wish(home, 1_001) == Limited("most", Money(1_000, "XOF"))
    assert office.wish(home, 300) is Asked.NOW


# Prompts


@pytest.mark.parametrize(
    ("state", "reason"),
    [(State.REFUSED, "rejected"), (State.REFUSED, "expired"), (State.EXPIRED, "no_answer")],
)
@ON_SQLITE
def test_a_phone_that_does_not_answer_others_prompts_gets_no_more_that_day(
    office: Village, state: State, reason: str
) -> None:
    homes = [office.register(somebody()).household_id for _ in range(6)]
    for home in homes[:UNANSWERED_BY_OTHERS]:
        assert wishes(office, home, payer=STRANGER, by=somebody()) is Asked.NOW
        ends(office, state, reason)
    assert wishes(office, homes[3], payer=STRANGER, by=somebody()) == Limited("prompts", None, MIDNIGHT)
    assert wishes(office, homes[4], payer=NEIGHBOUR, by=somebody()) is Asked.NOW
    assert wishes(office, homes[5], payer=STRANGER) is Asked.NOW  # by the phone itself
    office.clock.at = MIDNIGHT
    assert wishes(office, homes[3], payer=STRANGER, by=somebody()) is Asked.NOW


def test_prompts_that_are_paid_count_only_among_all_that_others_asked_for(office: Village) -> None:
    homes = [office.register(somebody()).household_id for _ in range(PROMPTS_BY_OTHERS + 1)]
    for home in homes[:-1]:
        assert wishes(office, home, payer=STRANGER, by=somebody()) is Asked.NOW
        ends(office, State.PAID)
    assert wishes(office, homes[-1], payer=STRANGER, by=somebody()) == Limited("prompts", None, MIDNIGHT)
    assert wishes(office, homes[-1], payer=STRANGER) is Asked.NOW


@ON_SQLITE
def test_what_a_phone_does_with_its_own_prompts_is_its_own_affair(office: Village) -> None:
    home = office.register().household_id
    for _ in range(UNANSWERED_BY_OTHERS + 2):
        assert wishes(office, home) is Asked.NOW
        ends(office, State.REFUSED, "rejected")
    assert wishes(office, home, by=PAYER) is Asked.NOW


@ON_SQLITE
def test_no_phone_gets_prompts_without_end(office: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PROMPTS >= 50  # whoever pays for a village's families one by one
    monkeypatch.setattr("gateway.payments.push.daily.PROMPTS", 3)
    home = office.register().household_id
    for _ in range(3):
        assert wishes(office, home) is Asked.NOW
        ends(office, State.REFUSED, "insufficient")
    assert wishes(office, home) == Limited("prompts", None, MIDNIGHT)


# Who asked


def asked_reason(office: Village) -> str | None:
    with office.store.read() as connection:
        return connection.scalar(
            select(collection_event.c.reason).where(collection_event.c.from_state.is_(None)).order_by(
                collection_event.c.id.desc()
            ).limit(1)
        )  # fmt: skip


def test_the_story_says_whose_wish_it_was_without_a_number(office: Village) -> None:
    home = office.register().household_id
    told = {}
    for by in (None, PAYER, NEIGHBOUR, STRANGER):
        assert wishes(office, home, payer=NEIGHBOUR, by=by) is Asked.NOW
        told[by] = asked_reason(office)
        ends(office, State.REFUSED, "insufficient")
    assert told == {None: None, PAYER: BY_FAMILY, NEIGHBOUR: None, STRANGER: BY_OTHER}


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (PAYER, {NEIGHBOUR, PAYER}),
        (None, {NEIGHBOUR}),
        (STRANGER, {NEIGHBOUR}),
    ],
)
def test_a_household_that_asked_anothers_phone_learns_that_nothing_came_and_not_why(
    village: Village, momo: MomoPlay, by: str | None, told: set[str]
) -> None:
    made = village.register()
    assert village.wish(made.household_id, payer=NEIGHBOUR, asked_by=by) is Asked.NOW
    village.work()
    momo.play("refuse", {"payer": NEIGHBOUR.removeprefix("+"), "reason": "NOT_ENOUGH_FUNDS"})
    village.work_for(20)
    texts = {row.msisdn: row.text for row in village.messages("not_paid")}
    assert texts.keys() == told
    why = texts.pop(NEIGHBOUR)
    for text in texts.values():
        assert why != text
        assert NEIGHBOUR[4:] not in text.replace(" ", "")
        assert "1 500 F" in text
        # Not a word of the payer's balance.
        assert set(text.split(". ")).isdisjoint(set(why.split(". ")[1:2]))
    assert len(village.messages("not_paid")) == len(told)


def test_who_asked_is_told_once_however_often_the_operator_is_asked(village: Village) -> None:
    home = village.register().household_id
    assert village.wish(home, payer=NEIGHBOUR, asked_by=PAYER) is Asked.NOW
    village.work()
    village.work_for(20 * 60, step_s=60)
    assert sorted(village.told("not_paid")) == [("not_paid", PAYER), ("not_paid", NEIGHBOUR)]
