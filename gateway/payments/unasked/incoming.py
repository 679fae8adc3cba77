"""Money that came without our asking: seen once, counted for whoever its reference names, else kept until identified.

It comes by an operator's SMS that a treasurer forwards, or by a statement. Credit follows the card number in the
reference, never the payer's number: one phone pays for many households. What names no card stands on suspense until a
member's declaration or a person says whose it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from gateway.kernel.card import BadCard, read_card
from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.locale import Say
from gateway.membership.households import Household, by_card, by_id, locked, phones_of
from gateway.membership.old_numbers import key_of, only_with_old_number
from gateway.network.organisations import Organisation, Tree
from gateway.payments.collections import create
from gateway.payments.decisions.cases import Kind, open_case
from gateway.payments.names import LONGEST, as_providers_wrote, operator_number, operator_word
from gateway.payments.posting import Came, post
from gateway.payments.push.limits import largest_alone
from gateway.payments.readers import Reader, message_to, readers
from gateway.payments.telling import Word, queue_told
from gateway.payments.unasked.early import told_early
from gateway.payments.unasked.fees import post_fee
from gateway.payments.unasked.suspense import entry_key, identify, reaches
from gateway.sms import notices
from gateway.sms.outgoing import Outgoing
from gateway.store.schema import collection, declaration, incoming
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

REFERENCE_CHARACTERS = 40


@dataclass(frozen=True)
class Seen:
    """A transaction as an SMS or a statement tells it.

    ``operator`` is its name in any spelling, ``operator_id`` its own number of the transaction; ``organisation_id`` is
    whose wallet it came to; ``payer`` is E.164; ``reference`` is what the payer typed; ``paid_at`` is the operator's
    own time of it; ``fee`` is what the operator kept of ``amount``, where it says so; ``stands_on`` is the role of the
    account that it came to.
    """

    operator: str
    operator_id: str
    organisation_id: int
    amount: Money
    payer: str | None
    reference: str | None
    paid_at: datetime
    notice_id: int | None = None
    fee: Money | None = None
    stands_on: Literal["wallet", "bank", "cash"] = "wallet"


@dataclass(frozen=True)
class Posted:
    """It counts for a household, which has its receipt."""

    collection_id: int
    incoming_id: int


@dataclass(frozen=True)
class Suspense:
    """It is kept on suspense; ``case`` is the id of the case that a person must decide."""

    case: int
    incoming_id: int


@dataclass(frozen=True)
class Known:
    """It was seen or posted before; nothing was done. With a ``case`` it was known as another amount."""

    incoming_id: int | None
    collection_id: int | None
    case: int | None = None


def see(unit: Unit, tree: Tree, chart: Chart, seen: Seen) -> Posted | Suspense | Known:
    """Take note of money that came, once for each number of an operator's, and post it where it can be.

    The number may have been posted as a collection that we asked for: then it is known. ``gateway.payments.names`` says
    which provider's numbers are which operator's. Raises ValueError for an amount that isn't above zero or a number
    that has no letter or figure.
    """
    number = operator_number(seen.operator_id)
    if seen.amount.minor <= 0 or not number:
        raise ValueError("money that came has an amount and a number")
    take_turn(unit, number)
    known = _known(unit, tree, seen, number)
    if seen.fee is not None and (known is None or known.case is None):
        post_fee(unit, tree, chart, operator=seen.operator, operator_id=number, organisation_id=seen.organisation_id,
                 fee=seen.fee, at=seen.paid_at)  # fmt: skip
    if known is not None:
        return known
    if told_early(unit.connection, seen.operator, number):
        to_whom: Household | tuple[Kind, str] = ("reversed", "its operator took it back before it was told of")
    else:
        to_whom = _to_whom(unit, tree, seen, number)
    one = write_seen(unit, seen)
    if isinstance(to_whom, Household):
        return post_whole(unit, tree, chart, one, to_whom, seen.stands_on)
    return _suspend(unit, tree, chart, one, seen, *to_whom)


# --- whether it is new ------------------------------------------------------------------------------------------------


def _known(unit: Unit, tree: Tree, seen: Seen, number: str) -> Known | None:
    word = operator_word(seen.operator)
    before = unit.connection.execute(
        select(incoming).where(incoming.c.operator == word, incoming.c.operator_id == number)
    ).first()
    if before is not None:
        known = Known(before.id, before.collection_id)
        same = Money(before.amount_minor, before.currency) == seen.amount
    else:
        providers, spelled = as_providers_wrote(word, seen.operator_id, tree[seen.organisation_id].country)
        asked = unit.connection.execute(
            select(collection.c.id, collection.c.paid_minor, collection.c.paid_currency).where(
                collection.c.provider.in_(providers), collection.c.operator_id.in_(spelled)
            )
        ).first()
        if asked is None:
            return None
        known = Known(None, asked.id)
        same = (asked.paid_minor, asked.paid_currency) == (seen.amount.minor, seen.amount.currency)
    if same:
        return known
    said = f"seen again as {seen.amount.decimal} {seen.amount.currency}"
    key = f"twin:{word}:{number}"
    case = open_case(unit, "twin", seen.organisation_id, known.collection_id, known.incoming_id, said, key)
    return replace(known, case=case)


# --- whose it is ------------------------------------------------------------------------------------------------------

_RUN = re.compile(r"\d(?:[\s.\-/]{0,2}\d)*")
_ALONE = re.compile(r"\d+")


def runs_in(reference: str) -> list[str]:
    """The runs of figures in a typed reference, alone or divided by separators."""
    return _RUN.findall(reference)


def cards_in(reference: str) -> set[str]:
    """The valid card numbers that a typed reference names, with whatever stands around them.

    Nine digits that stand together, or that separators alone divide; a phone number of more digits holds no card.
    """
    found = set()
    for run in runs_in(reference):
        for typed in {run, *_ALONE.findall(run)}:
            try:
                found.add(read_card(typed))
            except BadCard:
                continue
    return found


def _to_whom(unit: Unit, tree: Tree, seen: Seen, number: str) -> Household | tuple[Kind, str]:
    """The household that the money counts for, or the kind of case that it is and why."""
    cards = cards_in(seen.reference or "")
    if len(cards) > 1:
        return "unknown-payer", "several cards in the reference"
    family = by_card(unit.connection, tree, cards.pop()) if cards else _by_old_number(unit, tree, seen)
    if family is not None and not reaches(tree, seen.organisation_id, family.section_id):
        return "unknown-payer", "the card is of another mutuelle"
    if family is None:
        claimed = _declared(unit, tree, seen, number)
        if not isinstance(claimed, Household):
            return claimed
        family = claimed
    if family.currency != seen.amount.currency:
        return "currency", f"the card's mutuelle deals in {family.currency}"
    return family


def _by_old_number(unit: Unit, tree: Tree, seen: Seen) -> Household | None:
    """The household that had the whole reference as its number; one of figures alone may be an amount or a date."""
    if not re.search(r"[a-z]", key_of(seen.reference or "")):
        return None
    found = only_with_old_number(unit.connection, seen.reference or "", tree.books_of(seen.organisation_id).id)
    return by_id(unit.connection, tree, found) if found is not None else None


def _declared(unit: Unit, tree: Tree, seen: Seen, number: str) -> Household | tuple[Kind, str]:
    """Who said before that they paid with this number. Money can be late: also who was told that it wasn't found."""
    claims = [
        (row.msisdn, by_id(unit.connection, tree, row.household_id))
        for row in unit.connection.execute(
            select(declaration.c.msisdn, declaration.c.household_id)
            .where(declaration.c.operator_id == number, declaration.c.state != "confirmed")
            .order_by(declaration.c.id)
        )
    ]
    claims = [claim for claim in claims if reaches(tree, seen.organisation_id, claim[1].section_id)]
    if not claims:
        return "unknown-payer", "no card in the reference" if seen.reference else "no reference"
    if len(claims) > 1:
        return "declared-by-another", "several households say that they paid it"
    [(msisdn, family)] = claims
    if not is_believed(unit.connection, seen.payer, seen.amount, msisdn, family.id):
        return "declared-by-another", "a household says that it paid it, and not from the phone that did"
    return family


def is_believed(connection: Connection, payer: str | None, amount: Money, declarer: str, household_id: int) -> bool:
    """A declaration is believed where the money came from the declarer's phone.

    Up to what one person may decide it is also believed where it came from another phone of the family, or where nobody
    knows from which it came: the staff read operators' SMS, and give households phones.
    """
    if payer == declarer:
        return True
    if amount > largest_alone(amount.currency):
        return False
    return payer is None or payer in {each.msisdn for each in phones_of(connection, household_id)}


# --- writing it -------------------------------------------------------------------------------------------------------


def write_seen(unit: Unit, seen: Seen, collection_id: int | None = None) -> Row[Any]:
    """The row of money that is new, as it stands on suspense; ``collection_id`` where a group was asked for it."""
    return unit.connection.execute(
        insert(incoming)
        .values(
            operator=operator_word(seen.operator),
            operator_id=operator_number(seen.operator_id),
            organisation_id=seen.organisation_id,
            amount_minor=seen.amount.minor,
            currency=seen.amount.currency,
            payer=seen.payer,
            reference=seen.reference[:REFERENCE_CHARACTERS] if seen.reference else None,
            paid_at=seen.paid_at,
            seen_at=unit.now,
            notice_id=seen.notice_id,
            state="suspense",
            collection_id=collection_id,
        )
        .returning(*incoming.c)
    ).one()


def post_whole(
    unit: Unit, tree: Tree, chart: Chart, one: Row[Any], family: Household, stands_on: str, reason: str | None = None
) -> Posted:
    """Let money count for a household, with its receipt; it counts from the day on which it was paid."""
    family = locked(unit, tree, family)
    amount = Money(one.amount_minor, one.currency)
    made = create(
        unit,
        effect_key=f"incoming:{one.id}",
        books=tree.books_of(family.section_id),
        household_id=family.id,
        way="reference",
        provider=one.operator[:20],
        payer=one.payer or "",
        amount=amount,
    )
    # One transaction, one number: it stands on the collection of a group that was asked for it.
    number = one.operator_id if one.collection_id is None else None
    post(unit, tree, chart, made, family, Came(amount, stands_on, reason, None, one.paid_at, number))
    own = (declaration.c.operator_id == one.operator_id) & (declaration.c.household_id == family.id)
    unit.connection.execute(update(declaration).where(own).values(state="confirmed"))
    identify(unit, one.id, made.id)
    return Posted(made.id, one.id)


def put_on_suspense(unit: Unit, tree: Tree, chart: Chart, one: Row[Any], stands_on: str = "wallet") -> None:
    """The entry of money that counts for nobody yet; ``stands_on`` is the role of the account that it came to."""
    books = tree.books_of(one.organisation_id)
    accounts = chart.of(unit, books.id, one.currency)
    record(
        unit,
        Entry(
            entry_key(one.id),
            books.id,
            "collections",
            one.currency,
            day_in(books.time_zone, one.paid_at),
            (Line(accounts[stands_on], one.amount_minor), Line(accounts["suspense"], -one.amount_minor)),
        ),
    )


def _suspend(unit: Unit, tree: Tree, chart: Chart, one: Row[Any], seen: Seen, kind: Kind, why: str) -> Suspense:
    put_on_suspense(unit, tree, chart, one, seen.stands_on)
    books = tree.books_of(one.organisation_id)
    case = open_case(unit, kind, books.id, None, one.id, why, f"{kind}:{one.id}")
    _tell_unidentified(unit, tree, books, one, seen)
    return Suspense(case, one.id)


def _tell_unidentified(unit: Unit, tree: Tree, books: Organisation, one: Row[Any], seen: Seen) -> None:
    amount, number = seen.amount, one.operator_id[:LONGEST]
    told = readers(unit.connection, tree, books, 0, None, seen.payer or "")

    def write(event: str, each: Reader, text: str) -> Outgoing:
        return message_to(each, event, str(one.id), text, books.id)

    alerts = [
        Word(each, "suspense", amount, write(
            "to_identify", each, notices.to_identify(Say(each.language), amount, seen.operator[:20], number)
        ))
        for each in told.treasurers
    ]  # fmt: skip
    others = [
        write("unidentified", each, notices.unidentified(Say(each.language), amount, number)) for each in told.members
    ]
    queue_told(unit, tree, others, alerts)
