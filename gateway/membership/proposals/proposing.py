"""Proposing other categories for households, by hand or from a file: a list is made, and nothing is changed by it.

A list belongs to a section, or to whatever stands above the sections of its households. While it is proposed, it can be
changed; once it is printed it stays as the meeting has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.persons import name_kept
from gateway.kernel.spelling import plain
from gateway.locale import Say, mark
from gateway.membership.categories import REASON_CHARACTERS, Category, categories_for
from gateway.membership.proposals.lists import MOST_ROWS, Proposal, left_of, present_codes, proposal_with
from gateway.membership.proposals.states import OPEN, State, locked_state, move, require
from gateway.membership.several import among
from gateway.network.organisations import Tree
from gateway.store.schema import card_alias, category_proposal, category_proposal_row, household
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

MOST_BYTES = 2 * 2**20
TITLE_CHARACTERS = 80
_AT_ONCE = 500
NONE = ("-", "aucune", "sans", "none", "no category")  # what stands in a file for "in no category any more"
_HEADS = {
    "card": ("card", "card number", "carte", "no carte", "numero de carte", "no de carte", "ancienne carte"),
    "category": ("category", "proposed category", "categorie", "categorie proposee"),
    "reason": ("reason", "why", "raison", "motif", "pourquoi"),
    "by": ("proposed by", "by", "propose par", "par"),
}


@dataclass(frozen=True)
class Wanted:
    """A row as it was typed or stands in a file: a card, a category's code or name (or none), why, and who says it."""

    row: int
    card: str
    category: str
    reason: str
    by: str


@dataclass(frozen=True)
class Wrong:
    """Why a row can't be taken; ``said`` in somebody's language."""

    row: int
    fault: Fault

    def said(self, say: Say) -> str:
        """The row and the fault in words."""
        return say("row {row}: {what}", row=self.row, what=self.fault.said(say))


class WrongRows(Fault):
    """Rows of a list can't be taken: nothing was. ``rows`` tells each of them."""

    def __init__(self, rows: Sequence[Wrong]) -> None:
        first = rows[0]
        super().__init__(
            mark("nothing was taken; rows that can't be: {count}; the first: row {row}: {what}"),
            count=len(rows),
            row=first.row,
            what=first.fault,
        )
        self.rows = tuple(rows)


# --- from a file ------------------------------------------------------------------------------------------------------


def read_list(tables: Iterable[Iterator[tuple[int, Sequence[str]]]], by: str) -> list[Wanted]:
    """The rows of the first table with columns for a card and a category; ``by`` where the file names nobody.

    Raises :class:`Fault`.
    """
    unreadable: Fault | None = None
    for table in tables:
        try:
            rows = list(islice(table, MOST_ROWS + 20))
        except Fault as wrong:
            unreadable = wrong
            continue
        for place, (_, cells) in enumerate(rows[:20]):
            columns = {
                field: at for at, cell in enumerate(cells) for field, names in _HEADS.items() if plain(cell) in names
            }
            if {"card", "category"} <= columns.keys():
                return _wanted(rows[place + 1 :], columns, by)
    raise unreadable or Fault(mark("the list needs a column of cards (carte) and one of categories (catégorie)"))


def _wanted(
    rows: Sequence[tuple[int, Sequence[str]]], columns: Mapping[str, int], by: str
) -> list[Wanted]:  # fmt: skip
    found = []
    for number, cells in rows:
        texts = {field: " ".join(cells[at].split()) for field, at in columns.items() if at < len(cells)}
        if any(texts.values()):
            found.append(
                Wanted(number, texts.get("card", ""), texts.get("category", ""), texts.get("reason", ""),
                       texts.get("by", "") or by)
            )  # fmt: skip
    if not found:
        raise Fault(mark("there are no rows below the headings"))
    return found


# --- making and changing ----------------------------------------------------------------------------------------------


def propose(unit: Unit, tree: Tree, organisation_id: int, title: str, by_name: str) -> int:
    """Make an empty list for a part of the network; its id. Raises :class:`Fault`."""
    title, by_name = " ".join(title.split()), name_kept(by_name)
    if not title or len(title) > TITLE_CHARACTERS or not by_name:
        raise Fault(mark("a list has a name of up to {most} letters, and somebody who makes it"), most=TITLE_CHARACTERS)
    if not any(categories_for(unit.connection, tree, one.id) for one in tree.sections_under(organisation_id)):
        raise Fault(mark("there are no categories here"))
    made = unit.connection.execute(
        insert(category_proposal).values(
            organisation_id=organisation_id,
            title=title,
            state=State.PROPOSED.value,
            made_by=by_name,
            made_at=unit.now,
        )
    )
    proposal_id = int(made.inserted_primary_key[0])  # type: ignore[index]
    move(unit, proposal_id, None, State.PROPOSED, by_name)
    return proposal_id


def add_rows(unit: Unit, tree: Tree, proposal_id: int, wanted: Sequence[Wanted]) -> int:
    """Add households to a list, all or none; how many it has now. Raises :class:`WrongRows`, or :class:`Fault`."""
    # Two lists that name one household at the same moment go one after the other.
    take_turn(unit, "category proposals")
    require(locked_state(unit, proposal_id), State.PROPOSED)
    one = proposal_with(unit.connection, proposal_id)
    if one.rows + len(wanted) > MOST_ROWS:
        raise Fault(mark("a list has {most} households at most: make another one"), most=MOST_ROWS)
    families = _families(unit.connection, wanted)
    checking = _Checking(unit.connection, tree, one, {row.id for row in families.values()})
    values, wrong, seen = [], [], set[int]()
    for each in wanted:
        try:
            row = checking.row(each, families)
            if row["household_id"] in seen:
                raise Fault(mark("this household stands in the list twice"))
            seen.add(int(row["household_id"]))
            values.append({**row, "proposal_id": proposal_id, "state": "open"})
        except Fault as fault:
            wrong.append(Wrong(each.row, fault))
    if wrong:
        raise WrongRows(wrong)
    today = day_in(tree[one.organisation_id].time_zone, unit.now)
    present = present_codes(unit.connection, seen, today)
    for start in range(0, len(values), _AT_ONCE):
        batch = [{**each, "from_code": present.get(each["household_id"])} for each in values[start : start + _AT_ONCE]]
        unit.connection.execute(insert(category_proposal_row), batch)
    return one.rows + len(values)


def _families(connection: Connection, wanted: Sequence[Wanted]) -> dict[str, Row[Any]]:
    """The households that are named, by card: by their own, or by an old one that leads to them."""
    cards = []
    for each in wanted:
        try:
            cards.append(read_card(each.card))
        except BadCard:
            continue
    found: dict[str, Row[Any]] = {}
    columns = (household.c.id, household.c.section_id, household.c.merged_into_id)
    for start in range(0, len(cards), _AT_ONCE):
        batch = cards[start : start + _AT_ONCE]
        led = (
            select(card_alias.c.card, *columns)
            .join(household, household.c.id == card_alias.c.household_id)
            .where(card_alias.c.card.in_(batch))
        )
        own = select(household.c.card, *columns).where(household.c.card.in_(batch))
        for query in (led, own.where(household.c.merged_into_id.is_(None))):
            found.update({row.card: row for row in connection.execute(query)})
    return found


class _Checking:
    """Checks rows for one list, with what is read once for all of them."""

    def __init__(self, connection: Connection, tree: Tree, one: Proposal, ids: set[int]) -> None:
        self._connection, self._tree, self._one = connection, tree, one
        self._left = left_of(connection, ids)
        self._listed: dict[int, int] = {}
        for start in range(0, len(ids), _AT_ONCE):
            rows = connection.execute(
                select(category_proposal_row.c.household_id, category_proposal.c.id)
                .join(category_proposal, category_proposal.c.id == category_proposal_row.c.proposal_id)
                .where(
                    category_proposal_row.c.household_id.in_(among(sorted(ids)[start : start + _AT_ONCE])),
                    category_proposal.c.state.in_([state.value for state in OPEN]),
                )
            )
            self._listed.update({row.household_id: row.id for row in rows})
        self._categories: dict[int, list[Category]] = {}

    def row(self, each: Wanted, families: Mapping[str, Row[Any]]) -> dict[str, Any]:
        try:
            card = read_card(each.card)
        except BadCard:
            raise Fault(mark("{typed} is no card number"), typed=each.card[:20] or "–") from None
        family, place = families.get(card), self._tree[self._one.organisation_id]
        if family is None or not self._tree[family.section_id].under(place):
            raise Fault(mark("no household of {place} has the card {card}"), place=place.name, card=show_card(card))
        if family.id in self._left:
            raise Fault(mark("this household has left"))
        if family.id in self._listed:
            raise Fault(mark("this household stands on list {number} already"), number=self._listed[family.id])
        reason, by = " ".join(each.reason.split()), name_kept(each.by)
        if not reason or len(reason) > REASON_CHARACTERS or not by:
            raise Fault(mark("it must be said why (up to {most} letters), and by whom"), most=REASON_CHARACTERS)
        return {
            "household_id": family.id,
            "section_id": family.section_id,
            "to_code": self._code(family.section_id, each.category),
            "reason": reason,
            "proposed_by": by,
        }

    def _code(self, section_id: int, typed: str) -> str | None:
        known = self._categories.get(section_id)
        if known is None:
            known = self._categories[section_id] = categories_for(self._connection, self._tree, section_id)
        return code_of(known, typed)


def code_of(known: Sequence[Category], typed: str) -> str | None:
    """The code of the category that is named by its code or name; None for none. Raises :class:`Fault`."""
    wanted = plain(typed)
    if typed.strip() in NONE or wanted in NONE:
        return None
    for one in known:
        if wanted and wanted in (plain(one.code), plain(one.name)):
            return one.code
    codes = ", ".join(one.code for one in known)
    raise Fault(mark("{typed} is none of the categories here: {codes}"), typed=typed[:40] or "–", codes=codes or "–")


def remove_row(unit: Unit, proposal_id: int, household_id: int) -> None:
    """Take a household out of a list that isn't printed yet; raises :class:`Fault`."""
    require(locked_state(unit, proposal_id), State.PROPOSED)
    own = (category_proposal_row.c.proposal_id == proposal_id) & (category_proposal_row.c.household_id == household_id)
    unit.connection.execute(delete(category_proposal_row).where(own))


def withdraw(unit: Unit, proposal_id: int, by_name: str, why: str) -> None:
    """The list comes to nothing, and says why; raises :class:`Fault` once it is being applied."""
    if not by_name.strip() or not why.strip():
        raise Fault(mark("a name and a reason must be given"))
    move(unit, proposal_id, locked_state(unit, proposal_id), State.WITHDRAWN, by_name, why.strip())
