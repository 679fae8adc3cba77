"""Cover by what was known on a day: nothing that is told later changes it, and nothing that is paid takes any away.

Histories here have all that a household's can have: years enrolled early and late, people who join, penalties, and a
household that leaves and whose later dues are cancelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.rules import Credit, Due, position
from gateway.membership.rules import Membership, State, cover, not_paid_for
from tests.membership.test_cover import CREDITS as SMALL_CREDITS
from tests.membership.test_cover import DAYS, JOINERS, START, Joiner, histories, made

# What comes in bit by bit, and now and then more than enough at the beginning.
CREDITS = st.tuples(SMALL_CREDITS, st.sampled_from([0, 0, 3_000, 60_000])).map(
    lambda two: [*two[0], *([Credit(START, two[1])] if two[1] else [])]
)


@dataclass(frozen=True)
class History:
    """Memberships and dues, each with the day from which it is known."""

    memberships: tuple[Membership, ...]
    dues: tuple[Due, ...]

    def by(self, on: date) -> History:
        """Only what was known by a day, as if nothing had been told since."""
        known = (one for one in self.memberships if one.enrolled_on <= on)
        return History(
            tuple(
                one
                if one.left_told_on is None or one.left_told_on <= on
                else replace(one, left_on=None, left_told_on=None)
                for one in known
            ),
            tuple(due for due in self.dues if due.known_on <= on),
        )

    def covered(self, credits: Sequence[Credit], on: date) -> set[int]:
        """Who is covered on a day: 0 for the household, and those who joined it by their numbers."""
        if not cover(self.memberships, self.dues, credits, on).state.covered:
            return set()
        joined = {due.added for due in self.dues if due.added is not None and due.known_on <= on}
        return {0} | joined - not_paid_for(self.memberships, self.dues, credits, on)


def day_near(data: st.DataObject, one: History, *others: date) -> date:
    """Any day, or, more often, one about which something happens or is told."""
    days = {day for each in one.memberships for day in (each.starts_on, each.ends_on, each.left_on, each.left_told_on)}
    days |= {due.due_on for due in one.dues} | {due.known_on for due in one.dues} | set(others)
    known = sorted(day for day in days if day is not None)
    near = st.tuples(st.sampled_from(known), st.integers(-2, 40)).map(lambda two: two[0] + timedelta(days=two[1]))
    return data.draw(st.one_of(near, near, DAYS))


@st.composite
def dated(draw: st.DrawFn) -> History:
    """A history in which everything has a day on which it was told."""
    enrolments = draw(histories())
    joiners: list[Joiner] = draw(JOINERS)
    plain, dues = made(enrolments, joiners)
    memberships = [replace(one, enrolled_on=enrolments[one.id].on) for one in plain]
    told = [
        replace(due, known_on=due.due_on if due.added is not None else enrolments[due.membership_id].on) for due in dues
    ]
    for day, amount in draw(st.lists(st.tuples(DAYS, st.integers(1, 3_000)), max_size=2)):
        told.append(Due(0, day, amount, penalty=True, known_on=day))
    if draw(st.booleans()):
        left_on = draw(DAYS)
        told_on = left_on + timedelta(days=draw(st.sampled_from([0, 1, 40])))
        for number, one in enumerate(memberships):
            if one.ends_on > left_on and one.enrolled_on <= told_on:
                memberships[number] = replace(one, left_on=left_on, left_told_on=told_on)
                its = [due for due in told if due.membership_id == one.id]
                told += [
                    replace(due, amount_minor=-due.amount_minor, known_on=told_on)
                    for due in its
                    if due.due_on > left_on and due.known_on <= told_on
                ]
    return History(tuple(memberships), tuple(told))


@given(dated(), CREDITS, st.data())
def test_what_is_told_later_changes_nothing_about_a_day(one: History, paid: list[Credit], data: st.DataObject) -> None:
    on = day_near(data, one)
    then = one.by(on)
    known = [each for each in paid if each.on <= on]
    assert cover(one.memberships, one.dues, paid, on) == cover(then.memberships, then.dues, known, on)
    assert not_paid_for(one.memberships, one.dues, paid, on) == not_paid_for(then.memberships, then.dues, known, on)


@given(dated(), CREDITS, st.builds(Credit, on=DAYS, amount_minor=st.integers(1, 30_000)), st.data())
def test_a_payment_takes_no_cover_from_anybody_on_any_later_day(
    one: History, paid: list[Credit], more: Credit, data: st.DataObject
) -> None:
    on = max(more.on, day_near(data, one, more.on))
    assert one.covered(paid, on) <= one.covered([*paid, more], on)


@given(dated(), CREDITS, st.data())
def test_a_penalty_is_owed_and_changes_no_cover(one: History, paid: list[Credit], data: st.DataObject) -> None:
    on = day_near(data, one)
    without = History(one.memberships, tuple(due for due in one.dues if not due.penalty))
    assert one.covered(paid, on) == without.covered(paid, on)
    found = cover(one.memberships, one.dues, paid, on)
    alone = cover(without.memberships, without.dues, paid, on)
    assert found == replace(alone, left_minor=found.left_minor, due_on=found.due_on, due_minor=found.due_minor)
    assert found.left_minor >= alone.left_minor


@given(dated(), CREDITS, st.data())
def test_what_is_asked_for_resumes_a_suspended_cover_at_once_and_a_franc_less_does_not(
    one: History, paid: list[Credit], data: st.DataObject
) -> None:
    on = day_near(data, one)
    found = cover(one.memberships, one.dues, paid, on)
    if found.state is not State.SUSPENDED:
        return
    assert 0 < found.to_start_minor <= found.due_minor
    assert cover(one.memberships, one.dues, [*paid, Credit(on, found.to_start_minor)], on).state.covered
    less = [*paid, Credit(on, found.to_start_minor - 1)]
    assert cover(one.memberships, one.dues, less, on).state is State.SUSPENDED


@given(dated(), CREDITS)
def test_what_is_cancelled_leaves_no_due_and_no_money_is_lost(one: History, paid: list[Credit]) -> None:
    stands = position(one.dues, paid)
    assert all(filled.due.amount_minor > 0 and filled.left_minor >= 0 for filled in stands.filled)
    assert sum(filled.due.amount_minor for filled in stands.filled) == sum(due.amount_minor for due in one.dues)
    filled = sum(filled.paid_minor for filled in stands.filled)
    assert filled + stands.advance_minor == sum(each.amount_minor for each in paid)


@given(dated(), CREDITS, st.data())
def test_who_has_left_is_covered_no_more(one: History, paid: list[Credit], data: st.DataObject) -> None:
    on = day_near(data, one)
    left = [each for each in one.memberships if each.left_told_on is not None and each.left_told_on <= on]
    if len(left) == len(one.memberships) and all(each.left_on is not None and each.left_on < on for each in left):
        assert one.covered(paid, on) == set()
