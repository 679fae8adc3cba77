"""Money that nobody has identified yet: how it stands on suspense, leaves it again, and is listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, String, bindparam, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.kernel.numbers import with_check_digit
from gateway.membership.households import Household
from gateway.membership.several import among
from gateway.network.organisations import Tree
from gateway.payments.decisions.cases import GATEWAY, close_case, close_cases_of, open_case
from gateway.payments.states import REFUND_RUNNING
from gateway.payments.undoing import undo_entry
from gateway.store.schema import (
    account,
    assignment,
    collection,
    deduction,
    deduction_part,
    entry,
    incoming,
    line,
    refund,
)
from gateway.store.turn import take_turn
from gateway.store.unit import Unit


def entry_key(incoming_id: int) -> str:
    """The key of the entry that holds money on suspense."""
    return f"incoming:{incoming_id}"


def reaches(tree: Tree, organisation_id: int, section_id: int) -> bool:
    """Whether a household of the section pays into this organisation's wallet."""
    return tree[section_id].under(tree[organisation_id])


def reverse_suspense(unit: Unit, tree: Tree, one: Row[Any], by_name: str, note: str) -> None:
    """Money on suspense was taken back by its operator: its entry is undone, and what is open about it closed."""
    today = day_in(tree.books_of(one.organisation_id).time_zone, unit.now)
    undo_entry(unit, entry_key(one.id), f"returned:{one.id}", today)
    unit.connection.execute(update(incoming).where(incoming.c.id == one.id).values(state="returned"))
    close_cases_of(unit, one.id, by_name, note)


def leave_suspense(unit: Unit, tree: Tree, one: Row[Any], families: Sequence[Household]) -> str:
    """The role of the account on which money stands for the households that it goes to.

    It is taken from suspense where all of them are of its books; else it leaves these, and stands in theirs on an
    account like the one that it came to.
    """
    books = tree.books_of(one.organisation_id)
    if all(tree.books_of(each.section_id).id == books.id for each in families):
        return "suspense"
    undo_entry(unit, entry_key(one.id), f"moved:{one.id}", day_in(books.time_zone, one.paid_at))
    return stood_on(unit.connection, one.id)


def stood_on(connection: Connection, incoming_id: int) -> str:
    """The role of the account to which money on suspense came: a wallet, or a bank's."""
    return debited(connection, entry_key(incoming_id)) or "wallet"


def debited(connection: Connection, key: str) -> str | None:
    """The role of the account that the entry with a key debited; None where there is none."""
    query = (
        select(account.c.role)
        .join(line, line.c.account_id == account.c.id)
        .join(entry, entry.c.id == line.c.entry_id)
        .where(entry.c.key == key, line.c.amount_minor > 0)
    )
    return connection.scalar(query)


def identify(unit: Unit, incoming_id: int, collection_id: int) -> None:
    """Money that came is on suspense no more: it counts under a collection."""
    unit.connection.execute(
        update(incoming).where(incoming.c.id == incoming_id).values(state="posted", collection_id=collection_id)
    )


def identify_by_operator(unit: Unit, incoming_id: int, collection_id: int) -> None:
    """The same, where the operator's answer about a collection tells it: nobody has to decide any more."""
    identify(unit, incoming_id, collection_id)
    close_cases_of(unit, incoming_id, GATEWAY, "the operator says whose it is")


def follow_money(unit: Unit, incoming_id: int, collection_id: int) -> None:
    """What was being given back of money that counts for a household now is given back of its collection.

    Whoever gives it may have sent it already; else they may wish to drop it: a case says so.
    """
    books = select(collection.c.organisation_id).where(collection.c.id == collection_id).scalar_subquery()
    moved = unit.connection.execute(
        update(refund)
        .where(refund.c.incoming_id == incoming_id, refund.c.state.in_(REFUND_RUNNING))
        .values(incoming_id=None, collection_id=collection_id, organisation_id=books)
        .returning(refund.c.id, refund.c.key, refund.c.organisation_id)
    )
    for one in moved.all():
        said = f"refund {with_check_digit(one.id)} is of money that counts for a household now: pay it, or drop it"
        open_case(unit, "refund", one.organisation_id, collection_id, None, said, f"refund-counts:{one.key}")


def take_turn_of(unit: Unit, which: ColumnElement[bool]) -> bool:
    """Wait for the turns of money that came, before any row is locked: nobody else moves it until the end of this.

    False where there is none.
    """
    numbers = unit.connection.scalars(select(incoming.c.operator_id).where(which).order_by(incoming.c.id)).all()
    for number in numbers:
        take_turn(unit, number)
    return bool(numbers)


@dataclass(frozen=True)
class NotAssigned:
    """Why money was not assigned.

    ``gone``: it is on suspense no more, or never came. ``other-network``: the household doesn't pay into the wallet
    that it came to. ``currency``: the household deals in another. ``refund``: it is being given back. ``pending``:
    somebody has said whose it is, and another person decides that first. ``same-person``: it takes two. ``no-reason``:
    nobody, or no reason, was named.
    """

    why: Literal["gone", "other-network", "currency", "refund", "pending", "same-person", "no-reason"]


def take_from_suspense(
    unit: Unit,
    tree: Tree,
    incoming_id: int,
    families: Sequence[Household],
    by_name: str,
    reason: str,
    approving: bool = False,
) -> Row[Any] | NotAssigned:
    """The locked row of money that may count for these households; :class:`NotAssigned` says why not.

    ``approving``: it is a second person's word on what a first one said, and that doesn't stand in its own way.
    """
    if not by_name.strip() or not reason.strip():
        return NotAssigned("no-reason")
    if not take_turn_of(unit, incoming.c.id == incoming_id):
        return NotAssigned("gone")
    one = unit.connection.execute(select(incoming).where(incoming.c.id == incoming_id).with_for_update()).one()
    if one.state != "suspense":
        return NotAssigned("gone")
    if not all(reaches(tree, one.organisation_id, each.section_id) for each in families):
        return NotAssigned("other-network")
    if any(each.currency != one.currency for each in families):
        return NotAssigned("currency")
    if being_refunded(unit.connection, incoming_id):
        return NotAssigned("refund")
    if not approving and being_assigned(unit.connection, incoming_id):
        return NotAssigned("pending")
    return one


def being_refunded(connection: Connection, incoming_id: int) -> bool:
    """Is money on suspense being given back?"""
    running = refund.c.state.in_(REFUND_RUNNING)
    return connection.scalar(select(refund.c.id).where(refund.c.incoming_id == incoming_id, running)) is not None


def being_assigned(connection: Connection, incoming_id: int) -> bool:
    """Has somebody said whose money is, and nobody else decided yet?"""
    asked = (assignment.c.incoming_id == incoming_id) & (assignment.c.state == "asked")
    if connection.scalar(select(assignment.c.id).where(asked)) is not None:
        return True
    # It pays a group's list, perhaps with what is to come.
    pays = (deduction_part.c.incoming_id == incoming_id) & deduction.c.state.in_(("waiting", "proposed"))
    query = select(deduction_part.c.id).join(deduction, deduction.c.id == deduction_part.c.deduction_id)
    return connection.scalar(query.where(pays)) is not None


def write_decision(unit: Unit, one: Row[Any], collection_id: int | None, by_name: str, reason: str) -> None:
    """Keep who decided about money and why: on its open cases, or on one made for it."""
    if not close_cases_of(unit, one.id, by_name, reason):
        key = f"assigned:{one.id}"
        case = open_case(unit, "unknown-payer", one.organisation_id, collection_id, one.id, "assigned", key)
        close_case(unit, case, by_name, reason)


@dataclass(frozen=True)
class Held:
    """Money on suspense as lists show it."""

    id: int
    operator: str
    number: str
    organisation_id: int
    amount: Money
    payer: str | None
    reference: str | None
    paid_at: datetime


def held(
    connection: Connection, tree: Tree, under_path: str = "/", limit: int = 1000, after: int = 0
) -> list[Held]:  # fmt: skip
    """What waits to be identified in the wallets of the organisations at or below a path, the oldest first.

    ``after``: only what comes behind this id.
    """
    offices = [one.id for one in tree.by_id.values() if one.path.startswith(under_path)]
    in_suspense = incoming.c.state == bindparam(None, "suspense", String, literal_execute=True)  # for the partial index
    rows = connection.execute(
        select(incoming)
        .where(in_suspense, incoming.c.organisation_id.in_(among(offices)), incoming.c.id > after)
        .order_by(incoming.c.id)
        .limit(limit)
    )
    return [_held(row) for row in rows]


def held_numbered(connection: Connection, incoming_id: int) -> Held | None:
    """One of them by its id, whatever became of it."""
    row = connection.execute(select(incoming).where(incoming.c.id == incoming_id)).first()
    return _held(row) if row else None


def _held(row: Row[Any]) -> Held:
    return Held(
        row.id,
        row.operator,
        row.operator_id,
        row.organisation_id,
        Money(row.amount_minor, row.currency),
        row.payer,
        row.reference,
        row.paid_at,
    )
