"""Where organisations stood: a branch that moved is found where it was on any day, with what it inherited there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, String, and_, cast, func, insert, or_, select, update

from gateway.kernel.clock import day_in
from gateway.locale import mark
from gateway.network.organisations import (
    BadOrganisation,
    Defaults,
    Organisation,
    Plot,
    Tree,
    kinds_below,
)
from gateway.store.schema import household, organisation, organisation_move
from gateway.store.unit import Unit

PATH_CHARACTERS = 200
_SECOND = organisation.alias("second")


@dataclass(frozen=True)
class Step:
    """A move as it was written down: which branch (its id), from where (None: the top) to where, from which day on."""

    organisation_id: int
    from_parent_id: int | None
    to_parent_id: int
    since: date
    at: datetime
    by_name: str


def as_it_was(connection: Connection, defaults: Defaults, day: date) -> Tree:
    """The tree with every branch where it stood on a day; what is newer than the day stands in it too.

    What a branch inherits follows from where it stood; what each organisation says itself is what it says today.
    """
    plot = Plot.read(connection, defaults)
    later = select(organisation_move).where(organisation_move.c.since > day).order_by(organisation_move.c.id.desc())
    for one in connection.execute(later):
        plot = plot.moved(one.organisation_id, one.from_parent_id, one.to_path, one.from_path)
    return plot.tree()


def steps_of(connection: Connection, organisation_id: int, path: str) -> list[Step]:
    """The moves of an organisation and of what stands above it today, the oldest first."""
    above = [int(part) for part in path.strip("/").split("/")]
    query = (
        select(*(organisation_move.c[name] for name in Step.__dataclass_fields__))
        .where(organisation_move.c.organisation_id.in_([organisation_id, *above]))
        .order_by(organisation_move.c.id)
    )
    return [Step(*row) for row in connection.execute(query)]


def check_place(
    connection: Connection, tree: Tree, after: Tree, one: Organisation, to: Organisation, since: date, now: datetime
) -> None:
    """Raises :class:`BadOrganisation` where a branch can't move below another organisation from a day on."""
    if to.under(one):
        raise BadOrganisation(mark("{name} can't move below itself"), name=one.name)
    if one.parent_id == to.id:
        raise BadOrganisation(mark("{name} is below {place} already"), name=one.name, place=to.name)
    if one.kind not in kinds_below(to):
        raise BadOrganisation(mark("this can't stand here: what is below is smaller than what is above"))
    if connection.scalar(select(household.c.id).where(household.c.section_id == to.id).limit(1)) is not None:
        raise BadOrganisation(mark("households belong to {name} itself: it can't be divided"), name=to.name)
    if since > day_in(one.time_zone, now):
        raise BadOrganisation(mark("{day} lies ahead: a move is written down from its own day on"), day=since)
    last = last_step(connection, one, to)
    if last is not None and since < last:
        raise BadOrganisation(mark("a move from {day} is written down already: this one can't be older"), day=last)
    branch = [each for each in tree.by_id.values() if each.under(one)]
    for each in branch:
        if after[each.id].currency != each.currency:
            raise BadOrganisation(
                mark("{name} counts in {own}, and would count in {other} there: money isn't changed by a move"),
                name=each.name,
                own=each.currency,
                other=after[each.id].currency,
            )
    if any(len(after[each.id].path) > PATH_CHARACTERS for each in branch):
        raise BadOrganisation(mark("too many levels: this can't stand so deep"))


def last_step(connection: Connection, one: Organisation, to: Organisation) -> date | None:
    """The day from which the newest move in the networks of two organisations counts."""
    roots = {each.path.split("/")[1] for each in (one, to)}
    paths = (organisation_move.c.from_path, organisation_move.c.to_path)
    here = or_(*(path.like(f"/{root}/%") for root in sorted(roots) for path in paths))
    found: date | None = connection.scalar(select(func.max(organisation_move.c.since)).where(here))
    return found


def write_step(unit: Unit, one: Organisation, to: Organisation, since: date, by_name: str) -> int:
    """Put a branch below another organisation and keep where it was; the id of the move."""
    new_path = f"{to.path}{one.id}/"
    under = organisation.c.path.like(f"{one.path}%")
    rest = func.substr(organisation.c.path, len(one.path) + 1)
    unit.connection.execute(update(organisation).where(under).values(path=new_path + rest))
    unit.connection.execute(update(organisation).where(organisation.c.id == one.id).values(parent_id=to.id))
    made = unit.connection.execute(
        insert(organisation_move).values(
            organisation_id=one.id,
            from_parent_id=one.parent_id,
            to_parent_id=to.id,
            from_path=one.path,
            to_path=new_path,
            since=since,
            at=unit.now,
            by_name=by_name,
        )
    )
    return int(made.inserted_primary_key[0])  # type: ignore[index]


def misplaced(connection: Connection) -> str | None:
    """The first organisation whose path isn't its parent's and its own id, by its code, if there is one."""
    query = (
        select(organisation.c.code)
        .outerjoin(_SECOND, _SECOND.c.id == organisation.c.parent_id)
        .where(
            or_(
                and_(organisation.c.parent_id.is_(None), organisation.c.path != "/" + _id_text() + "/"),
                organisation.c.path != _SECOND.c.path + _id_text() + "/",
            )
        )
        .order_by(organisation.c.code)
        .limit(1)
    )
    return connection.scalar(query)


def _id_text() -> ColumnElement[str]:
    return cast(organisation.c.id, String)
