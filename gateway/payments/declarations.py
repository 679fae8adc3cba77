"""What a member says: "I paid", by the operator's number. It covers nobody before the money itself is seen."""

from __future__ import annotations

from collections.abc import Collection as Several
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.locale import Say
from gateway.membership.households import Household
from gateway.network.organisations import Tree
from gateway.payments.cases import GATEWAY, close_cases_of, open_case
from gateway.payments.incoming import from_their_phone, post_whole
from gateway.payments.names import (
    carried,
    read_number,
)
from gateway.payments.receipts import show_receipt
from gateway.payments.states import State
from gateway.payments.suspense import being_refunded, leave_suspense, reaches
from gateway.sms import notices
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.if_new import if_new
from gateway.store.schema import (
    collection,
    declaration,
    household,
    incoming,
)
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit

FOUND_WITHIN = timedelta(days=7)


@dataclass(frozen=True)
class Declared:
    """Kept: as soon as the money is seen it counts. Until then it covers nobody."""

    number: str


@dataclass(frozen=True)
class Confirmed:
    """The money is here and counts; ``receipt`` is the receipt's number with its code."""

    receipt: str
    amount: Money


@dataclass(frozen=True)
class NotANumber:
    """No operator's number: 6 to 30 letters and figures, with a figure among them."""


_NEW_DECLARATION = if_new(declaration, "operator_id", "household_id")


def declare(
    unit: Unit, tree: Tree, chart: Chart, family: Household, msisdn: str, language: str, typed: str
) -> Declared | Confirmed | NotANumber:
    """A member says that they paid, by the operator's number of it: believed once the money itself is here.

    Money that came from another phone than the declarer's or the household's stays where it is, for a person to decide;
    the caller isn't told, lest numbers be tried. Whoever asks on behalf of a caller counts what wasn't confirmed.
    """
    number = read_number(typed)
    if number is None:
        return NotANumber()
    take_turn(unit, number)
    row = {
        "operator_id": number,
        "household_id": family.id,
        "msisdn": msisdn,
        "language": language,
        "declared_at": unit.now,
        "state": "open",
    }
    own = (declaration.c.operator_id == number) & (declaration.c.household_id == family.id)
    if unit.connection.scalar(_NEW_DECLARATION[unit.connection.dialect.name], row) is None:
        again = own & (declaration.c.state == "unfound")
        unit.connection.execute(update(declaration).where(again).values(state="open", declared_at=unit.now))
    found = _paid_already(unit.connection, family.id, number) or _claim(unit, tree, chart, family, msisdn, number)
    if found is None:
        return Declared(number)
    unit.connection.execute(update(declaration).where(own).values(state="confirmed"))
    return found


def _paid_already(connection: Connection, household_id: int, number: str) -> Confirmed | None:
    """The household's own payment with this number, however it came."""
    rows = connection.execute(
        select(
            collection.c.id,
            collection.c.receipt_code,
            collection.c.operator_id,
            collection.c.paid_minor,
            collection.c.paid_currency,
        ).where(collection.c.household_id == household_id, collection.c.state == State.PAID.value)
    )
    for row in rows:
        if row.operator_id is not None and carried(row.operator_id)[1] == number:
            return Confirmed(show_receipt(row.id, row.receipt_code), Money(row.paid_minor, row.paid_currency))
    return None


def _claim(unit: Unit, tree: Tree, chart: Chart, family: Household, msisdn: str, number: str) -> Confirmed | None:
    rows = unit.connection.execute(
        select(incoming).where(incoming.c.operator_id == number, incoming.c.state != "returned").with_for_update()
    ).all()
    rows = [row for row in rows if reaches(tree, row.organisation_id, family.section_id)]
    if len(rows) != 1:
        return None
    [one] = rows
    if one.state != "suspense" or not from_their_phone(unit.connection, one.payer, msisdn, family.id):
        key = f"declared-by-another:{one.id}:{family.id}"
        said = "a household whose phone it isn't says that it paid it"
        if one.state != "suspense":
            said = "a household says that it paid what counts for another"
        books = tree.books_of(one.organisation_id)
        open_case(unit, "declared-by-another", books.id, one.collection_id, one.id, said, key)
        return None
    if one.currency != family.currency or being_refunded(unit.connection, one.id):
        return None
    stands_on = leave_suspense(unit, tree, one, tree.books_of(family.section_id))
    post_whole(unit, tree, chart, one, family, stands_on, "declared")
    close_cases_of(unit, one.id, GATEWAY, "the member who paid has said so")
    return _paid_already(unit.connection, family.id, number)


def expire(store: Store, limit: int = 500) -> int:
    """Tell those who said a week ago that they paid, and whose money never came; how many.

    For the scheduler, daily or oftener; safe to repeat. Money that comes later still counts.
    """
    with store.write() as unit:
        late = (declaration.c.state == "open") & (declaration.c.declared_at < unit.now - FOUND_WITHIN)
        rows = unit.connection.execute(
            select(declaration, household.c.card, household.c.section_id)
            .join(household, household.c.id == declaration.c.household_id)
            .where(late)
            .order_by(declaration.c.id)
            .limit(limit)
            .with_for_update(of=declaration)
        ).all()
        unfound = [row for row in rows if _paid_already(unit.connection, row.household_id, row.operator_id) is None]
        _settle(unit, {row.id for row in rows} - {row.id for row in unfound}, "confirmed")
        _settle(unit, {row.id for row in unfound}, "unfound")
        queue_messages(unit, "replies", *(_unfound(row) for row in unfound))
    return len(unfound)


def _settle(unit: Unit, ids: Several[int], state: str) -> None:
    if ids:
        unit.connection.execute(update(declaration).where(declaration.c.id.in_(sorted(ids))).values(state=state))


def _unfound(row: Row[Any]) -> Outgoing:
    text = notices.unfound(Say(row.language), row.operator_id, row.card)
    key = f"unfound:{row.id}:{int(row.declared_at.timestamp())}"
    return Outgoing("unfound", row.msisdn, row.language, text, row.section_id, row.household_id, key)
