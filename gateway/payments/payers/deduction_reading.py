"""What a group kept back from its members, read from a file row by row: who is meant, how much, and what is wrong.

A household is named by its card, by a card that it had before, or by the name of somebody on the cards of the group's
own households; nothing is guessed: what names nobody, or several, is told.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Connection, select

from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.faults import Fault
from gateway.kernel.money import MAX_MINOR, BadAmount, read_amount
from gateway.kernel.spelling import plain
from gateway.locale import mark
from gateway.membership.households import Household, by_card
from gateway.membership.several import among
from gateway.network.organisations import Tree
from gateway.payments.payers.groups import LARGEST_LIST
from gateway.payments.payers.shares import Group, members_of
from gateway.payments.unasked.suspense import reaches
from gateway.store.schema import beneficiary

MOST_BYTES = 2 * 2**20
_ABOVE = 20  # rows above the headings
_NAMED_CHARACTERS = 80
_HEADS = {
    "card": ("card", "card number", "old card", "carte", "no carte", "no de carte", "numero de carte", "ancienne carte",
             "matricule", "no adherent", "numero d adherent"),
    "name": ("member", "name", "full name", "membre", "nom", "noms", "nom et prenom", "nom et prenoms", "adherent",
             "planteur", "producteur"),
    "amount": ("amount", "amount deducted", "deduction", "deducted", "montant", "retenue", "montant retenu",
               "montant de la retenue", "cotisation"),
}  # fmt: skip
_NOTHING = re.compile(r"0+([.,]0+)?")
_TOTAL = ("total", "totaux", "somme", "total general")


@dataclass(frozen=True)
class Told:
    """What there is to say of a row; ``warns``: it can be taken all the same."""

    why: str
    values: dict[str, Any] = field(default_factory=dict)
    warns: bool = False

    def kept(self) -> dict[str, Any]:
        return {"why": self.why, "values": self.values, "warns": self.warns}


@dataclass(frozen=True)
class ReadRow:
    """A row as it was read: what it calls the household, whom that is, and how much; None where it can't be taken."""

    number: int
    named: str
    household_id: int | None
    amount_minor: int | None
    told: tuple[Told, ...]


@dataclass(frozen=True)
class ReadFile:
    """A list as it was read; ``digest`` is of who and how much, however the file was saved."""

    rows: tuple[ReadRow, ...]
    total_minor: int
    digest: str

    @property
    def wrong(self) -> int:
        """How many rows can't be taken."""
        return sum(any(not one.warns for one in row.told) for row in self.rows)


@dataclass(frozen=True)
class _Cells:
    number: int
    card: str
    name: str
    amount: str

    @property
    def named(self) -> str:
        return (self.card or self.name)[:_NAMED_CHARACTERS]


def read_deductions(
    connection: Connection, tree: Tree, group: Group, tables: Iterable[Iterator[tuple[int, Sequence[str]]]]
) -> ReadFile:
    """The list in the first of some tables that has a column of amounts and one of cards or names.

    Raises :class:`Fault` where there is none; what is wrong with a row stands in the row.
    """
    cells = _cells(tables)
    families = [family for family, _ in members_of(connection, tree, group)]
    finding = _Finding(connection, tree, group, families)
    rows: list[ReadRow] = []
    seen: dict[int, int] = {}
    total = 0
    for each in cells:
        if plain(each.named) in _TOTAL or (not each.named and rows and each is cells[-1]):
            rows.append(_total_row(each, total, finding.currency))
            continue
        told: list[Told] = []
        family = finding.household(each, told)
        minor = _amount(each.amount, finding.currency, told)
        if family is not None and family.id in seen:
            told.append(
                Told(mark("the same household as row {row}: add the two up in one row"), {"row": seen[family.id]})
            )
        if family is not None:
            seen.setdefault(family.id, each.number)
        total += minor or 0
        rows.append(ReadRow(each.number, each.named, family.id if family else None, minor, tuple(told)))
    kept = tuple(row for row in rows if row.household_id is not None or row.amount_minor is not None or row.told)
    if not seen and not any(row.told for row in kept):
        raise Fault(mark("there are no rows below the headings"))
    if total > MAX_MINOR:
        raise Fault(mark("the sum of the list is too large: look at its column of amounts"))
    what = sorted((row.household_id or 0, row.amount_minor or 0) for row in kept)
    return ReadFile(kept, total, hashlib.sha256(repr(what).encode()).hexdigest())


def _total_row(each: _Cells, total: int, currency: str) -> ReadRow:
    """The sum that the file gives itself: told where it isn't the sum of its rows."""
    told: list[Told] = []
    minor = _amount(each.amount, currency, told)
    if minor is not None and minor != total:
        told.append(Told(mark("the total of the file isn't the sum of its rows")))
    return ReadRow(each.number, each.named, None, None, tuple(told))


def _amount(typed: str, currency: str, told: list[Told]) -> int | None:
    if _NOTHING.fullmatch(typed):  # nothing was kept back of this one
        return 0
    try:
        return read_amount(typed, currency).minor
    except BadAmount:
        told.append(Told(mark("the amount {typed} can't be read"), {"typed": typed[:20] or "–"}))
        return None


def _cells(tables: Iterable[Iterator[tuple[int, Sequence[str]]]]) -> list[_Cells]:
    unreadable: Fault | None = None
    for table in tables:
        try:
            rows = list(islice(table, LARGEST_LIST + _ABOVE + 2))
        except Fault as wrong:
            unreadable = wrong
            continue
        for place, (_, heads) in enumerate(rows[:_ABOVE]):
            columns = {
                what: at for at, head in enumerate(heads) for what, names in _HEADS.items() if plain(head) in names
            }
            if "amount" in columns and len(columns) > 1:
                return _below(rows[place + 1 :], columns)
    raise unreadable or Fault(
        mark("the file needs a column of cards (carte) or names (nom), and one of amounts (montant)")
    )


def _below(rows: Sequence[tuple[int, Sequence[str]]], columns: Mapping[str, int]) -> list[_Cells]:
    found = []
    for number, cells in rows:
        texts = {what: " ".join(cells[at].split()).lstrip("'") for what, at in columns.items() if at < len(cells)}
        if any(texts.values()):
            found.append(_Cells(number, texts.get("card", ""), texts.get("name", ""), texts.get("amount", "")))
    if len(found) > LARGEST_LIST + 1:
        raise Fault(mark("more than {most} rows: divide the file"), most=LARGEST_LIST)
    return found


class _Finding:
    """Finds the households that rows name; what is needed of the group's own is read once."""

    def __init__(self, connection: Connection, tree: Tree, group: Group, families: Sequence[Household]) -> None:
        self._connection, self._tree, self._group = connection, tree, group
        self._own = {family.id: family for family in families}
        self._books = tree.books_of(group.organisation_id)
        self.currency = self._books.currency
        self._names: defaultdict[str, set[int]] = defaultdict(set)
        ids = list(self._own)
        for start in range(0, len(ids), 500):
            people = connection.execute(
                select(beneficiary.c.household_id, beneficiary.c.name).where(
                    beneficiary.c.household_id.in_(among(ids[start : start + 500])), beneficiary.c.left_on.is_(None)
                )
            )
            for row in people:
                self._names[_sorted(row.name)].add(row.household_id)

    def household(self, each: _Cells, told: list[Told]) -> Household | None:
        card = None
        for typed in (each.card, each.name):
            try:
                card = card or read_card(typed)
            except BadCard:
                continue
        if card is not None:
            return self._with_card(card, told)
        if each.card:
            told.append(Told(mark("{typed} is no card number"), {"typed": each.card[:20]}))
            return None
        meant = self._names.get(_sorted(each.name), set()) if each.name else set()
        if len(meant) == 1:
            return self._own[next(iter(meant))]
        if meant:
            told.append(Told(mark("{count} households of the group have this name: write the card"),
                             {"count": len(meant)}))  # fmt: skip
        else:
            told.append(Told(mark("nobody of the group has this name: write the card")))
        return None

    def _with_card(self, card: str, told: list[Told]) -> Household | None:
        family = by_card(self._connection, self._tree, card)
        place = self._tree[self._group.organisation_id]
        if family is None or not self._tree[family.section_id].under(place):
            told.append(Told(mark("no household of {place} has the card {card}"),
                             {"place": place.name, "card": show_card(card)}))  # fmt: skip
            return None
        if family.currency != self.currency or not reaches(self._tree, self._group.organisation_id, family.section_id):
            told.append(Told(mark("this household pays in another currency, or into another wallet")))
            return None
        if family.id not in self._own:
            told.append(Told(mark("this household isn't on the group's list"), warns=True))
        return family


def _sorted(name: str) -> str:
    """A name as it is compared: first name or family name first, it is the same."""
    return " ".join(sorted(plain(name).split()))
