"""Who asked for their data and waits; which households' time is over; what is told, and how long who left is kept."""

from __future__ import annotations

from gateway.console.answers import Answer, Done, NotThere, Page
from gateway.console.doors import Area, Entrance
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.card import show_card
from gateway.locale import NAMES, mark
from gateway.membership.consents import TEXT_LETTERS, text_for, write_text
from gateway.privacy.asking import answered, data_requests
from gateway.privacy.erasing import asked_for, cards_of
from gateway.privacy.keeping import due_from, keep_for, keeping_times, time_for
from gateway.store.unit import Unit

AREA = Area("privacy", Entrance(mark("People's own data"), "/privacy", Right.ANSWER_PRIVACY))
A_PAGE = 50


@AREA.get("/privacy", Right.ANSWER_PRIVACY)
def page(visit: Visit) -> Answer:
    """What waits for an answer, what waits for a second person, what is due, and the rules."""
    return _page(visit)


def _page(visit: Visit) -> Page:
    say, at = visit.say, visit.at
    with visit.store.read() as connection:
        asked = data_requests(connection, at.path, limit=A_PAGE)
        waiting = asked_for(connection, at.path, A_PAGE)
        cards = cards_of(connection, waiting)
        over, on = due_from(connection, visit.tree, at.path, visit.now, after=_after(visit), limit=A_PAGE)
        time = time_for(keeping_times(connection), visit.tree, at.id)
        texts = [
            (NAMES.get(each, each), found.text, visit.tree[found.organisation_id].name)
            for each in at.languages
            if (found := text_for(connection, visit.tree, at.id, each)) is not None
        ]
    today = visit.today()
    values = {
        "asked": [(each, show_card(each.card), each.due_on < today) for each in asked],
        "waiting": [(each, say.card(cards[each])) for each in waiting],
        "over": [(each, show_card(each.card)) for each in over if each.household_id not in waiting],
        "more": f"/privacy?after={on}" if on is not None else "",
        "time": time,
        "texts": texts,
        "languages": [(each, NAMES.get(each, each)) for each in at.languages],
        "most": TEXT_LETTERS,
        "place": at,
    }
    return Page("privacy/requests.html", say("People's own data"), values)


def _after(visit: Visit) -> int:
    typed = visit.asked.get("after")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else 0


@AREA.post("/privacy/<number>/answered", Right.ANSWER_PRIVACY, shown_by=lambda visit, _: _page(visit))
def answer_it(visit: Visit, its_id: int) -> Answer:
    """A request was answered."""
    with visit.store.read() as connection:
        found = data_requests(connection, "/", every=True, only=its_id, limit=1)
    one = found[0] if found else None
    if one is None or not visit.may(Right.ANSWER_PRIVACY, one.organisation_id):
        raise NotThere

    def act(unit: Unit) -> Done:
        answered(unit, one.id, visit.who.name)
        return Done("/privacy", visit.say("Written down."))

    return visit.do("privacy.answered", act, about=f"household:{one.household_id}", place=one.organisation_id)


@AREA.post("/privacy/keep", Right.ANSWER_PRIVACY, shown_by=_page)
def keep(visit: Visit) -> Answer:
    """How many years who has left is kept, and by which law or decision."""
    place, years = visit.place("place"), visit.count("years", least=1, most=30)
    source = visit.text("source", most=120)

    def act(unit: Unit) -> Done:
        keep_for(unit, place.id, years, source, visit.who.name)
        return Done("/privacy", visit.say("Written down."), after={"years": years, "source": source})

    return visit.do("privacy.time", act, about=f"organisation:{place.id}", place=place.id)


@AREA.post("/privacy/text", Right.ANSWER_PRIVACY, shown_by=_page)
def text(visit: Visit) -> Answer:
    """What households are told when they register: a new version."""
    place = visit.place("place")
    language, written = visit.choice("language", place.languages), visit.text("text", most=TEXT_LETTERS)

    def act(unit: Unit) -> Done:
        version = write_text(unit, place.id, language, written, visit.who.name)
        return Done("/privacy", visit.say("Written down."), after={"version": version, "language": language})

    return visit.do("privacy.text", act, about=f"organisation:{place.id}", place=place.id)
