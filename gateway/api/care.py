"""Visits: announced by a health facility's own system, and listed for the mutuelles whose members went."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.api.call import Call
from gateway.api.cover import card_of, count_guess, wait_for_guesses
from gateway.api.doors import Area, Made
from gateway.api.paging import Listed, Paged, Turn
from gateway.api.problems import Problem, not_there
from gateway.api.reading import invalid
from gateway.api.shapes import LARGEST_ID, Day, Given, Id, Taken
from gateway.kernel.numbers import read_number
from gateway.locale import Say, mark
from gateway.membership import visits
from gateway.network import facilities
from gateway.network.api_keys import Scope
from gateway.network.facilities import network_path
from gateway.sms import notices
from gateway.sms.outgoing import Outgoing, in_key, queue_messages
from gateway.store.unit import Unit

API = Area("care", "Visits that health facilities announce.")
A_MONTH, LONGEST = timedelta(days=31), timedelta(days=366)
_REFUSED = {
    "no-agreement": mark("The network has no agreement with this health facility today."),
    "not-on-card": mark("Nobody of this card has this id."),
    "not-covered": mark("This person isn't covered today."),
}


class VisitGiven(Given):
    """A visit under the number that the facility was given. `household`: its id, for keys of its own mutuelle."""

    number: str
    announced_at: datetime
    facility: str
    person: str
    card: str
    mutuelle: str
    household: int | None


class Which(Paged):
    """Which visits are listed: of the last month where nothing else is said, of a year at most."""

    since: Annotated[Day | None, Field(description="From this day on.")] = None
    until: Annotated[Day | None, Field(description="Until this day.")] = None
    facility: Annotated[Id | None, Field(description="Only those at one facility.")] = None


@API.list("/visits", Scope.VISITS_READ, of=VisitGiven, asks=Which, also=("not-there",))
def list_visits(call: Call, which: Which, turn: Turn) -> Listed:
    """The visits of members of a part of the network, wherever they went, the newest first.

    A health facility's key is shown the visits that were announced at that facility, whosever members came.
    """
    before = int(turn.after) if turn.after is not None else 0
    with call.store.read() as connection:
        found = visits.listed(connection, _asked(call, which), before=before, limit=turn.limit + 1)
    shown = found[: turn.limit]
    return Listed([_shown(call, one) for one in shown], shown[-1].id if len(found) > turn.limit else None)


def _asked(call: Call, which: Which) -> visits.Asked:
    until = which.until or call.today()
    since = which.since or until - A_MONTH
    since = max(since, until - LONGEST)  # a day that is sent is of this age of the world
    if call.key.facility_id is not None:
        if which.facility not in (None, call.key.facility_id):
            raise not_there()
        return visits.Asked(network_path(call.root.path), since, until, call.key.facility_id)
    return visits.Asked(call.root.path, since, until, which.facility)


def _shown(call: Call, one: visits.Listed) -> VisitGiven:
    call.shows(one.household_id)
    return VisitGiven(
        number=one.number,
        announced_at=one.announced_at,
        facility=one.facility,
        person=one.person,
        card=one.card,
        mutuelle=one.mutuelle,
        household=None if call.is_facility else one.household_id,
    )


@API.get("/visits/{number}", Scope.VISITS_READ, answers=VisitGiven)
def visit(call: Call, number: str) -> VisitGiven:
    """One visit, by the number that the facility was given."""
    its_id = read_number(number)
    with call.store.read() as connection:
        one = visits.one_listed(connection, its_id) if its_id is not None else None
        at = visits.facility_of(connection, one.id) if one is not None else None
    if one is None or not (at == call.key.facility_id if call.is_facility else call.sees(one.organisation_id)):
        raise not_there()
    return _shown(call, one)


# --- announcing -------------------------------------------------------------------------------------------------------


class VisitTaken(Taken):
    """Somebody who is at the facility now: on which card, and who on it (the id that the cover's answer has)."""

    card: Annotated[str, StringConstraints(pattern=r"^[1-5][0-9]{8}$"), Field(examples=["123456789"])]
    person: Annotated[int, Field(ge=1, le=LARGEST_ID)]


@API.post(
    "/visits", Scope.VISITS_WRITE, takes=VisitTaken, answers=VisitGiven, once=True, statuses=(201, 200)
)  # fmt: skip
def announce(call: Call, unit: Unit, sent: VisitTaken) -> Made | VisitGiven:
    """Announce that somebody who is covered today is at this health facility.

    It gets a number, once a person and day (200 where it was announced before), and the home mutuelle is told by SMS.
    """
    facility_id = call.key.facility_id
    if facility_id is None:
        raise Problem("no-scope", mark("Only a health facility's own key announces visits."))
    wait_for_guesses(call, unit.connection)
    one = card_of(call, unit.connection, sent.card)
    if one is None:
        wrong = invalid(call.say, "/card", mark("There is no such card."))
        wrong.after = partial(count_guess, call)
        raise wrong
    made = visits.announce_at(unit, call.tree, facility_id, one, sent.person, api_key_id=call.key.id)
    if isinstance(made, visits.NotCovered):
        more: dict[str, str] = {"because": made.because}
        if made.covered_from is not None:
            more["covered_from"] = made.covered_from.isoformat()
        raise Problem("refused", _REFUSED[made.because], more=more)
    its_id = read_number(made.number)
    assert its_id is not None
    found = visits.one_listed(unit.connection, its_id)
    assert found is not None
    if made.known:
        return _shown(call, found)
    home = call.tree.books_of(one.section_id)
    at = facilities.by_id(unit.connection, facility_id)
    for msisdn, language in visits.to_tell(unit.connection, call.tree, home.id):
        text = notices.visit(Say(language), made.number, made.person, at.name)
        key = f"visit:api:{its_id}:{in_key(msisdn)}"
        queue_messages(unit, "receipts", Outgoing("visit", msisdn, language, text, home.id, one.id, key))
    call.trace(unit, "visits.announced", about=f"visit:{its_id}", place=home.id, after={"facility": at.name})
    return Made(_shown(call, found), f"/visits/{made.number}")
