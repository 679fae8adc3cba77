"""Posting a payment: state, entries, cover and the messages about it in one transaction, once for ever."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import String, bindparam, exists, func, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.money import BadAmount, Money
from gateway.ledger.accounts import Statement, ask_statement, read_statement
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, ask_record, record
from gateway.ledger.rules import split_payment
from gateway.locale import Say
from gateway.membership.households import (
    Household,
    Standing,
    ask_enrolments,
    by_id,
    read_enrolments,
    standing_of,
)
from gateway.network.organisations import Tree
from gateway.payments.cases import GATEWAY, close_cases_of, open_case
from gateway.payments.collections import Collection, ask_story, by_key, move, read_collection, tell_story
from gateway.payments.names import carried, word_of_collection
from gateway.payments.providers.base import Paid
from gateway.payments.readers import Reader, Readers, ask_readers, read_readers, readers
from gateway.payments.receipts import show_receipt
from gateway.payments.states import UNDECIDED, State, check
from gateway.sms import notices, texts
from gateway.sms.outgoing import Outgoing, ask_messages, queue_messages
from gateway.store.schema import account, beneficiary, collection, entry, household, incoming, line
from gateway.store.together import together
from gateway.store.turn import ask_turn
from gateway.store.unit import Unit

log = logging.getLogger(__name__)


_other = collection.alias("other")
# The collection, its household and the head's name in one look, the first two locked: two payments for one household
# split what is due one after the other. A twin is another collection under which this very transaction was posted;
# ``seen`` is the transaction as it came without our asking.
_LOCKED = (
    select(
        collection,
        household.c.card,
        household.c.section_id,
        household.c.language,
        beneficiary.c.name.label("head"),
        exists()
        .where(_other.c.provider == collection.c.provider, _other.c.operator_id == bindparam("operator_id"))
        .label("twin"),
        incoming.c.id.label("seen_id"),
        incoming.c.state.label("seen_state"),
        incoming.c.amount_minor.label("seen_minor"),
        incoming.c.currency.label("seen_currency"),
    )
    .join(household, household.c.id == collection.c.household_id)
    .outerjoin(beneficiary, (beneficiary.c.household_id == household.c.id) & (beneficiary.c.relation == "head"))
    # The same money, where a treasurer's SMS or a statement told of it first.
    .outerjoin(
        incoming,
        (incoming.c.operator == word_of_collection())
        & (incoming.c.operator_id == bindparam("number", type_=String(64))),
    )
    .where(collection.c.key == bindparam("sought"))
    .with_for_update(of=[collection, household])
)

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


def post_paid(unit: Unit, tree: Tree, chart: Chart, key: str, paid: Paid) -> bool:
    """Post what an operator says was paid for a collection; False when it was posted before.

    What counts is what really moved: another amount than was asked for is posted as it came, another currency goes to
    suspense. One transaction of the operator is posted once, also when it turns up under a second key.
    """
    word, number = carried(paid.operator_id)
    given = {"sought": key, "operator_id": paid.operator_id, "carried": word, "number": number}
    rows = together(unit.connection, *ask_turn(unit, number), (_LOCKED, given))[-1]
    if not rows:
        return False
    row = rows[0]
    one = read_collection(row)
    if one.state in (State.PAID, State.REVERSED):
        return False
    if row.twin or row.seen_state not in (None, "suspense"):
        _refuse_duplicate(unit, tree, one, paid, row.seen_id)
        return False
    section = tree[row.section_id]
    family = Household(
        one.household_id, row.card, section.id, row.head or row.card, row.language, section.currency, section.time_zone
    )
    odd = _what_is_odd(one, paid)
    seen = row.seen_id if row.seen_currency == paid.amount.currency else None
    came = Came(paid.amount, "suspense" if seen is not None else "wallet", odd, paid.said, paid.at, paid.operator_id)
    post(unit, tree, chart, one, family, came)
    if seen is not None:
        _identify(unit, seen, one)
    if odd in ("currency", "amount"):
        open_case(unit, odd, one.organisation_id, one.id, None, f"paid {paid.amount.decimal}", f"{odd}:{key}")
    if row.seen_id is not None and Money(row.seen_minor, row.seen_currency) != paid.amount:
        open_case(unit, "twin", one.organisation_id, one.id, row.seen_id, paid.said, f"twin:{key}")
    return True


def _identify(unit: Unit, incoming_id: int, one: Collection) -> None:
    """What stood on suspense has turned out to be what a collection asked for."""
    unit.connection.execute(
        update(incoming).where(incoming.c.id == incoming_id).values(state="posted", collection_id=one.id)
    )
    close_cases_of(unit, incoming_id, GATEWAY, "the operator says whose it is")


@dataclass(frozen=True)
class Came:
    """Money that came for a collection: what really moved, and the role of the account on which it stands now.

    ``at`` and ``operator_id`` are an operator's own time and number of it, where there is an operator that tells them.
    """

    amount: Money
    stands_on: str
    reason: str | None = None
    said: str | None = None
    at: datetime | None = None
    operator_id: str | None = None


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
        ask_readers(books, family.id, one.payer),
    )
    before = read_statement(lines)
    # Where the operator tells no time, the payer typed the PIN within minutes of being asked: our being late costs them
    # no day of cover.
    happened_on = day_in(family.time_zone, came.at or one.created_at)
    own_currency = came.amount.currency == one.amount.currency
    after = before.and_credit(happened_on, came.amount.minor) if own_currency else before
    now = standing_of(family, read_enrolments(enrolments), after, day_in(family.time_zone, unit.now))
    receipts = tuple(_receipts(one, came.amount, now, read_readers(told, tree, books, family.language)))
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
                "paid_at": came.at or unit.now,
                "operator_id": came.operator_id,
            },
        ),
        ask_story(unit, one.id, one.state, State.PAID, came.reason, came.said),
        *ask_record(unit, _entry(unit, chart, one, came, happened_on, before)),
        *(ask_messages(unit, "receipts", *receipts) if receipts else ()),
    )
    return now


def _refuse_duplicate(unit: Unit, tree: Tree, one: Collection, paid: Paid, seen_id: int | None) -> None:
    """A transaction that was posted under another key pays nothing here.

    Where it was posted for this household (a treasurer's SMS was faster than the operator's answer), nobody is told
    again; else somebody must look into it.
    """
    by_number = (collection.c.provider == one.provider) & (collection.c.operator_id == paid.operator_id)
    if seen_id is not None:
        by_number |= collection.c.id.in_(select(incoming.c.collection_id).where(incoming.c.id == seen_id))
    known = unit.connection.execute(select(collection.c.key, collection.c.household_id).where(by_number)).first()
    same = known is not None and known.household_id == one.household_id
    if one.state in UNDECIDED:
        move(unit, one, State.REFUSED, "duplicate", paid.said)
    if same:
        return
    other = known.key if known is not None else f"incoming {seen_id}"
    log.error("the operator's transaction of collection %s was posted under %s: not posted again", one.key, other)
    open_case(unit, "twin", one.organisation_id, one.id, seen_id, f"posted under {other}", f"twin:{one.key}")
    if one.state in UNDECIDED:
        tell_not_paid(unit, tree, one, "other")


def _what_is_odd(one: Collection, paid: Paid) -> Literal["currency", "amount", "late"] | None:
    if paid.amount.currency != one.amount.currency:
        return "currency"
    if paid.amount != one.amount:
        return "amount"
    return "late" if one.state in (State.REFUSED, State.EXPIRED) else None


def _entry(unit: Unit, chart: Chart, one: Collection, came: Came, happened_on: date, before: Statement) -> Entry:
    amount = came.amount
    accounts = chart.of(unit, one.organisation_id, amount.currency)
    if amount.currency != one.amount.currency:
        lines = [Line(accounts["suspense"], -amount.minor, one.household_id)]
    else:
        to_dues, to_advance = split_payment(before.dues, before.credits, amount.minor)
        parts = (("receivable", to_dues), ("advance", to_advance))
        lines = [Line(accounts[role], -part, one.household_id) for role, part in parts if part]
    return Entry(
        f"collection:{one.key}",
        one.organisation_id,
        "cash" if one.way == "cash" else "collections",
        amount.currency,
        happened_on,
        (Line(accounts[came.stands_on], amount.minor), *lines),
    )


def _receipts(one: Collection, amount: Money, now: Standing, told: Readers) -> Iterator[Outgoing]:
    """The members' receipts and the treasurers' confirmations."""
    family, number = now.household, show_receipt(one.id, one.receipt_code)
    for each in told.members:
        text = texts.receipt(Say(each.language), number, amount, family.card, now.cover, now.left)
        yield _message("receipt", each, text, one)
    for each in told.treasurers:
        text = texts.treasurer(Say(each.language), number, amount, one.way, family.head, family.card, now.left)
        yield _message("treasurer", each, text, one)


def tell_not_paid(unit: Unit, tree: Tree, one: Collection, reason: str) -> None:
    """Queue the word to the payer that nothing came."""
    family = by_id(unit.connection, tree, one.household_id)
    told = readers(unit.connection, tree, tree[one.organisation_id], family.id, family.language, one.payer)
    payer = next(each for each in told.members if each.msisdn == one.payer)
    text = texts.not_paid(Say(payer.language), one.amount, family.card, reason)
    queue_messages(unit, "receipts", _message("not_paid", payer, text, one))


def tell_link(unit: Unit, tree: Tree, one: Collection, link: str) -> None:
    """Queue the SMS with the address where the payer pays."""
    family = by_id(unit.connection, tree, one.household_id)
    told = readers(unit.connection, tree, tree[one.organisation_id], family.id, family.language, one.payer)
    payer = next(each for each in told.members if each.msisdn == one.payer)
    text = texts.link(Say(payer.language), one.amount, family.card, link)
    queue_messages(unit, "receipts", _message("link", payer, text, one))


def _message(event: str, reader: Reader, text: str, one: Collection, which: str = "") -> Outgoing:
    # A digest keeps the keys of two readers of one event apart without showing the number.
    key = f"{event}:{one.key}:{hashlib.blake2b(f'{reader.msisdn}{which}'.encode(), digest_size=8).hexdigest()}"
    return Outgoing(event, reader.msisdn, reader.language, text, one.organisation_id, one.household_id, key)


def reverse(
    unit: Unit, tree: Tree, key: str, said: str, amount: Money | None = None, reversal_id: str | None = None
) -> bool:
    """Take a posting back because the operator took the money back: a new entry, the old one stays; False if done.

    ``amount`` is what the operator took, where that isn't all; ``reversal_id`` is its own number of the taking back,
    which makes each part happen once. When all is taken, the collection is reversed. The members and the treasurers are
    told. Raises ValueError for cash: no operator takes it back, and who holds it now the first entry doesn't tell;
    BadAmount for another currency, or for more than is left of what was paid.
    """
    one = by_key(unit.connection, key, lock=True)
    if one is None or one.state is State.REVERSED:
        return False
    if one.way == "cash":
        raise ValueError(f"collection {key} is cash")
    check(one.state, State.REVERSED)
    posted = unit.connection.execute(select(entry).where(entry.c.key == f"collection:{key}")).one()
    its_key = f"reversal:{key}:{reversal_id[:30]}" if reversal_id else f"reversal:{key}"
    if unit.connection.scalar(select(entry.c.id).where(entry.c.key == its_key)) is not None:
        return False
    total, left = _left_to_reverse(unit, posted.id)
    whole = sum(left.values())
    taken = Money(whole, posted.currency) if amount is None else amount
    if taken.currency != posted.currency or not 0 < taken.minor <= whole:
        raise BadAmount("not-what-was-paid")
    if taken.minor == whole:
        move(unit, one, State.REVERSED, "reversed", said)
    else:
        tell_story(unit, one.id, one.state, one.state, "reversed-part", said)
    lines, rest = [Line(_wallet(unit, posted.id), -taken.minor)], taken.minor
    for (account_id, household_id), still in left.items():
        part = min(rest, still)
        rest -= part
        if part:
            lines.append(Line(account_id, part, household_id))
    record(
        unit,
        Entry(
            its_key,
            posted.organisation_id,
            "corrections",
            posted.currency,
            day_in(tree[one.organisation_id].time_zone, unit.now),
            tuple(lines),
            reverses=posted.id,
        ),
    )
    part_of = f"{taken.decimal} of {Money(total, posted.currency).decimal}: {said}"
    open_case(unit, "reversed", one.organisation_id, one.id, None, part_of, its_key)
    _tell_reversed(unit, tree, one, taken, its_key)
    return True


def _left_to_reverse(unit: Unit, posted_id: object) -> tuple[int, dict[tuple[int, int | None], int]]:
    """What an entry credited in all, and what of it isn't taken back: by account and household, the surplus first."""
    rows = unit.connection.execute(
        select(line.c.account_id, line.c.household_id, account.c.role, entry.c.id, func.sum(line.c.amount_minor))
        .join(account, account.c.id == line.c.account_id)
        .join(entry, entry.c.id == line.c.entry_id)
        .where((entry.c.id == posted_id) | (entry.c.reverses_id == posted_id))
        .group_by(line.c.account_id, line.c.household_id, account.c.role, entry.c.id)
    ).all()
    credited = {(row[0], row[1]): row.role for row in rows if row.id == posted_id and row[4] < 0}
    total = -sum(row[4] for row in rows if row.id == posted_id and row[4] < 0)
    order = sorted(credited, key=lambda each: (credited[each] == "receivable", credited[each], each[0]))
    left = {each: -sum(int(row[4]) for row in rows if (row[0], row[1]) == each) for each in order}
    return int(total), left


def _wallet(unit: Unit, posted_id: object) -> int:
    """The account that an operator takes back from: where the money stood, or the wallet for what was on suspense."""
    row = unit.connection.execute(
        select(account)
        .join(line, line.c.account_id == account.c.id)
        .where(line.c.entry_id == posted_id, line.c.amount_minor > 0)
    ).one()
    if row.role != "suspense":
        return int(row.id)
    own = (account.c.organisation_id == row.organisation_id) & (account.c.currency == row.currency)
    return int(unit.connection.execute(select(account.c.id).where(own, account.c.role == "wallet")).scalar_one())


def _tell_reversed(unit: Unit, tree: Tree, one: Collection, taken: Money, its_key: str) -> None:
    family = by_id(unit.connection, tree, one.household_id)
    told = readers(unit.connection, tree, tree[one.organisation_id], family.id, family.language, one.payer)
    number = show_receipt(one.id, one.receipt_code)
    for each in (*told.members, *told.treasurers):
        text = notices.taken_back(Say(each.language), number, taken, family.card)
        queue_messages(unit, "receipts", _message("reversed", each, text, one, its_key))
