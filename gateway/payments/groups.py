"""Groups: a cooperative, an association, a relative abroad pays at once for many households, and each has its receipt.

What came stands on suspense as one transaction of the operator; a person says which group paid it, and in one
transaction of ours each household gets its share as a collection of its own, which can be receipted, listed and given
back like any other. How the shares are reckoned: :func:`split`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import BadAmount, Money, read_amount
from gateway.ledger.chart import Chart
from gateway.membership.households import Household, by_card, by_id, standing
from gateway.network.organisations import Tree
from gateway.payments.incoming import post_share
from gateway.payments.suspense import NotAssigned, reverse_suspense, take_from_suspense, write_decision
from gateway.store.schema import incoming, organisation, payer_group, payer_group_member
from gateway.store.unit import Unit

Rule = Literal["due", "equal", "fixed"]
LARGEST_LIST = 1_000  # households


class BadGroup(Fault):
    """A group or its list can't be taken as it is; the text says where and why."""


# --- shares -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """A household in a split: what it has to pay now (or next), and its own amount where the rule is ``fixed``."""

    household_id: int
    card: str
    due_minor: int
    fixed_minor: int | None = None


class BadSplit(ValueError):
    """What the rule doesn't divide; ``args[0]`` is ``nobody``, ``amount``, ``no-fixed`` or ``not-the-sum``."""


def split(members: Sequence[Need], amount: Money, rule: Rule) -> tuple[tuple[int, Money], ...]:
    """The share of each household (its id), by card number; shares add up to the amount, none is zero.

    ``equal``: the same for each; units that can't be divided go, one each, to the lowest card numbers. ``due``: what
    each has to pay now; where there is less, in proportion to it, the units left over to the largest remainders (then
    the lowest card numbers); where there is more, the rest as ``equal``. ``fixed``: each its own amount, and nothing
    but their sum is taken. The order in which households are given changes nothing.
    """
    if not members:
        raise BadSplit("nobody")
    if amount.minor <= 0:
        raise BadSplit("amount")
    ordered = sorted(members, key=lambda one: one.card)
    shares = _SPLIT[rule](ordered, amount.minor)
    return tuple(
        (one.household_id, Money(share, amount.currency)) for one, share in zip(ordered, shares, strict=True) if share
    )


def _equal(members: Sequence[Need], amount: int) -> list[int]:
    each, rest = divmod(amount, len(members))
    return [each + (place < rest) for place in range(len(members))]


def _due(members: Sequence[Need], amount: int) -> list[int]:
    dues = [one.due_minor for one in members]
    total = sum(dues)
    if amount >= total:
        return [due + more for due, more in zip(dues, _equal(members, amount - total), strict=True)]
    shares = [amount * due // total for due in dues]
    remainders = [(-(amount * due % total), place) for place, due in enumerate(dues)]
    for _, place in sorted(remainders)[: amount - sum(shares)]:
        shares[place] += 1
    return shares


def _fixed(members: Sequence[Need], amount: int) -> list[int]:
    shares = []
    for one in members:
        if one.fixed_minor is None:
            raise BadSplit("no-fixed")
        shares.append(one.fixed_minor)
    if sum(shares) != amount:
        raise BadSplit("not-the-sum")
    return shares


_SPLIT = {"equal": _equal, "due": _due, "fixed": _fixed}

# --- groups and their households --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Somebody who pays for many households of one part of the network; ``msisdn`` is E.164, where known."""

    id: int
    organisation_id: int
    code: str
    name: str
    msisdn: str | None
    rule: Rule


@dataclass(frozen=True)
class Listed:
    """A row of a group's list: the card, and its own amount as it was written."""

    row: int
    card: str
    amount: str | None


def read_list(text: str) -> list[Listed]:
    """The households in a CSV list: a card number, and an amount where each has its own.

    Columns are divided by ``;`` where the first line has one, else by ``,``; a first line without figures is a heading.
    Raises :class:`BadGroup` that names the first row that is wrong: nothing is guessed.
    """
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    rows = list(csv.reader(io.StringIO(text), delimiter=";" if ";" in first else ","))
    found: list[Listed] = []
    for number, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and not re.search(r"\d", "".join(cells))):
            continue
        if len(cells) > 2:
            raise BadGroup(f"row {number}: a card and an amount, no more")
        try:
            card = read_card(cells[0])
        except BadCard:
            raise BadGroup(f"row {number}: {cells[0][:20]} is no card number") from None
        if card in {one.card for one in found}:
            raise BadGroup(f"row {number}: card {show_card(card)} stands in the list twice")
        found.append(Listed(number, card, cells[1] if len(cells) == 2 and cells[1] else None))
    if not found or len(found) > LARGEST_LIST:
        raise BadGroup(f"a list has 1 to {LARGEST_LIST} households")
    return found


def add_group(
    unit: Unit, tree: Tree, office_id: int, code: str, name: str, rule: Rule, msisdn: str | None, rows: Sequence[Listed]
) -> Group:
    """Add a group with its households, or give one that is known another name, rule, phone and list.

    Raises :class:`BadGroup` for a card that isn't of a household at or below the organisation, and for a ``fixed`` list
    with an amount that is missing or can't be read.
    """
    members = [_member(unit.connection, tree, office_id, rule, one) for one in rows]
    values = {"organisation_id": office_id, "name": name, "rule": rule, "msisdn": msisdn}
    known = unit.connection.scalar(select(payer_group.c.id).where(payer_group.c.code == code).with_for_update())
    if known is None:
        made = unit.connection.execute(insert(payer_group).values(code=code, **values))
        known = int(made.inserted_primary_key[0])  # type: ignore[index]
    else:
        unit.connection.execute(update(payer_group).where(payer_group.c.id == known).values(values))
        unit.connection.execute(delete(payer_group_member).where(payer_group_member.c.group_id == known))
    unit.connection.execute(
        insert(payer_group_member),
        [{"group_id": known, "household_id": its_id, "amount_minor": minor} for its_id, minor in members],
    )
    return Group(known, office_id, code, name, msisdn, rule)


def _member(connection: Connection, tree: Tree, office_id: int, rule: Rule, one: Listed) -> tuple[int, int | None]:
    family = by_card(connection, tree, one.card)
    if family is None or not tree[family.section_id].under(tree[office_id]):
        raise BadGroup(f"row {one.row}: no household of {tree[office_id].name} has the card {show_card(one.card)}")
    if rule != "fixed":
        return family.id, None
    try:
        return family.id, read_amount(one.amount or "", family.currency).minor
    except BadAmount as wrong:
        raise BadGroup(f"row {one.row}: its amount can't be taken: {wrong.args[0]}") from None


def groups(connection: Connection, under_path: str = "/") -> list[Group]:
    """The groups of the organisations at or below a path, by name."""
    rows = connection.execute(
        select(payer_group)
        .join(organisation, organisation.c.id == payer_group.c.organisation_id)
        .where(organisation.c.path.like(under_path + "%"))
        .order_by(payer_group.c.name, payer_group.c.code)
    )
    return [_read(row) for row in rows]


def group_named(connection: Connection, code: str) -> Group:
    """The group with a code; raises :class:`BadGroup` when there is none."""
    row = connection.execute(select(payer_group).where(payer_group.c.code == code)).first()
    if row is None:
        raise BadGroup(f"no group has the code {code}")
    return _read(row)


def groups_of_payer(connection: Connection, msisdn: str) -> list[Group]:
    """The groups that a phone is known to pay for: what a person who identifies money is shown."""
    rows = connection.execute(select(payer_group).where(payer_group.c.msisdn == msisdn).order_by(payer_group.c.id))
    return [_read(row) for row in rows]


def _read(row: Row[Any]) -> Group:
    return Group(row.id, row.organisation_id, row.code, row.name, row.msisdn, row.rule)


def members_of(connection: Connection, tree: Tree, group: Group) -> list[tuple[Household, int | None]]:
    """A group's households by card, each with its own amount in minor units where the rule is ``fixed``."""
    rows = connection.execute(
        select(payer_group_member.c.household_id, payer_group_member.c.amount_minor).where(
            payer_group_member.c.group_id == group.id
        )
    ).all()
    found = [(by_id(connection, tree, row.household_id), row.amount_minor) for row in rows]
    return sorted(found, key=lambda each: each[0].card)


def needs(connection: Connection, members: Sequence[tuple[Household, int | None]], on: date) -> list[Need]:
    """What each household of a group has to pay on a day."""
    return [
        Need(one.id, one.card, standing(connection, one, on).due.minor, fixed_minor) for one, fixed_minor in members
    ]


# --- what a group paid ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PostedForGroup:
    """What each household got, by card: the household, the collection's id, the amount."""

    shares: tuple[tuple[Household, int, Money], ...]


def post_for_group(
    unit: Unit, tree: Tree, chart: Chart, incoming_id: int, group: Group, by_name: str, reason: str
) -> PostedForGroup | NotAssigned:
    """A person says that money on suspense was paid by a group: each household gets its share, in one transaction.

    The operator's one transaction is one entry (wallet to suspense); each share is one more (suspense to household), so
    that each has its own receipt. Raises :class:`BadSplit`.
    """
    members = members_of(unit.connection, tree, group)
    families = {one.id: one for one, _ in members}
    one = take_from_suspense(unit, tree, incoming_id, list(families.values()), by_name, reason)
    if isinstance(one, NotAssigned):
        return one
    today = day_in(tree.books_of(one.organisation_id).time_zone, unit.now)
    shares = split(needs(unit.connection, members, today), Money(one.amount_minor, one.currency), group.rule)
    stands_on = "suspense"
    if any(tree.books_of(each.section_id).id != tree.books_of(one.organisation_id).id for each in families.values()):
        reverse_suspense(unit, one, "moved", day_in(tree.books_of(one.organisation_id).time_zone, one.paid_at))
        stands_on = "wallet"
    # In the order of their ids, so that two groups with the same households don't wait for each other.
    posted = {
        its_id: post_share(unit, tree, chart, one, families[its_id], stands_on, amount, "group", whole=False)
        for its_id, amount in sorted(shares, key=lambda share: share[0])
    }
    unit.connection.execute(update(incoming).where(incoming.c.id == one.id).values(state="posted"))
    write_decision(unit, one, None, by_name, f"group {group.code}: {reason}")
    return PostedForGroup(tuple((families[its_id], posted[its_id], amount) for its_id, amount in shares))
