"""Dues, as pure functions: what a version of a plan asks of whom for a membership year, by when, and who pays it."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.kernel.money import EXPONENT
from gateway.membership.people import MOST_PEOPLE

RENEWAL_OPENS_DAYS = 60  # before the last day of a membership year
NEWBORN_DAYS = 90  # so long after the birth a child is covered at once, and owes nothing for the running year
REPORT_WITHIN_MONTHS = 12  # what happened longer ago is for the office to look into


@dataclass(frozen=True)
class Terms:
    """What a version of a plan asks and gives; amounts in minor units of its currency.

    ``activation_percent`` is the share of the year's dues that must be paid before cover starts; a newcomer's cover
    then waits ``waiting_days`` (*période d'observation*), that of who comes back too late ``lapsed_waiting_days``, or
    the same; a due unpaid for ``grace_days`` (*délai de grâce*) suspends, and costs ``penalty_percent`` of it.

    The household's amount covers ``included_people``; those beyond are charged each, up to the ``charged_people_max``th
    on the card, which takes ``people_max``. ``pro_rata``: who enrols while a calendar year runs owes the months left.
    Newcomers may be taken for ``window_days`` from a day of each year only.
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
    lapsed_waiting_days: int | None = None
    window_opens_month: int | None = None
    window_opens_day: int | None = None
    window_days: int | None = None
    included_people: int = 0
    charged_people_max: int | None = None
    people_max: int | None = None
    pro_rata: bool = False
    penalty_percent: int = 0

    @property
    def room(self) -> int:
        """How many people a card takes."""
        return room(self.people_max)


@dataclass(frozen=True)
class Tariff:
    """What a household pays, or would if nobody paid ``subsidy_percent`` of it: its category's amounts, or the plan's.

    The registration fee is the household's own to pay, whoever pays the rest.
    """

    registration_fee_minor: int
    household_minor: int
    beneficiary_minor: int
    included_people: int = 0
    charged_people_max: int | None = None
    subsidy_percent: int = 0

    @classmethod
    def of(cls, terms: Terms) -> Tariff:
        """What the plan itself asks of who is in no category."""
        return cls(
            terms.registration_fee_minor,
            terms.household_minor,
            terms.beneficiary_minor,
            terms.included_people,
            terms.charged_people_max,
        )

    def charged(self, people: int) -> int:
        """How many of so many people on a card are charged for by themselves."""
        most = people if self.charged_people_max is None else min(people, self.charged_people_max)
        return max(0, most - self.included_people)

    def yearly_minor(self, people: int) -> int:
        """The contribution for twelve months, whoever pays it, without a registration fee."""
        return self.household_minor + self.beneficiary_minor * self.charged(people)


@dataclass(frozen=True)
class Parts:
    """An amount in two parts: what members pay, and what their category's subsidiser pays for them."""

    members_minor: int
    subsidised_minor: int


@dataclass(frozen=True)
class Year:
    """A membership year to be: its days, what falls due on which, and the ``months`` that this was counted for.

    ``subsidies`` are what a subsidiser pays of it, by the same days.
    """

    starts_on: date
    ends_on: date
    dues: tuple[tuple[date, int], ...]
    months: int = 12
    subsidies: tuple[tuple[date, int], ...] = ()


# --- days -------------------------------------------------------------------------------------------------------------


def add_months(day: date, months: int) -> date:
    """The same day ``months`` later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return _day(year, month + 1, day.day)


def _day(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


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


def in_time(last_day: date, grace_days: int, on: date) -> bool:
    """Does who enrols on a day go on from the year that ends on ``last_day``: before its end, or within the grace?"""
    # The day after the last one is in time, also where there is no grace.
    return on <= last_day + timedelta(days=max(1, grace_days))


def waits(terms: Terms, last_day: date | None, on: date) -> int:
    """The waiting period in days of a year that is enrolled for on a day; ``last_day`` is that of the last year."""
    if last_day is None:
        return terms.waiting_days
    if in_time(last_day, terms.grace_days, on):
        return 0
    return terms.waiting_days if terms.lapsed_waiting_days is None else terms.lapsed_waiting_days


def renewal_is_open(last_day: date, on: date) -> bool:
    """Can a year that ends (or ended) on ``last_day`` be followed by the next one yet?"""
    return on >= last_day - timedelta(days=RENEWAL_OPENS_DAYS)


def closed_until(terms: Terms, on: date) -> date | None:
    """The next day on which newcomers can enrol, where they can't on a day; None: they can."""
    if terms.window_opens_month is None or terms.window_opens_day is None or terms.window_days is None:
        return None
    opens = [_day(on.year + more, terms.window_opens_month, terms.window_opens_day) for more in (-1, 0, 1)]
    if any(first <= on < first + timedelta(days=terms.window_days) for first in opens):
        return None
    return next(first for first in opens if first > on)


def months_left(starts_on: date, on: date) -> int:
    """Months of the membership year that began on ``starts_on`` which are left on a day of it; the one begun counts."""
    return 12 - max(month for month in range(12) if add_months(starts_on, month) <= on)


# --- amounts ----------------------------------------------------------------------------------------------------------


def room(people_max: int | None) -> int:
    """How many people a card takes, where a plan names a number or names none."""
    return MOST_PEOPLE if people_max is None else min(people_max, MOST_PEOPLE)


def part_of_year(yearly_minor: int, months: int, currency: str) -> int:
    """``months`` twelfths of a yearly amount, rounded up to whole units of the currency; never more than the whole."""
    unit: int = 10 ** EXPONENT[currency]
    return min(yearly_minor, -(-yearly_minor * months // (12 * unit)) * unit)


def shared(amount_minor: int, subsidy_percent: int, currency: str) -> Parts:
    """An amount as members and a subsidiser share it; the members' part is rounded up to whole units."""
    unit: int = 10 ** EXPONENT[currency]
    members = min(amount_minor, -(-amount_minor * (100 - subsidy_percent) // (100 * unit)) * unit)
    return Parts(members, amount_minor - members)


def for_months(tariff: Tariff, people: int, months: int, currency: str) -> Parts:
    """What is owed for so many people on a card for so many months of a year, without a registration fee."""
    return shared(part_of_year(tariff.yearly_minor(people), months, currency), tariff.subsidy_percent, currency)


def for_joiner(tariff: Tariff, people: int, months: int, currency: str) -> Parts:
    """What is owed for one more than ``people`` on a card; nothing where the one more is included, or beyond charge."""
    more = tariff.charged(people + 1) - tariff.charged(people)
    return shared(part_of_year(tariff.beneficiary_minor * more, months, currency), tariff.subsidy_percent, currency)


def penalty(due_minor: int, percent: int, currency: str) -> int:
    """What is owed on top of an instalment whose grace is over; rounded down to whole units."""
    unit: int = 10 ** EXPONENT[currency]
    return due_minor * percent // (100 * unit) * unit


# --- a year -----------------------------------------------------------------------------------------------------------


def instalment_days(instalments: int, starts_on: date, enrolled_on: date, months: int) -> list[date]:
    """When the instalments of a year fall due: spread evenly over it, none before the enrolment.

    Of a year that is owed for some ``months`` only, the instalment that runs then is the first.
    """
    gone = 12 - months
    numbers = (number for number in range(instalments) if (number + 1) * 12 // instalments > gone)
    return [max(enrolled_on, add_months(starts_on, number * 12 // instalments)) for number in numbers]


def spread(amount_minor: int, days: Sequence[date]) -> dict[date, int]:
    """An amount in equal instalments; what doesn't divide evenly is in the first one."""
    each, rest = divmod(amount_minor, len(days))
    found: dict[date, int] = {}
    for number, day in enumerate(days):
        amount = each + (rest if number == 0 else 0)
        if amount:
            found[day] = found.get(day, 0) + amount
    return found


def year_of(
    tariff: Tariff,
    instalments: int,
    starts_on: date,
    months: int,
    enrolled_on: date,
    people: int,
    newcomer: bool,
    currency: str,
) -> Year:
    """The year that begins on a day with its dues, from what is kept of a membership: the same whenever it is asked.

    The registration fee (*droit d'adhésion*) of a newcomer is due at once.
    """
    parts = for_months(tariff, people, months, currency)
    days = instalment_days(instalments, starts_on, enrolled_on, months)
    dues = spread(parts.members_minor, days)
    if newcomer and tariff.registration_fee_minor:
        dues[enrolled_on] = dues.get(enrolled_on, 0) + tariff.registration_fee_minor
    return Year(
        starts_on,
        add_months(starts_on, 12) - timedelta(days=1),
        tuple(sorted(dues.items())),
        months,
        tuple(spread(parts.subsidised_minor, days).items()),
    )


def dues_for(
    terms: Terms,
    currency: str,
    enrolled_on: date,
    people: int,
    *,
    newcomer: bool,
    begins_on: date | None = None,
    last_day: date | None = None,
    tariff: Tariff | None = None,
) -> Year:
    """What ``people`` on a card owe for the year from ``begins_on`` (or the enrolment), by instalment.

    ``last_day`` is that of the household's last year, if it had one; ``tariff`` that of its category, if it is in one
    for which the plan has one.
    """
    begins_on = begins_on or enrolled_on
    starts_on, _ = membership_year(terms, begins_on, last_day)
    months = months_left(starts_on, begins_on) if terms.pro_rata else 12
    own = tariff or Tariff.of(terms)
    return year_of(own, terms.instalments, starts_on, months, enrolled_on, people, newcomer, currency)


def next_year(
    terms: Terms, currency: str, last_day: date | None, people: int, on: date, tariff: Tariff | None = None
) -> Year:
    """The year that a household enrols for on a day; ``last_day`` is that of its last year, None for a newcomer.

    Who renews in time goes on without a gap: the new year begins the day after the last one, whenever it is enrolled.
    """
    goes_on = last_day is not None and in_time(last_day, terms.grace_days, on)
    begins_on = last_day + timedelta(days=1) if last_day is not None and goes_on else on
    return dues_for(
        terms, currency, on, people, newcomer=last_day is None, begins_on=begins_on, last_day=last_day, tariff=tariff
    )


# --- who joins --------------------------------------------------------------------------------------------------------


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
