"""My payments: the last five, with their receipts' numbers, and what was declared but may not have been seen."""

from __future__ import annotations

from gateway.locale import Say
from gateway.membership.households import Household
from gateway.ussd.pages import Page
from gateway.ussd.screen import Choice, See, screen
from gateway.ussd.screens.declare import DeclareNumber, told_line
from gateway.ussd.screens.pay import PayWhat, pay_what


@screen
class MyPayments:
    """What a household paid last."""

    household: Household

    @property
    def card(self) -> str:
        return self.household.card

    def show(self, say: Say, see: See) -> Page:
        lines = [
            say("{amount} on {date}, receipt {number}", amount=one.amount, date=one.on, number=one.number)
            for one in see.payments(self.household)
        ]
        told = [told_line(say, one) for one in see.declared(self.household)]
        return Page(
            "\n".join([*(lines or [say("No payment has come in yet.")]), *told]), [say("Pay"), say("I have paid")]
        )

    def take(self, choice: Choice, see: See) -> PayWhat | DeclareNumber:
        return pay_what(self.household, see) if choice == 1 else DeclareNumber(self.card)
