"""Dues and cover, as pure functions: nobody sets cover by hand, it follows from the ledger, the plan and the date."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum

from gateway.kernel.money import EXPONENT
from gateway.ledger.rules import Credit, Due, Filled, Position, position

RENEWAL_OPENS_DAYS = 60  # before the last day of a membership year
NEWBORN_DAYS = 90  # so long after the birth a child is covered at once, and owes nothing for the running year
REPORT_WITHIN_MONTHS = 12  # what happened longer ago is for the office to look into


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


def membership_year(terms: Terms, begins_on: date) -> tuple[date, date]:
    """First and last day of the year that somebody joins who is to be a member from ``begins_on``."""
    if terms.year_starts_month is None:
        starts_on = begins_on
    else:
        starts_on = date(begins_on.year, terms.year_starts_month, 1)
        if starts_on > begins_on:
            starts_on = add_months(starts_on, -12)
    return starts_on, add_months(starts_on, 12) - timedelta(days=1)


def dues_for(
    terms: Terms, enrolled_on: date, beneficiaries: int, newcomer: bool, begins_on: date | None = None
) -> Year:
    """What a household of ``beneficiaries`` owes for the year from ``begins_on`` (or the enrolment), by instalment.

    Instalments are spread evenly over the year; one whose date has passed at enrolment falls due that day. What doesn't
    divide evenly is in the first one; the registration fee (*droit d'adhésion*) of a newcomer is due at once.
    """
    starts_on, ends_on = membership_year(terms, begins_on or enrolled_on)
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


def in_time(last_day: date, grace_days: int, on: date) -> bool:
    """Does who enrols on a day go on from the year that ends on ``last_day``: before its end, or within the grace?"""
    # The day after the last one is in time, also where there is no grace.
    return on <= last_day + timedelta(days=max(1, grace_days))


def next_year(terms: Terms, last_day: date | None, beneficiaries: int, on: date) -> Year:
    """The year that a household enrols for on a day; ``last_day`` is that of its last year, None for a newcomer.

    Who renews in time goes on without a gap: the new year begins the day after the last one, whenever it is enrolled.
    """
    goes_on = last_day is not None and in_time(last_day, terms.grace_days, on)
    begins_on = last_day + timedelta(days=1) if last_day is not None and goes_on else on
    return dues_for(terms, on, beneficiaries, newcomer=last_day is None, begins_on=begins_on)


def renewal_is_open(last_day: date, on: date) -> bool:
    """Can a year that ends (or ended) on ``last_day`` be followed by the next one yet?"""
    return on >= last_day - timedelta(days=RENEWAL_OPENS_DAYS)


def months_left(starts_on: date, on: date) -> int:
    """Months of the membership year that began on ``starts_on`` which are left on a day of it; the one begun counts."""
    return 12 - max(month for month in range(12) if add_months(starts_on, month) <= on)


def part_of_year(yearly_minor: int, months: int, currency: str) -> int:
    """``months`` twelfths of a yearly amount, rounded up to whole units of the currency; never more than the whole."""
    unit: int = 10 ** EXPONENT[currency]
    return min(yearly_minor, -(-yearly_minor * months // (12 * unit)) * unit)


def is_newborn(born_on: date, on: date) -> bool:
    """Was a child that is told of on a day born so lately that it is simply covered?"""
    return on <= born_on + timedelta(days=NEWBORN_DAYS)


def joiner_covered_from(on: date, waiting_days: int, household_begins_on: date) -> date | None:
    """The first day of cover of somebody who joins a household on a day and waits like every newcomer.

    None when the household's own cover begins no earlier: then they are covered as it is.
    """
    waited = on + timedelta(days=waiting_days)
    return None if max(on, household_begins_on) >= waited else waited


def wrong_day(happened_on: date, on: date, birth_year: int) -> str | None:
    """Why what is told of on a day can't have happened on ``happened_on`` to somebody born in a year, as a stable word.

    ``future``, ``old`` (for longer than the rains cut a village off) or ``before-birth``; None when it can.
    """
    if happened_on > on:
        return "future"
    if happened_on < add_months(on, -REPORT_WITHIN_MONTHS):
        return "old"
    return "before-birth" if happened_on.year < birth_year else None


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
    paid. ``left_minor``: left to pay (*reste à payer*) on all years, of it ``to_start_minor`` before cover can start;
    ``due_minor`` by ``due_on`` is what comes next, of whatever year; what is overdue is in it."""

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
        ahead = sorted((one for one in memberships if one.starts_on > on), key=lambda m: m.starts_on)
        return replace(current, until=_until(current, ordered[-1], ahead, dues, credits, paid, on))
    # An earlier year may still carry over while the new one isn't paid for, or waits.
    earlier = (_of_membership(one, dues, credits, paid, on) for one in reversed(ordered[:-1]))
    before = next((each for each in earlier if each.state.covered), None)
    if before is not None:
        return replace(current, state=State.GRACE, begins_on=before.begins_on, until=before.until)
    return current


def _until(
    cover: Cover,
    its: Membership,
    ahead: Sequence[Membership],
    dues: Sequence[Due],
    credits: Sequence[Credit],
    paid: Position,
    on: date,
) -> date | None:
    """The last day of cover once years that are enrolled and paid for ahead of their time follow on it."""
    until = cover.until
    for one in ahead:
        following = _of_membership(one, dues, credits, paid, on)
        unpaid = any(filled.left_minor for filled in paid.filled if filled.due.membership_id == its.id)
        last_day = its.ends_on + timedelta(days=its.grace_days)
        if unpaid or following.begins_on is None or following.begins_on > last_day + timedelta(days=1):
            break
        until, its = following.until, one
    return until


def _of_membership(one: Membership, dues: Sequence[Due], credits: Sequence[Credit], paid: Position, on: date) -> Cover:
    own = [filled for filled in paid.filled if filled.due.membership_id == one.id]
    # Who joins a household later takes no cover away from the others: their dues don't raise what opens it.
    total = sum(filled.due.amount_minor for filled in own if not filled.due.added)
    threshold = -(-total * one.activation_percent // 100)
    due_on = next((filled.due.due_on for filled in own if filled.left_minor), None)
    next_on, next_minor = _next_due(paid, on)
    activated_on = _activated_on(one, threshold, dues, credits, on)
    if activated_on is None:
        still = _to_reach(threshold, one, paid)
        return Cover(State.UNPAID, None, None, paid.left_minor, still, next_on, next_minor)
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
    return Cover(state, begins_on, shown_until, paid.left_minor, 0, next_on, next_minor)


def _next_due(paid: Position, on: date) -> tuple[date | None, int]:
    """What comes next to pay: from which day, and how much of it by that day or, where that is past, by ``on``."""
    unpaid = [filled for filled in paid.filled if filled.left_minor]
    if not unpaid:
        return None, 0
    first = unpaid[0].due.due_on
    return first, sum(filled.left_minor for filled in unpaid if filled.due.due_on <= max(on, first))


def _to_reach(threshold: int, one: Membership, paid: Position) -> int:
    """What must come in, the oldest due first, until so much stands on a membership's own dues."""

    def own(filled: Filled) -> bool:
        return filled.due.membership_id == one.id

    missing = threshold - sum(filled.paid_minor for filled in paid.filled if own(filled))
    needed = 0
    for filled in paid.filled:
        if missing <= 0:
            break
        part = min(filled.left_minor, missing) if own(filled) else filled.left_minor
        missing -= part if own(filled) else 0
        needed += part
    return needed


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
