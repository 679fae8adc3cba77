"""Health facilities (FOSA): who has an agreement with which, and where a member may go.

A member who travels is treated at any facility that any mutuelle of the network has an agreement with
(*inter-mutualité*); the network is everything below one root of the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date

from sqlalchemy import Connection, Date, String, bindparam, insert, select

from gateway.kernel.faults import Fault
from gateway.kernel.spelling import plain
from gateway.network.organisations import Tree
from gateway.store.schema import facility, organisation
from gateway.store.unit import Unit

# In the order in which they are shown.
KINDS = ("hospital", "centre", "clinic", "pharmacy")
OWNERSHIPS = ("public", "private", "faith")
NAME_CHARACTERS = 60
MOST_IN_A_DISTRICT = 1000


@dataclass(frozen=True)
class Facility:
    """A facility with the agreement that an organisation has with it: its first day, and its last where one is set."""

    id: int
    organisation_id: int
    code: str
    name: str
    kind: str
    ownership: str
    district: str
    msisdn: str | None
    agreed_on: date
    agreed_until: date | None

    def agreed(self, on: date) -> bool:
        """Is the agreement in force on this day?"""
        return self.agreed_on <= on and (self.agreed_until is None or on <= self.agreed_until)


_COLUMNS = [facility.c[one.name] for one in fields(Facility)]
_ON, _NETWORK = bindparam("on", type_=Date()), bindparam("network", type_=String(200))
_IN_FORCE = (facility.c.agreed_on <= _ON) & (facility.c.agreed_until.is_(None) | (facility.c.agreed_until >= _ON))
_IN_THE_NETWORK = facility.join(
    organisation,
    (organisation.c.id == facility.c.organisation_id) & organisation.c.path.startswith(_NETWORK),
)

_DISTRICTS = (
    select(facility.c.district, facility.c.organisation_id).distinct().select_from(_IN_THE_NETWORK).where(_IN_FORCE)
)
_IN_DISTRICT = (
    select(*_COLUMNS, organisation.c.path)
    .select_from(_IN_THE_NETWORK)
    .where(_IN_FORCE, facility.c.district == bindparam("district"))
    .limit(MOST_IN_A_DISTRICT)
)


def network_path(path: str) -> str:
    """The path of the root above (or at) a path; of ``/``, everything, that itself."""
    return "/".join(path.split("/")[:2]).rstrip("/") + "/"


def same_network(tree: Tree, one_id: int, other_id: int) -> bool:
    """Are two organisations below one root?"""
    return network_path(tree[one_id].path) == network_path(tree[other_id].path)


def districts(connection: Connection, tree: Tree, root_path: str, on: date) -> list[str]:
    """The districts of the whole network where an agreement is in force on a day.

    First those where the organisations at or below ``root_path`` have one, then those of their own country, then the
    others; by name, whatever the accents.
    """
    countries = {one.country for one in tree.by_id.values() if one.path == root_path}
    ranks: dict[str, int] = {}
    for row in connection.execute(_DISTRICTS, {"on": on, "network": network_path(root_path)}):
        owner = tree[row.organisation_id]
        rank = 0 if owner.path.startswith(root_path) else 1 if owner.country in countries else 2
        ranks[row.district] = min(rank, ranks.get(row.district, rank))
    return sorted(ranks, key=lambda one: (ranks[one], plain(one), one))


def find_district(names: Iterable[str], typed: str) -> list[str]:
    """The districts whose name begins as typed, whatever the accents; then those of which a later word does."""
    sought = plain(typed)
    if not sought:
        return []
    spelled = [(name, plain(name)) for name in names]
    begin = [name for name, letters in spelled if letters.startswith(sought)]
    return begin + [name for name, letters in spelled if f" {sought}" in letters and name not in begin]


def in_district(connection: Connection, root_path: str, district: str, on: date, limit: int) -> list[Facility]:
    """Where members at or below ``root_path`` are treated in a district: of the whole network, their own first.

    Hospitals come before centres, clinics and pharmacies, and each kind by name, whatever the accents.
    """
    rows = connection.execute(_IN_DISTRICT, {"on": on, "network": network_path(root_path), "district": district}).all()
    found = [(not row.path.startswith(root_path), _read(row)) for row in rows]
    found.sort(key=lambda each: (each[0], *_shown_by(each[1])))
    return [each for _, each in found[:limit]]


def by_id(connection: Connection, facility_id: int) -> Facility:
    """The facility with an id that is known to exist."""
    return _read(connection.execute(select(*_COLUMNS).where(facility.c.id == facility_id)).one())


def everywhere(connection: Connection) -> list[Facility]:
    """All facilities by district, whatever has become of their agreement."""
    found = [_read(row) for row in connection.execute(select(*_COLUMNS))]
    return sorted(found, key=lambda one: (plain(one.district), *_shown_by(one)))


def _shown_by(one: Facility) -> tuple[int, str, str]:
    return KINDS.index(one.kind), plain(one.name), one.code


def _read(row: Sequence[object]) -> Facility:
    return Facility(*row[: len(_COLUMNS)])  # type: ignore[arg-type]


def add_facility(
    unit: Unit,
    organisation_id: int,
    code: str,
    name: str,
    kind: str,
    ownership: str,
    district: str,
    msisdn: str | None = None,
    *,
    agreed_on: date,
    agreed_until: date | None = None,
) -> int:
    """Add a facility that an organisation has an agreement with; returns its id.

    Raises :class:`Fault` for a name, code or district that no screen can show and for an agreement that ends before it
    begins, IntegrityError when the code is another's.
    """
    name, district = " ".join(name.split()), " ".join(district.split())
    if not re.fullmatch(r"[a-z0-9-]{1,40}", code):
        raise Fault("a facility's code has small letters a to z, digits and hyphens, 40 at most")
    if not (plain(name) and plain(district)) or max(len(name), len(district)) > NAME_CHARACTERS:
        raise Fault(f"a facility's name and district have letters or digits, {NAME_CHARACTERS} characters at most")
    if agreed_until is not None and agreed_until < agreed_on:
        raise Fault(f"the agreement would end on {agreed_until}, before it begins on {agreed_on}")
    new = unit.connection.execute(
        insert(facility).values(
            organisation_id=organisation_id,
            code=code,
            name=name,
            kind=kind,
            ownership=ownership,
            district=district,
            msisdn=msisdn,
            agreed_on=agreed_on,
            agreed_until=agreed_until,
        )
    )
    return int(new.inserted_primary_key[0])  # type: ignore[index]
