"""A group's list of households, edited: one added, one taken out, or all of it from a file that is looked at first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, delete, insert, select

from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.kernel.money import BadAmount, Money, read_amount
from gateway.locale import mark
from gateway.membership.households import Household, by_card
from gateway.membership.several import among
from gateway.network.organisations import Tree
from gateway.payments.payers.group_account import lock_account
from gateway.payments.payers.groups import LARGEST_LIST, BadGroup, Listed, add_group, is_being_assigned, read_rows
from gateway.payments.payers.shares import Group, members_of
from gateway.store.schema import payer_group, payer_group_member
from gateway.store.unit import Unit


@dataclass(frozen=True)
class Looked:
    """A list from a file, before it takes the place of the group's: its rows, who would come in and go out.

    ``elsewhere``: the households that stand on other groups' lists too, and on whose.
    """

    rows: tuple[Listed, ...]
    comes: tuple[Household, ...]
    goes: tuple[Household, ...]
    elsewhere: tuple[tuple[Household, tuple[str, ...]], ...]


def list_in(tables: Iterable[Iterator[tuple[int, Sequence[str]]]]) -> list[Listed]:
    """The rows of the first table that is a list: cards, with an amount each or without. Raises :class:`Fault`."""
    refused: Fault | None = None
    for table in tables:
        try:
            return read_rows([(number, list(cells)) for number, cells in islice(table, LARGEST_LIST + 2)])
        except Fault as wrong:
            refused = refused or wrong
    raise refused or BadGroup(mark("there is no list in this file"))


def look_at(connection: Connection, tree: Tree, group: Group, rows: Sequence[Listed]) -> Looked:
    """What a list would change; nothing is written. Raises :class:`Fault` that names the first row that is wrong."""
    place = tree[group.organisation_id]
    families = []
    for row in rows:
        family = by_card(connection, tree, row.card)
        if family is None or not tree[family.section_id].under(place):
            raise BadGroup(
                mark("row {row}: no household of {place} has the card {card}"),
                row=row.row, place=place.name, card=show_card(row.card),
            )  # fmt: skip
        if group.rule == "fixed":
            try:
                read_amount(row.amount or "", family.currency)
            except BadAmount:
                raise BadGroup(mark("row {row}: each household needs an amount of its own"), row=row.row) from None
        families.append(family)
    present = {family.id: family for family, _ in members_of(connection, tree, group)}
    new = {family.id: family for family in families}
    others = other_groups(connection, group, list(new))
    return Looked(
        tuple(rows),
        tuple(family for its_id, family in new.items() if its_id not in present),
        tuple(family for its_id, family in present.items() if its_id not in new),
        tuple((new[its_id], names) for its_id, names in sorted(others.items())),
    )


def other_groups(connection: Connection, group: Group, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The names of the other groups on whose lists households stand, by household; most stand on none."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for start in range(0, len(ids), 500):
        rows = connection.execute(
            select(payer_group_member.c.household_id, payer_group.c.name)
            .join(payer_group, payer_group.c.id == payer_group_member.c.group_id)
            .where(
                payer_group_member.c.household_id.in_(among(ids[start : start + 500])),
                payer_group_member.c.group_id != group.id,
            )
            .order_by(payer_group_member.c.household_id, payer_group.c.name)
        )
        for row in rows:
            found[row.household_id].append(row.name)
    return {its_id: tuple(names) for its_id, names in found.items()}


def replace_list(unit: Unit, tree: Tree, group: Group, rows: Sequence[Listed]) -> None:
    """Let a list take the place of the group's; raises :class:`Fault`, also while money of the group is decided."""
    add_group(unit, tree, group.organisation_id, group.code, group.name, group.rule, group.msisdn, rows)


def add_member(
    unit: Unit, tree: Tree, group: Group, card: str, amount: Money | None
) -> tuple[Household, tuple[str, ...]]:
    """Add a household to a group's list; who it is, and the other groups that it stands on. Raises :class:`Fault`."""
    _lock(unit, group)
    family = by_card(unit.connection, tree, card)
    place = tree[group.organisation_id]
    if family is None or not tree[family.section_id].under(place):
        raise Fault(mark("no household of {place} has the card {card}"), place=place.name, card=show_card(card))
    if group.rule == "fixed" and amount is None:
        raise Fault(mark("each household of this group needs an amount of its own"))
    own = payer_group_member.c.group_id == group.id
    ids = list(unit.connection.scalars(select(payer_group_member.c.household_id).where(own)))
    if family.id in ids:
        raise Fault(mark("this household is on the list already"))
    if len(ids) >= LARGEST_LIST:
        raise Fault(mark("a list has 1 to {most} households"), most=LARGEST_LIST)
    unit.connection.execute(
        insert(payer_group_member).values(
            group_id=group.id,
            household_id=family.id,
            amount_minor=amount.minor if amount is not None and group.rule == "fixed" else None,
        )
    )
    return family, other_groups(unit.connection, group, [family.id]).get(family.id, ())


def remove_member(unit: Unit, group: Group, household_id: int) -> None:
    """Take a household off a group's list; raises :class:`Fault` for the last one."""
    _lock(unit, group)
    own = payer_group_member.c.group_id == group.id
    ids = list(unit.connection.scalars(select(payer_group_member.c.household_id).where(own)))
    if ids == [household_id]:
        raise Fault(mark("a group has one household at least"))
    unit.connection.execute(delete(payer_group_member).where(own, payer_group_member.c.household_id == household_id))


def _lock(unit: Unit, group: Group) -> None:
    lock_account(unit, group)
    if is_being_assigned(unit.connection, group.id):
        raise Fault(mark("another person decides first about money of this group"))
