"""Cash in the hands of staff: taken, handed over by one person and confirmed by another, and the day closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal

from gateway.kernel.money import Money
from gateway.payments import cash, takings
from gateway.ussd.effects.doing import Doing


@dataclass(frozen=True)
class CashAnswer:
    """The receipt that was made, or a stable word why none was; ``twice``: there is one like it, with this number."""

    number: str = ""
    code: str = ""
    amount: Money | None = None
    left: Money | None = None
    refused: str = ""


@dataclass(frozen=True)
class RecordCash:
    """Cash was taken for a household."""

    OUTCOME: ClassVar[type] = CashAnswer
    QUIET: ClassVar[bool] = False

    staff: int
    household: str
    amount: Money
    another: bool = False  # it was said that this is not the one that was recorded a moment ago

    def do(self, doing: Doing) -> CashAnswer:
        member = doing.staff(self.staff, "animator", "treasurer")
        household = doing.household(self.household)
        before = None if self.another else cash.same_lately(doing.unit, member, household.id, self.amount)
        if before is not None:
            return CashAnswer(before, amount=self.amount, refused="twice")
        made = cash.record_cash(
            doing.unit,
            doing.tree,
            doing.services.chart,
            effect_key=doing.key,
            household=household,
            staff=member,
            amount=self.amount,
        )
        if isinstance(made, cash.CashRefused):
            return CashAnswer(refused=made.why)
        return CashAnswer(made.number, made.code, made.amount, made.left)


@dataclass(frozen=True)
class HandedOver:
    """What is on its way to the treasurer now; nothing when nothing was held."""

    amounts: tuple[Money, ...]


@dataclass(frozen=True)
class HandOver:
    """Hand all the cash that one holds over to the treasurer, who has to confirm it on another phone."""

    OUTCOME: ClassVar[type] = HandedOver
    QUIET: ClassVar[bool] = False

    staff: int

    def do(self, doing: Doing) -> HandedOver:
        made = cash.hand_over(doing.unit, doing.tree, doing.staff(self.staff, "animator"))
        return HandedOver(tuple(one.amount for one in made))


@dataclass(frozen=True)
class Decided:
    """What became of a handover."""

    answer: Literal["confirmed", "disputed", "own", "gone"]


@dataclass(frozen=True)
class Decide:
    """The treasurer has the money, or has not; whoever handed it over is told."""

    OUTCOME: ClassVar[type] = Decided
    QUIET: ClassVar[bool] = False

    staff: int
    handover_id: int
    received: bool

    def do(self, doing: Doing) -> Decided:
        member = doing.staff(self.staff, "treasurer")
        answer = cash.decide(
            doing.unit, doing.tree, doing.services.chart, self.handover_id, member, received=self.received
        )
        if answer in ("confirmed", "disputed"):
            cash.tell_decided(doing.unit, self.handover_id, answer, member, doing.root.languages[0])
        return Decided(answer)


@dataclass(frozen=True)
class DayAnswer:
    """The day that was closed and its totals, or why it wasn't."""

    answer: Literal["closed", "already", "handovers"]
    day: date | None = None
    totals: tuple[Money, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class CloseDay:
    """The treasurer has counted: what came since the last closing is closed with its totals."""

    OUTCOME: ClassVar[type] = DayAnswer
    QUIET: ClassVar[bool] = False

    staff: int

    def do(self, doing: Doing) -> DayAnswer:
        member = doing.staff(self.staff, "treasurer")
        made = takings.close_day(doing.unit, doing.tree, member, member.organisation_id)
        match made:
            case takings.AlreadyClosed():
                return DayAnswer("already")
            case takings.OpenHandovers(count):
                return DayAnswer("handovers", count=count)
        return DayAnswer("closed", made.day, made.takings.totals)
