"""Who did what: every act in the office with how it was before and after, and who decided what about money."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from gateway.console import journal
from gateway.console.answers import Answer, NotThere, Page
from gateway.console.doors import Area, Entrance
from gateway.console.files import sheet_file
from gateway.console.journal import Event, Only
from gateway.console.pages import event_words as words
from gateway.console.pages.network.words import after
from gateway.console.pages.reminders.words import moment
from gateway.console.rights import Right
from gateway.console.visit import Sent, Visit
from gateway.kernel.dates import iso_day, iso_month
from gateway.ledger.exports import Cell, Sheet, figure
from gateway.locale import mark
from gateway.payments.decisions.report import Decision, by_person, decisions

AREA = Area("events", Entrance(mark("Who did what"), "/events", Right.SEE_EVENTS))
ROWS = 50
MOST_EXPORTED = 50_000
MOST_SHOWN = 200  # single decisions; a file has all of a month
FILTERS = ("who", "area", "about", "day")


def tabs(visit: Visit) -> list[tuple[str, str]]:
    """The pages of this area."""
    return [("/events", visit.say("Acts")), ("/events/decisions", visit.say("Decisions about money"))]


def _only(visit: Visit, fields: Sent) -> tuple[Only, dict[str, str]]:
    """What is asked for, and the same as the fields that were filled in."""
    who, area, about, day = (fields.get(name) for name in FILTERS)
    chosen = {}
    login_id = int(who) if who.isascii() and who.isdigit() and len(who) < 19 else None
    if login_id is not None:
        chosen["who"] = who
    area = area if area in words.AREAS else ""
    if area:
        chosen["area"] = area
    about = about[:80]
    if about:
        chosen["about"] = about
    since = until = None
    on = iso_day(day)
    if on is not None:
        chosen["day"] = on.isoformat()
        zone = ZoneInfo(visit.at.time_zone)
        since = datetime.combine(on, time(), zone).astimezone(UTC)
        until = datetime.combine(on + timedelta(days=1), time(), zone).astimezone(UTC)
    return Only(visit.at.path, login_id, area, about, since, until), chosen


@AREA.get("/events", Right.SEE_EVENTS)
def list_page(visit: Visit) -> Answer:
    """What was done at and below the organisation that is looked at, the newest first."""
    only, chosen = _only(visit, visit.asked)
    with visit.store.read() as connection:
        found = journal.listed(connection, only, before=after(visit), limit=ROWS + 1)
        doers = journal.doers(connection, visit.at.path)
    shown = found[:ROWS]
    values = {
        "tabs": tabs(visit),
        "rows": [_row(visit, one) for one in shown],
        "chosen": {name: chosen.get(name, "") for name in FILTERS},
        "doers": [(str(its_id), name) for its_id, name in doers],
        "areas": sorted(((key, visit.say(text)) for key, text in words.AREAS.items()), key=lambda one: one[1]),
        "more": f"/events?{urlencode({**chosen, 'after': shown[-1].id})}" if len(found) > ROWS else "",
    }
    return Page("events/list.html", visit.say("Who did what"), values)


def _row(visit: Visit, one: Event) -> dict[str, object]:
    thing, where = words.thing(visit, one.about)
    return {
        "id": one.id,
        "at": moment(visit.say, visit.tree[one.organisation_id], one.at),
        "by": one.by_name or visit.say("nobody knows"),
        "login": one.login_id,
        "act": words.act(visit, one.what),
        "thing": thing,
        "where": where,
        "about": one.about,
        "place": visit.tree[one.organisation_id].name,
        "address": one.address,
        "changes": words.changes(visit, one.before, one.after),
    }


@AREA.get("/events/<number>", Right.SEE_EVENTS)
def one_page(visit: Visit, number: int) -> Answer:
    """One act, with all that was written of it."""
    with visit.store.read() as connection:
        found = next(
            (each for root in visit.roots() if (each := journal.one(connection, number, root.path)) is not None), None
        )
    if found is None:
        raise NotThere
    return Page("events/one.html", visit.say("What was done"), {"tabs": tabs(visit), "row": _row(visit, found)})


@AREA.post("/events/file", Right.SEE_EVENTS, shown_by=list_page)
def as_file(visit: Visit) -> Answer:
    """The same acts as a file to keep."""
    only, chosen = _only(visit, visit.sent)
    form = _form(visit)
    with visit.store.write() as unit:
        visit.trace(unit, "events.exported", place=visit.at.id, after={**chosen, "form": form})
    say = visit.say
    heads = (
        say("Moment"), say("Who"), say("What"), say("About"), say("Organisation"), say("Address"), say("Changes"),
    )  # fmt: skip
    return sheet_file(Sheet(say("Who did what"), heads, _cells(visit, only)), f"journal-{visit.at.code}", form)


def _form(visit: Visit) -> Literal["csv", "xlsx"]:
    return "xlsx" if visit.sent.get("form") == "xlsx" else "csv"


def _cells(visit: Visit, only: Only) -> Iterator[tuple[Cell, ...]]:
    for one in journal.each(visit.store, only, MOST_EXPORTED):
        row = _row(visit, one)
        changes = "; ".join(
            visit.say("{name}: {before} → {after}", name=name, before=before or "—", after=now or "—")
            for name, before, now in words.changes(visit, one.before, one.after)
        )
        yield (*(str(row[key]) for key in ("at", "by", "act", "thing", "place", "address")), changes)


# --- decisions about money --------------------------------------------------------------------------------------------


@AREA.get("/events/decisions", Right.SEE_EVENTS)
def decisions_page(visit: Visit) -> Answer:
    """Who assigned, gave back, closed and corrected what in a month, by person, and each decision by itself."""
    month = _month(visit, visit.asked.get("month"))
    found = _decisions(visit, month)
    values = {
        "tabs": tabs(visit),
        "month": f"{month:%Y-%m}",
        "months": [(f"{each:%Y-%m}", f"{each:%m/%Y}") for each in _months(visit)],
        "people": [
            (one.by, _decision(visit, one.what), one.count, ", ".join(visit.say.show(each) for each in one.amounts))
            for one in by_person(found)
        ],
        "single": [
            (moment(visit.say, visit.at, one.at), one.by, _decision(visit, one.what),
             visit.say.show(one.amount) if one.amount is not None else "", one.reason)
            for one in reversed(found[-MOST_SHOWN:])
        ],
        "left_out": max(0, len(found) - MOST_SHOWN),
    }  # fmt: skip
    return Page("events/decisions.html", visit.say("Decisions about money"), values)


def _decision(visit: Visit, what: str) -> str:
    return visit.say(words.DECISIONS[what]) if what in words.DECISIONS else what


def _decisions(visit: Visit, month: date) -> list[Decision]:
    zone = ZoneInfo(visit.at.time_zone)
    following = (month + timedelta(days=32)).replace(day=1)
    since, until = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (month, following))
    with visit.store.read() as connection:
        return decisions(connection, since, until, visit.at.path)


def _month(visit: Visit, typed: str) -> date:
    return iso_month(typed) or visit.today().replace(day=1)


def _months(visit: Visit) -> list[date]:
    found = [visit.today().replace(day=1)]
    while len(found) < 24:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found


@AREA.post("/events/decisions/file", Right.SEE_EVENTS, shown_by=decisions_page)
def decisions_file(visit: Visit) -> Answer:
    """A month's decisions as a file to keep."""
    month, form, say = _month(visit, visit.sent.get("month")), _form(visit), visit.say
    with visit.store.write() as unit:
        visit.trace(
            unit, "events.exported", place=visit.at.id, after={"decisions": f"{month:%Y-%m}", "form": form}
        )  # fmt: skip
    rows = (
        (
            moment(say, visit.at, one.at),
            one.by,
            _decision(visit, one.what),
            figure(one.amount.minor, one.amount.currency) if one.amount is not None else None,
            one.amount.currency if one.amount is not None else "",
            one.reason,
        )
        for one in _decisions(visit, month)
    )
    heads = (say("Moment"), say("Who"), say("What"), say("Amount"), say("Currency"), say("Why"))
    return sheet_file(
        Sheet(say("Decisions about money"), heads, rows), f"decisions-{visit.at.code}-{month:%Y-%m}", form
    )
