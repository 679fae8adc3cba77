"""The texts that answer: one part each, in any language, with the longest data there can be, and numbers whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.kernel.money import EXPONENT, Money
from gateway.locale import HERE, Say
from gateway.payments.push.limits import largest_payment
from gateway.sms import answers
from gateway.sms.gsm7 import fold, parts

LANGUAGES = ["en", *sorted(file.stem for file in HERE.glob("*.po"))]
NUMBER, RECEIPT, CARD = "A9" * 15, "9" * 14 + "-99999", "123456782"
# A merchant's code has at most twenty signs.
CODES = ["229384", "9" * 20, "*144*4*12345678#"]


def every_answer(say: Say, amount: Money, code: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every text, and what must stand in it whole."""
    shown = fold(say.show(amount))
    yield answers.by_code(say, amount, "Orange Money", code, CARD), (shown, code, CARD)
    yield answers.by_code(say, amount, "Vodacom M-Pesa et ses amis", code, CARD), (shown, code, CARD)
    yield answers.looked_for(say, NUMBER), (NUMBER,)
    yield answers.seen(say, NUMBER, amount, RECEIPT), (NUMBER, shown, RECEIPT)
    yield answers.how_to_declare(say), ("12345678901",)
    yield answers.which_card(say), ("12345678901 123456789",)
    yield answers.locked(say), ()
    yield answers.wait(say, 24 * 60), ("24",)
    yield answers.wait(say, 119), ("119",)
    yield answers.unknown_phone(say), ()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_every_answer_is_one_folded_part_and_shortens_no_number(language: str, code: str) -> None:
    for currency in sorted(EXPONENT):
        for text, whole in every_answer(Say(language), largest_payment(currency), code):
            assert fold(text) == text
            assert parts(text) == 1, text
            for one in whole:
                assert one in text
