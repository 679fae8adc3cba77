"""Two households that are one family: what one had goes to the other, and its card leads there for ever after.

Nothing in the books is changed: money moves by entries. The rules: docs/decisions/0014-merging-households.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Table, delete, exists, func, insert, select, update

from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.ledger.accounts import Statement, statement_of
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.ledger.rules import position, split_payment
from gateway.locale import mark
from gateway.membership.changes import By, write_change
from gateway.membership.family import Added, Refused, add, roster
from gateway.membership.households import (
    Household,
    add_phone,
    ask_enrolments,
    last_of,
    lock_household,
    phones_of,
    read_enrolments,
    standing,
)
from gateway.membership.leaving import cancel_unpaid, end_years
from gateway.membership.people import Beneficiary, Person
from gateway.membership.pins import lay_aside, of_household
from gateway.membership.sounding import drop_sounds
from gateway.network.organisations import Tree
from gateway.store.schema import (
    account,
    assignment,
    beneficiary,
    card_alias,
    collection,
    declaration,
    household,
    household_change,
    household_merge,
    line,
    membership,
    old_number,
    payer_group_member,
    phone,
    refund,
    request,
)
from gateway.store.unit import Unit

# As gateway.payments.states has them: an operator may still be about to move this money.
_UNDECIDED = ("created", "sending", "pending", "unclear")
_REFUND_RUNNING = ("asked", "approved", "sent")


@dataclass(frozen=True)
class Merged:
    """What came to the household that stays: money, people (by name) and phones; ``cancelled``: is due no more."""

    card: str
    old_card: str
    moved: Money
    cancelled: Money
    added: tuple[str, ...]
    phones: int


def same_people(connection: Connection, stays: Household, goes: Household) -> dict[int, int]:
    """Who on the card that goes is, by name and year of birth, on the card that stays: a proposal for a person."""
    known = {(each.name.casefold(), each.birth_year): each.id for each in roster(connection, stays.id)}
    pairs = {each.id: known.get((each.name.casefold(), each.birth_year)) for each in roster(connection, goes.id)}
    return {its_id: other for its_id, other in pairs.items() if other is not None}


def check(connection: Connection, tree: Tree, stays: Household, goes: Household) -> None:
    """Raises :class:`Fault` with the reason why two households can't be merged now."""
    if stays.id == goes.id:
        raise Fault(mark("these are one household: two cards are needed"))
    merged = select(household.c.card).where(household.c.id.in_((stays.id, goes.id)), household.c.merged_into_id != 0)
    card = connection.scalar(merged.order_by(household.c.id).limit(1))
    if card is not None:
        raise Fault(mark("card {card} was merged before"), card=show_card(card))
    if tree.books_of(stays.section_id).id != tree.books_of(goes.section_id).id or stays.currency != goes.currency:
        raise Fault(mark("the two households are of different mutuelles: each keeps its own books"))
    own = collection.c.household_id == goes.id
    if connection.scalar(select(exists().where(own, collection.c.state.in_(_UNDECIDED)))):
        raise Fault(
            mark("a payment for card {card} is on its way: wait until it is decided"), card=show_card(goes.card)
        )
    back = refund.c.collection_id.in_(select(collection.c.id).where(own))
    if connection.scalar(select(exists().where(back, refund.c.state.in_(_REFUND_RUNNING)))):
        raise Fault(mark("money of card {card} is being given back: decide that first"), card=show_card(goes.card))


def merge(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    stays: Household,
    goes: Household,
    same: Mapping[int, int],
    by: By,
    *,
    registered_twice: bool,
) -> Merged:
    """Merge ``goes`` into ``stays``; ``same`` says who of the one is whom of the other (ids of beneficiaries).

    ``registered_twice``: it always was one family, so the years of the card that goes count as if they had never begun,
    and its money as if it had been paid for the other, on the day on which it came. Otherwise two families come
    together today: what was due until now stays paid, and what is left goes along. Raises :class:`Fault`.
    """
    for household_id in sorted((stays.id, goes.id)):
        lock_household(unit, household_id)
    check(unit.connection, tree, stays, goes)
    today = day_in(stays.time_zone, unit.now)
    people = roster(unit.connection, goes.id)
    _check_pairs(same, people, roster(unit.connection, stays.id))
    before = standing(unit.connection, goes, today)
    was = _as_it_was(unit, stays, goes)
    cancelled = _end(unit, tree, chart, stays, goes, by, registered_twice, today)
    moved = _move_money(unit, tree, chart, stays, goes, None if registered_twice else today, today)
    come = [each for each in people if each.id not in same]
    covered_before = {each.id: each.covered_from for each in roster(unit.connection, stays.id)}
    added = []
    for each in come:
        made = _take_in(unit, tree, chart, stays, each, same, by, today)
        added.append(made.beneficiary_id)
        waits_until = each.covered_from or before.cover.begins_on
        if waits_until is not None and each.id not in before.unpaid and (made.covered_from or date.min) > waits_until:
            earlier = waits_until if waits_until > today else None
            own = beneficiary.c.id == made.beneficiary_id
            unit.connection.execute(update(beneficiary).where(own).values(covered_from=earlier))
    gone = beneficiary.c.household_id == goes.id
    unit.connection.execute(
        update(beneficiary)
        .where(gone, beneficiary.c.left_on.is_(None))
        .values(left_on=today, left_because="merged")
    )  # fmt: skip
    phones = _move_phones(unit, stays, goes, by)
    moved_rows = _move_rest(unit, stays, goes)
    write_change(unit, goes.id, "merged", by, happened_on=today, note=stays.card)
    write_change(unit, stays.id, "took-in", by, happened_on=today, note=goes.card)
    _keep(unit, stays, goes, by, {
        **was, **moved_rows,
        "people": [each.id for each in people],
        "added": [its_id for its_id in added if its_id not in covered_before],
        "covered_from": {str(its_id): (day.isoformat() if day else None)
                         for its_id, day in covered_before.items() if its_id in added},
    })  # fmt: skip
    names = tuple(each.name for each in come)
    return Merged(stays.card, goes.card, moved, cancelled, names, phones)


def _check_pairs(same: Mapping[int, int], people: list[Beneficiary], others: list[Beneficiary]) -> None:
    known, taken = {each.id for each in people}, {each.id for each in others}
    if not set(same) <= known or not set(same.values()) <= taken or len(set(same.values())) < len(same):
        raise Fault(mark("who is whom must be said of people on the two cards, of each once"))


# --- years and money --------------------------------------------------------------------------------------------------


def _end(
    unit: Unit, tree: Tree, chart: Chart, stays: Household, goes: Household, by: By, twice: bool, today: date
) -> Money:
    """End the years of the household that goes; what of them is due no more."""
    years = read_enrolments(unit.connection.execute(*ask_enrolments(goes.id)).all(), goes.time_zone)
    running = [each.membership for each in years if each.last_day > today]
    cancelled = Money(0, goes.currency)
    if running:
        own = last_of(read_enrolments(unit.connection.execute(*ask_enrolments(stays.id)).all(), stays.time_zone))
        if own is None or own.last_day < today:
            raise Fault(
                mark("card {card} has no year that runs, and card {other} has: merge the other way round"),
                card=show_card(stays.card),
                other=show_card(goes.card),
            )
        first = min(each.starts_on for each in running) - timedelta(days=1)
        cancelled = end_years(unit, tree, chart, goes, first if twice else today, "merged", by).cancelled
    if twice:
        cancel_unpaid(unit, tree, chart, goes)
    lines = statement_of(unit.connection, goes.id)
    owed = position(lines.dues, lines.credits).left_minor
    if owed:
        raise Fault(
            mark("card {card} still owes for days that are past: that is paid first"),
            card=show_card(goes.card),
        )
    return cancelled


def _move_money(
    unit: Unit, tree: Tree, chart: Chart, stays: Household, goes: Household, on: date | None, today: date
) -> Money:
    """Move what a household has in advance, by entries of the days on which it came (or of one day)."""
    lines = statement_of(unit.connection, goes.id)
    total = position(lines.dues, lines.credits).advance_minor
    if not total:
        return Money(0, goes.currency)
    books = tree.books_of(stays.section_id)
    accounts = chart.of(unit, books.id, goes.currency)
    # What stands on its advance; the rest, if an old entry left any, on the receivable.
    in_advance = -int(
        unit.connection.scalar(
            select(func.coalesce(func.sum(line.c.amount_minor), 0))
            .join(account, account.c.id == line.c.account_id)
            .where(line.c.household_id == goes.id, account.c.role == "advance")
        )
        or 0
    )
    into, entries = statement_of(unit.connection, stays.id), []
    before = _times_merged(unit.connection, goes.id)  # and undone
    again = f":{before}" if before else ""
    for day, amount in [(on, total)] if on is not None else _newest_money(lines, total):
        from_advance = max(0, min(amount, in_advance))
        in_advance -= from_advance
        to_dues, to_advance = split_payment(into.dues, into.credits, amount)
        into = into.and_credit(day, amount)
        parts = (
            ("advance", from_advance, goes.id),
            ("receivable", amount - from_advance, goes.id),
            ("receivable", -to_dues, stays.id),
            ("advance", -to_advance, stays.id),
        )
        moves = tuple(Line(accounts[role], part, whose) for role, part, whose in parts if part)
        entries.append(Entry(f"merged:{goes.id}:{day}{again}", books.id, "corrections", goes.currency, day, moves))
    record(unit, *entries)
    return Money(total, goes.currency)


def _times_merged(connection: Connection, household_id: int) -> int:
    asked = select(func.count()).select_from(household_merge).where(household_merge.c.goes_id == household_id)
    return connection.scalar(asked) or 0


def _newest_money(lines: Statement, total: int) -> list[tuple[date, int]]:
    """The days on which money came that still stands, the newest first, as much as makes a total; in order of days.

    What was taken back on a later day is taken from what came before it.
    """
    came: dict[date, int] = {}
    for credit in lines.credits:
        came[credit.on] = came.get(credit.on, 0) + credit.amount_minor
    found, taken_back = [], 0
    for day in sorted(came, reverse=True):
        amount = came[day] - taken_back
        taken_back = max(0, -amount)
        part = min(max(0, amount), total)
        if part:
            found.append((day, part))
            total -= part
    return sorted(found)


# --- people, phones and all else --------------------------------------------------------------------------------------


def _take_in(
    unit: Unit, tree: Tree, chart: Chart, stays: Household, each: Beneficiary, same: Mapping[int, int], by: By,
    today: date,
) -> Added:  # fmt: skip
    """Put somebody on the card that stays."""
    head = next((one.id for one in roster(unit.connection, stays.id) if one.relation == "head"), None)
    same_head = head is not None and head in same.values() and each.relation != "head"
    relation = each.relation if same_head else "other"
    person = Person(each.name, each.sex, each.birth_year, relation)
    try:
        return add(unit, tree, chart, stays, person, "arrival", today, by)
    except Refused as refused:
        if refused.args[0] == "full":
            raise Fault(mark("card {card} has no room for all of them"), card=show_card(stays.card)) from None
        raise


def _move_phones(unit: Unit, stays: Household, goes: Household, by: By) -> int:
    own = phones_of(unit.connection, goes.id)
    unit.connection.execute(delete(phone).where(phone.c.household_id == goes.id))
    return sum(add_phone(unit, stays.id, each.msisdn, by, each.main) for each in own)


def _move_rest(unit: Unit, stays: Household, goes: Household) -> dict[str, Any]:
    """Its payments (one may still turn out paid), what waits for somebody, its groups, its PIN, its card and names.

    What moved, by table, so that it can be moved back; the PIN is laid aside.
    """
    run = unit.connection.execute
    moved: dict[str, Any] = {}

    def move(table: Table, key: Any, *which: Any) -> None:
        own = update(table).where(table.c.household_id == goes.id, *which).values(household_id=stays.id)
        moved[table.name] = list(run(own.returning(key)).scalars())

    move(collection, collection.c.id)
    move(request, request.c.id)
    move(assignment, assignment.c.id, assignment.c.state == "asked")
    for table, key in ((declaration, declaration.c.operator_id), (payer_group_member, payer_group_member.c.group_id)):
        known = select(key).where(table.c.household_id == stays.id).scalar_subquery()
        move(table, key, key.not_in(known))
    left = delete(payer_group_member).where(payer_group_member.c.household_id == goes.id)
    moved["groups_left"] = list(run(left.returning(payer_group_member.c.group_id)).scalars())
    lay_aside(unit, of_household(goes.id))
    drop_sounds(unit, goes.id)
    move(card_alias, card_alias.c.card)
    move(old_number, old_number.c.key)
    run(insert(card_alias).values(card=goes.card, household_id=stays.id, since=unit.now))
    led_here = update(household).where(household.c.merged_into_id == goes.id).values(merged_into_id=stays.id)
    moved["led_here"] = list(run(led_here.returning(household.c.id)).scalars())
    run(update(household).where(household.c.id == goes.id).values(merged_into_id=stays.id))
    return moved


# --- so that it can be undone -----------------------------------------------------------------------------------------


def _as_it_was(unit: Unit, stays: Household, goes: Household) -> dict[str, Any]:
    """What a merge changes and no line tells of afterwards."""
    ask = unit.connection
    running = select(membership.c.id).where(membership.c.household_id == goes.id, membership.c.left_on.is_(None))
    return {
        "line": last_line(ask, (stays.id, goes.id)),
        "years": list(ask.scalars(running)),
        "phones": [[each.msisdn, each.main] for each in phones_of(ask, goes.id)],
        "phones_there": [each.msisdn for each in phones_of(ask, stays.id)],
    }


def last_line(connection: Connection, households: Sequence[int]) -> int:
    """The newest line in the books of some households; 0 where there is none."""
    return connection.scalar(select(func.max(line.c.id)).where(line.c.household_id.in_(households))) or 0


def last_change(connection: Connection, households: Sequence[int]) -> int:
    """The newest line in the stories of some households; 0 where there is none."""
    its = household_change.c.household_id.in_(households)
    return connection.scalar(select(func.max(household_change.c.id)).where(its)) or 0


def _keep(unit: Unit, stays: Household, goes: Household, by: By, content: dict[str, Any]) -> None:
    both = (stays.id, goes.id)
    its = line.c.household_id.in_(both) & (line.c.id > content["line"])
    entries = list(unit.connection.scalars(select(line.c.entry_id).where(its).group_by(line.c.entry_id)))
    whole = {
        **content,
        "entries": [str(each) for each in entries],
        "last_line": last_line(unit.connection, both),
        "last_change": last_change(unit.connection, both),
    }
    unit.connection.execute(
        insert(household_merge).values(
            stays_id=stays.id, goes_id=goes.id, at=unit.now, by_name=by.name, content=whole
        )
    )  # fmt: skip
