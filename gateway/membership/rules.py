"""Dues and cover, as pure functions: nobody sets cover by hand, it follows from the ledger, the plan and the date."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Mapping, Sequence
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


def membership_year(terms: Terms, begins_on: date, last_day: date | None = None) -> tuple[date, date]:
    """First and last day of the year that somebody joins who is to be a member from ``begins_on``.

    ``last_day`` is that of the year before, if there was one: a calendar year that had begun by then would make them
    pay twice for the same months, so they get twelve months of their own.
    """
    starts_on = begins_on
    if terms.year_starts_month is not None:
        first = date(begins_on.year, terms.year_starts_month, 1)
        calendar_start = first if first <= begins_on else add_months(first, -12)
        if last_day is None or calendar_start > last_day:
            starts_on = calendar_start
    return starts_on, add_months(starts_on, 12) - timedelta(days=1)


def dues_for(
    terms: Terms,
    enrolled_on: date,
    beneficiaries: int,
    newcomer: bool,
    begins_on: date | None = None,
    last_day: date | None = None,
) -> Year:
    """What a household of ``beneficiaries`` owes for the year from ``begins_on`` (or the enrolment), by instalment.

    Instalments are spread evenly over the year; one whose date has passed at enrolment falls due that day. What doesn't
    divide evenly is in the first one; the registration fee (*droit d'adhésion*) of a newcomer is due at once.
    ``last_day`` is that of the household's last year, if it had one.
    """
    starts_on, ends_on = membership_year(terms, begins_on or enrolled_on, last_day)
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
    return dues_for(terms, on, beneficiaries, newcomer=last_day is None, begins_on=begins_on, last_day=last_day)


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
    ``due_minor`` by ``due_on`` is what comes next, of whatever year; what is overdue is in it. ``year_over``: whatever
    is paid, this year gives no cover any more, only a new one does."""

    state: State
    begins_on: date | None
    until: date | None
    left_minor: int
    to_start_minor: int = 0
    due_on: date | None = None
    due_minor: int = 0
    year_over: bool = False


def cover(memberships: Sequence[Membership], dues: Sequence[Due], credits: Sequence[Credit], on: date) -> Cover:
    """Cover on the day ``on``, from everything that was known by that day.

    It is the cover of those for whom the years were enrolled, as if nobody had joined them since: who joins takes none
    away (:func:`not_paid_for` tells who of those isn't covered). What is left to pay counts everybody.
    """
    own = [due for due in dues if due.added is None]
    found = _cover(memberships, own, position(own, credits, on), _activated(memberships, own, credits, on), on)
    paid = position(dues, credits, on)
    due_on, due_minor = _next_due(paid, on)
    return replace(found, left_minor=paid.left_minor, due_on=due_on, due_minor=due_minor)


def not_paid_for(
    memberships: Sequence[Membership], dues: Sequence[Due], credits: Sequence[Credit], on: date
) -> frozenset[int]:
    """Who of those that joined a household (by :attr:`Due.added`) has no share in its cover on a day: money is missing.

    What has fallen due for them is paid in full; and since money that was paid ahead goes to them first, they stay
    covered as long as with their dues all instalments are paid. Who joined after them takes nothing from them.
    """
    joiners = {due.added for due in dues if due.added is not None}
    if not joiners:
        return frozenset()
    own = [due for due in dues if due.added is None]
    activated = _activated(memberships, own, credits, on)
    household = _cover(memberships, own, position(own, credits, on), activated, on)
    found = set()
    for joiner in joiners:
        theirs = [due for due in dues if due.added is None or due.added <= joiner]
        paid = position(theirs, credits, on)
        owing = any(one.left_minor for one in paid.filled if one.due.added == joiner and one.due.due_on <= on)
        # What opened the family's cover stays enough for them too.
        if owing or (household.state.covered and not _cover(memberships, theirs, paid, activated, on).state.covered):
            found.add(joiner)
    return frozenset(found)


def _cover(
    memberships: Sequence[Membership], dues: Sequence[Due], paid: Position, activated: Mapping[int, date], on: date
) -> Cover:
    if not memberships:
        return Cover(State.NONE, None, None, 0)
    ordered = sorted(memberships, key=lambda one: one.starts_on)
    years = [_of_year(ordered[: number + 1], dues, paid, activated, on) for number in range(len(ordered))]
    # The year that has begun last; before the first one has, that.
    current = max(0, sum(one.starts_on <= on for one in ordered) - 1)
    if years[current].state.covered:
        return replace(years[current], until=_until(ordered[current:], years[current:], paid))
    # An earlier year may still carry over while the new one isn't paid for, or waits.
    before = next((each for each in reversed(years[:current]) if each.state.covered), None)
    if before is not None:
        return replace(before, state=State.GRACE, to_start_minor=years[current].to_start_minor)
    # Where this year can give no cover any more, what counts is the one that is enrolled ahead.
    return next((each for each in years[current:] if not each.year_over), years[current])


def _until(years: Sequence[Membership], covers: Sequence[Cover], paid: Position) -> date | None:
    """The last day of a year's cover once those that are enrolled and paid for ahead of their time follow on it."""
    until = covers[0].until
    for its, following in zip(years, covers[1:], strict=False):
        unpaid = any(filled.left_minor for filled in paid.filled if filled.due.membership_id == its.id)
        if unpaid or following.begins_on is None or following.begins_on > _last_day(its) + timedelta(days=1):
            break
        until = following.until
    return until


def _last_day(one: Membership) -> date:
    """The last day on which a year can give any cover."""
    return one.ends_on + timedelta(days=one.grace_days)


def _of_year(
    years: Sequence[Membership], dues: Sequence[Due], paid: Position, activated: Mapping[int, date], on: date
) -> Cover:
    """What the last of these years gives; those before it say whether its household has waited."""
    one = years[-1]
    begins_on = _begins_on(years, {one.id: on, **activated})  # what isn't paid yet may be paid today
    if begins_on > _last_day(one):
        return Cover(State.LAPSED, None, None, 0, year_over=True)
    if one.id not in activated:
        return Cover(State.UNPAID, None, None, 0, _to_reach(_threshold(one, dues), one, paid))
    unpaid = (filled.due.due_on for filled in paid.filled if filled.due.membership_id == one.id and filled.left_minor)
    due_on = next(unpaid, None)
    good_until = min(due_on, one.ends_on) if due_on else one.ends_on
    until = good_until + timedelta(days=one.grace_days)
    if on < begins_on:
        state = State.WAITING
    elif on <= good_until:
        state = State.ACTIVE
    else:
        state = State.GRACE if on <= until else State.LAPSED
    shown_until = until if due_on or state is State.GRACE else one.ends_on
    return Cover(state, begins_on, shown_until, 0, year_over=on > _last_day(one))


def _begins_on(years: Sequence[Membership], activated: Mapping[int, date]) -> date:
    """The first day of cover of the last of these years.

    Who renews in time doesn't wait anew, but goes on with the waiting period of the year that it follows: that began on
    the first day on which enough was paid for any of them.
    """
    first = next((number for number in reversed(range(len(years))) if years[number].waiting_days), 0)
    days = [max(activated[one.id], one.starts_on) for one in years[first:] if one.id in activated]
    return max(days[-1], min(days) + timedelta(days=years[first].waiting_days))


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


def _threshold(one: Membership, dues: Sequence[Due]) -> int:
    """What must be paid of a year's own dues to open its cover; who joined later doesn't raise it."""
    total = sum(due.amount_minor for due in dues if due.membership_id == one.id and due.added is None)
    return -(-total * one.activation_percent // 100)


def _activated(
    memberships: Sequence[Membership], dues: Sequence[Due], credits: Sequence[Credit], on: date
) -> dict[int, date]:
    """The first day from which enough was paid for each year, and has been ever since; without those it wasn't for."""
    thresholds = {one.id: _threshold(one, dues) for one in memberships}
    since = {one.id: one.starts_on for one in memberships if thresholds[one.id] == 0}
    for day in sorted({credit.on for credit in credits if credit.on <= on}):
        reached: Counter[int] = Counter()
        for filled in position(dues, credits, day).filled:
            reached[filled.due.membership_id] += filled.paid_minor
        for its_id, threshold in thresholds.items():
            if reached[its_id] >= threshold:
                since.setdefault(its_id, day)
            else:
                since.pop(its_id, None)
    return since
