"""A list of categories is printed, validated by the meeting and applied, by two people, in batches, each row once.

One person writes down what the meeting decided, another has it applied. A batch is one transaction: whoever dies in the
middle leaves rows that are open, and whoever goes on finds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import Connection, func, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.persons import name_kept, same_person
from gateway.locale import mark
from gateway.membership.categories import NAME_CHARACTERS, REASON_CHARACTERS, categories_for, put_into
from gateway.membership.dues import RENEWAL_OPENS_DAYS, add_months
from gateway.membership.plans import plans_for
from gateway.membership.proposals.lists import left_of, proposal_with
from gateway.membership.proposals.states import State, locked_state, move, require
from gateway.network.organisations import Network, Tree
from gateway.store.schema import category_proposal, category_proposal_row, household
from gateway.store.unit import Store, Unit

BATCH = 50  # households in one transaction
MOST_AHEAD_DAYS = 400
WITNESSES = (2, 12)  # at least, at most
Decision = Literal["accepted", "changed", "refused"]

SKIPPED = {
    "merged": mark("merged into another household since"),
    "left": mark("has left since"),
    "moved": mark("moved to another place since"),
    "no-category": mark("its category isn't there any more"),
}


@dataclass(frozen=True)
class Decided:
    """What the meeting said of a household; ``code``: the category where it changed what was proposed, None: none."""

    decision: Decision
    code: str | None = None


def printed(unit: Unit, proposal_id: int, by_name: str) -> None:
    """The list is printed for the meeting: from now on it stays as it is. Printing it again changes nothing.

    Raises :class:`Fault` for an empty list, or one that was withdrawn.
    """
    state = locked_state(unit, proposal_id)
    if state is not State.PROPOSED:
        require(state, State.PRINTED, State.VALIDATED, State.APPLYING, State.APPLIED)
        return
    if not proposal_with(unit.connection, proposal_id).rows:
        raise Fault(mark("the list is empty"))
    if not name_kept(by_name):
        raise Fault(mark("a name must be given"))
    move(unit, proposal_id, state, State.PRINTED, by_name)


def validate(
    unit: Unit,
    tree: Tree,
    proposal_id: int,
    by_name: str,
    met_on: date,
    witnesses: Sequence[str],
    decisions: Mapping[int, Decided],
) -> None:
    """Write down what a meeting decided: its day, its witnesses, and a word on every household of a printed list.

    Nothing is applied by it. Raises :class:`Fault` for a day ahead or before the list was made, for too few witnesses,
    for a household without a word, or a category that isn't there.
    """
    state = locked_state(unit, proposal_id)
    require(state, State.PRINTED)
    one = proposal_with(unit.connection, proposal_id)
    zone = tree[one.organisation_id].time_zone
    if not day_in(zone, one.made_at) <= met_on <= day_in(zone, unit.now):
        raise Fault(mark("the meeting was between the day on which the list was made and today"))
    names = _witnesses(witnesses)
    if not name_kept(by_name):
        raise Fault(mark("a name must be given"))
    rows = unit.connection.execute(
        select(category_proposal_row).where(category_proposal_row.c.proposal_id == proposal_id)
    ).all()
    missing = sum(row.household_id not in decisions for row in rows)
    if missing:
        raise Fault(mark("households of the list without a word of the meeting: {count}"), count=missing)
    known: dict[int, set[str]] = {}
    for row in rows:
        said = decisions[row.household_id]
        if said.decision == "changed" and said.code is not None:
            if row.section_id not in known:
                found = categories_for(unit.connection, tree, row.section_id)
                known[row.section_id] = {each.code for each in found}
            if said.code not in known[row.section_id]:
                raise Fault(mark("there is no category {code} here"), code=said.code)
        unit.connection.execute(
            update(category_proposal_row)
            .where(category_proposal_row.c.id == row.id)
            .values(
                decision=said.decision,
                decided_code=said.code if said.decision == "changed" else None,
                state="kept" if said.decision == "refused" else "open",
            )
        )
    move(
        unit, proposal_id, state, State.VALIDATED, by_name, met_on=met_on, witnesses=names,
        validated_by=name_kept(by_name), validated_at=unit.now,
    )  # fmt: skip


def _witnesses(typed: Sequence[str]) -> list[str]:
    names: list[str] = []
    for each in map(name_kept, typed):
        if each and not any(same_person(each, other) for other in names):
            names.append(each)
    least, most = WITNESSES
    if not least <= len(names) <= most:
        raise Fault(mark("name {least} to {most} different witnesses of the meeting"), least=least, most=most)
    return names


def from_next_year(connection: Connection, tree: Tree, organisation_id: int, today: date) -> date:
    """The day from which a change counts for the next membership year: when its renewals open, at the earliest today.

    Where every household has its own year, that is today: whoever renews from then on takes the new category.
    """
    sections = tree.sections_under(organisation_id)
    plans = plans_for(connection, tree, sections[0].id, today) if sections else []
    month = plans[0].terms.year_starts_month if plans else None
    if month is None:
        return today
    first = date(today.year, month, 1)
    starts = first if first > today else add_months(first, 12)
    return max(today, starts - timedelta(days=RENEWAL_OPENS_DAYS))


def start(unit: Unit, tree: Tree, proposal_id: int, by_name: str, applies_on: date) -> None:
    """Another person than who wrote down the meeting's word lets a list be applied from a day on, today or ahead.

    Raises :class:`Fault`. The households are put into their categories by :func:`go_on`.
    """
    state = locked_state(unit, proposal_id)
    require(state, State.VALIDATED)
    one = proposal_with(unit.connection, proposal_id)
    if not name_kept(by_name):
        raise Fault(mark("a name must be given"))
    if same_person(by_name, one.validated_by or ""):
        raise Fault(mark("it takes another person than who wrote down what the meeting decided"))
    today = day_in(tree[one.organisation_id].time_zone, unit.now)
    if not today <= applies_on <= today + timedelta(days=MOST_AHEAD_DAYS):
        raise Fault(mark("it applies from today on, or from a day at most {days} days ahead"), days=MOST_AHEAD_DAYS)
    move(
        unit, proposal_id, state, State.APPLYING, by_name, applies_on.isoformat(), applies_on=applies_on,
        applied_by=name_kept(by_name), applied_at=unit.now,
    )  # fmt: skip


def go_on(unit: Unit, tree: Tree, proposal_id: int) -> bool:
    """Put the next households of a list into their categories, each once; False when none is left.

    Who left, moved beyond the list's place or was merged since is skipped, and the row says why.
    """
    if locked_state(unit, proposal_id) is not State.APPLYING:
        return False
    one = proposal_with(unit.connection, proposal_id)
    rows = unit.connection.execute(
        select(category_proposal_row)
        .where(category_proposal_row.c.proposal_id == proposal_id, category_proposal_row.c.state == "open")
        .order_by(category_proposal_row.c.household_id)
        .limit(BATCH)
    ).all()
    # Nobody moves, merges or ends one of them between this look and its change.
    ids = [row.household_id for row in rows]
    now = {
        row.id: row
        for row in unit.connection.execute(
            select(household.c.id, household.c.merged_into_id, household.c.section_id)
            .where(household.c.id.in_(ids))
            .order_by(household.c.id)
            .with_for_update()
        )
    }
    left = left_of(unit.connection, ids)
    met = one.met_on.isoformat() if one.met_on is not None else ""
    reason = f"{one.title} ({met}): "
    for row in rows:
        code = row.decided_code if row.decision == "changed" else row.to_code
        its = now[row.household_id]
        why = None
        if its.merged_into_id is not None:
            why = "merged"
        elif row.household_id in left:
            why = "left"
        elif not tree[its.section_id].under(tree[one.organisation_id]):
            why = "moved"
        elif code is not None and code not in _codes(unit.connection, tree, its.section_id):
            why = "no-category"
        if why is None:
            said = (reason + row.reason)[:REASON_CHARACTERS]
            by = (one.applied_by or "")[:NAME_CHARACTERS]
            put_into(unit, tree, row.household_id, code, one.applies_on, by, said)
        unit.connection.execute(
            update(category_proposal_row)
            .where(category_proposal_row.c.id == row.id)
            .values(state="applied" if why is None else "skipped", skipped_because=why)
        )
    if len(rows) == BATCH:
        return True
    move(unit, proposal_id, State.APPLYING, State.APPLIED, one.applied_by or "")
    return False


def _codes(connection: Connection, tree: Tree, section_id: int) -> set[str]:
    return {each.code for each in categories_for(connection, tree, section_id)}


def apply_all(store: Store, network: Network, proposal_id: int) -> Iterator[int]:
    """Go on with a list until it is applied, a transaction a batch."""
    while True:
        with store.write() as unit:
            more = go_on(unit, network.tree(), proposal_id)
        yield 1
        if not more:
            return


def applying(store: Store, network: Network) -> Iterator[int]:
    """Go on with every list that is being applied: what a scheduler does, in steps."""
    with store.read() as connection:
        asked = select(category_proposal.c.id).where(category_proposal.c.state == State.APPLYING.value)
        waiting = connection.scalars(asked.order_by(category_proposal.c.id).limit(100)).all()
    for proposal_id in waiting:
        yield from apply_all(store, network, proposal_id)


def counts_of(connection: Connection, proposal_id: int) -> dict[str, int]:
    """How many households of a list are open, applied, kept as they were, and skipped."""
    rows = connection.execute(
        select(category_proposal_row.c.state, func.count())
        .where(category_proposal_row.c.proposal_id == proposal_id)
        .group_by(category_proposal_row.c.state)
    )
    return {row[0]: int(row[1]) for row in rows}
