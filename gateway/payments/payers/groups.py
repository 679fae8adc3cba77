"""Groups: a cooperative, an association, a relative abroad pays at once for many households, and each has its receipt.

A group's phone is asked by push for the whole list at once (:func:`ask_group`), or for each household where there are
few (:func:`ask_each`). What came by itself stands on suspense until a person says which group paid it
(``gateway.payments.unasked.assigning``). Either way it is one transaction of the operator, divided by the group's rule
on that day (``gateway.payments.payers.shares``), and each household gets its share as a collection of its own.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, insert, select, update

from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import BadAmount, Money, read_amount
from gateway.locale import mark
from gateway.membership.households import Household, by_card, by_id
from gateway.network.organisations import Tree
from gateway.payments.collections import Collection, read_collection
from gateway.payments.payers.group_money import shares_of
from gateway.payments.payers.shares import Group, Rule, divide, members_of, needs, read_group
from gateway.payments.push.daily import BY_OTHER, Limited, Wish
from gateway.payments.push.wishes import OFFICE, Asked, ask_for_payment, ask_within_limits, is_prompt_open
from gateway.store.schema import assignment, collection, incoming, organisation, payer_group, payer_group_member
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

LARGEST_LIST = 1_000  # households
# A payer who is asked for each household types a PIN for each, one a minute. More than these would not be typed, and
# the last wouldn't be asked any more: a wish that is older than five minutes isn't sent.
LARGEST_EACH = 5
EACH_APART = timedelta(minutes=1)


class BadGroup(Fault):
    """A group or its list can't be taken as it is; the text says where and why."""


# --- groups and their households --------------------------------------------------------------------------------------


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
    return read_rows(list(enumerate(csv.reader(io.StringIO(text), delimiter=";" if ";" in first else ","), 1)))


def read_rows(rows: Sequence[tuple[int, Sequence[str]]]) -> list[Listed]:
    """The same of rows with their numbers, from whatever file."""
    found: list[Listed] = []
    for number, row in rows:
        cells = [cell.strip() for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells or (number == 1 and not re.search(r"\d", "".join(cells))):
            continue
        if len(cells) > 2:
            raise BadGroup(mark("row {row}: a card and an amount, no more"), row=number)
        try:
            card = read_card(cells[0])
        except BadCard:
            raise BadGroup(mark("row {row}: {typed} is no card number"), row=number, typed=cells[0][:20]) from None
        if card in {one.card for one in found}:
            raise BadGroup(mark("row {row}: card {card} stands in the list twice"), row=number, card=show_card(card))
        found.append(Listed(number, card, cells[1] if len(cells) == 2 and cells[1] else None))
    if not found or len(found) > LARGEST_LIST:
        raise BadGroup(mark("a list has 1 to {most} households"), most=LARGEST_LIST)
    return found


def add_group(
    unit: Unit, tree: Tree, office_id: int, code: str, name: str, rule: Rule, msisdn: str | None, rows: Sequence[Listed]
) -> Group:
    """Add a group with its households, or give one that is known another name, rule, phone and list.

    Raises :class:`BadGroup` for a card that isn't of a household at or below the organisation, for a ``fixed`` list
    with an amount that is missing or can't be read, and while a second person decides about money for the group: what
    they approve is what was proposed.
    """
    members = [_member(unit.connection, tree, office_id, rule, one) for one in rows]
    values = {"organisation_id": office_id, "name": name, "rule": rule, "msisdn": msisdn}
    known = unit.connection.scalar(select(payer_group.c.id).where(payer_group.c.code == code).with_for_update())
    if known is None:
        made = unit.connection.execute(insert(payer_group).values(code=code, **values))
        known = int(made.inserted_primary_key[0])  # type: ignore[index]
    else:
        if is_being_assigned(unit.connection, known):
            raise BadGroup(f"group {code} has money that another person decides about first: gateway incoming list")
        unit.connection.execute(update(payer_group).where(payer_group.c.id == known).values(values))
        unit.connection.execute(delete(payer_group_member).where(payer_group_member.c.group_id == known))
    unit.connection.execute(
        insert(payer_group_member),
        [{"group_id": known, "household_id": its_id, "amount_minor": minor} for its_id, minor in members],
    )
    return Group(known, office_id, code, name, msisdn, rule)


def is_being_assigned(connection: Connection, group_id: int) -> bool:
    """Does a second person decide about money for a group?"""
    waits = select(assignment.c.id).join(incoming, incoming.c.id == assignment.c.incoming_id)
    own = (assignment.c.group_id == group_id) & (assignment.c.state == "asked") & (incoming.c.state == "suspense")
    return connection.scalar(waits.where(own).limit(1)) is not None


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
    return [read_group(row) for row in rows]


def group_named(connection: Connection, code: str) -> Group:
    """The group with a code; raises :class:`BadGroup` when there is none."""
    row = connection.execute(select(payer_group).where(payer_group.c.code == code)).first()
    if row is None:
        raise BadGroup(f"no group has the code {code}")
    return read_group(row)


def groups_of_payer(connection: Connection, msisdn: str) -> list[Group]:
    """The groups that a phone is known to pay for: what a person who identifies money is shown."""
    rows = connection.execute(select(payer_group).where(payer_group.c.msisdn == msisdn).order_by(payer_group.c.id))
    return [read_group(row) for row in rows]


# --- asking -----------------------------------------------------------------------------------------------------------


def whole_due(connection: Connection, tree: Tree, group: Group, on: date) -> Money:
    """What a group has to pay on a day: what its households owe now, or the sum of their own amounts."""
    wanted = needs(connection, members_of(connection, tree, group), on)
    fixed = group.rule == "fixed"
    total = sum((one.fixed_minor or 0) if fixed else one.due_minor for one in wanted)
    return Money(total, tree[group.organisation_id].currency)


def ask_group(
    unit: Unit,
    tree: Tree,
    group: Group,
    amount: Money,
    *,
    provider: str,
    environment: str | None,
    effect_key: str,
    after: timedelta,
) -> Asked | Limited:
    """Ask a group's phone for the whole list at once, unless it is being asked for anything or a limit is reached.

    How it will be divided is decided when it is paid; that it could be divided now is a condition of asking. Raises
    :class:`~gateway.payments.payers.shares.BadSplit`, and :class:`BadGroup` where no phone is known.
    """
    books, payer = tree.books_of(group.organisation_id), _phone(group)
    # Two people who ask one group at the same moment wait for each other here.
    take_turn(unit, f"payer {payer}")
    unit.connection.execute(select(payer_group.c.id).where(payer_group.c.id == group.id).with_for_update())
    divide(unit.connection, tree, group, books.id, amount, day_in(books.time_zone, unit.now))
    # Whatever it is for: the phone's holder can't tell two prompts of ours apart.
    if is_prompt_open(unit, collection.c.payer == payer):
        return Asked.IN_PROGRESS
    wish = Wish(books, None, provider, environment, payer, amount, BY_OTHER)
    return ask_within_limits(unit, wish, effect_key, after, group.id)


def _phone(group: Group) -> str:
    if group.msisdn is None:
        raise BadGroup(f"group {group.code} has no phone: give it one with 'groups add'")
    return group.msisdn


def ask_each(
    unit: Unit,
    tree: Tree,
    group: Group,
    amount: Money,
    *,
    provider: str,
    environment: str | None,
    effect_key: str,
    after: timedelta,
) -> list[tuple[Household, Money, Asked | Limited]]:
    """Ask a group's phone for each household's share by itself, one a minute; what became of each wish.

    Each is a payment of that household like any other. Raises :class:`BadGroup` for more than :data:`LARGEST_EACH`
    households or where no phone is known, and :class:`~gateway.payments.payers.shares.BadSplit`.
    """
    books, payer = tree.books_of(group.organisation_id), _phone(group)
    shares = divide(unit.connection, tree, group, books.id, amount, day_in(books.time_zone, unit.now))
    if len(shares) > LARGEST_EACH:
        raise BadGroup(f"{len(shares)} households: one PIN for each is asked of {LARGEST_EACH} at most")
    take_turn(unit, f"payer {payer}")
    if is_prompt_open(unit, collection.c.payer == payer):
        return [(family, share, Asked.IN_PROGRESS) for family, share in shares]
    done = {}
    for place, (family, share) in enumerate(sorted(shares, key=lambda each: each[0].id)):
        done[family.id] = ask_for_payment(
            unit,
            effect_key=f"{effect_key}:{family.id}",
            books=tree.books_of(family.section_id),
            household_id=family.id,
            provider=provider,
            payer=payer,
            amount=share,
            after=after + EACH_APART * place,
            environment=environment,
            asked_by=OFFICE,
        )
    return [(family, share, done[family.id]) for family, share in shares]


# --- a group's statement ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GroupPayment:
    """What a group was asked for or paid: its collection, and each household's share where it was divided.

    ``kept``: it came and stands on suspense. ``elsewhere``: it was given back from there, or was somebody else's.
    """

    one: Collection
    shares: tuple[tuple[Household, Collection], ...]
    where: Literal["", "kept", "elsewhere"]


def payments_of_group(connection: Connection, tree: Tree, group: Group, limit: int = 20) -> list[GroupPayment]:
    """What a group was asked for and paid, the newest first."""
    rows = connection.execute(
        select(collection, incoming.c.state.label("kept_as"))
        .outerjoin(incoming, incoming.c.collection_id == collection.c.id)
        .where(collection.c.group_id == group.id)
        .order_by(collection.c.id.desc())
        .limit(limit)
    ).all()
    found = []
    for row in rows:
        one = read_collection(row)
        shares = shares_of(connection, one) if one.paid is not None else []
        families = tuple((by_id(connection, tree, each.of_household), each) for each in shares)
        where: Literal["", "kept", "elsewhere"] = ""
        if one.paid is not None and not shares:
            where = "kept" if row.kept_as == "suspense" else "elsewhere"
        found.append(GroupPayment(one, tuple(sorted(families, key=lambda each: each[0].card)), where))
    return found
