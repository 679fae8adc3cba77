"""What is known of one household besides its cover: its changes, complaints, visits, years, and the cards it had."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from gateway.kernel.numbers import with_check_digit
from gateway.network.organisations import Tree
from gateway.store.schema import (
    beneficiary,
    card_alias,
    facility,
    household,
    household_change,
    phone,
    request,
    staff,
    visit,
)

_PHONES = ("phone-joined", "phone-left", "phone-main")  # changes whose note is a number


@dataclass(frozen=True)
class Change:
    """A line of a household's story: what, when it was told of, when it happened, to whom, and who told.

    ``asked_from``: the phone it was asked from, where it was. ``note``: what the kind says more; of a phone its number.
    """

    id: int
    at: datetime
    kind: str
    happened_on: date | None
    person: str | None
    by: str | None
    asked_from: str | None
    note: str | None

    @property
    def names_phone(self) -> bool:
        """Is the note a phone number?"""
        return self.kind in _PHONES


def changes_of(connection: Connection, household_id: int, limit: int, before: int | None = None) -> list[Change]:
    """A household's story, the newest first; ``before``: what is older than the line with this id."""
    asked: Select[Any] = (
        select(
            household_change.c.id,
            household_change.c.at,
            household_change.c.kind,
            household_change.c.happened_on,
            beneficiary.c.name,
            func.coalesce(household_change.c.by_name, staff.c.name),
            household_change.c.msisdn,
            household_change.c.note,
        )
        .outerjoin(beneficiary, beneficiary.c.id == household_change.c.beneficiary_id)
        .outerjoin(staff, staff.c.id == household_change.c.staff_id)
        .where(household_change.c.household_id == household_id)
    )
    if before is not None:
        asked = asked.where(household_change.c.id < before)
    rows = connection.execute(asked.order_by(household_change.c.id.desc()).limit(limit))
    return [Change(*row) for row in rows]


def phones_ever(connection: Connection, household_id: int) -> list[str]:
    """The numbers that a household has, and had as far as its story tells."""
    has = connection.scalars(select(phone.c.msisdn).where(phone.c.household_id == household_id)).all()
    had = connection.scalars(
        select(household_change.c.note).where(
            household_change.c.household_id == household_id, household_change.c.kind.in_(_PHONES)
        )
    ).all()
    return sorted({*has, *(each for each in had if each)})


@dataclass(frozen=True)
class Asked:
    """A complaint, or a wish to be called, of a household."""

    id: int
    number: str
    kind: str
    at: datetime
    text: str
    state: str
    answer: str | None
    answered_by: str | None


def requests_of(
    connection: Connection, tree: Tree, household_id: int, section_id: int, limit: int
) -> list[Asked]:  # fmt: skip
    """A household's complaints and wishes to be called, the newest first."""
    # By the organisations that they can have come to: those have an index, and few requests each.
    upward = [one.id for one in tree.upward(section_id)]
    rows = connection.execute(
        select(
            request.c.id, request.c.kind, request.c.created_at, request.c.text, request.c.state, request.c.answer,
            request.c.answered_by,
        )
        .where(request.c.organisation_id.in_(upward), request.c.household_id == household_id)
        .order_by(request.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [
        Asked(row.id, with_check_digit(row.id), row.kind, row.created_at, row.text, row.state, row.answer,
              row.answered_by)
        for row in rows
    ]  # fmt: skip


@dataclass(frozen=True)
class Treated:
    """A visit of somebody on the card that a facility announced."""

    id: int
    number: str
    on: date
    person: str
    facility: str


def visits_of_household(connection: Connection, household_id: int, limit: int) -> list[Treated]:
    """A household's visits to health facilities, the newest first."""
    rows = connection.execute(
        select(visit.c.id, visit.c.announced_on, beneficiary.c.name.label("person"), facility.c.name.label("facility"))
        .join(beneficiary, beneficiary.c.id == visit.c.beneficiary_id)
        .join(facility, facility.c.id == visit.c.facility_id)
        .where(visit.c.household_id == household_id)
        .order_by(visit.c.id.desc())
        .limit(limit)
    )
    return [Treated(row.id, with_check_digit(row.id), row.announced_on, row.person, row.facility) for row in rows]


@dataclass(frozen=True)
class OldCard:
    """A card that leads to a household since the one that had it was merged into it."""

    card: str
    since: datetime


def old_cards_of(connection: Connection, household_id: int) -> list[OldCard]:
    """The cards that lead to a household, the newest first."""
    rows = connection.execute(
        select(card_alias.c.card, card_alias.c.since)
        .where(card_alias.c.household_id == household_id)
        .order_by(card_alias.c.since.desc(), card_alias.c.card)
    )
    return [OldCard(row.card, row.since) for row in rows]


def registered_at(connection: Connection, household_id: int) -> datetime:
    """When a household was registered."""
    found: datetime = connection.execute(
        select(household.c.registered_at).where(household.c.id == household_id)
    ).scalar_one()
    return found


def language_of(connection: Connection, household_id: int) -> str | None:
    """The language that a household is written to in, where one was chosen."""
    return connection.scalar(select(household.c.language).where(household.c.id == household_id))
