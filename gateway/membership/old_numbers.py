"""The numbers that households had before: on paper cards, or in other software, as ``OUA-0123/17``.

A number is one household's in a mutuelle, and is told by its letters and digits alone, however it is written. It never
counts as a card number: it is looked for where no card is found, and only where one household has it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from gateway.kernel.card import BadCard, read_card
from gateway.kernel.faults import Fault
from gateway.kernel.spelling import plain
from gateway.locale import mark
from gateway.membership.changes import By, write_change
from gateway.membership.households import Household, by_id
from gateway.network.organisations import Organisation, Tree
from gateway.store.if_new import if_new
from gateway.store.schema import card_alias, household, old_number, organisation
from gateway.store.unit import Unit

LONGEST = 40
_NEW = if_new(old_number, "key", "organisation_id")


@dataclass(frozen=True)
class OldNumber:
    """A household's former number, as it was typed."""

    written: str
    since: datetime


def key_of(written: str) -> str:
    """A number as it is compared: ``oua012317`` for ``OUA-0123/17``; empty where no digit is in it."""
    key = plain(written).replace(" ", "")[:LONGEST]
    return key if re.search(r"\d", key) else ""


def add_old_number(unit: Unit, tree: Tree, household_id: int, section_id: int, written: str, by: By | None) -> bool:
    """Let a household be found by a number that it had before; False where it is found by it already.

    ``by`` None: it came with the household's register, and its story has nothing to tell. Raises :class:`Fault` for
    what is no number, and for one that is another household's: in the same mutuelle, or as its card.
    """
    text, key = " ".join(written.split()), key_of(written)
    if not key or len(text) > LONGEST:
        text = text[:LONGEST]
        wrong = mark("{number} is no old number: it has a digit, and at most {most} signs")
        raise Fault(wrong, number=text, most=LONGEST)
    if _is_card_of_another(unit.connection, text, household_id):
        raise Fault(mark("the old number {number} is another household's"), number=text)
    books = tree.books_of(section_id).id
    row = {"key": key, "organisation_id": books, "household_id": household_id, "written": text, "since": unit.now}
    if unit.connection.scalar(_NEW[unit.connection.dialect.name], row) is None:
        whose = select(old_number.c.household_id).where(old_number.c.key == key, old_number.c.organisation_id == books)
        if unit.connection.scalar(whose) == household_id:
            return False
        raise Fault(mark("the old number {number} is another household's"), number=text)
    if by is not None:
        write_change(unit, household_id, "old-number", by, note=text)
    return True


def _is_card_of_another(connection: Connection, text: str, household_id: int) -> bool:
    """Would whoever types this number be shown another household's card, of today or from before a merge?"""
    try:
        card = read_card(text)
    except BadCard:
        return False
    whose = connection.scalar(select(household.c.id).where(household.c.card == card))
    if whose is None:
        whose = connection.scalar(select(card_alias.c.household_id).where(card_alias.c.card == card))
    its = select(card_alias.c.household_id).where(card_alias.c.card == card)
    return whose is not None and whose != household_id and connection.scalar(its) != household_id


def old_numbers_of(connection: Connection, household_id: int) -> list[OldNumber]:
    """The numbers that a household had before."""
    rows = connection.execute(
        select(old_number.c.written, old_number.c.since)
        .where(old_number.c.household_id == household_id)
        .order_by(old_number.c.key)
    )
    return [OldNumber(row.written, row.since) for row in rows]


def with_old_number(
    connection: Connection, typed: str, books_ids: Collection[int] | None = None, below: Organisation | None = None
) -> list[int]:
    """The ids of the households that had a number: in some mutuelles' lists, or that live below one; at most a few."""
    key = key_of(typed)
    if not key:
        return []
    asked = select(old_number.c.household_id).where(old_number.c.key == key)
    if books_ids is not None:
        asked = asked.where(old_number.c.organisation_id.in_(books_ids))
    if below is not None:
        asked = (
            asked.join(household, household.c.id == old_number.c.household_id)
            .join(organisation, organisation.c.id == household.c.section_id)
            .where(organisation.c.path.startswith(below.path))
        )
    its = asked.distinct().limit(20).subquery()
    own = select(household.c.id).join(its, its.c.household_id == household.c.id)
    return list(connection.scalars(own.where(household.c.merged_into_id.is_(None)).order_by(household.c.id)))


def by_old_number(connection: Connection, tree: Tree, typed: str, below: Organisation) -> list[Household]:
    """The one household below an organisation that had a number, where exactly one had it; else nobody.

    Those who live there now, whichever mutuelle gave them the number.
    """
    found = with_old_number(connection, typed, below=below)
    return [by_id(connection, tree, found[0])] if len(found) == 1 else []


def only_with_old_number(connection: Connection, typed: str, books_id: int) -> int | None:
    """The one household of a mutuelle that had a number; None where there is none."""
    found = with_old_number(connection, typed, (books_id,))
    return found[0] if len(found) == 1 else None
