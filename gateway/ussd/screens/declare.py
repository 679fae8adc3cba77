"""I have paid: the operator's number of a payment, shown once more, and what is known of its money."""

from __future__ import annotations

from typing import ClassVar

from gateway.locale import Say
from gateway.payments.unasked.declarations import Told, typed_number
from gateway.ussd.effects.declaring import DeclaredAnswer, DeclarePaid
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, See, Typed, screen, word
from gateway.ussd.screens.pin import wait_word

_GROUP = 4


def grouped(number: str) -> str:
    """An operator's number as it is compared with an SMS, by fours: ``1100 5237 542``."""
    return " ".join(number[at : at + _GROUP] for at in range(0, len(number), _GROUP))


def told_line(say: Say, told: Told) -> str:
    """A line about what was declared."""
    number = grouped(told.number)
    match told.state:
        case "seen":
            return say("{number}: seen", number=number)
        case "awaited":
            return say("{number}: not seen yet", number=number)
        case "unfound":
            return say("{number}: not found", number=number)


@screen
class DeclareNumber:
    """The number of the payment, as in the operator's SMS."""

    card: str

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Number of the payment, in the operator's SMS?"))

    def take(self, typed: Typed, see: See) -> ConfirmDeclared | Again:
        number = typed_number(typed)
        if number is None or number == self.card:
            return Again(word("This is not the number. Look at the operator's SMS: its ID or reference."))
        return ConfirmDeclared(self.card, number)


@screen
class ConfirmDeclared:
    """The number as it was read: letters are typed badly on a basic phone."""

    RESUMES: ClassVar[bool] = True

    card: str
    number: str

    def show(self, say: Say, see: See) -> Page:
        text = "\n".join([grouped(self.number), say("Is it the number in the SMS?")])
        return Page(text, [say("Yes, look for it")])

    def take(self, choice: Choice, see: See) -> Do:
        return Do(DeclarePaid(self.card, self.number))

    def done(self, outcome: DeclaredAnswer, see: See) -> PaymentDeclared:
        return PaymentDeclared(outcome)


@screen
class PaymentDeclared:
    """The end: what is known of the money now."""

    declared: DeclaredAnswer

    def show(self, say: Say, see: See) -> Page:
        one = self.declared
        number = grouped(one.number)
        match one.answer:
            case "seen":
                text = say(
                    "Payment {number} is seen: {amount}. Receipt {receipt}.",
                    number=number,
                    amount=one.amount,
                    receipt=one.receipt,
                )
            case "awaited":
                text = say(
                    "We look for payment {number}. Cover does not change before it is seen. An SMS will tell you.",
                    number=number,
                )
            case "too-many":
                text = wait_word(one.wait_minutes).said(say)
            case "not-a-number":
                text = say("This is not the number. Look at the operator's SMS: its ID or reference.")
        return Page(text, ends=True)
