"""Members as they were changed in the software: each field of theirs is taken, kept as ours, or shown as a conflict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from gateway.exchange.software.rows import Fields, Row, decide, fields_of
from gateway.kernel.card import BadCard, read_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.kernel.spelling import plain
from gateway.ledger.chart import Chart
from gateway.locale import mark
from gateway.membership import family
from gateway.membership.changes import By, write_change
from gateway.membership.consents import Agreed
from gateway.membership.correcting import CORRECTED, Facts, choose_main_phone, correct_person, facts_of
from gateway.membership.households import (
    Household,
    NotTaken,
    add_phone,
    by_card,
    by_id,
    lock_household,
    main_phones,
    register,
)
from gateway.membership.moves.moving import move
from gateway.membership.old_numbers import add_old_number, key_of, with_old_number
from gateway.membership.people import BadName, BadYear, Beneficiary, Person, read_birth_year, read_name
from gateway.membership.plans import plans_for
from gateway.network.organisations import Organisation, Tree
from gateway.privacy.erasing import erasure_of
from gateway.store.or_set import or_set
from gateway.store.schema import beneficiary, software_agreed, software_conflict
from gateway.store.unit import Unit

RELATIONS = ("head", "spouse", "child", "parent", "other")
_AGREE = or_set(software_agreed, ("beneficiary_id",), "content", "agreed_at")
_NO_CARD = mark("there is no such card here")


@dataclass(frozen=True)
class Place:
    """Where a file is taken in: the tree, the organisation whose households alone it may change, and by whom."""

    tree: Tree
    chart: Chart
    at: Organisation
    by: By


@dataclass(frozen=True)
class Taken:
    """What became of a row: fields that were taken, and those that are conflicts now."""

    what: str  # same, changed, conflict, new
    fields: tuple[str, ...] = ()


def group_of(row: Row) -> str:
    """Whose family a row is of: rows of one family are taken in together."""
    return row.get("card") or key_of(row.get("number"))


def household_of(unit: Unit, place: Place, row: Row) -> Household | None:
    """The household that a row names by card, else by their number; None where nobody has the number yet.

    Raises :class:`Fault` for a card that is no number, or isn't at or below the place.
    """
    tree, typed = place.tree, row.get("card")
    if typed:
        try:
            card = read_card(typed)
        except BadCard:
            raise Fault(mark("{number} is no card number"), number=typed[:20]) from None
        found = by_card(unit.connection, tree, card)
        if found is None or not tree[found.section_id].under(place.at):
            raise Fault(_NO_CARD)
        return found
    if not key_of(row.get("number")):
        raise Fault(mark("a row names a card or a number"))
    books = {tree.books_of(one.id).id for one in tree.sections_under(place.at.id)}
    ids = with_old_number(unit.connection, row.get("number"), books)
    if len(ids) > 1:
        raise Fault(mark("several households have this number"))
    if not ids:
        return None
    one = by_id(unit.connection, tree, ids[0])
    if not tree[one.section_id].under(place.at):
        raise Fault(_NO_CARD)
    return one


# --- somebody who is known --------------------------------------------------------------------------------------------


def take_row(unit: Unit, place: Place, one: Household, row: Row) -> Taken:
    """Take in a row of a household that there is; raises :class:`Fault`, and nothing of the row is kept then."""
    row.check()
    lock_household(unit, one.id)
    one = by_id(unit.connection, place.tree, one.id)
    forgotten = erasure_of(unit.connection, one.id)
    if forgotten is not None and forgotten.state == "done":
        raise Fault(mark("this household was made nameless: nothing about it is taken in any more"))
    on_card = family.roster(unit.connection, one.id)
    if row.get("left"):
        keys = {f"p{each.id}" for each in on_card}
        if row.get("key") not in keys if row.get("key") else _person(on_card, row) is None:
            return Taken("same")  # they left here too, or never were on the card
        raise Fault(mark("who left is told in Cotisa: leaving ends cover and isn't taken from a file"))
    _with_number(unit, place, one, row)
    found = _person(on_card, row)
    if found is None:
        return _add(unit, place, one, row)
    ours = ours_of(unit, place.tree, one, found)
    this_year = day_in(one.time_zone, unit.now).year
    theirs = _theirs(row, found, ours["phone"], place.tree[one.section_id].country, this_year)
    last = unit.connection.execute(select(software_agreed).where(software_agreed.c.beneficiary_id == found.id)).first()
    agreed: Fields = dict(last.content) if last is not None else {}
    taken, clashing = {}, []
    for name in fields_of(found.relation):
        if name not in theirs:
            continue
        whose = decide(agreed.get(name), ours[name], theirs[name])
        if whose == "theirs":
            taken[name] = theirs[name]
        elif whose == "conflict":
            clashing.append(name)
            before = (agreed.get(name), last.agreed_at if last is not None else None)
            _show(unit, one, found.id, name, ours[name], theirs[name], before)
            continue
        if whose != "ours":
            agreed[name] = theirs[name]
        close_same(unit, found.id, name)
    apply(unit, place, one, found, taken)
    if last is None or agreed != last.content:
        _agree(unit, found.id, agreed)
    if clashing:
        return Taken("conflict", tuple(clashing))
    return Taken("changed" if taken else "same", tuple(taken))


def ours_of(unit: Unit, tree: Tree, one: Household, who: Beneficiary) -> Fields:
    """What stands here about somebody, as the file writes it."""
    found = {
        "name": who.name, "sex": who.sex, "birth_year": str(who.birth_year), "relation": who.relation,
        "section": tree[one.section_id].code,
    }  # fmt: skip
    phones = main_phones(unit.connection, one.id)
    return {**found, "phone": phones[0].removeprefix("+") if phones else ""}


def apply(unit: Unit, place: Place, one: Household, who: Beneficiary, to: Fields) -> None:
    """Let fields be as the other side has them, traced in the household's story; raises :class:`Fault`."""
    now = facts_of(who)
    facts = Facts(to.get("name", now.name), to.get("sex", now.sex), int(to.get("birth_year", now.birth_year)))
    if facts != now:
        correct_person(unit, one, who.id, facts, place.by)
    if "relation" in to:
        unit.connection.execute(update(beneficiary).where(beneficiary.c.id == who.id).values(relation=to["relation"]))
        write_change(unit, one.id, CORRECTED, place.by, beneficiary_id=who.id, note=who.relation)
    if "phone" in to:
        add_phone(unit, one.id, f"+{to['phone']}", place.by)
        choose_main_phone(unit, one, f"+{to['phone']}", place.by)
    if "section" in to:
        section = _section(place, to["section"])
        move(unit, place.tree, place.chart, one, section, place.by)


def _person(on_card: Sequence[Beneficiary], row: Row) -> Beneficiary | None:
    """Whom a row is about: by our key, else by name, with or without its accents, and year of birth."""
    key = row.get("key")
    if key:
        found = next((each for each in on_card if f"p{each.id}" == key), None)
        if found is None:
            raise Fault(mark("nobody of this key is on the card"))
        return found
    name, year = row.get("name"), row.get("birth_year")
    same = [each for each in on_card if str(each.birth_year) == year and plain(each.name) == plain(name)]
    return next((each for each in same if each.name.casefold() == name.casefold()), same[0] if same else None)


def _theirs(row: Row, who: Beneficiary, our_phone: str, country: str, this_year: int) -> Fields:
    """The fields that a row has, as they are compared; raises :class:`Fault` for what can't be read."""
    found: Fields = {}
    if row.get("name"):
        found["name"] = _name(row)
    if row.get("sex"):
        found["sex"] = _sex(row)
    if row.get("birth_year"):
        found["birth_year"] = str(_year(row, this_year))
    relation = row.get("relation")
    if relation and relation != who.relation:
        if relation not in RELATIONS or "head" in (relation, who.relation):
            raise Fault(mark("{relation}: who is the head is changed in Cotisa"), relation=relation[:12])
        found["relation"] = relation
    elif relation:
        found["relation"] = relation
    if row.get("phone") and who.relation == "head":
        its = row.get("phone").removeprefix("+")
        found["phone"] = its if its == our_phone else _phone(row, country)
    if row.get("section"):
        found["section"] = row.get("section")
    return found


def _name(row: Row) -> str:
    try:
        return read_name(row.get("name"))
    except BadName:
        raise Fault(mark("this is no name that a card can carry")) from None


def _sex(row: Row) -> str:
    sex = row.get("sex").upper()
    if sex not in ("F", "M"):
        raise Fault(mark("the sex is F or M"))
    return sex


def _year(row: Row, this_year: int) -> int:
    try:
        return read_birth_year(row.get("birth_year"), this_year)
    except BadYear:
        raise Fault(mark("{year} is no year of birth of somebody alive"), year=row.get("birth_year")[:10]) from None


def _phone(row: Row, country: str) -> str:
    try:
        typed = row.get("phone")
        try:  # as we write it: with the country's prefix and without the plus sign
            return read_msisdn(f"+{typed.removeprefix('+')}", country).removeprefix("+")
        except BadMsisdn:
            return read_msisdn(typed, country).removeprefix("+")
    except BadMsisdn:
        raise Fault(mark("this is no mobile number here")) from None


def _section(place: Place, code: str) -> Organisation:
    found = place.tree.by_code.get(code)
    if found is None or not found.under(place.at) or found not in place.tree.sections:
        raise Fault(mark("there is no such section here"))
    return found


# --- what both sides changed ------------------------------------------------------------------------------------------


def _show(
    unit: Unit, one: Household, who: int, name: str, ours: str, theirs: str, before: tuple[str | None, datetime | None]
) -> None:
    """Write a conflict down, or what it has come to meanwhile."""
    its = software_conflict
    values: dict[str, Any] = {"ours": ours[:80], "theirs": theirs[:80], "seen_at": unit.now}
    open_one = (its.c.beneficiary_id == who) & (its.c.field == name) & (its.c.state == "open")
    known = unit.connection.execute(select(its.c.id, its.c.ours, its.c.theirs).where(open_one)).first()
    if known is None:
        unit.connection.execute(
            its.insert().values(
                **values, organisation_id=one.section_id, household_id=one.id, beneficiary_id=who, field=name,
                agreed=before[0], agreed_at=before[1],
            )
        )  # fmt: skip
    elif (known.ours, known.theirs) != (values["ours"], values["theirs"]):
        unit.connection.execute(update(its).where(its.c.id == known.id).values(**values))


def close_same(unit: Unit, who: int, name: str) -> None:
    """A conflict is over where both sides say the same meanwhile, or one has come back to what was agreed."""
    its = software_conflict
    open_one = (its.c.beneficiary_id == who) & (its.c.field == name) & (its.c.state == "open")
    unit.connection.execute(update(its).where(open_one).values(state="same", settled_at=unit.now))


def _agree(unit: Unit, who: int, content: Fields) -> None:
    # No version yet: what the other side has of the rest of the row is known once an exchange was taken there.
    row = {"beneficiary_id": who, "content": content, "version": "", "agreed_at": unit.now}
    unit.connection.execute(_AGREE[unit.connection.dialect.name], row)


def agree_on(unit: Unit, who: int, name: str, value: str) -> None:
    """Keep that the other side has this value of a field."""
    its = software_agreed.c.beneficiary_id == who
    known = unit.connection.scalar(select(software_agreed.c.content).where(its))
    _agree(unit, who, {**(known or {}), name: value})


# --- people and families who are new ----------------------------------------------------------------------------------


def _person_of(row: Row, this_year: int) -> Person:
    relation = row.get("relation")
    if relation not in RELATIONS:
        raise Fault(mark("somebody new has a relation: head, spouse, child, parent or other"))
    return Person(_name(row), _sex(row), _year(row, this_year), relation)


def _add(unit: Unit, place: Place, one: Household, row: Row) -> Taken:
    """Somebody of a family that there is: they join it today, as by the office."""
    today = day_in(one.time_zone, unit.now)
    person = _person_of(row, today.year)
    if person.relation == "head":
        raise Fault(mark("this card has a head already"))
    try:
        added = family.add(unit, place.tree, place.chart, one, person, "arrival", today, place.by)
    except family.Refused:
        raise Fault(mark("this card takes no more people")) from None
    _agree(unit, added.beneficiary_id, _said(person))
    return Taken("new")


def _said(person: Person) -> Fields:
    return {
        "name": person.name, "sex": person.sex, "birth_year": str(person.birth_year), "relation": person.relation,
    }  # fmt: skip


def take_family(unit: Unit, place: Place, rows: Sequence[Row]) -> Taken:
    """Register a family that has no card yet, with the number that it has there; raises :class:`Fault`.

    Who left there is no part of it, and a family that left as a whole is none.
    """
    for row in rows:
        row.check()
    rows = [row for row in rows if not row.get("left")]
    if not rows:
        return Taken("same")
    first = next((row for row in rows if row.get("relation") == "head"), rows[0])
    section = _section(place, first.get("section"))
    today = day_in(section.time_zone, unit.now)
    people = [_person_of(row, today.year) for row in [first, *(row for row in rows if row is not first)]]
    if [one.relation == "head" for one in people] != [True] + [False] * (len(people) - 1):
        raise Fault(mark("a new family has one head"))
    code = first.get("plan")
    plans = plans_for(unit.connection, place.tree, section.id, today)
    chosen = next((one for one in plans if one.code == code or (not code and len(plans) == 1)), None)
    if chosen is None:
        raise Fault(mark("there is no such plan in this section"))
    phone = f"+{_phone(first, section.country)}" if first.get("phone") else None
    try:
        made = register(
            unit, place.tree, place.chart, section.id, chosen, people, phone, None, Agreed("import")
        )  # fmt: skip
    except NotTaken:
        raise Fault(mark("the plan {name} takes no such household now"), name=chosen.name) from None
    add_old_number(unit, place.tree, made.household_id, section.id, first.get("number"), place.by)
    one = by_id(unit.connection, place.tree, made.household_id)
    for who in family.roster(unit.connection, one.id):
        ours = ours_of(unit, place.tree, one, who)
        _agree(unit, who.id, {name: ours[name] for name in fields_of(who.relation)})
    return Taken("new")


def _with_number(unit: Unit, place: Place, one: Household, row: Row) -> None:
    """From now on the household is known by the number that it has there, too."""
    number = row.get("number")
    if row.get("card") and key_of(number):
        add_old_number(unit, place.tree, one.id, one.section_id, number, place.by)
