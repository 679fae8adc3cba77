"""Today: what came in, who is covered, what waits for somebody, and whether everything works."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from redis import RedisError
from sqlalchemy import Connection

from gateway.console import charts
from gateway.console.answers import Answer, Page
from gateway.console.doors import Area, Entrance
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.health.state import look
from gateway.kernel.money import Money
from gateway.locale import mark, show_count, show_money
from gateway.membership import tallies
from gateway.membership.rules import State
from gateway.membership.tallies import Tally
from gateway.network.organisations import Organisation
from gateway.payments.push.breaker import Line, standings
from gateway.payments.takings import REFUNDED, REVERSED, Takings, takings, takings_by_hour
from gateway.payments.today import Waiting, waiting

AREA = Area("today", Entrance(mark("Today"), "/", Right.SEE_TODAY))

WAYS = ("push", "reference", "cash")
MANY_PAYMENTS, REMEMBERED_FOR_S = 2_000, 600

WAY_NAMES = {
    "push": mark("By phone"),
    "reference": mark("By merchant code"),
    "cash": mark("In cash"),
    REVERSED: mark("Taken back"),
    REFUNDED: mark("Given back"),
}
STATE_NAMES = {
    State.ACTIVE: mark("Covered"),
    State.GRACE: mark("Covered, overdue"),
    State.WAITING: mark("In the waiting period"),
    State.UNPAID: mark("Not covered: too little paid"),
    State.SUSPENDED: mark("Suspended"),
    State.LAPSED: mark("Year over"),
    State.NONE: mark("No membership"),
}
# The order in which a chart stacks them, and the badge of each.
KINDS = {
    State.ACTIVE: "good",
    State.WAITING: "wait",
    State.GRACE: "wait",
    State.UNPAID: "quiet",
    State.SUSPENDED: "bad",
    State.LAPSED: "bad",
}


@AREA.get("/", Right.SEE_TODAY)
def today(visit: Visit) -> Answer:
    """What a treasurer must know in one look."""
    place = _with_books(visit)
    day = visit.today(place.id)
    values: dict[str, Any] = {
        "place": place,
        "day": day,
        "number": lambda count: show_count(count, visit.say.language),
    }
    sees_money = visit.may(Right.SEE_MONEY, place.id)
    with visit.store.read() as connection:
        tally = tallies.now(connection, visit.tree, visit.at, visit.now)
        if sees_money:
            values |= _money(visit, connection, place, day)
        values["waiting"] = _waiting(visit, waiting(connection, visit.tree, visit.at, day))
        past = tallies.through_time(connection, visit.tree, visit.at, visit.today())
        silent = _silent(visit, connection)
    values |= _cover(visit, tally, past)
    values["ill"] = [*silent, *_ill(visit)]
    return Page("today.html", visit.say("Today"), values)


def _with_books(visit: Visit) -> Organisation:
    """The organisation whose takings are shown: of a section, the mutuelle whose books hold them."""
    above = visit.tree.books_of(visit.at.id)
    return above if above.keeps_books else visit.at


# --- money ------------------------------------------------------------------------------------------------------------


def _money(visit: Visit, connection: Connection, place: Organisation, day: date) -> dict[str, Any]:
    say, currency = visit.say, place.currency
    received, by_hour = takings_by_hour(connection, visit.tree, place.id, day)
    own = {(hour, way): minor for (hour, way, each), minor in by_hour.items() if each == currency and way in WAYS}
    hours = _hours([hour for hour, _ in own])
    labels = [say("{hour} h", hour=hour) for hour in hours]
    columns = [(say(WAY_NAMES[way]), [own.get((hour, way), 0) for hour in hours]) for way in WAYS]
    rows = [(label, [Money(figures[row], currency) for _, figures in columns]) for row, label in enumerate(labels)]
    return {
        "received": _total(received, currency),
        "others": [one for one in received.totals if one.currency != currency],
        "before": [
            (say("Yesterday"), _past(visit, connection, place, day - timedelta(days=1))),
            (say("The same day last week"), _past(visit, connection, place, day - timedelta(days=7))),
        ],
        "ways": [(say(WAY_NAMES.get(way, way)), count, amount) for way, count, amount in received.rows],
        "payments": sum(count for way, count, _ in received.rows if way in WAYS),
        "chart": charts.bars(
            say("Money in today, by hour and way"),
            labels,
            columns,
            lambda minor: show_money(Money(round(minor), currency), say.language),
        )
        if own
        else "",
        "hour_heads": [say("Hour"), *((name, "number") for name, _ in columns)],
        "hour_rows": rows,
    }


def _hours(having: list[int]) -> range:
    """The hours that the chart shows: those of an office's day, and any other with money in it."""
    return range(min([7, *having]), max([18, *having]) + 1)


def _past(visit: Visit, connection: Connection, place: Organisation, day: date) -> Money:
    """What came in on a day that is over. What takes long to add up is remembered for some minutes."""
    key, redis = f"office:takings:{place.id}:{day}", visit.parts.redis
    try:
        kept = redis.get(key)
    except RedisError:
        kept = None
    if kept is not None:
        return Money(int(kept), place.currency)
    found = takings(connection, visit.tree, place.id, day)
    total = _total(found, place.currency)
    if sum(count for _, count, _ in found.rows) >= MANY_PAYMENTS:
        with suppress(RedisError):
            redis.set(key, total.minor, ex=REMEMBERED_FOR_S)
    return total


def _total(found: Takings, currency: str) -> Money:
    return next((one for one in found.totals if one.currency == currency), Money(0, currency))


# --- cover ------------------------------------------------------------------------------------------------------------


def _cover(visit: Visit, tally: Tally | None, past: list[Tally]) -> dict[str, Any]:
    if tally is None:
        return {"tally": None}
    say = visit.say
    series = [*(one for one in past if one.on < tally.on), tally]
    by_month = tally.on - series[0].on > tallies.LONG
    labels = [f"{one.on:%m/%y}" if by_month else f"{one.on:%d/%m}" for one in series[:-1]] + [f"{tally.on:%d/%m/%Y}"]
    parts = [(say(STATE_NAMES[state]), [one.states[state].households for one in series]) for state in KINDS]
    return {
        "tally": tally,
        "counted_at": _clock(tally.counted_at, visit.at.time_zone),
        "states": [
            (say(STATE_NAMES[state]), KINDS.get(state, "quiet"), stood)
            for state, stood in tally.states.items()
            if stood.households
        ],
        "cover_chart": charts.areas(
            say("Households by how they are covered"),
            labels,
            parts,
            lambda count: show_count(round(count), say.language),
        )
        if len(series) > 1
        else "",
        "cover_heads": [say("Counted on"), *((name, "number") for name, _ in parts)],
        "cover_rows": [(label, [figures[place] for _, figures in parts]) for place, label in enumerate(labels)],
    }


def _clock(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%d/%m %H:%M}"


# --- what waits, and how the machine is -------------------------------------------------------------------------------


def _waiting(visit: Visit, found: Waiting) -> list[tuple[str, int, str]]:
    """What waits for somebody who may do it: in words, how many, and where."""
    say = visit.say
    every = [
        (say("Differences with statements"), found.differences, "/reconciliation", Right.RECONCILE),
        (say("Money to identify"), found.suspense, "/collections/suspense", Right.DECIDE_MONEY),
        (say("Cases to decide"), found.cases, "/collections/cases", Right.DECIDE_MONEY),
        (say("Payments without an answer yet"), found.undecided, "/collections?state=waiting", Right.SEE_MONEY),
        (say("Refunds under way"), found.refunds, "/collections/refunds", Right.REFUND),
        (say("Cash handed over, to be confirmed"), found.handovers, "/cash/handovers", Right.TAKE_CASH),
        (say("Yesterday not closed"), found.days, "/collections/day", Right.SEE_MONEY),
        (say("Complaints and calls to answer"), found.requests, "/care", Right.SEE_REQUESTS),
        (say("Campaigns under way"), found.campaigns, "/reminders", Right.SEE_REMINDERS),
    ]
    return [(name, count, to) for name, count, to, right in every if count and visit.may(right, visit.at.id)]


_PART_NAMES = {
    "database": mark("Database"),
    "redis": mark("Redis"),
    "queue money": mark("Asking operators"),
    "queue receipts": mark("Receipts"),
    "queue replies": mark("Answers by SMS"),
    "queue reminders": mark("Reminders"),
}
_LATE, _DOWN = (mark("late"), "wait"), (mark("doesn't answer"), "bad")


def _silent(visit: Visit, connection: Connection) -> list[tuple[str, str, str]]:
    """The operators, of the countries that are looked at, to whom nobody is sent now, by their names."""
    shut = {one.line for one in standings(connection) if one.open_until is not None and one.open_until > visit.now}
    countries = {one.country for one in visit.tree.by_id.values() if one.under(visit.at)}
    names = [
        one.name
        for one in visit.parts.services.operators.all
        if one.country in countries and any(Line(push.provider, push.environment) in shut for push in one.pushes)
    ]
    return [(name, visit.say(_DOWN[0]), _DOWN[1]) for name in dict.fromkeys(names)]


def _ill(visit: Visit) -> list[tuple[str, str, str]]:
    """Each part of the machine that doesn't work as it should: its name, how it is, and the colour of that."""
    return [
        (
            visit.say(_PART_NAMES[one.name]) if one.name in _PART_NAMES else one.name.upper(),
            visit.say((_LATE if one.state == "late" else _DOWN)[0]),
            (_LATE if one.state == "late" else _DOWN)[1],
        )
        for one in look(visit.store, visit.parts.redis)
        if one.state != "ok"
    ]
