"""Where people stop in the menu: how calls end, how far each journey comes, and what a contribution costs in calls.

A journey is one file of screens. What a call reached of it is worked out from the screens on its path and from what
their annotations say: nothing but names of screens is kept of a call.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from itertools import zip_longest
from typing import Any, get_args, get_type_hints

from pydantic_core import from_json
from sqlalchemy import ColumnElement, Connection, Row, Text, and_, cast, func, or_, select, true

import gateway.ussd.screens  # noqa: F401  (importing them makes them known)
from gateway.payments.states import State
from gateway.store.schema import collection, organisation, ussd_call, ussd_charge
from gateway.ussd.effects.paying import Found
from gateway.ussd.screen import GoHome, GoThrough, Kind, kind, screens

# --- journeys ---------------------------------------------------------------------------------------------------------

HOME = "home"  # the file where all journeys begin; it is none itself
PIN = "pin"  # stands before other journeys' screens
# What one came for, though nothing is done there, or not by everybody.
ANSWERS = frozenset(
    {
        "MyCover",
        "MyPayments",
        "PickFacility",
        "CoveredToday",
        "DueHere",
        "CollectedToday",
        "CallsToMake",
        "TodaysTakings",
        "LastPayments",
    }
)
DEAD_ENDS = frozenset({"NoPin"})


@dataclass(frozen=True)
class Place:
    """A screen as a part of its journey; ``done`` when nobody comes here but who has completed the journey.

    Else the step from here to one of ``onward`` completes it; ``door``: so does any step but those to ``within``.
    """

    journey: str
    done: bool
    onward: frozenset[str]
    door: bool
    within: frozenset[str]

    def completes(self, after: str | None) -> bool:
        """Whether the journey is complete here, where ``after`` is the next screen on the path."""
        if self.done or after in self.onward:
            return True
        return self.door and after is not None and after not in self.within


@cache
def place(name: str) -> Place | None:
    """What the annotations say of the screen named ``name``; None for home and for a screen that is no more.

    A journey is complete at an ending, at a screen that only an effect's outcome leads to (finding a household is a
    step, not an end), where an effect leads home, and where it leads on into another journey (a desk's do).
    """
    known = kind(name)
    if known is None or _journey(known.cls) == HOME:
        return None
    outcomes, answers = _ways(known.cls, "done"), _ways(known.cls, "take", "typed")
    journey = _journey(known.cls)
    onward = {one.__name__ for one in known.destinations if _journey(one) not in (journey, HOME, PIN)}
    onward &= screens().keys()
    if GoHome in outcomes and GoHome not in answers and GoThrough not in outcomes:
        onward.add("Home")
    return Place(
        journey,
        name in ANSWERS or name in _only_by_effect() or _ends(known),
        frozenset(onward),
        GoThrough in outcomes,
        frozenset({"Home", *(one.__name__ for one in known.destinations)}),
    )


def _ends(known: Kind) -> bool:
    return known.takes is None and known.cls.__name__ not in DEAD_ENDS


@cache
def _only_by_effect() -> frozenset[str]:
    """The screens that only an effect's outcome leads to."""
    reached: set[type] = set()
    answered: set[type] = set()
    for cls in screens().values():
        answered |= _ways(cls, "take", "typed")
        if hasattr(cls, "done") and Found not in get_type_hints(cls.done, localns=screens()).values():
            reached |= _ways(cls, "done")
        else:
            answered |= _ways(cls, "done")
    return frozenset(one.__name__ for one in reached - answered) & screens().keys() - DEAD_ENDS


def _ways(cls: type, *methods: str) -> set[type]:
    """Where methods of a screen may lead, as their annotations say."""
    found: set[type] = set()
    for method in methods:
        if hasattr(cls, method):
            returned = get_type_hints(getattr(cls, method), localns=screens())["return"]
            found.update(get_args(returned) or (returned,))
    return found


def _journey(cls: type) -> str:
    return cls.__module__.rpartition(".")[2]


def journeys(path: Iterable[str]) -> dict[str, str | None]:
    """The journeys of a call, each with the screen where it stopped; None for one that was completed."""
    names = list(path)
    found: dict[str, str | None] = {}
    for name, after in zip_longest(names, names[1:]):
        here = place(name)
        if here is None or found.get(here.journey, name) is None:
            continue
        found[here.journey] = None if here.completes(after) else name
    return found


@lru_cache(maxsize=20_000)
def _read(path: str) -> tuple[str, tuple[tuple[str, str | None], ...]]:
    """The last screen of a stored path, and its journeys; many calls go the same way."""
    names = from_json(path)
    return (names[-1] if names else ""), tuple(journeys(names).items())


# --- the report -------------------------------------------------------------------------------------------------------

SHOWN_STOPS = 3
SHOWN_DROPS = 10
BATCH = 20_000

Counts = tuple[tuple[str, int], ...]  # names with how often, the most frequent first


@dataclass(frozen=True)
class Spread:
    """Half of them took as much as ``median`` or less, nine in ten as much as ``ninetieth`` or less."""

    median: int
    ninetieth: int


@dataclass(frozen=True)
class Journey:
    """A journey: in how many calls it was begun, in how many completed, and where most of the others stopped.

    ``hops`` and ``seconds`` are those of the whole calls that completed it.
    """

    name: str
    calls: int
    completed: int
    stopped: Counts
    hops: Spread | None
    seconds: Spread | None


@dataclass(frozen=True)
class Cost:
    """What calls cost in one currency, and each contribution that was paid by phone; None when there was none."""

    currency: str
    total: Decimal
    calls: int
    per_contribution: Decimal | None


@dataclass(frozen=True)
class Usage:
    """The calls to a part of the network that began in [``since``, ``until``).

    ``dropped_at``: the last screens of calls that were dropped. ``contributions``: paid pushes that were asked for in
    the time. ``unread``: charges that name no amount.
    """

    since: datetime
    until: datetime
    calls: int
    ends: Counts
    gateways: Counts
    languages: Counts
    dropped_at: Counts
    journeys: tuple[Journey, ...]
    contributions: int
    costs: tuple[Cost, ...]
    unread: int


def usage(connection: Connection, under_path: str, since: datetime, until: datetime) -> Usage:
    """The report on everything below ``under_path`` (``/`` is everything).

    A call belongs to the organisation whose short code was dialled, a contribution to the mutuelle that it was paid to.
    Memory doesn't grow with the number of calls.
    """
    told = _Told()
    for row in _calls(connection, under_path, since, until):
        told.add(row)
    paid = _contributions(connection, under_path, since, until)
    costs, unread = _costs(connection, under_path, since, until, paid)
    return Usage(
        since,
        until,
        told.ends.total(),
        _counts(told.ends),
        _counts(told.gateways),
        _counts(told.languages),
        _counts(told.dropped_at, SHOWN_DROPS),
        tuple(sorted((one.result() for one in told.journeys.values()), key=lambda one: (-one.calls, one.name))),
        paid,
        costs,
        unread,
    )


@dataclass
class _Tally:
    """One journey while it is counted: whole distributions, of which there are few values."""

    name: str
    completed: int = 0
    stopped: Counter[str] = field(default_factory=Counter)
    hops: Counter[int] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)

    def result(self) -> Journey:
        return Journey(
            self.name,
            self.completed + self.stopped.total(),
            self.completed,
            _counts(self.stopped, SHOWN_STOPS),
            _spread(self.hops),
            _spread(self.seconds),
        )


@dataclass
class _Told:
    """All calls that were read so far."""

    ends: Counter[str] = field(default_factory=Counter)
    gateways: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    dropped_at: Counter[str] = field(default_factory=Counter)
    journeys: dict[str, _Tally] = field(default_factory=dict)

    def add(self, row: Row[Any]) -> None:
        self.ends[row.end] += 1
        self.gateways[row.gateway] += 1
        self.languages[row.language] += 1
        last, came = _read(row.path)
        if row.end == "dropped":
            self.dropped_at[last] += 1
        for name, stopped in came:
            tally = self.journeys.get(name)
            if tally is None:
                tally = self.journeys[name] = _Tally(name)
            if stopped is not None:
                tally.stopped[stopped] += 1
                continue
            tally.completed += 1
            tally.hops[row.hops] += 1
            tally.seconds[row.seconds] += 1


def _counts(counter: Counter[str], most: int | None = None) -> Counts:
    """The most frequent first; among equals, by name."""
    return tuple(sorted(counter.items(), key=lambda one: (-one[1], one[0]))[:most])


def _spread(values: Mapping[int, int]) -> Spread | None:
    """Percentiles by the nearest rank: each is a value that occurred."""
    total = sum(values.values())
    return Spread(_at(values, -(-total // 2)), _at(values, -(-total * 9 // 10))) if total else None


def _at(values: Mapping[int, int], rank: int) -> int:
    seen = 0
    for value in sorted(values):
        seen += values[value]
        if seen >= rank:
            return value
    raise ValueError("a rank beyond the last value")


def _below(column: ColumnElement[int], under_path: str) -> ColumnElement[bool]:
    if under_path == "/":
        return true()
    return column.in_(select(organisation.c.id).where(organisation.c.path.like(under_path + "%")))


def _calls(connection: Connection, under_path: str, since: datetime, until: datetime) -> Iterator[Row[Any]]:
    """The calls, read in batches; ``path`` as it is stored, as text."""
    table = ussd_call.c
    statement = (
        select(
            table.started_at,
            table.key,
            table.gateway,
            table.language,
            table.end,
            table.hops,
            table.seconds,
            cast(table.path, Text).label("path"),
        )
        .where(table.started_at < until, _below(table.organisation_id, under_path))
        .order_by(table.started_at, table.key)
        .limit(BATCH)
    )
    rows: Sequence[Row[Any]] = connection.execute(statement.where(table.started_at >= since)).all()
    while rows:
        yield from rows
        at, key = rows[-1].started_at, rows[-1].key
        after = or_(table.started_at > at, and_(table.started_at == at, table.key > key))
        rows = connection.execute(statement.where(table.started_at >= at, after)).all() if len(rows) == BATCH else ()


def _contributions(connection: Connection, under_path: str, since: datetime, until: datetime) -> int:
    return (
        connection.scalar(
            select(func.count()).where(
                collection.c.way == "push",
                collection.c.state == State.PAID,
                collection.c.created_at >= since,
                collection.c.created_at < until,
                _below(collection.c.organisation_id, under_path),
            )
        )
        or 0
    )


_CHARGE = re.compile(r"([A-Z]{3})\s+(\d+(?:\.\d+)?)")  # "KES 0.10", as Africa's Talking writes it


def _costs(
    connection: Connection, under_path: str, since: datetime, until: datetime, contributions: int
) -> tuple[tuple[Cost, ...], int]:
    """What was charged in the time, by currency; and how many charges name no amount.

    A charge whose call was never counted is the whole network's: it can't be told which part's.
    """
    charges = select(ussd_charge.c.cost, func.count()).where(ussd_charge.c.at >= since, ussd_charge.c.at < until)
    if under_path != "/":
        charges = charges.join(ussd_call, ussd_call.c.key == ussd_charge.c.key)
        charges = charges.where(_below(ussd_call.c.organisation_id, under_path))
    totals: dict[str, Decimal] = {}
    calls: Counter[str] = Counter()
    unread = 0
    for cost, count in connection.execute(charges.group_by(ussd_charge.c.cost)):
        found = _CHARGE.fullmatch(cost.strip())
        if found is None:
            unread += count
            continue
        currency, amount = found[1], Decimal(found[2])
        totals[currency] = totals.get(currency, Decimal(0)) + amount * count
        calls[currency] += count
    return (
        tuple(
            Cost(currency, total, calls[currency], round(total / contributions, 4) if contributions else None)
            for currency, total in sorted(totals.items())
        ),
        unread,
    )
