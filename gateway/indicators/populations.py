"""Target populations: how many people an area has that its members could be, from a day on, and by which source.

An organisation that has a number of its own counts with it; one that has none counts with the sum of those below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, insert, select

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.network.organisations import Organisation, Tree
from gateway.store.schema import organisation, target_population
from gateway.store.unit import Unit

MOST_PEOPLE = 2_000_000_000
SOURCE_CHARACTERS = 120


class BadPopulation(Fault):
    """A population that can't be kept."""


@dataclass(frozen=True)
class Population:
    """How many people, from which day on, who says so, and who wrote it down when."""

    organisation_id: int
    since: date
    people: int
    source: str
    by_name: str
    written_at: datetime


@dataclass(frozen=True)
class Reached:
    """The population of a place's areas where it is known, and the beneficiaries in them; ``lacking``: areas where
    nobody said how many there are, by organisation's id."""

    people: int = 0
    beneficiaries: int = 0
    lacking: tuple[int, ...] = ()


def set_population(unit: Unit, place: Organisation, since: date, people: int, source: str, by_name: str) -> None:
    """Write down a place's target population from a day on; of two of the same day the newer counts.

    Raises :class:`BadPopulation`.
    """
    source = " ".join(source.split())
    if not 0 < people <= MOST_PEOPLE:
        raise BadPopulation(mark("a population is a number above zero"))
    if not source or len(source) > SOURCE_CHARACTERS:
        raise BadPopulation(mark("say where the number is from, in {most} letters at most"), most=SOURCE_CHARACTERS)
    unit.connection.execute(
        insert(target_population).values(
            organisation_id=place.id, since=since, people=people, source=source, by_name=by_name, written_at=unit.now
        )
    )


def history(connection: Connection, under_path: str, limit: int = 500) -> list[Population]:
    """What was written down at or below a path, the newest day first."""
    rows = connection.execute(
        select(target_population)
        .join(organisation, organisation.c.id == target_population.c.organisation_id)
        .where(organisation.c.path.like(f"{under_path}%"))
        .order_by(target_population.c.since.desc(), target_population.c.id.desc())
        .limit(limit)
    )
    return [Population(one.organisation_id, one.since, one.people, one.source, one.by_name, one.written_at)
            for one in rows]  # fmt: skip


def known(connection: Connection, on: date) -> dict[int, int]:
    """The target population of each organisation that had one of its own on a day."""
    rows = connection.execute(
        select(target_population.c.organisation_id, target_population.c.people)
        .where(target_population.c.since <= on)
        .order_by(target_population.c.since, target_population.c.id)
    )
    return {row.organisation_id: row.people for row in rows}


def reached(tree: Tree, own: Mapping[int, int], beneficiaries: Mapping[int, int]) -> dict[int, Reached]:
    """For every organisation: its population and its beneficiaries there; both from below where it has none itself.

    ``own``: see :func:`known`; ``beneficiaries``: of every organisation with all below it.
    """
    found: dict[int, Reached] = {}
    below: dict[int, list[int]] = {}
    # The longest paths first: what is below is there before what is above asks for it.
    for one in sorted(tree.by_id.values(), key=lambda one: one.path.count("/"), reverse=True):
        if one.id in own:
            found[one.id] = Reached(own[one.id], beneficiaries.get(one.id, 0))
        elif one.id in below:
            parts = [found[each] for each in below[one.id]]
            found[one.id] = Reached(
                sum(each.people for each in parts),
                sum(each.beneficiaries for each in parts),
                tuple(lack for each in parts for lack in each.lacking),
            )
        else:
            found[one.id] = Reached(lacking=(one.id,))
        if one.parent_id is not None:
            below.setdefault(one.parent_id, []).append(one.id)
    return found
