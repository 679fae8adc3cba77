"""Cash that was recorded by mistake, corrected by a treasurer who isn't whoever recorded it."""

from __future__ import annotations

from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.ussd.effects.correcting import REASONS, CorrectCash, Corrected
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, GoHome, See, Typed, screen, word

NOT_CORRECTED = {
    "own": word("Somebody else must correct what you recorded."),
    "handover": word("First confirm the cash that is handed over."),
    "refund": word("This was given back already. See your office."),
    "gone": word("This receipt does not count any more."),
    "wrong-office": word("This family belongs to another office."),
}


@screen
class WhichCash:
    """The number of the receipt that was given."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Cash recorded by mistake: the receipt's number?"))

    def take(self, typed: Typed, see: See) -> WhyCorrect | Again:
        found = see.cash_receipt(typed)
        if found is None or not see.is_mine(self.staff, found.card):
            return Again(word("No cash receipt has this number. Look at the SMS again."))
        return WhyCorrect(self.staff, found.number, found.head, found.amount)


@screen
class WhyCorrect:
    """Whose it is, and what went wrong: the reason is kept."""

    staff: int
    number: str
    head: str
    amount: Money

    def show(self, say: Say, see: See) -> Page:
        lines = [say("{name}: {amount}", name=self.head, amount=self.amount), say("What is wrong?")]
        return Page("\n".join(lines), [say(reason) for reason in REASONS])

    def take(self, choice: Choice, see: See) -> ConfirmCorrect:
        return ConfirmCorrect(self.staff, self.number, self.head, self.amount, choice - 1)


@screen
class ConfirmCorrect:
    """Once more: this answer takes the receipt's worth back."""

    staff: int
    number: str
    head: str
    amount: Money
    reason: int

    def show(self, say: Say, see: See) -> Page:
        asks = say("Take back {amount} from {name}? The family is told.", amount=self.amount, name=self.head)
        return Page(asks, [say("Yes"), say("No")])

    def take(self, choice: Choice, see: See) -> Do | GoHome:
        return Do(CorrectCash(self.staff, self.number, self.reason)) if choice == 1 else GoHome()

    def done(self, outcome: Corrected, see: See) -> ReceiptCorrected | GoHome:
        if outcome.refused:
            return GoHome(NOT_CORRECTED.get(outcome.refused, NOT_CORRECTED["gone"]))
        return ReceiptCorrected(self.number)


@screen
class ReceiptCorrected:
    """Done; what was really given is recorded anew, for whoever gave it."""

    number: str

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Corrected. Receipt {number} no longer counts.", number=self.number), [say("Home")])

    def take(self, choice: Choice, see: See) -> GoHome:
        return GoHome()
