"""Promise 4: cover follows from what was paid, the plan and the day, and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.rules import Credit, Due
from gateway.membership.dues import (
    Tariff,
    Terms,
    add_months,
    dues_for,
    membership_year,
    next_year,
    part_of_year,
    waits,
)
from gateway.membership.rules import Cover, Membership, State, cover, not_paid_for

# A family of four pays 1 000 once and 11 600 a year, 2 900 a quarter; a quarter of it all opens the cover.
QUARTERS = Terms(
    registration_fee_minor=1_000,
    household_minor=2_000,
    beneficiary_minor=2_400,
    instalments=4,
    waiting_days=30,
    grace_days=30,
    activation_percent=25,
    minimum_payment_minor=200,
    year_starts_month=None,
)
# All at once, for the calendar year, nothing waits and nothing is forgiven.
ONCE = Terms(0, 12_000, 0, 1, 0, 0, 100, 0, 1)
# Twelve instalments, of which three quarters must be paid before cover starts.
MONTHS = Terms(500, 12_000, 0, 12, 0, 10, 75, 0, None)
# Nothing to pay: somebody else does.
FREE = Terms(0, 0, 0, 1, 10, 0, 100, 0, None)

Payments = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Enrolment:
    """A year that a household of four enrols for; ``terms`` may be a new version's."""

    on: date
    terms: Terms


@dataclass(frozen=True)
class Joiner:
    """Somebody who joined the household: a due of one of its years, by number."""

    year: int
    on: date
    owes: int


def made(enrolments: Sequence[Enrolment], joiners: Sequence[Joiner] = ()) -> tuple[list[Membership], list[Due]]:
    """Memberships and dues as they are made at enrolment; who joined is known by their place in the list, from 1 on."""
    memberships: list[Membership] = []
    dues = [Due(one.year, one.on, one.owes, added=number) for number, one in enumerate(joiners, 1)]
    for number, one in enumerate(enrolments):
        last_day = memberships[-1].ends_on if memberships else None
        year = next_year(one.terms, "XOF", last_day, 4, one.on)
        memberships.append(
            Membership(
                number,
                year.starts_on,
                year.ends_on,
                waits(one.terms, last_day, one.on),
                one.terms.grace_days,
                one.terms.activation_percent,
            )
        )
        dues += [Due(number, due_on, amount) for due_on, amount in year.dues]
    return memberships, dues


def computed(
    enrolments: Sequence[Enrolment], payments: Sequence[Credit], on: date, joiners: Sequence[Joiner] = ()
) -> Cover:
    """Cover on a day."""
    memberships, dues = made(enrolments, joiners)
    return cover(memberships, dues, payments, on)


def covered_joiners(
    enrolments: Sequence[Enrolment], payments: Sequence[Credit], on: date, joiners: Sequence[Joiner]
) -> set[int]:
    """Who of those that joined is covered on a day, as far as it depends on money."""
    memberships, dues = made(enrolments, joiners)
    if not cover(memberships, dues, payments, on).state.covered:
        return set()
    return {due.added for due in dues if due.added is not None} - not_paid_for(memberships, dues, payments, on)


# Worked examples: the year begins on 15 January 2026 with 3 900 to pay; 2 900 more on 15 April, 15 July, 15 October.

JOINED = (("2026-01-15", QUARTERS),)
RENEWED = (*JOINED, ("2027-01-15", QUARTERS))
AHEAD = (*JOINED, ("2026-12-01", QUARTERS))  # enrolled early: the same year
LATE = (*JOINED, ("2027-02-13", QUARTERS))  # on the last day of grace: the same year
TO_FREE = (*JOINED, ("2026-12-01", FREE))
LATE_ONCE = (("2026-05-10", replace(ONCE, grace_days=20)), ("2027-01-20", replace(ONCE, grace_days=20)))
THREE = (*RENEWED, ("2028-01-15", QUARTERS))
WAITS_LONG = replace(ONCE, waiting_days=90, grace_days=30)
AT_ITS_END = (("2026-12-30", WAITS_LONG), ("2026-12-30", WAITS_LONG))
CAME_BACK = (*JOINED, ("2027-03-01", QUARTERS))
STRICT = replace(QUARTERS, activation_percent=10, grace_days=0)
TO_STRICT = (*JOINED, ("2027-01-15", STRICT))
ODD = (("2026-01-15", replace(QUARTERS, household_minor=2_001)),)
FIRST = ("2026-01-15", 3_900)
ALL_OF_IT = ("2026-01-15", 12_600)


@pytest.mark.parametrize(
    ("years", "payments", "on", "state", "begins_on", "until", "left"),
    [
        # Nothing, or too little
        ((), (), "2026-01-15", "none", None, None, 0),
        (JOINED, (), "2026-01-15", "unpaid", None, None, 12_600),
        (JOINED, (), "2026-12-31", "unpaid", None, None, 12_600),
        (JOINED, (("2026-01-15", 3_149),), "2026-03-15", "unpaid", None, None, 9_451),
        # A quarter opens the cover, thirty days later; what is overdue ends it, thirty days later
        (JOINED, (("2026-01-15", 3_150),), "2026-01-20", "waiting", "2026-02-14", "2026-02-14", 9_450),
        (JOINED, (("2026-01-15", 3_150),), "2026-02-14", "grace", "2026-02-14", "2026-02-14", 9_450),
        (JOINED, (("2026-01-15", 3_150),), "2026-02-15", "suspended", "2026-02-14", "2026-02-14", 9_450),
        (JOINED, (FIRST,), "2026-01-15", "waiting", "2026-02-14", "2026-05-15", 8_700),
        (JOINED, (FIRST,), "2026-02-13", "waiting", "2026-02-14", "2026-05-15", 8_700),
        (JOINED, (FIRST,), "2026-02-14", "active", "2026-02-14", "2026-05-15", 8_700),
        (JOINED, (FIRST,), "2026-04-15", "active", "2026-02-14", "2026-05-15", 8_700),
        (JOINED, (FIRST,), "2026-04-16", "grace", "2026-02-14", "2026-05-15", 8_700),
        (JOINED, (FIRST,), "2026-05-15", "grace", "2026-02-14", "2026-05-15", 8_700),
        (JOINED, (FIRST,), "2026-05-16", "suspended", "2026-02-14", "2026-05-15", 8_700),
        # Of 12 601 a quarter is 3 150.25: a franc that isn't there opens nothing
        (ODD, (("2026-01-15", 3_150),), "2026-01-20", "unpaid", None, None, 9_451),
        (ODD, (("2026-01-15", 3_151),), "2026-01-20", "waiting", "2026-02-14", "2026-02-14", 9_450),
        # In three goes the cover begins when the third has come
        (
            JOINED, (("2026-01-15", 1_300), ("2026-02-01", 1_300), ("2026-02-20", 1_300)), "2026-03-21",
            "waiting", "2026-03-22", "2026-05-15", 8_700,
        ),
        # The next instalment, in time, late, and one franc short
        (JOINED, (FIRST, ("2026-04-10", 2_900)), "2026-05-16", "active", "2026-02-14", "2026-08-14", 5_800),
        (JOINED, (FIRST, ("2026-05-10", 2_900)), "2026-05-16", "active", "2026-02-14", "2026-08-14", 5_800),
        (JOINED, (FIRST, ("2026-06-01", 2_900)), "2026-05-31", "suspended", "2026-02-14", "2026-05-15", 8_700),
        (JOINED, (FIRST, ("2026-06-01", 2_900)), "2026-06-01", "active", "2026-02-14", "2026-08-14", 5_800),
        (JOINED, (FIRST, ("2026-04-10", 2_899)), "2026-05-16", "suspended", "2026-02-14", "2026-05-15", 5_801),
        # The whole year, and what comes after it
        (JOINED, (ALL_OF_IT,), "2026-02-14", "active", "2026-02-14", "2027-01-14", 0),
        (JOINED, (ALL_OF_IT,), "2027-01-14", "active", "2026-02-14", "2027-01-14", 0),
        (JOINED, (ALL_OF_IT,), "2027-01-15", "grace", "2026-02-14", "2027-02-13", 0),
        (JOINED, (ALL_OF_IT,), "2027-02-13", "grace", "2026-02-14", "2027-02-13", 0),
        (JOINED, (ALL_OF_IT,), "2027-02-14", "lapsed", "2026-02-14", "2027-01-14", 0),
        # Renewed in time: the year before carries over until its grace is over; no second waiting period
        (RENEWED, (ALL_OF_IT,), "2027-01-20", "grace", "2026-02-14", "2027-02-13", 11_600),
        (RENEWED, (ALL_OF_IT,), "2027-02-14", "unpaid", None, None, 11_600),
        (RENEWED, (ALL_OF_IT, ("2027-01-20", 2_900)), "2027-01-20", "active", "2027-01-20", "2027-05-15", 8_700),
        (RENEWED, (ALL_OF_IT, ("2027-01-10", 2_900)), "2027-01-15", "active", "2027-01-15", "2027-05-15", 8_700),
        # An advance is used at renewal
        (RENEWED, (("2026-01-15", 15_500),), "2027-01-15", "active", "2027-01-15", "2027-05-15", 8_700),
        (RENEWED, (("2026-01-15", 24_200),), "2027-01-15", "active", "2027-01-15", "2028-01-14", 0),
        # Back after a gap: the waiting period begins anew
        (CAME_BACK, (ALL_OF_IT,), "2027-03-01", "unpaid", None, None, 11_600),
        (CAME_BACK, (ALL_OF_IT, ("2027-03-01", 2_900)), "2027-03-01", "waiting", "2027-03-31", "2027-07-01", 8_700),
        (CAME_BACK, (ALL_OF_IT, ("2027-03-01", 2_900)), "2027-03-31", "active", "2027-03-31", "2027-07-01", 8_700),
        # Renewed early: nothing changes before the year begins, but that it is paid for ahead is seen at once
        (AHEAD, (ALL_OF_IT,), "2026-12-01", "active", "2026-02-14", "2027-01-14", 11_600),
        (AHEAD, (ALL_OF_IT,), "2027-01-14", "active", "2026-02-14", "2027-01-14", 11_600),
        (AHEAD, (ALL_OF_IT,), "2027-01-15", "grace", "2026-02-14", "2027-02-13", 11_600),
        (AHEAD, (ALL_OF_IT,), "2027-02-14", "unpaid", None, None, 11_600),
        (AHEAD, (ALL_OF_IT, ("2026-12-05", 2_900)), "2026-12-04", "active", "2026-02-14", "2027-01-14", 11_600),
        (AHEAD, (ALL_OF_IT, ("2026-12-05", 2_900)), "2026-12-05", "active", "2026-02-14", "2027-05-15", 8_700),
        (AHEAD, (ALL_OF_IT, ("2026-12-05", 2_900)), "2027-01-15", "active", "2027-01-15", "2027-05-15", 8_700),
        (AHEAD, (ALL_OF_IT, ("2026-12-05", 2_899)), "2026-12-05", "active", "2026-02-14", "2027-01-14", 8_701),
        (AHEAD, (ALL_OF_IT, ("2026-12-05", 11_600)), "2026-12-05", "active", "2026-02-14", "2028-01-14", 0),
        # Renewed early while something of the running year is overdue: that comes first
        (AHEAD, (FIRST,), "2026-12-01", "suspended", "2026-02-14", "2026-05-15", 20_300),
        (AHEAD, (FIRST, ("2026-12-01", 8_700)), "2026-12-01", "active", "2026-02-14", "2027-01-14", 11_600),
        # Somebody else pays the next year; this one's dues still end the cover
        (TO_FREE, (FIRST,), "2026-05-10", "grace", "2026-02-14", "2026-05-15", 8_700),
        (TO_FREE, (ALL_OF_IT,), "2026-05-10", "active", "2026-02-14", "2028-01-14", 0),
        # Renewed on the last day of grace: the year goes on from the last one's end
        (LATE, (ALL_OF_IT,), "2027-02-13", "grace", "2026-02-14", "2027-02-13", 11_600),
        (LATE, (ALL_OF_IT, ("2027-02-13", 2_900)), "2027-02-13", "active", "2027-02-13", "2027-05-15", 8_700),
        (LATE, (ALL_OF_IT, ("2027-02-13", 11_600)), "2027-02-13", "active", "2027-02-13", "2028-01-14", 0),
        (LATE_ONCE, (("2026-05-10", 12_000),), "2027-01-20", "grace", "2026-05-10", "2027-01-20", 12_000),
        (LATE_ONCE, (("2026-05-10", 24_000),), "2027-01-20", "active", "2027-01-01", "2027-12-31", 0),
        # Debts of the year before are filled first
        (RENEWED, (FIRST, ("2027-01-15", 8_700)), "2027-01-20", "grace", "2026-02-14", "2027-02-13", 11_600),
        # A stricter plan, of which too little is paid: the year before still carries over
        (TO_STRICT, (ALL_OF_IT,), "2027-01-20", "grace", "2026-02-14", "2027-02-13", 11_600),
        (TO_STRICT, (ALL_OF_IT, ("2027-01-15", 1_160)), "2027-01-20", "grace", "2026-02-14", "2027-02-13", 10_440),
        (TO_STRICT, (ALL_OF_IT, ("2027-01-15", 1_160)), "2027-02-14", "suspended", "2027-01-15", "2027-01-15", 10_440),
        # The calendar year, all at once
        ((("2026-05-10", ONCE),), (("2026-05-10", 11_999),), "2026-05-10", "unpaid", None, None, 1),
        ((("2026-05-10", ONCE),), (("2026-05-10", 12_000),), "2026-05-10", "active", "2026-05-10", "2026-12-31", 0),
        ((("2026-05-10", ONCE),), (("2026-05-10", 12_000),), "2026-12-31", "active", "2026-05-10", "2026-12-31", 0),
        ((("2026-05-10", ONCE),), (("2026-05-10", 12_000),), "2027-01-01", "lapsed", "2026-05-10", "2026-12-31", 0),
        # Twelve instalments, three quarters first: 12 500 in all, 9 375 opens
        ((("2026-01-31", MONTHS),), (("2026-01-31", 9_374),), "2026-02-01", "unpaid", None, None, 3_126),
        (
            (("2026-01-31", MONTHS),), (("2026-01-31", 9_375),), "2026-02-01",
            "active", "2026-01-31", "2026-10-10", 3_125,
        ),
        # Nothing to pay
        ((("2026-01-15", FREE),), (), "2026-01-24", "waiting", "2026-01-25", "2027-01-14", 0),
        ((("2026-01-15", FREE),), (), "2026-01-25", "active", "2026-01-25", "2027-01-14", 0),
        ((("2026-01-15", FREE),), (("2026-06-01", 100),), "2026-06-05", "active", "2026-01-25", "2027-01-14", 0),
        # Taken back
        (JOINED, (FIRST, ("2026-03-01", -3_900)), "2026-02-28", "active", "2026-02-14", "2026-05-15", 8_700),
        (JOINED, (FIRST, ("2026-03-01", -3_900)), "2026-03-01", "unpaid", None, None, 12_600),
        # Nothing was paid in time: what comes later in the year's days of grace, or after, starts nothing any more
        (JOINED, (), "2027-01-14", "unpaid", None, None, 12_600),
        (JOINED, (), "2027-01-15", "lapsed", None, None, 12_600),
        (JOINED, (("2027-01-14", 12_600),), "2027-01-14", "waiting", "2027-02-13", "2027-01-14", 0),
        (JOINED, (("2027-01-14", 12_600),), "2027-02-13", "grace", "2027-02-13", "2027-02-13", 0),
        (JOINED, (("2027-01-15", 12_600),), "2027-01-15", "lapsed", None, None, 0),
        (JOINED, (("2027-06-01", 3_900),), "2027-06-01", "lapsed", None, None, 8_700),
        # Nothing was paid for the first year before it was renewed: its waiting period is waited for now
        (LATE, (), "2027-02-13", "unpaid", None, None, 24_200),
        (LATE, (("2027-02-13", 15_500),), "2027-02-13", "waiting", "2027-03-15", "2027-05-15", 8_700),
        (LATE, (("2027-02-13", 15_500),), "2027-03-15", "active", "2027-03-15", "2027-05-15", 8_700),
        # Enough was paid for the first year a while ago: the rest of its waiting period
        (RENEWED, (("2027-01-10", 15_500),), "2027-01-15", "waiting", "2027-02-09", "2027-05-15", 8_700),
        (RENEWED, (("2027-01-10", 15_500),), "2027-02-09", "active", "2027-02-09", "2027-05-15", 8_700),
        # Nothing has to be paid for the new year, but the first one was never waited for
        (TO_FREE, (), "2027-01-20", "waiting", "2027-02-14", "2028-01-14", 12_600),
        (TO_FREE, (("2027-01-20", 12_600),), "2027-01-20", "waiting", "2027-02-14", "2028-01-14", 0),
        # A third year goes on from the second as that did from the first
        (THREE, (("2028-01-10", 24_200),), "2028-01-12", "waiting", "2028-02-09", "2028-01-14", 11_600),
        (THREE, (("2028-01-10", 24_200),), "2028-01-20", "unpaid", None, None, 11_600),
        (THREE, (("2028-01-10", 24_200),), "2028-02-09", "grace", "2028-02-09", "2028-02-13", 11_600),
        (THREE, (("2028-01-10", 35_800),), "2028-02-08", "waiting", "2028-02-09", "2029-01-14", 0),
        # Registered at the end of a calendar year and renewed at once: cover starts in the new year, after the waiting
        (AT_ITS_END, (), "2026-12-30", "unpaid", None, None, 24_000),
        (AT_ITS_END, (("2026-12-30", 24_000),), "2026-12-30", "waiting", "2027-03-30", "2027-12-31", 0),
        (AT_ITS_END, (("2026-12-30", 24_000),), "2027-01-02", "waiting", "2027-03-30", "2027-12-31", 0),
        (AT_ITS_END, (("2026-12-30", 24_000),), "2027-03-30", "active", "2027-03-30", "2027-12-31", 0),
        (AT_ITS_END[:1], (("2026-12-30", 12_000),), "2026-12-30", "lapsed", None, None, 0),
        # A day before the year begins
        (JOINED, (("2026-01-10", 3_900),), "2026-01-10", "waiting", "2026-02-14", "2026-05-15", 8_700),
    ],
)  # fmt: skip
def test_worked_examples(
    years: Sequence[tuple[str, Terms]],
    payments: Payments,
    on: str,
    state: str,
    begins_on: str | None,
    until: str | None,
    left: int,
) -> None:
    enrolments = [Enrolment(date.fromisoformat(day), terms) for day, terms in years]
    credits = [Credit(date.fromisoformat(day), amount) for day, amount in payments]
    found = computed(enrolments, credits, date.fromisoformat(on))
    shown = (found.state.value, found.begins_on, found.until, found.left_minor)
    assert tuple(None if one is None else str(one) for one in shown) == (state, begins_on, until, str(left))


@pytest.mark.parametrize(
    ("payments", "on", "to_start", "due_on", "due"),
    [
        ((), "2026-01-15", 3_150, "2026-01-15", 3_900),
        ((), "2026-05-01", 3_150, "2026-01-15", 6_800),  # what is overdue, and what fell due since
        ((("2026-01-15", 3_000),), "2026-01-16", 150, "2026-01-15", 900),
        ((FIRST,), "2026-01-16", 0, "2026-04-15", 2_900),
        ((FIRST,), "2026-08-01", 2_900, "2026-04-15", 5_800),  # of it, what is beyond its grace resumes,
        ((ALL_OF_IT,), "2026-08-01", 0, None, 0),
    ],
)
def test_what_is_to_pay_now(payments: Payments, on: str, to_start: int, due_on: str | None, due: int) -> None:
    credits = [Credit(date.fromisoformat(day), amount) for day, amount in payments]
    found = computed([Enrolment(date(2026, 1, 15), QUARTERS)], credits, date.fromisoformat(on))
    shown_due_on = str(found.due_on) if found.due_on else None
    assert (found.to_start_minor, shown_due_on, found.due_minor) == (to_start, due_on, due)


# After a year of which 8 700 are unpaid, and the next one enrolled: 2 900 of it by the first day.
BEHIND = (FIRST,)


@pytest.mark.parametrize(
    ("years", "payments", "on", "to_start", "due_on", "due"),
    [
        # All of the running year is paid: what comes next is the year that is enrolled ahead
        (AHEAD, (ALL_OF_IT,), "2026-12-01", 0, "2027-01-15", 2_900),
        (AHEAD, (ALL_OF_IT, ("2026-12-05", 1_000)), "2026-12-05", 0, "2027-01-15", 1_900),
        (AHEAD, (ALL_OF_IT, ("2026-12-05", 2_900)), "2026-12-05", 0, "2027-04-15", 2_900),
        (AHEAD, (ALL_OF_IT, ("2026-12-05", 11_600)), "2026-12-05", 0, None, 0),
        # Something of the running year is due before that
        (AHEAD, (FIRST, ("2026-07-15", 5_800)), "2026-12-01", 2_900, "2026-10-15", 2_900),
        # Old debts are due with the new year's first payment, and stand before it
        (AHEAD, BEHIND, "2026-12-01", 8_700, "2026-04-15", 8_700),
        (RENEWED, BEHIND, "2027-03-01", 11_600, "2026-04-15", 11_600),
        (CAME_BACK, BEHIND, "2027-03-01", 11_600, "2026-04-15", 11_600),
        (CAME_BACK, (FIRST, ("2027-03-01", 8_700)), "2027-03-01", 2_900, "2027-03-01", 2_900),
        (CAME_BACK, (FIRST, ("2027-03-01", 11_599)), "2027-03-01", 1, "2027-03-01", 1),
    ],
)
def test_what_is_to_pay_over_two_years(
    years: Sequence[tuple[str, Terms]], payments: Payments, on: str, to_start: int, due_on: str | None, due: int
) -> None:
    enrolments = [Enrolment(date.fromisoformat(day), terms) for day, terms in years]
    credits = [Credit(date.fromisoformat(day), amount) for day, amount in payments]
    found = computed(enrolments, credits, date.fromisoformat(on))
    shown_due_on = str(found.due_on) if found.due_on else None
    assert (found.to_start_minor, shown_due_on, found.due_minor) == (to_start, due_on, due)


@pytest.mark.parametrize(
    ("payments", "on", "state", "begins_on", "until", "due"),
    [
        # 3 150 of 12 600 opened the cover; 1 800 more for somebody who joined on 1 April don't close it
        ((FIRST,), "2026-04-01", "active", "2026-02-14", "2026-05-15", 1_800),
        ((FIRST,), "2026-05-15", "grace", "2026-02-14", "2026-05-15", 4_700),
        ((FIRST,), "2026-05-16", "suspended", "2026-02-14", "2026-05-15", 4_700),
        ((FIRST, ("2026-04-01", 1_800)), "2026-04-01", "active", "2026-02-14", "2026-05-15", 2_900),
        # What was paid ahead stays theirs, whatever is due next
        ((("2026-01-15", 6_800),), "2026-04-01", "active", "2026-02-14", "2026-08-14", 1_800),
        ((ALL_OF_IT,), "2026-04-01", "active", "2026-02-14", "2027-01-14", 1_800),
        # Opening the cover asks for nothing more
        ((), "2026-04-01", "unpaid", None, None, 5_700),
        ((("2026-04-01", 3_149),), "2026-04-01", "unpaid", None, None, 2_551),
        ((("2026-04-01", 3_150),), "2026-04-01", "waiting", "2026-05-01", "2026-02-14", 2_550),
    ],
)
def test_who_joins_takes_no_cover_away(
    payments: Payments, on: str, state: str, begins_on: str | None, until: str | None, due: int
) -> None:
    credits = [Credit(date.fromisoformat(day), amount) for day, amount in payments]
    joiner = Joiner(0, date(2026, 4, 1), 1_800)
    found = computed([Enrolment(date(2026, 1, 15), QUARTERS)], credits, date.fromisoformat(on), [joiner])
    shown = (found.state.value, found.begins_on, found.until)
    assert tuple(None if one is None else str(one) for one in shown) == (state, begins_on, until)
    assert found.due_minor == due


@pytest.mark.parametrize(
    ("payments", "on", "unpaid"),
    [
        # Two join, on 1 April (1 800) and on 1 May (1 600); the family has paid its first instalment, or two of them
        ((FIRST,), "2026-04-01", {1}),
        ((FIRST, ("2026-04-01", 1_799)), "2026-04-01", {1}),
        ((FIRST, ("2026-04-01", 1_800)), "2026-04-01", set()),
        # Of who joins later nothing is asked before
        ((FIRST, ("2026-04-01", 1_800)), "2026-04-30", set()),
        ((FIRST, ("2026-04-01", 1_800)), "2026-05-01", {2}),
        # The oldest dues come first: the second instalment, then the second joiner
        ((FIRST, ("2026-04-01", 1_800), ("2026-05-01", 1_600)), "2026-05-01", {2}),
        ((FIRST, ("2026-04-01", 1_800), ("2026-05-01", 4_500)), "2026-05-01", set()),
        # What was paid ahead goes to them first, until the days of grace of the instalment that is short by it are over
        ((ALL_OF_IT,), "2026-05-01", set()),
        ((ALL_OF_IT,), "2026-08-14", set()),
        ((ALL_OF_IT,), "2026-08-15", {2}),  # for both, 500 of July's are missing; for the first alone, nothing
        ((ALL_OF_IT,), "2026-11-14", {2}),
        ((ALL_OF_IT,), "2026-11-15", {1, 2}),
        ((ALL_OF_IT, ("2026-11-15", 1_800)), "2026-11-15", {2}),
        ((ALL_OF_IT, ("2026-11-15", 3_399)), "2026-11-15", {2}),
        ((ALL_OF_IT, ("2026-11-15", 3_400)), "2026-11-15", set()),
    ],
)
def test_who_joined_is_covered_once_they_are_paid_for(payments: Payments, on: str, unpaid: set[int]) -> None:
    credits = [Credit(date.fromisoformat(day), amount) for day, amount in payments]
    joiners = [Joiner(0, date(2026, 4, 1), 1_800), Joiner(0, date(2026, 5, 1), 1_600)]
    memberships, dues = made([Enrolment(date(2026, 1, 15), QUARTERS)], joiners)
    due = [one for one in dues if one.added is None or one.due_on <= date.fromisoformat(on)]  # who has joined by then
    assert not_paid_for(memberships, due, credits, date.fromisoformat(on)) == unpaid
    assert cover(memberships, due, credits, date.fromisoformat(on)).state.covered


@pytest.mark.parametrize(
    ("years", "payments", "on", "over"),
    [
        (JOINED, (), "2027-01-14", False),
        (JOINED, (), "2027-01-15", True),  # thirty days of waiting would outlast the thirty of grace
        (JOINED, (FIRST,), "2027-02-13", False),  # the rest would cover today
        (JOINED, (FIRST,), "2027-02-14", True),
        (JOINED, (ALL_OF_IT,), "2027-02-13", False),
        (JOINED, (ALL_OF_IT,), "2027-02-14", True),
        (RENEWED, (FIRST,), "2027-02-14", False),  # there is a new year to pay for
        (RENEWED, (FIRST,), "2028-02-14", True),
        (AT_ITS_END, (), "2026-12-30", False),
        (AT_ITS_END[:1], (), "2026-12-30", True),
    ],
)
def test_a_year_that_gives_no_cover_any_more_is_over(
    years: Sequence[tuple[str, Terms]], payments: Payments, on: str, over: bool
) -> None:
    enrolments = [Enrolment(date.fromisoformat(day), terms) for day, terms in years]
    credits = [Credit(date.fromisoformat(day), amount) for day, amount in payments]
    found = computed(enrolments, credits, date.fromisoformat(on))
    assert (found.state is State.LAPSED) is over
    assert found.to_start_minor == 0 or not over


@pytest.mark.parametrize(
    ("terms", "on", "newcomer", "dues"),
    [
        (QUARTERS, "2026-01-15", True,
         {"2026-01-15": 3_900, "2026-04-15": 2_900, "2026-07-15": 2_900, "2026-10-15": 2_900}),
        (QUARTERS, "2026-01-15", False,
         {"2026-01-15": 2_900, "2026-04-15": 2_900, "2026-07-15": 2_900, "2026-10-15": 2_900}),
        # In a calendar year, what fell due before the enrolment falls due that day.
        (replace(QUARTERS, year_starts_month=1), "2026-05-10", True,
         {"2026-05-10": 6_800, "2026-07-01": 2_900, "2026-10-01": 2_900}),
        # What doesn't divide is in the first.
        (replace(QUARTERS, instalments=3, registration_fee_minor=0), "2026-01-31", True,
         {"2026-01-31": 3_868, "2026-05-31": 3_866, "2026-09-30": 3_866}),
        (FREE, "2026-01-15", True, {}),
    ],
)  # fmt: skip
def test_dues(terms: Terms, on: str, newcomer: bool, dues: dict[str, int]) -> None:
    year = dues_for(terms, "XOF", date.fromisoformat(on), 4, newcomer=newcomer)
    assert {str(day): amount for day, amount in year.dues} == dues


@pytest.mark.parametrize(
    ("starts_month", "on", "first", "last"),
    [
        (None, "2026-11-22", "2026-11-22", "2027-11-21"),
        (None, "2024-02-29", "2024-02-29", "2025-02-27"),
        (1, "2026-01-01", "2026-01-01", "2026-12-31"),
        (1, "2026-12-31", "2026-01-01", "2026-12-31"),
        (7, "2026-06-30", "2025-07-01", "2026-06-30"),
        (7, "2026-07-01", "2026-07-01", "2027-06-30"),
    ],
)
def test_the_year(starts_month: int | None, on: str, first: str, last: str) -> None:
    found = membership_year(replace(QUARTERS, year_starts_month=starts_month), date.fromisoformat(on))
    assert tuple(map(str, found)) == (first, last)


# What holds for every plan, every household and every day

TERMS = st.builds(
    Terms,
    registration_fee_minor=st.sampled_from([0, 1, 500]),
    household_minor=st.sampled_from([0, 1, 999, 10_000]),
    beneficiary_minor=st.sampled_from([0, 7, 1_200]),
    instalments=st.integers(1, 12),
    waiting_days=st.sampled_from([0, 1, 30, 90]),
    grace_days=st.sampled_from([0, 1, 30, 60]),
    activation_percent=st.sampled_from([1, 25, 50, 100]),
    minimum_payment_minor=st.just(0),
    year_starts_month=st.one_of(st.none(), st.integers(1, 12)),
    lapsed_waiting_days=st.sampled_from([None, 0, 10, 90]),
    included_people=st.sampled_from([0, 2, 5]),
    charged_people_max=st.sampled_from([None, 0, 3, 8]),
    pro_rata=st.booleans(),
    penalty_percent=st.sampled_from([0, 10]),
)
START = date(2026, 1, 15)
DAYS = st.integers(-20, 900).map(lambda days: START + timedelta(days=days))
CREDITS = st.lists(st.builds(Credit, on=DAYS, amount_minor=st.integers(1, 12_000)), max_size=6)


@st.composite
def histories(draw: st.DrawFn) -> list[Enrolment]:
    """One to three years, each enrolled for around the end of the one before; the plan may change between them."""
    found = [Enrolment(START, draw(TERMS))]
    _, last_day = membership_year(found[0].terms, START)
    for _ in range(draw(st.integers(0, 2))):
        terms = draw(st.one_of(st.just(found[-1].terms), TERMS))
        found.append(Enrolment(last_day + timedelta(days=draw(st.integers(-60, 90))), terms))
        last_day = next_year(terms, "XOF", last_day, 4, found[-1].on).ends_on
    return found


@given(histories(), CREDITS, CREDITS, DAYS)
def test_paying_more_never_gives_less_cover(
    years: list[Enrolment], paid: list[Credit], more: list[Credit], on: date
) -> None:
    if computed(years, paid, on).state.covered:
        assert computed(years, [*paid, *more], on).state.covered


@given(histories(), CREDITS, st.lists(st.integers(0, 200), min_size=6, max_size=6), DAYS)
def test_paying_earlier_never_gives_less_cover(
    years: list[Enrolment], paid: list[Credit], days: list[int], on: date
) -> None:
    earlier = [replace(one, on=one.on - timedelta(days=by)) for one, by in zip(paid, days[: len(paid)], strict=True)]
    if computed(years, paid, on).state.covered:
        assert computed(years, earlier, on).state.covered


@given(histories(), CREDITS, CREDITS, DAYS)
def test_what_is_paid_later_changes_nothing_about_a_day(
    years: list[Enrolment], paid: list[Credit], later: list[Credit], on: date
) -> None:
    later = [replace(one, on=max(one.on, on + timedelta(days=1))) for one in later]
    assert computed(years, [*paid, *later], on) == computed(years, paid, on)


@given(histories(), CREDITS, DAYS, st.randoms())
def test_the_order_in_which_payments_are_told_makes_no_difference(
    years: list[Enrolment], paid: list[Credit], on: date, random: object
) -> None:
    shuffled = list(paid)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert computed(years, shuffled, on) == computed(years, paid, on)


@given(histories(), CREDITS, DAYS)
def test_what_comes_next_is_the_oldest_of_what_is_left(years: list[Enrolment], paid: list[Credit], on: date) -> None:
    found = computed(years, paid, on)
    assert 0 <= found.due_minor <= found.left_minor
    assert (found.due_minor == 0) == (found.due_on is None) == (found.left_minor == 0)
    # Paying it leaves nothing that is due by then.
    after = computed(years, [*paid, Credit(on, found.due_minor)], on)
    assert after.left_minor == found.left_minor - found.due_minor
    if found.due_on is not None and after.due_on is not None:
        assert after.due_on > max(on, found.due_on)


@given(histories(), CREDITS, DAYS)
def test_paying_what_it_needs_starts_the_cover_and_a_franc_less_does_not(
    years: list[Enrolment], paid: list[Credit], on: date
) -> None:
    found = computed(years, paid, on)
    if found.state is not State.UNPAID:
        return
    assert computed(years, [*paid, Credit(on, found.to_start_minor)], on).state is not State.UNPAID
    less = computed(years, [*paid, Credit(on, found.to_start_minor - 1)], on)
    # Old debts come first, and paying those may let the last year's grace cover for some days more.
    assert less.state in (State.UNPAID, State.GRACE)
    assert less.to_start_minor == 1


JOINERS = st.lists(st.builds(Joiner, st.just(0), DAYS, st.integers(1, 3_000)), max_size=3)


@given(histories(), CREDITS, JOINERS, DAYS)
def test_a_household_is_covered_as_if_nobody_had_joined_it(
    years: list[Enrolment], paid: list[Credit], joiners: list[Joiner], on: date
) -> None:
    with_them, alone = computed(years, paid, on, joiners), computed(years, paid, on)
    to_pay = (with_them.left_minor, with_them.due_on, with_them.due_minor)
    assert with_them == replace(alone, left_minor=to_pay[0], due_on=to_pay[1], due_minor=to_pay[2])
    assert with_them.left_minor >= alone.left_minor


@given(histories(), CREDITS, CREDITS, JOINERS, DAYS)
def test_more_money_never_gives_less_cover_to_who_joined(
    years: list[Enrolment], paid: list[Credit], more: list[Credit], joiners: list[Joiner], on: date
) -> None:
    assert covered_joiners(years, paid, on, joiners) <= covered_joiners(years, [*paid, *more], on, joiners)


@given(histories(), CREDITS, JOINERS, JOINERS, DAYS)
def test_who_joins_takes_nothing_from_who_joined_before(
    years: list[Enrolment], paid: list[Credit], joiners: list[Joiner], later: list[Joiner], on: date
) -> None:
    covered = covered_joiners(years, paid, on, joiners)
    assert covered == covered_joiners(years, paid, on, [*joiners, *later]) & set(range(1, len(joiners) + 1))


@given(histories(), CREDITS, JOINERS, DAYS)
def test_where_all_is_paid_everybody_is_covered_and_where_nothing_is_nobody_who_joined(
    years: list[Enrolment], paid: list[Credit], joiners: list[Joiner], on: date
) -> None:
    left = computed(years, paid, on, joiners).left_minor
    whole = [Credit(START - timedelta(days=100), left), *paid]
    everybody = set(range(1, len(joiners) + 1)) if computed(years, whole, on).state.covered else set()
    assert covered_joiners(years, whole, on, joiners) == everybody
    assert covered_joiners(years, [], on, joiners) <= {n for n, one in enumerate(joiners, 1) if one.on > on}


@st.composite
def renewed_in_time(draw: st.DrawFn) -> list[Enrolment]:
    """One to three years of one plan, each renewed before the end of the one before or within its days of grace."""
    terms = draw(TERMS.filter(lambda one: one.household_minor > 0))
    found = [Enrolment(START, terms)]
    _, last_day = membership_year(terms, START)
    for _ in range(draw(st.integers(0, 2))):
        found.append(Enrolment(last_day + timedelta(days=draw(st.integers(-60, max(1, terms.grace_days)))), terms))
        last_day = next_year(terms, "XOF", last_day, 4, found[-1].on).ends_on
    return found


@given(renewed_in_time(), CREDITS, DAYS)
def test_nobody_is_covered_before_they_have_waited_from_their_first_payment(
    years: list[Enrolment], paid: list[Credit], on: date
) -> None:
    if computed(years, paid, on).state.covered:
        assert on >= min(one.on for one in paid) + timedelta(days=years[0].terms.waiting_days)


@given(histories(), CREDITS, DAYS, st.integers(0, 800))
def test_cover_that_is_promised_can_start_and_after_a_year_nothing_is_promised(
    years: list[Enrolment], paid: list[Credit], on: date, days: int
) -> None:
    found = computed(years, paid, on)
    all_paid = [*(one for one in paid if one.on <= on), Credit(on, found.left_minor)]
    after = computed(years, all_paid, on)
    if found.state is State.LAPSED:
        assert not computed(years, all_paid, on + timedelta(days=days)).state.covered or len(years) > 1
        assert after.state is State.LAPSED
    elif found.state in (State.UNPAID, State.WAITING):
        assert after.begins_on is not None
        assert computed(years, all_paid, max(on, after.begins_on)).state.covered


@given(histories(), CREDITS, DAYS)
def test_cover_lasts_as_long_as_it_says(years: list[Enrolment], paid: list[Credit], on: date) -> None:
    paid = [one for one in paid if one.on <= on]
    found = computed(years, paid, on)
    if found.state.covered:
        assert found.until is not None
        assert computed(years, paid, found.until).state.covered


@given(histories(), CREDITS, DAYS)
def test_cover_says_what_it_means(years: list[Enrolment], paid: list[Credit], on: date) -> None:
    found = computed(years, paid, on)
    if found.state is State.WAITING:
        assert found.begins_on is not None
        assert on < found.begins_on
    if found.state.covered:
        assert found.begins_on is not None
        assert found.until is not None
        assert found.begins_on <= on <= found.until
    if found.state is State.LAPSED:
        assert (found.until is None) == (found.begins_on is None)  # it never began, and can't any more
        if found.until is not None:
            assert on > found.until
    if found.state is State.UNPAID:
        assert found.to_start_minor > 0


@given(TERMS, st.dates(date(2020, 1, 1), date(2032, 12, 31)), st.integers(1, 14), st.booleans())
def test_dues_add_up_to_the_franc(terms: Terms, on: date, people: int, newcomer: bool) -> None:
    year = dues_for(terms, "XOF", on, people, newcomer=newcomer)
    fee = terms.registration_fee_minor if newcomer else 0
    whole = part_of_year(Tariff.of(terms).yearly_minor(people), year.months, "XOF")
    assert sum(amount for _, amount in year.dues) == whole + fee
    in_its_course = terms.pro_rata and year.starts_on < add_months(on, -1)
    assert year.months < 12 if in_its_course else year.months in (11, 12) or not terms.pro_rata
    days = [day for day, _ in year.dues]
    assert days == sorted(set(days))
    assert all(amount > 0 for _, amount in year.dues)
    assert all(on <= day <= year.ends_on for day in days)
    assert year.starts_on <= on <= year.ends_on
    assert add_months(year.starts_on, 12) == year.ends_on + timedelta(days=1)
