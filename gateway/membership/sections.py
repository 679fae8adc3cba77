"""How many households each section had when they were counted last: read from the tallies, and never counted anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, func, select

from gateway.membership.rules import State
from gateway.membership.tallies import LOOKED_BACK
from gateway.store.schema import cover_tally

_STATES = tuple(one.value for one in State)


@dataclass(frozen=True)
class Counted:
    """What was counted on a day: households, the people on their cards, and of them those who were covered."""

    on: date
    households: int
    people: int
    covered: int


def counted(connection: Connection, section_ids: Sequence[int], today: date) -> dict[int, Counted]:
    """The newest tally of each section, of the last week; none for a section that wasn't counted."""
    rows = connection.execute(
        select(
            cover_tally.c.section_id,
            cover_tally.c.on,
            func.sum(cover_tally.c.households),
            func.sum(cover_tally.c.people),
            func.sum(cover_tally.c.covered),
        )
        .where(
            cover_tally.c.section_id.in_(section_ids),
            cover_tally.c.on.between(today - timedelta(days=LOOKED_BACK), today),
            cover_tally.c.state.in_(_STATES),
        )
        .group_by(cover_tally.c.section_id, cover_tally.c.on)
        .order_by(cover_tally.c.on)
    )
    return {row[0]: Counted(row[1], int(row[2]), int(row[3]), int(row[4])) for row in rows}
