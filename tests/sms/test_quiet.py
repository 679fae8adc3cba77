"""Quiet hours by the clock of the place: around midnight or not, over a change of clocks, or never."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.network.organisations import Organisation
from gateway.sms.quiet import last_at, last_full_hour, quiet_for

COTONOU, PARIS, CASABLANCA, KOLKATA = "Africa/Porto-Novo", "Europe/Paris", "Africa/Casablanca", "Asia/Kolkata"
LORD_HOWE = "Australia/Lord_Howe"  # its clocks change by half an hour


def place(zone: str, quiet_from: int = 20, quiet_until: int = 7) -> Organisation:
    return Organisation(
        id=1, parent_id=None, path="/1/", kind="mutuelle", code="m", name="M", district=None, country="BJ",
        currency="XOF", time_zone=zone, languages=("fr",), merchant_code=None, keeps_books=True, books_id=1,
        quiet_from=quiet_from, quiet_until=quiet_until,
    )  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hours(text: str) -> timedelta:
    hour, minute, second = text.split(":")
    return timedelta(hours=int(hour), minutes=int(minute), seconds=int(second))


@pytest.mark.parametrize(
    ("zone", "between", "now", "still"),
    [
        # around midnight; an hour later there than UTC
        (COTONOU, (20, 7), "2026-11-22 18:59:59", "0:00:00"),
        (COTONOU, (20, 7), "2026-11-22 19:00:00", "11:00:00"),
        (COTONOU, (20, 7), "2026-11-22 22:59:59", "7:00:01"),
        (COTONOU, (20, 7), "2026-11-22 23:00:00", "7:00:00"),  # midnight there
        (COTONOU, (20, 7), "2026-11-23 05:59:59", "0:00:01"),
        (COTONOU, (20, 7), "2026-11-23 06:00:00", "0:00:00"),
        # from or until midnight
        (COTONOU, (0, 6), "2026-11-22 22:59:00", "0:00:00"),
        (COTONOU, (0, 6), "2026-11-22 23:00:00", "6:00:00"),
        (COTONOU, (21, 0), "2026-11-22 22:30:00", "0:30:00"),
        (COTONOU, (21, 0), "2026-11-22 23:00:00", "0:00:00"),
        # on one day
        (COTONOU, (12, 14), "2026-11-22 10:59:00", "0:00:00"),
        (COTONOU, (12, 14), "2026-11-22 11:00:00", "2:00:00"),
        (COTONOU, (12, 14), "2026-11-22 13:00:00", "0:00:00"),
        # the same hour: never
        (COTONOU, (20, 20), "2026-11-22 19:00:00", "0:00:00"),
        (COTONOU, (0, 0), "2026-11-22 23:00:00", "0:00:00"),
        # a night of thirteen hours' quiet is twelve long, or fourteen
        (PARIS, (20, 9), "2026-03-28 19:00:00", "12:00:00"),  # 2 becomes 3
        (PARIS, (20, 9), "2026-10-24 18:00:00", "14:00:00"),  # 3 becomes 2
        # it ends at an hour that there isn't: with the change
        (PARIS, (20, 2), "2026-03-29 00:30:00", "0:30:00"),
        (PARIS, (20, 2), "2026-03-29 01:00:00", "0:00:00"),
        # it begins at one that there isn't: with the next
        (PARIS, (2, 6), "2026-03-29 00:59:59", "0:00:00"),
        (PARIS, (2, 6), "2026-03-29 01:00:00", "3:00:00"),
        # at one that there is twice: it ends with the first, and begins with it
        (PARIS, (20, 2), "2026-10-24 23:30:00", "0:30:00"),
        (PARIS, (20, 2), "2026-10-25 00:30:00", "0:00:00"),
        (PARIS, (20, 2), "2026-10-25 01:30:00", "0:00:00"),
        (PARIS, (2, 3), "2026-10-25 00:00:00", "2:00:00"),
        (PARIS, (2, 3), "2026-10-25 01:30:00", "0:30:00"),
        # Morocco is an hour from UTC, and in Ramadan isn't
        (CASABLANCA, (20, 7), "2026-02-14 19:00:00", "12:00:00"),
        (CASABLANCA, (20, 7), "2026-02-20 19:30:00", "0:00:00"),
        (CASABLANCA, (20, 7), "2026-02-20 20:00:00", "11:00:00"),
        # half an hour beside
        (KOLKATA, (20, 7), "2026-11-22 14:30:00", "11:00:00"),
        (LORD_HOWE, (20, 7), "2026-10-03 09:30:00", "10:30:00"),  # 2 becomes 2:30
    ],
)
def test_how_long_it_is_still_quiet(zone: str, between: tuple[int, int], now: str, still: str) -> None:
    assert quiet_for(utc(now), place(zone, *between)) == hours(still)


@pytest.mark.parametrize("zone", [COTONOU, PARIS, CASABLANCA, KOLKATA, LORD_HOWE])
@pytest.mark.parametrize("between", [(20, 7), (0, 6), (21, 0), (2, 3), (20, 2), (12, 14), (7, 7)])
def test_when_it_is_over_it_is_over(zone: str, between: tuple[int, int]) -> None:
    """Through a year, with all its changes of clocks: a moment before it is quiet still, and then no more."""
    one, now = place(zone, *between), utc("2026-01-01 00:05:00")
    while now.year == 2026:
        left = quiet_for(now, one)
        assert timedelta(0) <= left <= timedelta(hours=14)
        if left:
            assert not quiet_for(now + left, one), now
            assert quiet_for(now + left - timedelta(microseconds=1), one), now
        now += timedelta(hours=5, minutes=13)


@pytest.mark.parametrize(
    ("zone", "hour", "now", "then"),
    [
        (COTONOU, 20, "2026-11-22 18:59:59", "2026-11-21 19:00:00"),
        (COTONOU, 20, "2026-11-22 19:00:00", "2026-11-22 19:00:00"),
        (COTONOU, 20, "2026-11-22 23:30:00", "2026-11-22 19:00:00"),
        (COTONOU, 0, "2026-11-22 22:59:00", "2026-11-21 23:00:00"),
        (PARIS, 20, "2026-03-29 17:59:00", "2026-03-28 19:00:00"),
        (PARIS, 20, "2026-03-29 18:00:00", "2026-03-29 18:00:00"),
        (PARIS, 2, "2026-03-29 01:00:00", "2026-03-29 01:00:00"),  # there is no 2 o'clock
        (PARIS, 2, "2026-10-25 01:30:00", "2026-10-25 00:00:00"),  # there are two
        (KOLKATA, 20, "2026-11-22 14:29:00", "2026-11-21 14:30:00"),
    ],
)
def test_the_last_time_that_it_was_an_hour_of_the_day(zone: str, hour: int, now: str, then: str) -> None:
    assert last_at(utc(now), place(zone), hour) == utc(then)


@pytest.mark.parametrize(
    ("zone", "now", "then"),
    [
        (COTONOU, "2026-11-22 18:59:59", "2026-11-22 18:00:00"),
        (COTONOU, "2026-11-22 19:00:00", "2026-11-22 19:00:00"),
        (KOLKATA, "2026-11-22 14:29:00", "2026-11-22 13:30:00"),
        (PARIS, "2026-10-25 00:30:00", "2026-10-25 00:00:00"),  # the first 2 o'clock
        (PARIS, "2026-10-25 01:30:00", "2026-10-25 01:00:00"),  # the second
        (LORD_HOWE, "2026-10-03 15:45:00", "2026-10-03 15:30:00"),  # it is 2:45, and was never 2
    ],
)
def test_the_last_full_hour(zone: str, now: str, then: str) -> None:
    assert last_full_hour(utc(now), place(zone)) == utc(then)
