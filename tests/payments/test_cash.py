"""Cash is a payment like any other, and every franc of it is in known hands until it is in the treasurer's box."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from gateway.kernel.clock import FixedClock
from gateway.kernel.money import EXPONENT, Money
from gateway.membership.households import by_id
from gateway.membership.rules import State as Cover
from gateway.network.organisations import Network, add_organisation
from gateway.network.staff import Member, end
from gateway.payments.cash import (
    CashRecorded,
    CashRefused,
    Decision,
    Handover,
    decide,
    hand_over,
    handed_over,
    open_handovers,
    record_cash,
)
from gateway.payments.push.limits import largest_float, largest_payment
from gateway.payments.reversing import reverse
from gateway.payments.states import State
from gateway.store.effects import Outcome, once
from gateway.store.schema import cash_taking, collection, entry, handover
from gateway.store.unit import Store, Unit
from tests.payments.deeds import in_hand
from tests.payments.village import (
    ANIMATOR,
    FIRST_DUE,
    NEIGHBOUR,
    ON_SQLITE,
    PAYER,
    TREASURER,
    YEAR_DUE,
    Village,
    at_once,
    found,
    francs,
)

FLOAT = largest_float("XOF").minor
SECOND_TREASURER = "+2290100000903"


@pytest.fixture
def animator(office: Village) -> Member:
    return office.hire("animator")


def hand_all(office: Village, who: Member) -> tuple[Handover, ...]:
    with office.store.write() as unit:
        return hand_over(unit, office.network.tree(), who)


def waiting(office: Village, who: Member) -> list[Handover]:
    with office.store.read() as connection:
        return open_handovers(connection, office.network.tree(), who)


def say_of(office: Village, one: int, who: Member, received: bool = True) -> Decision:
    with office.store.write() as unit:
        return decide(unit, office.network.tree(), office.chart, one, who, received)


# Recording


def test_a_treasurers_cash_is_posted_told_and_in_the_box(office: Village, home: int) -> None:
    treasurer = office.treasurer
    recorded = office.give(home, treasurer, FIRST_DUE)
    with office.store.read() as connection:
        (key,) = connection.scalars(select(collection.c.key))
    shown = office.shown(key)
    assert (shown.way, shown.provider, shown.payer, shown.state) == ("cash", "cash", PAYER, State.PAID)
    assert (shown.paid, shown.paid_at, shown.reason) == (francs(FIRST_DUE), office.clock.now(), None)
    assert office.steps(key) == ["created", "paid"]
    assert office.entries() == [("2026-11-22", f"collection:{key}")]
    with office.store.read() as connection:
        assert set(connection.scalars(select(entry.c.journal).where(entry.c.key == f"collection:{key}"))) == {"cash"}
    assert office.balance() == {"cash": FIRST_DUE, "receivable": YEAR_DUE - FIRST_DUE, "income": -YEAR_DUE}
    assert (recorded.amount, recorded.left) == (francs(FIRST_DUE), francs(YEAR_DUE - FIRST_DUE))
    assert recorded.cover == office.stands(home).cover
    assert (recorded.cover.state, recorded.cover.begins_on) == (Cover.WAITING, date(2026, 12, 22))
    assert office.told() == [("receipt", PAYER), ("treasurer", TREASURER)]
    to_payer, to_treasurer = office.messages()
    assert to_payer.text.startswith(f"Recu {recorded.number}-{recorded.code} : 3 900 F payés")
    assert to_treasurer.text.startswith(f"Recu {recorded.number}-{recorded.code} : 3 900 F, en espèces. Adjara")
    assert in_hand(office, treasurer) == []


def test_an_animators_cash_stands_with_them(office: Village, home: int, animator: Member) -> None:
    office.give(home, animator, 1_000)
    office.give(home, animator, 500)
    assert office.balance() == {"collectors": 1_500, "receivable": YEAR_DUE - 1_500, "income": -YEAR_DUE}
    assert in_hand(office, animator) == [francs(1_500)]
    assert office.told("treasurer") == [("treasurer", TREASURER)] * 2


def test_what_is_more_than_due_is_an_advance(office: Village, home: int) -> None:
    recorded = office.give(home, office.treasurer, YEAR_DUE + 400)
    assert office.balance() == {"cash": YEAR_DUE + 400, "advance": -400, "income": -YEAR_DUE}
    assert recorded.left == francs(0)


def test_a_family_without_a_phone_in_a_mutuelle_without_a_treasurer_can_pay_in_cash(
    office: Village, animator: Member
) -> None:
    with office.store.write() as unit:
        end(unit, office.treasurer.id, date(2026, 11, 1))
    home = office.register(None).household_id
    recorded = office.give(home, animator, 1_000)
    assert (office.messages(), recorded.left) == ([], francs(YEAR_DUE - 1_000))


@ON_SQLITE
def test_it_counts_for_today_where_the_mutuelle_is(office: Village, home: int, clock: FixedClock) -> None:
    clock.at = datetime(2026, 12, 31, 23, 0, 1, tzinfo=UTC)
    office.give(home, office.treasurer)
    assert [day for day, _ in office.entries()] == ["2027-01-01"]


@ON_SQLITE
def test_a_payment_that_is_open_on_a_phone_does_not_stand_in_the_way(office: Village, home: int) -> None:
    key = office.pay(home, YEAR_DUE)
    office.give(home, office.treasurer, YEAR_DUE)
    office.confirm(key)
    assert office.balance() == {
        "cash": YEAR_DUE, "wallet": YEAR_DUE, "advance": -YEAR_DUE, "income": -YEAR_DUE,
    }  # fmt: skip


def test_one_effect_records_once_however_often_it_comes(office: Village, home: int, animator: Member) -> None:
    """A repeated hop, and eight at the same moment: one receipt, and the same answer for all."""

    def do(unit: Unit) -> Outcome:
        tree = office.network.tree()
        recorded = record_cash(
            unit, tree, office.chart, effect_key="k", household=by_id(unit.connection, tree, home), staff=animator,
            amount=francs(700),
        )  # fmt: skip
        assert isinstance(recorded, CashRecorded)
        return {"number": recorded.number, "code": recorded.code}

    answers = at_once(8, lambda: once(office.store, "k", "cash", do))
    assert all(answer == answers[0] for answer in answers)
    assert office.balance()["collectors"] == 700
    assert len(office.messages("receipt")) == 1


def test_the_key_alone_lets_no_second_through(office: Village, home: int, animator: Member) -> None:
    assert isinstance(office.try_cash(home, animator, 700, "the key"), CashRecorded)
    with pytest.raises(IntegrityError):
        office.try_cash(home, animator, 700, "the key")
    assert (office.balance()["collectors"], in_hand(office, animator)) == (700, [francs(700)])


def test_payments_of_one_household_in_the_same_moment_are_split_right(office: Village, home: int) -> None:
    """Cash and a wallet at once: 15 000 for 12 600 of dues leave an advance of 2 400, whoever is first."""
    treasurer, key, first = office.treasurer, office.pay(home, 5_000), itertools.count()

    def pay() -> None:
        if next(first) == 0:
            office.confirm(key)
        else:
            office.give(home, treasurer, 2_500)

    at_once(5, pay)
    assert office.balance() == {"wallet": 5_000, "cash": 10_000, "advance": -2_400, "income": -YEAR_DUE}


# Refusing


@ON_SQLITE
@pytest.mark.parametrize(
    ("role", "amount", "answer"),
    [
        ("treasurer", largest_payment("XOF").minor, None),
        ("treasurer", largest_payment("XOF").minor + 1, "too-much"),
        ("animator", FLOAT, None),
        ("animator", FLOAT + 1, "too-much"),
        ("adviser", 100, "wrong-office"),
    ],
)
def test_what_may_be_recorded(office: Village, home: int, role: str, amount: int, answer: str | None) -> None:
    who = office.treasurer if role == "treasurer" else office.hire(role)
    recorded = office.try_cash(home, who, amount)
    if answer is None:
        assert isinstance(recorded, CashRecorded)
    else:
        assert recorded == CashRefused(answer)  # type: ignore[arg-type]
        assert (office.entries(), office.messages()) == ([], [])


@ON_SQLITE
def test_another_currency_is_refused(office: Village, home: int) -> None:
    tree = office.network.tree()
    with office.store.write() as unit:
        recorded = record_cash(
            unit, tree, office.chart, effect_key="k", household=office.family(home), staff=office.treasurer,
            amount=Money(100, "USD"),
        )  # fmt: skip
    assert recorded == CashRefused("currency")
    assert (office.entries(), office.messages()) == ([], [])


def test_the_limits_hold_in_every_currency() -> None:
    for currency in EXPONENT:
        assert 0 < largest_float(currency).minor <= largest_payment(currency).minor
        assert largest_float(currency).minor % 10 ** EXPONENT[currency] == 0


def test_who_holds_all_they_may_must_hand_over_and_be_believed_first(
    office: Village, home: int, animator: Member
) -> None:
    """H8: until the treasurer says that the cash came, it counts as the animator's."""
    office.give(home, animator, FLOAT - 100)
    assert office.try_cash(home, animator, 101) == CashRefused("float")
    office.give(home, animator, 100)
    assert office.try_cash(home, animator, 1) == CashRefused("float")
    office.give(home, office.treasurer, 1)  # somebody else's float is their own
    office.give(home, office.hire("animator", "+2290100000904"), 1)
    (one,) = hand_all(office, animator)
    assert in_hand(office, animator) == []
    assert office.try_cash(home, animator, 1) == CashRefused("float")
    assert say_of(office, one.id, office.treasurer, received=False) == "disputed"
    assert office.try_cash(home, animator, 1) == CashRefused("float")
    (again,) = hand_all(office, animator)
    assert say_of(office, again.id, office.treasurer) == "confirmed"
    office.give(home, animator, FLOAT)
    assert in_hand(office, animator) == [francs(FLOAT)]


def test_two_phones_of_one_animator_do_not_pass_the_float_together(
    office: Village, home: int, animator: Member
) -> None:
    third = FLOAT // 3
    answers = at_once(6, lambda: office.try_cash(home, animator, third))
    assert sum(isinstance(one, CashRecorded) for one in answers) == 3
    assert [one for one in answers if not isinstance(one, CashRecorded)] == [CashRefused("float")] * 3
    assert office.balance()["collectors"] == 3 * third


# A union with two mutuelles, each with books of its own; the second deals in another currency


@pytest.fixture
def union(store: Store, network: Network, clock: FixedClock) -> tuple[Village, Village]:
    with store.write() as unit:
        top = add_organisation(unit, None, kind="union", code="u", name="Union", country="BJ", currency="XOF",
                               time_zone="Africa/Porto-Novo", languages="fr")  # fmt: skip
    east = Village(store, network, clock, found(store, network, above=top))
    west = Village(
        store, network, clock, found(store, network, above=top, code="w", currency="BIF", treasurer=NEIGHBOUR),
        _effects=itertools.count(1_000),
    )  # fmt: skip
    return east, west


def test_an_animator_of_the_union_hands_over_to_each_mutuelle_its_own(union: tuple[Village, Village]) -> None:
    east, west = union
    tree = east.network.tree()
    animator = east.hire("animator", organisation_id=tree.named("u").id)
    homes = east.register().household_id, west.register(NEIGHBOUR).household_id
    for village, home, amount in ((east, homes[0], 1_000), (west, homes[1], 2_000), (east, homes[0], 500)):
        with village.store.write() as unit:
            family = by_id(unit.connection, tree, home)
            recorded = record_cash(
                unit, tree, village.chart, effect_key=f"{home}:{amount}", household=family, staff=animator,
                amount=Money(amount, family.currency),
            )  # fmt: skip
        assert isinstance(recorded, CashRecorded)
    assert in_hand(east, animator) == [Money(2_000, "BIF"), francs(1_500)]
    made = hand_all(east, animator)
    assert [one.amount for one in made] == [francs(1_500), Money(2_000, "BIF")]
    treasurers = [one for one in map(east.holder, (TREASURER, NEIGHBOUR)) if one.role == "treasurer"]
    assert [waiting(east, one) for one in treasurers] == [[made[0]], [made[1]]]
    # Neither can decide about the other's, nor learns that there is one; a treasurer of the union can about both.
    assert say_of(east, made[1].id, treasurers[0]) == "gone"
    above = east.hire("treasurer", SECOND_TREASURER, tree.named("u").id)
    assert waiting(east, above) == list(made)
    assert [say_of(east, made[0].id, treasurers[0]), say_of(east, made[1].id, above)] == ["confirmed"] * 2
    assert (east.balance()["cash"], east.balance("BIF")["cash"]) == (1_500, 2_000)
    assert "collectors" not in east.balance() | east.balance("BIF")


def test_nobody_takes_cash_for_a_household_elsewhere(union: tuple[Village, Village]) -> None:
    east, west = union
    home = west.register().household_id
    tree, strangers = east.network.tree(), (east.treasurer, east.hire("animator"))
    with east.store.write() as unit:
        family = by_id(unit.connection, tree, home)
        for who in strangers:
            assert record_cash(
                unit, tree, east.chart, effect_key="k", household=family, staff=who, amount=Money(100, "BIF")
            ) == CashRefused("wrong-office")


# Handing over


def test_what_is_handed_over_is_in_the_box_when_the_treasurer_says_so(
    office: Village, home: int, animator: Member, clock: FixedClock
) -> None:
    office.give(home, animator, 1_000)
    office.give(home, animator, 500)
    (one,) = hand_all(office, animator)
    assert one == Handover(one.id, "Issifou Dafia", francs(1_500), clock.now())
    assert (waiting(office, office.treasurer), in_hand(office, animator)) == ([one], [])
    with office.store.read() as connection:
        assert handed_over(connection, one.id) == (animator, office.place.books.id, francs(1_500))
    assert office.balance()["collectors"] == 1_500
    clock.move(timedelta(hours=15))  # midnight has passed
    assert say_of(office, one.id, office.treasurer) == "confirmed"
    assert office.balance() == {"cash": 1_500, "receivable": YEAR_DUE - 1_500, "income": -YEAR_DUE}
    assert office.entries()[-1] == ("2026-11-23", f"handover:{one.id}")
    assert waiting(office, office.treasurer) == []
    assert hand_all(office, animator) == ()


def test_what_did_not_come_stays_with_the_animator(office: Village, home: int, animator: Member) -> None:
    office.give(home, animator, 1_000)
    (one,) = hand_all(office, animator)
    assert say_of(office, one.id, office.treasurer, received=False) == "disputed"
    assert (office.balance()["collectors"], in_hand(office, animator)) == (1_000, [francs(1_000)])
    assert len(office.entries()) == 1
    office.give(home, animator, 50)
    (again,) = hand_all(office, animator)
    assert again.amount == francs(1_050)
    assert say_of(office, again.id, office.treasurer) == "confirmed"
    with office.store.read() as connection:
        kept = connection.execute(
            select(handover.c.id, handover.c.state, handover.c.amount_minor).order_by(handover.c.id)
        ).all()
    assert [tuple(row) for row in kept] == [(one.id, "disputed", 1_000), (again.id, "confirmed", 1_050)]
    assert office.balance()["cash"] == 1_050


def test_two_people_with_two_phones(office: Village, home: int, animator: Member) -> None:
    office.give(home, animator)
    (one,) = hand_all(office, animator)
    own = office.hire("treasurer", ANIMATOR)
    assert own.id != animator.id
    assert say_of(office, one.id, own) == "own"
    assert waiting(office, own) == []
    # The animator alone, another animator, and an office elsewhere decide nothing.
    for nobody in (animator, office.hire("animator", NEIGHBOUR), replace(own, organisation_id=office.place.section_id)):
        assert say_of(office, one.id, nobody) == "gone"
    assert say_of(office, one.id, replace(animator, role="treasurer", msisdn=PAYER)) == "own"
    assert say_of(office, one.id + 1, office.treasurer) == "gone"
    assert office.balance()["collectors"] == 1_500
    assert say_of(office, one.id, office.treasurer) == "confirmed"
    assert say_of(office, one.id, office.treasurer) == "gone"
    assert say_of(office, one.id, office.treasurer, received=False) == "gone"
    assert office.balance()["cash"] == 1_500


@pytest.mark.parametrize("words", [(True,) * 6, (False,) * 6, (True, False) * 3], ids=["yes", "no", "both"])
def test_phones_that_decide_at_the_same_moment(
    office: Village, home: int, animator: Member, words: tuple[bool, ...]
) -> None:
    office.give(home, animator)
    (one,) = hand_all(office, animator)
    both = itertools.cycle((office.treasurer, office.hire("treasurer", SECOND_TREASURER)))
    turns = iter([(next(both), word) for word in words])
    lock = threading.Lock()

    def say() -> str:
        with lock:
            who, word = next(turns)
        return say_of(office, one.id, who, word)

    answers = at_once(6, say)
    assert sorted(map(str, answers))[1:] == ["gone"] * 5
    first = min(map(str, answers))
    where = "cash" if first == "confirmed" else "collectors"
    assert office.balance() == {where: 1_500, "receivable": YEAR_DUE - 1_500, "income": -YEAR_DUE}
    assert in_hand(office, animator) == ([] if first == "confirmed" else [francs(1_500)])


def test_what_is_handed_over_twice_in_the_same_moment_goes_once(office: Village, home: int, animator: Member) -> None:
    for amount in (100, 200, 300):
        office.give(home, animator, amount)
        made = [one for each in at_once(6, lambda: hand_all(office, animator)) for one in each]  # type: ignore[attr-defined]
        assert [one.amount for one in made] == [francs(amount)]
    assert len(waiting(office, office.treasurer)) == 3


def test_recording_handing_over_and_deciding_all_at_once_lose_nothing(
    office: Village, home: int, animator: Member
) -> None:
    """What is held, on its way and in the box is what was recorded, whoever comes first."""
    treasurer = office.treasurer
    chance = itertools.cycle((True, False))

    def collect() -> None:
        for _ in range(12):
            office.give(home, animator, 100)

    def hand() -> None:
        for _ in range(10):
            hand_all(office, animator)

    def answer() -> None:
        for _ in range(10):
            for one in waiting(office, treasurer):
                say_of(office, one.id, treasurer, next(chance))

    with ThreadPoolExecutor(5) as threads:
        for each in [threads.submit(do) for do in (collect, collect, hand, hand, answer)]:
            each.result()
    with office.store.read() as connection:
        on_its_way = connection.execute(
            select(handover.c.id, handover.c.amount_minor, func.coalesce(func.sum(collection.c.paid_minor), 0))
            .outerjoin(cash_taking, cash_taking.c.handover_id == handover.c.id)
            .outerjoin(collection, collection.c.id == cash_taking.c.collection_id)
            .where(handover.c.state != "disputed")
            .group_by(handover.c.id, handover.c.amount_minor)
        ).all()
        states = dict(connection.execute(select(handover.c.id, handover.c.state)).all())
    assert all(row[1] == row[2] for row in on_its_way)
    confirmed = sum(row[1] for row in on_its_way if states[row[0]] == "confirmed")
    still_open = sum(row[1] for row in on_its_way if states[row[0]] == "open")
    left = sum(one.minor for one in in_hand(office, animator))
    assert confirmed + still_open + left == 2_400
    balance = office.balance()
    assert (balance.get("cash", 0), balance.get("collectors", 0)) == (confirmed, still_open + left)


@ON_SQLITE
def test_cash_is_not_taken_back_by_an_operator(office: Village, home: int, animator: Member) -> None:
    office.give(home, animator)
    with office.store.read() as connection:
        (key,) = connection.scalars(select(collection.c.key))
    with pytest.raises(ValueError, match="is cash"), office.store.write() as unit:
        reverse(unit, office.network.tree(), key, "REVERSED")
    assert office.shown(key).state is State.PAID
