"""People with a role in an organisation; a role that has ended is kept, since what its holder did names it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.kernel.faults import Fault
from gateway.store.schema import facility, staff
from gateway.store.together import Ask
from gateway.store.unit import Unit

# The treasurer keeps the money, the animator registers households, the agent of a health facility asks who is covered,
# the medical adviser (médecin-conseil) checks what facilities bill.
ROLES = ("treasurer", "animator", "agent", "adviser")
# How a treasurer is told of payments: of each at once (NULL in the row), or of all of an hour or a day together.
TOLD = ("each", "hour", "day")


class BadRole(Fault):
    """The role can't be given: it is there already, or an agent's facility is missing or another's."""


@dataclass(frozen=True)
class Member:
    """Somebody with a role; an agent with the health facility where they work.

    ``told``: a treasurer is told of the payments of an hour or a day together; None: of each.
    """

    id: int
    organisation_id: int
    name: str
    role: str
    msisdn: str
    language: str | None
    facility_id: int | None = None
    told: str | None = None


_MEMBER = select(*(staff.c[one.name] for one in fields(Member)))
_PRESENT = _MEMBER.where(staff.c.ended_on.is_(None))
_ROLES = _PRESENT.where(staff.c.msisdn == bindparam("msisdn")).order_by(staff.c.id)


def ask_roles(msisdn: str) -> Ask:
    """What to ask for the roles of a number's holder; :func:`read_roles` reads the answer."""
    return _ROLES, {"msisdn": msisdn}


def read_roles(rows: Sequence[Any]) -> list[Member]:
    """The roles that the holder of a number has, the oldest first; none that has ended."""
    return [Member(*row) for row in rows]


def roles_of(connection: Connection, msisdn: str) -> list[Member]:
    """Ask for and read the roles of a number's holder."""
    return read_roles(connection.execute(*ask_roles(msisdn)).all())


def by_id(connection: Connection, staff_id: int) -> Member:
    """The member of staff with an id that is known to exist, whether the role has ended or not."""
    return Member(*connection.execute(_MEMBER.where(staff.c.id == staff_id)).one())


def everybody(connection: Connection) -> list[Member]:
    """All who have a role, by organisation; none whose role has ended."""
    rows = connection.execute(_PRESENT.order_by(staff.c.organisation_id, staff.c.role, staff.c.id))
    return [Member(*row) for row in rows]


def facility_named(connection: Connection, code: str) -> int:
    """The id of the health facility with a code, for its agent; raises :class:`BadRole` when there is none."""
    found = connection.scalar(select(facility.c.id).where(facility.c.code == code))
    if found is None:
        raise BadRole(f"no health facility has the code {code}")
    return int(found)


def add(
    unit: Unit,
    organisation_id: int,
    name: str,
    role: str,
    msisdn: str,
    language: str | None,
    facility_id: int | None = None,
) -> int:
    """Give somebody a role; returns its id, which is the old one where the same person had it before.

    Raises :class:`BadRole` when the number has the role there already, or had it under another name (what was done then
    stays that person's); when an agent has no facility, or somebody else has one.
    """
    if (role == "agent") != (facility_id is not None):
        raise BadRole(
            "an agent works at a health facility: name it" if role == "agent" else f"no {role} has a facility"
        )
    same = (staff.c.organisation_id == organisation_id, staff.c.msisdn == msisdn, staff.c.role == role)
    before = unit.connection.execute(select(staff.c.id, staff.c.name, staff.c.ended_on).where(*same)).first()
    if before is None:
        new = unit.connection.execute(
            insert(staff).values(
                organisation_id=organisation_id,
                name=name,
                role=role,
                msisdn=msisdn,
                language=language,
                facility_id=facility_id,
            )
        )
        return int(new.inserted_primary_key[0])  # type: ignore[index]
    if before.ended_on is None:
        raise BadRole(f"this number is {role} there already")
    if before.name != name:
        raise BadRole(f"this number was {role} there until {before.ended_on}, under another name: give another number")
    unit.connection.execute(
        update(staff).where(staff.c.id == before.id).values(ended_on=None, language=language, facility_id=facility_id)
    )
    return int(before.id)


def end(unit: Unit, staff_id: int, on: date) -> None:
    """End a role: its holder is told of nothing any more and has no right that came of it. ``on`` is for the record."""
    unit.connection.execute(update(staff).where(staff.c.id == staff_id).values(ended_on=on))


def choose_told(unit: Unit, staff_id: int, told: str) -> None:
    """How a treasurer is told of payments from now on, one of :data:`TOLD`; nothing where it is so already.

    What is kept for them by now stays kept, and is told with the next.
    """
    if told not in TOLD:
        raise BadRole(f"a treasurer is told {', '.join(TOLD)}")
    kept = None if told == "each" else told
    unit.connection.execute(
        update(staff)
        .where(staff.c.id == staff_id, staff.c.told.is_distinct_from(kept))
        .values(told=kept, told_until=unit.now)
    )
