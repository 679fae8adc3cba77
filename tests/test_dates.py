"""Days as people type them on twelve keys."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.kernel.dates import BadDay, read_day

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("22/11", TODAY),
        ("23/11", date(2025, 11, 23)),  # tomorrow can't be meant
        ("1 5", date(2026, 5, 1)),
        ("01.05.2025", date(2025, 5, 1)),
        ("1-5-25", date(2025, 5, 1)),
        ("0105", date(2026, 5, 1)),
        ("010525", date(2025, 5, 1)),
        ("01052025", date(2025, 5, 1)),
        ("٠١٠٥", date(2026, 5, 1)),
        ("29/2", date(2024, 2, 29)),  # the latest that there was
        (" 31, 12 ", date(2025, 12, 31)),
    ],
)
def test_a_day_is_read(typed: str, day: date) -> None:
    assert read_day(typed, TODAY) == day


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "form"), ("hier", "form"), ("5", "form"), ("12345", "form"), ("31/2", "form"), ("0/5", "form"),
        ("1/13", "form"), ("1/5/2026/3", "form"), ("1*5", "form"), ("²/5", "form"), ("29/2/2025", "form"),
        ("23/11/2026", "future"), ("1/1/99", "future"),
    ],
)  # fmt: skip
def test_what_is_no_day_says_so(typed: str, why: str) -> None:
    with pytest.raises(BadDay) as bad:
        read_day(typed, TODAY)
    assert bad.value.args[0] == why
