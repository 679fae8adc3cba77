"""Conflicts: fields that both sides changed since they last agreed, until somebody chooses one of the two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, select, update

from gateway.exchange.software.members import Place, agree_on, apply, ours_of
from gateway.kernel.faults import Fault
from gateway.ledger.chart import Chart
from gateway.locale import mark
from gateway.membership import family
from gateway.membership.changes import By
from gateway.membership.households import by_id, lock_household
from gateway.network.organisations import Organisation, Tree
from gateway.store.schema import beneficiary, household, organisation, software_conflict
from gateway.store.unit import Unit

Side = Literal["ours", "theirs"]


@dataclass(frozen=True)
class Conflict:
    """A field that was changed on both sides; ``agreed_at``: when both said ``agreed``; None where they never did."""

    id: int
    household_id: int
    beneficiary_id: int
    section_id: int
    card: str
    name: str
    field: str
    agreed: str | None
    ours: str
    theirs: str
    agreed_at: datetime | None
    seen_at: datetime
    state: str
    settled_by: str | None


_ONE = (
    select(software_conflict, household.c.card, household.c.section_id, beneficiary.c.name)
    .join(household, household.c.id == software_conflict.c.household_id)
    .join(beneficiary, beneficiary.c.id == software_conflict.c.beneficiary_id)
)


def open_below(connection: Connection, path: str, after: int = 0, limit: int = 50) -> list[Conflict]:
    """The open conflicts of households at or below a path, by number, those after one."""
    own = organisation.c.id == household.c.section_id
    query = _ONE.join(organisation, own).where(
        organisation.c.path.startswith(path, autoescape=True),
        software_conflict.c.state == "open",
        software_conflict.c.id > after,
    )
    return [_read(row) for row in connection.execute(query.order_by(software_conflict.c.id).limit(limit))]


def conflict_with(connection: Connection, its_id: int) -> Conflict | None:
    """The conflict with a number, open or not."""
    row = connection.execute(_ONE.where(software_conflict.c.id == its_id)).first()
    return _read(row) if row is not None else None


def _read(row: Row[Any]) -> Conflict:
    return Conflict(
        row.id, row.household_id, row.beneficiary_id, row.section_id, row.card, row.name, row.field, row.agreed,
        row.ours, row.theirs, row.agreed_at, row.seen_at, row.state, row.settled_by,
    )  # fmt: skip


def settle(unit: Unit, tree: Tree, chart: Chart, at: Organisation | None, its_id: int, side: Side, by: By) -> Conflict:
    """Let a field be as one of the two sides has it; the conflict as it is now. Choosing the same again does nothing.

    With ``ours`` it stays as it is, and the next file that is handed out tells them. With ``theirs`` it is put right
    here, traced. Raises :class:`Fault` for a conflict that isn't at or below ``at`` (None: anywhere), that was settled
    otherwise, and, of ``theirs``, where what stands here changed meanwhile or the person isn't on the card any more.
    """
    found = conflict_with(unit.connection, its_id)
    if found is None or (at is not None and not tree[found.section_id].under(at)):
        raise Fault(mark("there is no conflict {number}"), number=its_id)
    lock_household(unit, found.household_id)
    now = conflict_with(unit.connection, its_id)
    if now is None:
        raise Fault(mark("there is no conflict {number}"), number=its_id)
    if now.state == side:
        return now
    if now.state != "open":
        raise Fault(mark("conflict {number} was settled already"), number=its_id)
    one = by_id(unit.connection, tree, now.household_id)
    who = next((each for each in family.roster(unit.connection, one.id) if each.id == now.beneficiary_id), None)
    if side == "theirs":
        if who is None:
            raise Fault(mark("this person isn't on the card any more"))
        if ours_of(unit, tree, one, who)[now.field] != now.ours:
            raise Fault(mark("what stands here changed meanwhile: take their file in again"))
        root = tree.upward(one.section_id)[-1]
        apply(unit, Place(tree, chart, at or root, by), one, who, {now.field: now.theirs})
    if who is not None:
        agree_on(unit, who.id, now.field, now.theirs)
    unit.connection.execute(
        update(software_conflict)
        .where(software_conflict.c.id == its_id)
        .values(state=side, settled_at=unit.now, settled_by=(by.name or "")[:60])
    )
    settled = conflict_with(unit.connection, its_id)
    return settled or now
