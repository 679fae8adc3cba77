"""Families as the exchange tells of them: everybody who is or was on a card, its older cards, and how it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from sqlalchemy import BigInteger, Connection, bindparam, or_, select

from gateway.kernel.clock import day_in
from gateway.ledger.accounts import ask_statement, read_statement
from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.membership.households import (
    Enrolment,
    Household,
    Standing,
    ask_enrolments,
    last_of,
    read_enrolments,
    standing_of,
)
from gateway.membership.people import Beneficiary
from gateway.membership.several import by_household, of_several
from gateway.membership.visits import Covered, OnCard, covered_of
from gateway.network.organisations import Organisation, Tree
from gateway.store.schema import account, beneficiary, card_alias, household, line, membership, phone

AT_ONCE = 200  # households that are read together


@dataclass(frozen=True)
class Someone(Beneficiary):
    """Somebody who is on a card, or was: ``left_on`` is the first day on which they aren't on it any more."""

    joined_on: date = date.min
    left_on: date | None = None
    left_because: str | None = None

    def on_card(self, on: date) -> bool:
        """Are they on the card on a day?"""
        return self.joined_on <= on and (self.left_on is None or self.left_on > on)


@dataclass(frozen=True)
class Family:
    """A household on the day ``on``. ``old_cards`` lead to it; ``phones``: its main ones; ``merged``: it is another's.

    ``last``: the last year that it was enrolled for. ``people``: the head first, then by id; who has left too.
    """

    household: Household
    section: Organisation
    mutuelle: Organisation
    standing: Standing
    last: Enrolment | None
    people: tuple[Someone, ...]
    covered: Covered
    on: date
    old_cards: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    merged: bool = False

    @cached_property
    def on_card(self) -> tuple[Someone, ...]:
        """Who is on the card that day, in its order."""
        return tuple(each for each in self.people if each.on_card(self.on))

    @cached_property
    def head(self) -> Someone | None:
        """The head; None of a household that has gone over into another."""
        return next((each for each in self.on_card if each.relation == "head"), None)

    @cached_property
    def cover_of(self) -> Mapping[int, OnCard]:
        """How each of those on the card is covered that day, by id."""
        return {each.id: each for each in self.covered.people}


_IDS = bindparam("ids", type_=BigInteger, expanding=True, literal_execute=True)
_ENROLMENTS = of_several(ask_enrolments(0), membership.c.household_id, _IDS).order_by(
    membership.c.household_id, membership.c.starts_on
)
_LINES = of_several(ask_statement(0), line.c.household_id, _IDS).where(
    or_(*(account.c.role == one for one in HOUSEHOLD_ROLES))
)
_PEOPLE = (
    select(
        beneficiary.c.household_id,
        beneficiary.c.id,
        beneficiary.c.name,
        beneficiary.c.sex,
        beneficiary.c.birth_year,
        beneficiary.c.relation,
        beneficiary.c.covered_from,
        beneficiary.c.joined_on,
        beneficiary.c.left_on,
        beneficiary.c.left_because,
    )
    .where(beneficiary.c.household_id.in_(_IDS))
    .order_by(beneficiary.c.household_id, beneficiary.c.relation != "head", beneficiary.c.id)
)
_HOUSEHOLDS = (
    select(
        household.c.id, household.c.card, household.c.section_id, household.c.language, household.c.merged_into_id
    )
    .where(household.c.id.in_(_IDS))
    .order_by(household.c.id)
)  # fmt: skip
_ALIASES = (
    select(card_alias.c.household_id, card_alias.c.card)
    .where(card_alias.c.household_id.in_(_IDS))
    .order_by(card_alias.c.since, card_alias.c.card)
)
_PHONES = (
    select(phone.c.household_id, phone.c.msisdn)
    .where(phone.c.household_id.in_(_IDS), phone.c.main)
    .order_by(phone.c.msisdn)
)


def families(connection: Connection, tree: Tree, ids: Collection[int], day: Mapping[str, date]) -> list[Family]:
    """The households with these ids, :data:`AT_ONCE` at most, by id; ``day``: which one it is, by time zone.

    Ids of none are left out, and households of sections that the tree hasn't yet. Six statements, however many.
    """
    if not ids:
        return []
    given = {"ids": list(ids)}
    rows = connection.execute(_HOUSEHOLDS, given).all()
    people = by_household(connection.execute(_PEOPLE, given))
    years = by_household(connection.execute(_ENROLMENTS, given))
    moves = by_household(connection.execute(_LINES, given))
    cards = by_household(connection.execute(_ALIASES, given))
    phones = by_household(connection.execute(_PHONES, given))
    found = []
    for row in rows:
        section = tree.by_id.get(row.section_id)
        if section is None:  # it has just been moved into a section that another process made
            continue
        on = day[section.time_zone]
        everybody = tuple(Someone(*tuple(each)[1:]) for each in people[row.id])
        here = [each for each in everybody if each.on_card(on)]
        head = next((each for each in here if each.relation == "head"), None)
        name, sex = (head.name, head.sex) if head else ("", "")
        zone = section.time_zone
        one = Household(row.id, row.card, section.id, name, row.language, section.currency, zone, sex=sex)
        enrolments = read_enrolments([tuple(each)[1:] for each in years[row.id]], zone)
        standing = standing_of(one, enrolments, read_statement(moves[row.id]), on)
        found.append(
            Family(
                one,
                section,
                tree.books_of(section.id),
                standing,
                last_of(enrolments),
                everybody,
                covered_of(tree, standing, here, on),
                on,
                tuple(each.card for each in cards[row.id]),
                tuple(each.msisdn for each in phones[row.id]),
                row.merged_into_id is not None,
            )
        )
    return found


_NEXT_IDS = (
    select(household.c.id)
    .where(
        household.c.section_id == bindparam("section_id"),
        household.c.id >= bindparam("since", type_=BigInteger),
        household.c.merged_into_id.is_(None),
    )
    .order_by(household.c.id)
    .limit(bindparam("most"))
)


def walk(
    connection: Connection,
    tree: Tree,
    sections: Sequence[Organisation],
    day: Mapping[str, date],
    since: tuple[int, int] = (0, 0),
    at_once: int = AT_ONCE,
) -> Iterator[Family]:
    """Every household of these sections, by the section's id and its own, ``since`` those two ids; merged ones not."""
    for section in sorted(sections, key=lambda one: one.id):
        if section.id < since[0]:
            continue
        first = since[1] if section.id == since[0] else 0
        while True:
            asked = {"section_id": section.id, "since": first, "most": at_once}
            ids = list(connection.scalars(_NEXT_IDS, asked))
            yield from families(connection, tree, ids, day)
            if len(ids) < at_once:
                break
            first = ids[-1] + 1


def today(tree: Tree, now: datetime) -> dict[str, date]:
    """Which day it is at a moment, by time zone of the tree."""
    return {zone: day_in(zone, now) for zone in {one.time_zone for one in tree.by_id.values()}}


def same_day(tree: Tree, on: date) -> dict[str, date]:
    """The same day in every time zone of the tree."""
    return dict.fromkeys((one.time_zone for one in tree.by_id.values()), on)


_OF_PERSON = select(beneficiary.c.household_id).where(beneficiary.c.id == bindparam("id", type_=BigInteger))


def household_of(connection: Connection, person_id: int) -> int | None:
    """On whose card somebody is, or was."""
    return connection.scalar(_OF_PERSON, {"id": person_id})


def household_with(connection: Connection, card: str) -> int | None:
    """The id of the household that a card, or one it had before, leads to."""
    own = select(household.c.id).where(household.c.card == card, household.c.merged_into_id.is_(None))
    alias = select(card_alias.c.household_id).where(card_alias.c.card == card)
    return connection.scalar(own) or connection.scalar(alias)
