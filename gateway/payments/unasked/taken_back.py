"""What an operator takes back of money that came without our asking, also when it says so first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from gateway.kernel.money import Money
from gateway.kernel.numbers import with_check_digit
from gateway.network.organisations import Tree
from gateway.payments.decisions.cases import GATEWAY, open_case
from gateway.payments.names import as_providers_wrote, operator_number, operator_word
from gateway.payments.reversing import reversal_key, reverse
from gateway.payments.unasked.early import Taken, close_early, early_key, keep_early
from gateway.payments.unasked.suspense import reverse_suspense
from gateway.store.schema import collection, incoming, refund
from gateway.store.turn import take_turn
from gateway.store.unit import Unit


@dataclass(frozen=True)
class TakenBack:
    """It no longer counts; ``done`` is False when that was done before."""

    done: bool


@dataclass(frozen=True)
class LeftToPerson:
    """It isn't known (yet), or it isn't plain what it undoes: ``case`` is the id of the case."""

    case: int


def take_back(
    unit: Unit,
    tree: Tree,
    *,
    operator: str,
    operator_id: str,
    organisation_id: int,
    amount: Money | None,
    reversal_id: str | None,
    said: str,
) -> TakenBack | LeftToPerson:
    """An operator (a statement, not a person) says that it took back a transaction, or an ``amount`` of it.

    ``operator_id`` names the transaction, ``reversal_id`` the taking back. A reversal may be told of before what it
    reverses: it is kept, and the money, when it comes, counts for nobody until it is taken back or a person decides.
    """
    word, number = operator_word(operator), operator_number(operator_id)
    take_turn(unit, number)
    providers, spelled = as_providers_wrote(word, operator_id, tree[organisation_id].country)
    row = unit.connection.execute(
        select(incoming).where(incoming.c.operator == word, incoming.c.operator_id == number).with_for_update()
    ).first()
    by_number = (collection.c.provider.in_(providers)) & (collection.c.operator_id.in_(spelled))
    if row is not None and row.collection_id is not None:
        by_number = collection.c.id == row.collection_id
    one = unit.connection.execute(
        select(collection.c.id, collection.c.key, collection.c.group_id, collection.c.paid_minor,
               collection.c.paid_currency, collection.c.organisation_id).where(by_number)
    ).first()  # fmt: skip
    if one is not None and one.group_id is not None and amount not in (None, Money(one.paid_minor, one.paid_currency)):
        return LeftToPerson(_part_of_a_groups(unit, one, amount, reversal_id, said))
    if one is not None:
        return TakenBack(reverse(unit, tree, one.key, said, amount, reversal_id))
    if row is not None and row.state == "returned":
        if (number_paid := _paid_back(unit, row.id)) is None:
            return TakenBack(False)
        said = f"its operator took it back, and refund {number_paid} gave it back"
        return LeftToPerson(
            open_case(unit, "refund", row.organisation_id, None, row.id, said, f"reversal-refunded:{row.id}")
        )
    if row is None or row.state != "suspense" or amount not in (None, Money(row.amount_minor, row.currency)):
        its_id = row.id if row is not None else None
        books, taken = tree.books_of(organisation_id), Taken(amount, reversal_id)
        return LeftToPerson(keep_early(unit, books.id, its_id, early_key(word, number), taken, said))
    reverse_suspense(unit, tree, row, GATEWAY, "the operator took it back")
    close_early(unit, early_key(word, number))
    return TakenBack(True)


def _paid_back(unit: Unit, incoming_id: int) -> str | None:
    """The number of the refund that people gave money on suspense back by, where they did."""
    own = (refund.c.incoming_id == incoming_id) & (refund.c.state == "paid")
    its_id = unit.connection.scalar(select(refund.c.id).where(own))
    return with_check_digit(its_id) if its_id is not None else None


def _part_of_a_groups(unit: Unit, one: Any, amount: Money | None, reversal_id: str | None, said: str) -> int:
    """Which of a group's households a part was taken from nobody says: a person decides."""
    what = f"{amount.decimal} {amount.currency}" if amount else "all of it"
    key = reversal_key(one.key, reversal_id or what)
    return open_case(unit, "reversed", one.organisation_id, one.id, None, f"{what} of a group's: {said}", key)
