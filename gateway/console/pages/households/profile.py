"""One household: how it stands and stood, its money, its messages, its complaints and visits, its story."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from gateway.console.answers import Answer, Go, Page
from gateway.console.doors import Area
from gateway.console.pages.households.common import (
    BADGES,
    cover_in_words,
    household_page,
    person_in_words,
)
from gateway.console.pages.households.words import change_in_words, event_in_words, time_drawn
from gateway.console.pages.money.words import WAYS, state_of, when
from gateway.console.pages.reminders.words import BECAME, event_name, why
from gateway.console.rights import Right
from gateway.console.subjects import LedHere
from gateway.console.visit import Visit
from gateway.kernel.masking import mask_text
from gateway.kernel.money import Money
from gateway.kernel.msisdn import show_national
from gateway.ledger.accounts import ask_statement, read_statement
from gateway.ledger.registers import household_rows
from gateway.locale import NAMES, mark
from gateway.membership import pins
from gateway.membership.categories import history_of
from gateway.membership.family import roster
from gateway.membership.households import (
    Household,
    ask_enrolments,
    phones_of,
    read_enrolments,
    sms_stopped,
    standing_of,
)
from gateway.membership.known import (
    changes_of,
    language_of,
    old_cards_of,
    phones_ever,
    registered_at,
    requests_of,
    visits_of_household,
)
from gateway.membership.old_numbers import old_numbers_of
from gateway.membership.registers import RELATIONS
from gateway.membership.timeline import stretches
from gateway.payments.listing import Only, listed
from gateway.privacy.looking import looks_at
from gateway.sms.written import written_to
from gateway.store.schema import office_event
from gateway.store.together import together

AREA = Area("household_profile")
A_PAGE = 50
MOST_ROWS = 200  # of a household's account: some twenty years
_LOOKED_BACK, _LOOKED_AHEAD = timedelta(days=3 * 365), timedelta(days=400)
_PINS = {
    "none": mark("No PIN"),
    "first": mark("A PIN that the office gave; its holder chooses another at the first use"),
    "own": mark("A PIN of their own"),
}


@AREA.get("/households/<household>", Right.SEE_HOUSEHOLDS)
def profile(visit: Visit, one: Household) -> Answer:
    """How the household stands today and in time, who is covered, and how it is reached."""
    if isinstance(one, LedHere):
        note = visit.say("The household that you asked for was merged into this one.")
        return Go(f"/households/{one.id}", note)
    return _profile(visit, one)


def _profile(visit: Visit, one: Household, numbers: bool = False) -> Page:
    say, today = visit.say, visit.today(one.section_id)
    with visit.store.read() as connection:
        rows, lines = together(connection, ask_enrolments(one.id), ask_statement(one.id))
        years, money = read_enrolments(rows, one.time_zone), read_statement(lines)
        stands = standing_of(one, years, money, today)
        people = roster(connection, one.id)
        phones = phones_of(connection, one.id)
        stopped = {each.msisdn for each in phones if sms_stopped(connection, each.msisdn)}
        category = next(iter(history_of(connection, one.id)), None)
        cards = old_cards_of(connection, one.id)
        numbers_before = old_numbers_of(connection, one.id)
        language = language_of(connection, one.id)
        pin = pins.kept(connection, pins.of_household(one.id))
        since = registered_at(connection, one.id)
    last = max((each.last_day for each in years), default=today)
    time = stretches(
        years, money, today - _LOOKED_BACK, min(max(last + timedelta(days=45), today), today + _LOOKED_AHEAD)
    )
    values = {
        "words": cover_in_words(say, stands),
        "badge": BADGES[stands.cover.state],
        "stands": stands,
        "people": [
            (each, say(RELATIONS[each.relation]), *person_in_words(say, each, stands, today)) for each in people
        ],
        "years": [
            (each, say("left on {day}", day=each.membership.left_on) if each.membership.left_on else "")
            for each in reversed(years)
        ],
        "time": [(each, BADGES[each.state], each.first <= today <= each.last) for each in time],
        "drawn": time_drawn(time, today),
        "today": today,
        "phones": [
            (each.msisdn if numbers else visit.number(each.msisdn), each.main, each.msisdn in stopped)
            for each in phones
        ],
        "numbers": numbers,
        "facts": [
            (say("Registered on"), when(visit, since, one.section_id)),
            (say("Language"), NAMES.get(language, "") if language else say("The mutuelle's")),
            (say("Category"), (category.code if category is not None else None) or say("None")),
            (say("PIN"), say(_PINS[pin])),
            *((say("Old card"), say.card(each.card)) for each in cards),
            *((say("Old number"), each.written) for each in numbers_before),
        ],
        "may_change": visit.may(Right.CHANGE_HOUSEHOLDS, one.section_id),
        "may_unmask": visit.may(Right.UNMASK, one.section_id) and bool(phones) and not numbers,
        "may_print": visit.may(Right.EXPORT_HOUSEHOLDS, one.section_id),
        "may_take_cash": visit.may(Right.TAKE_CASH, one.section_id),
    }
    return household_page(visit, one, "households/one.html", one.head, **values)


@AREA.post("/households/<household>/numbers", Right.UNMASK, shown_by=_profile)
def numbers(visit: Visit, one: Household) -> Answer:
    """Whole phone numbers, on this answer alone; who saw them and why is written down first."""
    reason = visit.text("reason", most=120)
    with visit.store.write() as unit:
        visit.trace(
            unit, "household.unmasked", about=f"household:{one.id}", place=one.section_id, after={"reason": reason}
        )
    return _profile(visit, one, numbers=True)


@AREA.get("/households/<household>/money", Right.SEE_MONEY)
def money_page(visit: Visit, one: Household) -> Answer:
    """What is due and what was paid, line by line, and every collection that was asked for."""
    today = visit.today(one.section_id)
    with visit.store.read() as connection:
        rows, lines = together(connection, ask_enrolments(one.id), ask_statement(one.id))
        stands = standing_of(one, read_enrolments(rows, one.time_zone), read_statement(lines), today)
        account = household_rows(connection, one.id)
        asked = listed(connection, visit.tree, visit.tree[one.section_id], Only(household_id=one.id), limit=20)
    values = {
        "stands": stands,
        "account": [
            (row, Money(row.amount_minor, row.currency) if row.amount_minor > 0 else None,
             Money(-row.amount_minor, row.currency) if row.amount_minor < 0 else None,
             Money(row.balance_minor, row.currency))
            for row in reversed(account[-MOST_ROWS:])
        ],
        "cut": len(account) > MOST_ROWS,
        "asked": asked.rows,
        "more": asked.after is not None,
        "way": lambda key: visit.say(WAYS[key]),
        "state": state_of,
        "when": lambda at: when(visit, at, one.section_id),
        "may_take_cash": visit.may(Right.TAKE_CASH, one.section_id),
    }  # fmt: skip
    return household_page(visit, one, "households/money.html", visit.say("Money of {name}", name=one.head), **values)


@AREA.get("/households/<household>/messages", Right.SEE_HOUSEHOLDS)
def messages_page(visit: Visit, one: Household) -> Answer:
    """What was written to it by SMS, and what became of each."""
    say = visit.say
    with visit.store.read() as connection:
        ever = phones_ever(connection, one.id)
        rows = written_to(connection, one.id, ever, A_PAGE)

    def masked(text: str) -> str:
        for msisdn in ever:
            text = text.replace(show_national(msisdn), visit.number(msisdn)).replace(msisdn, visit.number(msisdn))
        return mask_text(text)

    values = {
        "rows": [
            (when(visit, row.at, one.section_id), event_name(say, row.event), visit.number(row.msisdn),
             masked(row.text), say(BECAME[row.state]), why(say, row.reason) if row.reason else "")
            for row in rows
        ],
        "cut": len(rows) == A_PAGE,
    }  # fmt: skip
    title = say("Messages to {name}", name=one.head)
    return household_page(visit, one, "households/messages.html", title, **values)


@AREA.get("/households/<household>/care", Right.SEE_REQUESTS)
def care_page(visit: Visit, one: Household) -> Answer:
    """What it complained of or asked for, and its visits to health facilities."""
    with visit.store.read() as connection:
        asked = requests_of(connection, visit.tree, one.id, one.section_id, A_PAGE)
        visits = visits_of_household(connection, one.id, A_PAGE)
    values = {
        "asked": [(when(visit, each.at, one.section_id), each) for each in asked],
        "visits": visits,
    }
    title = visit.say("Complaints and visits of {name}", name=one.head)
    return household_page(visit, one, "households/care.html", title, **values)


@AREA.get("/households/<household>/story", Right.SEE_HOUSEHOLDS)
def story_page(visit: Visit, one: Household) -> Answer:
    """What changed about it and who told so; and for who may see that, what was done about it in the office."""
    typed = visit.asked.get("before")
    before = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else None
    with visit.store.read() as connection:
        changes = changes_of(connection, one.id, A_PAGE, before)
        sees = visit.may(Right.SEE_EVENTS, one.section_id) and before is None
        done = _events(connection, one.id) if sees else []
        looks = looks_at(connection, one.id, A_PAGE) if sees else []
        since = registered_at(connection, one.id)
    values = {
        "changes": [(when(visit, each.at, one.section_id), each, change_in_words(visit, each)) for each in changes],
        "more": f"/households/{one.id}/story?before={changes[-1].id}" if len(changes) == A_PAGE else "",
        "done": [(when(visit, at, one.section_id), event_in_words(visit.say, what), by) for at, what, by in done],
        "looks": [(when(visit, each.hour, one.section_id), each.by) for each in looks],
        "registered": when(visit, since, one.section_id),
        "asked_from": lambda each: visit.number(each.asked_from) if each.asked_from else "",
    }
    title = visit.say("Story of {name}", name=one.head)
    return household_page(visit, one, "households/story.html", title, **values)


def _events(connection: Connection, household_id: int) -> list[tuple[datetime, str, str]]:
    rows = connection.execute(
        select(office_event.c.at, office_event.c.what, office_event.c.by_name)
        .where(office_event.c.about == f"household:{household_id}")
        .order_by(office_event.c.id.desc())
        .limit(A_PAGE)
    )
    return [(row.at, row.what, row.by_name) for row in rows]
