"""Reminders by rule, what they send today and in the next days, and the guests who try a campaign's text first."""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.reminders import words
from gateway.console.pages.reminders.campaigns import tabs
from gateway.console.pages.reminders.compose import samples
from gateway.console.pages.reminders.texts import own_said
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name
from gateway.locale import NAMES
from gateway.network.organisations import Organisation
from gateway.sms.campaigns import rules
from gateway.sms.campaigns.guests import Guest, dismiss, guests_of, invite
from gateway.sms.campaigns.rules import EARLIEST_DAYS, LATEST_DAYS, Due, Rule
from gateway.sms.templates.checking import check
from gateway.sms.templates.events import EVENTS, Setting
from gateway.sms.templates.placeholders import LONGEST_TEMPLATE
from gateway.store.schema import campaign, plan
from gateway.store.unit import Unit

AREA = Area("reminder_rules")
AHEAD_DAYS = 7
LOOK_AHEAD_S = 3.0  # so long a page looks what rules will send
EACH_S = 0.5
MADE = 20  # of a rule's campaigns that are shown
LONGEST_NAME = 60


def when(visit: Visit, days: int) -> str:
    """When a rule reminds."""
    if not days:
        return visit.say("on the due date")
    if days < 0:
        return visit.say.many("{count} day before the due date", "{count} days before the due date", -days)
    return visit.say.many("{count} day after the due date", "{count} days after the due date", days)


@AREA.get("/reminders/rules", Right.SEE_REMINDERS)
def rules_page(visit: Visit) -> Answer:
    """The rules that hold where the page is: its own, those above it and those below; and what they will send."""
    with visit.store.read() as connection:
        kept = rules.every_rule(connection, visit.today())
        ahead, cut = _ahead(visit, connection)
    here = [one for one in kept if _touches(visit, one)]
    here.sort(key=lambda one: (visit.tree[one.organisation_id].path, one.days, one.plan_code or "", one.id))
    values = {
        "tabs": tabs(visit),
        "rows": [_line(visit, one) for one in here if one.ended_on is None],
        "ahead": ahead,
        "cut": cut,
        "may_send": visit.may(Right.SEND_REMINDERS, visit.at.id),
    }
    return Page("reminders/rules.html", visit.say("Reminders by rule"), values)


def _touches(visit: Visit, one: Rule) -> bool:
    place = visit.tree[one.organisation_id]
    return place.under(visit.at) or visit.at.under(place)


def _line(visit: Visit, one: Rule) -> dict[str, Any]:
    place = visit.tree[one.organisation_id]
    return {
        "id": one.id,
        "place": place.name,
        "when": when(visit, one.days),
        "plan": one.plan_code or visit.say("all plans"),
        "texts": ", ".join(words.language_name(each) for each in one.texts) or visit.say("the words of “Our texts”"),
        "since": one.since,
        "by": one.by_name,
        "mine": visit.may(Right.SEE_REMINDERS, place.id),
    }


def _ahead(visit: Visit, connection: Connection) -> tuple[list[dict[str, Any]], bool]:
    """What rules send today and in the next days, as things stand now; and whether there was no time for all."""
    begun, found = time.monotonic(), []
    settings, today = visit.parts.settings, visit.today()
    path = visit.tree.books_of(visit.at.id).path
    for ahead in range(AHEAD_DAYS):
        day = today + timedelta(days=ahead)
        for one in rules.due(connection, visit.tree, day, path, settings.sms_price, settings.currency, for_s=EACH_S):
            if one.found is None or one.found.letters or one.found.skipped:
                found.append(_due(visit, day, one))
            if time.monotonic() - begun > LOOK_AHEAD_S:
                return found, True
    return found, False


def _due(visit: Visit, day: date, one: Due) -> dict[str, Any]:
    place, seen = one.duty.place, one.found
    values: dict[str, Any] = {
        "day": day,
        "place": place.name,
        "due_on": one.duty.due_on,
        "when": when(visit, one.duty.rule.days),
        "campaign": one.campaign if visit.may(Right.SEE_REMINDERS, place.id) else None,
        "made": one.campaign is not None,
    }
    if seen is not None:
        values |= {
            "letters": seen.letters,
            "reckoned": seen.share < 1,
            "cost": words.about(visit.say, seen.cost_e4, place.currency) if seen.price_e4 else "",
            "left_out": ", ".join(
                visit.say("{why}: {count}", why=words.why(visit.say, why), count=count)
                for why, count in seen.skipped.most_common()
            ),
        }
    return values


@AREA.get("/reminders/rules/new", Right.SEND_REMINDERS)
def new_rule_page(visit: Visit) -> Answer:
    """A rule more."""
    place = visit.tree.books_of(visit.at.id)
    event = EVENTS["campaign"]
    with visit.store.read() as connection:
        plans = _plans(connection, visit)
    values = {
        "tabs": tabs(visit),
        "places": [each for each in words.offered(visit) if _speaks(visit, visit.tree.named(each[0]))],
        "under": place.code,
        "plans": plans,
        "sides": [
            ("before", visit.say("before the due date")),
            ("on", visit.say("on the due date")),
            ("after", visit.say("after the due date")),
        ],
        "texts": [(each, words.language_name(each), samples(event, each, place)) for each in place.languages],
        "placeholders": [(f"{{{each.name}}}", visit.say(each.meaning)) for each in event.placeholders],
    }
    return Page("reminders/rule_new.html", visit.say("New rule"), values)


def _speaks(visit: Visit, place: Organisation) -> bool:
    """A section says what its mutuelle says, and has no rules."""
    return place.books_id == place.id


def _plans(connection: Connection, visit: Visit) -> list[tuple[str, str]]:
    rows = connection.execute(select(plan.c.organisation_id, plan.c.code, plan.c.name).distinct())
    found: dict[str, str] = {}
    for row in rows:
        at = visit.tree[row.organisation_id]
        if at.under(visit.at) or visit.at.under(at):
            found.setdefault(row.code, row.name)
    return sorted(found.items())


@AREA.post("/reminders/rules/new", Right.SEND_REMINDERS)
def new_rule(visit: Visit) -> Answer:
    """Keep a rule."""
    place = visit.place("under")
    side = visit.choice("side", ("before", "on", "after"))
    most = -EARLIEST_DAYS if side == "before" else LATEST_DAYS
    days = 0 if side == "on" else visit.count("days", least=1, most=most) * (-1 if side == "before" else 1)
    texts = {}
    for language in NAMES:
        typed = visit.text(f"text_{language}", most=LONGEST_TEMPLATE, needed=False)
        if typed:
            try:
                setting = Setting(language, place.name, (place.currency,))
                texts[language] = check(EVENTS["campaign"], typed, setting).text
            except Fault as fault:
                raise Refused(own_said(visit, fault), f"text_{language}") from None

    def act(unit: Unit) -> Done:
        one = rules.add(unit, visit.tree, place, days, visit.sent.get("plan") or None, texts, visit.who.name)
        note = visit.say("The rule holds from {day} on.", day=one.since)
        after = {"days": one.days, "plan": one.plan_code, "texts": texts}
        return Done("/reminders/rules", note, after=after, about=f"rule:{one.id}")

    return visit.do("rule.added", act, place=place.id)


@AREA.get("/reminders/rules/<rule>", Right.SEE_REMINDERS)
def rule_page(visit: Visit, row: Row[Any]) -> Answer:
    """One rule: when, for whom, in which words, and what it has sent."""
    made = select(campaign.c.id, campaign.c.organisation_id, campaign.c.due_on, campaign.c.state)
    made = made.where(campaign.c.rule_id == row.id).order_by(campaign.c.id.desc()).limit(MADE)
    with visit.store.read() as connection:
        one = rules.by_id(connection, row.id)
        campaigns = connection.execute(made).all()
    assert one is not None
    values = {
        "tabs": tabs(visit),
        "one": one,
        "place": visit.tree[one.organisation_id],
        "line": _line(visit, one),
        "texts": [(words.language_name(language), text) for language, text in one.texts.items()],
        "made": [
            (each.id, visit.tree[each.organisation_id].name, each.due_on, visit.say(words.STANDS[each.state][0]))
            for each in campaigns
        ],
        "may": visit.may(Right.SEND_REMINDERS, one.organisation_id),
    }
    title = visit.say("Rule {number}: {when}", number=one.id, when=when(visit, one.days))
    return Page("reminders/rule.html", title, values)


@AREA.post("/reminders/rules/<rule>/end", Right.SEND_REMINDERS, shown_by=rule_page)
def end_rule(visit: Visit, row: Row[Any]) -> Answer:
    """End a rule, and what it has begun."""

    def act(unit: Unit) -> Done:
        count = rules.end(unit, visit.tree, row.id, visit.who.name)
        note = visit.say("The rule is ended.")
        if count:
            note = visit.say.many(
                "The rule is ended; {count} was to be written to today and isn't.",
                "The rule is ended; {count} were to be written to today and aren't.",
                count,
            )
        return Done("/reminders/rules", note, {"days": row.days, "plan": row.plan_code}, {"not_written_to": count})

    return visit.do("rule.ended", act, about=f"rule:{row.id}", place=row.organisation_id)


# --- guests -----------------------------------------------------------------------------------------------------------


@AREA.get("/reminders/guests", Right.SEE_REMINDERS)
def guests(visit: Visit) -> Answer:
    """Those who read a text on their own phones before anybody else does."""
    with visit.store.read() as connection:
        found = guests_of(connection, visit.tree, visit.at)
    values = {
        "tabs": tabs(visit),
        "rows": [
            {
                "name": one.name,
                "number": visit.number(one.msisdn),
                "language": words.language_name(one.language or visit.at.languages[0]),
                "place": visit.tree[one.organisation_id].name if one.organisation_id else "",
                "key": _key(visit, one),
                "mine": one.organisation_id is not None and visit.may(Right.SEND_REMINDERS, one.organisation_id),
            }
            for one in found
        ],
        "languages": [(each, words.language_name(each)) for each in visit.at.languages],
        "may": visit.may(Right.SEND_REMINDERS, visit.at.id),
    }
    return Page("reminders/guests.html", visit.say("Guests"), values)


def _key(visit: Visit, one: Guest) -> str:
    """What stands for a guest in a form, which shows no number."""
    secret = visit.parts.settings.secret_key.get_secret_value().encode()
    return hmac.new(secret, f"guest:{one.organisation_id}:{one.msisdn}".encode(), hashlib.sha256).hexdigest()[:24]


@AREA.post("/reminders/guests", Right.SEND_REMINDERS)
def add_guest(visit: Visit) -> Answer:
    """Add a guest of the organisation looked at, or change their name and language."""
    place = visit.tree.named(visit.choice("at", [one.code for one in visit.places()]))
    name = " ".join(visit.text("name", most=LONGEST_NAME).split())
    msisdn = visit.msisdn("phone", place.country)
    language = visit.choice("language", ("", *NAMES)) or None

    def act(unit: Unit) -> Done:
        invite(unit, place.id, Guest(msisdn, name, language))
        note = visit.say("{name} tries texts from now on.", name=name)
        return Done("/reminders/guests", note, after={"name": mask_name(name)})

    return visit.do("guest.added", act, place=place.id)


@AREA.post("/reminders/guests/remove", Right.SEND_REMINDERS, shown_by=guests)
def remove_guest(visit: Visit) -> Answer:
    """Take a guest away."""
    with visit.store.read() as connection:
        found = guests_of(connection, visit.tree, visit.at)
    one = next((each for each in found if hmac.compare_digest(_key(visit, each), visit.sent.get("guest"))), None)
    if one is None or one.organisation_id is None or not visit.may(Right.SEND_REMINDERS, one.organisation_id):
        raise Refused(visit.say("They are no guest any more."))
    place_id = one.organisation_id

    def act(unit: Unit) -> Done:
        dismiss(unit, place_id, one.msisdn)
        note = visit.say("{name} is no guest any more.", name=one.name)
        return Done("/reminders/guests", note, before={"name": mask_name(one.name)})

    return visit.do("guest.removed", act, place=place_id)
