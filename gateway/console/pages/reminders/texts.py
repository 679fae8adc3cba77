"""The texts that a mutuelle says in its own words: what is said now, and whose words these are; written, taken back."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from gateway.console.answers import Answer, Done, NotThere, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.reminders import words
from gateway.console.pages.reminders.campaigns import tabs
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.faults import Fault
from gateway.network.organisations import Organisation
from gateway.sms.gsm7 import fold, septets
from gateway.sms.templates.checking import Checked, Leaving, check, setting_of
from gateway.sms.templates.events import EVENTS, Event, Setting
from gateway.sms.templates.kept import Version, history, newest, said_now, write
from gateway.sms.templates.placeholders import LONGEST_TEMPLATE, BadTemplate
from gateway.store.unit import Unit

AREA = Area("texts")
VERSIONS = 20


@AREA.get("/reminders/texts", Right.SEE_REMINDERS)
def texts(visit: Visit) -> Answer:
    """What is said of every event, by language, and whose words it is."""
    place = visit.tree.books_of(visit.at.id)
    with visit.store.read() as connection:
        kept = {(one.organisation_id, one.event, one.language): one for one in newest(connection)}
    rows = []
    for event in EVENTS.values():
        for language in place.languages:
            setting = setting_of(visit.tree, place.id, language)
            above = (kept.get((each.id, event.name, language)) for each in visit.tree.upward(place.id))
            decides = next((one for one in above if one is not None), None)
            rows.append(
                {
                    "name": words.event_name(visit.say, event.name),
                    "meaning": visit.say(event.meaning),
                    "language": words.language_name(language),
                    "whose": _whose(visit, decides),
                    "own": decides is not None and decides.text is not None,
                    "text": _said(event, setting, decides) or visit.say("Nothing is said."),
                    "to": f"/reminders/texts/{place.id}/{language}?event={event.name}",
                }
            )
    values = {"tabs": tabs(visit), "place": place, "rows": rows, "may": visit.may(Right.SEE_REMINDERS, place.id)}
    return Page("reminders/texts.html", visit.say("Our texts"), values)


def _whose(visit: Visit, decides: Version | None) -> str:
    if decides is None or decides.text is None:
        return "Cotisa"
    return visit.tree[decides.organisation_id].name


def _said(event: Event, setting: Setting, decides: Version | None) -> str | None:
    """What is said now, as a text with placeholders where it is one; None where nothing is."""
    if decides is not None and decides.text is not None:
        return decides.text
    return event.words(setting.language) or event.in_our_words(setting)


# --- one text ---------------------------------------------------------------------------------------------------------


@AREA.get("/reminders/texts/<organisation>/<word>", Right.SEE_REMINDERS)
def text_page(visit: Visit, place: Organisation, language: str, checked: Checked | None = None) -> Answer:
    """What is said of one event in one language: as it leaves, what may stand in it, and all that was said before."""
    event, setting = _event(visit, place, language)
    with visit.store.read() as connection:
        decides = said_now(connection, visit.tree, place.id, event.name, setting.language)
        past = history(connection, place.id, event.name, setting.language)
        price = words.price_e4(visit, connection, place.currency)
    say = visit.say
    source = _source(event, setting, decides)
    values = {
        "tabs": tabs(visit),
        "place": place,
        "event": event,
        "meaning": _sentence(say(event.meaning)),
        "language": setting.language,
        "languages": [
            (f"/reminders/texts/{place.id}/{each}?event={event.name}", words.language_name(each), each)
            for each in place.languages
        ],
        "whose": _whose(visit, decides),
        "own": decides is not None and decides.text is not None and decides.organisation_id == place.id,
        "resettable": decides is not None and decides.text is not None,
        "text": source or "",
        "to": _to(place, event, setting),
        "may": visit.may(Right.CHANGE_TEXTS, place.id),
        "most_parts": event.most_parts,
        "phones": _phones(visit, event, setting, place, price, source, checked),
        "folded": checked.folded if checked is not None else (),
        "left_out": checked.left_out if checked is not None else (),
        "checked": checked is not None,
        "placeholders": _placeholders(visit, event, setting),
        "needed": [" / ".join(f"{{{each}}}" for each in one_of) for one_of in event.needed],
        "samples": json.dumps({key: fold(setting.say.show(each)) for key, each in event.example(setting).items()}),
        "past": [_version(visit, place, one) for one in past[:VERSIONS]],
    }
    title = say(
        "{text} ({language})", text=words.event_name(say, event.name), language=words.language_name(setting.language)
    )
    return Page("reminders/text.html", title, values)


def _sentence(text: str) -> str:
    """A text with a capital where it begins."""
    return text[:1].upper() + text[1:]


def _event(visit: Visit, place: Organisation, language: str) -> tuple[Event, Setting]:
    """The event and how it is said there; raises :class:`NotThere` for one that there isn't."""
    name = visit.asked.get("event") or next(iter(EVENTS))
    if name not in EVENTS or language not in place.languages or place.books_id != place.id:
        raise NotThere
    return EVENTS[name], setting_of(visit.tree, place.id, language)


def _to(place: Organisation, event: Event, setting: Setting) -> str:
    return f"/reminders/texts/{place.id}/{setting.language}?event={event.name}"


def _source(event: Event, setting: Setting, decides: Version | None) -> str | None:
    """What is said now as a text that can be written anew; None where our words are no such text."""
    return decides.text if decides is not None and decides.text is not None else event.words(setting.language)


def _phones(
    visit: Visit,
    event: Event,
    setting: Setting,
    place: Organisation,
    price: int,
    source: str | None,
    checked: Checked | None,
) -> list[dict[str, Any]]:
    """An ordinary case and the longest one, of what was typed, else of what is said now."""
    say = visit.say
    if checked is None and source is not None:
        try:
            checked = check(event, source, setting)
        except BadTemplate:
            checked = None  # it was written before it had to have room for more
    if checked is None:
        ours = event.in_our_words(setting)
        return [_phone(visit, say("In Cotisa's words"), Leaving(ours), place, price)] if ours is not None else []
    found = [_phone(visit, say("An ordinary case, with made-up data"), checked.example, place, price)]
    if checked.longest.text != checked.example.text:
        found.append(_phone(visit, say("The longest that may come, with made-up data"), checked.longest, place, price))
    return found


def _phone(visit: Visit, label: str, one: Leaving, place: Organisation, price: int) -> dict[str, Any]:
    say = visit.say
    about = say(
        "{letters} letters, {parts}",
        letters=one.septets,
        parts=say("{count} SMS", count=one.parts),
    )
    if price:
        about = say("{parts}, {cost}", parts=about, cost=words.about(say, one.parts * price, place.currency))
    return {"label": label, "text": one.text, "about": about}


def _placeholders(visit: Visit, event: Event, setting: Setting) -> list[tuple[str, str, int, str]]:
    most: dict[str, int] = {}
    for values in event.longest(setting):
        for name, value in values.items():
            most[name] = max(most.get(name, 0), septets(fold(setting.say.show(value))))
    return [
        (
            f"{{{one.name}}}",
            visit.say(one.meaning),
            most[one.name],
            visit.say("cut where room is short") if one.gives_way else "",
        )
        for one in event.placeholders
    ]


def _version(visit: Visit, place: Organisation, one: Version) -> tuple[int, str, str, str]:
    text = one.text if one.text is not None else visit.say("Cotisa's words again")
    return one.version, words.moment(visit.say, place, one.written_at), one.by_name, text


def own_said(visit: Visit, fault: Fault) -> str:
    """Why a text can't be used, with its event as the office calls it."""
    event = fault.values.get("event")
    named = {"event": words.event_name(visit.say, str(event))} if event is not None else {}
    return visit.say(fault.source, **{**fault.values, **named})


@AREA.post("/reminders/texts/<organisation>/<word>", Right.CHANGE_TEXTS, shown_by=text_page)
def write_text(visit: Visit, place: Organisation, language: str) -> Answer:
    """Check a text, or say it from now on."""
    event, setting = _event(visit, place, language)
    typed = visit.text("text", most=LONGEST_TEMPLATE)
    try:
        checked = check(event, typed, setting)
    except Fault as fault:
        raise Refused(own_said(visit, fault), "text") from None
    if visit.sent.get("do") != "keep":
        shown: Answer = text_page(visit, place, language, checked)
        return shown
    return _keep(visit, place, event, setting, checked.text)


@AREA.post("/reminders/texts/<organisation>/<word>/reset", Right.CHANGE_TEXTS, shown_by=text_page)
def reset_text(visit: Visit, place: Organisation, language: str) -> Answer:
    """Say it in Cotisa's words again, whatever an organisation above says."""
    event, setting = _event(visit, place, language)
    return _keep(visit, place, event, setting, None)


def _keep(visit: Visit, place: Organisation, event: Event, setting: Setting, text: str | None) -> Answer:
    def act(unit: Unit) -> Done:
        before = _now(unit.connection, visit, place, event, setting)
        version = write(unit, visit.tree, place, event.name, setting.language, text, visit.who.name)
        note = (
            visit.say("This is said from now on, within some seconds.")
            if text is not None
            else visit.say("Cotisa's words are said again, within some seconds.")
        )
        return Done(_to(place, event, setting), note, {"text": before}, {"text": text, "version": version})

    what = "text.written" if text is not None else "text.reset"
    return visit.do(what, act, about=f"text:{event.name}:{setting.language}", place=place.id)


def _now(connection: Connection, visit: Visit, place: Organisation, event: Event, setting: Setting) -> str | None:
    found = said_now(connection, visit.tree, place.id, event.name, setting.language)
    return found.text if found is not None else None
