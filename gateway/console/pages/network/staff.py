"""Staff and roles: who has which role where, given and ended; their link to enter, their PIN, where they are inside.

What opens something (a link, a PIN) is shown once, on the answer to the form, and kept nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from gateway.console import staffing
from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area, Entrance
from gateway.console.entry import links, logins, sessions
from gateway.console.entry.devices import device_words
from gateway.console.pages.network import words
from gateway.console.pages.reminders.words import moment
from gateway.console.rights import Right
from gateway.console.staffing import Appointed, Doing, NewRole
from gateway.console.visit import Visit
from gateway.locale import NAMES, mark
from gateway.membership.people import BadName, read_name
from gateway.membership.pins import first_pin, has_pin, of_staff, seal
from gateway.network import staff
from gateway.network.facilities import by_id as facility_by_id
from gateway.network.staff import Member
from gateway.payments.cash import held
from gateway.store.unit import Unit

AREA = Area("staff", Entrance(mark("Staff"), "/staff", Right.SEE_STAFF))
ROWS = 50


@AREA.get("/staff", Right.SEE_STAFF)
def list_page(visit: Visit) -> Answer:
    """Who has a role at or below the organisation that is looked at; numbers are masked."""
    role = visit.asked.get("role") if visit.asked.get("role") in staff.ROLES else ""
    with visit.store.read() as connection:
        found = staff.below(connection, visit.at.path, role=role, after=words.after(visit), limit=ROWS + 1)
    shown = found[:ROWS]
    query = f"role={role}&" if role else ""
    values = {
        "rows": [
            (one, visit.say(words.ROLES[one.role]), visit.tree[one.organisation_id].name, visit.number(one.msisdn))
            for one in shown
        ],
        "roles": words.named(visit.say, words.ROLES),
        "role": role,
        "may_add": visit.may(Right.CHANGE_STAFF),
        "more": f"/staff?{query}after={shown[-1].id}" if len(found) > ROWS else "",
    }
    return Page("network/staff.html", visit.say("Staff"), values)


def _doing(visit: Visit) -> Doing:
    return Doing(visit.who, visit.who.msisdn, visit.address, lambda place: visit.may(Right.CHANGE_STAFF, place))


# --- one of them ------------------------------------------------------------------------------------------------------


@AREA.get("/staff/<member>", Right.SEE_STAFF)
def one_page(visit: Visit, row: Row[Any]) -> Answer:
    """Somebody with a role: where, how they are told, where they are inside, and what may be done about it."""
    say, one = visit.say, _member(row)
    with visit.store.read() as connection:
        others = [each for each in staff.roles_of(connection, one.msisdn) if each.id != one.id]
        facility = facility_by_id(connection, one.facility_id).name if one.facility_id is not None else ""
        login = logins.by_number(connection, one.msisdn)
        may_open = row.ended_on is None and staffing.is_within_reach(connection, one.msisdn, _doing(visit))
        inside = sessions.open_ones(connection, login.login_id, visit.now) if login is not None and may_open else []
        cash = held(connection, one.id)
        pin = has_pin(connection, of_staff(one.msisdn))
    seen = [each for each in others if visit.may(Right.SEE_STAFF, each.organisation_id)]
    is_own = one.msisdn == visit.who.msisdn
    may_change = row.ended_on is None and not is_own and visit.may(Right.CHANGE_STAFF, one.organisation_id)
    place = visit.tree[one.organisation_id]
    opens = one.role in logins.OFFICE_ROLES
    values = {
        "one": one,
        "facts": [
            (say("Role"), say(words.ROLES[one.role])),
            (say("Where"), place.name),
            *(((say("Health facility"), facility),) if facility else ()),
            (say("Phone"), visit.number(one.msisdn)),
            (say("Language"), NAMES.get(one.language or "", say("as the organisation's"))),
            *(((say("Told of payments"), say(words.TOLD[one.told or "each"])),) if one.role == "treasurer" else ()),
            (say("PIN on the phone"), say("yes") if pin else say("none yet")),
            *(
                (
                    (say("Password for the office"), say("yes") if login and login.password else say("none yet")),
                    (say("Second factor"), say("yes") if login and login.has_second_factor else say("no")),
                )
                if opens
                else ()
            ),
            *(((say("Cash in hand"), ", ".join(say.show(each) for each in cash)),) if cash else ()),
        ],
        "others": [(say(words.ROLES[each.role]), visit.tree[each.organisation_id].name, each.id) for each in seen],
        "ended_on": row.ended_on,
        "is_own": is_own,
        "may_change": may_change,
        "may_open": may_open,
        "opens": opens,
        "has_factor": login is not None and login.has_second_factor,
        "told": words.named(say, words.TOLD) if one.role == "treasurer" and may_change else [],
        "told_now": one.told or "each",
        "inside": [
            (device_words(each.agent), each.address, moment(say, place, each.started_at),
             moment(say, place, each.seen_at))
            for each in inside
        ],
        "cash": cash,
    }  # fmt: skip
    return Page("network/staff_one.html", one.name, values)


def _member(row: Row[Any]) -> Member:
    return Member(*(getattr(row, name) for name in Member.__dataclass_fields__))


@AREA.post("/staff/<member>/end", Right.CHANGE_STAFF, shown_by=one_page)
def end(visit: Visit, row: Row[Any]) -> Answer:
    """End a role; cash that is still held is handed over, and the treasurer says whether it came."""
    reason = visit.text("reason", most=120)

    def act(unit: Unit) -> Done:
        handed = staffing.dismiss(unit, visit.tree, _member(row), _doing(visit), visit.today(row.organisation_id))
        note = visit.say("The role is over.")
        if handed:
            amounts = ", ".join(visit.say.show(each.amount) for each in handed)
            note = visit.say(
                "The role is over. Cash still to be confirmed by the treasurer: {amounts}", amounts=amounts
            )
        before = {"role": row.role, "name": row.name}
        after = {"reason": reason, **({"handed_over": [each.amount for each in handed]} if handed else {})}
        return Done("/staff", note, before, after)

    return visit.do("staff.ended", act, about=f"member:{row.id}", place=row.organisation_id)


@AREA.post("/staff/<member>/told", Right.CHANGE_STAFF, shown_by=one_page)
def tell(visit: Visit, row: Row[Any]) -> Answer:
    """How a treasurer is told of payments."""
    if row.role != "treasurer":
        raise Refused(visit.say("Only a treasurer is told of payments."))
    how = visit.choice("told", staff.TOLD)

    def act(unit: Unit) -> Done:
        if row.msisdn == visit.who.msisdn:
            raise Refused(visit.say("nobody changes their own rights: another administrator does it"))
        staff.choose_told(unit, row.id, how)
        return Done(f"/staff/{row.id}", visit.say("Kept."), {"told": row.told or "each"}, {"told": how})

    return visit.do("staff.told", act, about=f"member:{row.id}", place=row.organisation_id)


@dataclass(frozen=True)
class Once:
    """What is shown once."""

    address: str = ""
    pin: str = ""


def _once_page(visit: Visit, name: str, where: str, once: Once) -> Page:
    values = {
        "once": once,
        "where": where,
        "hours": int(links.VALID_FOR.total_seconds() // 3600),
    }
    return Page("network/staff_once.html", visit.say("For {name}", name=name), values)


def _address(visit: Visit, token: str) -> str:
    return links.address_of(visit.parts.settings.public_url, token) if token else ""


@AREA.post("/staff/<member>/link", Right.CHANGE_STAFF, shown_by=one_page)
def new_link(visit: Visit, row: Row[Any]) -> Answer:
    """A new one-time link for somebody to choose a password; those made before work no more."""
    without = visit.sent.get("without_second_factor") == "yes"
    made: list[str] = []

    def act(unit: Unit) -> Done:
        made.append(staffing.new_link(unit, _member(row), _doing(visit), without_second_factor=without))
        note = visit.say("A link was made and shown once. Where nobody has it, make another.")
        return Done(f"/staff/{row.id}", note, after={"without_second_factor": without})

    done = visit.do("staff.link_made", act, about=f"member:{row.id}", place=row.organisation_id)
    return _once_page(visit, row.name, f"/staff/{row.id}", Once(_address(visit, made[-1]))) if made else done


@AREA.post("/staff/<member>/pin", Right.CHANGE_STAFF, shown_by=one_page)
def new_pin(visit: Visit, row: Row[Any]) -> Answer:
    """A new first PIN for the phone; they choose their own at its first use."""
    pin = first_pin()
    sealed, made = seal(pin), []

    def act(unit: Unit) -> Done:
        staffing.new_pin(unit, _member(row), _doing(visit), sealed)
        made.append(pin)
        note = visit.say("A PIN was made and shown once. Where nobody has it, make another.")
        return Done(f"/staff/{row.id}", note)

    done = visit.do("staff.pin_made", act, about=f"member:{row.id}", place=row.organisation_id)
    return _once_page(visit, row.name, f"/staff/{row.id}", Once(pin=made[-1])) if made else done


@AREA.post("/staff/<member>/sessions", Right.CHANGE_STAFF, shown_by=one_page)
def end_sessions(visit: Visit, row: Row[Any]) -> Answer:
    """Somebody is inside no more, on any device."""

    def act(unit: Unit) -> Done:
        count = staffing.end_sessions(unit, _member(row), _doing(visit))
        note = visit.say.many("{count} session ended.", "{count} sessions ended.", count)
        return Done(f"/staff/{row.id}", note, after={"sessions": count})

    return visit.do("staff.sessions_ended", act, about=f"member:{row.id}", place=row.organisation_id)


# --- a new one --------------------------------------------------------------------------------------------------------


@AREA.get("/staff/new", Right.CHANGE_STAFF)
def new_page(visit: Visit) -> Answer:
    """The form of a new role."""
    values = {
        "places": [(one.code, one.name) for one in visit.places()],
        "place": visit.at.code,
        "roles": words.named(visit.say, words.ROLES),
        "languages": list(NAMES.items()),
    }
    return Page("network/staff_new.html", visit.say("Give a role"), values)


@AREA.post("/staff/new", Right.CHANGE_STAFF)
def new(visit: Visit) -> Answer:
    """Give somebody a role; what they enter with for the first time is shown once."""
    place, role = visit.place("place"), visit.choice("role", staff.ROLES)
    try:
        name = read_name(visit.text("name", most=60))
    except BadName:
        raise Refused(visit.say("A name has two letters or more, and letters only."), "name") from None
    msisdn = visit.msisdn("phone", place.country)
    language = visit.sent.get("language") or None
    if language is not None:
        visit.choice("language", list(NAMES))
    wanted = NewRole(place, role, name, msisdn, language, visit.text("facility", most=40, needed=False).lower())
    pin = first_pin()
    sealed = seal(pin)
    made: list[Appointed] = []

    def act(unit: Unit) -> Done:
        given = staffing.appoint(unit, wanted, _doing(visit), pin, sealed)
        made.append(given)
        after = {"role": role, "name": name, "facility": wanted.facility_code or None, "language": language}
        note = visit.say("{name} has the role. What was shown once is shown no more.", name=name)
        return Done(f"/staff/{given.staff_id}", note, after=after, about=f"member:{given.staff_id}")

    done = visit.do("staff.added", act, place=place.id)
    if not made:
        return done
    given = made[-1]
    if not given.pin and not given.token:
        return done
    return _once_page(visit, name, f"/staff/{given.staff_id}", Once(_address(visit, given.token), given.pin))
