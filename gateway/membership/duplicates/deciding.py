"""Pairs of households that look like one family, as a person sees and decides them; a decision can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Connection, and_, insert, or_, select, update

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.membership.changes import By
from gateway.membership.duplicates.likeness import Reason
from gateway.membership.several import among
from gateway.network.organisations import Organisation, Tree
from gateway.store.heads import HEAD_NAME
from gateway.store.schema import duplicate_event, duplicate_pair, household
from gateway.store.unit import Unit

State = Literal["open", "same", "different", "unsure"]
STATES: tuple[State, ...] = ("open", "same", "different", "unsure")
LISTED = 30


@dataclass(frozen=True)
class Pair:
    """Two households that look like one; ``organisation_id``: the lowest that both are below, whose people decide."""

    id: int
    one_id: int
    other_id: int
    organisation_id: int
    score: int
    reasons: tuple[Reason, ...]
    state: State
    found_at: datetime


@dataclass(frozen=True)
class Decided:
    """A line of a pair's story."""

    at: datetime
    what: str
    by_name: str | None


def listed(
    connection: Connection,
    tree: Tree,
    roots: Sequence[Organisation],
    state: State = "open",
    after: tuple[int, int] | None = None,
    limit: int = LISTED,
) -> list[Pair]:
    """The pairs that are decided at or below some organisations, the likeliest first; ``after``: a score and an id.

    A pair of which one was merged since isn't among them: there is nothing left to decide.
    """
    own = [one.id for one in tree.by_id.values() if any(one.under(root) for root in roots)]
    if not own:
        return []
    one, other = household.alias(), household.alias()
    asked = (
        select(duplicate_pair)
        .join(one, one.c.id == duplicate_pair.c.one_id)
        .join(other, other.c.id == duplicate_pair.c.other_id)
        .where(
            duplicate_pair.c.organisation_id.in_(among(own)),
            duplicate_pair.c.state == state,
            one.c.merged_into_id.is_(None),
            other.c.merged_into_id.is_(None),
        )
        .order_by(duplicate_pair.c.score.desc(), duplicate_pair.c.id)
        .limit(limit)
    )
    if after is not None:
        score, its_id = after
        same = and_(duplicate_pair.c.score == score, duplicate_pair.c.id > its_id)
        asked = asked.where(or_(duplicate_pair.c.score < score, same))
    return [_read(row) for row in connection.execute(asked)]


def pairs_of(connection: Connection, household_id: int) -> list[Pair]:
    """The open pairs of one household, the likeliest first."""
    its = (duplicate_pair.c.one_id == household_id) | (duplicate_pair.c.other_id == household_id)
    asked = select(duplicate_pair).where(its, duplicate_pair.c.state == "open")
    return [_read(row) for row in connection.execute(asked.order_by(duplicate_pair.c.score.desc()).limit(LISTED))]


def by_id(connection: Connection, pair_id: int) -> Pair | None:
    """The pair with an id."""
    row = connection.execute(select(duplicate_pair).where(duplicate_pair.c.id == pair_id)).first()
    return _read(row) if row is not None else None


def story(connection: Connection, pair_id: int) -> list[Decided]:
    """Who decided what about a pair, the newest first."""
    rows = connection.execute(
        select(duplicate_event)
        .where(duplicate_event.c.pair_id == pair_id)
        .order_by(duplicate_event.c.id.desc())
        .limit(LISTED)
    )
    return [Decided(row.at, row.what, row.by_name) for row in rows]


def decide(unit: Unit, pair_id: int, to: State, by: By) -> Pair:
    """Write down what a person says of a pair; ``open`` undoes what was said. Raises :class:`Fault` for what is so."""
    asked = select(duplicate_pair).where(duplicate_pair.c.id == pair_id).with_for_update()
    one = _read(unit.connection.execute(asked).one())
    if one.state == to:
        raise Fault(mark("somebody has decided this in the meantime: look at it again"))
    _set(unit, pair_id, to, by)
    return one


def told_apart(unit: Unit, one_id: int, other_id: int, by: By) -> None:
    """Two households whose merge was undone are different; nobody is asked again."""
    asked = select(duplicate_pair.c.id).where(
        duplicate_pair.c.one_id == min(one_id, other_id), duplicate_pair.c.other_id == max(one_id, other_id)
    )
    its_id = unit.connection.scalar(asked.with_for_update())
    if its_id is not None:
        _set(unit, its_id, "different", by)


def _set(unit: Unit, pair_id: int, to: State, by: By) -> None:
    own = duplicate_pair.c.id == pair_id
    unit.connection.execute(update(duplicate_pair).where(own).values(state=to))
    what = "undone" if to == "open" else to
    row = {"pair_id": pair_id, "at": unit.now, "what": what, "by_name": by.name}
    unit.connection.execute(insert(duplicate_event).values(row))


def _read(row: Any) -> Pair:
    return Pair(
        row.id,
        row.one_id,
        row.other_id,
        row.organisation_id,
        row.score,
        tuple(Reason(text, values) for text, values in row.reasons),
        cast(State, row.state),
        row.found_at,
    )


@dataclass(frozen=True)
class Face:
    """A household as a list of pairs shows it."""

    id: int
    card: str
    section_id: int
    head: str


def faces(connection: Connection, pairs: Sequence[Pair]) -> dict[int, Face]:
    """The households of some pairs, by id."""
    ids = {each for pair in pairs for each in (pair.one_id, pair.other_id)}
    asked = select(household.c.id, household.c.card, household.c.section_id, HEAD_NAME.label("head"))
    rows = connection.execute(asked.where(household.c.id.in_(among(ids)))) if ids else ()
    return {row.id: Face(row.id, row.card, row.section_id, row.head or "") for row in rows}
