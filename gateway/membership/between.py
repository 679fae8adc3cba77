"""Who owes whom by visits: how often members of one mutuelle were treated where another one has the agreement.

Every visit is counted once, in the month of the day on which it was announced, with the mutuelle that was the person's
home on that day and the organisation that has the agreement with the facility; what has moved or was merged since stays
where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, or_, select

from gateway.ledger.rules import next_month
from gateway.network.organisations import Tree
from gateway.store.schema import facility, organisation, visit

_HOME, _HOST = organisation.alias("home"), organisation.alias("host")


@dataclass(frozen=True)
class Between:
    """Visits of a month of members of ``home_id`` where ``host_id`` has the agreement, and of how many people.

    Where both are one, nobody owes anybody: the row stands here because every visit is counted.
    """

    home_id: int
    host_id: int
    visits: int
    people: int


def between(connection: Connection, tree: Tree, under_path: str, month: date) -> list[Between]:
    """The table of a month (its first day) for whoever sees the organisations at or below a path, on either side.

    By the names of the home mutuelle and of the other.
    """
    rows = connection.execute(
        select(
            visit.c.organisation_id,
            facility.c.organisation_id.label("host_id"),
            func.count(),
            func.count(visit.c.beneficiary_id.distinct()),
        )
        .join(facility, facility.c.id == visit.c.facility_id)
        .join(_HOME, _HOME.c.id == visit.c.organisation_id)
        .join(_HOST, _HOST.c.id == facility.c.organisation_id)
        .where(
            visit.c.announced_on >= month,
            visit.c.announced_on < next_month(month),
            or_(_HOME.c.path.startswith(under_path), _HOST.c.path.startswith(under_path)),
        )
        .group_by(visit.c.organisation_id, facility.c.organisation_id)
    )
    found = [Between(*row) for row in rows]
    return sorted(found, key=lambda one: (tree[one.home_id].name, tree[one.host_id].name, one.home_id, one.host_id))
