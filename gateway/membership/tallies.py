"""How many households stand how, counted now and then and kept: a page can't count a million households.

A tally says when it was counted, and nothing rests on it but figures on pages: cover itself stays a function of ledger,
plan and date. A large network is counted once a day, soon after midnight, others every hour, and what is small enough
whenever somebody looks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from gateway.kernel.clock import day_in
from gateway.membership.everyone import HouseholdCover, everyone
from gateway.membership.rules import State
from gateway.network.organisations import Network, Organisation, Tree
from gateway.store.or_set import or_set
from gateway.store.schema import cover_tally, household, organisation
from gateway.store.unit import Store

LOOKED_BACK_YEAR = timedelta(days=366)
LONG = timedelta(days=120)  # what was counted for longer is looked at by the month, else by the week

# A day's count is kept beside the states under these names: whose year ends within so many days.
ENDS_WITHIN = {7: "ends_in_7", 30: "ends_in_30"}
LOOKED_BACK = 7  # days: an older tally says nothing of today
STEP = 500  # households between two looks at the clock
ONCE_A_DAY = 50_000  # so many households, or more, are counted once a day
AT_ONCE = 500  # so many, or fewer, are counted while somebody waits for the page

_KEEP = or_set(cover_tally, ("section_id", "on", "state"), "households", "people", "covered", "counted_at")


@dataclass(frozen=True)
class Stood:
    """Households, the people on their cards, and of them those who were covered."""

    households: int = 0
    people: int = 0
    covered: int = 0


@dataclass(frozen=True)
class Tally:
    """How a part of the network stood on a day. ``ending``: households whose year ends within so many days."""

    on: date
    counted_at: datetime
    states: dict[State, Stood]
    ending: dict[int, int]

    @property
    def all(self) -> Stood:
        """Everybody together."""
        return Stood(
            sum(one.households for one in self.states.values()),
            sum(one.people for one in self.states.values()),
            sum(one.covered for one in self.states.values()),
        )


# --- counting ---------------------------------------------------------------------------------------------------------


def counting(store: Store, network: Network, again: bool = False) -> Iterator[int]:
    """Count every network as it stands today, a step at a time; yields how many households were counted.

    A large one that was counted today isn't counted ``again`` unless that is said.
    """
    tree = network.tree()
    for root in [one for one in tree.by_id.values() if one.parent_id is None]:
        today = day_in(root.time_zone, store.clock.now())
        with store.read() as connection:
            last = standing(connection, tree, root.path, today)
        if again or last is None or last.on < today or last.all.households < ONCE_A_DAY:
            yield from _counting(store, tree, root, today)


def count_today(store: Store, network: Network) -> int:
    """Count every network at once; how many households that were."""
    return sum(counting(store, network, again=True))


def _counting(store: Store, tree: Tree, root: Organisation, today: date) -> Iterator[int]:
    sums, seen = _Sums(), 0
    with store.read() as connection:
        for one in everyone(connection, tree, today, root.path):
            sums.add(one, today)
            seen += 1
            if seen % STEP == 0:
                yield STEP
    _write(store, tree, root, today, sums)
    yield seen % STEP


class _Sums:
    """Households, people and covered people by section and name."""

    def __init__(self) -> None:
        self.rows: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])

    def add(self, one: HouseholdCover, today: date) -> None:
        names = [one.cover.state.value]
        if one.ends_on is not None:
            left = (one.ends_on - today).days
            names += [name for within, name in ENDS_WITHIN.items() if 0 <= left <= within]
        for name in names:
            row = self.rows[one.section_id, name]
            row[0] += 1
            row[1] += one.people
            row[2] += one.covered


def _write(store: Store, tree: Tree, root: Organisation, today: date, sums: _Sums) -> None:
    names = [*(one.value for one in State), *ENDS_WITHIN.values()]
    sections = [one.id for one in tree.sections if one.under(root)]
    with store.write() as unit:
        rows = []
        for section_id in sections:
            for name in names:
                households, people, covered = sums.rows.get((section_id, name), (0, 0, 0))
                rows.append(
                    {
                        "section_id": section_id, "on": today, "state": name, "households": households,
                        "people": people, "covered": covered, "counted_at": unit.now,
                    }
                )  # fmt: skip
        if rows:
            unit.connection.execute(_KEEP[unit.connection.dialect.name], rows)


# --- reading ----------------------------------------------------------------------------------------------------------


def now(connection: Connection, tree: Tree, place: Organisation, moment: datetime) -> Tally | None:
    """How a part of the network stands: counted on the spot where it is small, else as it was counted last."""
    today = day_in(place.time_zone, moment)
    last = standing(connection, tree, place.path, today)
    if last is not None and last.all.households > AT_ONCE:
        return last
    below = select(organisation.c.id).where(organisation.c.path.like(f"{place.path}%"))
    some = select(household.c.id).where(household.c.section_id.in_(below)).limit(AT_ONCE + 1).subquery()
    if (connection.scalar(select(func.count()).select_from(some)) or 0) > AT_ONCE:
        return last
    found = _Sums()
    for one in everyone(connection, tree, today, place.path, batch=AT_ONCE):
        found.add(one, today)
    by_name: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (_, name), row in found.rows.items():
        by_name[name] = [one + other for one, other in zip(by_name[name], row, strict=True)]
    return _tally(today, [(today, name, *row, moment) for name, row in by_name.items()], moment)


def standing(connection: Connection, tree: Tree, path: str, today: date) -> Tally | None:
    """How the households at or below a path stood when they were counted last, of the last week; None: not yet."""
    days = [today - timedelta(days=back) for back in range(LOOKED_BACK + 1)]
    found = through(connection, tree, path, days)
    return found[-1] if found else None


def through(connection: Connection, tree: Tree, path: str, days: Sequence[date]) -> list[Tally]:
    """How they stood on some days, in order; a day on which nobody was counted isn't there."""
    sections = select(organisation.c.id).where(organisation.c.path.like(f"{path}%"))
    rows = connection.execute(
        select(
            cover_tally.c.on,
            cover_tally.c.state,
            func.sum(cover_tally.c.households),
            func.sum(cover_tally.c.people),
            func.sum(cover_tally.c.covered),
            func.min(cover_tally.c.counted_at),
        )
        .where(cover_tally.c.section_id.in_(sections), cover_tally.c.on.in_(days))
        .group_by(cover_tally.c.on, cover_tally.c.state)
        .order_by(cover_tally.c.on)
    )
    by_day: dict[date, list[Any]] = {}
    for row in rows:
        by_day.setdefault(row[0], []).append(row)
    return [_tally(on, of_day) for on, of_day in by_day.items()]


def through_time(connection: Connection, tree: Tree, place: Organisation, today: date) -> list[Tally]:
    """How a part of the network stood in the year until a day: at the first count of each month, and at the last one.

    Where nobody was counted for so long yet, it is the first count of each week.
    """
    days = _counted_days(connection, tree, place, today)
    if not days:
        return []
    by_month = today - days[0] > LONG
    firsts: dict[tuple[int, int], date] = {}
    for day in days:
        year, week, _ = day.isocalendar()
        firsts.setdefault((day.year, day.month) if by_month else (year, week), day)
    return through(connection, tree, place.path, sorted({*firsts.values(), days[-1]}))


def _counted_days(connection: Connection, tree: Tree, place: Organisation, today: date) -> list[date]:
    """The days of the last year on which the oldest section was counted, and so all that there were."""
    sections = [one.id for one in tree.sections if one.under(place)]
    if not sections:
        return []
    days = select(cover_tally.c.on).where(
        cover_tally.c.section_id == min(sections),
        cover_tally.c.on > today - LOOKED_BACK_YEAR,
        cover_tally.c.on <= today,
        cover_tally.c.state == State.ACTIVE.value,  # a day has a row for each state
    )
    return sorted(connection.scalars(days))


def _tally(on: date, rows: Sequence[Any], at: datetime | None = None) -> Tally:
    counted = {row[1]: Stood(int(row[2]), int(row[3]), int(row[4])) for row in rows}
    return Tally(
        on,
        at or min(row[5] for row in rows),
        {one: counted.get(one.value, Stood()) for one in State},
        {within: counted.get(name, Stood()).households for within, name in ENDS_WITHIN.items()},
    )
