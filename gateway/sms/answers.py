"""The texts that answer somebody who pays by a merchant code, or who says by SMS that they have paid.

Like those in :mod:`gateway.sms.texts` they are pure, folded, and one part each.
"""

from __future__ import annotations

from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.sms.gsm7 import fold
from gateway.sms.texts import fit


def by_code(say: Say, amount: Money, operator: str, code: str, card: str) -> str:
    """To whoever pays by themselves: the merchant code, what to write as the reference, and what to do afterwards."""

    def write(name: str) -> str:
        return " ".join(
            (
                say("Pay {amount}, {operator}, merchant {code}, reference {card}.", amount=amount, operator=name,
                    code=code, card=card),
                say("Then dial the same code: My payments, I have paid."),
            )
        )  # fmt: skip

    return fit(write, operator)


def looked_for(say: Say, number: str) -> str:
    """A payment was declared, and its money hasn't been seen yet."""
    text = say(
        "We look for payment {number}. Cover does not change before it is seen. An SMS will tell you.", number=number
    )
    return fold(text)


def seen(say: Say, number: str, amount: Money, receipt: str) -> str:
    """The money of a declared payment is here; ``receipt`` is the receipt's number with its code."""
    text = say("Payment {number} is seen: {amount}. Receipt {receipt}.", number=number, amount=amount, receipt=receipt)
    return fold(text)


def how_to_declare(say: Say) -> str:
    """What was sent can't be read: how it is written."""
    return fold(say("After paying, send PAID and the payment's number, as in the operator's SMS: PAID 12345678901"))


def which_card(say: Say) -> str:
    """Several households have this phone, or the card that was named isn't one of theirs."""
    return fold(say("Which family? Send PAID, the payment's number, then your card number: PAID 12345678901 123456789"))


def locked(say: Say) -> str:
    """The household has a PIN, which no SMS may hold."""
    return fold(say("This card has a PIN. Dial the code and choose My payments, I have paid."))


def wait(say: Say, minutes: int) -> str:
    """Too many numbers that weren't found came from this phone or for this household."""
    if minutes >= 120:
        return fold(say("Too many wrong tries. Wait {hours} hours.", hours=-(-minutes // 60)))
    return fold(say("Too many wrong tries. Wait {minutes} minutes.", minutes=minutes))


def unknown_phone(say: Say) -> str:
    """To a phone that belongs to no household."""
    return fold(say("This phone is on no card. Dial your mutuelle's code to register, or ask your mutuelle."))
