"""What each choice about a difference does, in the transaction that settles it: its entry, once, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import select

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.kernel.numbers import with_check_digit
from gateway.ledger.accounts import statement_of
from gateway.ledger.entries import Entry, Line, record
from gateway.ledger.rules import split_payment
from gateway.membership.households import by_id, lock_household
from gateway.payments.collections import Collection
from gateway.payments.reconciliation.differences.deals import (
    Deal,
    Did,
    Done,
    NotSettled,
    is_kept,
    payment_of,
    plain,
    reverse_ours,
    still_counts,
    take_back_ours,
    tell_household,
    tie_line,
)
from gateway.payments.reconciliation.differences.found import Kind
from gateway.payments.reconciliation.differences.unmatched import (
    assign_it,
    from_suspense,
    give_back,
    is_gone,
    keep_unknown,
    match_it,
    none_of_ours,
    see_more,
    still_counts_here,
    to_account,
    was_refund,
)
from gateway.payments.states import State
from gateway.sms import notices
from gateway.store.schema import incoming

# --- missing, amount, twice -------------------------------------------------------------------------------------------


def _nothing(_: Deal) -> Did:
    return Done()


def _lose(deal: Deal) -> Did:
    payment = payment_of(deal)
    if payment is None or is_kept(deal):
        return NotSettled("refund" if deal.one.refund_id is not None else "unidentified")
    if payment.group_id is not None:
        return NotSettled("group")
    if payment.state is not State.PAID or payment.way == "cash":
        return NotSettled("gone")
    return plain(deal, "losses", deal.one.role, still_counts(deal, payment), payment.organisation_id)


def _identify(deal: Deal) -> str:
    return f"gateway incoming assign {with_check_digit(deal.one.incoming_id or 0)} CARD"


def _as_theirs(deal: Deal) -> Did:
    payment = payment_of(deal)
    if payment is None or is_kept(deal):
        return NotSettled("refund") if deal.one.refund_id is not None else NotSettled("unidentified", _identify(deal))
    if payment.state is not State.PAID:
        return NotSettled("gone")
    more = _more(deal, payment)
    if more is None or more == 0:
        return NotSettled("gone")
    if more < 0:
        return reverse_ours(deal, payment, -more)
    return NotSettled("group") if payment.group_id is not None else _count_more(deal, payment, more)


def _more(deal: Deal, payment: Collection | None) -> int | None:
    """By how much the statement says more than the books, in minor units; None where nobody can tell."""
    one = deal.one
    if one.theirs is None:
        return None
    if one.ours is not None:
        return one.by.minor
    if payment is not None and payment.paid is not None:
        return one.theirs.minor - still_counts(deal, payment)
    came = select(incoming.c.amount_minor).where(incoming.c.id == one.incoming_id)
    known = deal.unit.connection.scalar(came)
    return one.theirs.minor - known if known is not None else None


def _count_more(deal: Deal, payment: Collection, minor: int) -> Done:
    """What came more than we knew counts for the household, split as a payment is, from the day on which it came."""
    unit, home = deal.unit, payment.of_household
    lock_household(unit, home)
    family, before = by_id(unit.connection, deal.tree, home), statement_of(unit.connection, home)
    accounts = deal.chart.of(unit, payment.organisation_id, deal.one.currency)
    parts = zip(("receivable", "advance"), split_payment(before.dues, before.credits, minor), strict=True)
    lines = [Line(accounts[role], -part, home) for role, part in parts if part]
    on = day_in(family.time_zone, payment.paid_at or deal.one.at)
    record(
        unit,
        Entry(deal.key, payment.organisation_id, "corrections", deal.one.currency, on,
              (Line(accounts[deal.one.role], minor), *lines)),
    )  # fmt: skip
    tell_household(deal, payment, notices.counts_more, Money(minor, deal.one.currency), deal.key)
    return Done(deal.key)


def _as_ours(deal: Deal) -> Did:
    """The books stay as they are; what the operator has to correct waits where it is seen."""
    payment = payment_of(deal)
    more = _more(deal, payment)
    if not more:
        return NotSettled("gone")
    return plain(deal, "unexplained", deal.one.role, -more, payment.organisation_id if payment is not None else None)


def _excess(deal: Deal) -> tuple[int, bool]:
    """By how much more the statement has of a number than the books, and whether it is money that left."""
    theirs, ours = (each.minor if each is not None else 0 for each in (deal.one.theirs, deal.one.ours))
    return abs(theirs) - abs(ours), (theirs or ours) < 0


def _one(deal: Deal) -> Did:
    more, left = _excess(deal)
    if more >= 0:
        return Done()
    return NotSettled("refund") if left else take_back_ours(deal, -more)


def _two(deal: Deal) -> Did:
    more, left = _excess(deal)
    if more > 0 and not left:
        done = see_more(deal, Money(more, deal.one.currency))
        if isinstance(done, Done) and done.changes is not None:
            tie_line(deal, incoming_id=done.changes["incoming_id"])
        return done
    # What left once more, or what the operator doesn't know, nobody can explain yet.
    return plain(deal, "unexplained", deal.one.role, more if left else -more) if more else Done()


# --- fees -------------------------------------------------------------------------------------------------------------


def _fee(role: str) -> Callable[[Deal], Did]:
    def do(deal: Deal) -> Did:
        more = deal.one.by.minor
        return plain(deal, role, deal.one.role, more) if more else NotSettled("gone")

    return do


Deed = Callable[[Deal], Did]
DEEDS: Mapping[tuple[Kind, str], Deed] = {
    ("unknown", "assign"): assign_it,
    ("unknown", "refund"): give_back,
    ("unknown", "keep"): keep_unknown,
    ("unknown", "income"): from_suspense("subsidies"),
    ("unknown", "transfer"): from_suspense("transfer"),
    ("unknown", "correction"): from_suspense("unexplained"),
    ("missing", "wait"): _nothing,
    ("missing", "confirmed"): _nothing,
    ("missing", "reverse"): take_back_ours,
    ("missing", "lost"): _lose,
    ("amount", "theirs"): _as_theirs,
    ("amount", "ours"): _as_ours,
    ("twice", "one"): _one,
    ("twice", "two"): _two,
    ("reversed", "reverse"): is_gone,
    ("reversed", "keep"): still_counts_here,
    ("fee", "theirs"): _fee("fees"),
    ("fee", "ours"): _fee("unexplained"),
    ("out", "transfer"): to_account("transfer"),
    ("out", "fee"): to_account("fees"),
    ("out", "refund"): was_refund,
    ("out", "expense"): to_account("losses"),
    ("out", "keep"): _nothing,
    ("ambiguous", "match"): match_it,
    ("ambiguous", "unknown"): none_of_ours,
}
