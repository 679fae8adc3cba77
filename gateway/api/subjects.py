"""What the names in a door's path stand for: how each is read, and whose it is. No door opens without it.

``/households/{household}`` names a household by its id; its section says whose it is. A thing that isn't there and a
thing of another's subtree get the same answer. A subject without ``places`` belongs to nobody, or its function looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import NoResultFound

from gateway.api.shapes import LARGEST_ID
from gateway.membership import households
from gateway.membership.households import Household
from gateway.network import facilities
from gateway.network.facilities import Facility
from gateway.network.organisations import Organisation, Tree
from gateway.payments import collections
from gateway.store.schema import household

AN_ID = r"[1-9][0-9]{0,17}"


@dataclass(frozen=True)
class Subject:
    """``read`` gives what a function is handed, or None; ``places`` the organisations that it belongs to, one or two.

    ``pattern``: what may stand in the path. ``says``: the same for whoever reads the document. ``in_network``: whoever
    is of the same network may see it, as everybody sees where members are treated.
    """

    says: str
    read: Callable[[Connection, Tree, str], Any | None]
    places: Callable[[Any], tuple[int, ...]] | None = None
    pattern: str = AN_ID
    in_network: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """As the document has it."""
        if self.pattern == AN_ID:
            return {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
        return {"type": "string", "pattern": f"^{self.pattern}$"}


@dataclass(frozen=True)
class OwnCollection:
    """A collection, and whose it is: the mutuelle's in whose books it is, and the household's section's today."""

    collection: collections.Collection
    place_ids: tuple[int, ...]


def _household(connection: Connection, tree: Tree, typed: str) -> Household | None:
    row = connection.execute(select(household.c.merged_into_id).where(household.c.id == int(typed))).first()
    if row is None:
        return None
    try:
        return households.by_id(connection, tree, row.merged_into_id or int(typed))
    except NoResultFound:  # nobody is its head
        return None


def _collection(connection: Connection, _: Tree, typed: str) -> OwnCollection | None:
    one = collections.by_id(connection, int(typed))
    if one is None:
        return None
    section_id = connection.scalar(select(household.c.section_id).where(household.c.id == one.household_id))
    return OwnCollection(one, (one.organisation_id, *([section_id] if section_id is not None else [])))


def _facility(connection: Connection, _: Tree, typed: str) -> Facility | None:
    return facilities.find(connection, int(typed))


def _organisation(_: Connection, tree: Tree, typed: str) -> Organisation | None:
    return tree.by_id.get(int(typed))


def _word(_: Connection, __: Tree, typed: str) -> str:
    return typed


SUBJECTS: Mapping[str, Subject] = {
    "household": Subject("The household's id.", _household, lambda one: (one.section_id,)),
    "collection": Subject("The collection's id.", _collection, lambda one: one.place_ids),
    "facility": Subject(
        "The health facility's id.", _facility, lambda one: (one.organisation_id,), in_network=True
    ),
    "organisation": Subject("The organisation's id.", _organisation, lambda one: (one.id,)),
    "card": Subject("The number of a card: nine digits.", _word, pattern=r"[1-5][0-9]{8}"),
    "number": Subject("The number that a facility was given: digits, the last one a check digit.", _word,
                      pattern=r"[0-9]{6,19}"),
    "id": Subject("An id.", _word),
    "word": Subject("A word.", _word, pattern=r"[A-Za-z0-9_.-]{1,80}"),
}  # fmt: skip
