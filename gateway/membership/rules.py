"""Dues and cover, as pure functions: nobody sets cover by hand, it follows from the ledger, the plan and the date."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from gateway.ledger.rules import Credit, Due, Position, position


@dataclass(frozen=True)
class Terms:
    """What a version of a plan asks and gives; amounts in minor units of its currency.

    ``activation_percent`` is the share of the year's dues that must be paid before cover starts; a newcomer's cover
    then waits ``waiting_days`` (*période d'observation*); a due unpaid for ``grace_days`` (*délai de grâce*) suspends.
    """

    registration_fee_minor: int
    household_minor: int
    beneficiary_minor: int
    instalments: int
    waiting_days: int
    grace_days: int
    activation_percent: int
    minimum_payment_minor: int
    year_starts_month: int | None


@dataclass(frozen=True)
class Year:
    """A membership year to be: its days, and what falls due on which."""

    starts_on: date
    ends_on: date
    dues: tuple[tuple[date, int], ...]


def add_months(day: date, months: int) -> date:
    """The same day ``months`` later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def membership_year(terms: Terms, enrolled_on: date) -> tuple[date, date]:
    """First and last day of the year that someone who enrols on ``enrolled_on`` joins."""
    if terms.year_starts_month is None:
        starts_on = enrolled_on
    else:
        starts_on = date(enrolled_on.year, terms.year_starts_month, 1)
        if starts_on > enrolled_on:
            starts_on = add_months(starts_on, -12)
    return starts_on, add_months(starts_on, 12) - timedelta(days=1)


def dues_for(terms: Terms, enrolled_on: date, beneficiaries: int, newcomer: bool) -> Year:
    """What a household of ``beneficiaries`` owes for the year, instalment by instalment.

    Instalments are spread evenly over the year; one whose date has passed at enrolment falls due that day. What doesn't
    divide evenly is in the first one; the registration fee (*droit d'adhésion*) of a newcomer is due at once.
    """
    starts_on, ends_on = membership_year(terms, enrolled_on)
    total = terms.household_minor + terms.beneficiary_minor * beneficiaries
    each, rest = divmod(total, terms.instalments)
    dues: dict[date, int] = {}
    if newcomer and terms.registration_fee_minor:
        dues[enrolled_on] = terms.registration_fee_minor
    for number in range(terms.instalments):
        due_on = max(enrolled_on, add_months(starts_on, number * 12 // terms.instalments))
        amount = each + (rest if number == 0 else 0)
        if amount:
            dues[due_on] = dues.get(due_on, 0) + amount
    return Year(starts_on, ends_on, tuple(sorted(dues.items())))


class State(Enum):
    """Where a household stands."""

    NONE = "none"  # no membership
    UNPAID = "unpaid"  # enrolled, too little paid for cover to start
    WAITING = "waiting"  # paid, in the waiting period
    ACTIVE = "active"
    GRACE = "grace"  # still covered, something is overdue
    LAPSED = "lapsed"  # no longer covered

    @property
    def covered(self) -> bool:
        return self in (State.ACTIVE, State.GRACE)


@dataclass(frozen=True)
class Membership:
    """A household's membership of one year, with the terms it was enrolled under."""

    id: int
    starts_on: date
    ends_on: date
    waiting_days: int
    grace_days: int
    activation_percent: int


@dataclass(frozen=True)
class Cover:
    """Cover on a day. ``begins_on``: when it starts (also when that lies ahead). ``until``: its last day if no more is
    paid. ``left_minor``: left to pay (*reste à payer*), of it ``to_start_minor`` before cover can start;
    ``due_minor`` by ``due_on`` is what comes next."""

    state: State
    begins_on: date | None
    until: date | None
    left_minor: int
    to_start_minor: int = 0
    due_on: date | None = None
    due_minor: int = 0


def cover(memberships: Sequence[Membership], dues: Sequence[Due], credits: Sequence[Credit], on: date) -> Cover:
    """Cover on the day ``on``, from everything that was known by that day."""
    paid = position(dues, credits, on)
    begun = [one for one in memberships if one.starts_on <= on] or sorted(memberships, key=lambda m: m.starts_on)[:1]
    if not begun:
        return Cover(State.NONE, None, None, paid.left_minor)
    ordered = sorted(begun, key=lambda m: m.starts_on)
    current = _of_membership(ordered[-1], dues, credits, paid, on)
    if current.state.covered:
        return current
    # An earlier year may still carry over while the new one isn't paid for, or waits.
    earlier = (_of_membership(one, dues, credits, paid, on) for one in reversed(ordered[:-1]))
    before = next((each for each in earlier if each.state.covered), None)
    if before is not None:
        return Cover(
            State.GRACE,
            before.begins_on,
            before.until,
            current.left_minor,
            current.to_start_minor,
            current.due_on,
            current.due_minor,
        )
    return current


def _of_membership(one: Membership, dues: Sequence[Due], credits: Sequence[Credit], paid: Position, on: date) -> Cover:
    own = [filled for filled in paid.filled if filled.due.membership_id == one.id]
    total = sum(filled.due.amount_minor for filled in own)
    threshold = -(-total * one.activation_percent // 100)
    unpaid = [filled for filled in own if filled.left_minor]
    due_on = unpaid[0].due.due_on if unpaid else None
    due_minor = sum(filled.left_minor for filled in unpaid if filled.due.due_on <= max(on, unpaid[0].due.due_on))
    still = max(0, threshold - sum(filled.paid_minor for filled in own))
    activated_on = _activated_on(one, threshold, dues, credits, on)
    if activated_on is None:
        return Cover(State.UNPAID, None, None, paid.left_minor, still, due_on, due_minor)
    begins_on = max(activated_on, one.starts_on) + timedelta(days=one.waiting_days)
    grace = timedelta(days=one.grace_days)
    good_until = min(due_on, one.ends_on) if due_on else one.ends_on
    until = good_until + grace
    if on < begins_on:
        state = State.WAITING
    elif on <= good_until:
        state = State.ACTIVE
    else:
        state = State.GRACE if on <= until else State.LAPSED
    shown_until = until if due_on or state is State.GRACE else one.ends_on
    return Cover(state, begins_on, shown_until, paid.left_minor, 0, due_on, due_minor)


def _activated_on(
    one: Membership, threshold: int, dues: Sequence[Due], credits: Sequence[Credit], on: date
) -> date | None:
    """The first day from which the threshold was reached and has been held ever since."""
    if threshold == 0:
        return one.starts_on
    since = None
    for day in sorted({credit.on for credit in credits if credit.on <= on}):
        reached = sum(f.paid_minor for f in position(dues, credits, day).filled if f.due.membership_id == one.id)
        if reached < threshold:
            since = None
        elif since is None:
            since = day
    return since
