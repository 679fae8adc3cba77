"""Who is inside, on which device: a session is a row, and its cookie holds what the row's digest was made of.

It ends an hour after its last page, twelve hours after it began, when it is ended by hand, and with its holder's last
role. A page that is asked for reads it, the login and the roles in one statement.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from gateway.console.entry.logins import OFFICE_ROLES, must_secure
from gateway.console.person import Person
from gateway.kernel.faults import Unavailable
from gateway.kernel.sealing import digest_of, new_token
from gateway.network.staff import Member
from gateway.store.schema import login, login_session, staff
from gateway.store.types import Instant
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

COOKIE = "office"
IDLE_END = timedelta(minutes=60)
END = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
MOST_OPEN = 20  # of one login; the oldest ends for the newest
FORGOTTEN_AFTER = timedelta(days=90)
LONGEST_TOKEN = 64
LONGEST_ADDRESS, LONGEST_AGENT = 45, 120


@dataclass(frozen=True)
class Inside:
    """A session that is open, as its holder sees it listed."""

    id: int
    started_at: datetime
    seen_at: datetime
    address: str
    agent: str


_OPEN = (
    login_session.c.ended_at.is_(None),
    login_session.c.until > bindparam("now", type_=Instant),
    login_session.c.seen_at > bindparam("idle_since", type_=Instant),
)
_PERSON = (
    select(
        login_session.c.id.label("session_id"),
        login_session.c.seen_at,
        login.c.id.label("login_id"),
        login.c.msisdn.label("own_msisdn"),
        login.c.name.label("own_name"),
        login.c.language.label("own_language"),
        login.c.totp_on_at,
        staff.c.id,
        staff.c.organisation_id,
        staff.c.name,
        staff.c.role,
        staff.c.msisdn,
        staff.c.language,
        staff.c.facility_id,
        staff.c.told,
    )
    .join(login, login.c.id == login_session.c.login_id)
    .join(staff, staff.c.msisdn == login.c.msisdn)
    .where(login_session.c.digest == bindparam("digest"), *_OPEN)
    .where(staff.c.ended_on.is_(None), staff.c.role.in_(OFFICE_ROLES))
    .order_by(staff.c.id)
)
_ROLE_AT = 7  # where the columns of a role begin


def start(unit: Unit, login_id: int, *, address: str, agent: str) -> str:
    """Let somebody in on a device; gives the token for its cookie. Every entry has a new one."""
    own = login_session.c.login_id == login_id
    unit.connection.execute(delete(login_session).where(own, login_session.c.until < unit.now - FORGOTTEN_AFTER))
    kept = (
        select(login_session.c.id)
        .where(own, login_session.c.ended_at.is_(None))
        .order_by(login_session.c.seen_at.desc(), login_session.c.id.desc())
        .limit(MOST_OPEN - 1)
    )
    newest = unit.connection.scalars(kept).all()
    unit.connection.execute(
        update(login_session)
        .where(own, login_session.c.ended_at.is_(None), login_session.c.id.not_in(newest))
        .values(ended_at=unit.now)
    )
    token = new_token()
    unit.connection.execute(
        insert(login_session).values(
            digest=digest_of(token),
            login_id=login_id,
            started_at=unit.now,
            seen_at=unit.now,
            until=unit.now + END,
            address=address[:LONGEST_ADDRESS],
            agent=agent[:LONGEST_AGENT],
        )
    )
    return token


def person_of(store: Store, token: str, now: datetime) -> Person | None:
    """Who is inside by this token, with the roles that they have now; None when the session is over or none.

    Writes at most once a minute that they were seen; where that can't be written, they are let in all the same.
    """
    if not token or len(token) > LONGEST_TOKEN:
        return None
    digest = digest_of(token)
    with store.read() as connection:
        rows = connection.execute(_PERSON, {"digest": digest, "now": now, "idle_since": now - IDLE_END}).all()
    if not rows:
        return None
    first = rows[0]
    if now - first.seen_at >= SEEN_EVERY:
        _seen(store, int(first.session_id), now)
    roles = tuple(Member(*row[_ROLE_AT:]) for row in rows)
    return Person(
        login_id=first.login_id,
        session_id=first.session_id,
        name=first.own_name,
        msisdn=first.own_msisdn,
        language=first.own_language,
        roles=roles,
        csrf=csrf_of(token),
        must_secure=must_secure(roles, first.totp_on_at is not None),
    )


def id_of(connection: Connection, token: str) -> int:
    """The id of a session that is known to be there."""
    return int(
        connection.execute(select(login_session.c.id).where(login_session.c.digest == digest_of(token))).scalar_one()
    )


def last_of(store: Store, token: str) -> int | None:
    """Whose session it is or was, by the id of their login."""
    with store.read() as connection:
        return connection.scalar(select(login_session.c.login_id).where(login_session.c.digest == digest_of(token)))


def csrf_of(token: str) -> str:
    """What the forms of a session bear: whoever knows it doesn't know the token."""
    return hmac.new(token.encode(), b"office form", hashlib.sha256).hexdigest()


def open_ones(connection: Connection, login_id: int, now: datetime) -> list[Inside]:
    """The sessions of somebody that are open, the one seen last first."""
    query = (
        select(
            login_session.c.id,
            login_session.c.started_at,
            login_session.c.seen_at,
            login_session.c.address,
            login_session.c.agent,
        )
        .where(login_session.c.login_id == login_id, *_OPEN)
        .order_by(login_session.c.seen_at.desc(), login_session.c.id.desc())
    )
    rows = connection.execute(query, {"now": now, "idle_since": now - IDLE_END})
    return [Inside(*row) for row in rows]


def end(unit: Unit, login_id: int, session_id: int) -> bool:
    """End one of somebody's sessions; False when it wasn't theirs or was over."""
    return _end(unit, login_session.c.login_id == login_id, login_session.c.id == session_id) == 1


def end_others(unit: Unit, login_id: int, session_id: int) -> int:
    """End all of somebody's sessions but one; how many that were."""
    return _end(unit, login_session.c.login_id == login_id, login_session.c.id != session_id)


def end_all(unit: Unit, login_id: int) -> int:
    """End all of somebody's sessions; how many that were."""
    return _end(unit, login_session.c.login_id == login_id)


def _end(unit: Unit, *which: object) -> int:
    ending = update(login_session).where(*which, login_session.c.ended_at.is_(None))  # type: ignore[arg-type]
    return unit.connection.execute(ending.values(ended_at=unit.now)).rowcount


def _seen(store: Store, session_id: int, now: datetime) -> None:
    # Of pages asked for at one moment, one writes.
    due = login_session.c.seen_at <= now - SEEN_EVERY
    try:
        with store.write() as unit:
            unit.connection.execute(
                update(login_session).where(login_session.c.id == session_id, due).values(seen_at=now)
            )
    except Unavailable as down:
        log.warning("that somebody was seen in the office can't be written: %s", down)
