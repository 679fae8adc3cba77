"""A merge of two households is undone: both stand as before it, by entries that reverse its own; nothing is deleted.

Only while nothing has happened to either household since: otherwise it says what, and a person splits them instead.
The rules: docs/duplicates.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, delete, exists, insert, select, update

from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.ledger.accounts import CANCELLED, UNDONE
from gateway.ledger.entries import Entry, Line, record
from gateway.locale import mark
from gateway.membership.changes import By, write_change
from gateway.membership.duplicates.deciding import told_apart
from gateway.membership.households import add_phone, lock_household
from gateway.membership.merging import last_change, last_line
from gateway.membership.pins import of_household, take_up
from gateway.membership.sounding import write_sounds_anew
from gateway.network.organisations import Tree
from gateway.store.schema import (
    assignment,
    beneficiary,
    card_alias,
    collection,
    declaration,
    entry,
    household,
    household_merge,
    line,
    membership,
    old_number,
    payer_group_member,
    phone,
    refund,
    request,
    subsidy_invoice_line,
    visit,
)
from gateway.store.unit import Unit

UNDO_DAYS = 30
_LONGEST_KEY = 80
_UNDECIDED = ("created", "sending", "pending", "unclear")  # as gateway.payments.states has them
_REFUND_RUNNING = ("asked", "approved", "sent")


@dataclass(frozen=True)
class Undoable:
    """A merge that may still be undone: which, of which households, when and by whom, and until when."""

    id: int
    stays_id: int
    goes_id: int
    old_card: str
    at: datetime
    by_name: str | None
    until: datetime


@dataclass(frozen=True)
class Unmerged:
    """Both households by themselves again."""

    card: str
    old_card: str
    household_id: int  # of the old card


def merges_of(connection: Connection, household_id: int, now: datetime) -> list[Undoable]:
    """The merges into a household that are young enough to be undone, the newest first."""
    rows = connection.execute(
        select(household_merge, household.c.card)
        .join(household, household.c.id == household_merge.c.goes_id)
        .where(
            household_merge.c.stays_id == household_id,
            household_merge.c.undone_at.is_(None),
            household_merge.c.at > now - timedelta(days=UNDO_DAYS),
        )
        .order_by(household_merge.c.id.desc())
    )
    days = timedelta(days=UNDO_DAYS)
    return [
        Undoable(row.id, row.stays_id, row.goes_id, row.card, row.at, row.by_name, row.at + days) for row in rows
    ]  # fmt: skip


def why_not(connection: Connection, merge_id: int, now: datetime) -> Fault | None:
    """What prevents that a merge is undone now; None: nothing does."""
    one = connection.execute(select(household_merge).where(household_merge.c.id == merge_id)).first()
    if one is None or one.undone_at is not None:
        return Fault(mark("this merge is undone already"))
    if one.at <= now - timedelta(days=UNDO_DAYS):
        return Fault(mark("a merge can be undone for {days} days: split the household instead"), days=UNDO_DAYS)
    both = (one.stays_id, one.goes_id)
    its: dict[str, Any] = one.content
    rows = connection.execute(select(household.c.id, household.c.merged_into_id).where(household.c.id.in_(both)))
    into = {row.id: row.merged_into_id for row in rows}
    if into[one.stays_id] is not None or into[one.goes_id] != one.stays_id:
        return Fault(mark("the household was merged again since: undo the later merge first"))
    if last_line(connection, both) > its["last_line"]:
        return Fault(mark("money was paid, or something fell due, since the merge: split the household instead"))
    if last_change(connection, both) > its["last_change"]:
        return Fault(mark("the household was changed since the merge: undo that first, or split it"))
    own = collection.c.household_id == one.stays_id
    if connection.scalar(select(exists().where(own, collection.c.state.in_(_UNDECIDED)))):
        return Fault(mark("a payment of this household is on its way: wait until it is decided"))
    back = refund.c.collection_id.in_(select(collection.c.id).where(own))
    if connection.scalar(select(exists().where(back, refund.c.state.in_(_REFUND_RUNNING)))):
        return Fault(mark("money of this household is being given back: decide that first"))
    if its["added"] and connection.scalar(select(exists().where(visit.c.beneficiary_id.in_(its["added"])))):
        return Fault(mark("somebody who came with the merge was treated since: split the household instead"))
    lines = select(line.c.id).where(line.c.entry_id.in_([UUID(each) for each in its["entries"]]))
    if connection.scalar(select(exists().where(subsidy_invoice_line.c.line_id.in_(lines)))):
        return Fault(mark("a subsidiser was sent a list with this merge in it: split the household instead"))
    return None


def unmerge(unit: Unit, tree: Tree, merge_id: int, by: By) -> Unmerged:
    """Undo a merge: money, years, people, phones, payments, groups and PIN go back, and the old card is its own again.

    Raises :class:`Fault` with what prevents it.
    """
    one = unit.connection.execute(select(household_merge).where(household_merge.c.id == merge_id)).first()
    if one is None:
        raise Fault(mark("this merge is undone already"))
    for household_id in sorted((one.stays_id, one.goes_id)):
        lock_household(unit, household_id)
    fault = why_not(unit.connection, merge_id, unit.now)
    if fault is not None:
        raise fault
    run, its = unit.connection.execute, one.content
    cards = {row.id: row for row in run(select(household).where(household.c.id.in_((one.stays_id, one.goes_id))))}
    stays, goes = cards[one.stays_id], cards[one.goes_id]
    today = day_in(tree[stays.section_id].time_zone, unit.now)
    run(update(household).where(household.c.id == goes.id).values(merged_into_id=None))
    _reverse(unit, [UUID(each) for each in its["entries"]], stays.card)
    years = membership.c.id.in_(its["years"]) & (membership.c.household_id == goes.id)
    run(update(membership).where(years).values(left_on=None, left_told_on=None))
    _people_back(unit, its, one.stays_id, by, today)
    _phones_back(unit, its, stays.id, goes.id, by)
    _rest_back(unit, its, stays, goes)
    write_change(unit, goes.id, "unmerged", by, happened_on=today, note=stays.card)
    write_change(unit, stays.id, "unmerged", by, happened_on=today, note=goes.card)
    told_apart(unit, stays.id, goes.id, by)
    own = household_merge.c.id == merge_id
    run(update(household_merge).where(own).values(undone_at=unit.now, undone_by=by.name))
    return Unmerged(stays.card, goes.card, goes.id)


def _reverse(unit: Unit, ids: Sequence[UUID], card: str) -> None:
    """A counter-entry to each, of its own day: so that the cover of no day is another than before the merge."""
    rows = unit.connection.execute(
        select(entry, line.c.account_id, line.c.amount_minor, line.c.household_id, line.c.membership_id, line.c.due_on)
        .join(line, line.c.entry_id == entry.c.id)
        .where(entry.c.id.in_(ids))
        .order_by(line.c.id)
    ).all()
    lines: dict[UUID, list[Line]] = {}
    entries = {row.id: row for row in rows}
    for row in rows:
        lines.setdefault(row.id, []).append(
            Line(row.account_id, -row.amount_minor, row.household_id, row.membership_id, row.due_on)
        )
    if any(len(each.key) + len(UNDONE) + len(CANCELLED) > _LONGEST_KEY for each in entries.values()):
        raise Fault(mark("card {card} was merged and unmerged too often: split the household instead"),
                    card=show_card(card))  # fmt: skip
    record(
        unit,
        *(
            Entry(
                f"{UNDONE}{each.key}",
                each.organisation_id,
                # What is due again stands among the dues: it can be cancelled as any other.
                "dues" if each.key.startswith(CANCELLED) else "corrections",
                each.currency,
                each.happened_on,
                tuple(lines[its_id]),
                its_id,
            )
            for its_id, each in entries.items()
        ),
    )


def _people_back(unit: Unit, its: dict[str, Any], stays_id: int, by: By, today: date) -> None:
    run = unit.connection.execute
    run(update(beneficiary).where(beneficiary.c.id.in_(its["people"])).values(left_on=None, left_because=None))
    came = beneficiary.c.id.in_(its["added"])
    run(update(beneficiary).where(came).values(left_on=today, left_because="unmerged"))
    for its_id in its["added"]:
        write_change(unit, stays_id, "went-back", by, beneficiary_id=its_id, happened_on=today)
    for its_id, day in its["covered_from"].items():
        before = date.fromisoformat(day) if day else None
        run(update(beneficiary).where(beneficiary.c.id == int(its_id)).values(covered_from=before))


def _phones_back(unit: Unit, its: dict[str, Any], stays_id: int, goes_id: int, by: By) -> None:
    for msisdn, main in its["phones"]:
        if msisdn not in its["phones_there"]:
            own = (phone.c.household_id == stays_id) & (phone.c.msisdn == msisdn)
            unit.connection.execute(delete(phone).where(own))
            write_change(unit, stays_id, "phone-left", by, note=msisdn)
        add_phone(unit, goes_id, msisdn, by, main)


def _rest_back(unit: Unit, its: dict[str, Any], stays: Any, goes: Any) -> None:
    run = unit.connection.execute

    def move(table: Table, key: Any) -> None:
        own = (table.c.household_id == stays.id) & key.in_(its[table.name])
        run(update(table).where(own).values(household_id=goes.id))

    move(collection, collection.c.id)
    move(request, request.c.id)
    move(assignment, assignment.c.id)
    move(declaration, declaration.c.operator_id)
    move(payer_group_member, payer_group_member.c.group_id)
    for group_id in its["groups_left"]:
        run(insert(payer_group_member).values(group_id=group_id, household_id=goes.id))
    run(delete(card_alias).where(card_alias.c.card == goes.card))
    move(card_alias, card_alias.c.card)
    move(old_number, old_number.c.key)
    led = household.c.id.in_(its["led_here"])
    run(update(household).where(led).values(merged_into_id=goes.id))
    take_up(unit, of_household(goes.id))
    write_sounds_anew(unit, goes.id)
