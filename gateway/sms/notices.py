"""The texts about what changed: a household's people, its year, its phones and PIN, complaints, visits, handovers.

Like those in :mod:`gateway.sms.texts` they are pure, folded, and one part each; an answer may be two.
"""

from __future__ import annotations

from datetime import date

from gateway.kernel.money import Money
from gateway.kernel.msisdn import show_national
from gateway.locale import Say
from gateway.sms.gsm7 import fold
from gateway.sms.texts import fit

ANSWER_PARTS = 2

# --- to a household ---------------------------------------------------------------------------------------------------


def added(say: Say, name: str, due: Money, covered_from: date | None) -> str:
    """Somebody joined the household: what that costs, and from when they are covered (None: as the others are)."""

    def write(shown: str) -> str:
        return " ".join(
            (
                say("{name} is on your card now.", name=shown),
                say("To pay: {amount}.", amount=due) if due else say("Nothing to pay now."),
                say("Covered from {date}.", date=covered_from) if covered_from else say("Covered like your family."),
            )
        )

    return fit(write, name)


def left(say: Say, name: str) -> str:
    """Somebody died or left: the household may know better."""
    return fit(lambda shown: " ".join((say("{name} is no longer on your card.", name=shown), _if_wrong(say))), name)


def renewed(say: Say, starts_on: date, total: Money, first: Money) -> str:
    """The next year is enrolled: from when, what it costs, and what is to pay first."""
    sentences = [say("Renewed from {date}.", date=starts_on), say("For the year: {amount}.", amount=total)]
    if first:
        sentences += [say("First payment: {amount}.", amount=first), say("To pay, dial the same code.")]
    return fold(" ".join(sentences))


def phone_added(say: Say, phone: str) -> str:
    """Another phone (E.164) sees and pays for the household from now on."""
    belongs = say("The phone {phone} belongs to your card now.", phone=show_national(phone))
    return fold(" ".join((belongs, _if_wrong(say))))


def pin_set(say: Say) -> str:
    """The household's matters are opened with a PIN from now on."""
    return fold(say("Your card has a new PIN. Tell it to nobody: your mutuelle never asks for it."))


def pin_removed(say: Say) -> str:
    """No PIN is asked for any more; whoever didn't wish that should know."""
    return fold(" ".join((say("Your card has no PIN any more."), _if_wrong(say))))


def _if_wrong(say: Say) -> str:
    return say("If this is wrong, tell your mutuelle.")


def taken_back(say: Say, number: str, amount: Money, card: str) -> str:
    """To the members and the treasurers: an operator took back money that a receipt was given for."""
    sentences = (
        say("Receipt {number}: the operator took back {amount}, card {card}.", number=number, amount=amount,
            card=say.card(card)),
        say("It no longer counts."),
    )  # fmt: skip
    return fold(" ".join(sentences))


def cash_corrected(say: Say, number: str, amount: Money, card: str) -> str:
    """To the members: cash that a receipt was given for was recorded by mistake."""
    gone = say("Receipt {number} no longer counts: {amount} in cash, card {card}.", number=number, amount=amount,
               card=say.card(card))  # fmt: skip
    return fold(" ".join((gone, _if_wrong(say))))


def cash_corrected_by(say: Say, number: str, amount: Money, card: str, name: str) -> str:
    """To the treasurers and whoever recorded it: the same, and who corrected it."""
    gone = say("Receipt {number} no longer counts: {amount} in cash, card {card}.", number=number, amount=amount,
               card=say.card(card))  # fmt: skip
    return fit(lambda who: " ".join((gone, say("Corrected by {name}.", name=who))), name)


def counts_no_more(say: Say, number: str, amount: Money, card: str) -> str:
    """To the members and the treasurers: a payment that a receipt was given for was somebody else's."""
    gone = say("Receipt {number} no longer counts: {amount}, card {card}.", number=number, amount=amount,
               card=say.card(card))  # fmt: skip
    return fold(" ".join((gone, _if_wrong(say))))


def counts_more(say: Say, number: str, amount: Money, card: str) -> str:
    """To the members and the treasurers: of a payment more came than its receipt says."""
    more = say("Receipt {number}: {amount} more counts, card {card}.", number=number, amount=amount,
               card=say.card(card))  # fmt: skip
    return fold(" ".join((more, say("The operator's statement says so."))))


def counts_less(say: Say, number: str, amount: Money, card: str) -> str:
    """To the members and the treasurers: what was said to count more doesn't."""
    less = say("Receipt {number}: {amount} less counts, card {card}.", number=number, amount=amount,
               card=say.card(card))  # fmt: skip
    return fold(" ".join((less, _if_wrong(say))))


def group_taken_back(say: Say, number: str, amount: Money, name: str) -> str:
    """To a group's phone and the treasurer: an operator took back what the group had paid."""

    def write(shown: str) -> str:
        return " ".join(
            (
                say("Receipt {number}: the operator took back {amount}, {name}.", number=number, amount=amount,
                    name=shown),
                say("It no longer counts."),
            )
        )  # fmt: skip

    return fit(write, name)


def group_cash_corrected(say: Say, number: str, amount: Money, name: str) -> str:
    """To a group's phone and the treasurer: cash that was recorded by mistake counts no more."""
    return fit(
        lambda shown: " ".join(
            (
                say("Receipt {number}: {amount} in cash from {name} was recorded by mistake.", number=number,
                    amount=amount, name=shown),
                say("It no longer counts."),
            )
        ),
        name,
    )  # fmt: skip


def unfound(say: Say, number: str, card: str) -> str:
    """To whoever said that they paid: no money with this number of the operator's came."""
    said = say("Payment {number} was not found. Card {card}: nothing counted.", number=number, card=say.card(card))
    return fold(" ".join((said, say("Show the operator's SMS to your treasurer."))))


def refunded(say: Say, number: str, amount: Money, card: str | None) -> str:
    """To whoever paid, and to the member: money was given back, under an operator's number."""
    sentences = [say("Paid back: {amount}, number {number}.", amount=amount, number=number)]
    if card is not None:
        sentences.append(say("Card {card}: it no longer counts.", card=say.card(card)))
    return fold(" ".join(sentences))


def refunded_by(say: Say, number: str, amount: Money, card: str | None, asker: str, approver: str) -> str:
    """To the treasurers: the same, and the two people who decided it."""
    gone = refunded(say, number, amount, card)
    return fit(
        lambda one, other: " ".join(
            (gone, say("Asked by {asker}, approved by {approver}.", asker=one, approver=other))
        ),
        asker,
        approver,
    )


# --- about money that nobody asked for --------------------------------------------------------------------------------


def to_identify(say: Say, amount: Money, operator: str, number: str) -> str:
    """To the treasurers: money came, and nobody knows for whom."""
    sentences = (
        say("Money to identify: {amount}, {operator} {number}.", amount=amount, operator=operator, number=number),
        say("It counts for nobody until somebody says whose it is."),
    )
    return fold(" ".join(sentences))


def unidentified(say: Say, amount: Money, number: str) -> str:
    """To whoever paid: it came, and what to do so that it counts."""
    sentences = (
        say("{amount} received, number {number}, but without a right card number.", amount=amount, number=number),
        say("Tell your treasurer whose it is."),
    )
    return fold(" ".join(sentences))


def group_to_divide(say: Say, amount: Money, number: str, name: str) -> str:
    """To the treasurers: a group's money came, and can't be divided among its households as it is."""

    def write(shown: str) -> str:
        return " ".join(
            (
                say("Money to divide: {amount}, number {number}, {name}.", amount=amount, number=number, name=shown),
                say("It counts for nobody until somebody divides it."),
            )
        )

    return fit(write, name)


def group_kept(say: Say, amount: Money, number: str, name: str) -> str:
    """To a group's phone: its money came and is kept, but can't be divided as it is."""

    def write(shown: str) -> str:
        return " ".join(
            (
                say("{amount} received, number {number}, {name}.", amount=amount, number=number, name=shown),
                say("It is kept but not yet divided: speak with your treasurer."),
            )
        )

    return fit(write, name)


# --- to whoever asked for something -----------------------------------------------------------------------------------


def complaint_filed(say: Say, number: str) -> str:
    """A complaint stands in the book under a number."""
    return fold(say("Complaint {number} is received. The answer comes by SMS.", number=number))


def callback_asked(say: Say, number: str) -> str:
    """Somebody of the mutuelle will call."""
    return fold(say("Request {number} is received. Your mutuelle will call you back.", number=number))


def answered(say: Say, number: str, answer: str) -> str:
    """The answer to a complaint: at most two parts, so one that is too long for them loses its end."""
    return fit(
        lambda shown: say("Answer to {number}: {answer}", number=number, answer=shown),
        answer,
        most_parts=ANSWER_PARTS,
    )


# --- to staff ---------------------------------------------------------------------------------------------------------


def visit(say: Say, number: str, person: str, facility: str) -> str:
    """To the home mutuelle's staff: a facility announced the visit of somebody who is covered."""
    return fit(
        lambda who, where: say("Visit {number}: {person}, {facility}.", number=number, person=who, facility=where),
        person,
        facility,
    )


def cash_confirmed(say: Say, amount: Money, treasurer: str) -> str:
    """To the animator: the treasurer has the cash that was handed over."""
    return fit(lambda who: say("Cash handed over: {amount}. {name} has it.", amount=amount, name=who), treasurer)


def cash_disputed(say: Say, amount: Money, treasurer: str) -> str:
    """To the animator: the treasurer says that the cash didn't come as was told."""
    return fit(
        lambda who: say("Cash NOT received: {amount}. {name} disputes it. Speak with them.", amount=amount, name=who),
        treasurer,
    )
