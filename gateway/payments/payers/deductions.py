"""Harvest time: a group hands in what it kept back from its members, and a person says which money pays that list.

Nothing is posted and nobody is told before the payment is there and is the list's sum. Where it isn't, a person
chooses: wait for the rest, take what is missing from the group's account, correct the list, or put what is too much on
the group's account. A list is used once; ``gateway.payments.payers.dividing`` divides what pays it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.kernel.numbers import read_number
from gateway.kernel.persons import name_kept
from gateway.kernel.spelling import plain
from gateway.locale import mark
from gateway.network.organisations import Tree
from gateway.payments.decisions.two_people import REASON_CHARACTERS
from gateway.payments.payers.deduction_lists import (
    Deduction,
    Part,
    State,
    deduction_with,
    move,
    parts_of,
    require,
    shares_of_list,
)
from gateway.payments.payers.deduction_reading import ReadFile
from gateway.payments.payers.group_account import balance, lock_account
from gateway.payments.payers.shares import Group, group_by_id
from gateway.payments.unasked.incoming import runs_in
from gateway.payments.unasked.suspense import NotAssigned, take_from_suspense, take_turn_of
from gateway.store.schema import deduction, deduction_part, deduction_row, incoming
from gateway.store.unit import Unit

LABEL_CHARACTERS, FILE_CHARACTERS = 80, 120
MOST_PARTS = 12
NOT_THERE = {
    "gone": mark("this money isn't on suspense any more: take it off the list"),
    "other-network": mark("a household of the list doesn't pay into the wallet that this money came to"),
    "currency": mark("a household of the list pays in another currency"),
    "refund": mark("this money is being given back"),
    "no-reason": mark("a name and a reason must be given"),
}


# --- handing in -------------------------------------------------------------------------------------------------------


def hand_in(
    unit: Unit, tree: Tree, group: Group, label: str, file_name: str, file: ReadFile, by_name: str,
    replaces_id: int | None = None,
) -> Deduction:  # fmt: skip
    """Keep a list as it was read, to be looked at. Raises :class:`Fault` for one that was handed in before.

    ``label`` says what it is of (the delivery, the month): the same amounts under another label are another list.
    """
    label, by_name = " ".join(label.split()), name_kept(by_name)
    if not label or len(label) > LABEL_CHARACTERS or not by_name:
        raise Fault(
            mark("a list says what it is of (up to {most} letters), and who hands it in"), most=LABEL_CHARACTERS
        )
    lock_account(unit, group)
    digest = hashlib.sha256(f"{plain(label)}\x1f{file.digest}".encode()).hexdigest()
    used = (deduction.c.group_id == group.id) & (deduction.c.state != State.WITHDRAWN.value)
    before = unit.connection.execute(
        select(deduction.c.id, deduction.c.label).where(used, deduction.c.digest == digest)
    ).first()
    if before is not None:
        raise Fault(mark("this very list was handed in before, as number {number}"), number=before.id)
    if replaces_id is not None and deduction_with(unit.connection, replaces_id).group_id != group.id:
        raise Fault(mark("it takes the place of a list of another group"))
    made = unit.connection.execute(
        insert(deduction).values(
            organisation_id=group.organisation_id,
            group_id=group.id,
            label=label,
            file_name=file_name[:FILE_CHARACTERS],
            digest=digest,
            rows_digest=file.digest,
            currency=tree.books_of(group.organisation_id).currency,
            total_minor=file.total_minor,
            state=State.READ.value,
            replaces_id=replaces_id,
            by_name=by_name,
            at=unit.now,
        )
    )
    its_id = int(made.inserted_primary_key[0])  # type: ignore[index]
    if file.rows:
        unit.connection.execute(
            insert(deduction_row),
            [
                {
                    "deduction_id": its_id,
                    "number": row.number,
                    "named": row.named,
                    "household_id": row.household_id,
                    "amount_minor": row.amount_minor,
                    "faults": [one.kept() for one in row.told],
                }
                for row in file.rows
            ],
        )
    return deduction_with(unit.connection, its_id)


def same_amounts(connection: Connection, one: Deduction) -> list[int]:
    """The ids of other lists of the group with the very same households and amounts: told, as it may be a mistake."""
    digest = select(deduction.c.rows_digest).where(deduction.c.id == one.id).scalar_subquery()
    own = (deduction.c.group_id == one.group_id) & (deduction.c.id != one.id) & (deduction.c.rows_digest == digest)
    query = select(deduction.c.id).where(own, deduction.c.state != State.WITHDRAWN.value).order_by(deduction.c.id)
    return list(connection.scalars(query.limit(5)))


def faults_in(connection: Connection, one: Deduction) -> int:
    """How many rows of a list can't be taken."""
    rows = connection.scalars(select(deduction_row.c.faults).where(deduction_row.c.deduction_id == one.id))
    return sum(any(not said["warns"] for said in faults) for faults in rows)


def accept(unit: Unit, its_id: int, by_name: str) -> Deduction:
    """The list is right, and waits for its payment; the one that it replaces is withdrawn, and what pays it comes over.

    Raises :class:`Fault` while a row is wrong.
    """
    one = deduction_with(unit.connection, its_id, lock=True)
    require(one, State.READ)
    wrong = faults_in(unit.connection, one)
    if wrong or one.total.minor <= 0:
        raise Fault(mark("rows that can't be taken: {count}; correct the file and hand it in again"), count=wrong)
    if not name_kept(by_name):
        raise Fault(mark("a name must be given"))
    if one.replaces_id is not None:
        old = deduction_with(unit.connection, one.replaces_id, lock=True)
        require(old, State.READ, State.WAITING)
        move(unit, old, State.WITHDRAWN, decided_by=name_kept(by_name), decided_at=unit.now,
             reason=f"corrected by list {one.number}")  # fmt: skip
        unit.connection.execute(
            update(deduction_part).where(deduction_part.c.deduction_id == old.id).values(deduction_id=one.id)
        )
    move(unit, one, State.WAITING)
    return deduction_with(unit.connection, its_id)


def withdraw(unit: Unit, its_id: int, by_name: str, reason: str) -> None:
    """The list comes to nothing; money that was to pay it waits to be identified again. Raises :class:`Fault`."""
    one = deduction_with(unit.connection, its_id, lock=True)
    if not name_kept(by_name) or not reason.strip():
        raise Fault(mark("a name and a reason must be given"))
    move(unit, one, State.WITHDRAWN, decided_by=name_kept(by_name), decided_at=unit.now,
         reason=reason.strip()[:REASON_CHARACTERS])  # fmt: skip
    unit.connection.execute(delete(deduction_part).where(deduction_part.c.deduction_id == one.id))


# --- its payment ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """Money on suspense that may pay a list; ``meant``: its reference names the list, or it is exactly its sum."""

    incoming_id: int
    operator: str
    number: str
    amount: Money
    reference: str | None
    meant: bool


def candidates(connection: Connection, tree: Tree, one: Deduction, limit: int = 30) -> list[Candidate]:
    """What came to a wallet of the group's mutuelle, or above it, and waits; what is meant first, then the newest."""
    upward = [each.id for each in tree.upward(one.organisation_id)]
    rows = connection.execute(
        select(incoming)
        .where(
            incoming.c.state == "suspense",
            incoming.c.organisation_id.in_(upward),
            incoming.c.currency == one.total.currency,
            ~select(deduction_part.c.id).where(deduction_part.c.incoming_id == incoming.c.id).exists(),
        )
        .order_by((incoming.c.amount_minor == one.total.minor).desc(), incoming.c.id.desc())
        .limit(limit)
    )
    found = [
        Candidate(
            row.id, row.operator, row.operator_id, Money(row.amount_minor, row.currency), row.reference,
            row.amount_minor == one.total.minor or names_list(row.reference, one),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda each: not each.meant)


def names_list(reference: str | None, one: Deduction) -> bool:
    """Does the reference of a payment name the list by its number?"""
    return any(read_number(run) == one.id for run in runs_in(reference or ""))


def add_payment(unit: Unit, tree: Tree, its_id: int, incoming_id: int, by_name: str) -> Deduction:
    """A person says that money on suspense pays a list, or a part of it; nothing is posted yet.

    Nobody gives it to somebody else meanwhile. Raises :class:`Fault`.
    """
    if not take_turn_of(unit, incoming.c.id == incoming_id):
        raise Fault(NOT_THERE["gone"])
    one = deduction_with(unit.connection, its_id, lock=True)
    require(one, State.WAITING)
    parts = parts_of(unit.connection, one)
    if len(parts) >= MOST_PARTS:
        raise Fault(mark("a list is paid by at most {most} payments"), most=MOST_PARTS)
    if sum(part.amount.minor for part in parts) >= one.total.minor:
        raise Fault(mark("the list is paid already: no other payment is needed"))
    families = [family for family, _ in shares_of_list(unit.connection, tree, one)]
    kept = take_from_suspense(unit, tree, incoming_id, families, by_name, "deductions")
    if isinstance(kept, NotAssigned):
        if kept.why == "pending":
            raise Fault(mark("somebody has said already whose this money is"))
        raise Fault(NOT_THERE.get(kept.why, NOT_THERE["gone"]))
    unit.connection.execute(
        insert(deduction_part).values(
            deduction_id=one.id,
            incoming_id=kept.id,
            amount_minor=kept.amount_minor,
            by_name=name_kept(by_name),
            at=unit.now,
        )
    )
    return one


def add_from_account(unit: Unit, tree: Tree, its_id: int, by_name: str) -> Money:
    """Take what is missing of a list's sum from the group's own account, as far as it reaches; how much that is.

    It is taken when the list is divided. Raises :class:`Fault` where there is nothing, or nothing is missing.
    """
    one = deduction_with(unit.connection, its_id, lock=True)
    require(one, State.WAITING)
    parts = parts_of(unit.connection, one)
    if any(part.incoming_id is None for part in parts):
        raise Fault(mark("the group's account pays a part of it already"))
    group = group_by_id(unit.connection, one.group_id)
    lock_account(unit, group)
    stands = balance(unit.connection, group, one.total.currency, books_of_list(unit.connection, tree, one))
    missing = one.total.minor - sum(part.amount.minor for part in parts)
    amount = Money(min(stands.minor, missing), one.total.currency)
    if amount.minor <= 0:
        raise Fault(mark("nothing is missing, or nothing stands on the group's account"))
    unit.connection.execute(
        insert(deduction_part).values(
            deduction_id=one.id, amount_minor=amount.minor, by_name=name_kept(by_name), at=unit.now
        )
    )
    return amount


def books_of_list(connection: Connection, tree: Tree, one: Deduction) -> int:
    """The books of all households of a list; raises :class:`Fault` where there are several."""
    books = {tree.books_of(family.section_id).id for family, _ in shares_of_list(connection, tree, one)}
    if len(books) != 1:
        raise Fault(mark("the households of the list are of several mutuelles: the group's account pays those of one"))
    return books.pop()


def remove_part(unit: Unit, its_id: int, part_id: int) -> None:
    """Money doesn't pay a list after all: it waits to be identified again. Raises :class:`Fault`."""
    one = deduction_with(unit.connection, its_id, lock=True)
    require(one, State.WAITING)
    own = (deduction_part.c.id == part_id) & (deduction_part.c.deduction_id == one.id)
    unit.connection.execute(delete(deduction_part).where(own))


@dataclass(frozen=True)
class Missing:
    """What stands between a list and what pays it: ``missing`` of its sum, or a ``rest`` beyond it."""

    missing: Money
    rest: Money


def difference(one: Deduction, parts: Sequence[Part]) -> Missing:
    """What is missing of a list's sum, or too much."""
    paid = sum(part.amount.minor for part in parts)
    return Missing(
        Money(max(0, one.total.minor - paid), one.total.currency),
        Money(max(0, paid - one.total.minor), one.total.currency),
    )
