"""A household moves to another section: its history, its cover and its money go along, also into another's books."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select, update

from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.ids import ordered_id
from gateway.ledger.chart import Chart
from gateway.locale import mark
from gateway.membership.changes import By, write_change
from gateway.membership.households import Household, lock_household
from gateway.membership.moves.carrying import carry, on_its_way
from gateway.network.organisations import Organisation, Tree
from gateway.store.schema import household
from gateway.store.unit import Unit

NOTE_CHARACTERS = 80


def move(unit: Unit, tree: Tree, chart: Chart, one: Household, to: Organisation, by: By) -> Household:
    """Let a household belong to another section from today; the household as it is now.

    Within a mutuelle nothing in the books moves. To a section of another mutuelle what stands on the household goes
    along by balanced entries (:mod:`gateway.membership.moves.carrying`); its years go on as they were agreed, and
    the next one is of a plan of the new mutuelle. What is asked of the section (its reports, its arrears, who may
    see it) is answered with the household from now on, of past days too; its past visits and receipts stay with the
    mutuelle that was home then. Raises :class:`Fault` for another currency, for money on its way, for what isn't a
    section, and for where it is already.
    """
    lock_household(unit, one.id)
    now = unit.connection.execute(
        select(household.c.section_id, household.c.merged_into_id).where(household.c.id == one.id)
    ).one()
    card = show_card(one.card)
    if now.merged_into_id is not None:
        raise Fault(mark("card {card} was merged before"), card=card)
    here = tree[now.section_id]
    if here.id == to.id:
        raise Fault(mark("card {card} is in {place} already"), card=card, place=to.name)
    if to not in tree.sections:
        raise Fault(mark("{place} is no section: households belong to one"), place=to.name)
    today = day_in(to.time_zone, unit.now)
    books = tree.books_of(to.id)
    if tree.books_of(here.id).id != books.id:
        if here.currency != to.currency:
            raise Fault(
                mark("{name} counts in {own}, and would count in {other} there: money isn't changed by a move"),
                name=card,
                own=here.currency,
                other=to.currency,
            )
        if on_its_way(unit.connection, (household.c.id == one.id,)) is not None:
            raise Fault(mark("money of card {card} is on its way, in or back: wait until it is decided"), card=card)
        carry(unit, chart, household.c.id == one.id, books, today, ordered_id().hex)
    unit.connection.execute(update(household).where(household.c.id == one.id).values(section_id=to.id))
    write_change(unit, one.id, "moved", by, happened_on=today, note=f"{here.code} > {to.code}"[:NOTE_CHARACTERS])
    return replace(one, section_id=to.id, currency=to.currency, time_zone=to.time_zone)
