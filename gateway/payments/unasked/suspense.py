"""Money that nobody has identified yet: how it stands on suspense, leaves it again, and is listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.entries import Entry, Line, record
from gateway.membership.households import Household
from gateway.network.organisations import Organisation, Tree
from gateway.payments.decisions.cases import close_case, close_cases_of, open_case
from gateway.store.schema import (
    assignment,
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


def reverse_suspense(unit: Unit, one: Row[Any], why: str, on: date) -> None:
    """Undo the entry that put money on suspense, by a new one of a day."""
    put = unit.connection.execute(select(entry).where(entry.c.key == entry_key(one.id))).one()
    lines = unit.connection.execute(select(line).where(line.c.entry_id == put.id).order_by(line.c.id)).all()
    record(
        unit,
        Entry(
            f"{why}:{one.id}",
            put.organisation_id,
            "corrections",
            put.currency,
            on,
            tuple(Line(each.account_id, -each.amount_minor) for each in lines),
            reverses=put.id,
        ),
    )


def leave_suspense(unit: Unit, tree: Tree, one: Row[Any], to: Organisation) -> str:
    """Where money stands for the books that it goes to: on their suspense, or, from other books, in their wallet."""
    if tree.books_of(one.organisation_id).id == to.id:
        return "suspense"
    reverse_suspense(unit, one, "moved", day_in(tree.books_of(one.organisation_id).time_zone, one.paid_at))
    return "wallet"


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
    number = unit.connection.scalar(select(incoming.c.operator_id).where(incoming.c.id == incoming_id))
    if number is None:
        return NotAssigned("gone")
    take_turn(unit, number)
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
    running = refund.c.state.in_(["asked", "approved", "sent"])
    return connection.scalar(select(refund.c.id).where(refund.c.incoming_id == incoming_id, running)) is not None


def being_assigned(connection: Connection, incoming_id: int) -> bool:
    """Has somebody said whose money is, and nobody else decided yet?"""
    asked = (assignment.c.incoming_id == incoming_id) & (assignment.c.state == "asked")
    return connection.scalar(select(assignment.c.id).where(asked)) is not None


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


def held(connection: Connection, tree: Tree, under_path: str = "/", limit: int = 1000) -> list[Held]:
    """What waits to be identified in the wallets of the organisations at or below a path, the oldest first."""
    offices = [one.id for one in tree.by_id.values() if one.path.startswith(under_path)]
    rows = connection.execute(
        select(incoming)
        .where(incoming.c.state == "suspense", incoming.c.organisation_id.in_(offices))
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
