"""Cash that was recorded by mistake is taken back by a new entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.locale import mark
from gateway.payments.cash_corrections import NotCorrected, correct_cash
from gateway.ussd.effects.doing import Doing

# What a treasurer can say by a key; kept in English with the correction, as the office reads it.
REASONS = (mark("The wrong family"), mark("The wrong amount"), mark("Recorded twice"), mark("No cash came"))


@dataclass(frozen=True)
class Corrected:
    """Done, or a stable word why not."""

    refused: str = ""


@dataclass(frozen=True)
class CorrectCash:
    """A treasurer corrects what another recorded."""

    OUTCOME: ClassVar[type] = Corrected
    QUIET: ClassVar[bool] = False

    staff: int
    number: str
    reason: int

    def do(self, doing: Doing) -> Corrected:
        member = doing.staff(self.staff, "treasurer")
        done = correct_cash(
            doing.unit,
            doing.tree,
            doing.services.chart,
            self.number,
            member.name,
            REASONS[self.reason],
            treasurer=member,
        )
        return Corrected(done.why if isinstance(done, NotCorrected) else "")
