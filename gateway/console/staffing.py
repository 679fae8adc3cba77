"""Who gets a role and who loses it, with all that hangs on it: a first PIN, a link to enter, cash that was still held.

Whoever does it has the right where the role is. What opens more than that role (a link, a PIN, an end of sessions) is
theirs to do only for somebody all of whose roles stand within their reach: nobody climbs by another's login.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from gateway.console.entry import links, logins, sessions
from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.membership import pins
from gateway.network import staff
from gateway.network.organisations import Organisation, Tree
from gateway.network.staff import Member
from gateway.payments.cash import Handover, hand_over
from gateway.store.tracing import Doer
from gateway.store.unit import Unit

Reaches = Callable[[int], bool]  # an organisation's id: may the doer change roles there?


class NotTheirs(Fault):
    """It isn't for them to do."""


@dataclass(frozen=True)
class Appointed:
    """A role that was given; ``pin`` and ``token`` are shown once, and empty where there is one already."""

    staff_id: int
    pin: str
    token: str


@dataclass(frozen=True)
class Doing:
    """Who changes roles, from which address, and how far they reach; ``msisdn`` is their own."""

    by: Doer
    msisdn: str
    address: str
    reaches: Reaches


@dataclass(frozen=True)
class NewRole:
    """A role as it is to be: at which organisation, whose, and for an agent the code of the health facility."""

    place: Organisation
    role: str
    name: str
    msisdn: str
    language: str | None
    facility_code: str = ""


def is_within_reach(connection: Connection, msisdn: str, doing: Doing) -> bool:
    """Do all roles of a number stand where somebody may change roles, and is it another's number?"""
    return msisdn != doing.msisdn and all(
        doing.reaches(one.organisation_id) for one in staff.roles_of(connection, msisdn)
    )


def appoint(unit: Unit, new: NewRole, doing: Doing, pin: str, sealed: str) -> Appointed:
    """Give somebody a role; ``sealed`` is of a first ``pin``, made before the transaction.

    Somebody without a PIN has this one then, and somebody without a password a link to choose one. Raises
    :class:`NotTheirs` where it is their own number, or the place is beyond their reach, and
    :class:`gateway.network.staff.BadRole`.
    """
    _not_own(new.msisdn, doing)
    if not doing.reaches(new.place.id):
        raise NotTheirs(mark("you can't give a role there"))
    connection = unit.connection
    if any(each.name != new.name for each in staff.roles_of(connection, new.msisdn)):
        raise NotTheirs(mark("this number has a role under another name: look at the number and at the name"))
    place = None
    if new.facility_code:
        place = staff.facility_named(connection, new.facility_code, new.place.id)
    role_id = staff.add(unit, new.place.id, new.name, new.role, new.msisdn, new.language, place)
    if not is_within_reach(connection, new.msisdn, doing):
        return Appointed(role_id, "", "")
    first = not pins.has_pin(connection, pins.of_staff(new.msisdn))
    if first:
        pins.keep(unit, pins.of_staff(new.msisdn), sealed, first=True)
    token = ""
    if new.role in logins.OFFICE_ROLES:
        login = logins.make(unit, new.msisdn, new.name, new.language)
        links.withdraw(unit, login.login_id)
        if login.password is None:
            token = links.invite(unit, new.msisdn, by=doing.by, address=doing.address)
    return Appointed(role_id, pin if first else "", token)


def dismiss(unit: Unit, tree: Tree, one: Member, doing: Doing, on: date) -> tuple[Handover, ...]:
    """End somebody's role: the cash that they hold is handed over, and the treasurer has still to say that it came.

    With the last role their PIN goes, and with the last that opens the office all that they enter with. Raises
    :class:`NotTheirs` for one's own role.
    """
    _not_own(one.msisdn, doing)
    roles = staff.roles_of(unit.connection, one.msisdn)
    if one.id not in [each.id for each in roles]:
        raise NotTheirs(mark("this role is over already"))
    handed = hand_over(unit, tree, one)
    staff.end(unit, one.id, on)
    if len(roles) == 1:
        pins.drop(unit, pins.of_staff(one.msisdn))
    logins.close_without_role(unit, one.msisdn)
    return handed


def new_link(unit: Unit, one: Member, doing: Doing, *, without_second_factor: bool) -> str:
    """The token of a new link for somebody; raises :class:`NotTheirs`, and :class:`links.NoOffice` for an agent."""
    _within_reach(unit, one, doing)
    return links.invite(
        unit, one.msisdn, by=doing.by, address=doing.address, without_second_factor=without_second_factor
    )


def new_pin(unit: Unit, one: Member, doing: Doing, sealed: str) -> None:
    """Somebody has a new first PIN; wrong ones typed before are forgotten. Raises :class:`NotTheirs`."""
    _within_reach(unit, one, doing)
    pins.keep(unit, pins.of_staff(one.msisdn), sealed, first=True)
    pins.forgive_phone(unit, one.msisdn)


def end_sessions(unit: Unit, one: Member, doing: Doing) -> int:
    """Somebody is inside no more, on any device; how many sessions ended. Raises :class:`NotTheirs`."""
    _within_reach(unit, one, doing)
    login = logins.by_number(unit.connection, one.msisdn)
    return sessions.end_all(unit, login.login_id) if login is not None else 0


def _not_own(msisdn: str, doing: Doing) -> None:
    if msisdn == doing.msisdn:
        raise NotTheirs(mark("nobody changes their own rights: another administrator does it"))


def _within_reach(unit: Unit, one: Member, doing: Doing) -> None:
    _not_own(one.msisdn, doing)
    if not staff.roles_of(unit.connection, one.msisdn):
        raise NotTheirs(mark("this role is over already"))
    if not is_within_reach(unit.connection, one.msisdn, doing):
        raise NotTheirs(mark("this person has a role beyond yours: an administrator above you does it"))
