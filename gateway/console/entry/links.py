"""A one-time link lets somebody choose a password: for 48 hours, once, and only the newest one.

What is kept is a digest. Looking at a link doesn't use it up (chat programs look at links by themselves); choosing a
password does, and ends every session that was open.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from gateway.console.entry import guessing, logins, passkeys, second_factor, sessions
from gateway.console.entry.logins import Login
from gateway.kernel.faults import Fault
from gateway.kernel.sealing import digest_of, new_token
from gateway.locale import mark
from gateway.store.schema import login_link
from gateway.store.tracing import Doer, trace
from gateway.store.unit import Unit

VALID_FOR = timedelta(hours=48)
_FORGOTTEN_AFTER = timedelta(days=90)
LONGEST_NAME = 60
NO_LONGER_GOOD = mark("This link is no longer good: ask for a new one.")


class BadLink(Fault):
    """The link was used, is too old, or a newer one was made; or it never was one."""


class NoOffice(Fault):
    """The number has no role that opens the office."""


def address_of(public_url: str, token: str) -> str:
    """Where the link leads: what is handed to its reader."""
    return f"{public_url.rstrip('/')}/console/welcome/{token}"


def invite(unit: Unit, msisdn: str, *, by: Doer, address: str = "", without_second_factor: bool = False) -> str:
    """A new link for the holder of a number that has a role in the office; gives its token, which is kept nowhere.

    Their login is made where there is none. ``without_second_factor``: also take away the second factor and the
    passkeys, for somebody who has lost them. Raises :class:`NoOffice`.
    """
    roles = logins.office_roles(unit.connection, msisdn)
    if not roles:
        raise NoOffice(mark("this number has no role that opens the office"))
    language = next((one.language for one in roles if one.language), None)
    one = logins.make(unit, msisdn, roles[-1].name, language)
    if without_second_factor:
        second_factor.take_away(unit, one.login_id)
        passkeys.remove_all(unit, one.login_id)
        # Whoever is inside with what was lost doesn't stay.
        sessions.end_all(unit, one.login_id)
    old = login_link.c.used_at.is_(None) | (login_link.c.until < unit.now - _FORGOTTEN_AFTER)
    unit.connection.execute(delete(login_link).where(login_link.c.login_id == one.login_id, old))
    token = new_token()
    unit.connection.execute(
        insert(login_link).values(
            digest=digest_of(token),
            login_id=one.login_id,
            made_by=by.name[:LONGEST_NAME],
            made_at=unit.now,
            until=unit.now + VALID_FOR,
        )
    )
    trace(
        unit,
        by=by,
        organisation_id=roles[0].organisation_id,
        what="entry.link_made",
        about=f"login:{one.login_id}",
        address=address,
        after={"without_second_factor": True} if without_second_factor else None,
    )
    return token


def withdraw(unit: Unit, login_id: int) -> None:
    """No link of somebody's is good any more: it was made for the roles that they had until now."""
    unused = login_link.c.used_at.is_(None)
    unit.connection.execute(delete(login_link).where(login_link.c.login_id == login_id, unused))


def read(connection: Connection, token: str, now: datetime) -> Login | None:
    """Whose link it is, while it is good and they have a role; looking uses nothing up."""
    login_id = connection.scalar(_GOOD.where(login_link.c.digest == digest_of(token), login_link.c.until > now))
    found = logins.by_id(connection, login_id) if login_id is not None else None
    return found if found is not None and found.roles else None


def use(unit: Unit, token: str, sealed: str, *, address: str) -> Login:
    """Use a link up: its holder has the password that was sealed, no session, and no wrong guess against them.

    ``sealed`` comes from :func:`passwords.seal`, called before the transaction. Of two that use it at one moment the
    second gets :class:`BadLink`.
    """
    taken = (
        update(login_link)
        .where(login_link.c.digest == digest_of(token), login_link.c.until > unit.now, login_link.c.used_at.is_(None))
        .values(used_at=unit.now)
        .returning(login_link.c.login_id)
    )
    login_id = unit.connection.scalar(taken)
    one = logins.locked(unit, login_id) if login_id is not None else None
    if one is None or not one.roles:
        raise BadLink(NO_LONGER_GOOD)
    logins.keep_password(unit, one.login_id, sealed)
    sessions.end_all(unit, one.login_id)
    guessing.forgive(unit, one.login_id, one.msisdn)
    trace(
        unit,
        by=one,
        organisation_id=one.home_id,
        what="entry.password_by_link",
        about=f"login:{one.login_id}",
        address=address,
    )
    now = logins.by_id(unit.connection, one.login_id)
    assert now is not None
    return now


_GOOD = select(login_link.c.login_id).where(login_link.c.used_at.is_(None))
