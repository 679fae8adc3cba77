"""Days as people type them on twelve keys: the day and the month, and the year where it isn't plain."""

from __future__ import annotations

import re
from datetime import date

from gateway.kernel.numbers import in_our_digits


class BadDay(ValueError):
    """Not a day; ``args[0]`` is ``form`` or ``future``."""


def read_day(typed: str, today: date) -> date:
    """A day that isn't after ``today``: ``12/5``, ``12 5 2026``, ``1205`` or ``12052026``; raises :class:`BadDay`.

    Without its year it is the latest such day.
    """
    text = in_our_digits(typed.strip())
    if re.fullmatch(r"\d{4}|\d{6}|\d{8}", text):
        parts = [text[:2], text[2:4], text[4:]]
    else:
        parts = re.split(r"[\s./\-,]+", text)
    numbers = [part for part in parts if part]
    if not 2 <= len(numbers) <= 3 or not all(re.fullmatch(r"\d{1,4}", part) for part in numbers):
        raise BadDay("form")
    day, month = int(numbers[0]), int(numbers[1])
    if len(numbers) == 2:
        return _latest(day, month, today)
    year = int(numbers[2]) + (2000 if len(numbers[2]) <= 2 else 0)
    found = _day(year, month, day)
    if found > today:
        raise BadDay("future")
    return found


def _latest(day: int, month: int, today: date) -> date:
    for year in range(today.year, today.year - 5, -1):  # the 29th of February is at most four years ago
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found <= today:
            return found
    raise BadDay("form")


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise BadDay("form") from None


# Days that an office writes: so that a month before and a week after are days as well.
_FIRST_YEAR, _LAST_YEAR = 2000, 2999


def iso_day(typed: str) -> date | None:
    """A day as a page's date field sends it, ``2026-12-31``; None for what is none, or of another age of the world."""
    try:
        found = date.fromisoformat(typed) if len(typed) == 10 else None
    except ValueError:
        return None
    return found if found is not None and _FIRST_YEAR <= found.year <= _LAST_YEAR else None


def iso_month(typed: str) -> date | None:
    """The first day of a month that is written ``2026-12``; None for what is none."""
    return iso_day(f"{typed}-01")
