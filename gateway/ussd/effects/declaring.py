"""A member says that they have paid: looked for at once, and kept until the money is seen; and how to pay by a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sqlalchemy import func, select

from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.payments.unasked.declarations import Confirmed, Declared, NotANumber, TooMany, declare_by_phone
from gateway.sms import answers
from gateway.sms.words import DAY
from gateway.store.schema import message
from gateway.ussd.effects.doing import Doing
from gateway.ussd.effects.paying import minutes


@dataclass(frozen=True)
class DeclaredAnswer:
    """What became of a number: its money is ``seen``, with the receipt, or ``awaited``.

    ``not-a-number``; or ``too-many``: no other number is taken for ``wait_minutes``.
    """

    answer: Literal["seen", "awaited", "not-a-number", "too-many"]
    number: str
    receipt: str = ""
    amount: Money | None = None
    wait_minutes: int = 0


@dataclass(frozen=True)
class DeclarePaid:
    """The household has paid, under this number of its operator's."""

    OUTCOME: ClassVar[type] = DeclaredAnswer
    QUIET: ClassVar[bool] = False

    card: str
    number: str

    def do(self, doing: Doing) -> DeclaredAnswer:
        household = doing.own_household(self.card)
        found = declare_by_phone(
            doing.unit, doing.tree, doing.services.chart, household, doing.caller, doing.language, self.number
        )
        match found:
            case Confirmed():
                return DeclaredAnswer("seen", self.number, found.receipt, found.amount)
            case Declared():
                return DeclaredAnswer("awaited", self.number)
            case TooMany():
                return DeclaredAnswer("too-many", self.number, wait_minutes=minutes(found.wait))
            case NotANumber():
                return DeclaredAnswer("not-a-number", self.number)


BY_CODE = "by_code"
MOST_BY_CODE_A_DAY = 5  # SMS to one phone: each costs the mutuelle


@dataclass(frozen=True)
class HowToPay:
    """What is paid, for whom and with which wallet."""

    card: str
    amount: Money
    operator: str


@dataclass(frozen=True)
class TellHowToPay:
    """Somebody will pay by a merchant code: what to type stays on the phone as an SMS."""

    OUTCOME: ClassVar[type] = HowToPay
    QUIET: ClassVar[bool] = False

    card: str
    amount: Money
    operator: str

    def do(self, doing: Doing) -> HowToPay:
        household = doing.household(self.card)
        code = doing.tree[household.section_id].merchant_code
        if code is not None and self._told_today(doing) < MOST_BY_CODE_A_DAY:
            text = answers.by_code(Say(doing.language), self.amount, self.operator, code, self.card)
            books = doing.tree.books_of(household.section_id)
            doing.tell(BY_CODE, doing.caller, doing.language, text, books.id, household.id)
        return HowToPay(self.card, self.amount, self.operator)

    @staticmethod
    def _told_today(doing: Doing) -> int:
        told = (message.c.msisdn == doing.caller) & (message.c.event == BY_CODE)
        today = told & (message.c.created_at > doing.unit.now - DAY)
        return doing.unit.connection.scalar(select(func.count()).select_from(message).where(today)) or 0
