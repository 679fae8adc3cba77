"""Finds households by what somebody types in one box: a card, a phone, or words of a name as they sound, and a village.

How a name is found: its sounds first (``name_key``), all words of it, the last one perhaps unfinished; where nobody is
found, sounds that differ by a letter. What is found is put in order by the names as they are written. The page must be
quick among a million households, so every question to the database has a bound: whichever side is smaller is looked
through, the households of the sections or those who bear the rarest word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rapidfuzz.distance import DamerauLevenshtein
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, intersect, select

from gateway.kernel.card import BadCard, read_card
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.kernel.sounds import sound
from gateway.kernel.spelling import plain
from gateway.membership.old_numbers import with_old_number
from gateway.membership.several import among
from gateway.network.organisations import Organisation, Tree
from gateway.store.listed import as_rows
from gateway.store.schema import beneficiary, card_alias, household, name_key, phone

MOST = 50
MOST_WORDS = 6
# So many households are put in order before the first are shown: a name that more bear needs another word.
_LOOKED_AT = 200
# A side with at most so many rows is looked through whole; beyond it a bounded part of it is.
_FEW, _PART = 5_000, 60_000
_NEAR_MOST = 30  # sounds that nearly are what was typed
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"

Why = Literal["card", "old-card", "old-number", "phone", "name", "near", "place"]


@dataclass(frozen=True)
class Found:
    """A household that was found, and why.

    ``matched``: whoever on its card bears the name; of a card or a phone, the head. ``left``: they aren't on it any
    more. ``score``: of 100, how near the name is to what was typed.
    """

    household_id: int
    card: str
    head: str
    section_id: int
    why: Why
    matched: str
    left: bool = False
    score: int = 100


@dataclass(frozen=True)
class Search:
    """What was found, the best first.

    ``kind``: what was typed was taken for. ``no_such_card``: it looks like a card number, and no card has it; where the
    check digit is wrong besides (``mistyped``), a digit was mistyped. ``near``: nobody's name sounds so; these come
    near. ``more``: there are others; another word, or the village, finds them.
    """

    kind: Literal["nothing", "card", "phone", "name"]
    found: tuple[Found, ...] = ()
    no_such_card: bool = False
    mistyped: bool = False
    near: bool = False
    more: bool = False


@dataclass(frozen=True)
class _Scope:
    """The sections that may be looked into; ``ids`` None: all there are."""

    ids: tuple[int, ...] | None

    def holds(self) -> list[ColumnElement[bool]]:
        own: list[ColumnElement[bool]] = [household.c.merged_into_id.is_(None)]
        return own if self.ids is None else [*own, household.c.section_id.in_(among(self.ids))]


def find(
    connection: Connection,
    tree: Tree,
    typed: str,
    roots: Sequence[str] = ("/",),
    section_id: int | None = None,
    limit: int = MOST,
) -> Search:
    """The households at or below some organisations (by path), perhaps of one section, that are meant by ``typed``."""
    text = unicodedata.normalize("NFKC", typed).strip()[:120]
    places = [one for one in tree.by_id.values() if any(one.path.startswith(root) for root in roots)]
    if section_id is not None:
        places = [one for one in places if one.id == section_id]
    if not text or not places:
        return Search("nothing")
    scope = _Scope(None if len(places) == len(tree.by_id) else tuple(sorted(one.id for one in places)))
    if re.fullmatch(r"\+?[\d\s().\-/]+", text):
        found = _by_number(connection, text, places, scope, limit)
        return found if found.found else _by_old_number(connection, text, scope) or found
    by_old = _by_old_number(connection, text, scope)
    if by_old is not None:
        return by_old
    return _by_words(connection, text, places, scope, limit)


# --- numbers ----------------------------------------------------------------------------------------------------------

_ROW = (
    select(household.c.id, household.c.card, household.c.section_id, beneficiary.c.name.label("head"))
    .join(beneficiary, (beneficiary.c.household_id == household.c.id) & (beneficiary.c.relation == "head"))
    .order_by(household.c.id)
)  # fmt: skip


def _by_old_number(connection: Connection, text: str, scope: _Scope) -> Search | None:
    """Those who had such a number on a paper card or in other software; None where nobody had."""
    ids = with_old_number(connection, text)
    if not ids:
        return None
    rows = connection.execute(_ROW.where(household.c.id.in_(ids), *scope.holds())).all()
    return Search("card", tuple(_plainly(row, "old-number") for row in rows)) if rows else None


def _by_number(
    connection: Connection, text: str, places: Sequence[Organisation], scope: _Scope, limit: int
) -> Search:  # fmt: skip
    its_phones = {found for country in {one.country for one in places} if (found := _phone(text, country)) is not None}
    try:
        card: str | None = read_card(text)
        looks_like_card = True
    except BadCard as wrong:
        card, looks_like_card = None, wrong.args[0] == "check" and not its_phones
    if card is not None:
        rows = connection.execute(_ROW.where(household.c.card == card, *scope.holds())).all()
        why: Why = "card"
        if not rows:
            old = select(card_alias.c.household_id).where(card_alias.c.card == card).scalar_subquery()
            rows, why = connection.execute(_ROW.where(household.c.id == old, *scope.holds())).all(), "old-card"
        if rows or not its_phones:
            return Search("card", tuple(_plainly(row, why) for row in rows), no_such_card=not rows)
    elif looks_like_card:
        return Search("card", no_such_card=True, mistyped=True)
    if not its_phones:
        return Search("nothing")
    of_phone = select(phone.c.household_id).where(phone.c.msisdn.in_(sorted(its_phones)))
    rows = connection.execute(_ROW.where(household.c.id.in_(of_phone), *scope.holds()).limit(limit + 1)).all()
    return Search("phone", tuple(_plainly(row, "phone") for row in rows[:limit]), more=len(rows) > limit)


def _phone(text: str, country: str) -> str | None:
    try:
        return read_msisdn(text, country)
    except BadMsisdn:
        return None


def _plainly(row: Any, why: Why) -> Found:
    return Found(row.id, row.card, row.head, row.section_id, why, row.head)


# --- words ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Word:
    """A word that a name must have: by these sounds, or where it is unfinished by those that begin so."""

    sounds: tuple[str, ...]
    begins: str | None = None

    @property
    def asked(self) -> ColumnElement[bool]:
        return _asked(self, name_key.c.key)


def _asked(word: _Word, key: ColumnElement[str]) -> ColumnElement[bool]:
    if word.begins is None:
        return key == word.sounds[0] if len(word.sounds) == 1 else key.in_(word.sounds)
    after = _after(word.begins)
    # Longer ones: those that are as typed were looked for before.
    return key > word.begins if after is None else and_(key > word.begins, key < after)


def _after(beginning: str) -> str | None:
    """The least text that no longer begins so, of the letters that sounds have."""
    for place in range(len(beginning) - 1, -1, -1):
        at = _LETTERS.index(beginning[place])
        if at + 1 < len(_LETTERS):
            return beginning[:place] + _LETTERS[at + 1]
    return None


@dataclass(frozen=True)
class _Meant:
    """One way to read what was typed: words of a name, in some sections."""

    words: tuple[str, ...]
    scope: _Scope


def _by_words(connection: Connection, text: str, places: Sequence[Organisation], scope: _Scope, limit: int) -> Search:
    words = tuple(plain(text).split())[:MOST_WORDS]
    if not any(map(sound, words)):
        return Search("nothing")
    ways = [*_with_place(words, places), _Meant(words, scope)]
    found: dict[int, Found] = {}
    more = False
    for step in (_exactly, _begun, _nearly):
        for way in ways:
            if not way.words:
                rows = _newest(connection, way.scope, limit)
                more |= len(rows) > limit
                ranked = [replace(_plainly(row, "place")) for row in rows[:limit]] if step is _exactly else []
            else:
                ids, cut = step(connection, way)
                more |= cut
                ranked = _ranked(connection, way.words, ids, "near" if step is _nearly else "name")
            for one in ranked:
                found.setdefault(one.household_id, one)
        if step is _begun and found:
            break
        if step is _exactly and len(found) >= limit:
            break
    in_order = sorted(found.values(), key=lambda one: (one.why == "place", one.left, -one.score, one.household_id))
    near = bool(in_order) and all(one.why == "near" for one in in_order)
    return Search("name", tuple(in_order[:limit]), near=near, more=more or len(in_order) > limit)


def _with_place(words: Sequence[str], places: Sequence[Organisation]) -> Iterator[_Meant]:
    """The ways in which some of the words name a place, and the others somebody in it; the longest names first."""
    by_name: dict[tuple[str, ...], list[Organisation]] = {}
    for one in places:
        own = tuple(map(sound, plain(one.name).split()))
        for start in range(len(own)):  # "Ouaké" for the "Mutuelle de Ouaké"
            by_name.setdefault(own[start:], []).append(one)
    heard = tuple(map(sound, words))
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length + 1):
            named = by_name.get(heard[start : start + length], [])
            if named and max(map(len, words[start : start + length])) >= 3:
                ids = {each.id for each in places for top in named if each.under(top)}
                rest = (*words[:start], *words[start + length :])
                if not rest or any(map(sound, rest)):
                    yield _Meant(rest, _Scope(tuple(sorted(ids))))
                return


def _newest(connection: Connection, scope: _Scope, limit: int) -> Sequence[Any]:
    return connection.execute(
        _ROW.order_by(None).where(*scope.holds()).order_by(household.c.id.desc()).limit(limit + 1)
    ).all()


Ids = tuple[list[int], bool]  # of households, and whether there may be more


def _exactly(connection: Connection, way: _Meant) -> Ids:
    return _bearing(connection, [_Word((key,)) for key in dict.fromkeys(filter(None, map(sound, way.words)))], way)


def _begun(connection: Connection, way: _Meant) -> Ids:
    """With the last word unfinished."""
    heard = [key for key in map(sound, way.words) if key]
    if len(heard[-1]) < 2:
        return [], False
    whole = [_Word((key,)) for key in dict.fromkeys(heard[:-1])]
    return _bearing(connection, [*whole, _Word((heard[-1],), heard[-1])], way)


def _nearly(connection: Connection, way: _Meant) -> Ids:
    heard = list(dict.fromkeys(filter(None, map(sound, way.words))))
    words = []
    for key in heard:
        near = _near(connection, key)
        if len(heard) == 1:
            near = [one for one in near if one != key]  # nobody was found by it
        if not near:
            return [], False
        words.append(_Word(tuple(near)))
    return _bearing(connection, words, way)


def _near(connection: Connection, key: str) -> list[str]:
    """The sounds that somebody's name has and that are a letter away from this one; of long ones, two."""
    if len(key) < 3:
        return [key]
    known = _known(connection, _one_letter_away(key))
    if len(key) >= 6:
        known = list(dict.fromkeys([*known, *_two_letters_away(connection, key)]))
    known.sort(key=lambda one: (DamerauLevenshtein.distance(one, key), one))
    return known[:_NEAR_MOST]


def _one_letter_away(key: str) -> list[str]:
    letters = _LETTERS[10:]
    tries = {key}
    for place in range(len(key) + 1):
        before, after = key[:place], key[place:]
        tries |= {before + letter + after for letter in letters}
        if after:
            tries.add(before + after[1:])
            tries |= {before + letter + after[1:] for letter in letters}
        if len(after) > 1:
            tries.add(before + after[1] + after[0] + after[2:])
    return sorted(one for one in tries if one)


def _known(connection: Connection, keys: Sequence[str]) -> list[str]:
    """Those that stand in the index: a look for each, however many households bear it."""
    rows, key = as_rows(connection, keys)
    return list(connection.scalars(select(key).select_from(rows).where(exists().where(name_key.c.key == key))))


def _two_letters_away(connection: Connection, key: str) -> list[str]:
    """Sounds with the same two first letters: the index is gone through from sound to sound, not row by row."""
    first, after = key[:2], _after(key[:2])
    ends = [name_key.c.key < after] if after is not None else []
    steps = select(func.min(name_key.c.key).label("key")).where(name_key.c.key >= first, *ends).cte("steps", True)
    following = (
        select(func.min(name_key.c.key)).where(name_key.c.key > steps.c.key, *ends).correlate(steps).scalar_subquery()
    )
    steps = steps.union_all(select(following).where(steps.c.key.is_not(None)))
    length = func.length(steps.c.key)
    asked = select(steps.c.key).where(steps.c.key.is_not(None), length.between(len(key) - 2, len(key) + 2))
    return [one for one in connection.scalars(asked) if DamerauLevenshtein.distance(one, key, score_cutoff=2) <= 2]


# --- who bears them ---------------------------------------------------------------------------------------------------


def _bearing(connection: Connection, words: Sequence[_Word], way: _Meant) -> Ids:
    """Households of a scope whose people bear all words, at most :data:`_LOOKED_AT`."""
    counts = [(_count(connection, select(name_key.c.household_id).where(word.asked)), word) for word in words]
    counts.sort(key=lambda one: one[0])
    fewest, rarest = counts[0]
    if not fewest:
        return [], False
    others = [word for _, word in counts[1:]]
    if fewest > _FEW and way.scope.ids is not None:
        inside = select(household.c.id).where(*way.scope.holds())
        if _count(connection, inside) <= _FEW:
            return _cut(connection, inside.where(*map(_bears, words)))
    if fewest > _FEW and others:
        both = intersect(*(_part(word) for word in (rarest, others[0]))).subquery()
        return _cut(connection, _within(both, others[1:], way.scope))
    part = _part(rarest).subquery()
    return _cut(connection, _within(part, others, way.scope))


def _part(word: _Word) -> Select[Any]:
    # In the order of the index, so that of two parts the same households are looked through.
    order = (name_key.c.key, name_key.c.household_id) if word.begins or len(word.sounds) > 1 else (
        name_key.c.household_id,
    )  # fmt: skip
    part = select(name_key.c.household_id).where(word.asked).order_by(*order).limit(_PART).subquery()
    return select(part.c.household_id)


def _within(part: Any, others: Sequence[_Word], scope: _Scope) -> Select[Any]:
    return (
        select(household.c.id)
        .join(part, part.c.household_id == household.c.id)
        .where(*scope.holds(), *map(_bears, others))
    )


def _bears(word: _Word) -> ColumnElement[bool]:
    own = name_key.alias()
    return exists().where(own.c.household_id == household.c.id, _asked(word, own.c.key))


def _count(connection: Connection, query: Select[Any]) -> int:
    """How many rows there are, up to one more than few."""
    return connection.scalar(select(func.count()).select_from(query.limit(_FEW + 1).subquery())) or 0


def _cut(connection: Connection, query: Select[Any]) -> Ids:
    ids = list(dict.fromkeys(connection.scalars(query.limit(2 * _LOOKED_AT))))
    return ids[:_LOOKED_AT], len(ids) > _LOOKED_AT


# --- in order ---------------------------------------------------------------------------------------------------------


def _ranked(connection: Connection, words: Sequence[str], ids: Sequence[int], why: Why) -> list[Found]:
    if not ids:
        return []
    people: dict[int, list[Any]] = {}
    rows = connection.execute(
        select(
            beneficiary.c.household_id, beneficiary.c.name, beneficiary.c.relation, beneficiary.c.left_on,
            beneficiary.c.id,
        )
        .where(beneficiary.c.household_id.in_(among(ids)))
        .order_by(beneficiary.c.household_id, beneficiary.c.relation != "head", beneficiary.c.id)
    )  # fmt: skip
    for row in rows:
        people.setdefault(row.household_id, []).append(row)
    cards = connection.execute(
        select(household.c.id, household.c.card, household.c.section_id).where(household.c.id.in_(among(ids)))
    )
    found = []
    for one in cards:
        own = people.get(one.id, [])
        head = next((each.name for each in own if each.relation == "head"), "")
        scored = [(_score(words, each.name), each) for each in own]
        best = max(scored, key=lambda each: (each[0], each[1].left_on is None), default=None)
        if best is None:
            continue
        score, person = best
        bonus = person.relation == "head"
        left = person.left_on is not None
        found.append(Found(one.id, one.card, head, one.section_id, why, person.name, left, score + bonus))
    return found


def _score(words: Sequence[str], name: str) -> int:
    """How near a name is to the words, of 99: spelled so, begun so, sounding so, or like it."""
    own = plain(name).split()
    total = 0.0
    for number, word in enumerate(words):
        total += max((_likeness(word, each, number == len(words) - 1) for each in own), default=0.0)
    # Of two that have all the words, the one that has fewer others.
    return round(98 * total / len(words) - max(0, len(own) - len(words)) / 2)


def _likeness(word: str, other: str, unfinished: bool) -> float:
    if word == other:
        return 1.0
    if sound(word) == sound(other):
        return 0.95
    if unfinished and (other.startswith(word) or sound(other).startswith(sound(word))):
        return 0.9
    return 0.85 * DamerauLevenshtein.normalized_similarity(sound(word), sound(other))
