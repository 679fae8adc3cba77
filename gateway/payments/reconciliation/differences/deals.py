"""What settling a difference works with: whose decision it is, what it is about, and the entries that choices share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Row, select

from gateway.kernel.clock import day_in
from gateway.kernel.money import BadAmount, Money
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.locale import Say
from gateway.membership.households import by_id
from gateway.network.organisations import Tree
from gateway.payments.collections import Collection, read_collection
from gateway.payments.decisions.cases import close_case
from gateway.payments.decisions.deciding import own_reversal
from gateway.payments.names import operator_number
from gateway.payments.posting import message_of
from gateway.payments.providers.base import keep_said
from gateway.payments.readers import readers
from gateway.payments.receipts import show_receipt
from gateway.payments.reconciliation.differences.found import AGAIN
from gateway.payments.reconciliation.differences.listing import Difference
from gateway.payments.reconciliation.items import Source, name_by_place
from gateway.payments.reconciliation.kept import release, tie
from gateway.payments.reversing import reversal_key, reverse
from gateway.payments.states import REFUND_RUNNING, State
from gateway.payments.unasked.incoming import Seen, put_on_suspense, write_seen
from gateway.payments.unasked.suspense import being_assigned, being_refunded, reverse_suspense
from gateway.payments.undoing import undone_of
from gateway.sms.outgoing import queue_messages
from gateway.store.schema import account, collection, entry, incoming, line, money_case, refund
from gateway.store.unit import Unit

Why = Literal[
    "gone", "settled", "open", "pending", "not-asked", "choice", "needs", "no-reason", "same-person", "card", "receipt",
    "number", "amount", "other-network", "currency", "busy", "unidentified", "group", "part", "cash", "known",
    "refund", "paid", "later", "moved", "rule", "reversed", "matched",
]  # fmt: skip


@dataclass(frozen=True)
class NotSettled:
    """Why a difference was not settled, or not undone; ``instead`` is the command to go on with, where there is one.

    ``gone``: there is no such difference, or what it is about has changed since. ``settled``, ``open``: it is.
    ``pending``: a second person decides first. ``not-asked``: nothing waits for a second person. ``choice``: its kind
    has no such choice. ``needs``: the choice wants something named. ``no-reason``: nobody, or no reason, was named.
    ``same-person``: it takes two. ``card``, ``receipt``: there is none such in this wallet. ``number``: the line has no
    number of the operator's. ``amount``: the amounts don't fit. ``other-network``, ``currency``: the household pays
    elsewhere, or otherwise. ``busy``: the money is being given back or assigned. ``unidentified``: it has to be said
    whose it is first. ``group``, ``part``: a group's payment is settled household by household. ``cash``: no operator
    has it. ``known``: the number stands in the books already. ``refund``: the refund has to go on first. ``paid``: it
    was paid out. ``later``: what followed has to be settled first. ``moved``: the money came from other books.
    ``rule``: no person settled it. ``reversed``: what an operator took back stays so. ``matched``: the payment is
    another line's already.
    """

    why: Why
    instead: str = ""


@dataclass(frozen=True)
class Done:
    """What a choice has done: the key of its entry, where it made one, and what it is about from now on.

    ``waits``: not yet: another person has to approve.
    """

    entry_key: str | None = None
    changes: Mapping[str, int | None] | None = None
    waits: bool = False


@dataclass(frozen=True)
class Deal:
    """A choice about a locked difference: whose, and why; ``times``: how often it is settled, with this time."""

    unit: Unit
    tree: Tree
    chart: Chart
    one: Difference
    choice: str
    times: int
    by_name: str
    reason: str
    approving: bool = False

    @property
    def key(self) -> str:
        """The key of the entry that it makes."""
        return f"settle:{self.one.id}:{self.times}"

    @property
    def undone_key(self) -> str:
        """The key of the entry that undoes it."""
        return f"unsettle:{self.one.id}:{self.times}"

    @property
    def number(self) -> str:
        """What money that it brings is told apart by: the operator's number or the line, and from the second on how
        often."""
        one = self.one
        place = f"D{one.id}"
        if one.statement_id is not None and one.line is not None:
            place = name_by_place(one.statement_id, one.line)
        number = operator_number(one.operator_id or place)
        again = self.times + (one.kind == "twice")
        return number if again == 1 else f"{number}{AGAIN}{again}"

    @property
    def books_id(self) -> int:
        """The organisation in whose books the wallet is."""
        return self.tree.books_of(self.one.organisation_id).id

    @property
    def words(self) -> str:
        """Who decided and why, as stories keep it."""
        return keep_said(f"{self.by_name}: {self.reason}")


Did = Done | NotSettled

# --- what it is about -------------------------------------------------------------------------------------------------


def payment_of(deal: Deal) -> Collection | None:
    """The locked collection of our movement: itself, or the one that money which came counts under."""
    its_id = deal.one.collection_id
    if its_id is None and deal.one.incoming_id is not None:
        own = incoming.c.id == deal.one.incoming_id
        its_id = deal.unit.connection.scalar(select(incoming.c.collection_id).where(own))
    row = deal.unit.connection.execute(select(collection).where(collection.c.id == its_id).with_for_update()).first()
    return read_collection(row) if row else None


def kept_of(deal: Deal) -> Row[Any] | NotSettled:
    """The locked row of money that stands on suspense, and that nobody else is deciding about."""
    query = select(incoming).where(incoming.c.id == deal.one.incoming_id).with_for_update()
    row = deal.unit.connection.execute(query).first()
    if row is None or row.state != "suspense":
        return NotSettled("gone")
    if being_refunded(deal.unit.connection, row.id) or being_assigned(deal.unit.connection, row.id):
        return NotSettled("busy")
    return row


def still_counts(deal: Deal, payment: Collection) -> int:
    """What of a payment isn't taken back, in minor units."""
    assert payment.paid is not None, f"collection {payment.key} is {payment.state}"
    return payment.paid.minor - undone_of(deal.unit.connection, f"collection:{payment.key}")


def come(deal: Deal, amount: Money, payment: Collection | None = None) -> Row[Any]:
    """Money as it stands on suspense, under :attr:`Deal.number`; ``payment`` is what it was before."""
    one = deal.one
    at, payer = (payment.paid_at or one.at, payment.payer or None) if payment is not None else (one.at, None)
    seen = Seen(one.operator, deal.number, one.organisation_id, amount, payer, None, at)
    row = write_seen(deal.unit, seen)
    if payment is None:
        put_on_suspense(deal.unit, deal.tree, deal.chart, row, one.role)
    return row


def plain(deal: Deal, debit: str, credit: str, minor: int, organisation_id: int | None = None) -> Done:
    """An entry between two accounts, on the day on which the money moved; below zero the other way round."""
    books = deal.tree[organisation_id or deal.books_id]
    accounts = deal.chart.of(deal.unit, books.id, deal.one.currency)
    lines = (Line(accounts[debit], minor), Line(accounts[credit], -minor))
    on = day_in(books.time_zone, deal.one.at)
    record(deal.unit, Entry(deal.key, books.id, "bank", deal.one.currency, on, lines))
    return Done(deal.key)


def look_again(deal: Deal) -> None:
    """Let the next run match the line anew."""
    if deal.one.statement_id is not None and deal.one.line is not None:
        release(deal.unit, deal.one.statement_id, deal.one.line)


def tie_line(deal: Deal, collection_id: int | None = None, incoming_id: int | None = None) -> bool:
    """From now on the line is this payment, or this money; False where a line is matched with it already.

    What came without our asking keeps its own name when it counts for somebody.
    """
    one, unit = deal.one, deal.unit
    if one.statement_id is None or one.line is None:
        return True
    if incoming_id is None:
        incoming_id = unit.connection.scalar(select(incoming.c.id).where(incoming.c.collection_id == collection_id))
    look_again(deal)
    source: Source = "incoming" if incoming_id is not None else "collection"
    its_id = incoming_id if incoming_id is not None else collection_id
    assert its_id is not None
    return tie(unit, one.statement_id, one.line, source, its_id)


def tie_entry(deal: Deal, key: str | None) -> None:
    """From now on the line is the movement that an entry made on the wallet."""
    one, connection = deal.one, deal.unit.connection
    row = connection.execute(
        select(line.c.id, entry.c.key)
        .join(entry, entry.c.id == line.c.entry_id)
        .join(account, account.c.id == line.c.account_id)
        .where(entry.c.key == (key or ""), account.c.role == one.role)
    ).first()
    if row is not None and one.statement_id is not None and one.line is not None:
        tie(
            deal.unit, one.statement_id, one.line, "returned" if row.key.startswith("returned:") else "reversal", row.id
        )


# --- what a person takes back -----------------------------------------------------------------------------------------


def take_back_ours(deal: Deal, minor: int | None = None) -> Did:
    """What our movement is of counts no more, or an amount of it."""
    payment = payment_of(deal)
    if payment is not None and (payment.state is not State.PAID or is_kept(deal)) and payment.group_id is None:
        return NotSettled("gone")
    if payment is not None:
        return reverse_ours(deal, payment, minor)
    if deal.one.refund_id is not None:
        return NotSettled("refund")
    row = kept_of(deal)
    if isinstance(row, NotSettled):
        return row
    if minor not in (None, row.amount_minor):
        return NotSettled("amount")
    reverse_suspense(deal.unit, deal.tree, row, deal.by_name, deal.reason)
    return Done(f"returned:{row.id}")


def is_kept(deal: Deal) -> bool:
    """Does the money that it is about stand on suspense?"""
    own = (incoming.c.id == deal.one.incoming_id) & (incoming.c.state == "suspense")
    return deal.unit.connection.scalar(select(incoming.c.id).where(own)) is not None


def reverse_ours(deal: Deal, payment: Collection, minor: int | None) -> Did:
    """A payment of ours, or an amount of it, counts no more; a group's is taken back whole."""
    if payment.state is not State.PAID:
        return NotSettled("gone")
    if payment.way == "cash":
        return NotSettled("cash", f"gateway collections correct {payment.key}")
    # An operator takes back what it likes; a person doesn't take back what is given back.
    if deal.one.kind != "reversed" and is_given_back(deal, payment):
        return NotSettled("busy")
    most = still_counts(deal, payment)
    if minor is not None and minor > most:
        return NotSettled("amount")
    whole = minor in (None, most)
    if payment.group_id is not None and not whole:
        return NotSettled("part")
    amount = None if whole else Money(minor or 0, deal.one.currency)
    own = None if whole else own_reversal(f"settle-{deal.one.id}-{deal.times}")
    try:
        reverse(deal.unit, deal.tree, payment.key, deal.words, amount, own)
    except BadAmount:
        return NotSettled("amount")
    except ValueError:
        return NotSettled("later")
    # The reversal has opened a case: the same person has just decided it.
    its_key = reversal_key(payment.key, own)
    case = deal.unit.connection.scalar(select(money_case.c.id).where(money_case.c.key == its_key))
    if case is not None:
        close_case(deal.unit, case, deal.by_name, deal.reason)
    return Done(its_key if payment.group_id is None else None)


def is_given_back(deal: Deal, payment: Collection) -> bool:
    """Was any of a payment given back, or is it being?"""
    given = refund.c.state.in_([*REFUND_RUNNING, "paid"]) & (refund.c.collection_id == payment.id)
    return deal.unit.connection.scalar(select(refund.c.id).where(given)) is not None


# --- who is told ------------------------------------------------------------------------------------------------------

Text = Callable[[Say, str, Money, str], str]


def tell_household(deal: Deal, payment: Collection, text: Text, amount: Money, its_key: str) -> None:
    """The members and the treasurers read what a person corrected: a text of a receipt's number, an amount, a card."""
    unit, tree = deal.unit, deal.tree
    family = by_id(unit.connection, tree, payment.of_household)
    told = readers(unit.connection, tree, tree[payment.organisation_id], family.id, family.language, payment.payer)
    number = show_receipt(payment.id, payment.receipt_code)
    words = (
        message_of(payment, "corrected", each, text(Say(each.language), number, amount, family.card), its_key)
        for each in (*told.members, *told.treasurers)
    )
    queue_messages(unit, "receipts", *words)
