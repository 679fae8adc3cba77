"""What a campaign writes to each: the phone, the language and the words, from how the household stands this moment.

Whoever isn't written to has a reason: paid meanwhile, no phone, stopped, a number that fails.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, func, select

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.membership.several import Stands, among
from gateway.network.organisations import Organisation, Tree
from gateway.sms.campaigns.keeping import Campaign
from gateway.sms.campaigns.recipients import still_readers
from gateway.sms.campaigns.who import still_chosen
from gateway.sms.failing import failing
from gateway.sms.gsm7 import fold, parts
from gateway.sms.templates.events import EVENTS, filled
from gateway.sms.templates.placeholders import BadTemplate, fill, placeholders
from gateway.store.heads import HEAD_NAME
from gateway.store.schema import caller, household, phone

# Placeholders that say whose text it is: without one, a phone that several households share is told the card.
OWN = frozenset({"card", "name"})


@dataclass(frozen=True)
class Letter:
    """A message in its words; ``id`` is that of its row."""

    id: uuid.UUID
    msisdn: str
    language: str
    text: str
    parts: int


@dataclass
class Written:
    """What is to be handed over, and who isn't written to and why."""

    letters: list[Letter] = field(default_factory=list)
    skipped: dict[uuid.UUID, str] = field(default_factory=dict)


def write_letters(connection: Connection, tree: Tree, one: Campaign, rows: Sequence[Any], now: datetime) -> Written:
    """The letters of some waiting messages of a campaign (rows with ``id``, ``household_id``, ``msisdn``, ``text``).

    A household's is written anew where it was written before and turned down for now: it may have paid since.
    """
    found = Written()
    of_households = [row for row in rows if row.household_id is not None and one.kind != "list"]
    others = [row for row in rows if row.household_id is None or one.kind == "list"]
    if of_households:
        _to_households(connection, tree, one, of_households, now, found)
    if others:
        _to_numbers(connection, tree, one, others, found)
    return found


# --- to households ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Family:
    """What of a household its letter needs; its phones as they may be written to, the one to take first."""

    id: int
    card: str
    section_id: int
    head: str
    language: str | None
    phones: tuple[_Phone, ...]


@dataclass(frozen=True)
class _Phone:
    msisdn: str
    language: str | None
    stopped: bool
    shared: bool


def _to_households(
    connection: Connection, tree: Tree, one: Campaign, rows: Sequence[Any], now: datetime, found: Written
) -> None:
    ids = [row.household_id for row in rows]
    today = day_in(tree[one.organisation_id].time_zone, now)
    chosen, stands = still_chosen(connection, tree, one.who, today, ids)
    families = _families(connection, ids)
    given_up = failing(connection, sorted({each.msisdn for family in families.values() for each in family.phones}))
    words = _Words(tree, one)
    for row in rows:
        family = families.get(row.household_id)
        if family is None or row.household_id not in chosen:
            its = stands.get(row.household_id)
            found.skipped[row.id] = "paid" if its is not None and not its.left else "no longer meant"
            continue
        to = _phone(family, given_up)
        if isinstance(to, str):
            found.skipped[row.id] = to
            continue
        letter = words.to(row.id, family, to, stands[family.id])
        if isinstance(letter, str):
            found.skipped[row.id] = letter
        else:
            found.letters.append(letter)


def _phone(family: _Family, given_up: set[str]) -> _Phone | str:
    """The phone to write to, or why there is none."""
    if not family.phones:
        return "no phone"
    wanting = [each for each in family.phones if not each.stopped]
    if not wanting:
        return "opted_out"
    return next((each for each in wanting if each.msisdn not in given_up), "number fails")


def _families(connection: Connection, ids: Sequence[int]) -> dict[int, _Family]:
    other = phone.alias("other")
    count = select(func.count()).where(other.c.msisdn == phone.c.msisdn, other.c.main).scalar_subquery()
    rows = connection.execute(
        select(phone.c.household_id, phone.c.msisdn, caller.c.language, caller.c.stopped_at, count.label("households"))
        .outerjoin(caller, caller.c.msisdn == phone.c.msisdn)
        .where(phone.c.household_id.in_(among(ids)), phone.c.main)
        .order_by(phone.c.household_id, phone.c.msisdn)
    )
    phones: dict[int, list[_Phone]] = {}
    for row in rows:
        each = _Phone(row.msisdn, row.language, row.stopped_at is not None, row.households > 1)
        phones.setdefault(row.household_id, []).append(each)
    families = connection.execute(
        select(household.c.id, household.c.card, household.c.section_id, household.c.language, HEAD_NAME.label("head"))
        .where(household.c.id.in_(among(ids)))
    )  # fmt: skip
    return {
        row.id: _Family(
            row.id, row.card, row.section_id, row.head or "", row.language, tuple(phones.get(row.id, ()))
        )
        for row in families
    }  # fmt: skip


class _Words:
    """The words of one campaign, filled in; the same ones once."""

    def __init__(self, tree: Tree, one: Campaign) -> None:
        self._tree = tree
        self._one = one
        self._known: dict[tuple[object, ...], tuple[str, int]] = {}

    def to(self, its_id: uuid.UUID, family: _Family, to: _Phone, stands: Stands) -> Letter | str:
        """The letter, or why there is none."""
        books = self._tree.books_of(family.section_id)
        language, text = words_in(self._one.texts, to.language or family.language, books)
        say = Say(language)
        values = values_of(self._tree, self._one, family, stands, say)
        names = placeholders_of(text)
        missing = next((name for name in names if values.get(name) is None), None)
        if missing is not None:
            return "nothing due" if missing in ("due", "date") else "no cover" if missing == "until" else missing
        told_apart = family.card if to.shared and not OWN.intersection(names) else ""
        key = (language, text, told_apart, *(values[name] for name in names))
        if key not in self._known:
            written = _in_few_parts(text, say, {name: values[name] for name in names})
            if told_apart:
                card = say("Card {card}.", card=say.card(told_apart))
                end = "" if written.rstrip().endswith((".", "!", "?", ":", ";", ",")) else "."
                written = fold(f"{written}{end} {card}")
            self._known[key] = written, parts(written)
        return Letter(its_id, to.msisdn, language, *self._known[key])


def _in_few_parts(text: str, say: Say, values: Mapping[str, object]) -> str:
    """The text filled in, names giving way where that saves a part; a long one in as many parts as it has."""
    try:
        return filled(EVENTS["campaign"], text, say, values)
    except BadTemplate:
        return fill(text, say, values)


@cache
def placeholders_of(text: str) -> tuple[str, ...]:
    """The placeholders of a text that was checked before; none of one that can't be read."""
    try:
        return tuple(placeholders(text))
    except BadTemplate:
        return ()


def words_in(texts: Mapping[str, str], language: str | None, place: Organisation) -> tuple[str, str]:
    """The language that is written in, and the text: the reader's own, else the first that their mutuelle speaks."""
    for each in (language, *place.languages, "fr"):
        if each is not None and each in texts:
            return each, texts[each]
    return next(iter(texts.items()))


def values_of(tree: Tree, one: Campaign, family: Any, stands: Stands, say: Say) -> dict[str, object]:
    """What placeholders stand for; None where there is nothing to say. Of a rule, what is due by its own day."""
    books = tree.books_of(family.section_id)
    cover = stands.cover
    due, due_on = Money(cover.due_minor, stands.left.currency), cover.due_on
    if one.due_on is not None:
        due, due_on = stands.left_of(one.due_on), one.due_on
    return {
        "card": say.card(family.card),
        "name": family.head,
        "left": stands.left,
        "due": due or None,
        "date": due_on,
        "until": _until(stands, cover.until),
        **values_of_place(tree, books),
    }


def _until(stands: Stands, until: date | None) -> date | None:
    return until or (stands.last.last_day if stands.last is not None else None)


def values_of_place(tree: Tree, place: Organisation) -> dict[str, object]:
    """What placeholders stand for that speak of the mutuelle alone: its name, and the code that is dialled."""
    return {"mutuelle": place.name, "code": code_of(tree, place)}


def code_of(tree: Tree, place: Organisation) -> str | None:
    """The short code that is dialled for a mutuelle: its own, or that of the nearest organisation above it."""
    for above in tree.upward(place.id):
        found = sorted(code for code, one in tree.codes.items() if one.organisation_id == above.id)
        if found:
            return found[0]
    return next(iter(sorted(tree.codes)), None)


# --- to numbers -------------------------------------------------------------------------------------------------------


def _to_numbers(connection: Connection, tree: Tree, one: Campaign, rows: Sequence[Any], found: Written) -> None:
    """News and lists: the number is known, and of a list the text is too."""
    numbers = sorted({row.msisdn for row in rows})
    known = {
        row.msisdn: row
        for row in connection.execute(
            select(caller.c.msisdn, caller.c.language, caller.c.stopped_at).where(caller.c.msisdn.in_(numbers))
        )
    }
    given_up = failing(connection, numbers)
    meant = still_readers(connection, tree, one.who, numbers) if one.kind == "news" else set(numbers)
    place = tree[one.organisation_id]
    for row in rows:
        caller_row = known.get(row.msisdn)
        if caller_row is not None and caller_row.stopped_at is not None:
            found.skipped[row.id] = "opted_out"
        elif row.msisdn not in meant:
            found.skipped[row.id] = "no longer meant"
        elif row.msisdn in given_up:
            found.skipped[row.id] = "number fails"
        elif one.kind == "list":
            found.letters.append(Letter(row.id, row.msisdn, row.language, row.text, parts(row.text)))
        else:
            language, text = words_in(one.texts, caller_row.language if caller_row is not None else None, place)
            values = values_of_place(tree, place)
            if any(values.get(name) is None for name in placeholders_of(text)):
                found.skipped[row.id] = "no code"
                continue
            filled = fill(text, Say(language), values)
            found.letters.append(Letter(row.id, row.msisdn, language, filled, parts(filled)))
