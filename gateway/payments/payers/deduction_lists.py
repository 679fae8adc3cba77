"""A list of what a group kept back from its members at harvest time: where it stands, its rows, and who pays it.

A list is read and looked at, waits for the group's one payment, and is posted with it: until then it posts nothing and
tells nobody. Its payment is divided exactly by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.kernel.numbers import with_check_digit
from gateway.locale import Say, mark
from gateway.membership.households import by_id
from gateway.network.organisations import Tree
from gateway.payments.decisions.cases import GATEWAY
from gateway.payments.payers.shares import Share
from gateway.store.heads import HEAD_NAME
from gateway.store.schema import collection, deduction, deduction_part, deduction_row, household, incoming, organisation
from gateway.store.unit import Unit


class State(StrEnum):
    """Where a list stands."""

    READ = "read"  # looked at, with its faults; it can be dropped
    WAITING = "waiting"  # good: it waits for the group's payment
    PROPOSED = "proposed"  # one person says that it is to be divided now; above a limit another agrees first
    POSTED = "posted"  # divided: each household has its share and its receipt
    WITHDRAWN = "withdrawn"  # dropped, or another one took its place


EDGES: dict[State, frozenset[State]] = {
    State.READ: frozenset({State.WAITING, State.WITHDRAWN}),
    State.WAITING: frozenset({State.PROPOSED, State.POSTED, State.WITHDRAWN}),
    State.PROPOSED: frozenset({State.WAITING, State.POSTED, State.WITHDRAWN}),
    State.POSTED: frozenset(),
    State.WITHDRAWN: frozenset(),
}
_NOT_NOW = {
    State.READ: mark("the list was only looked at: say first that it is right"),
    State.WAITING: mark("the list waits for its payment"),
    State.PROPOSED: mark("somebody has said that the list is to be divided: another person decides that first"),
    State.POSTED: mark("the list was divided already"),
    State.WITHDRAWN: mark("the list was withdrawn"),
}


@dataclass(frozen=True)
class Deduction:
    """A list: of which group, what for (``label``), its sum, where it stands, and who did what with it."""

    id: int
    organisation_id: int
    group_id: int
    label: str
    file_name: str
    total: Money
    state: State
    replaces_id: int | None
    by_name: str
    at: datetime
    asked_by: str | None
    asked_at: datetime | None
    rest_to_group: bool
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None

    @property
    def number(self) -> str:
        """What a group types as the reference of its payment, with a check digit."""
        return with_check_digit(self.id)


@dataclass(frozen=True)
class Line:
    """A row of a list: its number in the file, what the file calls the household, whom it was found to be, how much.

    ``faults``: why it can't be taken, each a line of the catalogue with its values; ``warnings`` are told only.
    """

    number: int
    named: str
    household_id: int | None
    card: str | None
    head: str | None
    amount: Money | None
    faults: tuple[tuple[str, dict[str, Any]], ...]
    warnings: tuple[tuple[str, dict[str, Any]], ...]


@dataclass(frozen=True)
class Part:
    """Money that pays a list, or a part of it: an operator's transaction (by its row), or the group's own account."""

    id: int
    incoming_id: int | None
    collection_id: int | None
    amount: Money
    by_name: str
    at: datetime
    operator: str | None
    operator_number: str | None
    stands: bool  # on suspense still


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(row: Row[Any]) -> Deduction:
    return Deduction(
        row.id,
        row.organisation_id,
        row.group_id,
        row.label,
        row.file_name,
        Money(row.total_minor, row.currency),
        State(row.state),
        row.replaces_id,
        row.by_name,
        row.at,
        row.asked_by,
        row.asked_at,
        row.rest_to_group,
        row.decided_by,
        row.decided_at,
        row.reason,
    )


def deduction_with(connection: Connection, its_id: int, lock: bool = False) -> Deduction:
    """The list with an id; raises :class:`Fault`."""
    query = select(deduction).where(deduction.c.id == its_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise Fault(mark("there is no list {number}"), number=its_id)
    return _read(row)


def deductions(
    connection: Connection, under_path: str, limit: int, group_id: int | None = None, before: int | None = None
) -> list[Deduction]:
    """The lists of groups at or below a path (of one group), the newest first; ``before``: older than this id."""
    query = (
        select(deduction)
        .join(organisation, organisation.c.id == deduction.c.organisation_id)
        .where(organisation.c.path.like(under_path + "%"))
    )
    if group_id is not None:
        query = query.where(deduction.c.group_id == group_id)
    if before is not None:
        query = query.where(deduction.c.id < before)
    return [_read(row) for row in connection.execute(query.order_by(deduction.c.id.desc()).limit(limit))]


def lines_of(connection: Connection, one: Deduction, limit: int = 1_000, after: int = 0) -> list[Line]:
    """The rows of a list, in the file's order; ``after``: those behind a number."""
    rows = connection.execute(
        select(deduction_row, household.c.card, func.coalesce(HEAD_NAME, "").label("head"))
        .outerjoin(household, household.c.id == deduction_row.c.household_id)
        .where(deduction_row.c.deduction_id == one.id, deduction_row.c.number > after)
        .order_by(deduction_row.c.number)
        .limit(limit)
    )
    return [
        Line(
            row.number,
            row.named,
            row.household_id,
            row.card,
            row.head or None,
            Money(row.amount_minor, one.total.currency) if row.amount_minor is not None else None,
            tuple((said["why"], said["values"]) for said in row.faults if not said["warns"]),
            tuple((said["why"], said["values"]) for said in row.faults if said["warns"]),
        )
        for row in rows
    ]


def parts_of(connection: Connection, one: Deduction) -> list[Part]:
    """What pays a list as far as it is known, in the order in which it is used: the group's account first."""
    rows = connection.execute(
        select(deduction_part, incoming.c.operator, incoming.c.operator_id, incoming.c.state)
        .outerjoin(incoming, incoming.c.id == deduction_part.c.incoming_id)
        .where(deduction_part.c.deduction_id == one.id)
        .order_by(deduction_part.c.incoming_id.is_not(None), deduction_part.c.incoming_id, deduction_part.c.id)
    )
    return [
        Part(
            row.id,
            row.incoming_id,
            row.collection_id,
            Money(row.amount_minor, one.total.currency),
            row.by_name,
            row.at,
            row.operator,
            row.operator_id,
            row.state == "suspense" or row.incoming_id is None,
        )
        for row in rows
    ]


def shares_of_list(connection: Connection, tree: Tree, one: Deduction) -> list[Share]:
    """Each household's share, by card; of one that was merged since, that of the one that it was merged into.

    Of whom nothing was kept back there is none: no payment of nothing can be posted.
    """
    rows = connection.execute(
        select(func.coalesce(household.c.merged_into_id, household.c.id), func.sum(deduction_row.c.amount_minor))
        .join(household, household.c.id == deduction_row.c.household_id)
        .where(deduction_row.c.deduction_id == one.id)
        .group_by(func.coalesce(household.c.merged_into_id, household.c.id))
        .having(func.sum(deduction_row.c.amount_minor) > 0)
    ).all()
    found = [(by_id(connection, tree, row[0]), Money(int(row[1]), one.total.currency)) for row in rows]
    return sorted(found, key=lambda share: share[0].card)


def fill(shares: Sequence[Share], amounts: Sequence[Money]) -> tuple[list[list[Share]], Money]:
    """Shares filled from amounts in turn, and what is left over of the last amount.

    A share that lies across two amounts is divided between them; each amount has one transaction, and its own receipts.
    Raises ValueError where the amounts don't reach.
    """
    waiting = [(family, share.minor) for family, share in shares if share.minor]
    pieces: list[list[Share]] = []
    left = 0
    for amount in amounts:
        left, piece = amount.minor, []
        while waiting and left:
            family, wanted = waiting[0]
            given = min(wanted, left)
            piece.append((family, Money(given, amount.currency)))
            left -= given
            waiting[0] = (family, wanted - given)
            if given == wanted:
                waiting.pop(0)
        pieces.append(piece)
    if waiting or not amounts:
        raise ValueError("the amounts don't reach")
    return pieces, Money(left, amounts[0].currency)


# --- moving -----------------------------------------------------------------------------------------------------------


def require(one: Deduction, *wanted: State) -> None:
    """Raises :class:`Fault`, which says where the list stands, unless it is in a state that is wanted."""
    if one.state not in wanted:
        raise Fault(_NOT_NOW[one.state])


def move(unit: Unit, one: Deduction, to: State, **columns: object) -> None:
    """Bring a locked list to another state; raises :class:`Fault` without such an edge."""
    if to not in EDGES[one.state]:
        raise Fault(_NOT_NOW[one.state])
    unit.connection.execute(update(deduction).where(deduction.c.id == one.id).values(state=to.value, **columns))


# --- a payment that the group was asked for ---------------------------------------------------------------------------


def waiting_for(unit: Unit, group_id: int) -> list[Deduction]:
    """The lists of a group that wait for their payment, locked."""
    rows = unit.connection.execute(
        select(deduction)
        .where(deduction.c.group_id == group_id, deduction.c.state.in_((State.WAITING.value, State.PROPOSED.value)))
        .order_by(deduction.c.id)
        .with_for_update()
    )
    return [_read(row) for row in rows]


def paid_by_push(unit: Unit, group_id: int, amount: Money) -> Deduction | None:
    """The one list of a group that waits for exactly this amount, and of which nothing else is paid.

    Raises LookupError where lists wait and none is meant: a person decides.
    """
    found = waiting_for(unit, group_id)
    if not found:
        return None
    meant = [
        one
        for one in found
        if one.total == amount and one.state is State.WAITING and not parts_of(unit.connection, one)
    ]
    if len(meant) != 1:
        raise LookupError("a list of deductions waits, and it isn't its sum")
    return meant[0]


def finish_push(unit: Unit, one: Deduction, collection_id: int) -> None:
    """A list was divided with the payment that its group was asked for."""
    unit.connection.execute(
        insert(deduction_part).values(
            deduction_id=one.id, collection_id=collection_id, amount_minor=one.total.minor, by_name=GATEWAY, at=unit.now
        )
    )
    move(unit, one, State.POSTED, decided_by=GATEWAY, decided_at=unit.now, reason="the group was asked for it")


def list_of_collection(connection: Connection, collection_id: int) -> int | None:
    """The id of the list by which a group's payment was divided."""
    query = select(deduction_part.c.deduction_id).where(deduction_part.c.collection_id == collection_id).limit(1)
    return connection.scalar(query)


def collections_of_list(connection: Connection, its_id: int) -> list[int]:
    """The ids of the group's payments by which a list was paid."""
    return list(
        connection.scalars(
            select(collection.c.id)
            .join(deduction_part, deduction_part.c.collection_id == collection.c.id)
            .where(deduction_part.c.deduction_id == its_id)
            .order_by(collection.c.id)
        )
    )


def said_of(say: Say, faults: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """What there is to say of a row, in words."""
    return [say(why, **values) for why, values in faults]
