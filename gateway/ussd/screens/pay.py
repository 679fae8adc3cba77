"""Paying: all that is left, what is due, or any amount; from any phone; by PIN prompt or by reference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from gateway.kernel.money import BadAmount, Money, read_amount
from gateway.kernel.msisdn import BadMsisdn, read_caller, read_msisdn, show_national
from gateway.kernel.numbers import in_our_digits
from gateway.locale import Say
from gateway.membership.households import Household, Standing
from gateway.payments.push.limits import largest_payment
from gateway.ussd.effects.declaring import HowToPay, TellHowToPay
from gateway.ussd.effects.paying import AskForPayment, Found, LookUp, PaymentAnswer, Seen
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, See, Typed, screen, word
from gateway.ussd.screens.declare import DeclareNumber
from gateway.ussd.screens.find import not_found
from gateway.ussd.screens.pin import wait_word

if TYPE_CHECKING:
    from gateway.ussd.screens.family import RenewYear

CARD_DIGITS = 8  # whatever has as many digits is a card's or a phone's number, not an amount
MOST_MONTHS = 24


def pay_what(household: Household, see: See, name: str = "") -> PayWhat:
    """The first screen of paying, with the figures as they are now; ``name`` for somebody else's household."""
    standing = see.standing(household)
    least, advance = least_payment(standing), None if name else standing.advance
    renews = standing.must_renew and not name
    return PayWhat(household.card, standing.left, standing.due, least, standing.monthly, name, advance, renews)


def least_payment(standing: Standing) -> Money:
    """The plan's least payment, or all that is left where that is less."""
    return min(standing.least, standing.left) if standing.left else standing.least


def offered(due: Money, left: Money) -> list[Money]:
    """What is due and all that is left, each once and none that is nothing."""
    return list(dict.fromkeys(amount for amount in (due, left) if amount.minor > 0))


def is_a_number(typed: str) -> bool:
    """Is it a card's or a phone's number, and no amount?"""
    return len(re.sub(r"\D", "", typed)) >= CARD_DIGITS


def found_to_pay(found: Found, see: See) -> PayWhat | WhichSeen | Again:
    """Where a search for somebody else's household leads."""
    if len(found.households) > 1:
        return WhichSeen(found.households)
    household = see.household(found.households[0].card) if found.households else None
    if household is None:
        return Again(not_found(found))
    return pay_what(household, see, found.households[0].name)


@screen
class PayFor:
    """Somebody else's household: a relative's, a neighbour's, a member's of the cooperative."""

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Card number or phone number of the family?"))

    def take(self, typed: Typed, see: See) -> Do:
        return Do(LookUp(typed))

    def done(self, outcome: Found, see: See) -> PayWhat | WhichSeen | Again:
        return found_to_pay(outcome, see)


@screen
class WhichSeen:
    """Several households have this phone number: one of them, by as much of the name as a stranger may see."""

    households: tuple[Seen, ...]

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Which household?"), [one.name for one in self.households])

    def take(self, choice: Choice, see: See) -> PayWhat | Again:
        chosen = self.households[choice - 1]
        household = see.household(chosen.card)
        if household is None:
            return Again(not_found(Found(())))
        return pay_what(household, see, chosen.name)


@screen
class PayWhat:
    """All that is left, what is due now when that is less, or another amount. The figures are those that were shown.

    A card number typed here leads to that household, and an amount is taken as one: that is how one dials deep.
    ``advance`` and ``renews`` (nothing is left to pay, the next year is open) are a household's own matter.
    """

    card: str
    left: Money
    due: Money
    least: Money
    monthly: Money
    name: str = ""
    advance: Money | None = None
    renews: bool = False

    def _amounts(self) -> list[Money]:
        return offered(self.due, self.left)

    def _others(self) -> list[str]:
        months = ["months"] if self.left > self.monthly > Money(0, self.left.currency) else []
        renew = ["renew"] if self.renews else []
        return [*renew, "amount", *months, *([] if self.name else ["other", "paid"])]

    def show(self, say: Say, see: See) -> Page:
        card = say.card(self.card)
        labels = {
            "renew": say("Renew for a new year"),
            "amount": say("Other amount") if self.left else say("Pay in advance"),
            "months": say("Several months"),
            "other": say("For another family"),
            "paid": say("I have paid"),
        }
        others = [labels[each] for each in self._others()]
        whose = [self.name] if self.name else []
        ahead = [say("In advance: {amount}.", amount=self.advance)] if self.advance else []
        if not self.left:
            return Page("\n".join([*whose, say("Card {card}: nothing is due.", card=card), *ahead]), others)
        offers = [
            say("Pay what is due: {amount}", amount=amount)
            if amount != self.left
            else say("Pay all: {amount}", amount=amount)
            for amount in self._amounts()
        ]
        text = say("Card {card}. Left to pay: {amount}.", card=card, amount=self.left)
        return Page("\n".join([*whose, text, *ahead]), [*offers, *others])

    def take(
        self, choice: Choice, see: See
    ) -> ConfirmPayment | HowMuch | HowManyMonths | PayFor | DeclareNumber | RenewYear:
        amounts = self._amounts() if self.left else []
        if choice <= len(amounts):
            return ConfirmPayment(self.card, amounts[choice - 1], see.caller, self.name)
        match self._others()[choice - len(amounts) - 1]:
            case "months":
                return HowManyMonths(self.card, self.monthly, self.left, self.least, self.name)
            case "other":
                return PayFor()
            case "paid":
                return DeclareNumber(self.card)
            case "renew":
                from gateway.ussd.screens.family import RenewYear  # that file leads here

                return RenewYear(self.card)
        return HowMuch(self.card, self.least, self.name)

    def typed(self, typed: Typed, see: See) -> ConfirmPayment | Do | Again:
        if is_a_number(typed):
            return Do(LookUp(typed))
        amount = amount_from(typed, self.least)
        if isinstance(amount, Again):
            return Again(word("Please type one of the numbers shown.")) if len(typed) < 3 else amount
        return ConfirmPayment(self.card, amount, see.caller, self.name)

    def done(self, outcome: Found, see: See) -> PayWhat | WhichSeen | Again:
        return found_to_pay(outcome, see)


def amount_from(typed: str, least: Money) -> Money | Again:
    """An amount between the least and the largest payment, or what is wrong with it."""
    least = least if least.minor > 0 else Money(1, least.currency)
    most = largest_payment(least.currency)
    try:
        amount = read_amount(typed, least.currency)
    except BadAmount as bad:
        if bad.args[0] in ("zero", "negative"):
            return Again(word("At least {least}.", least=least))
        if bad.args[0] == "too-large":
            return Again(word("At most {most} at a time.", most=most))
        return Again(word("Write the amount in figures, like 5000."))
    if amount < least:
        return Again(word("At least {least}.", least=least))
    return Again(word("At most {most} at a time.", most=most)) if amount > most else amount


@screen
class HowManyMonths:
    """So many twelfths of the year's contribution, but no more than is left."""

    RESUMES: ClassVar[bool] = True

    card: str
    monthly: Money
    left: Money
    least: Money
    name: str = ""

    def show(self, say: Say, see: See) -> Page:
        return Page(say("How many months? {amount} a month.", amount=self.monthly))

    def take(self, typed: Typed, see: See) -> ConfirmPayment | Again:
        figures = in_our_digits(typed)
        if not re.fullmatch(r"\d{1,2}", figures) or not 1 <= int(figures) <= MOST_MONTHS:
            return Again(word("Write a number from 1 to {most}.", most=MOST_MONTHS))
        amount = Money(min(self.monthly.minor * int(figures), self.left.minor), self.left.currency)
        found = amount_from(str(amount.decimal), self.least)
        return found if isinstance(found, Again) else ConfirmPayment(self.card, found, see.caller, self.name)


@screen
class HowMuch:
    """Any amount from the plan's least payment upwards."""

    RESUMES: ClassVar[bool] = True

    card: str
    least: Money
    name: str = ""

    def show(self, say: Say, see: See) -> Page:
        least = self.least if self.least.minor > 0 else Money(1, self.least.currency)
        # A nought is an amount here, though a wrong one: only 00 leads away.
        return Page(say("How much? At least {least}.", least=least), back=False)

    def take(self, typed: Typed, see: See) -> ConfirmPayment | Again:
        amount = amount_from(typed, self.least)
        return amount if isinstance(amount, Again) else ConfirmPayment(self.card, amount, see.caller, self.name)


@screen
class ConfirmPayment:
    """The amount, the card and the phone that pays, once more; nothing has happened before this answer."""

    RESUMES: ClassVar[bool] = True

    card: str
    amount: Money
    payer: str
    name: str = ""

    def show(self, say: Say, see: See) -> Page:
        route = see.route(self.payer)
        own = self.payer == see.caller
        text = say("Pay {amount} for card {card}?", amount=self.amount, card=say.card(self.card))
        if self.name:
            text += "\n" + self.name
        if not own:
            text += "\n" + say("From {phone}", phone=show_national(self.payer))
        if route is None:
            text += "\n" + say("This phone's network can't pay here yet.")
            return Page(text, [say("Pay from another phone")])
        if route.down:
            text += "\n" + say("{operator} does not answer now. Try later.", operator=route.operator)
            return Page(text, [say("Pay another way"), say("Pay from another phone")])
        if route.way == "reference":
            return Page(text, [say("Yes: how to pay"), say("Pay from another phone")])
        return Page(text, [say("Yes"), say("Pay from another phone")])

    def take(self, choice: Choice, see: See) -> Do | WhichPhone:
        route = see.route(self.payer)
        if route is None or choice == 2:
            return WhichPhone(self.card, self.amount, self.name)
        if route.way == "reference" or route.down or route.provider is None:
            return Do(TellHowToPay(self.card, self.amount, route.operator))
        return Do(AskForPayment(self.card, self.amount, self.payer, route.provider, route.environment))

    def done(self, outcome: PaymentAnswer | HowToPay, see: See) -> PaymentAsked | PayByReference:
        if isinstance(outcome, HowToPay):
            return PayByReference(outcome.card, outcome.amount, outcome.operator)
        return PaymentAsked(outcome)


@screen
class WhichPhone:
    """The number of the phone whose wallet pays."""

    RESUMES: ClassVar[bool] = True

    card: str
    amount: Money
    name: str = ""

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
        return ConfirmPayment(self.card, self.amount, payer, self.name)


@screen
class PaymentAsked:
    """The end of the menu: the operator's PIN prompt can only open once it is closed."""

    asked: PaymentAnswer

    def show(self, say: Say, see: See) -> Page:
        return Page(asked_text(say, self.asked), ends=True)


def asked_text(say: Say, asked: PaymentAnswer) -> str:
    """What became of an asking, and what to do now."""
    match asked.answer:
        case "asked":
            return say(
                "Now type your PIN on {phone} when it asks. {amount}, card {card}. Receipt by SMS.",
                amount=asked.amount,
                card=say.card(asked.card),
                phone=show_national(asked.payer),
            )
        case "in-progress":
            return say("A payment for this card is open already. Type your PIN, or wait 15 minutes and dial again.")
        case "too-many":
            return wait_word(asked.wait_minutes).said(say)
        case "limit":
            return _limit(say, asked)
        case "gone":
            return say("This card is not known.")


def _limit(say: Say, asked: PaymentAnswer) -> str:
    figure = asked.figure or asked.amount
    match asked.limit:
        case "household":
            return say("At most {most} a day for one card. Try again tomorrow.", most=figure)
        case "payer":
            return say("At most {most} a day from one phone. Try again tomorrow.", most=figure)
        case "least":
            return say("At least {least}.", least=figure)
        case "most":
            return say("At most {most} at a time.", most=figure)
    return say("{phone} was asked too often today. Try again tomorrow.", phone=show_national(asked.payer))


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
