"""Money that came without our asking: seen once, counted for whoever its reference names, else kept until identified.

It comes by an operator's SMS that a treasurer forwards, or by a statement. Credit follows the card number in the
reference, never the payer's number: one phone pays for many households. What names no card stands on suspense until a
member's declaration or a person says whose it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection as Several
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, select, update
from stdnum import damm

from gateway.kernel.card import BadCard, read_card
from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.locale import Say, mark
from gateway.membership.households import Household, by_card, by_id, lock_household, phones_of, standing
from gateway.network.organisations import Organisation, Tree
from gateway.payments.cases import GATEWAY, Kind, close_case, close_cases_of, open_case
from gateway.payments.collections import create
from gateway.payments.names import (
    LONGEST,
    as_providers_wrote,
    carried,
    operator_number,
    operator_word,
    read_number,
)
from gateway.payments.readers import Reader, readers
from gateway.payments.receipts import show_receipt
from gateway.payments.settle import Came, post, reverse
from gateway.payments.states import State
from gateway.sms import notices
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.if_new import if_new
from gateway.store.schema import (
    account,
    collection,
    declaration,
    entry,
    household,
    incoming,
    line,
    money_case,
    phone,
    refund,
)
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit

REFERENCE_CHARACTERS = 40


@dataclass(frozen=True)
class Seen:
    """A transaction as an SMS or a statement tells it.

    ``operator`` is its name in any spelling, ``operator_id`` its own number of the transaction; ``organisation_id`` is
    whose wallet it came to; ``payer`` is E.164; ``reference`` is what the payer typed; ``paid_at`` is the operator's
    own time of it.
    """

    operator: str
    operator_id: str
    organisation_id: int
    amount: Money
    payer: str | None
    reference: str | None
    paid_at: datetime
    notice_id: int | None = None


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
    if known is not None:
        return known
    if _awaited(unit.connection, seen, number):
        to_whom: Household | tuple[Kind, str] = ("reversed", "its operator took it back before it was told of")
    else:
        to_whom = _to_whom(unit, tree, seen, number)
    one = _write(unit, seen, number)
    if isinstance(to_whom, Household):
        return _post(unit, tree, chart, one, to_whom, "wallet")
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


def cards_in(reference: str) -> set[str]:
    """The valid card numbers that a typed reference names, with whatever stands around them.

    Nine digits that stand together, or that separators alone divide; a phone number of more digits holds no card.
    """
    found = set()
    for run in _RUN.findall(reference):
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
    family = by_card(unit.connection, tree, cards.pop()) if cards else None
    if family is not None and not _reaches(tree, seen.organisation_id, family.section_id):
        return "unknown-payer", "the card is of another mutuelle"
    if family is None:
        claimed = _declared(unit, tree, seen, number)
        if not isinstance(claimed, Household):
            return claimed
        family = claimed
    if family.currency != seen.amount.currency:
        return "currency", f"the card's mutuelle deals in {family.currency}"
    return family


def _reaches(tree: Tree, organisation_id: int, section_id: int) -> bool:
    """Whether a household of the section pays into this organisation's wallet."""
    return tree[section_id].under(tree[organisation_id])


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
    claims = [claim for claim in claims if _reaches(tree, seen.organisation_id, claim[1].section_id)]
    if not claims:
        return "unknown-payer", "no card in the reference" if seen.reference else "no reference"
    if len(claims) > 1:
        return "declared-by-another", "several households say that they paid it"
    [(msisdn, family)] = claims
    if not _from_their_phone(unit.connection, seen.payer, msisdn, family.id):
        return "declared-by-another", "a household whose phone it isn't says that it paid it"
    return family


def _from_their_phone(connection: Connection, payer: str | None, declarer: str, household_id: int) -> bool:
    """A declaration is believed unless the money came from a phone that is neither the declarer's nor the family's."""
    return payer is None or payer == declarer or payer in {each.msisdn for each in phones_of(connection, household_id)}


# --- writing it -------------------------------------------------------------------------------------------------------


def _write(unit: Unit, seen: Seen, number: str) -> Row[Any]:
    return unit.connection.execute(
        insert(incoming)
        .values(
            operator=operator_word(seen.operator),
            operator_id=number,
            organisation_id=seen.organisation_id,
            amount_minor=seen.amount.minor,
            currency=seen.amount.currency,
            payer=seen.payer,
            reference=seen.reference[:REFERENCE_CHARACTERS] if seen.reference else None,
            paid_at=seen.paid_at,
            seen_at=unit.now,
            notice_id=seen.notice_id,
            state="suspense",
        )
        .returning(*incoming.c)
    ).one()


def _post(
    unit: Unit, tree: Tree, chart: Chart, one: Row[Any], family: Household, stands_on: str, reason: str | None = None
) -> Posted:
    """Let money count for a household, with its receipt; it counts from the day on which it was paid."""
    posted = post_share(unit, tree, chart, one, family, stands_on, Money(one.amount_minor, one.currency), reason)
    unit.connection.execute(
        update(incoming).where(incoming.c.id == one.id).values(state="posted", collection_id=posted)
    )
    return Posted(posted, one.id)


def post_share(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    one: Row[Any],
    family: Household,
    stands_on: str,
    amount: Money,
    reason: str | None = None,
    whole: bool = True,
) -> int:
    """Let an amount of a row of ``incoming`` count for a household; the id of the collection that it became.

    The operator's number stands on the collection of the ``whole`` alone: it is one transaction.
    """
    lock_household(unit, family.id)
    made = create(
        unit,
        effect_key=f"incoming:{one.id}" if whole else f"incoming:{one.id}:{family.id}",
        books=tree.books_of(family.section_id),
        household_id=family.id,
        way="reference",
        provider=one.operator[:20],
        payer=one.payer or "",
        amount=amount,
    )
    number = one.operator_id if whole else None
    post(unit, tree, chart, made, family, Came(amount, stands_on, reason, None, one.paid_at, number))
    own = (declaration.c.operator_id == one.operator_id) & (declaration.c.household_id == family.id)
    unit.connection.execute(update(declaration).where(own).values(state="confirmed"))
    return made.id


def _suspend(unit: Unit, tree: Tree, chart: Chart, one: Row[Any], seen: Seen, kind: Kind, why: str) -> Suspense:
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
            (Line(accounts["wallet"], one.amount_minor), Line(accounts["suspense"], -one.amount_minor)),
        ),
    )
    case = open_case(unit, kind, books.id, None, one.id, why, f"{kind}:{one.id}")
    _tell_unidentified(unit, tree, books, one, seen)
    return Suspense(case, one.id)


def entry_key(incoming_id: int) -> str:
    """The key of the entry that holds money on suspense."""
    return f"incoming:{incoming_id}"


def _tell_unidentified(unit: Unit, tree: Tree, books: Organisation, one: Row[Any], seen: Seen) -> None:
    amount, number = seen.amount, one.operator_id[:LONGEST]
    told = readers(unit.connection, tree, books, 0, None, seen.payer or "")
    texts = [
        ("to_identify", each, notices.to_identify(Say(each.language), amount, seen.operator[:20], number))
        for each in told.treasurers
    ]
    texts += [("unidentified", each, notices.unidentified(Say(each.language), amount, number)) for each in told.members]
    queue_messages(unit, "receipts", *(message_about(one.id, *each, books.id) for each in texts))


def message_about(incoming_id: int, event: str, reader: Reader, text: str, organisation_id: int) -> Outgoing:
    """One SMS about money that has no household yet."""
    digest = hashlib.blake2b(reader.msisdn.encode(), digest_size=8).hexdigest()
    key = f"{event}:{incoming_id}:{digest}"
    return Outgoing(event, reader.msisdn, reader.language, text, organisation_id, None, key)


# --- what a person decides --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NotAssigned:
    """Why money was not assigned.

    ``gone``: it is on suspense no more, or never came. ``other-network``: the household doesn't pay into the wallet
    that it came to. ``currency``: the household deals in another. ``refund``: it is being given back. ``no-reason``:
    nobody, or no reason, was named.
    """

    why: Literal["gone", "other-network", "currency", "refund", "no-reason"]


def assign(
    unit: Unit, tree: Tree, chart: Chart, incoming_id: int, family: Household, by_name: str, reason: str
) -> Posted | NotAssigned:
    """A person says whose money on suspense is; the case keeps who said so and why.

    A new entry moves it from suspense to the household, for the day on which it was paid: the member isn't to blame for
    a digit. Between two books it leaves the first by a reversal.
    """
    one = take_from_suspense(unit, tree, incoming_id, [family], by_name, reason)
    if isinstance(one, NotAssigned):
        return one
    stands_on = leave_suspense(unit, tree, one, tree.books_of(family.section_id))
    posted = _post(unit, tree, chart, one, family, stands_on, "assigned")
    write_decision(unit, one, posted.collection_id, by_name, reason)
    return posted


def take_from_suspense(
    unit: Unit, tree: Tree, incoming_id: int, families: Sequence[Household], by_name: str, reason: str
) -> Row[Any] | NotAssigned:
    """The locked row of money that may count for these households; :func:`assign` says why not."""
    if not by_name.strip() or not reason.strip():
        return NotAssigned("no-reason")
    number = unit.connection.scalar(select(incoming.c.operator_id).where(incoming.c.id == incoming_id))
    if number is None:
        return NotAssigned("gone")
    take_turn(unit, number)
    one = unit.connection.execute(select(incoming).where(incoming.c.id == incoming_id).with_for_update()).one()
    if one.state != "suspense":
        return NotAssigned("gone")
    if not all(_reaches(tree, one.organisation_id, each.section_id) for each in families):
        return NotAssigned("other-network")
    if any(each.currency != one.currency for each in families):
        return NotAssigned("currency")
    if _being_refunded(unit.connection, incoming_id):
        return NotAssigned("refund")
    return one


def _being_refunded(connection: Connection, incoming_id: int) -> bool:
    running = refund.c.state.in_(["asked", "approved", "sent"])
    return connection.scalar(select(refund.c.id).where(refund.c.incoming_id == incoming_id, running)) is not None


def leave_suspense(unit: Unit, tree: Tree, one: Row[Any], to: Organisation) -> str:
    """Where money stands for the books that it goes to: on their suspense, or, from other books, in their wallet."""
    if tree.books_of(one.organisation_id).id == to.id:
        return "suspense"
    reverse_suspense(unit, one, "moved", day_in(tree.books_of(one.organisation_id).time_zone, one.paid_at))
    return "wallet"


def reverse_suspense(unit: Unit, one: Row[Any], why: str, on: date) -> None:
    """Undo the entry that put money on suspense, by a new one of a day."""
    put = unit.connection.execute(select(entry).where(entry.c.key == entry_key(one.id))).one()
    lines = unit.connection.execute(select(line).where(line.c.entry_id == put.id).order_by(line.c.id)).all()
    record(
        unit,
        Entry(
            f"{why}:{one.id}",
            put.organisation_id,
            "corrections",
            put.currency,
            on,
            tuple(Line(each.account_id, -each.amount_minor) for each in lines),
            reverses=put.id,
        ),
    )


def write_decision(unit: Unit, one: Row[Any], collection_id: int | None, by_name: str, reason: str) -> None:
    """Keep who decided about money and why: on its open cases, or on one made for it."""
    if not close_cases_of(unit, one.id, by_name, reason):
        key = f"assigned:{one.id}"
        case = open_case(unit, "unknown-payer", one.organisation_id, collection_id, one.id, "assigned", key)
        close_case(unit, case, by_name, reason)


@dataclass(frozen=True)
class Held:
    """Money on suspense as lists show it."""

    id: int
    operator: str
    number: str
    organisation_id: int
    amount: Money
    payer: str | None
    reference: str | None
    paid_at: datetime


def held(connection: Connection, tree: Tree, under_path: str = "/", limit: int = 1000) -> list[Held]:
    """What waits to be identified in the wallets of the organisations at or below a path, the oldest first."""
    offices = [one.id for one in tree.by_id.values() if one.path.startswith(under_path)]
    rows = connection.execute(
        select(incoming)
        .where(incoming.c.state == "suspense", incoming.c.organisation_id.in_(offices))
        .order_by(incoming.c.id)
        .limit(limit)
    )
    return [_held(row) for row in rows]


def held_numbered(connection: Connection, incoming_id: int) -> Held | None:
    """One of them by its id, whatever became of it."""
    row = connection.execute(select(incoming).where(incoming.c.id == incoming_id)).first()
    return _held(row) if row else None


def _held(row: Row[Any]) -> Held:
    return Held(
        row.id,
        row.operator,
        row.operator_id,
        row.organisation_id,
        Money(row.amount_minor, row.currency),
        row.payer,
        row.reference,
        row.paid_at,
    )


# --- what an operator takes back --------------------------------------------------------------------------------------


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


def _awaited(connection: Connection, seen: Seen, number: str) -> bool:
    key = _early_key(operator_word(seen.operator), number)
    still = (money_case.c.key == key) & money_case.c.closed_at.is_(None)
    return connection.scalar(select(money_case.c.id).where(still)) is not None


def _close_early(unit: Unit, word: str, number: str) -> None:
    its_id = unit.connection.scalar(select(money_case.c.id).where(money_case.c.key == _early_key(word, number)))
    if its_id is not None:
        close_case(unit, its_id, GATEWAY, "the operator took it back")


# --- whose it may be --------------------------------------------------------------------------------------------------

# Why a household is proposed, in the order of their weight.
WHY = {
    "declared": mark("says that it paid with this number"),
    "card": mark("its card is one typing error from the reference"),
    "phone": mark("the payer's number is one of its phones"),
    "amount": mark("it has exactly this amount to pay"),
}
MOST_PROPOSALS = 10
_AROUND = timedelta(days=60)  # how far from the payment a due of the same amount may lie


@dataclass(frozen=True)
class Proposal:
    """A household that money may be for; ``why`` are keys of :data:`WHY`."""

    household: Household
    why: tuple[str, ...]


def proposals(connection: Connection, tree: Tree, one: Held, today: date) -> list[Proposal]:
    """Whose the money may be, the likeliest first. They help a person to decide, and decide nothing."""
    reasons: dict[int, set[str]] = {}
    for why, ids in (
        ("declared", _who_declared(connection, one)),
        ("card", _near_cards(connection, one.reference or "")),
        ("phone", _by_payer(connection, one.payer)),
        ("amount", _by_amount(connection, tree, one)),
    ):
        for each in ids:
            reasons.setdefault(each, set()).add(why)
    found = []
    for its_id, whys in reasons.items():
        family = by_id(connection, tree, its_id)
        if not _reaches(tree, one.organisation_id, family.section_id) or family.currency != one.amount.currency:
            continue
        now = standing(connection, family, today)
        whys = whys - {"amount"} | ({"amount"} if one.amount in (now.due, now.left, now.to_start) else set())
        if whys:
            found.append(Proposal(family, tuple(word for word in WHY if word in whys)))
    order = list(WHY)
    found.sort(key=lambda each: ([order.index(word) for word in each.why][:1], -len(each.why), each.household.id))
    return found[:MOST_PROPOSALS]


def _who_declared(connection: Connection, one: Held) -> Iterator[int]:
    yield from connection.scalars(
        select(declaration.c.household_id).where(declaration.c.operator_id == one.number).limit(20)
    )


def _by_payer(connection: Connection, payer: str | None) -> Iterator[int]:
    if payer is not None:
        yield from connection.scalars(select(phone.c.household_id).where(phone.c.msisdn == payer).limit(20))


def _near_cards(connection: Connection, reference: str) -> Iterator[int]:
    near = {card for run in _RUN.findall(reference) for card in one_edit_away(re.sub(r"\D", "", run))}
    if near and len(near) <= 500:
        yield from connection.scalars(select(household.c.id).where(household.c.card.in_(sorted(near))))


def one_edit_away(typed: str) -> set[str]:
    """The valid card numbers from which digits differ by one slip: wrong, left out, one too many, or two swapped."""
    count = len(typed)
    if not 8 <= count <= 10 or not typed.isascii():
        return set()
    tries: set[str] = set()
    for place in range(count + 1):
        before, after = typed[:place], typed[place:]
        if count == 8:
            tries |= {before + digit + after for digit in "0123456789"}
        elif count == 10:
            tries.add(before + after[1:])
        elif after:
            tries |= {before + digit + after[1:] for digit in "0123456789"}
            tries.add(before + after[1:2] + after[:1] + after[2:])
    return {each for each in tries if len(each) == 9 and each[0] in "12345" and damm.is_valid(each)} - {typed}


def _by_amount(connection: Connection, tree: Tree, one: Held) -> Iterator[int]:
    """Households with a due of this amount about this day; whether it is still to pay their standing says."""
    wallet = tree[one.organisation_id]
    books = {org.books_id for org in tree.by_id.values() if org.under(wallet)}
    on = one.paid_at.date()
    yield from connection.scalars(
        select(line.c.household_id)
        .join(account, account.c.id == line.c.account_id)
        .where(
            account.c.organisation_id.in_(sorted(books)),
            account.c.role == "receivable",
            account.c.currency == one.amount.currency,
            line.c.amount_minor == one.amount.minor,
            line.c.due_on.between(on - _AROUND, on + _AROUND),
        )
        .group_by(line.c.household_id)
        .order_by(func.min(line.c.id).desc())
        .limit(50)
    )


# --- what a member says -----------------------------------------------------------------------------------------------

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
    rows = [row for row in rows if _reaches(tree, row.organisation_id, family.section_id)]
    if len(rows) != 1:
        return None
    [one] = rows
    if one.state != "suspense" or not _from_their_phone(unit.connection, one.payer, msisdn, family.id):
        key = f"declared-by-another:{one.id}:{family.id}"
        said = "a household whose phone it isn't says that it paid it"
        if one.state != "suspense":
            said = "a household says that it paid what counts for another"
        books = tree.books_of(one.organisation_id)
        open_case(unit, "declared-by-another", books.id, one.collection_id, one.id, said, key)
        return None
    if one.currency != family.currency or _being_refunded(unit.connection, one.id):
        return None
    stands_on = leave_suspense(unit, tree, one, tree.books_of(family.section_id))
    _post(unit, tree, chart, one, family, stands_on, "declared")
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
