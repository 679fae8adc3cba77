"""What an operator takes back of money that came without our asking, also when it says so first."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.network.organisations import Tree
from gateway.payments.cases import GATEWAY, close_case, close_cases_of, open_case
from gateway.payments.names import (
    as_providers_wrote,
    operator_number,
    operator_word,
)
from gateway.payments.settle import reverse
from gateway.payments.suspense import reverse_suspense
from gateway.store.schema import (
    collection,
    incoming,
    money_case,
)
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
    key = unit.connection.scalar(select(collection.c.key).where(by_number))
    if key is not None:
        return TakenBack(reverse(unit, tree, key, said, amount, reversal_id))
    if row is not None and row.state == "returned":
        return TakenBack(False)
    if row is None or row.state != "suspense" or amount not in (None, Money(row.amount_minor, row.currency)):
        what = f"{amount.decimal} {amount.currency}" if amount else "all of it"
        its_id = row.id if row is not None else None
        books = tree.books_of(organisation_id)
        early = f"{what} was taken back: {said}"
        return LeftToPerson(open_case(unit, "reversed", books.id, None, its_id, early, _early_key(word, number)))
    reverse_suspense(unit, row, "returned", day_in(tree.books_of(row.organisation_id).time_zone, unit.now))
    unit.connection.execute(update(incoming).where(incoming.c.id == row.id).values(state="returned"))
    close_cases_of(unit, row.id, GATEWAY, "the operator took it back")
    _close_early(unit, word, number)
    return TakenBack(True)


def _early_key(word: str, number: str) -> str:
    return f"early-reversal:{word}:{number}"[:80]


def awaited(connection: Connection, operator: str, number: str) -> bool:
    """Has the operator said that it took a transaction back, before it was told of?"""
    key = _early_key(operator_word(operator), number)
    still = (money_case.c.key == key) & money_case.c.closed_at.is_(None)
    return connection.scalar(select(money_case.c.id).where(still)) is not None


def _close_early(unit: Unit, word: str, number: str) -> None:
    its_id = unit.connection.scalar(select(money_case.c.id).where(money_case.c.key == _early_key(word, number)))
    if its_id is not None:
        close_case(unit, its_id, GATEWAY, "the operator took it back")
