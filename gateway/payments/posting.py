"""Posting what came for a household: state, entry, cover and the messages about it, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import bindparam, update

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.accounts import ask_statement, read_statement
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, ask_record
from gateway.ledger.rules import split_payment
from gateway.locale import Say
from gateway.membership.households import Household, Standing, ask_enrolments, read_enrolments, standing_of
from gateway.network.organisations import Tree
from gateway.payments.collections import Collection, ask_story
from gateway.payments.readers import Reader, Readers, ask_readers, message_to, read_readers
from gateway.payments.receipts import show_receipt
from gateway.payments.states import State, check
from gateway.payments.telling import Word, ask_told, payment
from gateway.sms import texts
from gateway.sms.outgoing import Outgoing
from gateway.sms.templates.wording import Wording
from gateway.store.schema import collection
from gateway.store.together import together
from gateway.store.unit import Unit

_PAY = (
    update(collection)
    .where(collection.c.id == bindparam("its_id"))
    .values(
        {
            name: bindparam(name, type_=collection.c[name].type)
            for name in ("state", "reason", "said", "paid_minor", "paid_currency", "paid_at", "operator_id")
        }
    )
)


@dataclass(frozen=True)
class Came:
    """Money that came for a collection: what really moved, and the role of the account on which it stands now.

    ``at`` and ``operator_id`` are an operator's own time and number of it, where there is an operator that tells them.
    ``told``: all who read of payments; the family alone, where others are told of the whole that this is a share of; or
    nobody, where a word that follows at once says more.
    """

    amount: Money
    stands_on: str
    reason: str | None = None
    said: str | None = None
    at: datetime | None = None
    operator_id: str | None = None
    told: Literal["all", "family", "nobody"] = "all"


def post(unit: Unit, tree: Tree, chart: Chart, one: Collection, family: Household, came: Came) -> Standing:
    """Post what came for a collection of a locked household, and write its receipts; how the household stands now.

    Raises IllegalMove where the collection can't become paid.
    """
    check(one.state, State.PAID)
    books = tree[one.organisation_id]
    lines, enrolments, told = together(
        unit.connection,
        ask_statement(family.id),
        ask_enrolments(family.id),
        ask_readers(books, family.id, one.payer if came.told == "all" else ""),
    )
    before = read_statement(lines)
    at = _paid_at(unit, one, came)
    # Where the operator tells no time, the payer typed the PIN within minutes of being asked: our being late costs them
    # no day of cover.
    happened_on = day_in(family.time_zone, at or one.created_at)
    own_currency = came.amount.currency == one.amount.currency
    after = before.and_credit(happened_on, came.amount.minor) if own_currency else before
    now = standing_of(family, read_enrolments(enrolments, family.time_zone), after, day_in(family.time_zone, unit.now))
    to_dues, to_advance = split_payment(before.dues, before.credits, came.amount.minor)
    advance = Money(to_advance, came.amount.currency)
    told_of = _told(read_readers(told, tree, books, family.language), came)
    own = Wording(unit.connection, tree, one.organisation_id)
    receipts = _receipts(own, one, came.amount, advance, now, told_of)
    words = _confirmations(own, one, came.amount, now, told_of)
    together(
        unit.connection,
        (
            _PAY,
            {
                "its_id": one.id,
                "state": State.PAID.value,
                "reason": came.reason,
                "said": came.said[:200] if came.said is not None else None,
                "paid_minor": came.amount.minor,
                "paid_currency": came.amount.currency,
                "paid_at": at or unit.now,
                "operator_id": came.operator_id,
            },
        ),
        ask_story(unit, one.id, one.state, State.PAID, came.reason, came.said),
        *ask_record(unit, _entry(unit, chart, one, came, happened_on, (to_dues, to_advance))),
        *ask_told(unit, tree, receipts, words),
    )
    return now


def _paid_at(unit: Unit, one: Collection, came: Came) -> datetime | None:
    """The operator's own time of it, as far as its clock can be right: not in future, nor before we asked for it."""
    if came.at is None:
        return None
    at = min(came.at, unit.now)
    return max(at, one.created_at) if one.way == "push" else at


def _entry(unit: Unit, chart: Chart, one: Collection, came: Came, happened_on: date, split: tuple[int, int]) -> Entry:
    amount = came.amount
    accounts = chart.of(unit, one.organisation_id, amount.currency)
    if amount.currency != one.amount.currency:
        lines = [Line(accounts["suspense"], -amount.minor, one.household_id)]
    else:
        parts = zip(("receivable", "advance"), split, strict=True)
        lines = [Line(accounts[role], -part, one.household_id) for role, part in parts if part]
    return Entry(
        f"collection:{one.key}",
        one.organisation_id,
        "cash" if one.way == "cash" else "collections",
        amount.currency,
        happened_on,
        (Line(accounts[came.stands_on], amount.minor), *lines),
    )


def _told(told: Readers, came: Came) -> Readers:
    return Readers(
        told.members if came.told != "nobody" else (),
        told.treasurers if came.told == "all" else (),
    )


def _receipts(
    own: Wording, one: Collection, amount: Money, advance: Money, now: Standing, told: Readers
) -> Iterator[Outgoing]:
    """The members' receipts."""
    family, number, asked = now.household, show_receipt(one.id, one.receipt_code), one.amount
    for each in told.members:
        say = Say(each.language)
        if amount.currency == asked.currency:
            text = own.receipt(say, number, amount, now, asked, advance)
        else:
            text = texts.other_currency(say, number, amount, asked, family.card)
        yield message_of(one, "receipt", each, text)


def _confirmations(own: Wording, one: Collection, amount: Money, now: Standing, told: Readers) -> Iterator[Word]:
    """The treasurers' confirmations. Money of another currency is on suspense."""
    number, asked = show_receipt(one.id, one.receipt_code), one.amount
    for each in told.treasurers:
        text = own.treasurer(Say(each.language), number, amount, one.way, now, asked)
        message = message_of(one, "treasurer", each, text)
        if amount.currency == asked.currency:
            yield payment(each, one.way, amount, message)
        else:
            yield Word(each, "suspense", amount, message)


def message_of(one: Collection, event: str, reader: Reader, text: str, which: str = "") -> Outgoing:
    """One SMS about a collection; ``which`` tells several of one event apart."""
    return message_to(reader, event, one.key, text, one.organisation_id, one.household_id, which)
