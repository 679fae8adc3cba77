"""How what was settled is undone: by a new entry the other way round, or as the domain has it; nothing is deleted."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.kernel.numbers import with_check_digit
from gateway.membership.households import by_id, lock_household
from gateway.payments.collections import move
from gateway.payments.reconciliation.differences.deals import (
    Deal,
    Did,
    Done,
    NotSettled,
    come,
    is_given_back,
    is_kept,
    kept_of,
    look_again,
    payment_of,
    tell_household,
)
from gateway.payments.reconciliation.differences.found import RULE, Event
from gateway.payments.refunds import NoRefund, drop
from gateway.payments.states import State
from gateway.payments.unasked.incoming import post_whole
from gateway.payments.unasked.suspense import debited, reverse_suspense
from gateway.payments.undoing import undo_entry, undone_of
from gateway.sms import notices
from gateway.store.schema import collection, entry, incoming, line, refund

UNASSIGNED = "unassigned"  # begins the effect key of a collection whose money is to be identified again


def undo_choice(deal: Deal, settled: Event) -> Did:
    """Undo what a choice did; ``settled`` is the step of the story in which it did it."""
    key = settled.entry_key
    match deal.one.kind, deal.choice:
        case _, word if word == RULE:
            return NotSettled("rule")
        case "unknown", "assign":
            return _unassign(deal)
        case "unknown", "refund":
            return _drop_refund(deal)
        case "out", "refund" if _paid_with_it(deal):
            return NotSettled("paid")
        case ("ambiguous", "unknown") | ("twice", "two") if key is None:
            return _unsee(deal)
        case "ambiguous", "match":
            return _untie(deal) if key is None else NotSettled("later")
        case "reversed", "reverse":  # money that comes again is a new payment
            return NotSettled("reversed")
    if key is None:
        return NotSettled("group") if _took_a_group_s(deal) else Done()
    return _count_again(deal, key) if key.startswith(("reversal:", "returned:")) else _counter(deal, key)


def _took_a_group_s(deal: Deal) -> bool:
    payment = payment_of(deal)
    return payment is not None and payment.group_id is not None and payment.state is State.REVERSED


def _counter(deal: Deal, key: str) -> Did:
    """The entry the other way round, today; who was told of the one is told of the other."""
    unit, one = deal.unit, deal.one
    payment = payment_of(deal) if (one.kind, deal.choice) == ("amount", "theirs") else None
    if payment is not None:
        lock_household(unit, payment.of_household)
    undo_entry(unit, key, deal.undone_key, day_in(deal.tree[deal.books_id].time_zone, unit.now))
    if payment is not None:
        tell_household(deal, payment, notices.counts_less, _moved(deal, key), deal.undone_key)
    if one.kind == "unknown":
        unit.connection.execute(update(incoming).where(incoming.c.id == one.incoming_id).values(state="suspense"))
    return Done(deal.undone_key)


def _moved(deal: Deal, key: str) -> Money:
    """How much an entry moved."""
    query = select(func.sum(line.c.amount_minor)).join(entry, entry.c.id == line.c.entry_id)
    total = deal.unit.connection.scalar(query.where(entry.c.key == key, line.c.amount_minor > 0))
    return Money(int(total or 0), deal.one.currency)


def _count_again(deal: Deal, key: str) -> Did:
    """What was taken back came after all: it is a new payment, of the same household and the same day."""
    unit, amount, anew = deal.unit, _moved(deal, key), replace(deal, times=deal.times + 1)
    if key.startswith("returned:"):
        return Done(None, {"incoming_id": come(anew, amount).id})
    payment = payment_of(deal)
    if payment is None or payment.household_id is None:
        return NotSettled("group")
    family = by_id(unit.connection, deal.tree, payment.household_id)
    posted = post_whole(unit, deal.tree, deal.chart, come(anew, amount, payment), family, deal.one.role)
    its_key = unit.connection.scalar(select(collection.c.key).where(collection.c.id == posted.collection_id))
    # What the difference is about from now on is the new payment, where nothing is left of the old one.
    whole = payment.state is State.REVERSED
    changes = {"collection_id": posted.collection_id, "incoming_id": None} if whole else None
    return Done(f"collection:{its_key}", changes)


def _unassign(deal: Deal) -> Did:
    """The money goes back on suspense, from the household that it was said to be of; all who read of it are told."""
    unit, payment = deal.unit, payment_of(deal)
    if payment is None or payment.state is not State.PAID or payment.group_id is not None:
        return NotSettled("later")
    entry_key = f"collection:{payment.key}"
    if undone_of(unit.connection, entry_key) or is_given_back(deal, payment):
        return NotSettled("later")
    if debited(unit.connection, entry_key) != "suspense":
        return NotSettled("moved")
    lock_household(unit, payment.of_household)
    # Its number and its effect are free for whoever the money is of.
    move(unit, payment, State.REVERSED, UNASSIGNED, deal.words, operator_id=None,
         effect_key=f"{UNASSIGNED}:{payment.id}")  # fmt: skip
    on = day_in(deal.tree[payment.organisation_id].time_zone, unit.now)
    undo_entry(unit, entry_key, deal.undone_key, on)
    unit.connection.execute(
        update(incoming).where(incoming.c.id == deal.one.incoming_id).values(state="suspense", collection_id=None)
    )
    tell_household(deal, payment, notices.counts_no_more, payment.paid or payment.amount, deal.undone_key)
    return Done(deal.undone_key)


def _drop_refund(deal: Deal) -> Did:
    number = with_check_digit(deal.one.refund_id or 0)
    state = deal.unit.connection.scalar(select(refund.c.state).where(refund.c.id == deal.one.refund_id))
    if state in ("refused", "dropped"):
        return Done(None, {"refund_id": None})
    dropped = drop(deal.unit, number, deal.by_name, deal.reason)
    if isinstance(dropped, NoRefund):
        return NotSettled("paid" if state == "paid" else "refund", "gateway refunds list")
    return Done(None, {"refund_id": None})


def _paid_with_it(deal: Deal) -> bool:
    """Was the refund paid by the choice itself, at the same moment?"""
    key = select(refund.c.key).where(refund.c.id == deal.one.refund_id).scalar_subquery()
    at = deal.unit.connection.scalar(select(entry.c.recorded_at).where(entry.c.key == "refund:" + key))
    return at is not None and at == deal.one.settled_at


def _unsee(deal: Deal) -> Did:
    """What was seen as money of its own wasn't: it leaves suspense again, where nobody has said yet whose it is."""
    if deal.one.incoming_id is None:
        return Done()
    if not is_kept(deal):
        return NotSettled("later")
    row = kept_of(deal)
    if isinstance(row, NotSettled):
        return row
    reverse_suspense(deal.unit, deal.tree, row, deal.by_name, deal.reason)
    look_again(deal)
    return Done(f"returned:{row.id}", {"incoming_id": None})


def _untie(deal: Deal) -> Did:
    look_again(deal)
    return Done(None, {"collection_id": None})
