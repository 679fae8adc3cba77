"""A household's own data: what it agreed to, what is kept about it and given to it, and how it is made nameless.

Making it nameless takes two people: one asks, another does it. All of it is written down.
"""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.console.answers import Answer, Done, File, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.households.common import household_page
from gateway.console.pages.money.words import when
from gateway.console.person import Person
from gateway.console.rights import Right
from gateway.console.second_person import asked_it
from gateway.console.visit import Visit
from gateway.kernel.faults import Fault
from gateway.kernel.persons import same_person
from gateway.locale import NAMES, mark
from gateway.membership.consents import Agreed, consents_of, text_for, write_consent
from gateway.membership.households import Household
from gateway.membership.known import language_of
from gateway.privacy.asking import ask, data_requests
from gateway.privacy.erasing import Erasure, NotYet, ask_erasure, drop_erasure, erase, erasure_of, refuse
from gateway.privacy.kept import as_zip, kept_about
from gateway.store.unit import Unit

AREA = Area("household_privacy")
A_PAGE = 20
WAYS = {
    "ussd": mark("by USSD"),
    "sms": mark("by SMS"),
    "paper": mark("on paper"),
    "office": mark("in the office"),
    "import": mark("with a register from a file"),
    "api": mark("through another system"),
}


@AREA.get("/households/<household>/privacy", Right.SEE_HOUSEHOLDS)
def page(visit: Visit, one: Household) -> Answer:
    """What it agreed to, who asked for its data, and where it is with forgetting it."""
    return _page(visit, one)


def _page(visit: Visit, one: Household) -> Page:
    say = visit.say
    answers = visit.may(Right.ANSWER_PRIVACY, one.section_id)
    with visit.store.read() as connection:
        agreed = consents_of(connection, one.id, A_PAGE)
        language = language_of(connection, one.id) or visit.tree.books_of(one.section_id).languages[0]
        text = text_for(connection, visit.tree, one.section_id, language)
        asked = data_requests(connection, "/", every=True, household_id=one.id, limit=A_PAGE) if answers else []
        forgetting = erasure_of(connection, one.id)
        mine = forgetting is not None and _is_mine(connection, visit.who, one, forgetting)
        why = _why_not(connection, visit, one) if answers else ""
    state = forgetting.state if forgetting is not None else ""
    values = {
        "agreed": [
            (each.on, say("agreed") if each.given else say("took it back"), say(WAYS[each.way]),
             each.by or say("the household itself"),
             say("text {version}, {language}", version=each.version, language=NAMES.get(each.language, each.language))
             if each.version else say("no text was in force"))
            for each in agreed
        ],
        "text": text.text if text is not None else "",
        "may_agree": visit.may(Right.CHANGE_HOUSEHOLDS, one.section_id),
        "today": visit.today(one.section_id).isoformat(),
        "answers": answers,
        "asked": [
            (each.asked_by, each.checked, each.asked_on, each.due_on,
             when(visit, each.answered_at, one.section_id) if each.answered_at else "")
            for each in asked
        ],
        "state": state,
        "forgetting": forgetting,
        "mine": mine,
        "why": why,
    }  # fmt: skip
    return household_page(
        visit, one, "privacy/household.html", say("Own data of {name}", name=one.head), **values
    )  # fmt: skip


def _why_not(connection: Connection, visit: Visit, one: Household) -> str:
    try:
        refuse(connection, visit.tree, one, visit.now)
    except Fault as why:
        return why.said(visit.say)
    return ""


def _is_mine(connection: Connection, who: Person, one: Household, asked: Erasure) -> bool:
    """Is it the same person who asked: the same login, or the same name?"""
    return same_person(who.name, asked.asked_by) or asked_it(
        connection, who, "household.erasure_asked", f"household:{one.id}", asked.asked_at
    )


@AREA.post("/households/<household>/privacy/consent", Right.CHANGE_HOUSEHOLDS, shown_by=_page)
def agree(visit: Visit, one: Household) -> Answer:
    """Write down what a paper says, or that a household takes it back."""
    what = visit.choice("what", ("paper", "back"))
    on = visit.day("on")
    if on > visit.today(one.section_id):
        raise Refused(visit.say("This day lies ahead."), "on")

    def act(unit: Unit) -> Done:
        agreed = Agreed("paper" if what == "paper" else "office", visit.who.name)
        language = language_of(unit.connection, one.id)
        write_consent(unit, visit.tree, one.id, one.section_id, agreed, language, given=what == "paper", on=on)
        return Done(f"/households/{one.id}/privacy", visit.say("Written down."), after={"what": what, "day": on})

    return visit.do("privacy.consent", act, about=f"household:{one.id}", place=one.section_id)


@AREA.post("/households/<household>/privacy/request", Right.ANSWER_PRIVACY, shown_by=_page)
def ask_for_it(visit: Visit, one: Household) -> Answer:
    """Somebody asks what is kept: who, how it was made sure who they are, when."""
    asked_by, checked = visit.text("asked_by", most=80), visit.text("checked", most=120)
    on, today = visit.day("asked_on"), visit.today(one.section_id)

    def act(unit: Unit) -> Done:
        ask(unit, one.id, one.section_id, asked_by, checked, on, today, visit.who.name)
        return Done(f"/households/{one.id}/privacy", visit.say("Written down."), after={"day": on})

    return visit.do("privacy.asked", act, about=f"household:{one.id}", place=one.section_id)


@AREA.post("/households/<household>/privacy/data", Right.ANSWER_PRIVACY, shown_by=_page)
def data(visit: Visit, one: Household) -> Answer:
    """Everything that is kept, as an archive; that it was taken is written down first."""
    with visit.store.write() as unit:
        visit.trace(unit, "privacy.exported", about=f"household:{one.id}", place=one.section_id)
    with visit.store.read() as connection:
        kept = kept_about(connection, one.id)
    return File(f"data-{one.id}.zip", "application/zip", as_zip(kept, one.card, visit.now, visit.say))


@AREA.post("/households/<household>/privacy/forget", Right.ANSWER_PRIVACY, shown_by=_page)
def forget(visit: Visit, one: Household) -> Answer:
    """Ask that a household be made nameless."""

    def act(unit: Unit) -> Done:
        ask_erasure(unit, visit.tree, one, visit.who.name)
        return Done(f"/households/{one.id}/privacy", visit.say("Asked for. Another person has to do it."))

    return visit.do("household.erasure_asked", act, about=f"household:{one.id}", place=one.section_id)


@AREA.post("/households/<household>/privacy/drop", Right.ANSWER_PRIVACY, shown_by=_page)
def drop(visit: Visit, one: Household) -> Answer:
    """It isn't to be made nameless after all."""

    def act(unit: Unit) -> Done:
        if not drop_erasure(unit, one.id, visit.who.name):
            raise Refused(visit.say("Nobody has asked for it."))
        return Done(f"/households/{one.id}/privacy", visit.say("It stays as it is."))

    return visit.do("household.erasure_dropped", act, about=f"household:{one.id}", place=one.section_id)


@AREA.post("/households/<household>/privacy/erase", Right.ANSWER_PRIVACY, shown_by=_page)
def erase_it(visit: Visit, one: Household) -> Answer:
    """Make it nameless, as another person than the one who asked. It can't be undone."""

    def act(unit: Unit) -> Done:
        asked = erasure_of(unit.connection, one.id)
        if asked is not None and asked.state == "asked" and _is_mine(unit.connection, visit.who, one, asked):
            raise NotYet(mark("another person than {name} has to do it"), name=asked.asked_by)
        counts = erase(unit, visit.tree, one, visit.who.name)
        return Done(f"/households/{one.id}/privacy", visit.say("The household is nameless now."), after=dict(counts))

    return visit.do("household.erased", act, about=f"household:{one.id}", place=one.section_id)
