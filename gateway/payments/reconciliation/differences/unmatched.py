"""What choices do about lines that nothing of ours was matched with: money that came, left or was taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from sqlalchemy import Row, select, update

from gateway.kernel.money import Money
from gateway.kernel.numbers import with_check_digit
from gateway.membership.households import by_card
from gateway.payments.names import as_providers_wrote, as_written_by, operator_number
from gateway.payments.providers.base import Paid
from gateway.payments.reconciliation.differences.deals import (
    Deal,
    Did,
    Done,
    NotSettled,
    come,
    kept_of,
    look_again,
    payment_of,
    plain,
    still_counts,
    take_back_ours,
    tie_entry,
    tie_line,
)
from gateway.payments.reconciliation.differences.listing import Difference
from gateway.payments.reconciliation.kept import hows_of
from gateway.payments.refunds import NoRefund, ask_refund
from gateway.payments.refunds import paid as refund_paid
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.unasked.assigning import Proposed, approve_assignment, assign
from gateway.payments.unasked.incoming import Known, Seen, see
from gateway.payments.unasked.suspense import NotAssigned
from gateway.store.schema import account, assignment, collection, entry, household, incoming, line, refund
from gateway.store.unit import Unit

# --- unknown ----------------------------------------------------------------------------------------------------------


def _held(deal: Deal) -> Row[Any] | NotSettled:
    """Money that isn't identified; what no rule could post is put on suspense now."""
    if deal.one.incoming_id is not None:
        return kept_of(deal)
    return NotSettled("amount") if deal.one.theirs is None else come(deal, deal.one.theirs)


def assign_it(deal: Deal) -> Did:
    """The money is of the household with the card that was named; who else has to say so the assignment knows."""
    unit, tree, one = deal.unit, deal.tree, deal.one
    family = by_card(unit.connection, tree, one.card or "")
    if family is None:
        return NotSettled("card")
    its_id = one.incoming_id
    if its_id is None:
        row = _held(deal)
        if isinstance(row, NotSettled):
            return row
        its_id = row.id
    if deal.approving and not is_still_said(unit, one, its_id):
        return NotSettled("gone")
    done = (
        approve_assignment(unit, tree, deal.chart, its_id, deal.by_name)
        if deal.approving
        else assign(unit, tree, deal.chart, its_id, family, deal.by_name, deal.reason)
    )
    changes = {"incoming_id": its_id}
    if isinstance(done, NotAssigned):
        return NotSettled("busy" if done.why in ("refund", "pending") else done.why)
    if isinstance(done, Proposed):
        return Done(None, changes, waits=True)
    its_key = select(collection.c.key).join(incoming, incoming.c.collection_id == collection.c.id)
    key = unit.connection.scalar(its_key.where(incoming.c.id == its_id))
    return Done(f"collection:{key}", changes)


def is_still_said(unit: Unit, one: Difference, incoming_id: int) -> bool:
    """Does what waits for a second person name this card still? It may have been dropped elsewhere, and said anew."""
    asked = (assignment.c.incoming_id == incoming_id) & (assignment.c.state == "asked")
    said = select(assignment.c.id).join(household, household.c.id == assignment.c.household_id)
    return unit.connection.scalar(said.where(asked, household.c.card == one.card)) is not None


def give_back(deal: Deal) -> Did:
    """Asks for a refund, which goes its own way from now on."""
    row = _held(deal)
    if isinstance(row, NotSettled):
        return row
    amount = Money(row.amount_minor, row.currency)
    asked = ask_refund(deal.unit, deal.tree, incoming_id=row.id, amount=amount, reason=deal.reason, by=deal.by_name)
    if isinstance(asked, NoRefund):
        return NotSettled("busy")
    return Done(None, {"incoming_id": row.id, "refund_id": asked.id})


def keep_unknown(deal: Deal) -> Did:
    """It stands on suspense, and goes on doing so."""
    row = _held(deal)
    return row if isinstance(row, NotSettled) else Done(None, {"incoming_id": row.id})


def from_suspense(role: str) -> Callable[[Deal], Did]:
    """It is no household's: it goes from suspense to another account, and nobody can assign it any more."""

    def do(deal: Deal) -> Did:
        row = _held(deal)
        if isinstance(row, NotSettled):
            return row
        deal.unit.connection.execute(update(incoming).where(incoming.c.id == row.id).values(state="posted"))
        return Done(plain(deal, "suspense", role, row.amount_minor).entry_key, {"incoming_id": row.id})

    return do


# --- reversed ---------------------------------------------------------------------------------------------------------


def _known_by_number(deal: Deal) -> Deal:
    """The same, about what bears the number that the operator took back, where nobody named it yet."""
    one = deal.one
    if one.operator_id is None or one.collection_id is not None or one.incoming_id is not None:
        return deal
    connection, number = deal.unit.connection, operator_number(one.operator_id)
    own = (incoming.c.operator == one.operator) & (incoming.c.operator_id == number)
    came = connection.scalar(select(incoming.c.id).where(own))
    providers, spelled = as_providers_wrote(one.operator, one.operator_id, deal.tree[one.organisation_id].country)
    by_number = collection.c.provider.in_(providers) & collection.c.operator_id.in_(spelled)
    asked = connection.scalar(select(collection.c.id).where(by_number)) if came is None else None
    return replace(deal, one=replace(one, incoming_id=came, collection_id=asked))


def is_gone(deal: Deal) -> Did:
    """What the operator took back counts no more, also where only its number says what that is."""
    deal = _known_by_number(deal)
    one, theirs = deal.one, deal.one.theirs
    look_again(deal)
    if one.collection_id is not None or one.incoming_id is not None:
        done = take_back_ours(deal, theirs.minor if theirs is not None else None)
        if isinstance(done, NotSettled):
            return done
        tie_entry(deal, done.entry_key)
        return replace(done, changes={"collection_id": one.collection_id, "incoming_id": one.incoming_id})
    if one.operator_id is None:
        return NotSettled("number")
    # Its own number names nothing of ours, and the word of it is kept already, for money that is told of later.
    return NotSettled("needs", "--receipt, of the payment that was taken back")


def still_counts_here(deal: Deal) -> Did:
    """What the operator took back goes on counting: what it has to give back waits where it is seen."""
    payment = payment_of(_known_by_number(deal))
    if deal.one.theirs is None or (payment is not None and payment.state is State.REVERSED):
        return NotSettled("gone")
    return plain(deal, "unexplained", deal.one.role, deal.one.theirs.minor)


# --- what left --------------------------------------------------------------------------------------------------------


def to_account(role: str) -> Callable[[Deal], Did]:
    """Somebody says why money left: it goes to the account of that."""

    def do(deal: Deal) -> Did:
        return plain(deal, role, "unexplained", deal.one.theirs.minor) if deal.one.theirs else NotSettled("amount")

    return do


def was_refund(deal: Deal) -> Did:
    """What left paid out a refund, which is recorded with the line's number where it wasn't yet."""
    one = deal.one
    row = deal.unit.connection.execute(select(refund).where(refund.c.id == one.refund_id).with_for_update()).one()
    if one.theirs != Money(row.amount_minor, row.currency):
        return NotSettled("amount")
    if row.state != "paid":
        if one.operator_id is None:
            return NotSettled("number")
        done = refund_paid(deal.unit, deal.tree, deal.chart, with_check_digit(row.id), one.operator_id)
        if isinstance(done, NoRefund):
            return NotSettled("number") if done.why == "number" else NotSettled("refund", "gateway refunds list")
    # The refund has its own entry by now: the money left once, and from here.
    return plain(deal, _given_from(deal, row), "unexplained", row.amount_minor)


def _given_from(deal: Deal, row: Row[Any]) -> str:
    """The role of the account that the refund's entry credited."""
    query = (
        select(account.c.role)
        .join(line, line.c.account_id == account.c.id)
        .join(entry, entry.c.id == line.c.entry_id)
        .where(entry.c.key == f"refund:{row.key}", line.c.amount_minor < 0)
    )
    return deal.unit.connection.scalar(query) or deal.one.role


# --- ambiguous --------------------------------------------------------------------------------------------------------


def match_it(deal: Deal) -> Did:
    """The line is this payment of ours: it is posted where it wasn't, and bears the line's number from now on."""
    one, payment = deal.one, payment_of(deal)
    if payment is None or payment.state is State.REVERSED:
        return NotSettled("gone")
    if one.theirs is None or one.theirs.minor <= 0:
        return NotSettled("amount")
    if payment.state is not State.PAID:
        number = as_written_by(payment.provider, payment.environment, deal.number)
        paid = Paid(one.theirs, number, None, deal.words, one.at)
        if not post_paid(deal.unit, deal.tree, deal.chart, payment.key, paid):
            return NotSettled("known")
        tie_line(deal, payment.id)
        return Done(f"collection:{payment.key}")
    if one.theirs.minor > still_counts(deal, payment):
        return NotSettled("amount")
    # Several lines may make up one payment; of a line that matched it by itself it is already.
    if hows_of(deal.unit.connection, one.wallet_id, "collection", payment.id, payment.paid_at) - {
        "many-lines",
        "person",
    }:
        return NotSettled("matched")
    return Done() if tie_line(deal, payment.id) else NotSettled("known")


def none_of_ours(deal: Deal) -> Did:
    """The line is nothing that we know: it is posted as the rules would have."""
    theirs = deal.one.theirs
    if not theirs:
        return NotSettled("amount")
    if theirs.minor < 0:
        return plain(deal, "unexplained", deal.one.role, -theirs.minor)
    look_again(deal)
    return see_more(deal, theirs)


def see_more(deal: Deal, amount: Money) -> Did:
    """Money that nobody has told of, under a number of its own: it is posted, or waits on suspense."""
    one = deal.one
    seen = Seen(one.operator, deal.number, one.organisation_id, amount, None, None, one.at, stands_on=_role(one.role))
    done = see(deal.unit, deal.tree, deal.chart, seen)
    return NotSettled("known") if isinstance(done, Known) else Done(None, {"incoming_id": done.incoming_id})


def _role(role: str) -> Literal["wallet", "bank"]:
    return "bank" if role == "bank" else "wallet"
