"""Whose money on suspense may be: proposals that help a person to decide, and decide nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, func, select
from stdnum import damm

from gateway.locale import mark
from gateway.membership.households import Household, by_id, standing
from gateway.network.organisations import Tree
from gateway.payments.unasked.incoming import runs_in
from gateway.payments.unasked.suspense import Held, reaches
from gateway.store.schema import account, declaration, household, line, phone

# Why a household is proposed, in the order of their weight.
WHY = {
    "declared": mark("says that it paid with this number"),
    "card": mark("its card is one typing error from the reference"),
    "phone": mark("the payer's number is one of its phones"),
    "amount": mark("it has exactly this amount to pay"),
}
MOST_PROPOSALS = 10
_AROUND = timedelta(days=60)  # how far from the payment a due of the same amount may lie


@dataclass(frozen=True)
class Proposal:
    """A household that money may be for; ``why`` are keys of :data:`WHY`."""

    household: Household
    why: tuple[str, ...]


def proposals(
    connection: Connection, tree: Tree, one: Held, today: date, by: Collection[str] = tuple(WHY)
) -> list[Proposal]:
    """The households that the money may be for, the likeliest first: :data:`MOST_PROPOSALS` at most.

    ``by``: only those that one of these reasons speaks for. That an amount is due is true of many: it costs most.
    """
    reasons: dict[int, set[str]] = {}
    for why, ids in (
        ("declared", _who_declared(connection, one)),
        ("card", _near_cards(connection, one.reference or "")),
        ("phone", _by_payer(connection, one.payer)),
        ("amount", _by_amount(connection, tree, one)),
    ):
        for each in ids if why in by else ():
            reasons.setdefault(each, set()).add(why)
    found = []
    for its_id, whys in reasons.items():
        family = by_id(connection, tree, its_id)
        if not reaches(tree, one.organisation_id, family.section_id) or family.currency != one.amount.currency:
            continue
        now = standing(connection, family, today)
        whys = whys - {"amount"} | ({"amount"} if one.amount in (now.due, now.left, now.to_start) else set())
        if whys:
            found.append(Proposal(family, tuple(word for word in WHY if word in whys)))
    order = list(WHY)
    found.sort(key=lambda each: ([order.index(word) for word in each.why][:1], -len(each.why), each.household.id))
    return found[:MOST_PROPOSALS]


def _who_declared(connection: Connection, one: Held) -> Iterator[int]:
    yield from connection.scalars(
        select(declaration.c.household_id).where(declaration.c.operator_id == one.number).limit(20)
    )


def _by_payer(connection: Connection, payer: str | None) -> Iterator[int]:
    if payer is not None:
        yield from connection.scalars(select(phone.c.household_id).where(phone.c.msisdn == payer).limit(20))


def _near_cards(connection: Connection, reference: str) -> Iterator[int]:
    near = {card for run in runs_in(reference) for card in one_edit_away(re.sub(r"\D", "", run))}
    if near and len(near) <= 500:
        now = func.coalesce(household.c.merged_into_id, household.c.id)
        yield from connection.scalars(select(now).where(household.c.card.in_(sorted(near))))


def one_edit_away(typed: str) -> set[str]:
    """The valid card numbers from which digits differ by one slip: wrong, left out, one too many, or two swapped."""
    count = len(typed)
    if not 8 <= count <= 10 or not typed.isascii():
        return set()
    tries: set[str] = set()
    for place in range(count + 1):
        before, after = typed[:place], typed[place:]
        if count == 8:
            tries |= {before + digit + after for digit in "0123456789"}
        elif count == 10:
            tries.add(before + after[1:])
        elif after:
            tries |= {before + digit + after[1:] for digit in "0123456789"}
            tries.add(before + after[1:2] + after[:1] + after[2:])
    return {each for each in tries if len(each) == 9 and each[0] in "12345" and damm.is_valid(each)} - {typed}


def _by_amount(connection: Connection, tree: Tree, one: Held) -> Iterator[int]:
    """Households with a due of this amount about this day; whether it is still to pay their standing says."""
    wallet = tree[one.organisation_id]
    books = {org.books_id for org in tree.by_id.values() if org.under(wallet)}
    on = one.paid_at.date()
    yield from connection.scalars(
        select(line.c.household_id)
        .join(account, account.c.id == line.c.account_id)
        .where(
            account.c.organisation_id.in_(sorted(books)),
            account.c.role == "receivable",
            account.c.currency == one.amount.currency,
            line.c.amount_minor == one.amount.minor,
            line.c.due_on.between(on - _AROUND, on + _AROUND),
        )
        .group_by(line.c.household_id)
        .order_by(func.min(line.c.id).desc())
        .limit(50)
    )
