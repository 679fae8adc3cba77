"""Complaints, calls back and visits: what waits for an answer first, how long answers take, who went to which facility.

A complaint's answer goes by SMS to the phone that it came from. The number of who wants to be called back is shown
whole only to those who may see it, and it is written down that they did.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from gateway.console.answers import Answer, Done, Go, NotThere, Page
from gateway.console.doors import Area, Entrance
from gateway.console.files import sheet_file
from gateway.console.pages.network import words
from gateway.console.pages.reminders.words import moment
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.card import show_card
from gateway.kernel.dates import iso_day
from gateway.kernel.numbers import read_number, with_check_digit
from gateway.ledger.exports import Cell, Sheet
from gateway.locale import NAMES, mark
from gateway.membership import visits
from gateway.membership.requests import (
    TEXT_CHARACTERS,
    FollowUp,
    Kind,
    Request,
    answered_before,
    by_number,
    follow_up,
    waiting,
)
from gateway.membership.visits import Asked
from gateway.sms.complaints import answer_complaint, call_made
from gateway.store.unit import Unit

AREA = Area("care", Entrance(mark("Complaints and visits"), "/care", Right.SEE_REQUESTS))
ROWS = 50
MOST_EXPORTED = 50_000
A_MONTH = timedelta(days=30)
LONGEST = timedelta(days=366)
CATEGORIES = {
    "cover": mark("Cover"),
    "payment": mark("Payment"),
    "care": mark("Care"),
    "staff": mark("Staff of the mutuelle"),
    "other": mark("Something else"),
}
KINDS: dict[str, str] = {"complaint": mark("Complaint"), "callback": mark("Call back")}


def tabs(visit: Visit) -> list[tuple[str, str]]:
    """The pages of this area."""
    say = visit.say
    found = [("/care", say("Complaints")), ("/care/calls", say("Calls back"))]
    if not visit.may(Right.SEE_VISITS):
        return found
    more = [
        ("/care/visits", say("Visits")),
        ("/care/between", say("Between mutuelles")),
        ("/care/check", say("Check a card")),
    ]
    return [*found, *more]


# --- complaints and calls back ----------------------------------------------------------------------------------------


@AREA.get("/care", Right.SEE_REQUESTS)
def complaints(visit: Visit) -> Answer:
    """The complaint book: what waits for an answer, the oldest first; or what is answered, the newest first."""
    return _book(visit, "complaint", "/care", visit.say("Complaints"))


@AREA.get("/care/calls", Right.SEE_REQUESTS)
def calls(visit: Visit) -> Answer:
    """Who asked to be called back, the oldest wish first."""
    return _book(visit, "callback", "/care/calls", visit.say("Calls back"))


def _book(visit: Visit, kind: Kind, here: str, title: str) -> Page:
    done = visit.asked.get("state") == "answered"
    after = words.after(visit)
    with visit.store.read() as connection:
        ask = answered_before if done else waiting
        found = ask(connection, visit.at.path, kind, after, ROWS + 1)
        stands = follow_up(connection, visit.at.path, kind, visit.now)
    shown = found[:ROWS]
    query = "state=answered&" if done else ""
    values = {
        "tabs": tabs(visit),
        "kind": kind,
        "list": here,
        "done": done,
        "rows": [_line(visit, one) for one in shown],
        "figures": _figures(visit, stands),
        "more": f"{here}?{query}after={_id(shown[-1])}" if len(found) > ROWS else "",
    }
    return Page("care/complaints.html", title, values)


def _id(one: Request) -> int:
    return int(one.number[:-1])


def _line(visit: Visit, one: Request) -> dict[str, Any]:
    say = visit.say
    took = (one.answered_at or visit.now) - one.created_at
    return {
        "id": _id(one),
        "number": one.number,
        "since": moment(say, visit.tree[one.organisation_id], one.created_at),
        "age": _days(visit, took),
        "late": one.answered_at is None and took >= timedelta(days=7),
        "place": visit.tree[one.organisation_id].name,
        "about": say(CATEGORIES[one.category]),
        "text": one.text,
        "card": show_card(one.card) if one.card else "",
        "phone": visit.number(one.msisdn),
    }


def _days(visit: Visit, took: timedelta) -> str:
    """A time in whole days; less than one in hours."""
    if took < timedelta(days=1):
        hours = max(0, int(took.total_seconds() // 3600))
        return visit.say.many("{count} hour", "{count} hours", hours)
    return visit.say.many("{count} day", "{count} days", took.days)


def _figures(visit: Visit, stands: FollowUp) -> list[tuple[str, str, str]]:
    """A label, the figure, and what it is about."""
    say = visit.say
    found = [(say("Waiting"), str(stands.waiting), "")]
    if stands.oldest_since is not None:
        found.append((say("The oldest waits"), _days(visit, visit.now - stands.oldest_since), ""))
    if stands.median is not None and stands.slowest is not None:
        about = say.many("of {count} answer in three months", "of {count} answers in three months", stands.answered)
        found.append((say("Answered within (half of them)"), _days(visit, stands.median), about))
        found.append((say("The slowest answer"), _days(visit, stands.slowest), about))
    return found


@AREA.get("/care/requests/<request>", Right.SEE_REQUESTS)
def one_page(visit: Visit, row: Row[Any]) -> Answer:
    """A complaint or a wish to be called back, and what may be done about it."""
    return _one(visit, row)


def _one(visit: Visit, row: Row[Any], number: str = "") -> Page:
    say, place = visit.say, visit.tree[row.organisation_id]
    with visit.store.read() as connection:
        one = by_number(connection, with_check_digit(row.id))
    assert one is not None
    may_see_card = one.household_id is not None and visit.may(Right.SEE_HOUSEHOLDS)
    values = {
        "tabs": tabs(visit),
        "one": one,
        "id": row.id,
        "facts": [
            (say("What"), say(KINDS[one.kind])),
            *(((say("About"), say(CATEGORIES[one.category])),) if one.kind == "complaint" else ()),
            (say("Came on"), moment(say, place, one.created_at)),
            (say("For"), place.name),
            (say("Card"), show_card(one.card) if one.card else say("of no household")),
            (say("Phone"), number or visit.number(one.msisdn)),
            (say("Language"), NAMES.get(one.language, one.language)),
        ],
        "household": one.household_id if may_see_card else None,
        "is_open": one.state == "open",
        "answered": moment(say, place, one.answered_at) if one.answered_at else "",
        "took": _days(visit, (one.answered_at or visit.now) - one.created_at),
        "may_answer": visit.may(Right.ANSWER_REQUESTS, row.organisation_id),
        "may_unmask": visit.may(Right.UNMASK, row.organisation_id) and not number,
        "most": TEXT_CHARACTERS,
    }
    complaint = one.kind == "complaint"
    title = say("Complaint {number}", number=one.number) if complaint else say("Call back {number}", number=one.number)
    return Page("care/complaint.html", title, values)


@AREA.post("/care/requests/<request>/answer", Right.ANSWER_REQUESTS, shown_by=one_page)
def answer(visit: Visit, row: Row[Any]) -> Answer:
    """Answer a complaint, once: the text goes by SMS to the phone that it came from."""
    text = visit.text("answer", most=TEXT_CHARACTERS)

    def act(unit: Unit) -> Done:
        done, sms = answer_complaint(unit, with_check_digit(row.id), visit.who.name, text)
        note = visit.say("Answered. This SMS leaves: {text}", text=sms)
        return Done(f"/care/requests/{row.id}", note, after={"answer": done.answer})

    return visit.do("request.answered", act, about=f"request:{row.id}", place=row.organisation_id)


@AREA.post("/care/requests/<request>/called", Right.ANSWER_REQUESTS, shown_by=one_page)
def called(visit: Visit, row: Row[Any]) -> Answer:
    """Somebody was called back."""

    def act(unit: Unit) -> Done:
        call_made(unit, with_check_digit(row.id), visit.who.name)
        return Done("/care/calls", visit.say("The call is done."))

    return visit.do("request.called_back", act, about=f"request:{row.id}", place=row.organisation_id)


@AREA.post("/care/requests/<request>/number", Right.UNMASK, shown_by=one_page)
def whole_number(visit: Visit, row: Row[Any]) -> Answer:
    """The whole number, on this answer alone; who saw it is written down first."""
    with visit.store.write() as unit:
        visit.trace(unit, "request.unmasked", about=f"request:{row.id}", place=row.organisation_id)
    return _one(visit, row, row.msisdn)


# --- visits -----------------------------------------------------------------------------------------------------------


@AREA.get("/care/visits", Right.SEE_VISITS)
def visits_page(visit: Visit) -> Answer:
    """The visits that facilities announced, by period and facility, the newest first."""
    asked = _asked(visit, visit.asked.get("since"), visit.asked.get("until"), visit.asked.get("facility"))
    before = words.after(visit)
    with visit.store.read() as connection:
        found = visits.listed(connection, asked, before=before, limit=ROWS + 1)
        every = Asked(asked.under_path, asked.since, asked.until)
        facilities = visits.facilities_visited(connection, every)
    shown = found[:ROWS]
    chosen = {"since": asked.since.isoformat(), "until": asked.until.isoformat()}
    if asked.facility_id is not None:
        chosen["facility"] = str(asked.facility_id)
    values = {
        "tabs": tabs(visit),
        "rows": [(one, _when(visit, one.announced_at, one.organisation_id), show_card(one.card)) for one in shown],
        "since": chosen["since"],
        "until": chosen["until"],
        "facility": chosen.get("facility", ""),
        "facilities": [(str(its_id), name) for its_id, name in facilities],
        "may_open": visit.may(Right.SEE_HOUSEHOLDS),
        "more": f"/care/visits?{urlencode({**chosen, 'after': shown[-1].id})}" if len(found) > ROWS else "",
    }
    return Page("care/visits.html", visit.say("Visits"), values)


def _asked(visit: Visit, since: str, until: str, facility: str) -> Asked:
    """Which visits are looked for: of the last month where nothing else is said, of a year at most."""
    last = iso_day(until) or visit.today()
    first = iso_day(since) or last - A_MONTH
    first = max(min(first, last), last - LONGEST)
    its_id = int(facility) if facility.isascii() and facility.isdigit() and len(facility) < 19 else None
    return Asked(visit.at.path, first, last, its_id)


def _when(visit: Visit, at: datetime, organisation_id: int) -> str:
    return moment(visit.say, visit.tree[organisation_id], at)


@AREA.post("/care/visits/file", Right.SEE_VISITS, shown_by=visits_page)
def visits_file(visit: Visit) -> Answer:
    """The same visits as a file to keep; that it was made is written down first."""
    sent = visit.sent
    form: Literal["csv", "xlsx"] = "xlsx" if sent.get("form") == "xlsx" else "csv"
    asked = _asked(visit, sent.get("since"), sent.get("until"), sent.get("facility"))
    with visit.store.write() as unit:
        visit.trace(
            unit,
            "visits.exported",
            place=visit.at.id,
            after={"since": asked.since, "until": asked.until, "facility": asked.facility_id, "form": form},
        )
    say = visit.say
    heads = (say("Number"), say("Day"), say("Time"), say("Facility"), say("Person"), say("Card"), say("Mutuelle"))
    sheet = Sheet(say("Visits"), heads, _rows(visit, asked))
    name = "-".join((say("visits"), str(asked.since), str(asked.until)))
    return sheet_file(sheet, name, form)


def _rows(visit: Visit, asked: Asked) -> Iterator[tuple[Cell, ...]]:
    before, left = 0, MOST_EXPORTED
    while left:
        with visit.store.read() as connection:
            found = visits.listed(connection, asked, before=before, limit=min(500, left))
        for one in found:
            local = one.announced_at.astimezone(ZoneInfo(visit.tree[one.organisation_id].time_zone))
            yield one.number, local.date(), f"{local:%H:%M}", one.facility, one.person, one.card, one.mutuelle
        if not found:
            return
        before, left = found[-1].id, left - len(found)


@AREA.get("/care/visits/<visit>", Right.SEE_VISITS)
def visit_page(visit: Visit, row: Row[Any]) -> Answer:
    """One visit, by its number."""
    with visit.store.read() as connection:
        one = visits.one_listed(connection, row.id)
    if one is None:
        raise NotThere
    say = visit.say
    values = {
        "tabs": tabs(visit),
        "facts": [
            (say("Number"), one.number),
            (say("Announced"), _when(visit, one.announced_at, one.organisation_id)),
            (say("Facility"), one.facility),
            (say("Person"), one.person),
            (say("Card"), show_card(one.card)),
            (say("Mutuelle"), one.mutuelle),
        ],
        "household": one.household_id if visit.may(Right.SEE_HOUSEHOLDS) else None,
    }
    return Page("care/visit.html", say("Visit {number}", number=one.number), values)


@AREA.get("/care/visits/find", Right.SEE_VISITS)
def find(visit: Visit) -> Answer:
    """A visit by the number that the facility was given."""
    its_id = read_number(visit.asked.get("number"))
    with visit.store.read() as connection:
        one = visits.one_listed(connection, its_id) if its_id else None
    if one is None or not visit.may(Right.SEE_VISITS, one.organisation_id):
        return Go("/care/visits", visit.say("No visit has this number."))
    return Go(f"/care/visits/{one.id}")
