"""The states of a campaign, as a graph that the code obeys."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"  # may be tried and changed; nobody but guests is written to
    SCHEDULED = "scheduled"  # starts by itself at its time
    RUNNING = "running"
    PAUSED = "paused"  # by somebody, or because its budget is used up; it goes on where it stopped
    DONE = "done"  # nobody is left to write to
    CANCELLED = "cancelled"  # whoever wasn't written to by then isn't any more


EDGES: dict[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.SCHEDULED, State.RUNNING, State.CANCELLED}),
    State.SCHEDULED: frozenset({State.RUNNING, State.PAUSED, State.CANCELLED}),
    State.RUNNING: frozenset({State.PAUSED, State.DONE, State.CANCELLED}),
    State.PAUSED: frozenset({State.RUNNING, State.SCHEDULED, State.CANCELLED}),
    State.DONE: frozenset(),
    State.CANCELLED: frozenset(),
}
