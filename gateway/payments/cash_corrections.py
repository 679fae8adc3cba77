"""Cash that was recorded by mistake: another person corrects it, by a new entry, and all who read of it are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, or_, select

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.locale import Say
from gateway.membership.households import Household, by_id, lock_household
from gateway.network.organisations import Tree
from gateway.network.staff import Member
from gateway.network.staff import by_id as staff_by_id
from gateway.payments.cash import lock_staff, same_member
from gateway.payments.collections import move, read_collection
from gateway.payments.decisions.two_people import name_kept, same_person
from gateway.payments.providers.base import keep_said
from gateway.payments.readers import Reader, message_to, readers
from gateway.payments.receipts import names_receipt, receipt_number, show_receipt
from gateway.payments.states import REFUND_RUNNING, State
from gateway.payments.telling import Word, queue_told
from gateway.payments.undoing import undo_entry
from gateway.sms import notices
from gateway.sms.outgoing import Outgoing
from gateway.store.schema import cash_taking, collection, handover, refund
from gateway.store.unit import Unit

CORRECTED = "corrected"  # the reason in the story of a collection, and the event of the SMS about it


@dataclass(frozen=True)
class CashCorrected:
    """The receipt that counts no more, and what it was of."""

    number: str
    amount: Money
    card: str
    head: str


@dataclass(frozen=True)
class NotCorrected:
    """Why cash was not corrected.

    ``gone``: no cash that counts has this key or receipt number. ``wrong-office``: the household isn't below the
    treasurer's organisation. ``own``: whoever recorded it doesn't correct it alone. ``handover``: it is on its way to a
    treasurer, who first says whether it came. ``refund``: it was given back, or is being. ``no-reason``: nobody, or no
    reason, was named.
    """

    why: Literal["gone", "wrong-office", "own", "handover", "refund", "no-reason"]


@dataclass(frozen=True)
class CashReceipt:
    """Cash that counts, by its key, as it is shown to whoever may correct it."""

    key: str
    number: str
    amount: Money
    card: str
    head: str


def cash_receipt(connection: Connection, tree: Tree, typed: str) -> CashReceipt | None:
    """The cash that counts and has this key or receipt number (with its code or without)."""
    row = connection.execute(_cash(typed)).first()
    if row is None:
        return None
    family = by_id(connection, tree, row.household_id)
    paid = Money(row.paid_minor, row.paid_currency)
    return CashReceipt(row.key, receipt_number(row.id), paid, family.card, family.head)


def _cash(typed: str) -> Select[Any]:
    named = or_(collection.c.key == typed, names_receipt(typed))
    counts = (collection.c.way == "cash") & (collection.c.state == State.PAID.value)
    return select(collection).where(named, counts, collection.c.household_id.is_not(None))


def correct_cash(
    unit: Unit, tree: Tree, chart: Chart, typed: str, by_name: str, reason: str, treasurer: Member | None = None
) -> CashCorrected | NotCorrected:
    """Another person says that cash, by its key or receipt number, was recorded by mistake: a new entry takes it back.

    It is taken from wherever the cash stands now: from the hands of whoever took it, or, once a treasurer has confirmed
    that it came, from the box. The entry is of today, so a day that is closed stays as it was. ``treasurer`` is who
    corrects by phone; the office gives a name alone.
    """
    if not by_name.strip() or not reason.strip():
        return NotCorrected("no-reason")
    key = unit.connection.scalar(_cash(typed).with_only_columns(collection.c.key))
    recorder = _recorder(unit.connection, key)
    if recorder is not None:
        lock_staff(unit, recorder)  # what is being handed over at this moment is handed over first
    row = unit.connection.execute(_cash(str(key)).with_for_update()).first()
    if row is None:
        return NotCorrected("gone")
    family = by_id(unit.connection, tree, row.household_id)
    if treasurer is not None and (
        treasurer.role != "treasurer" or not tree[family.section_id].under(tree[treasurer.organisation_id])
    ):
        return NotCorrected("wrong-office")
    if recorder is not None and _recorded_it(recorder, by_name, treasurer):
        return NotCorrected("own")
    over = _handover_of(unit.connection, row.id)
    if over == "open":
        return NotCorrected("handover")
    given = refund.c.state.in_([*REFUND_RUNNING, "paid"])
    if unit.connection.scalar(select(refund.c.id).where(refund.c.collection_id == row.id, given)) is not None:
        return NotCorrected("refund")
    lock_household(unit, family.id)
    one = read_collection(row)
    move(unit, one, State.REVERSED, CORRECTED, keep_said(f"{name_kept(by_name).replace(':', ' ')}: {reason}"))
    box = chart.of(unit, row.organisation_id, row.paid_currency)["cash"] if over == "confirmed" else None
    today = day_in(tree[row.organisation_id].time_zone, unit.now)
    undo_entry(unit, f"collection:{row.key}", f"correction:{row.key}", today, taken_from=box)
    _tell_corrected(unit, tree, row, family, recorder, by_name)
    return CashCorrected(receipt_number(row.id), Money(row.paid_minor, row.paid_currency), family.card, family.head)


def _recorder(connection: Connection, key: str | None) -> Member | None:
    its_id = connection.scalar(
        select(cash_taking.c.staff_id)
        .join(collection, collection.c.id == cash_taking.c.collection_id)
        .where(collection.c.key == key)
    )
    return staff_by_id(connection, its_id) if its_id is not None else None


def _recorded_it(recorder: Member, by_name: str, treasurer: Member | None) -> bool:
    if treasurer is not None:
        return same_member(recorder.id, recorder.msisdn, treasurer)
    return same_person(by_name, recorder.name)


def _handover_of(connection: Connection, collection_id: int) -> str | None:
    return connection.scalar(
        select(handover.c.state)
        .join(cash_taking, cash_taking.c.handover_id == handover.c.id)
        .where(cash_taking.c.collection_id == collection_id)
        .with_for_update(of=handover)
    )


def _tell_corrected(
    unit: Unit, tree: Tree, row: Row[Any], family: Household, recorder: Member | None, by_name: str
) -> None:
    """The members, the treasurers and whoever recorded it."""
    books = tree[row.organisation_id]
    told = readers(unit.connection, tree, books, family.id, family.language, row.payer)
    staff = list(told.treasurers)
    if recorder is not None and recorder.msisdn not in {each.msisdn for each in staff}:
        staff.append(Reader(recorder.msisdn, recorder.language or books.languages[0]))
    number, amount = show_receipt(row.id, row.receipt_code), Money(row.paid_minor, row.paid_currency)
    texts = [(each, notices.cash_corrected(Say(each.language), number, amount, family.card)) for each in told.members]
    by_whom = [
        (each, notices.cash_corrected_by(Say(each.language), number, amount, family.card, name_kept(by_name)))
        for each in staff
    ]

    def write(each: Reader, text: str) -> Outgoing:
        return message_to(each, CORRECTED, row.key, text, row.organisation_id, family.id, text)

    # Whoever recorded it, where that was no treasurer, reads no digest.
    words = [Word(each, "back", amount, write(each, text)) for each, text in by_whom if each in told.treasurers]
    texts += [(each, text) for each, text in by_whom if each not in told.treasurers]
    queue_told(unit, tree, [write(each, text) for each, text in texts], words)
