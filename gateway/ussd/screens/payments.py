"""My payments: the last five, with their receipts' numbers."""

from __future__ import annotations

from gateway.locale import Say
from gateway.membership.households import Household
from gateway.ussd.pages import Page
from gateway.ussd.screen import Choice, See, screen
from gateway.ussd.screens.pay import PayWhat, pay_what


@screen
class MyPayments:
    """What a household paid last."""

    household: Household

    @property
    def card(self) -> str:
        return self.household.card

    def show(self, say: Say, see: See) -> Page:
        paid = see.payments(self.household)
        if not paid:
            return Page(say("No payment has come in yet."), [say("Pay")])
        lines = [
            say("{amount} on {date}, receipt {number}", amount=one.amount, date=one.on, number=one.number)
            for one in paid
        ]
        return Page("\n".join(lines), [say("Pay")])

    def take(self, choice: Choice, see: See) -> PayWhat:
        return pay_what(self.household, see)
