"""An operator's word that it took money back, kept while the money itself hasn't been told of.

The word is an open case that names the transaction. Until somebody closes it, its note holds what was taken back.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, literal, select, update

from gateway.kernel.money import Money
from gateway.payments.decisions.cases import GATEWAY, NOTE_CHARACTERS, close_case, open_case
from gateway.payments.names import operator_number, operator_word
from gateway.store.schema import money_case
from gateway.store.unit import Unit

log = logging.getLogger(__name__)

_BEGIN = "early-reversal:"
_KEY_CHARACTERS = 80
ID_CHARACTERS = 30


@dataclass(frozen=True)
class Taken:
    """What an operator took back (None: all of it), and its own number of the taking back where it has one."""

    amount: Money | None
    reversal_id: str | None


def early_key(word: str, number: str) -> str:
    """The key of the case about an operator's transaction, both as ``gateway.payments.names`` spells them."""
    return f"{_BEGIN}{word}:{number}"[:_KEY_CHARACTERS]


def is_early(word: ColumnElement[str], number: ColumnElement[str]) -> ColumnElement[bool]:
    """Is a row of ``money_case`` the open word about a transaction?"""
    key = func.substr(literal(_BEGIN).concat(word).concat(":").concat(number), 1, _KEY_CHARACTERS)
    return and_(money_case.c.key == key, money_case.c.closed_at.is_(None))


def told_early(connection: Connection, operator: str, number: str) -> bool:
    """Has the operator said that it took a transaction back, before it was told of?"""
    key = early_key(operator_word(operator), operator_number(number))
    still = (money_case.c.key == key) & money_case.c.closed_at.is_(None)
    return connection.scalar(select(money_case.c.id).where(still)) is not None


def keep_early(unit: Unit, organisation_id: int, incoming_id: int | None, key: str, taken: Taken, said: str) -> int:
    """Keep the word until the money is told of; each number of a taking back once. The id of the case."""
    what = f"{taken.amount.decimal} {taken.amount.currency}" if taken.amount else "all of it"
    case = open_case(unit, "reversed", organisation_id, None, incoming_id, f"{what} was taken back: {said}", key)
    row = unit.connection.execute(
        select(money_case.c.note, money_case.c.closed_at).where(money_case.c.id == case)
    ).one()
    if row.closed_at is not None:
        return case
    known = taken_of(row.note)
    one = Taken(taken.amount, taken.reversal_id[:ID_CHARACTERS] if taken.reversal_id else None)
    if one in known:
        return case
    rows = [
        (each.amount.minor if each.amount else None, each.amount.currency if each.amount else None, each.reversal_id)
        for each in (*known, one)
    ]
    text = json.dumps(rows, separators=(",", ":"))
    if len(text) > NOTE_CHARACTERS:
        log.error("case %s holds as many takings back as it can: a person must look at its operator's statement", case)
        return case
    unit.connection.execute(update(money_case).where(money_case.c.id == case).values(note=text))
    return case


def taken_of(note: str | None) -> tuple[Taken, ...]:
    """What the note of an open case holds."""
    return tuple(
        Taken(Money(minor, currency) if minor is not None else None, its_id)
        for minor, currency, its_id in json.loads(note or "[]")
    )


def link_early(unit: Unit, case_id: int, collection_id: int) -> None:
    """The money has come: say of which collection the word was."""
    unit.connection.execute(update(money_case).where(money_case.c.id == case_id).values(collection_id=collection_id))


def close_early(unit: Unit, key: str) -> None:
    """What was taken back has been told of and taken back in the books."""
    its_id = unit.connection.scalar(select(money_case.c.id).where(money_case.c.key == key))
    if its_id is not None:
        close_case(unit, its_id, GATEWAY, "the operator took it back")
