"""Whose money on suspense is: one person says it, or two for large amounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.membership.households import Household, by_id
from gateway.network.organisations import Tree
from gateway.payments.decisions.two_people import REASON_CHARACTERS, name_kept, same_person
from gateway.payments.payers.group_money import post_kept
from gateway.payments.payers.shares import Group, Share, divide, group_by_id, members_of
from gateway.payments.push.limits import largest_alone
from gateway.payments.unasked.incoming import Posted, post_whole
from gateway.payments.unasked.suspense import (
    NotAssigned,
    leave_suspense,
    take_from_suspense,
    take_turn_of,
    write_decision,
)
from gateway.store.schema import assignment, household, incoming, organisation, payer_group
from gateway.store.unit import Unit


@dataclass(frozen=True)
class Proposed:
    """It was written down whose the money is said to be; it counts once another person has approved."""

    incoming_id: int


@dataclass(frozen=True)
class PostedForGroup:
    """What each household got, by card: the household, the collection's id, the amount."""

    shares: tuple[tuple[Household, int, Money], ...]


def _write_down(
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
    proposed = _write_down(unit, one, by_name, reason, household_id=family.id)
    return proposed or _post_to(unit, tree, chart, one, family, by_name, reason)


def assign_to_group(
    unit: Unit, tree: Tree, chart: Chart, incoming_id: int, group: Group, by_name: str, reason: str
) -> PostedForGroup | Proposed | NotAssigned:
    """A person says that a group paid it: each household gets its share, in one transaction.

    The operator's one transaction is one entry (wallet to suspense); each share is one more (suspense to household), so
    that each has its own receipt. Above :func:`largest_alone` another person has to approve. Raises
    :class:`~gateway.payments.payers.shares.BadSplit`.
    """
    found = _take_divided(unit, tree, incoming_id, group, by_name, reason)
    if isinstance(found, NotAssigned):
        return found
    one, shares = found
    proposed = _write_down(unit, one, by_name, reason, group_id=group.id)
    return proposed or _post_to_group(unit, tree, chart, one, shares, group, by_name, reason)


def _take_divided(
    unit: Unit, tree: Tree, incoming_id: int, group: Group, by_name: str, reason: str, approving: bool = False
) -> tuple[Row[Any], list[Share]] | NotAssigned:
    """The locked row of money that a group is said to have paid, and each household's share of it today."""
    families = [one for one, _ in members_of(unit.connection, tree, group)]
    one = take_from_suspense(unit, tree, incoming_id, families, by_name, reason, approving)
    if isinstance(one, NotAssigned):
        return one
    books, amount = tree.books_of(one.organisation_id), Money(one.amount_minor, one.currency)
    return one, divide(unit.connection, tree, group, books.id, amount, day_in(books.time_zone, unit.now))


def _post_to(
    unit: Unit, tree: Tree, chart: Chart, one: Row[Any], family: Household, by_name: str, reason: str
) -> Posted:
    """Let money that leaves suspense count for a household; the case keeps who said so and why.

    A new entry moves it from suspense to the household, for the day on which it was paid: the member isn't to blame for
    a digit. Between two books it leaves the first by a reversal.
    """
    stands_on = leave_suspense(unit, tree, one, [family])
    posted = post_whole(unit, tree, chart, one, family, stands_on, "assigned")
    write_decision(unit, one, posted.collection_id, by_name, reason)
    return posted


def _post_to_group(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    one: Row[Any],
    shares: Sequence[Share],
    group: Group,
    by_name: str,
    reason: str,
) -> PostedForGroup:
    posted = post_kept(unit, tree, chart, one, group, shares)
    write_decision(unit, one, None, by_name, f"group {group.code}: {reason}")
    return PostedForGroup(
        tuple((family, its_id, share) for (family, share), its_id in zip(shares, posted, strict=True))
    )


def approve_assignment(
    unit: Unit, tree: Tree, chart: Chart, incoming_id: int, by_name: str
) -> Posted | PostedForGroup | NotAssigned:
    """Another person agrees with whose money is said to be: now it counts. Raises BadSplit as for the first person."""
    asked = _asked(unit, incoming_id)
    if asked is None:
        return NotAssigned("gone")
    if not by_name.strip():
        return NotAssigned("no-reason")
    if same_person(by_name, asked.asked_by):
        return NotAssigned("same-person")
    done = _post_approved(unit, tree, chart, asked, by_name)
    if not isinstance(done, NotAssigned):
        _decide(unit, asked, "done", by_name)
    return done


def _post_approved(
    unit: Unit, tree: Tree, chart: Chart, asked: Row[Any], by_name: str
) -> Posted | PostedForGroup | NotAssigned:
    note = f"{asked.asked_by}: {asked.reason}"
    if asked.household_id is None:
        group = group_by_id(unit.connection, asked.group_id)
        found = _take_divided(unit, tree, asked.incoming_id, group, by_name, note, approving=True)
        if isinstance(found, NotAssigned):
            return found
        return _post_to_group(unit, tree, chart, *found, group, by_name, note)
    family = by_id(unit.connection, tree, asked.household_id)
    one = take_from_suspense(unit, tree, asked.incoming_id, [family], by_name, note, approving=True)
    return one if isinstance(one, NotAssigned) else _post_to(unit, tree, chart, one, family, by_name, note)


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
    if not take_turn_of(unit, incoming.c.id == incoming_id):
        return None
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


def waiting(connection: Connection, under_path: str = "/", incoming_id: int | None = None) -> list[Waiting]:
    """What waits for a second person, of the organisations at or below a path (or of one payment), the oldest first."""
    own = [assignment.c.incoming_id == incoming_id] if incoming_id is not None else []
    rows = connection.execute(
        select(assignment, incoming.c.organisation_id, incoming.c.amount_minor, incoming.c.currency,
               func.coalesce(household.c.card, payer_group.c.code).label("whose"))
        .join(incoming, incoming.c.id == assignment.c.incoming_id)
        .join(organisation, organisation.c.id == incoming.c.organisation_id)
        .outerjoin(household, household.c.id == assignment.c.household_id)
        .outerjoin(payer_group, payer_group.c.id == assignment.c.group_id)
        .where(assignment.c.state == "asked", incoming.c.state == "suspense",
               organisation.c.path.like(under_path + "%"), *own)
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
