"""The cover of a whole network: what the phone says of one household, said of each, without holding them all.

Households are read in batches, in order of their ids, with the columns and joins of the statements that ask for one
household, and cover is computed by the same pure function. A batch is read within milliseconds, as one household is;
on PostgreSQL no transaction stays open between two of them, so that nothing waits however long the whole takes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Connection, bindparam, func, or_, select

from gateway.kernel.money import Money
from gateway.ledger.accounts import ask_statement, read_statement
from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.membership.households import ask_enrolments, last_of, read_enrolments
from gateway.membership.rules import Cover, State, cover, not_paid_for
from gateway.membership.several import by_household, of_several
from gateway.network.organisations import Tree
from gateway.store.schema import account, beneficiary, household, line, membership, organisation
from gateway.store.together import together

BATCH = 2_000  # households that are read at a time: a few tens of megabytes

Share = tuple[int, int]  # ids of households: those above the first, up to the last


@dataclass(frozen=True)
class HouseholdCover:
    """How a household stands on a day. ``people`` are on its card, and ``covered`` of them are covered that day.

    ``left``: left to pay (*reste à payer*) on all years, in the currency of the last one. ``ends_on``: the last day of
    the last year it is enrolled for; None where it has left, or leaves before.
    """

    household_id: int
    card: str
    section_id: int
    cover: Cover
    left: Money
    people: int
    covered: int
    ends_on: date | None = None


def everyone(
    connection: Connection,
    tree: Tree,
    on: date,
    under_path: str = "/",
    share: Share | None = None,
    batch: int = BATCH,
) -> Iterator[HouseholdCover]:
    """The cover, on a day, of every household at or below a path that was registered by then, by household id.

    A day that has passed is seen as it was, as :func:`~gateway.membership.rules.cover` knows what was known by then.
    ``share``: of these ids alone. Who registers while the others are read isn't among them.
    """
    [after, last] = share or next(iter(shares(connection, 1)), (0, 0))
    ends = _Ends(tree, on)
    while True:
        bounds = {"below": f"{under_path}%", "after": after, "last": last, "batch": batch}
        [families] = together(connection, (_FAMILIES, bounds))
        if not families:
            return
        # By ids, and not by a number once more: who registers meanwhile must not push another out of the batch.
        bounds["last"] = families[-1].id
        asks = (_PEOPLE, bounds | {"on": on}), (_ENROLMENTS, bounds), (_LINES, bounds)
        people, enrolments, lines = together(connection, *asks)
        on_cards, years, moves = by_household(people), by_household(enrolments), by_household(lines)
        for one in families:
            if one.registered_at < ends.of(one.section_id):
                yield _standing(tree, one, on_cards[one.id], years[one.id], moves[one.id], on)
        after = families[-1].id


class _Ends:
    """When a day ends, by section: each has its mutuelle's own time zone."""

    def __init__(self, tree: Tree, on: date) -> None:
        self._tree = tree
        self._next_day = on + timedelta(days=1)
        self._known: dict[int, datetime] = {}

    def of(self, section_id: int) -> datetime:
        found = self._known.get(section_id)
        if found is None:
            zone = ZoneInfo(self._tree[section_id].time_zone)
            found = datetime.combine(self._next_day, time_of_day(), zone).astimezone(UTC)
            self._known[section_id] = found
        return found


def _standing(
    tree: Tree, one: Any, people: Sequence[Any], years: Sequence[Any], lines: Sequence[Any], on: date
) -> HouseholdCover:
    """As :func:`gateway.membership.households.standing_of` has it."""
    section = tree[one.section_id]
    enrolments = read_enrolments([row[1:] for row in years], section.time_zone)
    statement = read_statement(lines)
    memberships = [each.membership for each in enrolments]
    found = cover(memberships, statement.dues, statement.credits, on)
    covered = 0
    if found.state.covered:
        unpaid = not_paid_for(memberships, statement.dues, statement.credits, on)
        ready = (row.id for row in people if row.covered_from is None or row.covered_from <= on)
        covered = sum(each not in unpaid for each in ready)
    last = last_of(enrolments)
    left = Money(found.left_minor, last.currency if last else section.currency)
    known = last_of([each for each in enrolments if each.membership.enrolled_on <= on])
    ends_on = known.membership.ends_on if known and known.membership.left_on is None else None
    return HouseholdCover(one.id, one.card, one.section_id, found, left, len(people), covered, ends_on)


# --- what is asked for a batch ----------------------------------------------------------------------------------------

_IDS = (
    select(household.c.id)
    .join(organisation, organisation.c.id == household.c.section_id)
    .where(
        household.c.id > bindparam("after", type_=BigInteger),
        household.c.id <= bindparam("last", type_=BigInteger),
        organisation.c.path.like(bindparam("below")),
        household.c.merged_into_id.is_(None),
    )
)
_FAMILIES = (
    _IDS.add_columns(household.c.card, household.c.section_id, household.c.registered_at)
    .order_by(household.c.id)
    .limit(bindparam("batch"))
)
_PEOPLE = select(beneficiary.c.household_id, beneficiary.c.id, beneficiary.c.covered_from).where(
    beneficiary.c.household_id.in_(_IDS),
    beneficiary.c.joined_on <= bindparam("on"),
    or_(beneficiary.c.left_on.is_(None), beneficiary.c.left_on > bindparam("on")),
)


_ENROLMENTS = of_several(ask_enrolments(0), membership.c.household_id, _IDS).order_by(
    membership.c.household_id, membership.c.starts_on
)
_LINES = of_several(ask_statement(0), line.c.household_id, _IDS).where(
    or_(*(account.c.role == role for role in HOUSEHOLD_ROLES))
)


# --- counting ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Count:
    """Households of one kind: how many, the people on their cards, of them covered, and what is left to pay."""

    households: int = 0
    people: int = 0
    covered: int = 0
    left_minor: dict[str, int] = field(default_factory=dict)  # by currency

    def __add__(self, other: Count) -> Count:
        left = dict(self.left_minor)
        for currency, minor in other.left_minor.items():
            left[currency] = left.get(currency, 0) + minor
        return Count(self.households + other.households, self.people + other.people, self.covered + other.covered, left)


Counts = dict[tuple[int, State], Count]  # by section and state


def count(found: Iterable[HouseholdCover]) -> Counts:
    """How many there are, by section and state; holds no household."""
    rows: defaultdict[tuple[int, State], list[int]] = defaultdict(lambda: [0, 0, 0])
    left: defaultdict[tuple[int, State], defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in found:
        key = (one.section_id, one.cover.state)
        row = rows[key]
        row[0] += 1
        row[1] += one.people
        row[2] += one.covered
        left[key][one.left.currency] += one.left.minor
    return {key: Count(row[0], row[1], row[2], dict(left[key])) for key, row in rows.items()}


def added(parts: Iterable[Counts]) -> Counts:
    """What several counted, together."""
    total: Counts = {}
    for part in parts:
        for key, one in part.items():
            total[key] = total.get(key, Count()) + one
    return total


def shares(connection: Connection, number: int) -> list[Share]:
    """The ids of all households in at most so many parts, about as large as each other; none where there is nobody."""
    first, newest = connection.execute(select(func.min(household.c.id), func.max(household.c.id))).one()
    if first is None:
        return []
    bounds = [first - 1 + (newest - first + 1) * step // number for step in range(number + 1)]
    return [(after, last) for after, last in pairwise(bounds) if after < last]
