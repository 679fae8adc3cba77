"""Paying: all that is left, what is due, or any amount; from any phone; by PIN prompt or by reference."""

from __future__ import annotations

from typing import ClassVar, Literal

from gateway.kernel.money import BadAmount, Money, read_amount
from gateway.kernel.msisdn import BadMsisdn, read_caller, read_msisdn, show_national
from gateway.locale import Say
from gateway.membership.households import Household
from gateway.payments.limits import largest_payment
from gateway.ussd.effects import AskForPayment, PaymentAnswer
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, See, Typed, screen, word


def pay_what(household: Household, see: See) -> PayWhat:
    """The first screen of paying, with the figures as they are now."""
    standing = see.standing(household)
    least = min(standing.least, standing.left) if standing.left else standing.least
    return PayWhat(household.card, standing.left, standing.due, least)


@screen
class PayWhat:
    """All that is left, what is due now when that is less, or another amount. The figures are those that were shown."""

    card: str
    left: Money
    due: Money
    least: Money

    def _amounts(self) -> list[Money]:
        return list(dict.fromkeys(amount for amount in (self.due, self.left) if amount.minor > 0))

    def show(self, say: Say, see: See) -> Page:
        card = say.card(self.card)
        if not self.left:
            return Page(say("Card {card}: nothing is due.", card=card), [say("Pay in advance")])
        offers = [
            say("Pay what is due: {amount}", amount=amount)
            if amount != self.left
            else say("Pay all: {amount}", amount=amount)
            for amount in self._amounts()
        ]
        return Page(
            say("Card {card}. Left to pay: {amount}.", card=card, amount=self.left), [*offers, say("Other amount")]
        )

    def take(self, choice: Choice, see: See) -> ConfirmPayment | HowMuch:
        amounts = self._amounts()
        if choice <= len(amounts):
            return ConfirmPayment(self.card, amounts[choice - 1], see.caller)
        return HowMuch(self.card, self.least)


@screen
class HowMuch:
    """Any amount from the plan's least payment upwards."""

    RESUMES: ClassVar[bool] = True

    card: str
    least: Money

    def show(self, say: Say, see: See) -> Page:
        # A nought is an amount here, though a wrong one: only 00 leads away.
        return Page(say("How much? At least {least}.", least=self._least()), back=False)

    def _least(self) -> Money:
        return self.least if self.least.minor > 0 else Money(1, self.least.currency)

    def take(self, typed: Typed, see: See) -> ConfirmPayment | Again:
        most = largest_payment(self.least.currency)
        try:
            amount = read_amount(typed, self.least.currency)
        except BadAmount as bad:
            if bad.args[0] in ("zero", "negative"):
                return Again(word("At least {least}.", least=self._least()))
            if bad.args[0] == "too-large":
                return Again(word("At most {most} at a time.", most=most))
            return Again(word("Write the amount in figures, like 5000."))
        if amount < self._least():
            return Again(word("At least {least}.", least=self._least()))
        if amount > most:
            return Again(word("At most {most} at a time.", most=most))
        return ConfirmPayment(self.card, amount, see.caller)


@screen
class ConfirmPayment:
    """The amount, the card and the phone that pays, once more; nothing has happened before this answer."""

    RESUMES: ClassVar[bool] = True

    card: str
    amount: Money
    payer: str

    def show(self, say: Say, see: See) -> Page:
        route = see.route(self.payer)
        own = self.payer == see.caller
        text = say("Pay {amount} for card {card}?", amount=self.amount, card=say.card(self.card))
        if not own:
            text += "\n" + say("From {phone}", phone=show_national(self.payer))
        if route is None:
            text += "\n" + say("This phone's network can't pay here yet.")
            return Page(text, [say("Pay from another phone")])
        if route.way == "reference":
            return Page(text, [say("Yes: how to pay"), say("Pay from another phone")])
        return Page(text, [say("Yes"), say("Pay from another phone")])

    def take(self, choice: Choice, see: See) -> PaymentAsked | PayByReference | WhichPhone:
        route = see.route(self.payer)
        if route is None or choice == 2:
            return WhichPhone(self.card, self.amount)
        if route.way == "reference" or route.provider is None:
            return PayByReference(self.card, self.amount, route.operator)
        return PaymentAsked(AskForPayment(self.card, self.amount, self.payer, route.provider))


@screen
class WhichPhone:
    """The number of the phone whose wallet pays."""

    RESUMES: ClassVar[bool] = True

    card: str
    amount: Money

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Number of the phone that pays?"))

    def take(self, typed: Typed, see: See) -> ConfirmPayment | Again:
        try:
            payer = read_msisdn(typed, see.root.country)
        except BadMsisdn:
            try:
                # An operator's test numbers may belong to no country that we serve; the route knows them.
                payer = read_caller(typed)
            except BadMsisdn:
                payer = ""
            if not payer or see.route(payer) is None:
                return Again(
                    word("This is not a mobile number. Write it like {example}.", example=show_national(see.caller))
                )
        return ConfirmPayment(self.card, self.amount, payer)


@screen
class PaymentAsked:
    """The end of the menu: the operator's PIN prompt can only open once it is closed."""

    wants: AskForPayment
    outcome: PaymentAnswer | None = None

    def show(self, say: Say, see: See) -> Page:
        answer: Literal["asked", "in-progress", "gone"] = self.outcome.answer if self.outcome else "gone"
        if answer == "asked":
            text = say(
                "Now type your PIN on {phone} when it asks. {amount}, card {card}. Receipt by SMS.",
                amount=self.wants.amount,
                card=say.card(self.wants.card),
                phone=show_national(self.wants.payer),
            )
        elif answer == "in-progress":
            text = say("A payment for this card is open already. Type your PIN, or wait 15 minutes and dial again.")
        else:
            text = say("This card is not known.")
        return Page(text, ends=True)


@screen
class PayByReference:
    """The end of the menu: how to pay the merchant code with the card number."""

    card: str
    amount: Money
    operator: str

    def show(self, say: Say, see: See) -> Page:
        household = see.household(self.card)
        code = see.organisation(household.section_id).merchant_code if household else None
        if code is None:
            return Page(
                say("Pay {amount} to your treasurer. Show card {card}.", amount=self.amount, card=say.card(self.card)),
                ends=True,
            )
        return Page(
            say(
                "Pay {amount} with {operator} to merchant {code}. Reference: {card}. "
                "Your receipt comes when the money is seen.",
                amount=self.amount,
                operator=self.operator,
                code=code,
                card=self.card,
            ),
            ends=True,
        )
