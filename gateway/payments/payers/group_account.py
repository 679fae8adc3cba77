"""A group's own account: what it has paid and that isn't divided yet, in cash or beyond a list; in the books as 4191.

Every movement stands beside its entry in the ledger, in one transaction: the account's balance is the sum of either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import Connection, func, insert, select

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.kernel.persons import name_kept, same_person
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.locale import Say, mark
from gateway.network.organisations import Tree
from gateway.network.staff import Member
from gateway.payments.collections import Collection, create, move, read_collection
from gateway.payments.payers.shares import Group
from gateway.payments.posting import message_of
from gateway.payments.push.limits import largest_payment
from gateway.payments.readers import readers
from gateway.payments.receipts import receipt_number
from gateway.payments.states import State
from gateway.payments.telling import Word, payment, queue_told
from gateway.payments.undoing import undo_entry
from gateway.sms import notices, texts
from gateway.store.schema import cash_taking, collection, group_movement, handover, payer_group, staff
from gateway.store.unit import Unit

Kind = Literal["rest", "cash", "used", "back"]
REST = "rest"  # begins the key of the entry that puts what isn't divided on the group's account


@dataclass(frozen=True)
class Movement:
    """What came onto a group's account (above zero) or left it, on a day of its mutuelle's; ``kind``: why."""

    on: date
    kind: Kind
    amount: Money
    collection_id: int


def balance(connection: Connection, group: Group, currency: str, books_id: int | None = None) -> Money:
    """What stands on a group's account in a currency, in all books or in one; below zero where money was taken back."""
    own = (group_movement.c.group_id == group.id) & (group_movement.c.currency == currency)
    if books_id is not None:
        own &= group_movement.c.organisation_id == books_id
    return Money(int(connection.scalar(select(func.sum(group_movement.c.amount_minor)).where(own)) or 0), currency)


def movements(connection: Connection, group: Group, first: date, last: date) -> list[Movement]:
    """What moved on a group's account from a day to a day, in order."""
    rows = connection.execute(
        select(group_movement)
        .where(group_movement.c.group_id == group.id, group_movement.c.happened_on.between(first, last))
        .order_by(group_movement.c.happened_on, group_movement.c.id)
    )
    return [
        Movement(row.happened_on, row.kind, Money(row.amount_minor, row.currency), row.collection_id) for row in rows
    ]


def balance_before(connection: Connection, group: Group, first: date, currency: str) -> Money:
    """What stood on a group's account when a day began."""
    query = select(func.sum(group_movement.c.amount_minor)).where(
        group_movement.c.group_id == group.id,
        group_movement.c.currency == currency,
        group_movement.c.happened_on < first,
    )
    return Money(int(connection.scalar(query) or 0), currency)


def lock_account(unit: Unit, group: Group) -> None:
    """Let nobody else take from the account before this transaction has ended."""
    unit.connection.execute(select(payer_group.c.id).where(payer_group.c.id == group.id).with_for_update())


def write_movement(
    unit: Unit, group: Group, books_id: int, one: Collection, kind: Kind, amount: Money, on: date
) -> None:
    """Write a movement beside its entry, once for each collection and kind."""
    unit.connection.execute(
        insert(group_movement).values(
            key=f"{kind}:{one.key}",
            group_id=group.id,
            organisation_id=books_id,
            collection_id=one.id,
            kind=kind,
            amount_minor=amount.minor,
            currency=amount.currency,
            happened_on=on,
            at=unit.now,
        )
    )


def put_rest(
    unit: Unit, tree: Tree, chart: Chart, group: Group, one: Collection, rest: Money, stands_on: str, books_id: int,
    at: datetime,
) -> None:  # fmt: skip
    """Put what a paid collection brought beyond its shares on the group's account, from where it stands."""
    accounts = chart.of(unit, books_id, rest.currency)
    on = day_in(tree[books_id].time_zone, at)
    lines = (Line(accounts[stands_on], rest.minor), Line(accounts["groups"], -rest.minor))
    record(unit, Entry(f"{REST}:{one.key}", books_id, "collections", rest.currency, on, lines))
    write_movement(unit, group, books_id, one, "rest", rest, on)


# --- cash -------------------------------------------------------------------------------------------------------------


def record_group_cash(
    unit: Unit, tree: Tree, chart: Chart, *, effect_key: str, group: Group, who: Member, amount: Money
) -> Collection:
    """Cash that a group gave a treasurer goes into the box and onto the group's account, with a receipt of its own.

    It is divided afterwards, by a list. Raises :class:`Fault`, and IntegrityError for an effect key that is known.
    """
    books = tree.books_of(group.organisation_id)
    if who.role != "treasurer" or not tree[group.organisation_id].under(tree[who.organisation_id]):
        raise Fault(mark("a group's cash is taken by the treasurer of its mutuelle"))
    if amount.currency != books.currency or not 0 < amount.minor <= largest_payment(books.currency).minor:
        raise Fault(mark("at most {most} can be taken at once"), most=largest_payment(books.currency))
    lock_account(unit, group)
    one = create(
        unit, effect_key=effect_key, books=books, group_id=group.id, way="cash", provider="cash",
        payer=group.msisdn or "", amount=amount,
    )  # fmt: skip
    paid = {"paid_minor": amount.minor, "paid_currency": amount.currency, "paid_at": unit.now}
    move(unit, one, State.PAID, None, None, **paid)
    unit.connection.execute(insert(cash_taking).values(collection_id=one.id, staff_id=who.id))
    accounts, on = chart.of(unit, books.id, amount.currency), day_in(books.time_zone, unit.now)
    lines = (Line(accounts["cash"], amount.minor), Line(accounts["groups"], -amount.minor))
    record(unit, Entry(f"collection:{one.key}", books.id, "cash", amount.currency, on, lines))
    write_movement(unit, group, books.id, one, "cash", amount, on)
    _tell_cash(unit, tree, one, group, amount)
    return one


def _tell_cash(unit: Unit, tree: Tree, one: Collection, group: Group, amount: Money) -> None:
    told, number = readers(unit.connection, tree, tree[one.organisation_id], 0, None, one.payer), receipt_number(one.id)
    words = [
        message_of(one, "receipt", each, texts.group_cash(Say(each.language), number, amount, group.name))
        for each in told.members
    ]
    alerts = [
        payment(each, "cash", amount, message_of(
            one, "treasurer", each, texts.group_cash(Say(each.language), number, amount, group.name)
        ))
        for each in told.treasurers
    ]  # fmt: skip
    queue_told(unit, tree, words, alerts)


def correct_group_cash(
    unit: Unit, tree: Tree, group: Group, collection_id: int, by_name: str, reason: str
) -> Collection:
    """Another person says that a group's cash was recorded by mistake: a new entry takes it back, from today.

    Raises :class:`Fault` where it isn't there, was divided since, or its own recorder says so.
    """
    if not name_kept(by_name) or not reason.strip():
        raise Fault(mark("a name and a reason must be given"))
    lock_account(unit, group)
    own = (collection.c.id == collection_id) & (collection.c.group_id == group.id) & (collection.c.way == "cash")
    row = unit.connection.execute(select(collection).where(own).with_for_update()).first()
    if row is None or row.state != State.PAID.value:
        raise Fault(mark("there is no such cash of this group any more"))
    recorder = unit.connection.execute(
        select(staff.c.name, handover.c.state)
        .join(cash_taking, cash_taking.c.staff_id == staff.c.id)
        .outerjoin(handover, handover.c.id == cash_taking.c.handover_id)
        .where(cash_taking.c.collection_id == row.id)
    ).first()
    if recorder is not None and same_person(by_name, recorder.name):
        raise Fault(mark("it takes another person than who took the cash"))
    one, amount = read_collection(row), Money(row.paid_minor, row.paid_currency)
    if balance(unit.connection, group, amount.currency, row.organisation_id) < amount:
        raise Fault(mark("it was divided among households since: take those payments back first"))
    today = day_in(tree[row.organisation_id].time_zone, unit.now)
    move(unit, one, State.REVERSED, "corrected", f"{name_kept(by_name).replace(':', ' ')}: {reason.strip()}")
    undo_entry(unit, f"collection:{one.key}", f"correction:{one.key}", today)
    write_movement(unit, group, row.organisation_id, one, "back", -amount, today)
    told = readers(unit.connection, tree, tree[one.organisation_id], 0, None, one.payer)
    number = receipt_number(one.id)

    def text(language: str) -> str:
        return notices.group_cash_corrected(Say(language), number, amount, group.name)

    words = [Word(each, "back", amount, message_of(one, "corrected", each, text(each.language)))
             for each in told.treasurers]  # fmt: skip
    queue_told(unit, tree, [message_of(one, "corrected", each, text(each.language)) for each in told.members], words)
    return one
