"""A section, mutuelle or union moves below another organisation, with all that is below it, in one transaction or not.

Where a branch carries its own books, nothing in them moves. Sections that were counted in the books of somebody whom
they leave take what stands on their households along (:mod:`gateway.membership.moves.carrying`). Past receipts, visits,
journals and closed days never change: they name the organisations that they named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, exists, func, or_, select, update

from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.ids import ordered_id
from gateway.ledger.chart import Chart
from gateway.locale import mark
from gateway.membership.moves.carrying import Carried, carry, on_its_way
from gateway.membership.plans import plans_for
from gateway.network.organisations import TREE_TURN, BadOrganisation, Defaults, Organisation, Plot, Tree
from gateway.network.places import check_place, write_step
from gateway.store.schema import (
    cash_taking,
    entry,
    group_movement,
    handover,
    household,
    organisation,
    payer_group,
    staff,
    wallet,
)
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

BY_CHARACTERS = 60


@dataclass(frozen=True)
class Change:
    """What a branch inherits otherwise afterwards: which of its settings, as it was and as it would be."""

    organisation: Organisation
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Would:
    """What a move would change: ``others`` are the sections whose books are others' afterwards.

    ``plans``: the plans (by name) that its newcomers choose from there; ``had_plans``: and here.
    """

    one: Organisation
    above: Organisation | None
    to: Organisation
    organisations: int
    sections: int
    households: int
    others: tuple[tuple[Organisation, Organisation, Organisation], ...]
    changes: tuple[Change, ...]
    had_plans: tuple[str, ...]
    plans: tuple[str, ...]
    keeps: tuple[int, ...]


@dataclass(frozen=True)
class Moved:
    """What moved, and what went from one's books to another's with it."""

    would: Would
    carried: tuple[Carried, ...]


_SHOWN = ("country", "time_zone", "languages", "merchant_code", "district")


def would_move(
    connection: Connection, defaults: Defaults, one_id: int, to_id: int, since: date, now: datetime
) -> Would:
    """What moving a branch below ``to_id`` would do; raises :class:`Fault` with the reason why it can't."""
    return _look(connection, Plot.read(connection, defaults), one_id, to_id, since, now)[0]


def move_branch(
    unit: Unit, defaults: Defaults, chart: Chart, one_id: int, to_id: int, since: date, by_name: str
) -> Moved:
    """Move a branch below another organisation; all of it or, with a :class:`Fault`, nothing.

    ``since``: the day from which it stands there, today or before. Of two who move at once the second finds the tree
    as the first left it.
    """
    if not by_name.strip() or len(by_name) > BY_CHARACTERS:
        raise BadOrganisation(mark("a name has letters or figures, {most} at most"), most=BY_CHARACTERS)
    take_turn(unit, TREE_TURN)
    would, after = _look(unit.connection, Plot.read(unit.connection, defaults), one_id, to_id, since, unit.now)
    if would.keeps:
        own = organisation.c.id.in_(would.keeps)
        unit.connection.execute(update(organisation).where(own).values(keeps_books=True))
    its_id = write_step(unit, would.one, would.to, since, by_name)
    carried: list[Carried] = []
    for section, _, books in would.others:
        which = household.c.section_id == section.id
        unit.connection.execute(select(household.c.id).where(which).order_by(household.c.id).with_for_update()).all()
        _check_money(unit.connection, section)
        today = day_in(books.time_zone, unit.now)
        carried += carry(unit, chart, which, after[books.id], today, f"branch:{its_id}:{section.id}")
    return Moved(would, tuple(carried))


def carry_left(unit: Unit, tree: Tree, chart: Chart, one: Organisation) -> tuple[Carried, ...]:
    """Bring along what came into the old books after a move (a payment told of late); nothing where nothing did."""
    carried: list[Carried] = []
    for section in tree.sections_under(one.id):
        which = household.c.section_id == section.id
        unit.connection.execute(select(household.c.id).where(which).order_by(household.c.id).with_for_update()).all()
        books = tree.books_of(section.id)
        carried += carry(unit, chart, which, books, day_in(books.time_zone, unit.now), f"late:{ordered_id().hex}")
    return tuple(carried)


def _look(
    connection: Connection, plot: Plot, one_id: int, to_id: int, since: date, now: datetime
) -> tuple[Would, Tree]:
    tree = plot.tree()
    one, to = tree[one_id], tree[to_id]
    moved = plot.moved(one.id, to.id, one.path, f"{to.path}{one.id}/")
    # Below itself there is no tree to look at.
    check_place(connection, tree, tree if to.under(one) else moved.tree(), one, to, since, now)
    branch = [each for each in tree.by_id.values() if each.under(one)]
    keeps = _with_books(connection, branch, moved.tree())
    for each_id in keeps:
        moved = moved.saying(each_id, keeps_books=True)
    after = moved.tree()
    sections = tree.sections_under(one.id)
    others = tuple(
        (each, tree.books_of(each.id), after.books_of(each.id))
        for each in sections
        if tree.books_of(each.id).id != after.books_of(each.id).id
    )
    for section, books, new in others:
        if new.under(after[one.id]) and not new.keeps_books:
            raise BadOrganisation(
                mark("nobody keeps books at {place}: gateway organisations set {code} --keeps-books"),
                place=to.name,
                code=to.code,
            )
        if books.currency != new.currency:
            raise BadOrganisation(
                mark("{name} counts in {own}, and would count in {other} there: money isn't changed by a move"),
                name=section.name,
                own=books.currency,
                other=new.currency,
            )
    if others:
        _check_open(connection, branch, sections)
    today = day_in(one.time_zone, now)
    leaf = sections[0].id
    households = (
        select(func.count())
        .select_from(household)
        .where(household.c.section_id.in_([each.id for each in sections]), household.c.merged_into_id.is_(None))
    )
    would = Would(
        one,
        tree.by_id.get(one.parent_id or 0),
        to,
        len(branch),
        len(sections),
        int(connection.scalar(households) or 0),
        others,
        tuple(_changes(one, after[one.id])),
        tuple(each.name for each in plans_for(connection, tree, leaf, today)),
        tuple(each.name for each in plans_for(connection, after, leaf, today)),
        keeps,
    )
    return would, after


def _changes(before: Organisation, after: Organisation) -> list[Change]:
    def shown(value: object) -> str:
        return ", ".join(value) if isinstance(value, tuple) else str(value if value is not None else "")

    found = [
        Change(before, name, shown(getattr(before, name)), shown(getattr(after, name)))
        for name in _SHOWN
        if getattr(before, name) != getattr(after, name)
    ]
    if (before.quiet_from, before.quiet_until) != (after.quiet_from, after.quiet_until):
        hours = [f"{each.quiet_from}-{each.quiet_until}" for each in (before, after)]
        found.append(Change(before, "quiet", hours[0], hours[1]))
    return found


def _with_books(connection: Connection, branch: Sequence[Organisation], after: Tree) -> tuple[int, ...]:
    """Who of a branch keeps books only because nobody above did, and has something in them: they go on."""
    lose = [each.id for each in branch if each.books_id == each.id and after[each.id].books_id != each.id]
    if not lose:
        return ()
    used = or_(
        exists(select(entry.c.id).where(entry.c.organisation_id == organisation.c.id)),
        exists(select(wallet.c.id).where(wallet.c.organisation_id == organisation.c.id)),
    )
    found = connection.scalars(select(organisation.c.id).where(organisation.c.id.in_(lose), used))
    return tuple(sorted(found))


def _check_open(connection: Connection, branch: Sequence[Organisation], sections: Sequence[Organisation]) -> None:
    """Raises :class:`Fault` with what is open in the branch: it is finished in the books that it leaves."""
    for section in sections:
        _check_money(connection, section)
    ids = [each.id for each in branch]
    holds = (
        select(staff.c.name)
        .join(cash_taking, cash_taking.c.staff_id == staff.c.id)
        .where(staff.c.organisation_id.in_(ids), cash_taking.c.handover_id.is_(None), staff.c.role != "treasurer")
        .limit(1)
    )
    name = connection.scalar(holds)
    if name is not None:
        raise Fault(mark("{name} holds cash that isn't handed over: it goes to the treasurer here first"), name=name)
    given = (
        select(staff.c.name)
        .join(handover, handover.c.staff_id == staff.c.id)
        .where(staff.c.organisation_id.in_(ids), handover.c.state == "open")
        .limit(1)
    )
    name = connection.scalar(given)
    if name is not None:
        raise Fault(mark("{name} handed cash over, and the treasurer hasn't said that it came"), name=name)
    group = (
        select(payer_group.c.name)
        .join(group_movement, group_movement.c.group_id == payer_group.c.id)
        .where(payer_group.c.organisation_id.in_(ids))
        .group_by(payer_group.c.id, payer_group.c.name)
        .having(func.sum(group_movement.c.amount_minor) != 0)
        .limit(1)
    )
    name = connection.scalar(group)
    if name is not None:
        raise Fault(mark("the group {name} has money that isn't divided: divide it or give it back first"), name=name)


def _check_money(connection: Connection, section: Organisation) -> None:
    card = on_its_way(connection, (household.c.section_id == section.id,))
    if card is not None:
        raise Fault(
            mark("money of card {card} is on its way, in or back: wait until it is decided"), card=show_card(card)
        )
