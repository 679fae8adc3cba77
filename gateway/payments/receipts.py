"""Receipts: each carries its number and a code drawn for it, by which a phone tells a genuine one from an invented one.

Why a drawn code and not a computed one: docs/decisions/0004-cards-and-receipts.md.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal, or_, select

from gateway.kernel.money import Money
from gateway.kernel.numbers import in_our_digits, read_number, with_check_digit
from gateway.membership.households import by_id
from gateway.network.organisations import Tree
from gateway.payments.states import State
from gateway.payments.undoing import undone_of
from gateway.store.schema import collection, entry, refund

CODE_DIGITS = 5
_APART = re.compile(r"[\s.\-/–]")


def receipt_number(collection_id: int) -> str:
    """The number of a receipt: the collection's own and a check digit, six digits or more; a copy carries the same."""
    return with_check_digit(collection_id)


def new_receipt_code() -> str:
    """Draw the code of a receipt."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def show_receipt(collection_id: int, code: str | None) -> str:
    """A receipt's number and code as people read them: ``000123-48213``; the number alone where no code was drawn."""
    number = receipt_number(collection_id)
    return f"{number}-{code}" if code else number


@dataclass(frozen=True)
class Genuine:
    """What a genuine receipt was given for; ``reversed`` when the operator has taken the money back since."""

    number: str
    amount: Money
    on: date
    card: str
    head: str
    reversed: bool
    gone_back: Money  # what its operator took back of it, and what was given back


_RECEIPT = (
    select(
        collection.c.id,
        collection.c.key,
        collection.c.household_id,
        collection.c.receipt_code,
        collection.c.paid_minor,
        collection.c.paid_currency,
        collection.c.state,
        entry.c.happened_on,
    )
    .join(entry, entry.c.key == literal("collection:") + collection.c.key)
    .where(
        collection.c.id == bindparam("its_id"),
        collection.c.household_id.is_not(None),  # of a group's payment each household has its own
        collection.c.state.in_([State.PAID.value, State.REVERSED.value]),
    )
)


def check_receipt(connection: Connection, tree: Tree, typed_number: str, typed_code: str = "") -> Genuine | None:
    """What the receipt with this number and code was given for, or None: the same for a wrong number or a wrong code.

    Takes ``000123-48213``, ``000123 48213`` and ``00012348213`` as the number with no code apart, or the two apart.
    Codes can be guessed (one in 100 000): whoever asks on behalf of a caller counts the wrong ones.
    """
    number, code = _digits(typed_number), _digits(typed_code)
    if not code:
        number, code = number[:-CODE_DIGITS], number[-CODE_DIGITS:]
    row = connection.execute(_RECEIPT, {"its_id": _collection_id(number)}).first()
    # A receipt without a code can't be told from an invented one; no code that is typed equals the dashes.
    known = row.receipt_code if row is not None and row.receipt_code else "-" * CODE_DIGITS
    if not secrets.compare_digest(known, code) or row is None:
        return None
    family = by_id(connection, tree, row.household_id)
    return Genuine(
        receipt_number(row.id),
        Money(row.paid_minor, row.paid_currency),
        row.happened_on,
        family.card,
        family.head,
        row.state == State.REVERSED,
        Money(_gone_back(connection, row.id, row.key), row.paid_currency),
    )


def _gone_back(connection: Connection, its_id: int, key: str) -> int:
    own = (refund.c.collection_id == its_id) & (refund.c.state == "paid")
    given = connection.scalar(select(func.coalesce(func.sum(refund.c.amount_minor), 0)).where(own))
    return int(given or 0) + undone_of(connection, f"collection:{key}")


def names_receipt(typed: str) -> ColumnElement[bool]:
    """Is a row of ``collection`` what a receipt's number names, typed alone or with its code?"""
    digits = _digits(typed)
    number, code = digits[:-CODE_DIGITS], digits[-CODE_DIGITS:]
    with_code = (collection.c.id == _collection_id(number)) & (collection.c.receipt_code == code)
    return or_(collection.c.id == _collection_id(digits), with_code)


def _digits(typed: str) -> str:
    """The digits of what was typed, in any script; nothing when anything else stands in it."""
    text = _APART.sub("", unicodedata.normalize("NFKC", typed))
    return in_our_digits(text) if text.isdecimal() else ""


def _collection_id(number: str) -> int:
    """The id that a receipt number names; 0, which none has, for one that is no receipt number."""
    return read_number(number) or 0
