"""Addresses of other systems that are told of what happens: how they stand, added, tried, disabled, given new secrets.

A secret is shown once, on the answer to the form. Of an address its host alone is shown: its path may hold a token.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.network import words
from gateway.console.pages.reminders.words import moment
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.exchange.webhooks import endpoints
from gateway.exchange.webhooks.delivering import deliveries, taken_last
from gateway.exchange.webhooks.endpoints import DISABLED, EVENTS, LONGEST_URL, BadWebhook, Endpoint, Event
from gateway.exchange.webhooks.following import tell_test
from gateway.kernel.sealing import Keys, keys_of
from gateway.locale import mark
from gateway.store.unit import Unit

AREA = Area("webhooks")
ROWS = 50
LAST = 20  # deliveries

STATES = {
    "open": (mark("waits"), "wait"),
    "done": (mark("taken"), "good"),
    "given up": (mark("given up"), "bad"),
}


@AREA.get("/network/webhooks", Right.GIVE_KEYS)
def list_page(visit: Visit) -> Answer:
    """The addresses of the organisation that is looked at and of those below it."""
    after = words.after(visit)
    with visit.store.read() as connection:
        found = [one for one in endpoints.below(connection, visit.at.path) if one.id > after]
        shown = found[:ROWS]
        last = taken_last(connection, [one.id for one in shown])
    values = {
        "tabs": words.tabs(visit),
        "rows": [(one, visit.tree[one.organisation_id].name, _stands(visit, one, last.get(one.id))) for one in shown],
        "more": f"/network/webhooks?after={shown[-1].id}" if len(found) > ROWS else "",
    }
    return Page("network/webhooks.html", visit.say("Told of what happens"), values)


def _stands(visit: Visit, one: Endpoint, last: datetime | None) -> tuple[str, str]:
    """How an address stands: in words, and the kind of its badge."""
    say, place = visit.say, visit.tree[one.organisation_id]
    if one.disabled_at is not None:
        return say("off since {moment}", moment=moment(say, place, one.disabled_at)), "bad"
    if one.failed_at is not None:
        since = moment(say, place, last if last is not None else one.made_at)
        return say("fails: nothing taken since {moment}", moment=since), "wait"
    return say("fine"), "good"


@AREA.get("/network/webhooks/<webhook>", Right.GIVE_KEYS)
def one_page(visit: Visit, row: Row[Any]) -> Answer:
    """One address: of what it is told, how it stands, what it answered last, and what may be done with it."""
    say = visit.say
    with visit.store.read() as connection:
        one = endpoints.by_id(connection, row.id)
        told = deliveries(connection, row.id, LAST)
        last = taken_last(connection, [row.id]).get(row.id)
    assert one is not None
    place = visit.tree[one.organisation_id]
    facts = [
        (say("Address"), one.host),
        (say("Where"), place.name),
        (say("It is told"), "; ".join(say(text) for event, text in EVENTS.items() if event in one.events)),
        (say("State"), _stands(visit, one, last)[0]),
        (say("Made"), say("{moment}, by {name}", moment=moment(say, place, one.made_at), name=one.made_by)),
    ]
    if one.disabled_because is not None:
        facts.append((say("Why it is off"), one.disabled_because))
    rows = [
        (
            say(EVENTS.get(Event(each.event), _TEST)),
            tuple(_state(say, each.state)),
            each.said or "—",
            moment(say, place, each.tried_at) if each.tried_at is not None else say("not tried yet"),
        )
        for each in told
    ]
    values = {"tabs": words.tabs(visit), "id": one.id, "facts": facts, "rows": rows, "is_on": one.disabled_at is None}
    return Page("network/webhook.html", one.host, values)


_TEST = mark("A test")


def _state(say: Callable[..., str], state: str) -> tuple[str, str]:
    text, kind = STATES[state]
    return say(text), kind


@AREA.post("/network/webhooks/<webhook>/test", Right.GIVE_KEYS, shown_by=one_page)
def test(visit: Visit, row: Row[Any]) -> Answer:
    """Send it a test event; what it answers stands on its page."""

    def act(unit: Unit) -> Done:
        tell_test(unit, row.id)
        return Done(f"/network/webhooks/{row.id}", visit.say("A test is on its way: look again in a moment."))

    return visit.do("webhook.tested", act, about=f"webhook:{row.id}", place=row.organisation_id)


@AREA.post("/network/webhooks/<webhook>/disable", Right.GIVE_KEYS, shown_by=one_page)
def disable(visit: Visit, row: Row[Any]) -> Answer:
    """From now on it is told nothing; what waits for it is given up."""

    def act(unit: Unit) -> Done:
        if not endpoints.disable(unit, row.id, f"disabled by {visit.who.name}"):
            raise BadWebhook(DISABLED)
        return Done("/network/webhooks", visit.say("Off: it is told nothing more."))

    return visit.do("webhook.disabled", act, about=f"webhook:{row.id}", place=row.organisation_id)


@AREA.post("/network/webhooks/<webhook>/rotate", Right.GIVE_KEYS, shown_by=one_page)
def rotate(visit: Visit, row: Row[Any]) -> Answer:
    """Give it a new secret, shown once; the one before signs along for a day."""
    made: list[str] = []
    where = f"/network/webhooks/{row.id}"

    def act(unit: Unit) -> Done:
        made.append(endpoints.rotate(unit, _keys(visit), row.id))
        return Done(where, visit.say("A secret was made and shown once. Where nobody has it, make another."))

    done = visit.do("webhook.rotated", act, about=f"webhook:{row.id}", place=row.organisation_id)
    return _once(visit, made[-1], where) if made else done


# --- a new one --------------------------------------------------------------------------------------------------------


@AREA.get("/network/webhooks/new", Right.GIVE_KEYS)
def new_page(visit: Visit) -> Answer:
    """Which address, for which organisation, and of what it is told."""
    say, places = visit.say, visit.places()
    own = next((one.code for one in places if one.id == visit.at.id), places[0].code)
    chosen = visit.sent.all("event")
    values = {
        "places": [(one.code, one.name) for one in places],
        "place": words.typed(visit, "organisation", own),
        "events": [(event.value, say(text), event.value in chosen) for event, text in EVENTS.items()],
        "most": LONGEST_URL,
    }
    return Page("network/webhook_new.html", say("New address to tell"), values)


@AREA.post("/network/webhooks/new", Right.GIVE_KEYS)
def new(visit: Visit) -> Answer:
    """Add an address; its secret is shown once."""
    place = visit.place("organisation")
    typed = visit.text("url", most=LONGEST_URL)
    try:
        url = endpoints.read_url(typed, private=visit.parts.settings.webhooks_to_private_addresses)
    except BadWebhook as wrong:
        raise Refused(wrong.said(visit.say), "url") from wrong
    sent = visit.sent.all("event")
    if not sent:
        raise Refused(visit.say("Choose at least one thing that it is told."))
    try:
        chosen = endpoints.read_events(sent)
    except BadWebhook as wrong:
        raise Refused(wrong.said(visit.say)) from wrong
    made: list[tuple[int, str]] = []

    def act(unit: Unit) -> Done:
        made.append(endpoints.add(unit, _keys(visit), place, url, chosen, visit.who.name))
        its_id = made[-1][0]
        return Done(
            f"/network/webhooks/{its_id}",
            visit.say("A secret was made and shown once. Where nobody has it, make another."),
            after={"events": sorted(chosen)},
            about=f"webhook:{its_id}",
        )

    done = visit.do("webhook.added", act, place=place.id)
    return _once(visit, made[-1][1], f"/network/webhooks/{made[-1][0]}") if made else done


def _once(visit: Visit, secret: str, where: str) -> Page:
    return Page("network/webhook_once.html", visit.say("Its secret"), {"secret": secret, "where": where})


def _keys(visit: Visit) -> Keys:
    return keys_of(visit.parts.settings.secret_key.get_secret_value())
