"""A household's position, as a pure function of its ledger lines: dues filled by payments, the oldest due first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Due:
    """A due as it stands in the ledger: a debit of the household's receivable with a date.

    ``added``: who joined the household later than the year was enrolled, where it is due for them alone: their id.
    """

    membership_id: int
    due_on: date
    amount_minor: int
    added: int | None = None


@dataclass(frozen=True)
class Credit:
    """What came in (positive) or was taken back (negative) on a day."""

    on: date
    amount_minor: int


@dataclass(frozen=True)
class Filled:
    """A due with what has been paid on it."""

    due: Due
    paid_minor: int

    @property
    def left_minor(self) -> int:
        return self.due.amount_minor - self.paid_minor


@dataclass(frozen=True)
class Position:
    """All dues, filled in order, and what was paid beyond them."""

    filled: tuple[Filled, ...]
    advance_minor: int

    @property
    def left_minor(self) -> int:
        """What is left to pay on all dues, those of later instalments included."""
        return sum(one.left_minor for one in self.filled)


def position(dues: Sequence[Due], credits: Sequence[Credit], on: date | None = None) -> Position:
    """Fill the dues with the credits (up to ``on``, or all): by date due, then by size of the due's membership id.

    The order of the credits doesn't matter: only their sum does, so a payment told of late changes nothing else.
    """
    money = max(0, sum(one.amount_minor for one in credits if on is None or one.on <= on))
    filled = []
    for due in sorted(dues, key=lambda d: (d.due_on, d.membership_id, d.amount_minor)):
        paid = min(money, due.amount_minor)
        money -= paid
        filled.append(Filled(due, paid))
    return Position(tuple(filled), money)


def split_payment(dues: Sequence[Due], credits: Sequence[Credit], amount_minor: int) -> tuple[int, int]:
    """How a new payment goes into the books: (to the receivable, to the advance)."""
    owed = position(dues, credits).left_minor
    to_dues = min(owed, amount_minor)
    return to_dues, amount_minor - to_dues
