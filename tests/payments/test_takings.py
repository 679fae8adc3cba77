"""Takings agree with the ledger to the franc, and every payment is in exactly one closing, however the clock falls."""

from __future__ import annotations

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import func, select

from gateway.kernel.clock import FixedClock, day_in
from gateway.kernel.money import Money
from gateway.membership.households import by_id
from gateway.network.organisations import Network, Organisation, add_organisation
from gateway.network.staff import Member
from gateway.payments.cash import decide, hand_over, held, record_cash
from gateway.payments.collections import by_key, move
from gateway.payments.providers.base import Paid
from gateway.payments.receipts import receipt_number
from gateway.payments.refunds import Refund, approve, ask_refund, paid
from gateway.payments.reversing import reverse
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.takings import (
    AlreadyClosed,
    Closed,
    Collected,
    OpenHandovers,
    Payment,
    Takings,
    close_day,
    collected_by,
    last_payments,
    payments_of,
    takings,
    to_close,
)
from gateway.store.schema import closing, handover
from gateway.store.unit import Store
from tests.payments.deeds import on_suspense
from tests.payments.village import (
    ANIMATOR,
    NEIGHBOUR,
    ON_SQLITE,
    PAYER,
    TREASURER,
    Village,
    at_once,
    found,
    francs,
)

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
SUNDAY = date(2026, 11, 22)
SECOND_TREASURER = "+2290100000903"


def taken(office: Village, day: date = SUNDAY, where: int | None = None) -> Takings:
    with office.store.read() as connection:
        return takings(connection, office.network.tree(), where or office.place.books.id, day)


def left_to_close(office: Village, where: int | None = None) -> Takings:
    with office.store.read() as connection:
        return to_close(connection, office.network.tree(), where or office.place.books.id, SUNDAY)


def close(office: Village, who: Member | None = None, where: int | None = None) -> object:
    who = who or office.treasurer
    with office.store.write() as unit:
        return close_day(unit, office.network.tree(), who, where or who.organisation_id)


def take_back(office: Village, key: str) -> None:
    with office.store.write() as unit:
        assert reverse(unit, office.network.tree(), key, "REVERSED")


def give_back(office: Village, key: str, amount: int) -> None:
    """Two people give back a part of a payment, by hand."""
    tree = office.network.tree()
    with office.store.write() as unit:
        one = ask_refund(unit, tree, collection_key=key, amount=francs(amount), reason="paid twice", by="Bio Sarre")
        assert isinstance(one, Refund)
        assert isinstance(approve(unit, one.number, "Fati Bawa"), Refund)
        assert isinstance(paid(unit, tree, office.chart, one.number, f"MP{one.number}"), Refund)


# A day


def test_a_days_takings_by_the_way_they_came(office: Village, home: int, clock: FixedClock) -> None:
    animator = office.hire("animator")
    assert taken(office) == Takings(SUNDAY, (), ())
    office.give(home, office.treasurer, 1_000)
    office.give(home, animator, 300)
    first, _ = office.push(home, 2_000), office.push(home, 500)
    clock.move(timedelta(hours=1))
    take_back(office, first)
    assert taken(office) == Takings(
        SUNDAY,
        (("push", 2, francs(2_500)), ("cash", 2, francs(1_300)), ("reversed", 1, francs(-2_000))),
        (francs(1_800),),
    )
    assert office.balance() | {"receivable": 0, "income": 0} == {
        "wallet": 500, "cash": 1_000, "collectors": 300, "receivable": 0, "income": 0,
    }  # fmt: skip


def test_what_was_given_back_is_taken_off_the_day_and_its_closing(
    office: Village, home: int, clock: FixedClock
) -> None:
    """Once it was paid out, in a row of its own word, and beside what an operator took back."""
    first, second = office.push(home, 2_000), office.push(home, 900)
    take_back(office, second)
    with office.store.write() as unit:
        tree = office.network.tree()
        assert isinstance(
            ask_refund(unit, tree, collection_key=first, amount=francs(100), reason="twice", by="Bio Sarre"), Refund
        )
    before = (("push", 2, francs(2_900)), ("reversed", 1, francs(-900)))
    assert taken(office).rows == before
    give_back(office, first, 300)
    day = Takings(SUNDAY, (*before, ("refunded", 1, francs(-300))), (francs(1_700),))
    assert taken(office) == left_to_close(office) == day
    assert office.balance()["wallet"] == 1_700
    assert close(office) == Closed(SUNDAY, day)
    clock.move(timedelta(days=1))
    give_back(office, first, 50)
    monday = Takings(SUNDAY + timedelta(days=1), (("refunded", 1, francs(-50)),), (francs(-50),))
    assert (taken(office), close(office)) == (day, Closed(monday.day, monday))


@ON_SQLITE
def test_a_strangers_money_that_was_given_back_leaves_nothing_taken(office: Village) -> None:
    its_id = on_suspense(office, 700)
    tree = office.network.tree()
    with office.store.write() as unit:
        one = ask_refund(unit, tree, incoming_id=its_id, amount=francs(700), reason="a stranger's", by="Bio Sarre")
        assert isinstance(one, Refund)
        approve(unit, one.number, "Fati Bawa")
        assert isinstance(paid(unit, tree, office.chart, one.number, "MP26.1234"), Refund)
    shown = left_to_close(office)
    assert shown.rows == (("reference", 1, francs(700)), ("refunded", 1, francs(-700)))
    assert shown.totals == (francs(0),)


@ON_SQLITE
def test_the_day_is_the_ledgers_where_the_mutuelle_is(office: Village, home: int, clock: FixedClock) -> None:
    """What the operator dates is of its day, told however late; a reversal is of the day it was told."""
    clock.at = datetime(2026, 11, 24, 22, 59, tzinfo=UTC)
    office.give(home, office.treasurer, 1)
    late = office.push(home, 2, at=datetime(2026, 11, 22, 23, 1, tzinfo=UTC))
    clock.move(timedelta(minutes=1))
    office.give(home, office.treasurer, 4)
    take_back(office, late)
    assert {day: taken(office, day).totals for day in (SUNDAY + timedelta(days) for days in range(4))} == {
        date(2026, 11, 22): (),
        date(2026, 11, 23): (francs(2),),
        date(2026, 11, 24): (francs(1),),
        date(2026, 11, 25): (francs(2),),  # 4 in cash less the 2 taken back
    }


@ON_SQLITE
def test_money_of_another_currency_is_a_row_of_its_own(office: Village, home: int) -> None:
    key = office.pay(home)
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
        post_paid(unit, office.network.tree(), office.chart, key, Paid(Money(350, "USD"), "op", None, ""))
    office.push(home, 700)
    assert taken(office) == Takings(
        SUNDAY,
        (("push", 1, Money(350, "USD")), ("push", 1, francs(700))),
        (Money(350, "USD"), francs(700)),
    )


# Closing


def test_a_closing_totals_what_came_since_the_last(office: Village, home: int, clock: FixedClock) -> None:
    office.give(home, office.treasurer, 1_000)
    office.push(home, 500)
    shown = left_to_close(office)
    assert close(office) == Closed(SUNDAY, shown)
    assert shown.rows == (("push", 1, francs(500)), ("cash", 1, francs(1_000)))
    assert left_to_close(office) == Takings(SUNDAY, (), ())
    # What comes now counts today for cover, and in tomorrow's closing.
    clock.move(timedelta(hours=1))
    office.give(home, office.treasurer, 70)
    assert close(office) == AlreadyClosed(SUNDAY, shown)
    assert (left_to_close(office).totals, office.entries()[-1][0]) == ((francs(70),), "2026-11-22")
    clock.move(timedelta(days=3))
    office.push(home, 8)
    monday = Takings(date(2026, 11, 25), (("push", 1, francs(8)), ("cash", 1, francs(70))), (francs(78),))
    assert close(office) == Closed(date(2026, 11, 25), monday)
    clock.move(timedelta(days=1))
    assert close(office) == Closed(date(2026, 11, 26), Takings(date(2026, 11, 26), (), ()))


def test_a_reversal_after_the_closing_is_taken_off_the_next(office: Village, home: int, clock: FixedClock) -> None:
    key = office.push(home, 900)
    close(office)
    clock.move(timedelta(days=1))
    take_back(office, key)
    assert close(office) == Closed(
        date(2026, 11, 23),
        Takings(date(2026, 11, 23), (("reversed", 1, francs(-900)),), (francs(-900),)),
    )


def test_cash_that_waits_for_the_treasurer_comes_first(office: Village, home: int) -> None:
    animator = office.hire("animator")
    office.give(home, animator, 1_000)
    with office.store.write() as unit:
        (one,) = hand_over(unit, office.network.tree(), animator)
    assert close(office) == OpenHandovers(1)
    # Who handed it over can't decide about it, so it isn't in their way.
    own = office.hire("treasurer", ANIMATOR)
    assert isinstance(close(office, own, office.place.section_id), Closed)
    with office.store.write() as unit:
        assert decide(unit, office.network.tree(), office.chart, one.id, office.treasurer, True) == "confirmed"
    closed = close(office)
    assert isinstance(closed, Closed)
    assert closed.takings.rows == (("cash", 1, francs(1_000)),)
    with office.store.read() as connection:
        row = connection.execute(select(closing).where(closing.c.organisation_id == office.place.books.id)).one()
    assert (row.day, row.staff_id, row.closed_at) == (SUNDAY, office.treasurer.id, office.clock.now())
    assert row.totals == [{"way": "cash", "currency": "XOF", "count": 1, "minor": 1_000}]


def test_two_who_close_at_the_same_moment_close_once(office: Village, home: int) -> None:
    office.give(home, office.treasurer, 1_000)
    who = office.treasurer
    answers = at_once(6, lambda: close(office, who))
    assert sorted(type(one).__name__ for one in answers) == ["AlreadyClosed"] * 5 + ["Closed"]
    assert {one.takings.totals for one in answers} == {(francs(1_000),)}  # type: ignore[attr-defined]


@ON_SQLITE
def test_nobody_closes_for_an_organisation_that_is_not_below_theirs(office: Village) -> None:
    section = office.hire("treasurer", NEIGHBOUR, office.place.section_id)
    with pytest.raises(ValueError, match="closes nothing"):
        close(office, section, office.place.books.id)


@ON_POSTGRESQL
def test_what_was_being_posted_while_somebody_closed_is_in_the_next(
    office: Village, home: int, clock: FixedClock
) -> None:
    """Its transaction began before the closing and ended after it; and then the machine's clock went back a day."""
    who = office.treasurer
    office.give(home, who, 1)
    with ThreadPoolExecutor(1) as threads, office.store.write() as unit:
        tree = office.network.tree()
        record_cash(
            unit, tree, office.chart, effect_key="k", household=by_id(unit.connection, tree, home), staff=who,
            amount=francs(2),
        )  # fmt: skip
        clock.move(timedelta(days=1))
        first = threads.submit(close, office, who).result()
    clock.move(timedelta(days=-1))
    second = close(office, who)
    assert [one.takings.totals for one in (first, second)] == [(francs(1),), (francs(2),)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(3))
def test_every_payment_is_in_exactly_one_closing(office: Village, home: int, clock: FixedClock, seed: int) -> None:
    """Each payment is a power of two, so that a closing's total tells which payments are in it."""
    random, who = Random(seed), office.treasurer
    amounts = [2**power for power in range(18)]
    random.shuffle(amounts)
    closed: list[int] = []
    for amount in amounts:
        if random.random() < 0.5:
            office.give(home, who, amount)
        else:
            office.push(home, amount, at=clock.now() - timedelta(hours=random.randrange(60)))
        clock.move(timedelta(hours=random.choice((-30, -1, 0, 1, 12, 23, 25, 49))))
        if random.random() < 0.6:
            closed += _total(close(office, who))
    clock.move(timedelta(days=400))
    closed += _total(close(office, who))
    assert len(closed) > 3
    assert _bits(closed) == Counter(amounts)


@ON_POSTGRESQL
def test_every_payment_is_in_exactly_one_closing_though_all_come_at_once(office: Village, clock: FixedClock) -> None:
    who = office.treasurer
    homes = [office.register(f"+22901000002{number:02d}").household_id for number in range(3)]
    turns = iter([2**power for power in range(18)])

    def pay(home: int) -> None:
        for _ in range(6):
            office.give(home, who, next(turns))

    def shut() -> list[int]:
        closed: list[int] = []
        for _ in range(12):
            clock.move(timedelta(days=1))
            closed += _total(close(office, who))
        return closed

    with ThreadPoolExecutor(4) as threads:
        paying = [threads.submit(pay, home) for home in homes]
        closed = threads.submit(shut).result()
        for each in paying:
            each.result()
    clock.move(timedelta(days=1))
    closed += _total(close(office, who))
    assert _bits(closed) == Counter(2**power for power in range(18))


def _total(answer: object) -> list[int]:
    """The total of a closing that happened."""
    if isinstance(answer, Closed):
        return [sum(one.minor for one in answer.takings.totals)]
    assert isinstance(answer, AlreadyClosed)
    return []


def _bits(totals: list[int]) -> Counter[int]:
    return Counter(2**power for total in totals for power in range(40) if total >> power & 1)


# Random histories of a union with two mutuelles, against a plain reckoning of what must have happened


@dataclass
class History:
    """A union at work, and what its books have to say in the end."""

    random: Random
    clock: FixedClock
    villages: list[Village]
    union: Organisation
    animators: list[Member]
    homes: list[tuple[Village, int]]
    days: Counter[tuple[int, date, str]] = field(default_factory=Counter)  # books, day, way
    balances: Counter[str] = field(default_factory=Counter)
    in_hand: Counter[int] = field(default_factory=Counter)
    pushes: list[tuple[Village, str, int]] = field(default_factory=list)
    unclosed: dict[int, Counter[str]] = field(default_factory=dict)
    closings: int = 0

    @property
    def store(self) -> Store:
        return self.villages[0].store

    def came(self, village: Village, day: date, way: str, amount: int) -> None:
        books = village.place.books
        self.days[books.id, day, way] += amount
        for one in (books, self.union):
            self.unclosed.setdefault(one.id, Counter())[way] += amount

    def today(self) -> date:
        return day_in("Africa/Porto-Novo", self.clock.now())

    def step(self) -> None:
        getattr(self, self.random.choice(
            ("push",) * 4 + ("box",) * 3 + ("hand",) * 4 + ("hand_over",) + ("decide",) * 4
            + ("take_back",) + ("give_back",) * 2 + ("time",) * 3 + ("close",) * 4
        ))()  # fmt: skip

    def push(self) -> None:
        village, home = self.random.choice(self.homes)
        amount = self.random.randrange(1, 3_000)
        at = self.clock.now() - timedelta(hours=self.random.randrange(50)) if self.random.random() < 0.5 else None
        self.pushes.append((village, village.push(home, amount, at), amount))
        self.came(village, day_in("Africa/Porto-Novo", at or self.clock.now()), "push", amount)
        self.balances["wallet"] += amount

    def box(self) -> None:
        village, home = self.random.choice(self.homes)
        amount = self.random.randrange(1, 3_000)
        village.give(home, village.holder(self.treasurers[village.place.books.id]), amount)
        self.came(village, self.today(), "cash", amount)
        self.balances["cash"] += amount

    @property
    def treasurers(self) -> dict[int, str]:
        return {one.place.books.id: number for one, number in zip(self.villages, (TREASURER, NEIGHBOUR), strict=True)}

    def hand(self) -> None:
        (village, home), who = self.random.choice(self.homes), self.random.choice(self.animators)
        amount = self.random.randrange(1, 3_000)
        village.give(home, who, amount)
        self.came(village, self.today(), "cash", amount)
        self.balances["collectors"] += amount
        self.in_hand[who.id] += amount

    def hand_over(self) -> None:
        who = self.random.choice(self.animators)
        with self.store.write() as unit:
            made = hand_over(unit, self.villages[0].network.tree(), who)
        assert sum(one.amount.minor for one in made) == self.in_hand.pop(who.id, 0)

    def decide(self) -> None:
        with self.store.read() as connection:
            rows = connection.execute(select(handover).where(handover.c.state == "open").order_by(handover.c.id)).all()
        if not rows:
            return
        row, received = self.random.choice(rows), self.random.random() < 0.6
        (village,) = (one for one in self.villages if one.place.books.id == row.organisation_id)
        who = village.holder(self.treasurers[row.organisation_id])
        with self.store.write() as unit:
            answer = decide(unit, village.network.tree(), village.chart, row.id, who, received)
        assert answer == ("confirmed" if received else "disputed")
        if received:
            self.balances["cash"] += row.amount_minor
            self.balances["collectors"] -= row.amount_minor
        else:
            self.in_hand[row.staff_id] += row.amount_minor

    def take_back(self) -> None:
        if self.pushes:
            village, key, amount = self.pushes.pop(self.random.randrange(len(self.pushes)))
            take_back(village, key)
            self.came(village, self.today(), "reversed", -amount)
            self.balances["wallet"] -= amount

    def give_back(self) -> None:
        """A part of a push, by hand: what is given back stays so, and its operator takes no more of it back."""
        if self.pushes:
            village, key, amount = self.pushes.pop(self.random.randrange(len(self.pushes)))
            part = self.random.randrange(1, amount + 1)
            give_back(village, key, part)
            self.came(village, self.today(), "refunded", -part)
            self.balances["wallet"] -= part

    def time(self) -> None:
        self.clock.move(timedelta(minutes=self.random.choice((-2_000, -7, 1, 90, 700, 1_500, 4_000))))

    def close(self) -> None:
        village = self.random.choice(self.villages)
        who = self.random.choice((village.holder(self.treasurers[village.place.books.id]), self.above))
        answer = close(village, who)
        if isinstance(answer, Closed):
            due = self.unclosed.pop(who.organisation_id, Counter())
            assert {row[0]: row[2].minor for row in answer.takings.rows} == dict(due)
            self.closings += 1

    @property
    def above(self) -> Member:
        return self.villages[0].holder(SECOND_TREASURER)


@pytest.fixture
def history(store: Store, network: Network, clock: FixedClock, seed: int) -> History:
    with store.write() as unit:
        top = add_organisation(unit, None, kind="union", code="u", name="Union", country="BJ", currency="XOF",
                               time_zone="Africa/Porto-Novo", languages="fr")  # fmt: skip
    east = Village(store, network, clock, found(store, network, above=top))
    west = Village(
        store, network, clock, found(store, network, above=top, code="w", treasurer=NEIGHBOUR),
        _effects=itertools.count(10_000),
    )  # fmt: skip
    homes = [(east, east.register().household_id), (west, west.register("+2290100000105").household_id)]
    east.hire("treasurer", SECOND_TREASURER, top[0])
    animators = [east.hire("animator", number, top[0]) for number in (ANIMATOR, "+2290100000904")]
    return History(Random(seed), clock, [east, west], network.tree()[top[0]], animators, homes)


@pytest.mark.parametrize("seed", range(4))
def test_the_books_the_days_the_closings_and_the_hands_agree(history: History) -> None:
    for _ in range(120):
        history.step()
    village, tree = history.villages[0], history.villages[0].network.tree()
    # The accounts: wallet (552), box (571), hands (572).
    assert village.balance() | {"receivable": 0, "advance": 0, "income": 0} == +history.balances | {
        "receivable": 0, "advance": 0, "income": 0,
    }  # fmt: skip
    all_of_it = sum(history.balances.values())
    days = {day for _, day, _ in history.days}
    with history.store.read() as connection:
        # Each day of each mutuelle by the way it came, and all days together.
        for one in history.villages:
            for day in days:
                shown = takings(connection, tree, one.place.books.id, day)
                due = {way: sum_ for (books, on, way), sum_ in history.days.items()
                       if (books, on) == (one.place.books.id, day)}  # fmt: skip
                assert {row[0]: row[2].minor for row in shown.rows} == due
                assert takings(connection, tree, one.place.section_id, day).rows == ()
        of_union = [takings(connection, tree, history.union.id, day) for day in days]
        assert sum(one.minor for each in of_union for one in each.totals) == all_of_it
        # What was closed and what is left to close.
        for where in (history.union.id, *(one.place.books.id for one in history.villages)):
            below = [one.id for one in tree.by_id.values() if one.path.startswith(tree[where].path)]
            closed = connection.scalars(select(closing.c.totals).where(closing.c.organisation_id == where)).all()
            left = to_close(connection, tree, where, history.today())
            assert {row[0]: row[2].minor for row in left.rows} == dict(history.unclosed.get(where, {}))
            in_days = sum(amount for (books, _, _), amount in history.days.items() if books in below)
            assert (
                sum(row["minor"] for each in closed for row in each) + sum(one.minor for one in left.totals) == in_days
            )
        # What is in hands and on its way is what stands on 572.
        on_its_way = connection.scalar(select(func.sum(handover.c.amount_minor)).where(handover.c.state == "open")) or 0
        hands = {who.id: sum(one.minor for one in held(connection, who.id)) for who in history.animators}
        assert hands == {who.id: history.in_hand[who.id] for who in history.animators}
        assert on_its_way + sum(hands.values()) == history.balances["collectors"]
    assert history.closings > 2


# Lists


def test_the_last_payments_of_a_household_and_of_a_mutuelle(office: Village, home: int, clock: FixedClock) -> None:
    other = office.register("+2290100000111").household_id
    first = office.push(home, 100, at=clock.now() - timedelta(days=2))
    clock.move(timedelta(hours=1))
    cash = office.give(other, office.treasurer, 200)
    office.pay(home, 999)  # asked for, and not paid
    clock.move(timedelta(hours=20))
    late = office.push(other, 300, at=datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
    take_back(office, first)
    cards = [office.family(each).card for each in (home, other)]
    head = "Adjara Tchédré"

    def shown(key: str, amount: int, on: date, whose: int, reversed_: bool = False) -> Payment:
        one = office.shown(key)
        return Payment(
            receipt_number(one.id), one.receipt_code, francs(amount), on, "push", cards[whose], head, reversed_
        )

    by_time = [
        Payment(cash.number, cash.code, francs(200), SUNDAY, "cash", cards[1], head, False),
        shown(late, 300, date(2026, 11, 20), 1),
        shown(first, 100, date(2026, 11, 20), 0, True),
    ]
    with office.store.read() as connection:
        tree = office.network.tree()
        assert last_payments(connection, tree, office.place.books.id, 10) == by_time
        assert last_payments(connection, tree, office.place.books.id, 2) == by_time[:2]
        assert last_payments(connection, tree, office.place.section_id, 10) == []
        assert payments_of(connection, other) == by_time[:2]
        assert payments_of(connection, other, 1) == by_time[:1]
        assert payments_of(connection, home) == by_time[2:]


@ON_SQLITE
def test_five_payments_are_shown_unless_more_are_asked_for(office: Village, home: int) -> None:
    for amount in range(1, 8):
        office.give(home, office.treasurer, amount)
    with office.store.read() as connection:
        assert [one.amount.minor for one in payments_of(connection, home)] == [7, 6, 5, 4, 3]


@ON_SQLITE
def test_a_handover_is_no_payment(office: Village, home: int) -> None:
    animator = office.hire("animator")
    recorded = office.give(home, animator)
    with office.store.write() as unit:
        (one,) = hand_over(unit, office.network.tree(), animator)
    with office.store.write() as unit:
        assert decide(unit, office.network.tree(), office.chart, one.id, office.treasurer, True) == "confirmed"
    with office.store.read() as connection:
        shown = last_payments(connection, office.network.tree(), office.place.books.id, 1)
    assert [one.number for one in shown] == [recorded.number]
    assert taken(office).rows == (("cash", 1, francs(1_500)),)


def test_what_one_person_took_on_a_day(office: Village, home: int, clock: FixedClock) -> None:
    animator = office.hire("animator")
    office.give(home, animator, 50)
    clock.at = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # Monday, in Ouaké
    numbers = [office.give(home, animator, amount).number for amount in (100, 200)]
    office.give(home, office.treasurer, 400)
    office.push(home, 800)
    with office.store.write() as unit:
        hand_over(unit, office.network.tree(), animator)

    def of(who: Member, day: date) -> Collected:
        with office.store.read() as connection:
            return collected_by(connection, who.id, day)

    monday = of(animator, date(2026, 11, 23))
    assert (monday.day, monday.totals) == (date(2026, 11, 23), (francs(300),))
    assert [one.number for one in monday.payments] == numbers[::-1]
    assert of(animator, SUNDAY).totals == (francs(50),)
    assert of(office.treasurer, date(2026, 11, 23)).totals == (francs(400),)
    assert of(office.treasurer, SUNDAY) == Collected(SUNDAY, (), ())
    assert PAYER in {row.msisdn for row in office.messages("receipt")}
