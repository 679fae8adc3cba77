"""What joining costs and when it covers, for every plan and every day: bounded, monotone, whole."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.money import EXPONENT
from gateway.membership.dues import (
    NEWBORN_DAYS,
    Tariff,
    Terms,
    add_months,
    in_time,
    is_newborn,
    joiner_covered_from,
    months_left,
    next_year,
    part_of_year,
    renewal_is_open,
    wrong_day,
)
from tests.membership.test_cover import TERMS

DAYS = st.dates(date(2020, 1, 1), date(2032, 12, 31))
AMOUNTS = st.integers(0, 10**9)
CURRENCIES = st.sampled_from(sorted(EXPONENT))


@pytest.mark.parametrize(
    ("starts_on", "on", "months"),
    [
        ("2026-01-15", "2026-01-15", 12),
        ("2026-01-15", "2026-02-14", 12),
        ("2026-01-15", "2026-02-15", 11),
        ("2026-01-15", "2027-01-14", 1),
        ("2026-01-31", "2026-02-27", 12),
        ("2026-01-31", "2026-02-28", 11),  # the last day of a shorter month begins one
        ("2026-01-31", "2026-03-30", 11),
        ("2024-02-29", "2025-02-28", 1),
    ],
)
def test_the_month_that_has_begun_counts(starts_on: str, on: str, months: int) -> None:
    assert months_left(date.fromisoformat(starts_on), date.fromisoformat(on)) == months


@pytest.mark.parametrize(
    ("yearly", "months", "currency", "part"),
    [
        (2_400, 12, "XOF", 2_400),
        (2_400, 7, "XOF", 1_400),
        (2_500, 5, "XOF", 1_042),  # 1 041.67
        (2_500, 0, "XOF", 0),
        (0, 7, "XOF", 0),
        (250_000, 5, "CDF", 104_200),  # 1 041.67 francs: nobody pays centimes
        (250_050, 12, "CDF", 250_050),  # never more than the whole, odd as it may be
        (500, 7, "USD", 300),
    ],
)
def test_a_part_of_a_year(yearly: int, months: int, currency: str, part: int) -> None:
    assert part_of_year(yearly, months, currency) == part


@given(AMOUNTS, AMOUNTS, st.integers(0, 12), st.integers(0, 12), CURRENCIES)
def test_a_part_of_a_year_is_bounded_and_monotone(one: int, two: int, few: int, many: int, currency: str) -> None:
    (low, high), (few, many) = sorted((one, two)), sorted((few, many))
    part = part_of_year(low, few, currency)
    assert low * few <= part * 12  # never less than its share
    assert part <= low
    assert part - low * few / 12 < 10 ** EXPONENT[currency]  # and by less than one unit above
    assert part <= part_of_year(high, few, currency)
    assert part <= part_of_year(low, many, currency)


@given(DAYS, st.integers(0, 364), st.integers(0, 364))
def test_later_in_the_year_fewer_months_are_left(starts_on: date, one: int, two: int) -> None:
    early, late = (starts_on + timedelta(days=days) for days in sorted((one, two)))
    assert 12 >= months_left(starts_on, early) >= months_left(starts_on, late) >= 1
    assert months_left(starts_on, starts_on) == 12
    assert months_left(starts_on, add_months(starts_on, 12) - timedelta(days=1)) == 1


@given(DAYS, st.integers(0, 365), st.integers(-400, 400))
def test_a_joiner_is_covered_no_earlier_than_a_newcomer_and_no_earlier_than_the_household(
    on: date, waiting_days: int, household_in: int
) -> None:
    household = on + timedelta(days=household_in)
    own = joiner_covered_from(on, waiting_days, household)
    covered_from = max(own or household, household, on)
    assert covered_from == max(on + timedelta(days=waiting_days), household)
    assert own is None or own > on


@pytest.mark.parametrize(
    ("happened_on", "birth_year", "why"),
    [
        ("2026-11-22", 2026, None),
        ("2026-11-23", 2026, "future"),
        ("2025-11-22", 1990, None),
        ("2025-11-21", 1990, "old"),
        ("2026-01-01", 2026, None),
        ("2025-12-31", 2026, "before-birth"),
    ],
)
def test_days_on_which_nothing_can_have_happened(happened_on: str, birth_year: int, why: str | None) -> None:
    assert wrong_day(date.fromisoformat(happened_on), date(2026, 11, 22), birth_year) == why


def test_a_child_is_newborn_for_ninety_days() -> None:
    born_on = date(2026, 8, 24)
    assert is_newborn(born_on, born_on)
    assert is_newborn(born_on, born_on + timedelta(days=NEWBORN_DAYS))
    assert not is_newborn(born_on, born_on + timedelta(days=NEWBORN_DAYS + 1))


@given(TERMS, DAYS, st.integers(-60, 200), st.integers(1, 20))
def test_a_renewal_leaves_no_gap_and_owes_the_plan_once(terms: Terms, last_day: date, days: int, people: int) -> None:
    on = last_day + timedelta(days=days)
    year = next_year(terms, "XOF", last_day, people, on)
    goes_on = in_time(last_day, terms.grace_days, on)
    begins_on = last_day + timedelta(days=1) if goes_on else on
    assert last_day < year.starts_on <= begins_on <= year.ends_on  # no month is paid for twice
    assert add_months(year.starts_on, 12) == year.ends_on + timedelta(days=1)
    if terms.year_starts_month is None or goes_on:
        assert year.starts_on == begins_on
    yearly = part_of_year(Tariff.of(terms).yearly_minor(people), year.months, "XOF")
    assert sum(amount for _, amount in year.dues) == yearly  # no registration fee
    assert year.months == 12 or terms.pro_rata
    assert all(max(on, year.starts_on) <= due_on <= max(on, year.ends_on) for due_on, _ in year.dues)
    assert renewal_is_open(last_day, on)
    assert not renewal_is_open(last_day, last_day - timedelta(days=61))
