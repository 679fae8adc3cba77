"""A household's position, as a pure function of its ledger lines: dues filled by payments, the oldest due first.

And the month of the books that an entry stands in, as a pure function of the months that were closed before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta


@dataclass(frozen=True)
class Due:
    """A due as it stands in the ledger: a debit of the household's receivable with a date; below zero, one cancelled.

    ``added``: who joined the household later than the year was enrolled, where it is due for them alone: their id.
    ``known_on``: the day from which it stands in the ledger.
    """

    membership_id: int
    due_on: date
    amount_minor: int
    added: int | None = None
    penalty: bool = False
    known_on: date = date.min

    @property
    def of_year(self) -> bool:
        """Is it due for the year itself, neither for somebody who joined nor as a penalty?"""
        return self.added is None and not self.penalty


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


def in_order(dues: Sequence[Due]) -> list[Due]:
    """Dues in the order in which money fills them, without what was cancelled of them."""
    return sorted(_standing(dues), key=lambda d: (d.due_on, d.membership_id, d.amount_minor))


def position(dues: Sequence[Due], credits: Sequence[Credit], on: date | None = None) -> Position:
    """Fill the dues with the credits (up to ``on``, or all): by date due, then by size of the due's membership id.

    The order of the credits doesn't matter: only their sum does, so a payment told of late changes nothing else.
    """
    money = max(0, sum(one.amount_minor for one in credits if on is None or one.on <= on))
    filled = []
    for due in in_order(dues):
        paid = min(money, due.amount_minor)
        money -= paid
        filled.append(Filled(due, paid))
    return Position(tuple(filled), money)


def _standing(dues: Sequence[Due]) -> Sequence[Due]:
    """The dues without what was cancelled of them."""
    if all(due.amount_minor > 0 for due in dues):
        return dues
    total: dict[tuple[int, date, int | None, bool], Due] = {}
    for due in dues:
        key = (due.membership_id, due.due_on, due.added, due.penalty)
        before = total[key].amount_minor if key in total else 0
        total[key] = replace(due, amount_minor=before + due.amount_minor)
    return [due for due in total.values() if due.amount_minor > 0]


def split_payment(dues: Sequence[Due], credits: Sequence[Credit], amount_minor: int) -> tuple[int, int]:
    """How a new payment goes into the books: (to the receivable, to the advance)."""
    owed = position(dues, credits).left_minor
    to_dues = min(owed, amount_minor)
    return to_dues, amount_minor - to_dues


# --- months -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClosedMonth:
    """A month that was closed, named by its first day, when the chain of entries held ``through`` of them."""

    month: date
    through: int


def month_of(day: date) -> date:
    """The first day of a day's month: how months are named here."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    return month_of(month + timedelta(days=31))


def booked_on(happened_on: date, number: int | None, closed: Sequence[ClosedMonth]) -> date:
    """The day that an entry stands under in the registers: its own, unless its month was closed before it was sealed.

    Then it is the first day of the first month that was open at that. ``number`` is the entry's place in the chain,
    None while it has none. The day that counts for cover stays ``happened_on``, whatever is closed.

    Places in the chain and not moments decide: a transaction may be committed after a month was closed and bear a
    moment before that, and then it isn't in the month's totals. A month is closed with all those before it.
    """
    opens = max((next_month(one.month) for one in closed if number is None or number > one.through), default=date.min)
    return max(happened_on, opens)


def booked_month(happened_on: date, number: int | None, closed: Sequence[ClosedMonth]) -> date:
    """The month of the books that an entry belongs to: that of :func:`booked_on`."""
    return month_of(booked_on(happened_on, number, closed))
