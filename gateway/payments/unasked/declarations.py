"""What a member says: "I paid", by the operator's number. It covers nobody before the money itself is seen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection as Several
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, select, update

from gateway.kernel.money import Money
from gateway.kernel.numbers import in_our_digits
from gateway.ledger.chart import Chart
from gateway.locale import Say
from gateway.membership.households import Household
from gateway.network.organisations import Tree
from gateway.payments.decisions.cases import GATEWAY, close_cases_of, open_case
from gateway.payments.names import carried, read_number
from gateway.payments.receipts import show_receipt
from gateway.payments.states import State
from gateway.payments.unasked.incoming import is_believed, post_whole
from gateway.payments.unasked.suspense import being_assigned, being_refunded, leave_suspense, reaches
from gateway.sms import notices
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store import attempts
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
    """No operator's number: 6 to 30 letters and figures, with a figure among them. Nor is the household's own card."""


@dataclass(frozen=True)
class TooMany:
    """Too many numbers were said that weren't confirmed at once: no other is taken for so long."""

    wait: timedelta


# Numbers that weren't confirmed at once, of one phone and of one household: members pay a few times a month.
NUMBERS_TRIED = attempts.Patience(
    3,
    (
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=6),
        timedelta(days=1),
    ),
    timedelta(days=2),
)
_SIGNS = re.compile(r"[\W_]+")
_LETTERS_BUT_O = re.compile(r"[A-NP-Z]")


def typed_number(typed: str) -> str | None:
    """The operator's number that a member typed on a small keypad, as it is compared; None for what can't be one.

    Small letters count as capitals, digits of any script as figures; spaces, dots and other signs don't count. A number
    with no other letter than O is one of figures (MTN's, Moov's): its O is a nought. Where other letters stand in it
    (Orange's, M-Pesa's) either may be meant, and nothing is changed.
    """
    number = read_number(_SIGNS.sub("", in_our_digits(unicodedata.normalize("NFKC", typed))))
    if number is not None and not _LETTERS_BUT_O.search(number):
        return number.replace("O", "0")
    return number


def declare_by_phone(
    unit: Unit, tree: Tree, chart: Chart, family: Household, msisdn: str, language: str, typed: str
) -> Declared | Confirmed | NotANumber | TooMany:
    """:func:`declare` for a caller, with patience: what isn't confirmed at once is counted for phone and household.

    What the household has said before is answered again without counting: nothing is tried out by it.
    """
    number = typed_number(typed)
    if number is None or number == family.card:
        return NotANumber()
    tries = (attempts.subject("declare", msisdn), attempts.subject("declare-for", family.card))
    wait = attempts.hold(unit, *tries)
    own = (declaration.c.operator_id == number) & (declaration.c.household_id == family.id)
    said_before = unit.connection.scalar(select(declaration.c.id).where(own)) is not None
    if wait and not said_before:
        return TooMany(wait)
    answer = declare(unit, tree, chart, family, msisdn, language, number)
    if isinstance(answer, Declared) and not said_before:
        for each in tries:
            attempts.fail(unit, each, NUMBERS_TRIED)
    return answer


_NEW_DECLARATION = if_new(declaration, "operator_id", "household_id")


def declare(
    unit: Unit, tree: Tree, chart: Chart, family: Household, msisdn: str, language: str, typed: str
) -> Declared | Confirmed | NotANumber:
    """A member says that they paid, by the operator's number of it: believed once the money itself is here.

    Money that came from another phone than the declarer's or the household's stays where it is, for a person to decide;
    the caller isn't told, lest numbers be tried: :func:`declare_by_phone` counts what wasn't confirmed.
    """
    number = typed_number(typed)
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
    # What a group was asked for is divided by a person, whoever's phone it came from.
    amount = Money(one.amount_minor, one.currency)
    theirs = one.collection_id is None and is_believed(unit.connection, one.payer, amount, msisdn, family.id)
    if one.state != "suspense" or not theirs:
        key = f"declared-by-another:{one.id}:{family.id}"
        said = "a household says that it paid it, and not from the phone that did"
        if one.state != "suspense":
            said = "a household says that it paid what counts for another"
        books = tree.books_of(one.organisation_id)
        open_case(unit, "declared-by-another", books.id, one.collection_id, one.id, said, key)
        return None
    if one.currency != family.currency or being_refunded(unit.connection, one.id):
        return None
    if being_assigned(unit.connection, one.id):
        return None
    stands_on = leave_suspense(unit, tree, one, [family])
    post_whole(unit, tree, chart, one, family, stands_on, "declared")
    close_cases_of(unit, one.id, GATEWAY, "the member who paid has said so")
    return _paid_already(unit.connection, family.id, number)


@dataclass(frozen=True)
class Told:
    """A number that a household has declared: its money is seen, waited for, or was not found within a week."""

    number: str
    state: Literal["seen", "awaited", "unfound"]


_SHOWN: dict[str, Literal["seen", "awaited", "unfound"]] = {
    "open": "awaited",
    "confirmed": "seen",
    "unfound": "unfound",
}
SHOWN_FOR = timedelta(days=31)


def told_by(connection: Connection, family: Household, now: datetime, limit: int = 3) -> list[Told]:
    """What a household has declared lately, the newest first."""
    rows = connection.execute(
        select(declaration)
        .where(declaration.c.household_id == family.id, declaration.c.declared_at > now - SHOWN_FOR)
        .order_by(declaration.c.declared_at.desc(), declaration.c.id.desc())
        .limit(limit)
    ).all()
    return [Told(row.operator_id, _shown(connection, family, row)) for row in rows]


def _shown(connection: Connection, family: Household, row: Row[Any]) -> Literal["seen", "awaited", "unfound"]:
    """A push that was paid since is seen, before anybody has said so of the declaration."""
    if row.state != "confirmed" and _paid_already(connection, family.id, row.operator_id) is not None:
        return "seen"
    return _SHOWN[row.state]


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
