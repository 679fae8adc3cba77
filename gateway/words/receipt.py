"""``RECU <number> <code>`` by SMS: genuine or not, and what it was given for; wrong ones are counted as in the menu."""

from __future__ import annotations

from gateway.kernel.numbers import in_our_digits
from gateway.kernel.spelling import plain
from gateway.locale import Say
from gateway.network.organisations import Tree
from gateway.payments.receipts import CODE_DIGITS
from gateway.services import Services
from gateway.sms import answers
from gateway.sms.words import Asked, Reply, Word
from gateway.store.unit import Unit
from gateway.ussd.effects.doing import Doing
from gateway.ussd.effects.paying import CheckReceipt
from gateway.ussd.screens.receipt import SHORTEST_NUMBER
from gateway.words import names, texts
from gateway.words.whose import without_fillers

_MOST_DIGITS = 20


def receipt_word(services: Services) -> Word:
    """The word that asks whether a receipt is genuine."""

    def handle(unit: Unit, tree: Tree, asked: Asked) -> Reply:
        say, typed = Say(asked.language), _read(asked.written)
        if typed is None:
            return Reply(texts.how_to_check(say))
        doing = Doing(services, unit, asked.key, asked.sender, asked.language, asked.home)
        found = CheckReceipt(typed, "").do(doing)
        shown = f"{typed[:-CODE_DIGITS]}-{typed[-CODE_DIGITS:]}"
        if found.genuine:
            return Reply(texts.genuine(say, shown, found))
        return Reply(answers.wait(say, found.wait_minutes) if found.wait_minutes else texts.not_genuine(say, shown))

    return Word(names.every(names.RECEIPT), handle, lambda written: _read(written) is not None)


def _read(written: str) -> str | None:
    """The figures of a receipt's number with its code; None where that can't be them."""
    digits = in_our_digits("".join(without_fillers(plain(written))))
    shortest = SHORTEST_NUMBER + CODE_DIGITS
    return digits if digits.isdecimal() and shortest <= len(digits) <= _MOST_DIGITS else None
