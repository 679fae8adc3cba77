"""The states of a collection, as a graph: data that the code obeys, the docs draw and the tests walk."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a collection stands."""

    CREATED = "created"  # asked for, the operator not yet called; cash and unasked money are paid at once
    SENDING = "sending"  # the call is being made
    PENDING = "pending"  # the operator holds it, the payer decides
    UNCLEAR = "unclear"  # a call got no answer: the operator is asked what it knows
    PAID = "paid"  # posted in the ledger
    REFUSED = "refused"  # the operator or the payer said no
    EXPIRED = "expired"  # nobody decided in time
    REVERSED = "reversed"  # the operator took the money back, or cash was recorded by mistake


class IllegalMove(AssertionError):
    """A move that the graph doesn't have: a defect of this program."""


EDGES: dict[State, frozenset[State]] = {
    # Cash, and money that came without our asking, go straight to paid: nobody is asked for it.
    State.CREATED: frozenset({State.SENDING, State.EXPIRED, State.PAID}),
    State.SENDING: frozenset({State.PENDING, State.UNCLEAR, State.REFUSED, State.PAID}),
    State.UNCLEAR: frozenset({State.SENDING, State.PENDING, State.PAID, State.REFUSED, State.EXPIRED}),
    State.PENDING: frozenset({State.PAID, State.REFUSED, State.EXPIRED}),
    # Money is late, not lost: what was refused or has expired can still turn out paid.
    State.REFUSED: frozenset({State.PAID}),
    State.EXPIRED: frozenset({State.PAID, State.REFUSED}),
    State.PAID: frozenset({State.REVERSED}),
    State.REVERSED: frozenset(),
}

# The states of a refund (``gateway.payments.refunds``) that may still be paid out.
REFUND_RUNNING = ("asked", "approved", "sent")

UNDECIDED = frozenset({State.CREATED, State.SENDING, State.PENDING, State.UNCLEAR})


def check(before: State, after: State) -> None:
    """Raises :class:`IllegalMove` unless the graph has the edge."""
    if after not in EDGES[before]:
        raise IllegalMove(f"{before} → {after}")


def drawing() -> str:
    """The graph in Mermaid, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> created"]
    lines += [f"    {before} --> {after}" for before in State for after in sorted(EDGES[before])]
    lines += [f"    {state} --> [*]" for state in State if not EDGES[state]]
    return "\n".join(lines)
