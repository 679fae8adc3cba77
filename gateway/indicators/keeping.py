"""Sums of periods, counted now and then and kept: a page can't count a million households for twelve months.

They say when they were counted. What is small is counted whenever somebody looks; a large network every day for the
periods that may still change, and once for those that are over: the latest by themselves, older ones when somebody has
asked for them.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, func, select

from gateway.indicators.counting import Sums, sums
from gateway.indicators.figures import Figure, made_of
from gateway.indicators.payments import gathering
from gateway.indicators.periods import Period
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Unavailable
from gateway.network.organisations import Network, Organisation, Tree
from gateway.store.if_new import if_new
from gateway.store.or_set import or_set
from gateway.store.schema import household, indicator_sum, organisation
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

AT_ONCE = 2_000  # so many households, or fewer, are counted while somebody waits for the page
STILL_CHANGES = timedelta(days=45)  # so long after its end a period is counted anew each day: what is late comes in
EACH_DAY = timedelta(hours=20)
QUARTERS = 5
LONGEST_MS = 120_000
MOST_WISHED = 24  # periods of a network that wait to be counted
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when a period was counted that is wished for and was not counted yet

_NEW = if_new(indicator_sum, "organisation_id", "period")
_KEEP = or_set(indicator_sum, ("organisation_id", "period"), "sums", "counted_at")


@dataclass(frozen=True)
class Standing:
    """The figures of a place and a period, and those of its trend, the oldest first.

    ``figures``: None where a large network's weren't counted yet. ``counted_at``: None: just now.
    """

    place: Organisation
    period: Period
    figures: tuple[Figure, ...] | None
    trend: tuple[tuple[Period, tuple[Figure, ...]], ...]
    counted_at: datetime | None = None

    def through(self, name: str) -> list[tuple[Period, Figure]]:
        """One figure (by its name) through the periods of the trend that have it."""
        return [(period, one) for period, every in self.trend for one in every if one.name == name]


def counted(connection: Connection, tree: Tree, place: Organisation, period: Period, trend: bool = True) -> Standing:
    """Counted now, however large the place is."""
    asked = dict.fromkeys((*(period.trend if trend else ()), period))
    found = {one: sums(connection, place, one) for one in asked}
    return _standing(connection, tree, place, period, found, None)


def read(connection: Connection, tree: Tree, place: Organisation, period: Period) -> Standing:
    """For a page: counted now where the place is small, else as it was counted last."""
    if is_small(connection, place):
        return counted(connection, tree, place, period)
    found, at = _kept(connection, tree, place, (*period.trend, period))
    return _standing(connection, tree, place, period, found, at.get(period))


def look(store: Store, tree: Tree, place: Organisation, period: Period) -> Standing:
    """The same for a page, which asks for what isn't counted yet: the next round counts it."""
    with store.read() as connection:
        found = read(connection, tree, place, period)
    if found.figures is None:
        with store.write() as unit:
            _wish(unit, tree.upward(place.id)[-1], (period, *period.trend))
    return found


def look_below(
    store: Store, tree: Tree, place: Organisation, period: Period
) -> tuple[Mapping[Period, Mapping[int, tuple[Figure, ...]]], datetime | None]:
    """The figures of every organisation at or below a place, of a period and of the same a year before; and when.

    What isn't counted yet is missing, and asked for.
    """
    asked, at = (period, period.a_year_before), None
    with store.read() as connection:
        if is_small(connection, place):
            found = {one: sums(connection, place, one) for one in asked}
        else:
            kept, times = _kept(connection, tree, place, asked)
            found, at = dict(kept), times.get(period)
        every = {one: made_of(connection, tree, place, one, each) for one, each in found.items()}
    if lacking := [one for one in asked if one not in every]:
        with store.write() as unit:
            _wish(unit, tree.upward(place.id)[-1], lacking)
    return every, at


def _wish(unit: Unit, root: Organisation, periods: Sequence[Period]) -> None:
    of_root = indicator_sum.c.organisation_id == root.id
    rows = unit.connection.execute(select(indicator_sum.c.period, indicator_sum.c.counted_at).where(of_root))
    kept = {name: counted_at for name, counted_at in rows}  # noqa: C416 - a row is no pair to dict()
    room = MOST_WISHED - sum(1 for at in kept.values() if at == _NEVER)
    names = [name for name in dict.fromkeys(str(one) for one in periods) if name not in kept][: max(0, room)]
    for name in names:
        wished = {"organisation_id": root.id, "period": name, "sums": {}, "counted_at": _NEVER}
        unit.connection.execute(_NEW[unit.connection.dialect.name], wished)


def is_small(connection: Connection, place: Organisation) -> bool:
    """Is a place counted while somebody waits?"""
    below = select(organisation.c.id).where(organisation.c.path.like(f"{place.path}%"))
    some = select(household.c.id).where(household.c.section_id.in_(below)).limit(AT_ONCE + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= AT_ONCE


def _standing(
    connection: Connection,
    tree: Tree,
    place: Organisation,
    period: Period,
    found: Mapping[Period, Mapping[int, Sums]],
    at: datetime | None,
) -> Standing:
    every = {one: made_of(connection, tree, place, one, each)[place.id] for one, each in found.items()}
    trend = tuple((one, every[one]) for one in period.trend if one in every)
    return Standing(place, period, every.get(period), trend, at)


def _kept(
    connection: Connection, tree: Tree, place: Organisation, periods: Sequence[Period]
) -> tuple[dict[Period, dict[int, Sums]], dict[Period, datetime]]:
    """What is kept of some periods; of one whose network wasn't counted nothing."""
    root = tree.upward(place.id)[-1]
    by_name = {str(one): one for one in periods}
    rows = connection.execute(
        select(indicator_sum)
        .join(organisation, organisation.c.id == indicator_sum.c.organisation_id)
        .where(
            indicator_sum.c.period.in_(sorted(by_name)),
            organisation.c.path.like(f"{place.path}%") | (organisation.c.id == root.id),
        )
    ).all()
    at = {
        by_name[row.period]: row.counted_at
        for row in rows
        if row.organisation_id == root.id and row.counted_at != _NEVER
    }
    found: dict[Period, dict[int, Sums]] = {one: {} for one in at}
    for row in rows:
        if by_name[row.period] in at and tree[row.organisation_id].under(place):
            found[by_name[row.period]][row.organisation_id] = Counter(row.sums)
    return found, at


# --- counting now and then --------------------------------------------------------------------------------------------


def wanted(today: date) -> tuple[Period, ...]:
    """The periods that pages show: the months, quarters and years until a day; the newest first."""
    found = [*reversed(Period.around(today, 1).trend)]
    quarter = Period.around(today, 3)
    for _ in range(QUARTERS):
        found.append(quarter)
        quarter = quarter.before
    return (*found, *reversed(Period(today.year).trend))


def counting(store: Store, network: Network) -> Iterator[int]:
    """Count every large network's periods that need it; for the scheduler, a period a step. Two at once do no harm."""
    tree = network.tree()
    for root in [one for one in tree.by_id.values() if one.parent_id is None]:
        now = store.clock.now()
        with store.read() as connection:
            if is_small(connection, root):
                continue
            rows = connection.execute(
                select(indicator_sum.c.period, indicator_sum.c.counted_at).where(
                    indicator_sum.c.organisation_id == root.id
                )
            )
            at = {name: counted_at for name, counted_at in rows}  # noqa: C416 - a row is no pair to dict()
        wished = [Period.read(name) for name, counted_at in at.items() if counted_at == _NEVER]
        for period in dict.fromkeys((*wished, *wanted(day_in(root.time_zone, now)))):
            if _needs(period, at.get(str(period)), now):
                count(store, root, period)
                yield 1


def count_aside(store: Store, network: Network) -> None:
    """The same in one go, in a thread of its own: a count of a large network takes seconds. It never raises."""
    try:
        for _ in counting(store, network):
            pass
    except Unavailable as down:
        log.warning("indicators not counted: %s", down)
    except Exception:
        log.exception("indicators not counted: a defect")


def _needs(period: Period, counted_at: datetime | None, now: datetime) -> bool:
    if counted_at is None:
        return True
    settled = counted_at.date() > period.last + STILL_CHANGES
    return not settled and now - counted_at > EACH_DAY


@contextmanager
def _patience(connection: Connection) -> Iterator[None]:
    """Let statements take as long as a year of a million households does."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.exec_driver_sql(f"set statement_timeout = {LONGEST_MS}")
    try:
        yield
    finally:
        connection.exec_driver_sql("reset statement_timeout")


def count(store: Store, root: Organisation, period: Period) -> None:
    """Count a period of everything at or below a root, and keep it."""
    for _ in gathering(store):
        pass
    with store.read() as connection, _patience(connection):
        found: defaultdict[int, Sums] = defaultdict(Counter, sums(connection, root, period))
        before = connection.scalars(
            select(indicator_sum.c.organisation_id)
            .join(organisation, organisation.c.id == indicator_sum.c.organisation_id)
            .where(indicator_sum.c.period == str(period), organisation.c.path.like(f"{root.path}%"))
        ).all()
    # Also whoever has nothing any more; and the root, whose row says that all were counted.
    places = sorted({root.id, *before, *found})
    with store.write() as unit:
        unit.connection.execute(
            _KEEP[unit.connection.dialect.name],
            [
                {"organisation_id": its_id, "period": str(period), "sums": dict(found[its_id]), "counted_at": unit.now}
                for its_id in places
            ],
        )
    log.info("indicators of %s counted for %s: %s organisations", root.code, period, len(places))
