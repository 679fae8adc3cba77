"""Payments that were recorded at the software's desk: each is posted once by its key, and never as a balance."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, update

from gateway.exchange.software.members import Place, Taken
from gateway.exchange.software.rows import Row, read_key
from gateway.kernel.card import BadCard, read_card
from gateway.kernel.clock import day_in
from gateway.kernel.dates import iso_day
from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT, BadAmount, Money
from gateway.locale import mark
from gateway.network.organisations import Organisation
from gateway.payments.push.limits import largest_payment
from gateway.payments.unasked.incoming import Known, Posted, Seen, see
from gateway.store.schema import collection, software_payment
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

OPERATOR = "software"
# Of 1.000 nobody knows whether it is one or a thousand.
_AMOUNT = re.compile(r"[0-9]{1,15}(?:[.,][0-9]{1,2})?")


def books_at(place: Place) -> Organisation:
    """The mutuelle whose cash a file's payments are; raises :class:`Fault` where the place doesn't keep the books."""
    own = place.tree.books_of(place.at.id)
    sections = place.tree.sections_under(place.at.id)
    if own.id != place.at.id or any(place.tree.books_of(one.id).id != own.id for one in sections):
        raise Fault(
            mark("payments are taken in at one mutuelle, which keeps its books: {code} isn't"), code=place.at.code
        )
    return own


def take_payment(unit: Unit, place: Place, row: Row) -> Taken:
    """Post a payment as cash that came to the desk, on the day that the row names; one that is known is left alone.

    A card that there isn't, or another mutuelle's, goes to suspense with its case. Raises :class:`Fault` for a row
    that can't be read, for a payment that was taken back there, for one of ours that was changed there, and for a key
    that was taken in with another day, amount or card.
    """
    row.check()
    books = books_at(place)
    key = read_key(row.get("their_key") or row.get("key"))
    amount, day = _amount(row), _day(row, day_in(books.time_zone, unit.now))
    card = _card(row)
    if _is_ours(unit, books, row, amount, day):
        return Taken("same")
    if row.get("state").casefold() not in ("", "paid"):
        raise Fault(mark("this payment was taken back there: nothing is posted, or taken back, from a file"))
    take_turn(unit, f"software:{books.id}:{key}")
    content = f"{day} {amount.decimal} {amount.currency} {card}"[:120]
    own = (software_payment.c.organisation_id == books.id) & (software_payment.c.key == key)
    known = unit.connection.execute(select(software_payment).where(own)).first()
    if known is not None:
        if known.content != content:
            raise Fault(mark("this key was taken in before with another day, amount or card"))
        return Taken("same")
    made = unit.connection.execute(
        insert(software_payment).values(organisation_id=books.id, key=key, content=content, taken_at=unit.now)
    )
    number = int(made.inserted_primary_key[0])  # type: ignore[index]
    noon = datetime.combine(day, time(12), ZoneInfo(books.time_zone)).astimezone(UTC)
    seen = see(
        unit,
        place.tree,
        place.chart,
        # Numbers of two keys never look alike: ours of the row ends each.
        Seen(OPERATOR, f"{key[:20]}N{number}", books.id, amount, None, card, min(noon, unit.now), stands_on="cash"),
    )
    if isinstance(seen, Known):
        raise Fault(mark("this payment is known already"))
    unit.connection.execute(
        update(software_payment).where(software_payment.c.id == number).values(incoming_id=seen.incoming_id)
    )
    return Taken("new") if isinstance(seen, Posted) else Taken("suspense")


def _is_ours(unit: Unit, books: Organisation, row: Row, amount: Money, day: date) -> bool:
    """Is it a payment that we handed out, and that comes back? Its card alone may be another by now."""
    own = collection.c.key.in_([row.get("key"), row.get("their_key")]) & (collection.c.organisation_id == books.id)
    paid = (collection.c.paid_minor, collection.c.paid_currency, collection.c.paid_at)
    one = unit.connection.execute(select(*paid).where(own)).first()
    if one is None:
        return False
    on = day_in(books.time_zone, one.paid_at) if one.paid_at is not None else None
    if (one.paid_minor, one.paid_currency, on) != (amount.minor, amount.currency, day):
        raise Fault(mark("this payment is Cotisa's own: its day and amount aren't changed from a file"))
    return True


def _card(row: Row) -> str:
    """The card as it is read, or as it was typed where it is none: a person finds out whose payment it is."""
    typed = row.get("card")
    try:
        return read_card(typed)
    except BadCard:
        return typed[:40]


def _amount(row: Row) -> Money:
    currency = row.get("currency").upper()
    if currency not in EXPONENT:
        raise Fault(mark("the currency isn't known: {currency}"), currency=currency[:10])
    typed = row.get("amount").replace(" ", "")
    bad = Fault(mark("the amount can't be read: {amount}"), amount=row.get("amount")[:20])
    if not _AMOUNT.fullmatch(typed):
        raise bad
    try:
        amount = Money.from_decimal(typed.replace(",", "."), currency)
    except BadAmount:
        raise bad from None
    if amount.minor <= 0 or amount.minor > largest_payment(currency).minor:
        raise bad
    return amount


def _day(row: Row, today: date) -> date:
    day = iso_day(row.get("day"))
    if day is None or day > today or day.year < today.year - 2:
        raise Fault(mark("the day is written 2026-12-31, and isn't ahead: {day}"), day=row.get("day")[:12])
    return day
