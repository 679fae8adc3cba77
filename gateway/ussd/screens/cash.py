"""Cash that staff take for a household: how much, once more, and a receipt at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.membership.households import Household
from gateway.ussd.effects.cash import CashAnswer, RecordCash
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, GoHome, See, Typed, Word, screen, word
from gateway.ussd.screens.pay import amount_from, least_payment, offered

if TYPE_CHECKING:
    from gateway.ussd.screens.animator import FindFamily


def cash_what(staff: int, household: Household, see: See) -> CashWhat:
    """The first screen of taking cash, with the figures as they are now."""
    standing = see.standing(household)
    least = least_payment(standing)
    return CashWhat(staff, household.card, household.head, standing.left, standing.due, least)


REFUSED = {
    "too-much": word("This is too much for one receipt."),
    "float": word("You hold too much cash. Hand it over first."),
    "wrong-office": word("This family belongs to another office."),
    "currency": word("This family pays in another currency. See your office."),
}


def refused(because: str) -> Word:
    """Why cash was not recorded."""
    return REFUSED.get(because, word("This did not work. Nothing was recorded."))


@screen
class CashWhat:
    """What is due, all that is left, or the amount that was counted, typed."""

    staff: int
    household: str
    head: str
    left: Money
    due: Money
    least: Money

    def _amounts(self) -> list[Money]:
        return offered(self.due, self.left)

    def show(self, say: Say, see: See) -> Page:
        lines = [self.head, say("Card {card}. Left to pay: {amount}.", card=say.card(self.household), amount=self.left)]
        lines.append(say("Choose, or type the amount.") if self._amounts() else say("Type the amount."))
        offers = [say("Cash: {amount}", amount=amount) for amount in self._amounts()]
        return Page("\n".join(lines), offers)

    def take(self, choice: Choice, see: See) -> ConfirmCash:
        return ConfirmCash(self.staff, self.household, self.head, self._amounts()[choice - 1])

    def typed(self, typed: Typed, see: See) -> ConfirmCash | Again:
        amount = amount_from(typed, self.least)
        if isinstance(amount, Again):
            return amount
        return ConfirmCash(self.staff, self.household, self.head, amount)


@screen
class ConfirmCash:
    """The amount and the family once more; this answer writes the receipt."""

    RESUMES: ClassVar[bool] = True

    staff: int
    household: str
    head: str
    amount: Money

    def show(self, say: Say, see: See) -> Page:
        return Page(
            say("{name}: {amount} in cash?", amount=self.amount, name=self.head),
            [say("Yes, I have it"), say("No")],
        )

    def take(self, choice: Choice, see: See) -> Do | CashWhat | GoHome:
        if choice == 1:
            return Do(RecordCash(self.staff, self.household, self.amount))
        household = see.household(self.household)
        return cash_what(self.staff, household, see) if household is not None else GoHome()

    def done(self, outcome: CashAnswer, see: See) -> CashTaken | SameCash | Again:
        if outcome.refused == "twice":
            return SameCash(self.staff, self.household, self.head, self.amount, outcome.number)
        if outcome.refused:
            return Again(refused(outcome.refused))
        return CashTaken(self.staff, outcome)


@screen
class SameCash:
    """The same was recorded a moment ago: the call may have broken off before its receipt was seen."""

    staff: int
    household: str
    head: str
    amount: Money
    number: str

    def show(self, say: Say, see: See) -> Page:
        lines = [
            say("{amount} from {name} is recorded already.", amount=self.amount, name=self.head),
            say("Receipt {number}", number=self.number),
        ]
        return Page("\n".join(lines), [say("It is this one"), say("No, it is more money")])

    def take(self, choice: Choice, see: See) -> Do | GoHome:
        if choice == 1:
            return GoHome()
        return Do(RecordCash(self.staff, self.household, self.amount, another=True))

    def done(self, outcome: CashAnswer, see: See) -> CashTaken | Again:
        return Again(refused(outcome.refused)) if outcome.refused else CashTaken(self.staff, outcome)


@screen
class CashTaken:
    """The receipt's number and code, for a family without a phone to write down."""

    staff: int
    receipt: CashAnswer

    def show(self, say: Say, see: See) -> Page:
        one = self.receipt
        lines = [
            say("{amount} recorded.", amount=one.amount),
            say("Receipt {number}, code {code}", number=one.number, code=one.code),
        ]
        if one.left is not None:
            lines.append(say("Left to pay: {amount}", amount=one.left) if one.left else say("All is paid."))
        return Page("\n".join(lines), [say("Another family")])

    def take(self, choice: Choice, see: See) -> FindFamily:
        from gateway.ussd.screens.animator import FindFamily  # that file leads here

        return FindFamily(self.staff)  # whoever collects goes from door to door
