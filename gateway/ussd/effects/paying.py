"""Asking a wallet for money, finding the household to pay for, and checking a receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Literal

from gateway.kernel.card import BadCard, read_card
from gateway.kernel.money import Money
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.membership.households import by_card, by_phone
from gateway.membership.old_numbers import by_old_number
from gateway.membership.people import to_strangers
from gateway.network.facilities import network_path
from gateway.payments.push.daily import Limited
from gateway.payments.push.wishes import Asked, ask_for_payment
from gateway.payments.receipts import check_receipt
from gateway.store import attempts
from gateway.ussd.effects.doing import Doing


@dataclass(frozen=True)
class PaymentAnswer:
    """What became of an asking: ``asked``, or ``in-progress`` when an earlier one is still open.

    ``too-many``: this phone has asked other people's wallets too often; not again for ``wait_minutes``. ``limit``: it
    goes beyond what ``limit`` names, with the figure (see :class:`~gateway.payments.push.daily.Limited`).
    """

    answer: Literal["asked", "in-progress", "gone", "too-many", "limit"]
    card: str
    amount: Money
    payer: str
    wait_minutes: int = 0
    limit: str = ""
    figure: Money | None = None


# Prompts on phones that aren't the caller's own: whoever gets them didn't ask for them.
OTHERS_PROMPTS = attempts.Patience(
    5, (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6), timedelta(days=1)), timedelta(days=1)
)


@dataclass(frozen=True)
class AskForPayment:
    """Ask a wallet for money for a household."""

    OUTCOME: ClassVar[type] = PaymentAnswer
    QUIET: ClassVar[bool] = False

    card: str
    amount: Money
    payer: str
    provider: str
    environment: str = ""

    def do(self, doing: Doing) -> PaymentAnswer:
        household = by_card(doing.unit.connection, doing.tree, self.card)
        if household is None:
            return PaymentAnswer("gone", self.card, self.amount, self.payer)
        others = attempts.subject("prompt", doing.caller)
        if self.payer != doing.caller:
            wait = attempts.hold(doing.unit, others)
            if wait:
                return PaymentAnswer("too-many", self.card, self.amount, self.payer, minutes(wait))
        asked = ask_for_payment(
            doing.unit,
            effect_key=doing.key,
            books=doing.tree.books_of(household.section_id),
            household_id=household.id,
            provider=self.provider,
            payer=self.payer,
            amount=self.amount,
            after=doing.services.push_delay,
            environment=self.environment or None,
            asked_by=doing.caller,
        )
        if isinstance(asked, Limited):
            return PaymentAnswer("limit", self.card, self.amount, self.payer, 0, asked.what, asked.amount)
        if self.payer != doing.caller and asked is Asked.NOW:
            attempts.fail(doing.unit, others, OTHERS_PROMPTS)
        answer: Literal["asked", "in-progress"] = "asked" if asked is Asked.NOW else "in-progress"
        return PaymentAnswer(answer, self.card, self.amount, self.payer)


FEWEST_DIGITS = 8  # of a phone number; a card has nine


@dataclass(frozen=True)
class Seen:
    """A household that somebody else looked up: what a stranger may see of it."""

    card: str
    name: str


@dataclass(frozen=True)
class Found:
    """What a search gave; none found and ``wait_minutes``: no more questions from this phone for so long."""

    households: tuple[Seen, ...]
    wait_minutes: int = 0
    unread: bool = False  # it was neither a card's nor a phone's number


@dataclass(frozen=True)
class LookUp:
    """Find households by a card number or a phone number. Whoever guesses numbers is made to wait, longer each time.

    A number that is unknown and one that isn't this network's get the same answer.
    """

    OUTCOME: ClassVar[type] = Found
    QUIET: ClassVar[bool] = True

    typed: str
    staff: int | None = None

    def do(self, doing: Doing) -> Found:
        connection, tree = doing.unit.connection, doing.tree
        subject, patience = attempts.subject("card", doing.caller), attempts.CARD_GUESSES
        if self.staff is not None:
            doing.staff(self.staff, "animator", "treasurer", "agent")
            subject, patience = attempts.subject("staff-card", doing.caller), attempts.FACILITY_GUESSES
        wait = attempts.hold(doing.unit, subject)
        if wait:
            return Found((), minutes(wait))
        try:
            one = by_card(connection, tree, read_card(self.typed))
            found = [one] if one is not None else []
        except BadCard:
            try:
                found = by_phone(connection, tree, read_msisdn(self.typed, doing.root.country))
            except BadMsisdn:
                found = by_old_number(connection, tree, self.typed, doing.root)
                if found:  # such numbers follow one another: whoever counts them up is stopped as one who guesses cards
                    attempts.fail(doing.unit, subject, patience)
                else:
                    return Found((), unread=sum(letter.isdigit() for letter in self.typed) < FEWEST_DIGITS)
        network = network_path(doing.root.path)
        found = [each for each in found if tree[each.section_id].path.startswith(network)]
        if not found:
            return Found((), minutes(attempts.fail(doing.unit, subject, patience)))
        return Found(tuple(Seen(each.card, each.masked) for each in found))


def minutes(wait: timedelta) -> int:
    """A wait in whole minutes, the last one begun."""
    return -(-int(wait.total_seconds()) // 60)


@dataclass(frozen=True)
class ReceiptAnswer:
    """``genuine`` with what the receipt is of, or not; or no more questions for ``wait_minutes``."""

    genuine: bool
    amount: Money | None = None
    on: date | None = None
    card: str = ""
    name: str = ""
    taken_back: bool = False
    wait_minutes: int = 0
    gone_back: Money | None = None  # what went back of it, where that isn't all


@dataclass(frozen=True)
class CheckReceipt:
    """Is there a receipt with this number and code?"""

    OUTCOME: ClassVar[type] = ReceiptAnswer
    QUIET: ClassVar[bool] = True

    number: str
    code: str

    def do(self, doing: Doing) -> ReceiptAnswer:
        subject = attempts.subject("receipt", doing.caller)
        wait = attempts.hold(doing.unit, subject)
        if wait:
            return ReceiptAnswer(False, wait_minutes=minutes(wait))
        found = check_receipt(doing.unit.connection, doing.tree, self.number, self.code)
        if found is None:
            wait = attempts.fail(doing.unit, subject, attempts.CARD_GUESSES)
            return ReceiptAnswer(False, wait_minutes=minutes(wait))
        gone_back = found.gone_back if found.gone_back and not found.reversed else None
        return ReceiptAnswer(
            True, found.amount, found.on, found.card, to_strangers(found.head), found.reversed, gone_back=gone_back
        )
