"""A login is a person, by their phone number; what they may do follows from the roles that the number has now.

The login of a number without a role opens nothing, and holds no secret: with the last role they are thrown away, so a
number that somebody else gets begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select, update

from gateway.console.entry import passwords
from gateway.network.staff import Member, roles_of
from gateway.store.if_new import if_new
from gateway.store.schema import login, login_link, login_recovery, login_session, passkey
from gateway.store.unit import Unit

# Who may enter: all but the agents of health facilities, who have the phone.
OFFICE_ROLES = ("administrator", "treasurer", "animator", "adviser")


@dataclass(frozen=True)
class Login:
    """Somebody who may enter as long as they have ``roles``.

    ``password``: its hash, None where none was chosen yet. ``second_factor_since``: None where it isn't in use.
    """

    login_id: int
    msisdn: str
    name: str
    language: str | None
    password: str | None
    password_at: datetime | None
    second_factor_since: datetime | None
    roles: tuple[Member, ...]

    @property
    def has_second_factor(self) -> bool:
        return self.second_factor_since is not None

    @property
    def must_secure(self) -> bool:
        """Do they have to set up a second factor before anything else? Administrators do."""
        return must_secure(self.roles, self.has_second_factor)

    @property
    def home_id(self) -> int | None:
        """The organisation of their first role: what they do at the door is its affair."""
        return self.roles[0].organisation_id if self.roles else None


def must_secure(roles: tuple[Member, ...], has_second_factor: bool) -> bool:
    """Does somebody with these roles have to set up a second factor before they may do anything?"""
    return not has_second_factor and any(one.role == "administrator" for one in roles)


_LOGIN = select(
    login.c.id, login.c.msisdn, login.c.name, login.c.language, login.c.password, login.c.password_at,
    login.c.totp_on_at,
)  # fmt: skip
_NEW = if_new(login, "msisdn")


def office_roles(connection: Connection, msisdn: str) -> tuple[Member, ...]:
    """The roles of a number that open the office, the oldest first."""
    return tuple(one for one in roles_of(connection, msisdn) if one.role in OFFICE_ROLES)


def by_number(connection: Connection, msisdn: str) -> Login | None:
    """The login of a number, whether it may enter now or not."""
    return _read(connection, connection.execute(_LOGIN.where(login.c.msisdn == msisdn)).first())


def by_id(connection: Connection, login_id: int) -> Login | None:
    """The login with an id."""
    return _read(connection, connection.execute(_LOGIN.where(login.c.id == login_id)).first())


def locked(unit: Unit, login_id: int) -> Login | None:
    """The same, and nobody else changes it until the transaction ends."""
    return _read(
        unit.connection, unit.connection.execute(_LOGIN.where(login.c.id == login_id).with_for_update()).first()
    )


def make(unit: Unit, msisdn: str, name: str, language: str | None) -> Login:
    """The login of a number, made where there is none.

    One of a number that had no other role of the office goes on without its secrets: it may be somebody else's number
    now, and ``name`` says whose. Call it once the new role stands.
    """
    row = {"msisdn": msisdn, "name": name, "language": language, "created_at": unit.now}
    unit.connection.execute(_NEW[unit.connection.dialect.name], row)
    found = by_number(unit.connection, msisdn)
    assert found is not None
    if len(found.roles) > 1 or found.name == name:
        return found
    _empty(unit, found.login_id)
    unit.connection.execute(update(login).where(login.c.id == found.login_id).values(name=name, language=language))
    return Login(found.login_id, msisdn, name, language, None, None, None, found.roles)


def close_without_role(unit: Unit, msisdn: str) -> bool:
    """Throw away what a number's login holds, and end its sessions, where no role opens the office to it any more.

    Call it wherever a role ends. True when there was something to throw away.
    """
    found = by_number(unit.connection, msisdn)
    if found is None or found.roles:
        return False
    _empty(unit, found.login_id)
    return True


def keep_password(unit: Unit, login_id: int, sealed: str) -> None:
    """Give somebody a password, in the place of any other. ``sealed`` comes from :func:`passwords.seal`."""
    unit.connection.execute(update(login).where(login.c.id == login_id).values(password=sealed, password_at=unit.now))


def show_password(unit: Unit, one: Login, typed: str) -> bool:
    """Is it their password? One that was sealed with older parameters is sealed anew."""
    if not passwords.matches(one.password, typed):
        return False
    assert one.password is not None
    if passwords.is_old(one.password):
        renewed = passwords.seal(passwords.normal(typed))
        unit.connection.execute(
            update(login)
            .where(and_(login.c.id == one.login_id, login.c.password == one.password))
            .values(password=renewed)
        )
    return True


def choose_language(unit: Unit, login_id: int, language: str) -> None:
    """The language in which somebody reads the office from now on, on every device that hasn't another."""
    unit.connection.execute(update(login).where(login.c.id == login_id).values(language=language))


def passkeys_of(connection: Connection, login_id: int) -> int:
    """How many passkeys somebody has."""
    return connection.scalar(select(func.count()).select_from(passkey).where(passkey.c.login_id == login_id)) or 0


def _read(connection: Connection, row: Any) -> Login | None:
    return Login(*(*row, office_roles(connection, row.msisdn))) if row is not None else None


def _empty(unit: Unit, login_id: int) -> None:
    for table in (login_recovery, passkey):
        unit.connection.execute(delete(table).where(table.c.login_id == login_id))
    unused = login_link.c.used_at.is_(None)
    unit.connection.execute(delete(login_link).where(login_link.c.login_id == login_id, unused))
    unit.connection.execute(
        update(login_session)
        .where(login_session.c.login_id == login_id, login_session.c.ended_at.is_(None))
        .values(ended_at=unit.now)
    )
    unit.connection.execute(
        update(login)
        .where(login.c.id == login_id)
        .values(password=None, password_at=None, totp_secret=None, totp_on_at=None, totp_step=None)
    )
