"""Keys of other systems: made, listed, revoked; the key itself is shown once, on the answer to the form."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.network import words
from gateway.console.pages.reminders.words import moment
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.network import api_keys, facilities
from gateway.network.api_keys import ApiKey, NewKey, Scope
from gateway.network.organisations import CODE_CHARACTERS
from gateway.store.unit import Unit

AREA = Area("api_keys")
ROWS = 50


@AREA.get("/network/keys", Right.GIVE_KEYS)
def list_page(visit: Visit) -> Answer:
    """The keys of the organisation that is looked at and of those below it, the newest first."""
    with visit.store.read() as connection:
        found = api_keys.below(connection, visit.at.path, after=words.after(visit), limit=ROWS + 1)
    shown = found[:ROWS]
    rows = [(one, visit.tree[one.organisation_id].name, _stands(visit, one), _used(visit, one)) for one in shown]
    values = {
        "tabs": words.tabs(visit),
        "rows": rows,
        "more": f"/network/keys?after={shown[-1].id}" if len(found) > ROWS else "",
    }
    return Page("network/keys.html", visit.say("Keys of other systems"), values)


def _stands(visit: Visit, one: ApiKey) -> tuple[str, str]:
    """How a key stands: a word and the kind of its badge."""
    day = one.expires_at.astimezone(ZoneInfo(visit.tree[one.organisation_id].time_zone)).date()
    if one.revoked_at is not None:
        return visit.say("revoked"), "bad"
    if not one.is_good(visit.now):
        return visit.say("over since {day}", day=day), "bad"
    return visit.say("good until {day}", day=day), "good"


def _used(visit: Visit, one: ApiKey) -> str:
    """When it was used last, to the hour; or that it never was."""
    if one.last_used_at is None:
        return visit.say("not used yet")
    return moment(visit.say, visit.tree[one.organisation_id], one.last_used_at)


@AREA.get("/network/keys/<key>", Right.GIVE_KEYS)
def one_page(visit: Visit, row: Row[Any]) -> Answer:
    """One key: what it may do, and the button that ends it."""
    say = visit.say
    with visit.store.read() as connection:
        one = api_keys.by_prefix(connection, row.prefix)
        at = facilities.find(connection, row.facility_id) if row.facility_id is not None else None
    assert one is not None
    place = visit.tree[one.organisation_id]
    facts = [
        (say("Begins with"), f"{api_keys.BEGINS}{one.prefix}_…"),
        (say("Where"), place.name),
        *(((say("Health facility"), at.name),) if at is not None else ()),
        (say("It may"), "; ".join(say(api_keys.SCOPES[scope]) for scope in Scope if scope in one.scopes)),
        (say("State"), _stands(visit, one)[0]),
        (say("Last used"), _used(visit, one)),
        (say("Made"), say("{moment}, by {name}", moment=moment(say, place, one.made_at), name=one.made_by)),
    ]
    if one.revoked_at is not None:
        when = moment(say, place, one.revoked_at)
        facts.append((say("Revoked"), say("{moment}, by {name}", moment=when, name=one.revoked_by or "")))
    values = {"tabs": words.tabs(visit), "id": one.id, "facts": facts, "is_open": one.is_good(visit.now)}
    return Page("network/key.html", one.name, values)


@AREA.post("/network/keys/<key>/revoke", Right.GIVE_KEYS, shown_by=one_page)
def revoke(visit: Visit, row: Row[Any]) -> Answer:
    """From now on it opens nothing."""

    def act(unit: Unit) -> Done:
        if not api_keys.revoke(unit, row.id, visit.who.name):
            raise Refused(visit.say("This key was revoked before."))
        return Done("/network/keys", visit.say("Revoked: {name}", name=row.name))

    return visit.do("api.key_revoked", act, about=f"api_key:{row.id}", place=row.organisation_id)


# --- a new one --------------------------------------------------------------------------------------------------------


@AREA.get("/network/keys/new", Right.GIVE_KEYS)
def new_page(visit: Visit) -> Answer:
    """For whom, where, for what, until when."""
    say, places = visit.say, visit.places()
    own = next((one.code for one in places if one.id == visit.at.id), places[0].code)
    until = (visit.now + api_keys.USUALLY).date()
    every = [(one in api_keys.OF_FACILITIES, (one.value, say(api_keys.SCOPES[one]))) for one in Scope]
    values = {
        "places": [(one.code, one.name) for one in places],
        "place": words.typed(visit, "organisation", own),
        "groups": [
            (say("A health facility's own system, and others"), [each for its, each in every if its]),
            (say("Other systems only"), [each for its, each in every if not its]),
        ],
        "until": words.typed(visit, "until", until.isoformat()),
        "most": api_keys.NAME_CHARACTERS,
    }  # fmt: skip
    return Page("network/key_new.html", say("New key for another system"), values)


@AREA.post("/network/keys/new", Right.GIVE_KEYS)
def new(visit: Visit) -> Answer:
    """Make a key; it is shown once."""
    say = visit.say
    place = visit.place("organisation")
    name = visit.text("name", most=api_keys.NAME_CHARACTERS)
    scopes = api_keys.known_scopes(visit.sent.all("scope"))
    # Through the whole of its last day, where it is for.
    until = datetime.combine(visit.day("until"), time(23, 59, 59), ZoneInfo(place.time_zone)).astimezone(UTC)
    facility_id = None
    if code := visit.text("facility", most=CODE_CHARACTERS, needed=False):
        with visit.store.read() as connection:
            at = facilities.with_code(connection, code)
        if at is None or not visit.may(Right.GIVE_KEYS, at.organisation_id):
            raise Refused(say("No health facility of yours has this code."), "facility")
        facility_id, place = at.id, visit.tree[at.organisation_id]
    made: list[tuple[ApiKey, str]] = []

    def act(unit: Unit) -> Done:
        made.append(api_keys.add_key(unit, NewKey(name, place.id, scopes, until, facility_id), visit.who.name))
        one = made[-1][0]
        note = say("A key was made and shown once. Where nobody has it, make another and revoke this one.")
        return Done(f"/network/keys/{one.id}", note, after=api_keys.told(one), about=f"api_key:{one.id}")

    done = visit.do("api.key_made", act, place=place.id)
    if not made:
        return done
    one, token = made[-1]
    return Page("network/key_once.html", one.name, {"token": token, "where": f"/network/keys/{one.id}"})
