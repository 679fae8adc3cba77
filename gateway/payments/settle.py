"""Posting a payment: state, entries, cover and the messages about it in one transaction, once for ever."""

from __future__ import annotations

import logging
from datetime import date

from sqlalchemy import select
from stdnum import damm

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.accounts import statement_of
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.ledger.rules import split_payment
from gateway.locale import Say
from gateway.membership.households import Household, by_id, main_phones, standing
from gateway.network.organisations import Organisation, Tree
from gateway.network.staff import nearest
from gateway.payments.collections import Collection, by_key, move
from gateway.payments.providers.base import Paid
from gateway.payments.states import State
from gateway.sms import texts
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.schema import account, caller, collection, entry, household, line
from gateway.store.unit import Unit

log = logging.getLogger(__name__)


def receipt_number(collection_id: int) -> str:
    """The number of a receipt: the collection's own and a check digit, six digits or more; a copy carries the same."""
    body = f"{collection_id:05d}"
    return body + str(damm.calc_check_digit(body))


def post_paid(unit: Unit, tree: Tree, chart: Chart, key: str, paid: Paid) -> bool:
    """Post what an operator says was paid for a collection; False when it was posted before.

    What counts is what really moved: another amount than was asked for is posted as it came, another currency goes to
    suspense. One transaction of the operator is posted once, also when it turns up under a second key.
    """
    one = by_key(unit.connection, key, lock=True)
    if one is None or one.state in (State.PAID, State.REVERSED):
        return False
    twin = unit.connection.scalar(
        select(collection.c.key).where(
            collection.c.provider == one.provider, collection.c.operator_id == paid.operator_id
        )
    )
    if twin is not None:
        log.error("operator transaction of collection %s was posted under %s already: not posted again", key, twin)
        return False
    late = one.state in (State.REFUSED, State.EXPIRED)
    differs = "currency" if paid.amount.currency != one.amount.currency else "amount"
    reason = differs if paid.amount != one.amount else "late" if late else None
    move(
        unit,
        one,
        State.PAID,
        reason,
        paid.said,
        paid_minor=paid.amount.minor,
        paid_currency=paid.amount.currency,
        paid_at=paid.at or unit.now,
        operator_id=paid.operator_id,
    )
    # Two payments for one household split what is due one after the other.
    unit.connection.execute(select(household.c.id).where(household.c.id == one.household_id).with_for_update())
    family = by_id(unit.connection, tree, one.household_id)
    today = day_in(family.time_zone, unit.now)
    _post(unit, chart, one, paid.amount, day_in(family.time_zone, paid.at or unit.now))
    _tell(unit, tree, one, family, paid.amount, today)
    return True


def _post(unit: Unit, chart: Chart, one: Collection, amount: Money, happened_on: date) -> None:
    accounts = chart.of(unit, one.organisation_id, amount.currency)
    if amount.currency != one.amount.currency:
        lines = [Line(accounts["suspense"], -amount.minor, one.household_id)]
    else:
        before = statement_of(unit.connection, one.household_id)
        to_dues, to_advance = split_payment(before.dues, before.credits, amount.minor)
        parts = (("receivable", to_dues), ("advance", to_advance))
        lines = [Line(accounts[role], -part, one.household_id) for role, part in parts if part]
    record(
        unit,
        Entry(
            f"collection:{one.key}",
            one.organisation_id,
            "collections",
            amount.currency,
            happened_on,
            (Line(accounts["wallet"], amount.minor), *lines),
        ),
    )


def _tell(unit: Unit, tree: Tree, one: Collection, family: Household, amount: Money, today: date) -> None:
    """Queue the member's receipt and the treasurer's confirmation."""
    now = standing(unit.connection, family, today)
    number = receipt_number(one.id)
    books = tree[one.organisation_id]
    members = list(dict.fromkeys((one.payer, *main_phones(unit.connection, family.id))))
    upward = [above.id for above in tree.upward(books.id)]
    treasurers = nearest(unit.connection, upward, "treasurer")
    languages = languages_of(unit, [*members, *(each.msisdn for each in treasurers)])
    outgoing = []
    for msisdn in members:
        language = languages.get(msisdn) or family.language or books.languages[0]
        text = texts.receipt(Say(language), number, amount, family.card, now.cover, now.left)
        outgoing.append(_message("receipt", msisdn, language, text, books, family.id, one.key))
    for each in treasurers:
        language = each.language or languages.get(each.msisdn) or books.languages[0]
        text = texts.treasurer(Say(language), number, amount, one.way, family.head, family.card, now.left)
        outgoing.append(_message("treasurer", each.msisdn, language, text, books, family.id, one.key))
    queue_messages(unit, "receipts", *outgoing)


def tell_not_paid(unit: Unit, tree: Tree, one: Collection, reason: str) -> None:
    """Queue the word to the payer that nothing came."""
    family = by_id(unit.connection, tree, one.household_id)
    books = tree[one.organisation_id]
    language = languages_of(unit, [one.payer]).get(one.payer) or family.language or books.languages[0]
    text = texts.not_paid(Say(language), one.amount, family.card, reason)
    queue_messages(unit, "receipts", _message("not_paid", one.payer, language, text, books, family.id, one.key))


def _message(
    event: str, msisdn: str, language: str, text: str, books: Organisation, household_id: int, key: str
) -> Outgoing:
    # The number's end keeps the keys of two readers of one event apart without holding the number.
    return Outgoing(event, msisdn, language, text, books.id, household_id, f"{event}:{key}:{msisdn[-4:]}")


def languages_of(unit: Unit, msisdns: list[str]) -> dict[str, str]:
    """The languages that phones have chosen."""
    rows = unit.connection.execute(select(caller.c.msisdn, caller.c.language).where(caller.c.msisdn.in_(msisdns)))
    return {row.msisdn: row.language for row in rows}


def reverse(unit: Unit, key: str, said: str) -> bool:
    """Take a posting back because the operator took the money back: a new entry, the old one stays; False if done."""
    one = by_key(unit.connection, key, lock=True)
    if one is None or one.state is State.REVERSED:
        return False
    move(unit, one, State.REVERSED, "reversed", said)
    posted = unit.connection.execute(select(entry).where(entry.c.key == f"collection:{key}")).one()
    lines = unit.connection.execute(
        select(line.c.account_id, line.c.amount_minor, line.c.household_id)
        .join(account, account.c.id == line.c.account_id)
        .where(line.c.entry_id == posted.id)
        .order_by(line.c.id)
    ).all()
    record(
        unit,
        Entry(
            f"reversal:{key}",
            posted.organisation_id,
            "corrections",
            posted.currency,
            unit.now.date(),
            tuple(Line(row.account_id, -row.amount_minor, row.household_id) for row in lines),
            reverses=posted.id,
        ),
    )
    return True
