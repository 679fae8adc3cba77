"""A group's statement and balance: what it paid in a time, how that was divided, and what stands on its account.

Everything is read from the payments that stand in the ledger; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.exports import Cell, Sheet, figure
from gateway.locale import Say, mark
from gateway.network.organisations import Tree
from gateway.payments.collections import Collection, read_collection
from gateway.payments.payers.group_account import Movement, balance, balance_before, movements
from gateway.payments.payers.group_money import shares_of
from gateway.payments.payers.shares import Group
from gateway.payments.receipts import receipt_number
from gateway.payments.states import UNDECIDED, State
from gateway.store.heads import HEAD_NAME
from gateway.store.schema import collection, household, incoming

MOST_PAYMENTS = 500
# How a statement's PDF shares the width of a page, column by column behind the first.
SHARES = (10, 11, 26, 11, 26, 13, 13)
_KINDS = {
    "rest": mark("Not divided: onto the group's account"),
    "cash": mark("Cash: onto the group's account"),
    "used": mark("Divided from the group's account"),
    "back": mark("Taken back from the group's account"),
}


@dataclass(frozen=True)
class Given:
    """A household's share of a payment: its receipt, the card and its head, and the amount; ``back``: taken back."""

    receipt: str
    card: str
    head: str
    amount: Money
    back: bool


@dataclass(frozen=True)
class Paid:
    """A payment of a group: its day where the mutuelle is, receipt, way and amount, and each household's share."""

    on: date
    one: Collection
    amount: Money
    shares: tuple[Given, ...]
    kept: bool  # it waits on suspense to be divided

    @property
    def receipt(self) -> str:
        """Its number."""
        return receipt_number(self.one.id)

    @property
    def from_account(self) -> bool:
        """Was it divided from what had come before?"""
        return self.one.provider == "group"


@dataclass(frozen=True)
class GroupStatement:
    """A group's payments of some days, and its account when they began and when they ended; ``cut``: there are more."""

    first: date
    last: date
    payments: tuple[Paid, ...]
    moves: tuple[Movement, ...]
    opening: Money
    closing: Money
    cut: bool

    @property
    def came(self) -> Money:
        """What the group paid, without what was taken back of it."""
        return self._sum(
            paid.amount for paid in self.payments if paid.one.state is State.PAID and not paid.from_account
        )

    @property
    def divided(self) -> Money:
        """What stands with households of it."""
        return self._sum(given.amount for paid in self.payments for given in paid.shares if not given.back)

    def _sum(self, amounts: Iterator[Money]) -> Money:
        return Money(sum(each.minor for each in amounts), self.opening.currency)


def statement_of_group(
    connection: Connection, tree: Tree, group: Group, first: date, last: date
) -> GroupStatement:  # fmt: skip
    """What a group paid from a day to a day, in order."""
    books = tree.books_of(group.organisation_id)
    zone = ZoneInfo(books.time_zone)
    begins = datetime.combine(first, time(), zone).astimezone(UTC)
    ends = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    rows = connection.execute(
        select(collection, incoming.c.state.label("kept_as"))
        .outerjoin(incoming, incoming.c.collection_id == collection.c.id)
        .where(
            collection.c.group_id == group.id,
            collection.c.state.in_((State.PAID.value, State.REVERSED.value)),
            collection.c.paid_at >= begins,
            collection.c.paid_at < ends,
        )
        .order_by(collection.c.paid_at, collection.c.id)
        .limit(MOST_PAYMENTS + 1)
    ).all()
    payments = []
    for row in rows[:MOST_PAYMENTS]:
        one = read_collection(row)
        assert one.paid is not None
        assert one.paid_at is not None
        shares = _given(connection, shares_of(connection, one))
        payments.append(Paid(day_in(books.time_zone, one.paid_at), one, one.paid, shares, row.kept_as == "suspense"))
    opening = balance_before(connection, group, first, books.currency)
    moves = tuple(movements(connection, group, first, last))
    moved = sum(each.amount.minor for each in moves if each.amount.currency == books.currency)
    closing = Money(opening.minor + moved, books.currency)
    return GroupStatement(first, last, tuple(payments), moves, opening, closing, len(rows) > MOST_PAYMENTS)


def _given(connection: Connection, shares: list[Collection]) -> tuple[Given, ...]:
    ids = {one.of_household for one in shares}
    who = {
        row.id: row
        for row in connection.execute(
            select(household.c.id, household.c.card, HEAD_NAME.label("head")).where(household.c.id.in_(ids))
        )
    }
    found = [
        Given(
            receipt_number(one.id), who[one.of_household].card, who[one.of_household].head or "", one.amount,
            one.state is State.REVERSED,
        )
        for one in shares
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda each: each.card))


@dataclass(frozen=True)
class Balance:
    """How a group stands: what is being asked of it, what it paid in all, what of that stands undivided.

    ``suspense``: its payments that wait to be identified or divided. ``account``: on its own account.
    """

    asked: Money
    paid: Money
    suspense: Money
    account: Money


def balance_of_group(connection: Connection, tree: Tree, group: Group) -> Balance:
    """How a group stands now, in its mutuelle's currency; what its households owe is read elsewhere, one by one."""
    currency = tree.books_of(group.organisation_id).currency
    asked = paid = kept = 0
    rows = connection.execute(
        select(
            collection.c.state, collection.c.provider, collection.c.amount_minor, collection.c.paid_minor,
            collection.c.paid_currency, collection.c.currency, incoming.c.state.label("kept_as"),
        )
        .outerjoin(incoming, incoming.c.collection_id == collection.c.id)
        .where(collection.c.group_id == group.id)
    )  # fmt: skip
    for row in rows:
        if row.state in UNDECIDED and row.currency == currency:
            asked += row.amount_minor
        if row.state == State.PAID.value and row.provider != "group" and row.paid_currency == currency:
            paid += row.paid_minor
            kept += row.paid_minor if row.kept_as == "suspense" else 0
    return Balance(
        Money(asked, currency), Money(paid, currency), Money(kept, currency), balance(connection, group, currency)
    )


def statement_sheet(one: GroupStatement, group: Group, say: Say) -> Sheet:
    """A group's statement as rows: each payment, its shares below it, and what moved on the group's account."""
    heads = (
        say("Group"), say("Day"), say("Receipt"), say("What"), say("Card"), say("Household"), say("Amount"),
        say("Of which each"),
    )  # fmt: skip
    currency = one.opening.currency

    def rows() -> Iterator[tuple[Cell, ...]]:
        yield (group.name, one.first, "", say("On the group's account before"), "", "",
               figure(one.opening.minor, currency), None)  # fmt: skip
        for paid in one.payments:
            yield (
                group.name, paid.on, paid.receipt, _what(paid, say), "", "",
                figure(paid.amount.minor, paid.amount.currency), None,
            )  # fmt: skip
            for given in paid.shares:
                what = say("Taken back") if given.back else ""
                yield (
                    group.name, None, given.receipt, what, show_card(given.card), given.head, None,
                    figure(given.amount.minor, given.amount.currency),
                )  # fmt: skip
        for each in one.moves:
            yield (
                group.name, each.on, receipt_number(each.collection_id), say(_KINDS[each.kind]), "", "",
                figure(each.amount.minor, each.amount.currency), None,
            )  # fmt: skip
        yield (group.name, one.last, "", say("On the group's account after"), "", "",
               figure(one.closing.minor, currency), None)  # fmt: skip

    title = say("Statement of {name}, {first} to {last}", name=group.name, first=one.first, last=one.last)
    return Sheet(title, heads, rows())


def _what(paid: Paid, say: Say) -> str:
    if paid.one.state is State.REVERSED:
        return say("Paid, and taken back")
    if paid.kept:
        return say("Paid: waits to be divided")
    if paid.from_account:
        return say("Divided from the group's account")
    return say("Paid in cash") if paid.one.way == "cash" else say("Paid")
