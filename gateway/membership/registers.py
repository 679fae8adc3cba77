"""The registers of memberships (*adhésions*) and of beneficiaries, read as a mutuelle keeps them: by section and card.

However many households there are, one section's cards and some hundred households are held at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, bindparam, select

from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.ledger.exports import Cell, Sheet
from gateway.locale import Say, mark
from gateway.membership.several import among, by_household
from gateway.network.organisations import Organisation, Tree
from gateway.store.schema import beneficiary, household, membership, phone, plan

_AT_ONCE = 500

RELATIONS = {
    "head": mark("Head of household"),
    "spouse": mark("Spouse"),
    "child": mark("Child"),
    "parent": mark("Parent"),
    "other": mark("Other"),
}


@dataclass(frozen=True)
class OnCard:
    """Somebody on a card, as the registers have them."""

    name: str
    sex: str
    birth_year: int
    relation: str
    joined_on: date


@dataclass(frozen=True)
class Member:
    """A household on the registers: its card, its people (the head first), its phones, and its last year.

    ``plan_code``, ``starts_on`` and ``ends_on`` are None where it never was enrolled; ``left_on``: it has left.
    """

    household_id: int
    card: str
    section: Organisation
    language: str | None
    registered_on: date
    people: tuple[OnCard, ...]
    phones: tuple[str, ...]
    plan_code: str | None
    plan_name: str | None
    starts_on: date | None
    ends_on: date | None
    left_on: date | None


_CARDS = (
    select(household.c.id, household.c.card)
    .where(household.c.section_id == bindparam("section_id"), household.c.merged_into_id.is_(None))
    .order_by(household.c.card)
)


def members(
    connection: Connection, tree: Tree, at: Organisation, also_left: bool = False, only: Sequence[int] = ()
) -> Iterator[Member]:
    """The households at or below an organisation, section after section, each in the order of its cards.

    ``also_left``: those that have left, too. ``only``: the households with these ids alone, some hundred at most.
    """
    for section in tree.sections_under(at.id):
        asked = _CARDS.where(household.c.id.in_(among(only))) if only else _CARDS
        ids = list(connection.execute(asked, {"section_id": section.id}).scalars())
        for start in range(0, len(ids), _AT_ONCE):
            for one in _read(connection, section, ids[start : start + _AT_ONCE]):
                if also_left or one.left_on is None:
                    yield one


def _read(connection: Connection, section: Organisation, ids: Sequence[int]) -> Iterator[Member]:
    families = {
        row.id: row
        for row in connection.execute(
            select(household.c.id, household.c.card, household.c.language, household.c.registered_at).where(
                household.c.id.in_(among(ids))
            )
        )
    }
    people = by_household(
        connection.execute(
            select(
                beneficiary.c.household_id, beneficiary.c.name, beneficiary.c.sex, beneficiary.c.birth_year,
                beneficiary.c.relation, beneficiary.c.joined_on,
            )
            .where(beneficiary.c.household_id.in_(among(ids)), beneficiary.c.left_on.is_(None))
            .order_by(beneficiary.c.household_id, beneficiary.c.relation != "head", beneficiary.c.id)
        )
    )  # fmt: skip
    phones = by_household(
        connection.execute(
            select(phone.c.household_id, phone.c.msisdn)
            .where(phone.c.household_id.in_(among(ids)))
            .order_by(phone.c.main.desc(), phone.c.msisdn)
        )
    )
    years = by_household(
        connection.execute(
            select(
                membership.c.household_id, membership.c.starts_on, membership.c.ends_on, membership.c.left_on,
                plan.c.code, plan.c.name,
            )
            .join(plan, plan.c.id == membership.c.plan_id)
            .where(membership.c.household_id.in_(among(ids)))
            .order_by(membership.c.household_id, membership.c.starts_on)
        )
    )  # fmt: skip
    for its_id in ids:
        row, on_card = families[its_id], people[its_id]
        if not on_card:  # taken out again with the register that had brought it
            continue
        began = [year for year in years[its_id] if year.left_on is None or year.left_on >= year.starts_on]
        last = began[-1] if began else None
        yield Member(
            its_id,
            row.card,
            section,
            row.language,
            day_in(section.time_zone, row.registered_at),
            tuple(OnCard(*each[1:]) for each in on_card),
            tuple(each.msisdn for each in phones[its_id]),
            last.code if last else None,
            last.name if last else None,
            last.starts_on if last else None,
            last.ends_on if last else None,
            last.left_on if last else None,
        )


# How the registers share the width of a page, column by column behind the section's.
SHARES = {
    "memberships": (11, 30, 5, 9, 9, 18, 12, 12, 12, 12),
    "beneficiaries": (12, 36, 6, 12, 20, 16),
}


# --- as sheets --------------------------------------------------------------------------------------------------------


def exchange_sheet(found: Iterator[Member], say: Say) -> Sheet:
    """Everybody on a card, one row each, under headings that gateway.membership.importing reads: for another system."""
    heads = (
        say("Card"), say("Name"), say("Sex"), say("Year of birth"), say("Relation"), say("Phone"), say("Section code"),
        say("Section name"), say("Plan"), say("Language"), say("Registered on"),
    )  # fmt: skip

    def rows() -> Iterator[tuple[Cell, ...]]:
        for one in found:
            for place, each in enumerate(one.people):
                first = place == 0
                yield (
                    show_card(one.card),
                    each.name,
                    each.sex,
                    each.birth_year,
                    say(RELATIONS[each.relation]),
                    one.phones[place] if place < len(one.phones) else "",
                    one.section.code if first else "",
                    one.section.name if first else "",
                    (one.plan_code or "") if first else "",
                    (one.language or "") if first else "",
                    each.joined_on,
                )

    return Sheet(say("Register of households"), heads, rows())


def memberships_sheet(found: Iterator[Member], say: Say) -> Sheet:
    """The register of memberships: one row a household."""
    heads = (
        say("Section"), say("Card"), say("Head of household"), say("Sex"), say("Born in"), say("People"),
        say("Plan"), say("Registered on"), say("Year from"), say("Year until"), say("Left on"),
    )  # fmt: skip

    def rows() -> Iterator[tuple[Cell, ...]]:
        for one in found:
            head = one.people[0]
            yield (
                one.section.name, show_card(one.card), head.name, head.sex, head.birth_year, len(one.people),
                one.plan_name or "", one.registered_on, one.starts_on, one.ends_on, one.left_on,
            )  # fmt: skip

    return Sheet(say("Register of memberships"), heads, rows())


def beneficiaries_sheet(found: Iterator[Member], say: Say) -> Sheet:
    """The register of beneficiaries: one row a person."""
    heads = (
        say("Section"), say("Card"), say("Name"), say("Sex"), say("Born in"), say("Relation"), say("On the card since"),
    )  # fmt: skip

    def rows() -> Iterator[tuple[Cell, ...]]:
        for one in found:
            for each in one.people:
                yield (
                    one.section.name, show_card(one.card), each.name, each.sex, each.birth_year,
                    say(RELATIONS[each.relation]), each.joined_on,
                )  # fmt: skip

    return Sheet(say("Register of beneficiaries"), heads, rows())
