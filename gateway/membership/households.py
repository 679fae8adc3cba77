"""Households in the database: registering one, enrolling it for a year, and reading how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.kernel.card import new_card_number
from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.accounts import Statement, ask_statement, read_statement, statement_of
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.ledger.rules import position
from gateway.membership.people import Person
from gateway.membership.plans import Plan
from gateway.membership.rules import Cover, Membership, Year, cover, dues_for
from gateway.network.organisations import Tree
from gateway.store.schema import beneficiary, caller, household, membership, phone, plan
from gateway.store.together import Ask, together
from gateway.store.unit import Unit


@dataclass(frozen=True)
class Household:
    """A household as others need it: its card, where it belongs, its head, and the money it deals in."""

    id: int
    card: str
    section_id: int
    head: str
    language: str | None
    currency: str
    time_zone: str


@dataclass(frozen=True)
class Standing:
    """A household's cover on a day, with who is covered and the plan's least payment."""

    household: Household
    cover: Cover
    left: Money
    due: Money  # what is due now, or next
    to_start: Money  # what is still needed before cover can start
    least: Money
    beneficiaries: int


# --- reading ----------------------------------------------------------------------------------------------------------

_HOUSEHOLD = (
    select(
        household.c.id,
        household.c.card,
        household.c.section_id,
        household.c.language,
        beneficiary.c.name.label("head"),
    )
    .join(beneficiary, (beneficiary.c.household_id == household.c.id) & (beneficiary.c.relation == "head"))
    .order_by(household.c.id)
)


# With the language that the phone's holder chose, where they did: it counts more than the household's.
_BY_PHONE = (
    _HOUSEHOLD.with_only_columns(
        household.c.id,
        household.c.card,
        household.c.section_id,
        func.coalesce(caller.c.language, household.c.language).label("language"),
        beneficiary.c.name.label("head"),
        maintain_column_froms=True,
    )
    .join(phone, phone.c.household_id == household.c.id)
    .outerjoin(caller, caller.c.msisdn == phone.c.msisdn)
    .where(phone.c.msisdn == bindparam("msisdn"))
    .limit(20)
)


def by_phone(connection: Connection, tree: Tree, msisdn: str) -> list[Household]:
    """The households that a phone belongs to: none, one, or several that share it."""
    return [_read(row, tree) for row in connection.execute(_BY_PHONE, {"msisdn": msisdn})]


def by_card(connection: Connection, tree: Tree, card: str) -> Household | None:
    """The household with a card number."""
    row = connection.execute(_HOUSEHOLD.where(household.c.card == card)).first()
    return _read(row, tree) if row else None


def by_id(connection: Connection, tree: Tree, household_id: int) -> Household:
    """The household with an id that is known to exist."""
    return _read(connection.execute(_HOUSEHOLD.where(household.c.id == household_id)).one(), tree)


def newest(connection: Connection, tree: Tree, under_path: str, limit: int) -> list[Household]:
    """The newest households of the sections at or below a path."""
    sections = [one.id for one in tree.by_id.values() if one.path.startswith(under_path)]
    query = _HOUSEHOLD.order_by(None).where(household.c.section_id.in_(sections)).order_by(household.c.id.desc())
    return [_read(row, tree) for row in connection.execute(query.limit(limit))]


def _read(row: object, tree: Tree) -> Household:
    section = tree[row.section_id]  # type: ignore[attr-defined]
    return Household(
        row.id,  # type: ignore[attr-defined]
        row.card,  # type: ignore[attr-defined]
        section.id,
        row.head,  # type: ignore[attr-defined]
        row.language,  # type: ignore[attr-defined]
        section.currency,
        section.time_zone,
    )


@dataclass(frozen=True)
class Enrolment:
    """A membership with what its plan's version says about it."""

    membership: Membership
    beneficiaries: int
    minimum_payment_minor: int
    currency: str


_ENROLMENTS = (
    select(
        membership.c.id,
        membership.c.starts_on,
        membership.c.ends_on,
        membership.c.waiting_days,
        plan.c.grace_days,
        plan.c.activation_percent,
        membership.c.beneficiaries,
        plan.c.minimum_payment_minor,
        plan.c.currency,
    )
    .join(plan, plan.c.id == membership.c.plan_id)
    .where(membership.c.household_id == bindparam("household_id"))
    .order_by(membership.c.starts_on)
)


def ask_enrolments(household_id: int) -> Ask:
    """What to ask for a household's memberships; :func:`read_enrolments` reads the answer."""
    return _ENROLMENTS, {"household_id": household_id}


def read_enrolments(rows: Sequence[Any]) -> list[Enrolment]:
    """A household's memberships, the oldest first."""
    return [Enrolment(Membership(*row[:6]), *row[6:]) for row in rows]


def standing_of(one: Household, enrolments: Sequence[Enrolment], lines: Statement, on: date) -> Standing:
    """How a household stands on a day, as a pure function of its memberships and its lines in the ledger."""
    found = cover([each.membership for each in enrolments], lines.dues, lines.credits, on)
    last = enrolments[-1] if enrolments else None
    currency = last.currency if last else one.currency
    return Standing(
        one,
        found,
        Money(found.left_minor, currency),
        Money(found.due_minor, currency),
        Money(found.to_start_minor, currency),
        Money(last.minimum_payment_minor if last else 0, currency),
        last.beneficiaries if last else 0,
    )


def standing(connection: Connection, one: Household, on: date) -> Standing:
    """How a household stands on a day."""
    enrolments, lines = together(connection, ask_enrolments(one.id), ask_statement(one.id))
    return standing_of(one, read_enrolments(enrolments), read_statement(lines), on)


_BENEFICIARIES = (
    select(beneficiary.c.name)
    .where(beneficiary.c.household_id == bindparam("household_id"), beneficiary.c.left_on.is_(None))
    .order_by(beneficiary.c.id)
)


def standing_and_names(connection: Connection, one: Household, on: date) -> tuple[Standing, list[str]]:
    """How a household stands on a day, and the names on its card, the head first."""
    enrolments, lines, names = together(
        connection, ask_enrolments(one.id), ask_statement(one.id), (_BENEFICIARIES, {"household_id": one.id})
    )
    found = standing_of(one, read_enrolments(enrolments), read_statement(lines), on)
    return found, [row.name for row in names]


def beneficiaries_of(connection: Connection, household_id: int) -> list[str]:
    """The names on a card, the head first."""
    return list(connection.scalars(_BENEFICIARIES, {"household_id": household_id}))


_MAIN_PHONES = (
    select(phone.c.msisdn)
    .where(phone.c.household_id == bindparam("household_id"), phone.c.main)
    .order_by(phone.c.msisdn)
)


def main_phones(connection: Connection, household_id: int) -> list[str]:
    """Where a household's receipts go."""
    return list(connection.scalars(_MAIN_PHONES, {"household_id": household_id}))


def language_of_caller(connection: Connection, msisdn: str) -> str | None:
    """The language that a caller chose, if they ever did."""
    return connection.scalar(select(caller.c.language).where(caller.c.msisdn == msisdn))


# --- writing ----------------------------------------------------------------------------------------------------------


def choose_language(unit: Unit, msisdn: str, language: str) -> None:
    """Remember a caller's language; their household is written to in it too."""
    insert_one = postgresql.insert if unit.connection.dialect.name == "postgresql" else sqlite.insert
    unit.connection.execute(
        insert_one(caller)
        .values(msisdn=msisdn, language=language)
        .on_conflict_do_update(index_elements=["msisdn"], set_={"language": language})
    )
    own = select(phone.c.household_id).where(phone.c.msisdn == msisdn, phone.c.main)
    unit.connection.execute(update(household).where(household.c.id.in_(own)).values(language=language))


@dataclass(frozen=True)
class Registered:
    """What a registration gave."""

    household_id: int
    card: str
    total: Money
    first: Money  # due at once
    known: bool = False  # the same head was registered from the same phone before; nothing new was made


def register(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    section_id: int,
    chosen: Plan,
    people: Sequence[Person],
    msisdn: str | None,
    language: str | None,
) -> Registered:
    """Register a household with its head (the first of ``people``) and enrol it in a plan from today.

    Somebody who registers again from the same phone (two sessions, a dial after a drop) gets the card that they have.
    """
    section = tree[section_id]
    today = day_in(section.time_zone, unit.now)
    twin = _same_head(unit, tree, people[0], msisdn) if msisdn is not None else None
    if twin is not None:
        now = standing(unit.connection, twin, today)
        return Registered(twin.id, twin.card, now.left, now.due, known=True)
    card = _free_card(unit)
    made = unit.connection.execute(
        insert(household).values(card=card, section_id=section_id, language=language, registered_at=unit.now)
    )
    household_id = int(made.inserted_primary_key[0])  # type: ignore[index]
    unit.connection.execute(
        insert(beneficiary),
        [
            {
                "household_id": household_id,
                "name": one.name,
                "sex": one.sex,
                "birth_year": one.birth_year,
                "relation": one.relation,
                "joined_on": today,
            }
            for one in people
        ],
    )
    if msisdn is not None:
        unit.connection.execute(insert(phone).values(msisdn=msisdn, household_id=household_id, main=True))
    year = enrol(unit, tree, chart, household_id, section_id, chosen, len(people), today)
    total = sum(amount for _, amount in year.dues)
    first = sum(amount for due_on, amount in year.dues if due_on <= today)
    return Registered(household_id, card, Money(total, chosen.currency), Money(first, chosen.currency))


def _same_head(unit: Unit, tree: Tree, head: Person, msisdn: str) -> Household | None:
    same = [one for one in by_phone(unit.connection, tree, msisdn) if one.head.casefold() == head.name.casefold()]
    return same[0] if same else None


def enrol(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    household_id: int,
    section_id: int,
    chosen: Plan,
    beneficiaries: int,
    on: date,
) -> Year:
    """Enrol a household for the year that begins with ``on``: its dues go into the ledger, an advance is used up.

    A household whose last year ended within the plan's grace period renews: no registration fee, no waiting period.
    """
    last_end = unit.connection.scalar(
        select(func.max(membership.c.ends_on)).where(membership.c.household_id == household_id)
    )
    newcomer = last_end is None
    # The day after the last one is in time, also where there is no grace.
    lapsed = last_end is None or last_end + timedelta(days=max(1, chosen.terms.grace_days)) < on
    year = dues_for(chosen.terms, on, beneficiaries, newcomer)
    made = unit.connection.execute(
        insert(membership).values(
            household_id=household_id,
            plan_id=chosen.id,
            starts_on=year.starts_on,
            ends_on=year.ends_on,
            waiting_days=chosen.terms.waiting_days if lapsed else 0,
            beneficiaries=beneficiaries,
            enrolled_at=unit.now,
        )
    )
    membership_id = int(made.inserted_primary_key[0])  # type: ignore[index]
    books = tree.books_of(section_id)
    accounts = chart.of(unit, books.id, chosen.currency)
    before = statement_of(unit.connection, household_id)
    advance = position(before.dues, before.credits).advance_minor
    total = sum(amount for _, amount in year.dues)
    if not total:
        return year
    dues = tuple(
        Line(accounts["receivable"], amount, household_id, membership_id, due_on) for due_on, amount in year.dues
    )
    entries = [
        Entry(
            f"dues:{membership_id}",
            books.id,
            "dues",
            chosen.currency,
            on,
            (*dues, Line(accounts["income"], -total, household_id)),
        )
    ]
    used = min(advance, total)
    if used:
        entries.append(
            Entry(
                f"advance:{membership_id}",
                books.id,
                "corrections",
                chosen.currency,
                on,
                (
                    Line(accounts["advance"], used, household_id),
                    Line(accounts["receivable"], -used, household_id),
                ),
            )
        )
    record(unit, *entries)
    return year


def _free_card(unit: Unit) -> str:
    for _ in range(50):
        card = new_card_number()
        if unit.connection.scalar(select(household.c.id).where(household.c.card == card)) is None:
            return card
    raise RuntimeError("no free card number found in 50 draws")
