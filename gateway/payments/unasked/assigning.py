"""Whose money on suspense is: proposals that help a person, and what one person decides, or two for large amounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, func, insert, select, update
from stdnum import damm

from gateway.kernel.money import EXPONENT, Money
from gateway.ledger.chart import Chart
from gateway.locale import mark
from gateway.membership.households import Household, by_id, standing
from gateway.network.organisations import Tree
from gateway.payments.decisions.two_people import REASON_CHARACTERS, name_kept, same_person
from gateway.payments.payers.shares import group_by_id
from gateway.payments.unasked.incoming import Posted, post_whole, runs_in
from gateway.payments.unasked.suspense import (
    Held,
    NotAssigned,
    leave_suspense,
    reaches,
    take_from_suspense,
    write_decision,
)
from gateway.store.schema import (
    account,
    assignment,
    declaration,
    household,
    incoming,
    line,
    organisation,
    payer_group,
    phone,
)
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

if TYPE_CHECKING:
    from gateway.payments.payers.groups import PostedForGroup


# --- one person, or two -----------------------------------------------------------------------------------------------

# In major units: about what three or four families pay for a year. Up to this one person says whose money is.
_ALONE = {
    "XOF": 50_000,
    "XAF": 50_000,
    "BIF": 150_000,
    "GNF": 700_000,
    "CDF": 200_000,
    "RWF": 100_000,
    "KES": 10_000,
    "USD": 75,
    "EUR": 75,
}


def largest_alone(currency: str) -> Money:
    """The most that one person may take from suspense without another's word."""
    return Money(_ALONE[currency] * 10 ** EXPONENT[currency], currency)


@dataclass(frozen=True)
class Proposed:
    """It was written down whose the money is said to be; it counts once another person has approved."""

    incoming_id: int


def say_whose(
    unit: Unit,
    one: Row[Any],
    by_name: str,
    reason: str,
    *,
    household_id: int | None = None,
    group_id: int | None = None,
) -> Proposed | None:
    """Keep who says whose money is, a household's or a group's; None where that decides, and the caller posts it now.

    ``one`` is what :func:`~gateway.payments.unasked.suspense.take_from_suspense` gave, in this transaction.
    """
    alone = one.amount_minor <= largest_alone(one.currency).minor
    unit.connection.execute(
        insert(assignment).values(
            incoming_id=one.id,
            household_id=household_id,
            group_id=group_id,
            reason=reason.strip()[:REASON_CHARACTERS],
            asked_by=name_kept(by_name),
            asked_at=unit.now,
            decided_at=unit.now if alone else None,
            state="done" if alone else "asked",
        )
    )
    return None if alone else Proposed(one.id)


def assign(
    unit: Unit, tree: Tree, chart: Chart, incoming_id: int, family: Household, by_name: str, reason: str
) -> Posted | Proposed | NotAssigned:
    """A person says whose money on suspense is; above :func:`largest_alone` another has to approve."""
    one = take_from_suspense(unit, tree, incoming_id, [family], by_name, reason)
    if isinstance(one, NotAssigned):
        return one
    proposed = say_whose(unit, one, by_name, reason, household_id=family.id)
    return proposed or _post_to(unit, tree, chart, one, family, by_name, reason)


def _post_to(
    unit: Unit, tree: Tree, chart: Chart, one: Row[Any], family: Household, by_name: str, reason: str
) -> Posted:
    """Let money that leaves suspense count for a household; the case keeps who said so and why.

    A new entry moves it from suspense to the household, for the day on which it was paid: the member isn't to blame for
    a digit. Between two books it leaves the first by a reversal.
    """
    stands_on = leave_suspense(unit, tree, one, tree.books_of(family.section_id))
    posted = post_whole(unit, tree, chart, one, family, stands_on, "assigned")
    write_decision(unit, one, posted.collection_id, by_name, reason)
    return posted


def approve_assignment(
    unit: Unit, tree: Tree, chart: Chart, incoming_id: int, by_name: str
) -> Posted | PostedForGroup | NotAssigned:
    """Another person agrees with whose money is said to be: now it counts. Raises what splitting for a group does."""
    asked = _asked(unit, incoming_id)
    if asked is None:
        return NotAssigned("gone")
    if not by_name.strip():
        return NotAssigned("no-reason")
    if same_person(by_name, asked.asked_by):
        return NotAssigned("same-person")
    note = f"{asked.asked_by}: {asked.reason}"
    done: Posted | PostedForGroup | NotAssigned
    if asked.household_id is None:
        done = _post_to_group(unit, tree, chart, asked, by_name, note)
    else:
        family = by_id(unit.connection, tree, asked.household_id)
        one = take_from_suspense(unit, tree, incoming_id, [family], by_name, note, approving=True)
        done = one if isinstance(one, NotAssigned) else _post_to(unit, tree, chart, one, family, by_name, note)
    if not isinstance(done, NotAssigned):
        _decide(unit, asked, "done", by_name)
    return done


def _post_to_group(
    unit: Unit, tree: Tree, chart: Chart, asked: Row[Any], by_name: str, note: str
) -> PostedForGroup | NotAssigned:
    from gateway.payments.payers.groups import post_for_group  # that file asks this one for a second person

    group = group_by_id(unit.connection, asked.group_id)
    return post_for_group(unit, tree, chart, asked.incoming_id, group, by_name, note, approving=True)


def drop_assignment(unit: Unit, incoming_id: int, by_name: str, reason: str) -> NotAssigned | None:
    """It isn't theirs after all: dropped by whoever said so, refused by anybody else; the money stays on suspense."""
    asked = _asked(unit, incoming_id)
    if asked is None:
        return NotAssigned("gone")
    if not by_name.strip() or not reason.strip():
        return NotAssigned("no-reason")
    state = "dropped" if same_person(by_name, asked.asked_by) else "refused"
    why = f"{asked.reason[: REASON_CHARACTERS // 2]}; {state}: {reason.strip()}"[:REASON_CHARACTERS]
    _decide(unit, asked, state, by_name, reason=why)
    return None


def _asked(unit: Unit, incoming_id: int) -> Row[Any] | None:
    """What waits for a second person, once nobody else decides about this money at the same moment."""
    number = unit.connection.scalar(select(incoming.c.operator_id).where(incoming.c.id == incoming_id))
    if number is None:
        return None
    take_turn(unit, number)
    open_ones = (assignment.c.incoming_id == incoming_id) & (assignment.c.state == "asked")
    return unit.connection.execute(select(assignment).where(open_ones).with_for_update()).first()


def _decide(unit: Unit, asked: Row[Any], state: str, by_name: str, **changes: str) -> None:
    values = {"state": state, "decided_by": name_kept(by_name), "decided_at": unit.now, **changes}
    unit.connection.execute(update(assignment).where(assignment.c.id == asked.id).values(values))


@dataclass(frozen=True)
class Waiting:
    """Money of which somebody has said whose it is, and that another person has to decide about.

    ``whose`` is the card of a household or the code of a group.
    """

    incoming_id: int
    organisation_id: int
    amount: Money
    whose: str
    asked_by: str
    asked_at: datetime
    reason: str


def waiting(connection: Connection, under_path: str = "/") -> list[Waiting]:
    """What waits for a second person, of the organisations at or below a path, the oldest first."""
    rows = connection.execute(
        select(assignment, incoming.c.organisation_id, incoming.c.amount_minor, incoming.c.currency,
               func.coalesce(household.c.card, payer_group.c.code).label("whose"))
        .join(incoming, incoming.c.id == assignment.c.incoming_id)
        .join(organisation, organisation.c.id == incoming.c.organisation_id)
        .outerjoin(household, household.c.id == assignment.c.household_id)
        .outerjoin(payer_group, payer_group.c.id == assignment.c.group_id)
        .where(assignment.c.state == "asked", incoming.c.state == "suspense",
               organisation.c.path.like(under_path + "%"))
        .order_by(assignment.c.id)
    )  # fmt: skip
    return [
        Waiting(
            row.incoming_id,
            row.organisation_id,
            Money(row.amount_minor, row.currency),
            row.whose,
            row.asked_by,
            row.asked_at,
            row.reason,
        )
        for row in rows
    ]


# --- whose it may be --------------------------------------------------------------------------------------------------

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


def proposals(connection: Connection, tree: Tree, one: Held, today: date) -> list[Proposal]:
    """Whose the money may be, the likeliest first. They help a person to decide, and decide nothing."""
    reasons: dict[int, set[str]] = {}
    for why, ids in (
        ("declared", _who_declared(connection, one)),
        ("card", _near_cards(connection, one.reference or "")),
        ("phone", _by_payer(connection, one.payer)),
        ("amount", _by_amount(connection, tree, one)),
    ):
        for each in ids:
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
        yield from connection.scalars(select(household.c.id).where(household.c.card.in_(sorted(near))))


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
