"""What an agent of a health facility sees and does: who is covered today, and a visit announced, which gets a number.

Any card of the network is answered at any of its facilities (*inter-mutualité*); the home mutuelle and its medical
adviser see the visit (:func:`visits_of`) and are told of it (:func:`to_tell`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import Connection, bindparam, select

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.kernel.numbers import with_check_digit
from gateway.membership.households import Household, Standing, standing_and_roster
from gateway.membership.people import Beneficiary
from gateway.membership.rules import Cover, State
from gateway.network import facilities
from gateway.network.organisations import Tree
from gateway.network.staff import Member
from gateway.store.if_new import if_new
from gateway.store.schema import beneficiary, caller, facility, household, organisation, staff, visit
from gateway.store.unit import Unit

# Whoever is told of a visit, if the mutuelle has them; each found by itself, as near as can be.
TOLD = ("adviser", "animator")


@dataclass(frozen=True)
class OnCard:
    """Somebody on a card. ``covered_from``: the first day of their cover where that lies ahead and is certain."""

    id: int
    name: str
    sex: str
    birth_year: int
    covered: bool
    covered_from: date | None


@dataclass(frozen=True)
class Covered:
    """How a household stands on a day, and who on its card is covered; ``until`` as :class:`Cover` has it.

    ``resumes``: what is to be paid where the cover is suspended, to be covered at once.
    """

    state: State
    mutuelle: str
    section: str
    until: date | None
    people: tuple[OnCard, ...]
    resumes: Money | None = None


def who_is_covered(connection: Connection, tree: Tree, one: Household, today: date) -> Covered:
    """Who of a household is covered today; ``today`` is the day where the household's mutuelle is."""
    stands, roster = standing_and_roster(connection, one, today)
    return covered_of(tree, stands, roster, today)


def covered_of(tree: Tree, stands: Standing, roster: Sequence[Beneficiary], today: date) -> Covered:
    """The same of a household whose standing on ``today`` and people have been read."""
    one, cover, people = stands.household, stands.cover, []
    for each in roster:
        ahead = each.covered_from if each.covered_from is not None and each.covered_from > today else None
        paid = each.id not in stands.unpaid
        people.append(
            OnCard(
                each.id,
                each.name,
                each.sex,
                each.birth_year,
                paid and cover.state.covered and ahead is None,
                _starts_on(cover, ahead) if paid else None,
            )
        )
    return Covered(
        cover.state,
        tree.books_of(one.section_id).name,
        tree[one.section_id].name,
        cover.until,
        tuple(people),
        stands.due if cover.state is State.SUSPENDED else None,
    )


def _starts_on(cover: Cover, ahead: date | None) -> date | None:
    """The day on which a person's cover begins, where nothing has to be paid before it."""
    if not cover.state.covered and cover.state is not State.WAITING:
        return None
    waiting = cover.begins_on if cover.state is State.WAITING else None
    begins_on = max((day for day in (waiting, ahead) if day is not None), default=None)
    enough_is_paid = begins_on is None or cover.until is None or begins_on <= cover.until
    return begins_on if enough_is_paid else None


@dataclass(frozen=True)
class Announced:
    """A visit that stands in the list under its number; ``person`` is on the card, ``known``: it did so before."""

    number: str
    person: str
    known: bool


@dataclass(frozen=True)
class NotCovered:
    """No visit was written down, and why.

    ``no-agreement``: the network has none with this facility today. ``not-on-card``: nobody of this household.
    ``not-covered``: not today; ``covered_from`` says from when on, where that is certain.
    """

    because: Literal["no-agreement", "not-on-card", "not-covered"]
    covered_from: date | None = None


_NEW = if_new(visit, "facility_id", "beneficiary_id", "announced_on")


def announce(unit: Unit, tree: Tree, agent: Member, one: Household, beneficiary_id: int) -> Announced | NotCovered:
    """Write down that somebody on a card is here: once per facility, person and day, for whoever is covered now.

    The agreement and the cover are looked at here, whatever the agent's screen said before.
    """
    if agent.role != "agent" or agent.facility_id is None:
        return NotCovered("no-agreement")
    return announce_at(unit, tree, agent.facility_id, one, beneficiary_id, staff_id=agent.id)


def announce_at(
    unit: Unit,
    tree: Tree,
    facility_id: int,
    one: Household,
    beneficiary_id: int,
    *,
    staff_id: int | None = None,
    api_key_id: int | None = None,
) -> Announced | NotCovered:
    """The same at a facility that is known to exist, by its agent or by a system of its own (``api_key_id``)."""
    place = facilities.by_id(unit.connection, facility_id)
    today = day_in(tree[place.organisation_id].time_zone, unit.now)
    if not (place.agreed(today) and facilities.same_network(tree, place.organisation_id, one.section_id)):
        return NotCovered("no-agreement")
    found = who_is_covered(unit.connection, tree, one, day_in(one.time_zone, unit.now))
    person = next((each for each in found.people if each.id == beneficiary_id), None)
    if person is None:
        return NotCovered("not-on-card")
    if not person.covered:
        return NotCovered("not-covered", person.covered_from)
    key = {"facility_id": place.id, "beneficiary_id": person.id, "announced_on": today}
    row = {
        **key,
        "household_id": one.id,
        "organisation_id": tree.books_of(one.section_id).id,
        "staff_id": staff_id,
        "api_key_id": api_key_id,
        "announced_at": unit.now,
    }
    new = unit.connection.scalar(_NEW[unit.connection.dialect.name], row) is not None
    visit_id = unit.connection.execute(select(visit.c.id).filter_by(**key)).scalar_one()
    return Announced(with_check_digit(visit_id), person.name, known=not new)


@dataclass(frozen=True)
class Visit:
    """A visit as it stands in the list: the names of the facility, the person and the home mutuelle, and the card."""

    number: str
    announced_at: datetime
    facility: str
    person: str
    card: str
    mutuelle: str


_VISITS = (
    select(
        visit.c.id,
        visit.c.announced_at,
        facility.c.name.label("facility"),
        beneficiary.c.name.label("person"),
        household.c.card,
        organisation.c.name.label("mutuelle"),
    )
    .join(facility, facility.c.id == visit.c.facility_id)
    .join(beneficiary, beneficiary.c.id == visit.c.beneficiary_id)
    .join(household, household.c.id == visit.c.household_id)
    .join(organisation, organisation.c.id == visit.c.organisation_id)
    .where(
        organisation.c.path.startswith(bindparam("under", type_=organisation.c.path.type)),
        visit.c.announced_on >= bindparam("since"),
    )
    .order_by(visit.c.id.desc())
    .limit(bindparam("most"))
)


def visits_of(connection: Connection, under_path: str, since: date, limit: int) -> list[Visit]:
    """The visits of members of the mutuelles at or below a path from a day on, wherever they went, the newest first."""
    rows = connection.execute(_VISITS, {"under": under_path, "since": since, "most": limit})
    return [Visit(with_check_digit(row.id), *row[1:]) for row in rows]


@dataclass(frozen=True)
class Asked:
    """Which visits are looked for: of members at or below a path, announced on days from and to, at one facility."""

    under_path: str
    since: date
    until: date
    facility_id: int | None = None


@dataclass(frozen=True)
class Listed(Visit):
    """A visit with the ids by which its household and its mutuelle are found."""

    id: int
    household_id: int
    organisation_id: int


def listed(connection: Connection, asked: Asked, *, before: int = 0, limit: int) -> list[Listed]:
    """The visits that were asked for, the newest first, of those before the one with an id (0: all)."""
    query = _LISTED.where(
        organisation.c.path.startswith(asked.under_path), visit.c.announced_on.between(asked.since, asked.until)
    )
    if asked.facility_id is not None:
        query = query.where(visit.c.facility_id == asked.facility_id)
    if before:
        query = query.where(visit.c.id < before)
    rows = connection.execute(query.order_by(visit.c.id.desc()).limit(limit))
    return [
        Listed(with_check_digit(row.id), *row[1:6], *(row.id, row.household_id, row.organisation_id)) for row in rows
    ]


def one_listed(connection: Connection, visit_id: int) -> Listed | None:
    """The visit with an id."""
    row = connection.execute(_LISTED.where(visit.c.id == visit_id)).first()
    if row is None:
        return None
    return Listed(with_check_digit(row.id), *row[1:6], *(row.id, row.household_id, row.organisation_id))


def facility_of(connection: Connection, visit_id: int) -> int | None:
    """The id of the facility at which the visit with an id was announced."""
    return connection.scalar(select(visit.c.facility_id).where(visit.c.id == visit_id))


def facilities_visited(connection: Connection, asked: Asked) -> list[tuple[int, str]]:
    """The facilities where members at or below a path were in these days: id and name, by name."""
    query = (
        select(facility.c.id, facility.c.name)
        .distinct()
        .join(visit, visit.c.facility_id == facility.c.id)
        .join(organisation, organisation.c.id == visit.c.organisation_id)
        .where(organisation.c.path.startswith(asked.under_path))
        .where(visit.c.announced_on.between(asked.since, asked.until))
    )
    return sorted(((row.id, row.name) for row in connection.execute(query)), key=lambda each: (each[1], each[0]))


_LISTED = (
    select(
        visit.c.id,
        visit.c.announced_at,
        facility.c.name.label("facility"),
        beneficiary.c.name.label("person"),
        household.c.card,
        organisation.c.name.label("mutuelle"),
        visit.c.household_id,
        visit.c.organisation_id,
    )
    .join(facility, facility.c.id == visit.c.facility_id)
    .join(beneficiary, beneficiary.c.id == visit.c.beneficiary_id)
    .join(household, household.c.id == visit.c.household_id)
    .join(organisation, organisation.c.id == visit.c.organisation_id)
)


def to_tell(connection: Connection, tree: Tree, organisation_id: int) -> list[tuple[str, str]]:
    """Who is told of a visit of a mutuelle's member: phone and language, each phone once, the advisers first.

    Advisers and animators are each those of the mutuelle, or of the nearest organisation above it that has any.
    """
    above = [one.id for one in tree.upward(organisation_id)]
    rows = connection.execute(
        select(
            staff.c.role, staff.c.organisation_id, staff.c.msisdn, staff.c.language, caller.c.language.label("chosen")
        )
        .outerjoin(caller, caller.c.msisdn == staff.c.msisdn)
        .where(staff.c.role.in_(TOLD), staff.c.organisation_id.in_(above), staff.c.ended_on.is_(None))
        .order_by(staff.c.id)
    ).all()
    usual = tree[organisation_id].languages[0]
    found: dict[str, str] = {}
    for role in TOLD:
        having = [row for row in rows if row.role == role]
        nearest = min((above.index(row.organisation_id) for row in having), default=None)
        for row in having:
            if above.index(row.organisation_id) == nearest:
                found.setdefault(row.msisdn, row.language or row.chosen or usual)
    return list(found.items())
