"""A year, a quarter or a month: what figures are of, how it is written, and which periods come before it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from gateway.kernel.faults import Fault
from gateway.locale import mark

_WRITTEN = re.compile(r"(20\d\d|19\d\d)(?:-?Q([1-4])|-(0[1-9]|1[0-2]))?")
MONTHS, YEARS = 12, 5  # how far a trend goes back


class BadPeriod(Fault):
    """What was written is no period."""


@dataclass(frozen=True)
class Period:
    """A year (``Period(2026)``), a quarter of it, or a month; at most one of ``quarter`` and ``month`` is given."""

    year: int
    quarter: int | None = None
    month: int | None = None

    def __post_init__(self) -> None:
        if self.quarter is not None and self.month is not None:
            raise ValueError("a period is a quarter or a month")

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self._first_month, 1)

    @cached_property
    def last(self) -> date:
        """Its last day."""
        month = self._first_month + self.months
        return date(self.year + (month > 12), month - 12 if month > 12 else month, 1) - timedelta(days=1)

    @property
    def months(self) -> int:
        """How many months it has."""
        return 3 if self.quarter is not None else 12 if self.month is None else 1

    @property
    def _first_month(self) -> int:
        return self.quarter * 3 - 2 if self.quarter is not None else self.month or 1

    @property
    def year_first(self) -> date:
        """The first day of the twelve months that end with its last day; of a year that is its own first day."""
        return Period(self.last.year - 1, month=self.last.month).last + timedelta(days=1)

    @property
    def a_year_before(self) -> Period:
        """The same period of the year before."""
        return Period(self.year - 1, self.quarter, self.month)

    @property
    def before(self) -> Period:
        """The period of the same kind that ends where this one begins."""
        return Period.around(self.first - timedelta(days=1), self.months)

    @property
    def trend(self) -> tuple[Period, ...]:
        """The periods of its trend, the oldest first: five years, or the twelve months until its end."""
        newest = self if self.months == 12 else Period.around(self.last, 1)
        found = [newest]
        for _ in range((YEARS if self.months == 12 else MONTHS) - 1):
            found.append(found[-1].before)
        return tuple(reversed(found))

    @property
    def dhis2(self) -> str:
        """As DHIS2 names it: ``2026``, ``2026Q3``, ``202611``."""
        return str(self).replace("-", "")

    def __str__(self) -> str:
        if self.quarter is not None:
            return f"{self.year}Q{self.quarter}"
        return f"{self.year}" if self.month is None else f"{self.year}-{self.month:02d}"

    @classmethod
    def around(cls, day: date, months: int) -> Period:
        """The period of so many months (12, 3, 1) that a day is in."""
        if months == 12:
            return cls(day.year)
        return cls(day.year, quarter=(day.month + 2) // 3) if months == 3 else cls(day.year, month=day.month)

    @classmethod
    def read(cls, written: str) -> Period:
        """From ``2026``, ``2026Q3`` or ``2026-11``; raises :class:`BadPeriod`."""
        found = _WRITTEN.fullmatch(written.strip().upper())
        if found is None:
            raise BadPeriod(mark("a period is a year (2026), a quarter (2026Q3) or a month (2026-11)"))
        year, quarter, month = (int(one) if one else None for one in found.groups())
        assert year is not None
        return cls(year, quarter, month)
