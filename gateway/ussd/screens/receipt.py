"""Checking a receipt: its number and its code, as they stand in the SMS, are genuine or not."""

from __future__ import annotations

from gateway.locale import Say
from gateway.payments.receipts import CODE_DIGITS
from gateway.ussd.effects.paying import CheckReceipt, ReceiptAnswer
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, See, Typed, screen, word
from gateway.ussd.screens.pin import wait_word
from gateway.ussd.screens.requests import ComplaintText

SHORTEST_NUMBER = 6


@screen
class WhichReceipt:
    """The receipt as it stands in the SMS."""

    def show(self, say: Say, see: See) -> Page:
        return Page(say("The receipt's number and code, as in the SMS?"))

    def take(self, typed: Typed, see: See) -> Do | ReceiptCode | Again:
        digits = sum(character.isdigit() for character in typed)
        if digits < SHORTEST_NUMBER:
            return Again(word("This is no receipt number. Look at the SMS again."))
        return Do(CheckReceipt(typed, "")) if digits >= SHORTEST_NUMBER + CODE_DIGITS else ReceiptCode(typed)

    def done(self, outcome: ReceiptAnswer, see: See) -> ReceiptGenuine | ReceiptUnknown | Again:
        return _verdict(outcome)


@screen
class ReceiptCode:
    """The code alone, where only the number was typed."""

    number: str

    def show(self, say: Say, see: See) -> Page:
        return Page(say("The 5 digits of the receipt's code?"), back=False)

    def take(self, typed: Typed, see: See) -> Do:
        return Do(CheckReceipt(self.number, typed))

    def done(self, outcome: ReceiptAnswer, see: See) -> ReceiptGenuine | ReceiptUnknown | Again:
        return _verdict(outcome)


def _verdict(outcome: ReceiptAnswer) -> ReceiptGenuine | ReceiptUnknown | Again:
    if outcome.genuine:
        return ReceiptGenuine(outcome)
    if outcome.wait_minutes:
        return Again(wait_word(outcome.wait_minutes))
    return ReceiptUnknown()


@screen
class ReceiptGenuine:
    """What the receipt is of. The card and the name are not those of anybody who only found an SMS."""

    receipt: ReceiptAnswer

    def show(self, say: Say, see: See) -> Page:
        one = self.receipt
        lines = [
            say("Genuine receipt."),
            say("{amount} paid on {date}", amount=one.amount, date=one.on),
            say("for {name}, card ending in {digits}", name=one.name, digits=one.card[-3:]),
        ]
        if one.taken_back:
            lines.append(say("This receipt no longer counts."))
        elif one.gone_back is not None:
            lines.append(say("{amount} of it went back.", amount=one.gone_back))
        return Page("\n".join(lines), [say("Another receipt")])

    def take(self, choice: Choice, see: See) -> WhichReceipt:
        return WhichReceipt()


@screen
class ReceiptUnknown:
    """No such receipt."""

    def show(self, say: Say, see: See) -> Page:
        return Page(
            say("NOT a genuine receipt. Check the figures. If they are right, tell your mutuelle."),
            [say("Try again"), say("Complain")],
        )

    def take(self, choice: Choice, see: See) -> WhichReceipt | ComplaintText:
        if choice == 1:
            return WhichReceipt()
        own = see.households()
        return ComplaintText(own[0].card if len(own) == 1 else None, "payment")
