"""``PAYE <number> [<card>]`` by SMS: a member says that they paid, and gets the answer that the menu would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.kernel.spelling import plain
from gateway.ledger.chart import Chart
from gateway.locale import Say
from gateway.network.organisations import Tree
from gateway.payments.unasked.declarations import (
    Confirmed,
    Declared,
    NotANumber,
    TooMany,
    declare_by_phone,
    typed_number,
)
from gateway.sms import answers
from gateway.sms.words import Asked, Reply, Word
from gateway.store.unit import Unit
from gateway.words import names
from gateway.words.whose import own, split_card, without_fillers

_MOST_LETTERS_ALONE = 2  # as a number may begin: MP 260521.1433.A12345


def paid_word(chart: Chart) -> Word:
    """The word that declares a payment."""

    def handle(unit: Unit, tree: Tree, asked: Asked) -> Reply | None:
        return _declare(unit, tree, chart, asked) if asked.households else None

    return Word(names.every(names.PAID), handle, lambda written: _read(written) is not None)


@dataclass(frozen=True)
class _Paid:
    """The operator's number, and the card where one is named behind it."""

    number: str
    card: str | None


def _read(written: str) -> _Paid | None:
    """What is written behind the word; None where that is no number, or more than one.

    The last nine digits, alone or in three groups, are a card where their check digit says so and what stands before
    them is a number all the same.
    """
    tokens = without_fillers(plain(written))
    before, card = split_card(tokens)
    if card is not None and (number := _number(before)) is not None:
        return _Paid(number, card)
    number = _number(tokens)
    return _Paid(number, None) if number is not None else None


def _number(tokens: Sequence[str]) -> str | None:
    """A number in pieces; words among them ("10200 francs") make it none."""
    words = [token for token in tokens if token.isalpha()]
    if not tokens or tokens[-1].isalpha() or any(len(word) > _MOST_LETTERS_ALONE for word in words):
        return None
    return typed_number("".join(tokens))


def _declare(unit: Unit, tree: Tree, chart: Chart, asked: Asked) -> Reply:
    say, paid = Say(asked.language), _read(asked.written)
    if paid is None:
        return Reply(answers.how_to_declare(say))
    family = own(unit.connection, asked.households, paid.card)
    if family is None:
        return Reply(answers.which_card(say))
    if family.pin:
        return Reply(answers.locked(say), family)
    found = declare_by_phone(unit, tree, chart, family, asked.sender, asked.language, paid.number)
    return Reply(_said(say, found, paid.number), family)


def _said(say: Say, found: Declared | Confirmed | NotANumber | TooMany, number: str) -> str:
    match found:
        case Declared():
            return answers.looked_for(say, found.number)
        case Confirmed():
            return answers.seen(say, number, found.amount, found.receipt)
        case TooMany():
            return answers.wait(say, -(-found.wait // timedelta(minutes=1)))
        case NotANumber():
            return answers.how_to_declare(say)
