"""Campaigns: what was written to many, how far it has come and at what cost; started, stopped, and kept as files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from gateway.console.answers import Answer, Done, File, Page, Refused
from gateway.console.doors import Area, Entrance
from gateway.console.pages.reminders import words
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.card import show_card
from gateway.ledger.exports import without_formula
from gateway.locale import mark
from gateway.network.organisations import Organisation
from gateway.sms.aggregators import troubles
from gateway.sms.campaigns import keeping
from gateway.sms.campaigns.guests import guests_of, try_on
from gateway.sms.campaigns.keeping import Campaign, Kind
from gateway.sms.campaigns.letters import Letter
from gateway.sms.campaigns.preview import Preview
from gateway.sms.campaigns.progress import Progress, Result, each_result, how_far, progress
from gateway.sms.campaigns.states import State
from gateway.sms.costs import E4
from gateway.sms.quiet import quiet_for
from gateway.store.unit import Unit

AREA = Area("reminders", Entrance(mark("Reminders"), "/reminders", Right.SEE_REMINDERS))
ROWS = 30
# What may be looked at alone: the name in the address, and the kinds of campaigns.
SHOWN: Mapping[str, tuple[str, tuple[Kind, ...]]] = {
    "": (mark("All"), ()),
    "hand": (mark("By hand"), ("reminder", "news", "list")),
    "rule": (mark("By rule"), ("rule",)),
}
TABS = (
    ("/reminders", mark("Campaigns")),
    ("/reminders/rules", mark("Rules")),
    ("/reminders/texts", mark("Our texts")),
    ("/reminders/guests", mark("Guests")),
    ("/reminders/delivery", mark("Delivery")),
)


def tabs(visit: Visit) -> list[tuple[str, str]]:
    """The pages of this area."""
    return [(to, visit.say(text)) for to, text in TABS]


@AREA.get("/reminders", Right.SEE_REMINDERS)
def campaigns(visit: Visit) -> Answer:
    """The newest campaigns of the part of the network that is looked at."""
    shown = visit.asked.get("show") if visit.asked.get("show") in SHOWN else ""
    after = visit.asked.get("after")
    before = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else None
    with visit.store.read() as connection:
        found = keeping.newest(connection, visit.tree, visit.at.path, ROWS + 1, before, SHOWN[shown][1])
        open_ones = [one.id for one in found if one.state in (State.RUNNING, State.PAUSED)]
        far = how_far(connection, open_ones)
    values = {
        "tabs": tabs(visit),
        "rows": [_line(visit, one, far.get(one.id)) for one in found[:ROWS]],
        "filters": [(key, visit.say(text), key == shown) for key, (text, _) in SHOWN.items()],
        "more": f"/reminders?show={shown}&after={found[ROWS - 1].id}" if len(found) > ROWS else "",
        "may_send": visit.may(Right.SEND_REMINDERS, visit.at.id),
    }
    return Page("reminders/campaigns.html", visit.say("Reminders"), values)


def _line(visit: Visit, one: Campaign, far: tuple[int, int] | None) -> dict[str, Any]:
    stands, kind = words.stands(visit, one)
    place = visit.tree[one.organisation_id]
    return {
        "id": one.id,
        "title": words.title_of(visit, one),
        "place": place.name,
        "kind": visit.say(words.KINDS[one.kind]),
        "state": stands,
        "badge": kind,
        "far": far,
        "percent": _percent(*far) if far is not None else None,
        "when": words.moment(visit.say, place, one.starts_at or one.started_at or one.created_at),
        "by": words.whose(one.by_name),
        "cost": words.cost(visit.say, one.committed_e4, one.currency) if one.committed_e4 else "",
    }


def _percent(total: int, settled: int) -> int:
    return 100 * settled // total if total else 0


# --- one campaign -----------------------------------------------------------------------------------------------------


@AREA.get("/reminders/campaigns/<campaign>", Right.SEE_REMINDERS)
def campaign_page(visit: Visit, row: Row[Any]) -> Answer:
    """A draft with its preview, or how far a campaign has come and what became of everybody; and its story."""
    with visit.store.read() as connection:
        one = _again(connection, row.id)
        place = visit.tree[one.organisation_id]
        story = keeping.story(connection, one.id)
        guests = guests_of(connection, visit.tree, place)
        found = progress(connection, one, visit.now) if one.state is not State.DRAFT else None
        waits = _waits(visit, connection, one, place, found)
    seen = words.look(visit, one) if one.state is State.DRAFT else None
    stands, badge = words.stands(visit, one)
    values = {
        "one": one,
        "place": place,
        "title_said": words.title_of(visit, one),
        "stands": stands,
        "badge": badge,
        "kind": visit.say(words.KINDS[one.kind]),
        "whom": words.whom(visit, one),
        "texts": [(words.language_name(language), text) for language, text in one.texts.items()],
        "budget": words.cost(visit.say, one.budget_e4, one.currency) if one.budget_e4 is not None else "",
        "story": words.told(visit, place, story),
        "guests": [(each.name, visit.number(each.msisdn)) for each in guests],
        "may": visit.may(Right.SEND_REMINDERS, one.organisation_id),
        "may_unmask": visit.may(Right.UNMASK, one.organisation_id),
        "mark": mark_of(one),
        "hours": _hours(place),
        "tomorrow": visit.today(place.id).isoformat(),
        "seen": preview_values(visit, one, seen) if seen is not None else None,
        "progress": _progress_values(visit, one, found) if found is not None else None,
        "waits": waits,
        "starts": words.moment(visit.say, place, one.starts_at) if one.starts_at is not None else "",
        "live": one.state in (State.SCHEDULED, State.RUNNING, State.PAUSED),
    }
    return Page("reminders/campaign.html", words.title_of(visit, one), values)


def _again(connection: Connection, campaign_id: int) -> Campaign:
    one = keeping.by_id(connection, campaign_id)
    assert one is not None
    return one


def mark_of(one: Campaign) -> str:
    """What tells a draft from the same one after it was changed: whoever starts it has seen it as it is."""
    said = json.dumps([one.title, one.who.as_json(), dict(one.texts), one.budget_e4], sort_keys=True)
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def _hours(place: Organisation) -> list[tuple[str, str]]:
    """The hours of a day at which somebody may be written to there."""
    noon = datetime(2026, 1, 5, tzinfo=UTC)
    zone = ZoneInfo(place.time_zone)
    every = [datetime.combine(noon, time(hour), zone) for hour in range(24)]
    return [(f"{each:%H}", f"{each:%H:%M}") for each in every if not quiet_for(each.astimezone(UTC), place)]


def preview_values(visit: Visit, one: Campaign, found: Preview) -> dict[str, Any]:
    """What a preview says to a template."""
    say = visit.say
    short = one.budget_e4 is not None and found.cost_e4 > one.budget_e4
    phones = [
        {
            "label": label,
            "text": letter.text,
            "about": _about_letter(visit, letter, found.price_e4, one.currency),
        }
        for label, letter in _examples(visit, found)
    ]
    return {
        "letters": found.letters,
        "parts": found.parts,
        "meant": found.letters + found.skipped.total(),
        "reckoned": found.share < 1,
        "looked": round(100 * found.share) or 1,
        "cost": words.about(say, found.cost_e4, one.currency) if found.price_e4 else "",
        "each": words.cost(say, found.price_e4, one.currency) if found.price_e4 else "",
        "budget": words.cost(say, one.budget_e4, one.currency) if one.budget_e4 is not None else "",
        "short": short,
        "unpriced": one.budget_e4 is not None and not found.price_e4,
        "languages": [(words.language_name(each), count) for each, count in found.by_language.most_common()],
        "by_parts": sorted(found.by_parts.items()),
        "skipped": _reasons(visit, found),
        "phones": phones,
    }


def _reasons(visit: Visit, found: Preview) -> list[tuple[str, int]]:
    summed: dict[str, int] = {}
    for why, count in found.skipped.most_common():
        said = words.why(visit.say, why)
        summed[said] = summed.get(said, 0) + count
    return list(summed.items())


def _examples(visit: Visit, found: Preview) -> Iterator[tuple[str, Letter]]:
    """One in each language, the shortest and the longest; the same words once."""
    said: set[str] = set()
    each_language = {letter.language: letter for letter in reversed(found.examples)}
    ends = [(visit.say("The shortest"), found.shortest), (visit.say("The longest"), found.longest)]
    labelled = [
        *(ends if found.shortest is not None and found.shortest != found.longest else []),
        *((visit.say("An example ({language})", language=words.language_name(language)), letter)
          for language, letter in each_language.items()),
    ]  # fmt: skip
    for label, letter in labelled:
        if letter is not None and letter.text not in said:
            said.add(letter.text)
            yield label, letter


def _about_letter(visit: Visit, letter: Letter, price_e4: int, currency: str) -> str:
    counted = visit.say("{count} SMS", count=letter.parts)
    if not price_e4:
        return counted
    return visit.say("{parts}, {cost}", parts=counted, cost=words.about(visit.say, letter.parts * price_e4, currency))


def _progress_values(visit: Visit, one: Campaign, found: Progress) -> dict[str, Any]:
    say = visit.say
    uncertain = found.uncertain_e4(one)
    return {
        "total": found.total,
        "settled": found.settled,
        "percent": _percent(found.total, found.settled),
        "chosen": one.chosen_at is not None,
        "lines": [
            (
                say(words.BECAME[each.state]),
                words.why(say, each.reason),
                each.count,
                each.parts,
                words.costs(say, each.cost_e4),
            )
            for each in found.lines
        ],
        "billed": words.costs(say, found.cost_e4) or words.cost(say, 0, one.currency),
        "uncertain": words.about(say, uncertain, one.currency) if uncertain else "",
        "committed": words.about(say, one.committed_e4, one.currency),
        "minutes": round(found.left.total_seconds() / 60) + 1 if found.left is not None else None,
    }


def _waits(
    visit: Visit, connection: Connection, one: Campaign, place: Organisation, found: Progress | None
) -> list[str]:
    """What a running campaign may be waiting for."""
    if one.state is not State.RUNNING or found is None or (one.chosen_at and found.settled == found.total):
        return []
    say, quiet = visit.say, quiet_for(visit.now, place)
    until = words.moment(say, place, visit.now + quiet)
    waits = [say("It is quiet until {moment}: nobody is written to before.", moment=until)] if quiet else []
    return waits + [
        say("{aggregator}: {why}", aggregator=each.name, why=words.why(say, each.reason))
        for each in troubles(connection)
        if each.until is not None
    ]


# --- acts -------------------------------------------------------------------------------------------------------------


@AREA.post("/reminders/campaigns/<campaign>/try", Right.SEND_REMINDERS, shown_by=campaign_page)
def try_campaign(visit: Visit, row: Row[Any]) -> Answer:
    """Write an example to each guest."""
    with visit.store.read() as connection:
        one = _again(connection, row.id)
        place = visit.tree[one.organisation_id]
        guests = guests_of(connection, visit.tree, place)
    if not guests:
        raise Refused(visit.say("There are no guests yet: add some first."))
    examples = words.look(visit, one).examples
    if not examples:
        raise Refused(visit.say("Nobody would be written to: there is no example."))

    def act(unit: Unit) -> Done:
        count = try_on(unit, one, place, guests, examples, visit.who.name)
        note = visit.say.many("An example goes to {count} guest.", "An example goes to {count} guests.", count)
        return Done(_to(one), note, after={"guests": count})

    return visit.do("campaign.tried", act, about=f"campaign:{one.id}", place=one.organisation_id)


@AREA.post("/reminders/campaigns/<campaign>/start", Right.SEND_REMINDERS, shown_by=campaign_page)
def start(visit: Visit, row: Row[Any]) -> Answer:
    """Start a draft, now or at a day and hour of its own place; only as it was seen."""
    with visit.store.read() as connection:
        one = _again(connection, row.id)
    place = visit.tree[one.organisation_id]
    at = _when(visit, place) if visit.choice("when", ("now", "later")) == "later" else None
    seen = words.look(visit, one)
    if one.state is State.DRAFT and not seen.letters:
        raise Refused(visit.say("Nobody would be written to: look whom it is for."))

    def act(unit: Unit) -> Done:
        locked = keeping.locked(unit, one.id)
        if locked is not None and locked.state is State.DRAFT and mark_of(locked) != visit.sent.get("seen"):
            raise Refused(visit.say("It was changed meanwhile: look at it again, then start it."))
        keeping.start(unit, one.id, visit.who.name, seen.as_json(), at)
        note = (
            visit.say("It starts on {moment}.", moment=words.moment(visit.say, place, at))
            if at is not None
            else visit.say("It has started.")
        )
        after = {"messages": seen.letters, "cost_e4": seen.cost_e4, "at": at.isoformat() if at else "now"}
        return Done(_to(one), note, after=after)

    return visit.do("campaign.started", act, about=f"campaign:{one.id}", place=place.id)


def _when(visit: Visit, place: Organisation) -> datetime:
    """The day and the hour that were typed, by the clock of the place; raises :class:`Refused` for one that is past."""
    day = visit.day("day")
    hour = int(visit.choice("hour", [key for key, _ in _hours(place)]))
    try:
        at = datetime.combine(day, time(hour), ZoneInfo(place.time_zone)).astimezone(UTC)
    except OverflowError:
        raise Refused(visit.say("Type a day, like 2026-12-31."), "day") from None
    if at <= visit.now:
        raise Refused(visit.say("That time is past."), "day")
    if (at - visit.now).days > 366:
        raise Refused(visit.say("That is more than a year away."), "day")
    return at


@AREA.post("/reminders/campaigns/<campaign>/pause", Right.SEND_REMINDERS, shown_by=campaign_page)
def pause(visit: Visit, row: Row[Any]) -> Answer:
    """Stop for now."""

    def act(unit: Unit) -> Done:
        keeping.pause(unit, row.id, visit.who.name)
        return Done(f"/reminders/campaigns/{row.id}", visit.say("It is paused. What was being handed over still goes."))

    return visit.do("campaign.paused", act, about=f"campaign:{row.id}", place=row.organisation_id)


@AREA.post("/reminders/campaigns/<campaign>/resume", Right.SEND_REMINDERS, shown_by=campaign_page)
def resume(visit: Visit, row: Row[Any]) -> Answer:
    """Go on, with another budget where one is given."""
    budget = budget_typed(visit, row.currency)

    def act(unit: Unit) -> Done:
        keeping.resume(unit, row.id, visit.who.name, budget)
        before = {"budget_e4": row.budget_e4}
        after = {"budget_e4": budget if budget is not None else row.budget_e4}
        return Done(f"/reminders/campaigns/{row.id}", visit.say("It goes on."), before, after)

    return visit.do("campaign.resumed", act, about=f"campaign:{row.id}", place=row.organisation_id)


def budget_typed(visit: Visit, currency: str) -> int | None:
    """The budget in ten-thousandths, None where none was typed; raises :class:`Refused`."""
    if not visit.sent.get("budget"):
        return None
    amount = visit.amount("budget", currency)
    if amount.minor <= 0:
        raise Refused(visit.say("A budget is more than nothing."), "budget")
    return words.budget_in_e4(amount)


@AREA.post("/reminders/campaigns/<campaign>/cancel", Right.SEND_REMINDERS, shown_by=campaign_page)
def cancel(visit: Visit, row: Row[Any]) -> Answer:
    """End it for good."""

    def act(unit: Unit) -> Done:
        count = keeping.cancel(unit, row.id, visit.who.name)
        note = visit.say.many(
            "It is cancelled: {count} household or number wasn't written to.",
            "It is cancelled: {count} households or numbers weren't written to.",
            count,
        )
        return Done(f"/reminders/campaigns/{row.id}", note, {"state": row.state}, {"not_written_to": count})

    return visit.do("campaign.cancelled", act, about=f"campaign:{row.id}", place=row.organisation_id)


def _to(one: Campaign) -> str:
    return f"/reminders/campaigns/{one.id}"


# --- results as a file ------------------------------------------------------------------------------------------------


@AREA.get("/reminders/campaigns/<campaign>/results", Right.SEE_REMINDERS)
def results(visit: Visit, row: Row[Any]) -> Answer:
    """What became of each, as a spreadsheet; numbers masked, and no name."""
    return _results(visit, row.id, whole=False)


@AREA.post("/reminders/campaigns/<campaign>/numbers", Right.UNMASK, shown_by=campaign_page)
def results_with_numbers(visit: Visit, row: Row[Any]) -> Answer:
    """The same with whole numbers; who took them is written down."""
    with visit.store.write() as unit:
        visit.trace(unit, "campaign.unmasked", about=f"campaign:{row.id}", place=row.organisation_id)
    return _results(visit, row.id, whole=True)


def _results(visit: Visit, campaign_id: int, *, whole: bool) -> File:
    return File(
        visit.say("campaign-{number}", number=campaign_id) + ".csv",
        "text/csv; charset=utf-8",
        _lines(visit, campaign_id, whole),
    )


def _lines(visit: Visit, campaign_id: int, whole: bool) -> Iterator[bytes]:
    say = visit.say
    heads = (
        say("Card"),
        say("Section"),
        say("Phone"),
        say("State"),
        say("Why"),
        say("SMS"),
        say("Cost"),
        say("Currency"),
    )
    yield "\ufeff".encode() + _csv(heads)
    with visit.store.read() as connection:
        one = _again(connection, campaign_id)
        for each in each_result(connection, one):
            yield _csv(_cells(visit, each, whole))


def _cells(visit: Visit, each: Result, whole: bool) -> Sequence[object]:
    number = (each.msisdn if whole else visit.number(each.msisdn)) if each.msisdn else ""
    cost = f"{Decimal(each.cost_e4) / E4:f}".replace(".", ",") if each.cost_e4 is not None else ""
    return (
        show_card(each.card) if each.card else "",
        visit.tree[each.section_id].name if each.section_id is not None else "",
        f"'{number}" if whole and number else number,  # a spreadsheet makes a sum of what begins with a plus
        visit.say(words.BECAME[each.state]),
        without_formula(words.why(visit.say, each.reason)),
        each.parts,
        cost,
        each.currency or "",
    )


def _csv(cells: Sequence[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line, delimiter=";").writerow(cells)
    return line.getvalue().encode()
