"""Who did what in the office: what was written with each act, read by organisation, person, kind and day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from gateway.store.schema import login, office_event, organisation, staff
from gateway.store.unit import Store

MOST_DOERS = 300
_A_TIME = 500


@dataclass(frozen=True)
class Event:
    """An act: ``what`` in two words (``household.moved``), ``about`` the thing, how it was before and after."""

    id: int
    at: datetime
    login_id: int | None
    by_name: str
    organisation_id: int
    what: str
    about: str
    address: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Only:
    """Which events are asked for: of organisations at or below a path; the others narrow it where they are said."""

    under_path: str
    login_id: int | None = None
    area: str = ""  # the first of the two words
    about: str = ""
    since: datetime | None = None
    until: datetime | None = None


_EVENT = select(
    office_event.c.id, office_event.c.at, office_event.c.login_id, office_event.c.by_name,
    office_event.c.organisation_id, office_event.c.what, office_event.c.about, office_event.c.address,
    office_event.c.before, office_event.c.after,
).join(organisation, organisation.c.id == office_event.c.organisation_id)  # fmt: skip


def listed(connection: Connection, only: Only, *, before: int = 0, limit: int) -> list[Event]:
    """The events that are asked for, the newest first, of those before the one with an id (0: all).

    What belongs to no organisation (somebody whom nobody knows, at the door) isn't among them.
    """
    query = _of(only)
    if before:
        query = query.where(office_event.c.id < before)
    return [Event(*row) for row in connection.execute(query.order_by(office_event.c.id.desc()).limit(limit))]


def each(store: Store, only: Only, most: int) -> Iterator[Event]:
    """The same, all of them up to a number, read a few hundred at a time."""
    before, left = 0, most
    while left > 0:
        with store.read() as connection:
            found = listed(connection, only, before=before, limit=min(_A_TIME, left))
        yield from found
        if not found:
            return
        before, left = found[-1].id, left - len(found)


def one(connection: Connection, event_id: int, under_path: str) -> Event | None:
    """The event with an id, where it is of an organisation at or below a path."""
    row = connection.execute(_of(Only(under_path)).where(office_event.c.id == event_id)).first()
    return Event(*row) if row is not None else None


def doers(connection: Connection, under_path: str) -> list[tuple[int, str]]:
    """Who may have done something at or below a path: the logins of those who have or had a role there, by name."""
    query = (
        select(login.c.id, login.c.name)
        .distinct()
        .join(staff, staff.c.msisdn == login.c.msisdn)
        .join(organisation, organisation.c.id == staff.c.organisation_id)
        .where(organisation.c.path.like(f"{under_path}%"))
        .order_by(login.c.name, login.c.id)
        .limit(MOST_DOERS)
    )
    return [(row.id, row.name) for row in connection.execute(query)]


def _of(only: Only) -> Select[Any]:
    query = _EVENT.where(organisation.c.path.like(f"{only.under_path}%"))
    if only.login_id is not None:
        query = query.where(office_event.c.login_id == only.login_id)
    if only.area:
        query = query.where(office_event.c.what.like(f"{only.area}.%"))
    if only.about:
        query = query.where(office_event.c.about == only.about)
    if only.since is not None:
        query = query.where(office_event.c.at >= only.since)
    if only.until is not None:
        query = query.where(office_event.c.at < only.until)
    return query
