"""Lists of households proposed for other categories, read: where each stands, its households, and its story."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.membership.proposals.states import State
from gateway.membership.several import among
from gateway.store.schema import (
    beneficiary,
    category,
    category_proposal,
    category_proposal_event,
    category_proposal_row,
    household,
    household_category,
    membership,
    organisation,
)

MOST_ROWS = 2_000  # households on one list: what a meeting can go through in a day, and more
_AT_ONCE = 500


@dataclass(frozen=True)
class Proposal:
    """A list: whose it is, where it stands, who did what with it, and how many households are on it."""

    id: int
    organisation_id: int
    title: str
    state: State
    made_by: str
    made_at: datetime
    met_on: date | None
    witnesses: tuple[str, ...]
    validated_by: str | None
    validated_at: datetime | None
    applies_on: date | None
    applied_by: str | None
    rows: int


@dataclass(frozen=True)
class ProposedRow:
    """A household of a list; codes None: in no category. ``becomes``: what the meeting decided, as far as it did."""

    household_id: int
    section_id: int
    card: str
    head: str
    from_code: str | None
    to_code: str | None
    reason: str
    proposed_by: str
    decision: str | None
    decided_code: str | None
    state: str
    skipped_because: str | None

    @property
    def becomes(self) -> str | None:
        """The category that it would be in; of one that was skipped, the one that it was in."""
        if self.state == "skipped":
            return self.from_code
        return {"changed": self.decided_code, "refused": self.from_code}.get(self.decision or "", self.to_code)


_PROPOSALS = select(
    category_proposal,
    select(func.count())
    .where(category_proposal_row.c.proposal_id == category_proposal.c.id)
    .scalar_subquery()
    .label("rows"),
)


def _read(row: Row[Any]) -> Proposal:
    return Proposal(
        row.id,
        row.organisation_id,
        row.title,
        State(row.state),
        row.made_by,
        row.made_at,
        row.met_on,
        tuple(row.witnesses or ()),
        row.validated_by,
        row.validated_at,
        row.applies_on,
        row.applied_by,
        row.rows,
    )


def proposal_with(connection: Connection, proposal_id: int) -> Proposal:
    """The list with an id; raises :class:`Fault`."""
    row = connection.execute(_PROPOSALS.where(category_proposal.c.id == proposal_id)).first()
    if row is None:
        raise Fault(mark("there is no list {number}"), number=proposal_id)
    return _read(row)


def proposals(connection: Connection, under_path: str, limit: int, before: int | None = None) -> list[Proposal]:
    """The lists of the organisations at or below a path, the newest first; ``before``: older than this id."""
    asked = _PROPOSALS.join(organisation, organisation.c.id == category_proposal.c.organisation_id).where(
        organisation.c.path.like(under_path + "%")
    )
    if before is not None:
        asked = asked.where(category_proposal.c.id < before)
    return [_read(row) for row in connection.execute(asked.order_by(category_proposal.c.id.desc()).limit(limit))]


_ROWS = (
    select(
        category_proposal_row.c.household_id,
        category_proposal_row.c.section_id,
        household.c.card,
        func.coalesce(beneficiary.c.name, ""),
        category_proposal_row.c.from_code,
        category_proposal_row.c.to_code,
        category_proposal_row.c.reason,
        category_proposal_row.c.proposed_by,
        category_proposal_row.c.decision,
        category_proposal_row.c.decided_code,
        category_proposal_row.c.state,
        category_proposal_row.c.skipped_because,
    )
    .join(household, household.c.id == category_proposal_row.c.household_id)
    .outerjoin(beneficiary, (beneficiary.c.household_id == household.c.id) & (beneficiary.c.relation == "head"))
)


def rows_of(
    connection: Connection, proposal_id: int, limit: int = MOST_ROWS, after: str = ""
) -> list[ProposedRow]:  # fmt: skip
    """The households of a list, by card; ``after``: those behind a card."""
    asked = _ROWS.where(category_proposal_row.c.proposal_id == proposal_id, household.c.card > after)
    return [ProposedRow(*tuple(row)) for row in connection.execute(asked.order_by(household.c.card).limit(limit))]


@dataclass(frozen=True)
class Step:
    """Who brought a list to a state, when, and what they said."""

    at: datetime
    state: State
    by_name: str
    note: str | None


def story_of(connection: Connection, proposal_id: int) -> list[Step]:
    """What was done with a list, in order."""
    rows = connection.execute(
        select(category_proposal_event)
        .where(category_proposal_event.c.proposal_id == proposal_id)
        .order_by(category_proposal_event.c.id)
    )
    return [Step(row.at, State(row.to_state), row.by_name, row.note) for row in rows]


def present_codes(connection: Connection, ids: Iterable[int], on: date) -> dict[int, str | None]:
    """In which category each household is on a day, by id; who never was in one isn't there."""
    found: dict[int, str | None] = {}
    every = sorted(ids)
    for start in range(0, len(every), _AT_ONCE):
        rows = connection.execute(
            select(household_category.c.household_id, category.c.code)
            .outerjoin(category, category.c.id == household_category.c.category_id)
            .where(
                household_category.c.household_id.in_(among(every[start : start + _AT_ONCE])),
                household_category.c.since <= on,
            )
            .order_by(household_category.c.household_id, household_category.c.since, household_category.c.id)
        )
        found.update({row.household_id: row.code for row in rows})  # the last of each counts
    return found


def left_of(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Which of these households have left: their last year that began says so."""
    last: dict[int, date | None] = {}
    every = sorted(ids)
    for start in range(0, len(every), _AT_ONCE):
        rows = connection.execute(
            select(membership.c.household_id, membership.c.starts_on, membership.c.left_on)
            .where(membership.c.household_id.in_(among(every[start : start + _AT_ONCE])))
            .order_by(membership.c.household_id, membership.c.starts_on)
        )
        for row in rows:
            if row.left_on is None or row.left_on >= row.starts_on:
                last[row.household_id] = row.left_on
    return {its_id for its_id, left_on in last.items() if left_on is not None}
