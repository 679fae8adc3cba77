"""The states of a list of proposed categories, as a graph: data that the code obeys and the tests walk."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import insert, select, update

from gateway.kernel.faults import Fault
from gateway.kernel.persons import name_kept
from gateway.locale import mark
from gateway.store.schema import category_proposal, category_proposal_event
from gateway.store.unit import Unit

NOTE_CHARACTERS = 200


class State(StrEnum):
    """Where a list stands."""

    PROPOSED = "proposed"  # households are added and taken out; nothing is changed by it
    PRINTED = "printed"  # the meeting has it on paper: it stays as it is
    VALIDATED = "validated"  # what the meeting decided is written down, household by household
    APPLYING = "applying"  # another person has agreed: households are put into their categories, batch by batch
    APPLIED = "applied"  # all of them are, or were skipped and say why
    WITHDRAWN = "withdrawn"  # it came to nothing


EDGES: dict[State, frozenset[State]] = {
    State.PROPOSED: frozenset({State.PRINTED, State.WITHDRAWN}),
    State.PRINTED: frozenset({State.VALIDATED, State.WITHDRAWN}),
    State.VALIDATED: frozenset({State.APPLYING, State.WITHDRAWN}),
    State.APPLYING: frozenset({State.APPLIED}),
    State.APPLIED: frozenset(),
    State.WITHDRAWN: frozenset(),
}
OPEN = tuple(state for state in State if EDGES[state])

# What is to be done before a list can go on, told to whoever tries it too early or too late.
_NOT_NOW = {
    State.PROPOSED: mark("the list isn't printed yet"),
    State.PRINTED: mark("the list is printed for the meeting: what it decides isn't written down yet"),
    State.VALIDATED: mark("the meeting has validated the list already"),
    State.APPLYING: mark("the list is being applied"),
    State.APPLIED: mark("the list was applied already"),
    State.WITHDRAWN: mark("the list was withdrawn"),
}


def locked_state(unit: Unit, proposal_id: int) -> State:
    """The state of a list, which nobody else moves before this transaction has ended."""
    found = unit.connection.execute(
        select(category_proposal.c.state).where(category_proposal.c.id == proposal_id).with_for_update()
    ).scalar_one()
    return State(found)


def require(state: State, *wanted: State) -> None:
    """Raises :class:`Fault`, which says where the list stands, unless it is in a state that is wanted."""
    if state not in wanted:
        raise Fault(_NOT_NOW[state])


def move(
    unit: Unit, proposal_id: int, before: State | None, after: State, by_name: str, note: str | None = None,
    **columns: object,
) -> None:  # fmt: skip
    """Bring a locked list to its next state and write down who did it; raises :class:`Fault` without such an edge."""
    if before is not None:
        if after not in EDGES[before]:
            raise Fault(_NOT_NOW[before])
        unit.connection.execute(
            update(category_proposal).where(category_proposal.c.id == proposal_id).values(state=after.value, **columns)
        )
    unit.connection.execute(
        insert(category_proposal_event).values(
            proposal_id=proposal_id,
            at=unit.now,
            from_state=before.value if before is not None else None,
            to_state=after.value,
            by_name=name_kept(by_name),
            note=note[:NOTE_CHARACTERS] if note else None,
        )
    )


def drawing() -> str:
    """The graph in Mermaid, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> proposed"]
    lines += [f"    {before} --> {after}" for before in State for after in State if after in EDGES[before]]
    lines += [f"    {state} --> [*]" for state in State if not EDGES[state]]
    return "\n".join(lines)
