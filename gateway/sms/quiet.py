"""Quiet hours: when people who didn't ask for anything aren't written to, by the clock of their own place."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.network.organisations import Organisation


def quiet_for(now: datetime, place: Organisation) -> timedelta:
    """How long it is still quiet in a place; zero when people there may be written to."""
    return _quiet_for(now, ZoneInfo(place.time_zone), place.quiet_from, place.quiet_until)


def last_at(now: datetime, place: Organisation, hour: int) -> datetime:
    """The last moment, by now, at which it was a full hour of the day in a place; in UTC.

    Of an hour that comes twice it is the first; one that a change of clocks leaves out is that of the change.
    """
    return _last_at(now, ZoneInfo(place.time_zone), hour)


def _last_at(now: datetime, zone: ZoneInfo, hour: int) -> datetime:
    day = now.astimezone(zone).date()
    today, before = (datetime.combine(each, time(hour), zone).astimezone(UTC) for each in (day, day - timedelta(1)))
    return today if today <= now else before


def last_full_hour(now: datetime, place: Organisation) -> datetime:
    """The last moment, by now, at which an hour began in a place; in UTC."""
    return _last_full_hour(now, ZoneInfo(place.time_zone))


def _last_full_hour(now: datetime, zone: ZoneInfo) -> datetime:
    # An hour that comes twice begins twice: the floor keeps which of the two it is.
    return now.astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)


def _quiet_for(now: datetime, zone: ZoneInfo, quiet_from: int, quiet_until: int) -> timedelta:
    """The hours may stand around midnight (20 to 7) or not (12 to 14); the same hour twice is no time at all.

    An hour that a change of clocks leaves out begins with the next one, as the wall's clock has it.
    """
    local = now.astimezone(zone)
    if not _is_quiet(local.hour, quiet_from, quiet_until):
        return timedelta(0)
    day = local.date() if local.hour < quiet_until else local.date() + timedelta(days=1)
    opens = datetime.combine(day, time(quiet_until), zone).astimezone(UTC)
    return max(opens - now.astimezone(UTC), timedelta(seconds=1))


def _is_quiet(hour: int, quiet_from: int, quiet_until: int) -> bool:
    if quiet_from <= quiet_until:
        return quiet_from <= hour < quiet_until
    return hour >= quiet_from or hour < quiet_until
