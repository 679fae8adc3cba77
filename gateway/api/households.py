"""Households: read, listed, registered and changed by other systems, as the office does it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import Connection

from gateway.api.call import Call
from gateway.api.cover import CoverState
from gateway.api.doors import Area
from gateway.api.paging import Listed, Paged, Turn
from gateway.api.shapes import Amount, Code, Given, Moment, Place, amount
from gateway.kernel.clock import day_in
from gateway.ledger.accounts import statement_of
from gateway.ledger.rules import Due, position
from gateway.membership.households import (
    Household,
    ask_enrolments,
    last_of,
    phones_of,
    read_enrolments,
    standing_and_roster,
)
from gateway.membership.several import standings
from gateway.membership.visits import covered_of
from gateway.membership.walking import Known, changed, known, walk
from gateway.network.api_keys import Scope
from gateway.network.organisations import Organisation
from gateway.store.together import together

API = Area("households", "Households: who is on a card, how it is covered, what it owes.")

# A change bears the moment at which its transaction began, and is seen when it ends; no usual one takes so long.
BEING_WRITTEN = timedelta(minutes=10)

Relation = Literal["head", "spouse", "child", "parent", "other"]
LanguageCode = Literal["fr", "en", "rn", "sw"]


class Cover(Given):
    """Cover on the present day. `begins_on`: when it starts, also where that lies ahead; `until`: its last day if no
    more is paid."""

    state: CoverState
    covered: bool
    begins_on: date | None
    until: date | None


class HouseholdListed(Given):
    """A household on a list. `head` is null where nobody is its head; `merged_into`: the household that has now what
    this one had."""

    id: int
    card: str
    section: Place
    head: str | None
    people: int
    language: str | None
    registered_at: datetime
    merged_into: int | None
    cover: Cover
    left: Amount


class Which(Paged):
    """Which households are listed."""

    section: Annotated[Code | None, Field(description="The code of a section, or of any organisation above some.")] = (
        None
    )
    changed_since: Annotated[
        Moment | None,
        Field(
            description="Only those that were registered from this moment on, or of which something has changed: who "
            "is on the card, phones, language, category, section. Money doesn't count: see the collections. Those of "
            "the ten minutes before it come again: they may have been being written at that moment.",
            examples=["2026-11-01T00:00:00Z"],
        ),
    ] = None


@API.list("/households", Scope.HOUSEHOLDS_READ, of=HouseholdListed, asks=Which, also=("not-there",))
def households(call: Call, which: Which, turn: Turn) -> Listed:
    """Every household of a part of the network, or those that changed.

    With `changed_since` in the order of their changes, so that a copy elsewhere is kept fresh by going on from the
    moment of the last reading; a household may then come on several pages.
    """
    top = call.place(which.section) if which.section is not None else call.root
    sections = {one.id for one in call.places() if one.under(top)}
    following: list[object] | None
    with call.store.read() as connection:
        if which.changed_since is None:
            after = (int(turn.after[0]), int(turn.after[1])) if turn.after is not None else None
            pairs = walk(connection, sections, after, turn.limit + 1)
            ids = [its_id for _, its_id in pairs[: turn.limit]]
            following = list(pairs[turn.limit - 1]) if len(pairs) > turn.limit else None
        else:
            last = (datetime.fromisoformat(turn.after[0]), int(turn.after[1])) if turn.after is not None else None
            found = changed(connection, sections, which.changed_since - BEING_WRITTEN, last, turn.limit)
            ids = list(found.ids)
            following = [found.after[0].isoformat(), found.after[1]] if found.after is not None else None
        rows = known(connection, ids)
        items = _listed(call, connection, rows)
    call.shows(*ids)
    return Listed(items, following)


def _listed(call: Call, connection: Connection, rows: list[Known]) -> list[HouseholdListed]:
    items: dict[int, HouseholdListed] = {}
    # A day is that of a household's own section: most pages are of one zone.
    for day in {call.today(row.section_id) for row in rows}:
        own = [row for row in rows if call.today(row.section_id) == day]
        stands = standings(connection, call.tree, day, {row.id: row.section_id for row in own})
        for row in own:
            its = stands[row.id]
            items[row.id] = HouseholdListed(
                id=row.id,
                card=row.card,
                section=_place(call.tree[row.section_id]),
                head=row.head,
                people=row.people,
                language=row.language,
                registered_at=row.registered_at,
                merged_into=row.merged_into_id,
                cover=Cover(
                    state=its.cover.state.value,
                    covered=its.cover.state.covered,
                    begins_on=its.cover.begins_on,
                    until=its.cover.until,
                ),
                left=amount(its.left),
            )
    return [items[row.id] for row in rows]


def _place(one: Organisation) -> Place:
    return Place(id=one.id, code=one.code, name=one.name)


# --- one of them ------------------------------------------------------------------------------------------------------


class PhoneGiven(Given):
    """A phone: the whole number with the scope `phones:read`, else masked. Receipts go to the main ones."""

    number: str
    main: bool


class PersonGiven(Given):
    """Somebody on a card. `covered_from`: the first day of their cover, where it lies ahead and is certain."""

    id: int
    name: str
    sex: Literal["F", "M"]
    birth_year: int
    relation: Relation
    covered: bool
    covered_from: date | None


class YearGiven(Given):
    """The membership year that a household is enrolled for, and in which plan."""

    plan: str
    starts_on: date
    ends_on: date


class HouseholdGiven(Given):
    """A household. `left`: all that is left to pay; `due`: what comes next, with what is overdue, by `due_on`;
    `advance`: what was paid beyond all dues."""

    id: int
    card: str
    section: Place
    mutuelle: Place
    language: str | None
    phones: list[PhoneGiven]
    people: list[PersonGiven]
    cover: Cover
    year: YearGiven | None
    left: Amount
    due: Amount
    due_on: date | None
    advance: Amount


@API.get("/households/{household}", Scope.HOUSEHOLDS_READ, answers=HouseholdGiven)
def household(call: Call, one: Household) -> HouseholdGiven:
    """One household: who is on its card, its cover, and what it owes.

    The id of one that was merged leads to the household that has now what it had.
    """
    with call.store.read() as connection:
        return shown(call, connection, one)


def shown(call: Call, connection: Connection, one: Household) -> HouseholdGiven:
    """A household as it stands now."""
    today = day_in(one.time_zone, call.now)
    stands, roster = standing_and_roster(connection, one, today)
    covered = {each.id: each for each in covered_of(call.tree, stands, roster, today).people}
    (years,) = together(connection, ask_enrolments(one.id))
    last = last_of(read_enrolments(years, one.time_zone))
    phones = phones_of(connection, one.id)
    call.shows(one.id)
    return HouseholdGiven(
        id=one.id,
        card=one.card,
        section=_place(call.tree[one.section_id]),
        mutuelle=_place(call.tree.books_of(one.section_id)),
        language=one.language,
        phones=[PhoneGiven(number=call.phone(each.msisdn), main=each.main) for each in phones],
        people=[
            PersonGiven(
                id=each.id,
                name=each.name,
                sex="F" if each.sex == "F" else "M",
                birth_year=each.birth_year,
                relation=_relation(each.relation),
                covered=covered[each.id].covered,
                covered_from=covered[each.id].covered_from,
            )
            for each in roster
        ],
        cover=Cover(
            state=stands.cover.state.value,
            covered=stands.cover.state.covered,
            begins_on=stands.cover.begins_on,
            until=stands.cover.until,
        ),
        year=YearGiven(plan=last.plan_code, starts_on=last.membership.starts_on, ends_on=last.last_day)
        if last is not None
        else None,
        left=amount(stands.left),
        due=amount(stands.due),
        due_on=stands.cover.due_on,
        advance=amount(stands.advance),
    )


def _relation(stored: str) -> Relation:
    match stored:
        case "head" | "spouse" | "child" | "parent":
            return stored
        case _:
            return "other"


# --- what it owes and paid --------------------------------------------------------------------------------------------


class DueGiven(Given):
    """A due with what is left of it. `kind`: of the year itself, of somebody who joined the card later, a penalty."""

    due_on: date
    kind: Literal["year", "joined", "penalty"]
    amount: Amount
    left: Amount


class PaymentGiven(Given):
    """What came in on a day; below zero: what was taken back."""

    on: date
    amount: Amount


class StatementGiven(Given):
    """Every due of a household and everything it paid. Payments fill the oldest dues first."""

    household: int
    dues: list[DueGiven]
    payments: list[PaymentGiven]
    left: Amount
    advance: Amount


@API.get("/households/{household}/statement", Scope.HOUSEHOLDS_READ, answers=StatementGiven)
def statement(call: Call, one: Household) -> StatementGiven:
    """What a household was asked for and what it paid, by date."""
    with call.store.read() as connection:
        (years,) = together(connection, ask_enrolments(one.id))
        lines = statement_of(connection, one.id)
    last = last_of(read_enrolments(years, one.time_zone))
    currency = last.currency if last is not None else one.currency
    stands = position(lines.dues, lines.credits)
    call.shows(one.id)
    return StatementGiven(
        household=one.id,
        dues=[
            DueGiven(
                due_on=each.due.due_on,
                kind=_kind(each.due),
                amount=Amount(amount_minor=each.due.amount_minor, currency=currency),
                left=Amount(amount_minor=each.left_minor, currency=currency),
            )
            for each in stands.filled
        ],
        payments=[
            PaymentGiven(on=each.on, amount=Amount(amount_minor=each.amount_minor, currency=currency))
            for each in sorted(lines.credits, key=lambda credit: (credit.on, credit.amount_minor))
        ],
        left=Amount(amount_minor=stands.left_minor, currency=currency),
        advance=Amount(amount_minor=stands.advance_minor, currency=currency),
    )


def _kind(due: Due) -> Literal["year", "joined", "penalty"]:
    if due.penalty:
        return "penalty"
    return "joined" if due.added is not None else "year"
