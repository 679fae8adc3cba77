"""People with a role in an organisation; a role that has ended is kept, since what its holder did names it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.network.facilities import network_path
from gateway.store.schema import facility, organisation, staff
from gateway.store.together import Ask
from gateway.store.unit import Unit

# The treasurer keeps the money, the animator registers households, the agent of a health facility asks who is covered,
# the medical adviser (médecin-conseil) checks what facilities bill.
ROLES = ("treasurer", "animator", "agent", "adviser", "administrator")
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


def below(connection: Connection, under_path: str, *, role: str = "", after: int = 0, limit: int) -> list[Member]:
    """Who has a role (or this one) at or below a path, by id, those after one."""
    query = (
        _PRESENT.join(organisation, organisation.c.id == staff.c.organisation_id)
        .where(organisation.c.path.like(f"{under_path}%"), staff.c.id > after)
        .order_by(staff.c.id)
        .limit(limit)
    )
    if role:
        query = query.where(staff.c.role == role)
    return [Member(*row) for row in connection.execute(query)]


def agents_at(connection: Connection, facility_id: int, limit: int) -> list[Member]:
    """The agents of a health facility, by name; none whose role has ended."""
    query = _PRESENT.where(staff.c.facility_id == facility_id, staff.c.role == "agent")
    return [Member(*row) for row in connection.execute(query.order_by(staff.c.name, staff.c.id).limit(limit))]


def facility_named(connection: Connection, code: str, organisation_id: int) -> int:
    """The id of the health facility with a code in an organisation's network, for its agent; else :class:`BadRole`.

    A facility of another network is answered like one that isn't there.
    """
    here = select(organisation.c.path).where(organisation.c.id == organisation_id).scalar_subquery()
    found = connection.execute(
        select(facility.c.id, organisation.c.path, here.label("here"))
        .join(organisation, organisation.c.id == facility.c.organisation_id)
        .where(facility.c.code == code)
    ).first()
    if found is None or network_path(found.path) != network_path(found.here or ""):
        raise BadRole(mark("no health facility has the code {code}"), code=code)
    return int(found.id)


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
        if role == "agent":
            raise BadRole(mark("an agent works at a health facility: name it"))
        raise BadRole(mark("only an agent has a facility"))
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
        raise BadRole(mark("this number has this role there already"))
    if before.name != name:
        raise BadRole(
            mark("this number had this role there until {day}, under another name: give another number"),
            day=before.ended_on,
        )
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
        raise BadRole(mark("a treasurer is told of each payment, or of those of an hour or a day"))
    kept = None if told == "each" else told
    unit.connection.execute(
        update(staff)
        .where(staff.c.id == staff_id, staff.c.told.is_distinct_from(kept))
        .values(told=kept, told_until=unit.now)
    )
