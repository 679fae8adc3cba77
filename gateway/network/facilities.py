"""Health facilities (FOSA): who has an agreement with which, and where a member may go.

A member who travels is treated at any facility that any mutuelle of the network has an agreement with
(*inter-mutualité*); the network is everything below one root of the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, Date, String, bindparam, insert, or_, select, tuple_, update

from gateway.kernel.faults import Fault
from gateway.kernel.spelling import plain
from gateway.locale import mark
from gateway.network.organisations import Tree
from gateway.store.schema import facility, facility_agreement, organisation
from gateway.store.unit import Unit

# In the order in which they are shown.
KINDS = ("hospital", "centre", "clinic", "pharmacy")
OWNERSHIPS = ("public", "private", "faith")
NAME_CHARACTERS = 60
TERMS_CHARACTERS, TARIFF_CHARACTERS, COVERS_CHARACTERS = 2_000, 80, 400
MOST_IN_A_DISTRICT = 1000


class BadFacility(Fault):
    """What a facility would be called, or its agreement, can't be."""


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


@dataclass(frozen=True)
class Terms:
    """What was agreed beside the days: the text, the list of prices that counts, and what is covered there."""

    text: str | None = None
    tariff: str | None = None
    covers: str | None = None


@dataclass(frozen=True)
class Agreement:
    """A row of a facility's history: ``kind`` is agreed, renewed or ended; by nobody where it wasn't kept then."""

    id: int
    organisation_id: int
    kind: str
    begins_on: date
    ends_on: date | None
    terms: Terms
    by_name: str | None
    at: datetime


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


def agreed_below(connection: Connection, paths: Sequence[str], on: date, limit: int) -> list[Facility]:
    """The facilities with an agreement in force on a day with somebody at or below one of the paths, by name."""
    query = (
        select(*_COLUMNS)
        .join(organisation, organisation.c.id == facility.c.organisation_id)
        .where(_IN_FORCE, or_(*(organisation.c.path.startswith(path) for path in paths)))
        .order_by(facility.c.name, facility.c.id)
        .limit(limit)
    )
    return [_read(row) for row in connection.execute(query, {"on": on})]


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


_ENDS_BEFORE = mark("the agreement would end on {until}, before it begins on {on}")


def in_network(
    connection: Connection, root_path: str, *, district: str = "", after: tuple[str, str, int] | None = None, limit: int
) -> list[Facility]:
    """The facilities of the network that a path is in, by district and name, whatever has become of their agreement.

    ``after``: the district, name and id of the last one that was seen.
    """
    order = (facility.c.district, facility.c.name, facility.c.id)
    query = (
        select(*_COLUMNS)
        .select_from(_IN_THE_NETWORK)
        .where(*((facility.c.district == district,) if district else ()))
        .order_by(*order)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*after))
    return [_read(row) for row in connection.execute(query, {"network": network_path(root_path)})]


def districts_known(connection: Connection, root_path: str) -> list[str]:
    """Every district of the network that a path is in where a facility is, by name, whatever the accents."""
    query = select(facility.c.district).distinct().select_from(_IN_THE_NETWORK)
    found = connection.scalars(query, {"network": network_path(root_path)}).all()
    return sorted(found, key=lambda one: (plain(one), one))


def find(connection: Connection, facility_id: int) -> Facility | None:
    """The facility with an id, if there is one."""
    row = connection.execute(select(*_COLUMNS).where(facility.c.id == facility_id)).first()
    return _read(row) if row is not None else None


def with_code(connection: Connection, code: str) -> Facility | None:
    """The facility with a code."""
    row = connection.execute(select(*_COLUMNS).where(facility.c.code == code)).first()
    return _read(row) if row is not None else None


def end_agreement(unit: Unit, facility_id: int, last_day: date, by_name: str | None = None) -> Facility:
    """An agreement is over after a day, which may lie behind where it was told late; the facility as it is then.

    Raises :class:`BadFacility` for a day before its beginning, and where it is over by then already.
    """
    one = _locked(unit, facility_id)
    if last_day < one.agreed_on:
        raise BadFacility(_ENDS_BEFORE, until=last_day, on=one.agreed_on)
    if one.agreed_until is not None and one.agreed_until <= last_day:
        raise BadFacility(mark("the agreement is over on {until} already"), until=one.agreed_until)
    _write(unit, one, "ended", one.agreed_on, last_day, by_name)
    return _keep(unit, one, one.agreed_on, last_day)


def renew_agreement(
    unit: Unit, facility_id: int, begins_on: date, until: date | None, by_name: str | None = None
) -> Facility:
    """An agreement goes on, or begins again, to a last day or (None) until further notice; the facility as it is then.

    What begins the day after it ended, or before, goes on without a gap; else it begins anew, and what lies between
    stays without agreement. Raises :class:`BadFacility` for one that has no end, or would end sooner.
    """
    one = _locked(unit, facility_id)
    if one.agreed_until is None:
        raise BadFacility(mark("the agreement has no end: there is nothing to renew"))
    if until is not None and until < begins_on:
        raise BadFacility(_ENDS_BEFORE, until=until, on=begins_on)
    if until is not None and until <= one.agreed_until:
        raise BadFacility(mark("the agreement goes to {until} already"), until=one.agreed_until)
    goes_on = begins_on <= one.agreed_until + timedelta(days=1)
    _write(unit, one, "renewed", begins_on, until, by_name)
    return _keep(unit, one, one.agreed_on if goes_on else begins_on, until)


def agree(
    unit: Unit, facility_id: int, begins_on: date, until: date | None, terms: Terms, by_name: str, today: date
) -> Facility:
    """Write down what is agreed with a facility from a day on; what was agreed before stays in its history.

    The new days count from now on: where they follow on what runs today, or lie within it, it goes on without a gap.
    Raises :class:`BadFacility` for an end before the beginning, for terms that are too long, and for a beginning that
    would leave days without an agreement that are covered today.
    """
    one = _locked(unit, facility_id)
    if until is not None and until < begins_on:
        raise BadFacility(_ENDS_BEFORE, until=until, on=begins_on)
    for text, most in (
        (terms.text, TERMS_CHARACTERS),
        (terms.tariff, TARIFF_CHARACTERS),
        (terms.covers, COVERS_CHARACTERS),
    ):
        if text is not None and len(text) > most:
            raise BadFacility(mark("the terms are too long: {most} letters at most"), most=most)
    goes_on = one.agreed_until is None or begins_on <= one.agreed_until + timedelta(days=1)
    if not goes_on and one.agreed_until is not None and one.agreed_until >= today:
        raise BadFacility(
            mark("an agreement runs to {until}: the next one begins the day after, or is written down then"),
            until=one.agreed_until,
        )
    _write(unit, one, "agreed", begins_on, until, by_name, terms)
    return _keep(unit, one, min(one.agreed_on, begins_on) if goes_on else begins_on, until)


def history(connection: Connection, facility_id: int) -> list[Agreement]:
    """What was agreed with a facility, renewed and ended, the oldest first."""
    query = select(*(facility_agreement.c[name] for name in _HISTORY)).where(
        facility_agreement.c.facility_id == facility_id
    )
    return [
        Agreement(
            row.id,
            row.organisation_id,
            row.kind,
            row.begins_on,
            row.ends_on,
            Terms(row.terms, row.tariff, row.covers),
            row.by_name,
            row.at,
        )
        for row in connection.execute(query.order_by(facility_agreement.c.id))
    ]


_HISTORY = (
    "id", "organisation_id", "kind", "begins_on", "ends_on", "terms", "tariff", "covers", "by_name", "at",
)  # fmt: skip


def _write(
    unit: Unit, one: Facility, kind: str, begins_on: date, ends_on: date | None, by_name: str | None,
    terms: Terms | None = None,
) -> None:  # fmt: skip
    said = terms or Terms()
    unit.connection.execute(
        insert(facility_agreement).values(
            facility_id=one.id,
            organisation_id=one.organisation_id,
            kind=kind,
            begins_on=begins_on,
            ends_on=ends_on,
            terms=said.text,
            tariff=said.tariff,
            covers=said.covers,
            by_name=by_name,
            at=unit.now,
        )
    )


def change_facility(
    unit: Unit, facility_id: int, *, name: str, kind: str, ownership: str, district: str, msisdn: str | None
) -> Facility:
    """What a facility is called, what it is and where; its code stays. Raises :class:`BadFacility`."""
    one = _locked(unit, facility_id)
    name, district = _read_names(name, district)
    if kind not in KINDS or ownership not in OWNERSHIPS:
        raise BadFacility(
            mark("a facility is one of {kinds}, and run as {ownerships}"),
            kinds=", ".join(KINDS),
            ownerships=", ".join(OWNERSHIPS),
        )
    values = {"name": name, "kind": kind, "ownership": ownership, "district": district, "msisdn": msisdn}
    unit.connection.execute(update(facility).where(facility.c.id == one.id).values(values))
    return replace(one, **values)  # type: ignore[arg-type]


def _read_names(name: str, district: str) -> tuple[str, str]:
    name, district = " ".join(name.split()), " ".join(district.split())
    if not (plain(name) and plain(district)) or max(len(name), len(district)) > NAME_CHARACTERS:
        raise BadFacility(
            mark("a facility's name and district have letters or digits, {most} characters at most"),
            most=NAME_CHARACTERS,
        )
    return name, district


def _locked(unit: Unit, facility_id: int) -> Facility:
    return _read(unit.connection.execute(select(*_COLUMNS).where(facility.c.id == facility_id).with_for_update()).one())


def _keep(unit: Unit, one: Facility, agreed_on: date, agreed_until: date | None) -> Facility:
    days = {"agreed_on": agreed_on, "agreed_until": agreed_until}
    unit.connection.execute(update(facility).where(facility.c.id == one.id).values(days))
    return replace(one, **days)  # type: ignore[arg-type]


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
    by_name: str | None = None,
    terms: Terms | None = None,
) -> int:
    """Add a facility that an organisation has an agreement with; returns its id.

    Raises :class:`BadFacility` for a name, code or district that no screen can show and for an agreement that ends
    before it begins, IntegrityError when the code is another's.
    """
    if not re.fullmatch(r"[a-z0-9-]{1,40}", code):
        raise BadFacility(mark("a facility's code has small letters a to z, digits and hyphens, 40 at most"))
    name, district = _read_names(name, district)
    if agreed_until is not None and agreed_until < agreed_on:
        raise BadFacility(_ENDS_BEFORE, until=agreed_until, on=agreed_on)
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
    new_id = int(new.inserted_primary_key[0])  # type: ignore[index]
    _write(unit, by_id(unit.connection, new_id), "agreed", agreed_on, agreed_until, by_name, terms)
    return new_id
