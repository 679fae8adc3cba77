"""Numbers to which nothing is delivered any more: counted in a row, marked, and forgiven at the first sign of life."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, or_, select

from gateway.store.or_set import or_set_to
from gateway.store.schema import failing_number, household, organisation, phone
from gateway.store.unit import Unit

NO_SUCH_NUMBER = "bad_number"
MARKED_AFTER = 3  # failures in a row
NO_SUCH_NUMBER_AFTER = 2  # the same, where the last one says that nobody has this number
_MOST = 30_000  # as far as the column can count

# Why a message failed, where that is the number's own matter. What speaks of us (no credit, a sender that isn't ours,
# a text that was refused) or of the aggregator isn't here, nor is a word that we don't know; ``opted_out`` is a will.
OF_THE_NUMBER = frozenset(
    {
        NO_SUCH_NUMBER,
        "unsupported_number",
        "no_route",
        "absent",
        "suspended",
        "do_not_disturb",
        "delivery_failure",
        "rejected_by_gateway",
        # A report's own word, where it doesn't say why.
        "Failed",
        "Rejected",
        "Expired",
        "AbsentSubscriber",
    }
)


def marked() -> ColumnElement[bool]:
    """Is this row of :data:`~gateway.store.schema.failing_number` one of a number that is given up for now?"""
    return or_(
        failing_number.c.failures >= MARKED_AFTER,
        and_(failing_number.c.failures >= NO_SUCH_NUMBER_AFTER, failing_number.c.reason == NO_SUCH_NUMBER),
    )


def failing(connection: Connection, numbers: Sequence[str]) -> set[str]:
    """Which of some (at most a few thousand) numbers keep failing: what can wait isn't written to them."""
    if not numbers:
        return set()
    return set(
        connection.scalars(select(failing_number.c.msisdn).where(failing_number.c.msisdn.in_(numbers), marked()))
    )


def unreachable(connection: Connection, cards: Sequence[str]) -> set[str]:
    """The cards, of some, whose households no SMS reaches: each of their main phones keeps failing."""
    if not cards:
        return set()
    reached = func.count().filter(or_(failing_number.c.msisdn.is_(None), ~marked()))
    found = (
        select(household.c.card)
        .join(phone, and_(phone.c.household_id == household.c.id, phone.c.main))
        .outerjoin(failing_number, failing_number.c.msisdn == phone.c.msisdn)
        .where(household.c.card.in_(cards))
        .group_by(household.c.card)
        .having(reached == 0)
    )
    return set(connection.scalars(found))


@dataclass(frozen=True)
class FailingNumber:
    """A marked number, and the household whose phone it is; without one it is somebody's who isn't a member."""

    msisdn: str
    card: str | None
    household_id: int | None
    section_id: int | None
    failures: int
    since: datetime
    last_at: datetime
    reason: str


def all_failing(
    connection: Connection, under: str | None = None, after: tuple[datetime, int] | None = None, most: int | None = None
) -> list[FailingNumber]:
    """The marked numbers, those that fail the longest first; of households below the organisation with a path.

    ``after``: those that come after the first failure and the household of the last one seen.
    """
    found = (
        select(failing_number, household.c.id.label("household_id"), household.c.card, household.c.section_id)
        .outerjoin(phone, phone.c.msisdn == failing_number.c.msisdn)
        .outerjoin(household, household.c.id == phone.c.household_id)
        .where(marked())
        .order_by(failing_number.c.since, household.c.id, failing_number.c.msisdn)
    )
    if under is not None:
        found = found.join(organisation, organisation.c.id == household.c.section_id)
        found = found.where(organisation.c.path.startswith(under))
    if after is not None:
        since, household_id = after
        later = and_(failing_number.c.since == since, household.c.id > household_id)
        found = found.where(or_(failing_number.c.since > since, later))
    if most is not None:
        found = found.limit(most)
    return [
        FailingNumber(
            row.msisdn, row.card, row.household_id, row.section_id, row.failures, row.since, row.last_at, row.reason
        )
        for row in connection.execute(found)
    ]


_COUNT = or_set_to(
    failing_number,
    ("msisdn",),
    lambda new: {
        "failures": case(
            (failing_number.c.failures < _MOST, failing_number.c.failures + new.failures),
            else_=failing_number.c.failures,
        ),
        "last_at": new.last_at,
        "reason": new.reason,
    },
)


def count_failures(unit: Unit, failed: Iterable[tuple[str, str | None]]) -> None:
    """Messages that failed for good, by number and reason: counted where the reason is the number's own."""
    spoken = [(msisdn, reason) for msisdn, reason in failed if msisdn and reason in OF_THE_NUMBER]
    if not spoken:
        return
    times, last = Counter(msisdn for msisdn, _ in spoken), dict(spoken)
    rows = [
        {
            "msisdn": msisdn,
            "failures": times[msisdn],
            "since": unit.now,
            "last_at": unit.now,
            "reason": last[msisdn],
        }
        for msisdn in sorted(last)  # in one order, so that two who count at once don't wait for each other
    ]
    unit.connection.execute(_COUNT[unit.connection.dialect.name], rows)


def forgive(unit: Unit, numbers: Iterable[str]) -> None:
    """Somebody is there: a message was delivered, they wrote to us, or the number was given to us anew."""
    alive = sorted(set(numbers))
    if alive:
        unit.connection.execute(delete(failing_number).where(failing_number.c.msisdn.in_(alive)))


def forgive_if_counted(unit: Unit, msisdn: str) -> None:
    """The same for one number, and nothing is written where nothing was counted: so it is for nearly all."""
    counted = select(failing_number.c.msisdn).where(failing_number.c.msisdn == msisdn)
    if unit.connection.scalar(counted) is not None:
        forgive(unit, [msisdn])
