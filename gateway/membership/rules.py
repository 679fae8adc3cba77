"""Cover, as a pure function: nobody sets it by hand, it follows from the ledger, the plan and the date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum

from gateway.ledger.rules import Credit, Due, Filled, Position, in_order, position


class State(Enum):
    """Where a household stands."""

    NONE = "none"  # no membership
    UNPAID = "unpaid"  # enrolled, too little paid for cover to start
    WAITING = "waiting"  # paid, in the waiting period
    ACTIVE = "active"
    GRACE = "grace"  # still covered, something is overdue
    SUSPENDED = "suspended"  # an instalment is unpaid beyond its grace: paying it resumes the cover at once
    LAPSED = "lapsed"  # the year and its grace are over, or can give no cover any more: only a new year does

    @property
    def covered(self) -> bool:
        return self in (State.ACTIVE, State.GRACE)


@dataclass(frozen=True)
class Membership:
    """A household's membership of one year, with the terms it was enrolled under.

    ``enrolled_on``: known from that day. ``left_on``: the household's last day, where it left before the year's end, or
    before its beginning; that is known from ``left_told_on``.
    """

    id: int
    starts_on: date
    ends_on: date
    waiting_days: int
    grace_days: int
    activation_percent: int
    enrolled_on: date = date.min
    left_on: date | None = None
    left_told_on: date | None = None

    def known_on(self, on: date) -> Membership | None:
        """The membership as it was known on a day; None where there was none, or it was to begin after they left."""
        if self.enrolled_on > on:
            return None
        if self.left_on is None or self.left_told_on is None or self.left_told_on > on:
            return self
        if self.left_on < self.starts_on:
            return None
        return replace(self, ends_on=min(self.ends_on, self.left_on), grace_days=0)


@dataclass(frozen=True)
class Cover:
    """Cover on a day. ``begins_on``: when it starts (also when that lies ahead). ``until``: its last day if no more is
    paid. ``left_minor``: left to pay (*reste à payer*) on all years, penalties too; of it ``to_start_minor`` before
    cover can start, or resume where it is suspended; ``due_minor`` by ``due_on`` is what comes next, of whatever year;
    what is overdue is in it."""

    state: State
    begins_on: date | None
    until: date | None
    left_minor: int
    to_start_minor: int = 0
    due_on: date | None = None
    due_minor: int = 0


@dataclass(frozen=True)
class _Known:
    """What was known by a day."""

    memberships: tuple[Membership, ...]
    dues: tuple[Due, ...]

    @property
    def own(self) -> list[Due]:
        """The dues that cover follows from: those of the years themselves."""
        return [due for due in self.dues if due.of_year]


def _known(memberships: Sequence[Membership], dues: Sequence[Due], on: date) -> _Known:
    """Without what was enrolled, charged or cancelled later: that changes nothing about a day that is past."""
    found = (one.known_on(on) for one in memberships)
    return _Known(tuple(one for one in found if one is not None), tuple(due for due in dues if due.known_on <= on))


def cover(memberships: Sequence[Membership], dues: Sequence[Due], credits: Sequence[Credit], on: date) -> Cover:
    """Cover on the day ``on``, from everything that was known by that day.

    It is the cover of those for whom the years were enrolled, as if nobody had joined them since and nobody owed a
    penalty: neither takes any away (:func:`not_paid_for` tells who of those that joined isn't covered). What is left to
    pay counts everything.
    """
    known = _known(memberships, dues, on)
    own = known.own
    activated = _activated(known.memberships, own, credits, on)
    theirs = position(own, credits, on)
    found = _cover(known.memberships, own, theirs, activated, on)
    paid = theirs if len(own) == len(known.dues) else position(known.dues, credits, on)
    due_on, due_minor = _next_due(paid, on)
    return replace(found, left_minor=paid.left_minor, due_on=due_on, due_minor=due_minor)


def not_paid_for(
    memberships: Sequence[Membership], dues: Sequence[Due], credits: Sequence[Credit], on: date
) -> frozenset[int]:
    """Who of those that joined a household (by :attr:`Due.added`) has no share in its cover on a day: money is missing.

    What has fallen due for them is paid in full; and since money that was paid ahead goes to them first, they stay
    covered as long as with their dues all instalments are paid. Who joined after them takes nothing from them.
    """
    known = _known(memberships, dues, on)
    joiners = {due.added for due in known.dues if due.added is not None}
    if not joiners:
        return frozenset()
    own = known.own
    activated = _activated(known.memberships, own, credits, on)
    household = _cover(known.memberships, own, position(own, credits, on), activated, on)
    found = set()
    for joiner in joiners:
        theirs = [due for due in known.dues if due.of_year or (due.added is not None and due.added <= joiner)]
        paid = position(theirs, credits, on)
        owing = any(one.left_minor for one in paid.filled if one.due.added == joiner and one.due.due_on <= on)
        # What opened the family's cover stays enough for them too.
        if owing or (
            household.state.covered and not _cover(known.memberships, theirs, paid, activated, on).state.covered
        ):
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
    return next((each for each in years[current:] if each.state is not State.LAPSED), years[current])


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
        return Cover(State.LAPSED, None, None, 0)
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
    elif on <= until:
        state = State.GRACE
    else:
        state = State.SUSPENDED if on <= _last_day(one) else State.LAPSED
    shown_until = until if due_on or state is State.GRACE else one.ends_on
    to_resume = _to_resume(one, paid, on) if state is State.SUSPENDED else 0
    return Cover(state, begins_on, shown_until, 0, to_resume)


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


def _to_resume(one: Membership, paid: Position, on: date) -> int:
    """What must come in, the oldest due first, until no instalment of a membership is unpaid beyond its grace."""
    grace = timedelta(days=one.grace_days)
    beyond = [
        number
        for number, filled in enumerate(paid.filled, 1)
        if filled.due.membership_id == one.id and filled.left_minor and filled.due.due_on + grace < on
    ]
    return sum(filled.left_minor for filled in paid.filled[: max(beyond, default=0)])


def _threshold(one: Membership, dues: Sequence[Due]) -> int:
    """What must be paid of a year's own dues to open its cover; who joined later doesn't raise it."""
    total = sum(due.amount_minor for due in dues if due.membership_id == one.id and due.of_year)
    return -(-total * one.activation_percent // 100)


def _activated(
    memberships: Sequence[Membership], dues: Sequence[Due], credits: Sequence[Credit], on: date
) -> dict[int, date]:
    """The first day from which enough was paid for each year, and has been ever since; without those it wasn't for."""
    thresholds = {one.id: _threshold(one, dues) for one in memberships}
    since = {one.id: one.starts_on for one in memberships if thresholds[one.id] == 0}
    came: dict[date, int] = {}
    for credit in credits:
        if credit.on <= on:
            came[credit.on] = came.get(credit.on, 0) + credit.amount_minor
    ordered, total = in_order(dues), 0
    for day in sorted(came):
        # As position() fills them that day, without keeping what it found: this is most of the work of a cover.
        total += came[day]
        money, reached = max(0, total), dict.fromkeys(thresholds, 0)
        for due in ordered:
            paid = min(money, due.amount_minor)
            money -= paid
            if due.membership_id in reached:
                reached[due.membership_id] += paid
        for its_id, threshold in thresholds.items():
            if reached[its_id] >= threshold:
                since.setdefault(its_id, day)
            else:
                since.pop(its_id, None)
    return since
