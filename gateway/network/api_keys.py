"""Keys of other systems: what each may do, in which part of the network, and until when; the key itself is not kept.

A key counts for its organisation and everything below it. A health facility's key is another thing: it asks about any
card of the network (*inter-mutualité*), announces visits, and sees nothing else of anybody.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.kernel.faults import Fault
from gateway.kernel.sealing import digest_of
from gateway.kernel.spelling import plain
from gateway.locale import mark
from gateway.store.schema import api_key, facility, organisation
from gateway.store.unit import Unit


class Scope(StrEnum):
    """What a key may be given: an area of the API, and whether it reads or changes."""

    COVER_READ = "cover:read"
    HOUSEHOLDS_READ = "households:read"
    HOUSEHOLDS_WRITE = "households:write"
    PHONES_READ = "phones:read"
    COLLECTIONS_READ = "collections:read"
    COLLECTIONS_WRITE = "collections:write"
    VISITS_READ = "visits:read"
    VISITS_WRITE = "visits:write"
    FACILITIES_READ = "facilities:read"
    ORGANISATIONS_READ = "organisations:read"
    INDICATORS_READ = "indicators:read"
    FHIR_READ = "fhir:read"


# The same for people who give a key.
SCOPES: Mapping[Scope, str] = {
    Scope.COVER_READ: mark("Check the cover of a card"),
    Scope.HOUSEHOLDS_READ: mark("Read households and what they owe"),
    Scope.HOUSEHOLDS_WRITE: mark("Register households and change them"),
    Scope.PHONES_READ: mark("See whole phone numbers"),
    Scope.COLLECTIONS_READ: mark("Read collections"),
    Scope.COLLECTIONS_WRITE: mark("Ask phones for payments"),
    Scope.VISITS_READ: mark("Read visits"),
    Scope.VISITS_WRITE: mark("Announce visits"),
    Scope.FACILITIES_READ: mark("Read health facilities"),
    Scope.ORGANISATIONS_READ: mark("Read organisations and plans"),
    Scope.INDICATORS_READ: mark("Read indicators"),
    Scope.FHIR_READ: mark("Read by FHIR"),
}
# All that a health facility's key can be given.
OF_FACILITIES = frozenset({Scope.COVER_READ, Scope.VISITS_READ, Scope.VISITS_WRITE, Scope.FACILITIES_READ})
# Only these of them need the facility that they are for.
FOR_FACILITIES = frozenset({Scope.VISITS_WRITE})

BEGINS = "cotisa_"  # so that a key that was left somewhere is known for one
PREFIX_LETTERS = 8
LONGEST = timedelta(days=3 * 366)
USUALLY = timedelta(days=365)
SEEN_EVERY = timedelta(hours=1)
NAME_CHARACTERS = 60
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # those that nobody mistakes for another


class BadKey(Fault):
    """The key can't be given so."""


@dataclass(frozen=True)
class ApiKey:
    """A key as it stands; what opens is not in it."""

    id: int
    prefix: str
    name: str
    organisation_id: int
    facility_id: int | None
    scopes: frozenset[Scope]
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    last_used_at: datetime | None

    def is_good(self, now: datetime) -> bool:
        """Does it open anything?"""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True)
class NewKey:
    """A key to be made: for whom, where, for what, until when. ``facility_id``: a health facility's own."""

    name: str
    organisation_id: int
    scopes: frozenset[Scope]
    expires_at: datetime
    facility_id: int | None = None


_COLUMNS = (
    api_key.c.id,
    api_key.c.prefix,
    api_key.c.name,
    api_key.c.organisation_id,
    api_key.c.facility_id,
    api_key.c.scopes,
    api_key.c.made_by,
    api_key.c.made_at,
    api_key.c.expires_at,
    api_key.c.revoked_at,
    api_key.c.revoked_by,
    api_key.c.last_used_at,
)
_BY_DIGEST = select(*_COLUMNS).where(api_key.c.digest == bindparam("digest"))


def read_scopes(named: Iterable[str]) -> frozenset[Scope]:
    """Scopes by their names; raises :class:`BadKey` for one that isn't known, and where there is none."""
    found = set()
    for name in named:
        try:
            found.add(Scope(name))
        except ValueError:
            raise BadKey(mark("there is no scope {name}"), name=name) from None
    if not found:
        raise BadKey(mark("a key without a scope opens nothing: name one at least"))
    return frozenset(found)


def known_scopes(named: Iterable[str]) -> frozenset[Scope]:
    """Those of the names that are scopes."""
    return frozenset(scope for scope in Scope if scope.value in set(named))


def add_key(unit: Unit, new: NewKey, by: str) -> tuple[ApiKey, str]:
    """Make a key; returns it and the key itself, which is kept nowhere: whoever asked for it is shown it once.

    Raises :class:`BadKey`.
    """
    name = " ".join(new.name.split())
    if not plain(name) or not name.isprintable() or len(name) > NAME_CHARACTERS:
        raise BadKey(mark("a name has letters or figures, {most} at most"), most=NAME_CHARACTERS)
    if not unit.now < new.expires_at <= unit.now + LONGEST:
        raise BadKey(mark("a key ends on a day to come, in three years at most"))
    if not new.scopes:
        raise BadKey(mark("a key without a scope opens nothing: name one at least"))
    organisation_id = new.organisation_id
    if new.facility_id is not None:
        too_much = sorted(new.scopes - OF_FACILITIES)
        if too_much:
            raise BadKey(mark("a health facility's key can't be given {scopes}"), scopes=", ".join(too_much))
        own = select(facility.c.organisation_id).where(facility.c.id == new.facility_id)
        organisation_id = int(unit.connection.execute(own).scalar_one())
    elif alone := sorted(new.scopes & FOR_FACILITIES):
        raise BadKey(mark("only a health facility's key can be given {scopes}"), scopes=", ".join(alone))
    prefix = "".join(secrets.choice(_LETTERS) for _ in range(PREFIX_LETTERS))
    token = f"{BEGINS}{prefix}_{secrets.token_urlsafe(32)}"
    row = {
        "prefix": prefix,
        "name": name,
        "organisation_id": organisation_id,
        "facility_id": new.facility_id,
        "scopes": sorted(new.scopes),
        "made_by": by[:NAME_CHARACTERS],
        "made_at": unit.now,
        "expires_at": new.expires_at,
    }
    made = unit.connection.execute(
        insert(api_key).values(row | {"digest": digest_of(token)}).returning(*_COLUMNS)
    )  # fmt: skip
    return _read(made.one()), token


def told(one: ApiKey) -> dict[str, Any]:
    """What is written down of a key that was made."""
    return {"name": one.name, "scopes": sorted(one.scopes), "until": one.expires_at.date()}


def by_token(connection: Connection, token: str) -> ApiKey | None:
    """The key that somebody shows, good or not any more; None for what was never one."""
    if not token.startswith(BEGINS):
        return None
    row = connection.execute(_BY_DIGEST, {"digest": digest_of(token)}).first()
    return _read(row) if row is not None else None


def by_prefix(connection: Connection, prefix: str) -> ApiKey | None:
    """The key that people call so."""
    row = connection.execute(select(*_COLUMNS).where(api_key.c.prefix == prefix)).first()
    return _read(row) if row is not None else None


def below(connection: Connection, under_path: str, *, after: int = 0, limit: int) -> list[ApiKey]:
    """The keys of the organisations at or below a path, the newest first, of those before the one with an id (0: all).

    Those that are over stay listed: what they did names them.
    """
    query = (
        select(*_COLUMNS)
        .join(organisation, organisation.c.id == api_key.c.organisation_id)
        .where(organisation.c.path.startswith(under_path))
        .order_by(api_key.c.id.desc())
        .limit(limit)
    )
    return [_read(row) for row in connection.execute(query.where(api_key.c.id < after) if after else query)]


def revoke(unit: Unit, key_id: int, by: str) -> bool:
    """From now on a key opens nothing; False where it was revoked before."""
    open_one = (api_key.c.id == key_id) & api_key.c.revoked_at.is_(None)
    ending = update(api_key).where(open_one).values(revoked_at=unit.now, revoked_by=by[:NAME_CHARACTERS])
    return unit.connection.execute(ending).rowcount == 1


def is_seen_anew(one: ApiKey, now: datetime) -> bool:
    """Is it time to write down once more that a key is used?"""
    return one.last_used_at is None or one.last_used_at <= now - SEEN_EVERY


def seen(unit: Unit, key_id: int) -> None:
    """A key was used; of calls at one moment, one writes."""
    due = api_key.c.last_used_at.is_(None) | (api_key.c.last_used_at <= unit.now - SEEN_EVERY)
    unit.connection.execute(update(api_key).where(api_key.c.id == key_id, due).values(last_used_at=unit.now))


def _read(row: Any) -> ApiKey:
    known = {scope.value for scope in Scope}
    scopes = frozenset(Scope(name) for name in row.scopes if name in known)
    return ApiKey(**{**row._mapping, "scopes": scopes})
