"""Resources read and searched: by id, by the number of a card, of a person, or page by page through a subtree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection

from gateway.exchange.fhir.families import Family, families, household_of, household_with, walk
from gateway.exchange.fhir.resources import Names, Resource, coverage, coverages, group, patient, patients
from gateway.kernel.card import BadCard, read_card
from gateway.network.organisations import Organisation, Tree

KINDS = ("Patient", "Group", "Coverage")
_ID = re.compile(r"[1-9][0-9]{0,17}")
_PERSON = re.compile(r"(?:(?:.*/)?Patient/)?([1-9][0-9]{0,17})")

Sees = Callable[[int], bool]  # is what belongs to this organisation for the reader?
Place = tuple[int, int, int]  # of a resource in the order of a list: its section, its household, its own id


class BadSearch(ValueError):
    """What is searched for can't be: ``args[0]`` says why, in plain words."""


@dataclass(frozen=True)
class Found:
    """A page: its resources, the households they are of, and after which place the next one goes on (None: none)."""

    resources: tuple[Resource, ...]
    households: tuple[int, ...]
    next: Place | None = None


@dataclass(frozen=True)
class Reader:
    """Who reads: what belongs to whom is for them, whether phone numbers are, and which day it is where."""

    tree: Tree
    names: Names
    day: Mapping[str, date]
    sees: Sees
    phones: bool = False

    def family(self, connection: Connection, household_id: int | None) -> Family | None:
        """The household with an id, where it is for the reader."""
        if household_id is None:
            return None
        found = families(connection, self.tree, [household_id], self.day)
        return self.shown(found[0]) if found and self.sees(found[0].section.id) else None

    def shown(self, family: Family) -> Family:
        """A household without what isn't for the reader."""
        return family if self.phones else replace(family, phones=())

    def resources(self, kind: str, family: Family) -> list[Resource]:
        """A household's resources of a kind, those of the people on its card by their ids."""
        if kind == "Group":
            return [group(family, self.names)]
        found = patients(family, self.names) if kind == "Patient" else coverages(family, self.names)
        return sorted(found, key=lambda each: int(each["id"]))


def read(connection: Connection, reader: Reader, kind: str, its_id: str) -> Found | None:
    """The resource of a kind with an id; None where there is none, or it isn't for the reader.

    A patient who has left the card is found, as not active; a cover is told of who is on it.
    """
    if not _ID.fullmatch(its_id):
        return None
    number = int(its_id)
    family = reader.family(connection, number if kind == "Group" else household_of(connection, number))
    if family is None:
        return None
    if kind == "Group":
        return Found((group(family, reader.names),), (number,))
    person = next((each for each in family.people if each.id == number), None)
    if person is None:
        return None
    found = patient(family, person, reader.names) if kind == "Patient" else coverage(family, person, reader.names)
    return Found((found,), (family.household.id,)) if found is not None else None


def search(connection: Connection, reader: Reader, kind: str, by: Mapping[str, str]) -> Found:
    """What fits every one of the conditions ``by``: ``_id``, ``identifier``, ``beneficiary`` or
    ``patient``; at most one household's.

    Raises :class:`BadSearch`.
    """
    wanted = [_named(connection, reader, kind, name, value) for name, value in by.items()]
    first, *others = wanted or [Found((), ())]
    for other in others:
        ids = {each["id"] for each in other.resources}
        first = replace(first, resources=tuple(each for each in first.resources if each["id"] in ids))
    return first if first.resources else Found((), ())


def _named(connection: Connection, reader: Reader, kind: str, name: str, value: str) -> Found:
    if name == "_id":
        return read(connection, reader, kind, value) or Found((), ())
    if name in ("beneficiary", "patient"):
        person = _PERSON.fullmatch(value)
        if person is None:
            raise BadSearch(f"{name}: write Patient/ and an id")
        return read(connection, reader, kind, person.group(1)) or Found((), ())
    system, bar, typed = value.rpartition("|")
    if bar and system not in ("", reader.names.cards):
        return Found((), ())  # of another system than ours: nobody has it
    try:
        card = read_card(typed)
    except BadCard:
        # openIMIS' Code of a patient is the id here.
        return (not system and kind != "Group" and read(connection, reader, kind, typed)) or Found((), ())
    family = reader.family(connection, household_with(connection, card))
    if family is None:
        return Found((), ())
    return Found(tuple(reader.resources(kind, family)), (family.household.id,))


def listed(
    connection: Connection, reader: Reader, kind: str, sections: Sequence[Organisation], count: int, after: Place | None
) -> Found:
    """A page of all resources of a kind in these sections, at most ``count``, behind a place of the page before."""
    found: list[Resource] = []
    homes: dict[int, None] = {}
    last = after
    for place, resource in _each(connection, reader, kind, sections, count, after):
        if len(found) == count:
            return Found(tuple(found), tuple(homes), last)
        found.append(resource)
        homes[place[1]] = None
        last = place
    return Found(tuple(found), tuple(homes))


def _each(
    connection: Connection, reader: Reader, kind: str, sections: Sequence[Organisation], count: int, after: Place | None
) -> Iterator[tuple[Place, Resource]]:
    since = after[:2] if after is not None else (0, 0)
    at_once = min(count, 50) + 1  # a household has a few people: a page needs no more households than resources
    for family in walk(connection, reader.tree, sections, reader.day, since, at_once):
        section_id, household_id = family.section.id, family.household.id
        for resource in reader.resources(kind, reader.shown(family)):
            place = (section_id, household_id, int(resource["id"]))
            if after is None or place > after:
                yield place, resource
