"""A period is a year, a quarter or a month; its trend is five years or the twelve months until its end."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.indicators.keeping import wanted
from gateway.indicators.periods import BadPeriod, Period


@pytest.mark.parametrize(
    ("written", "first", "last", "before", "year_first", "dhis2"),
    [
        ("2026", "2026-01-01", "2026-12-31", "2025", "2026-01-01", "2026"),
        ("2026Q1", "2026-01-01", "2026-03-31", "2025Q4", "2025-04-01", "2026Q1"),
        ("2026Q4", "2026-10-01", "2026-12-31", "2026Q3", "2026-01-01", "2026Q4"),
        ("2026-12", "2026-12-01", "2026-12-31", "2026-11", "2026-01-01", "202612"),
        ("2024-02", "2024-02-01", "2024-02-29", "2024-01", "2023-03-01", "202402"),
        ("2026-01", "2026-01-01", "2026-01-31", "2025-12", "2025-02-01", "202601"),
    ],
)
def test_a_period(written: str, first: str, last: str, before: str, year_first: str, dhis2: str) -> None:
    one = Period.read(written)
    assert (str(one), str(one.before), one.dhis2) == (written, before, dhis2)
    assert [one.first, one.last, one.year_first] == [date.fromisoformat(day) for day in (first, last, year_first)]
    assert one.a_year_before.year == one.year - 1


@pytest.mark.parametrize("written", ["", "26", "2026-13", "2026Q5", "2026-1", "2026-11-22", "1500", "2026Q"])
def test_no_period(written: str) -> None:
    with pytest.raises(BadPeriod):
        Period.read(written)


def test_a_trend_ends_with_its_period() -> None:
    assert [str(one) for one in Period(2026).trend] == ["2022", "2023", "2024", "2025", "2026"]
    months = [str(one) for one in Period(2026, quarter=1).trend]
    assert (len(months), months[0], months[-1]) == (12, "2025-04", "2026-03")
    assert {"2026-11", "2025-12", "2026Q4", "2025Q4", "2022"} < {str(one) for one in wanted(date(2026, 11, 22))}
