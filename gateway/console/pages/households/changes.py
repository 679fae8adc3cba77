"""What can be changed about a household, on one page; its phones, language, category, year, PIN, and that it leaves."""

from __future__ import annotations

from functools import partial

from gateway.console.answers import Answer, Done, Refused
from gateway.console.doors import Area
from gateway.console.pages.households.common import (
    by_of,
    household_page,
    options,
    refused_day,
    tell_household,
    tried_out,
)
from gateway.console.pages.households.forms import Field, form_page, is_sure, sure_page
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.locale import NAMES, mark
from gateway.membership import family, pins
from gateway.membership.categories import REASON_CHARACTERS, categories_for, history_of, put_into
from gateway.membership.changes import write_change
from gateway.membership.correcting import choose_household_language, choose_main_phone, refuse_merged
from gateway.membership.households import (
    Household,
    Phone,
    add_phone,
    drop_phone,
    main_phones,
    phones_of,
    standing,
)
from gateway.membership.known import language_of
from gateway.membership.leaving import LeavesWhole, Left, leave
from gateway.membership.renewal import offers_for, renew
from gateway.sms import notices
from gateway.sms.failing import forgive_if_counted
from gateway.store.unit import Unit

AREA = Area("household_changes")
_LEAVES = {"departure": mark("They moved away, or leave the mutuelle"), "death": mark("Death")}
_MENU = (
    (mark("Who is on the card"), (
        ("add", mark("Add somebody")),
        ("remove", mark("Take somebody off the card")),
        ("head", mark("A new head")),
        ("correct", mark("Correct a name, a sex or a year of birth")),
    )),
    (mark("How it is reached"), (
        ("phones", mark("Phones")),
        ("language", mark("Language of its SMS")),
        ("pin", mark("Take its PIN away")),
    )),
    (mark("Its membership"), (
        ("renew", mark("Renew for a new year")),
        ("category", mark("Category")),
        ("leave", mark("The household leaves")),
    )),
    (mark("Its card"), (
        ("merge", mark("Merge another household into this one")),
        ("unmerge", mark("Undo a merge")),
        ("split", mark("Give some people a card of their own")),
        ("move", mark("Move to another section")),
    )),
)  # fmt: skip


@AREA.get("/households/<household>/change", Right.CHANGE_HOUSEHOLDS)
def change_page(visit: Visit, one: Household) -> Answer:
    """Everything that can be changed."""
    say = visit.say
    menu = [(say(name), [(to, say(text)) for to, text in links]) for name, links in _MENU]
    return household_page(visit, one, "households/change.html", say("Change something"), choices=menu)


# --- phones -----------------------------------------------------------------------------------------------------------


@AREA.get("/households/<household>/phones", Right.CHANGE_HOUSEHOLDS)
def phones_page(visit: Visit, one: Household) -> Answer:
    """Its phones: one more, one less, or another for the receipts."""
    with visit.store.read() as connection:
        its = phones_of(connection, one.id)
    rows = [(_named(visit, place, each), visit.number(each.msisdn), each.main) for place, each in enumerate(its)]
    return household_page(visit, one, "households/phones.html", visit.say("Phones"), rows=rows)


def _named(visit: Visit, place: int, each: Phone) -> str:
    """What stands for a phone in the page: not its number."""
    return f"{place}:{visit.number(each.msisdn)}"


@AREA.post("/households/<household>/phones", Right.CHANGE_HOUSEHOLDS)
def add_its_phone(visit: Visit, one: Household) -> Answer:
    """One more phone, which is told of it, as the household's others are."""
    say, country = visit.say, visit.tree[one.section_id].country
    msisdn = visit.msisdn("phone", country)

    def act(unit: Unit) -> Done:
        refuse_merged(unit, one)
        first = not main_phones(unit.connection, one.id)
        added = add_phone(unit, one.id, msisdn, by_of(visit, one.section_id), main=first)
        if not added:
            raise Refused(say("This phone is theirs already."), "phone")
        forgive_if_counted(unit, msisdn)
        tell_household(unit, visit, "phone", one, partial(notices.phone_added, phone=msisdn))
        note = say("The phone {number} is theirs now.", number=visit.number(msisdn))
        return Done(f"/households/{one.id}/phones", note, after={"phone": visit.number(msisdn), "main": first})

    return visit.do("household.phone_added", act, about=f"household:{one.id}", place=one.section_id)


def _chosen_phone(visit: Visit, unit: Unit, one: Household) -> Phone:
    its = phones_of(unit.connection, one.id)
    named = visit.sent.get("which")
    found = next((each for place, each in enumerate(its) if _named(visit, place, each) == named), None)
    if found is None:
        raise Refused(visit.say("Its phones have changed meanwhile: look again."))
    return found


@AREA.post("/households/<household>/phones/remove", Right.CHANGE_HOUSEHOLDS, shown_by=phones_page)
def remove_its_phone(visit: Visit, one: Household) -> Answer:
    """One phone less."""

    def act(unit: Unit) -> Done:
        refuse_merged(unit, one)
        gone = _chosen_phone(visit, unit, one)
        drop_phone(unit, one.id, gone.msisdn, by_of(visit, one.section_id))
        note = visit.say("The phone {number} is removed.", number=visit.number(gone.msisdn))
        return Done(f"/households/{one.id}/phones", note, before={"phone": visit.number(gone.msisdn)})

    return visit.do("household.phone_removed", act, about=f"household:{one.id}", place=one.section_id)


@AREA.post("/households/<household>/phones/main", Right.CHANGE_HOUSEHOLDS, shown_by=phones_page)
def choose_its_main_phone(visit: Visit, one: Household) -> Answer:
    """Receipts go to this one from now on."""

    def act(unit: Unit) -> Done:
        chosen = _chosen_phone(visit, unit, one)
        before = [visit.number(each) for each in main_phones(unit.connection, one.id)]
        choose_main_phone(unit, one, chosen.msisdn, by_of(visit, one.section_id))
        note = visit.say("Receipts go to {number} now.", number=visit.number(chosen.msisdn))
        after = {"main": [visit.number(chosen.msisdn)]}
        return Done(f"/households/{one.id}/phones", note, before={"main": before}, after=after)

    return visit.do("household.phone_main", act, about=f"household:{one.id}", place=one.section_id)


# --- language, category, PIN ------------------------------------------------------------------------------------------


@AREA.get("/households/<household>/language", Right.CHANGE_HOUSEHOLDS)
def language_page(visit: Visit, one: Household) -> Answer:
    """In which language it is written to."""
    say = visit.say
    with visit.store.read() as connection:
        now = language_of(connection, one.id)
    spoken = visit.tree.books_of(one.section_id).languages
    words = [(code, NAMES[code]) for code in spoken if code in NAMES]
    fields = [Field("radios", "language", say("Language"), words, value=now or spoken[0])]
    intro = [say("Whoever chose another language on their own phone keeps it for calls.")]
    return form_page(visit, one, say("Language of its SMS"), "language", fields, say("Keep it"), intro=intro)


@AREA.post("/households/<household>/language", Right.CHANGE_HOUSEHOLDS)
def language(visit: Visit, one: Household) -> Answer:
    """Keep the language."""
    chosen = visit.choice("language", list(visit.tree.books_of(one.section_id).languages))

    def act(unit: Unit) -> Done:
        before = choose_household_language(unit, one, chosen, by_of(visit, one.section_id))
        note = visit.say("It is written to in {language}.", language=NAMES[chosen])
        return Done(f"/households/{one.id}", note, before={"language": before}, after={"language": chosen})

    return visit.do("household.language", act, about=f"household:{one.id}", place=one.section_id)


@AREA.get("/households/<household>/category", Right.CHANGE_HOUSEHOLDS)
def category_page(visit: Visit, one: Household) -> Answer:
    """Its category, and those it was in."""
    say = visit.say
    with visit.store.read() as connection:
        known = categories_for(connection, visit.tree, one.section_id)
        history = history_of(connection, one.id)
    now = history[0].code if history else None
    words = [*((each.code, each.name) for each in known), ("-", say("No category"))]
    fields = [
        Field("radios", "category", say("Category"), words, value=now or "-"),
        Field("area", "reason", say("Why"), most=REASON_CHARACTERS),
    ]
    intro = [say("What is due already doesn't change: the next enrolment takes the new category.")]
    intro += [
        say("Since {day}: {category}, by {name}: {reason}", day=each.since, category=each.code or say("No category"),
            name=each.by_name, reason=each.reason)
        for each in history[:5]
    ]  # fmt: skip
    warning = "" if known else say("This mutuelle has no categories.")
    return form_page(visit, one, say("Category"), "category", fields, say("Keep it"), intro=intro, warning=warning)


@AREA.post("/households/<household>/category", Right.CHANGE_HOUSEHOLDS)
def category(visit: Visit, one: Household) -> Answer:
    """Put it into the category from today on."""
    with visit.store.read() as connection:
        known = categories_for(connection, visit.tree, one.section_id)
    chosen = visit.choice("category", [*(each.code for each in known), "-"])
    reason = visit.text("reason", most=REASON_CHARACTERS)

    def act(unit: Unit) -> Done:
        refuse_merged(unit, one)
        before = history_of(unit.connection, one.id)
        code = None if chosen == "-" else chosen
        put_into(unit, visit.tree, one.id, code, None, visit.who.name, reason)
        was = {"category": before[0].code if before else None}
        note = visit.say("The category is kept.")
        return Done(f"/households/{one.id}", note, before=was, after={"category": code, "reason": reason})

    return visit.do("household.category", act, about=f"household:{one.id}", place=one.section_id)


@AREA.get("/households/<household>/pin", Right.CHANGE_HOUSEHOLDS)
def pin_page(visit: Visit, one: Household) -> Answer:
    """Whoever has forgotten the PIN is helped: it is taken away, and another can be chosen by phone."""
    say = visit.say
    warning = "" if one.pin else say("This household has no PIN.")
    intro = [
        say("Be sure that it is the family who asks. Its phones are told by SMS, and may choose another PIN."),
        say("Wrong PINs that were typed on its phones are forgotten too."),
    ]
    title = say("Take its PIN away")
    return form_page(visit, one, title, "pin", [], say("Take it away"), intro=intro, warning=warning, kind="danger")


@AREA.post("/households/<household>/pin", Right.CHANGE_HOUSEHOLDS)
def forget_pin(visit: Visit, one: Household) -> Answer:
    """Take it away."""

    def act(unit: Unit) -> Done:
        refuse_merged(unit, one)
        if not pins.drop(unit, pins.of_household(one.id)):
            raise Refused(visit.say("This household has no PIN."))
        for msisdn in main_phones(unit.connection, one.id):
            pins.forgive_phone(unit, msisdn)
        write_change(unit, one.id, "pin-removed", by_of(visit, one.section_id))
        tell_household(unit, visit, "pin", one, notices.pin_removed)
        return Done(
            f"/households/{one.id}", visit.say("The PIN is taken away."), before={"pin": True}, after={"pin": False}
        )

    return visit.do("household.pin_removed", act, about=f"household:{one.id}", place=one.section_id)


# --- years ------------------------------------------------------------------------------------------------------------


@AREA.get("/households/<household>/renew", Right.CHANGE_HOUSEHOLDS)
def renew_page(visit: Visit, one: Household) -> Answer:
    """The year that it can be enrolled for, and what each plan costs."""
    say = visit.say
    with visit.store.read() as connection:
        offers = offers_for(connection, visit.tree, one, visit.today(one.section_id))
    title, button = say("Renew for a new year"), say("Renew")
    if not offers:
        warning = say("It can't be renewed now: it is enrolled already, it is too early, or no plan is open.")
        return form_page(visit, one, title, "renew", [], button, warning=warning)
    words = [
        (
            str(each.plan.id),
            say("{plan}, {first_day} to {last_day}: {total}, of which {first} at once", plan=each.plan.name,
                first_day=each.starts_on, last_day=each.ends_on, total=each.total, first=each.first),
        )
        for each in offers
    ]  # fmt: skip
    fields = [Field("radios", "plan", say("Plan"), words, value=words[0][0])]
    counted = say.many("{count} person on the card is counted.", "{count} people on the card are counted.",
                       offers[0].people)  # fmt: skip
    intro = [counted, say("If somebody joined or left, change that first.")]
    if offers[0].advance:
        intro.append(say("Paid in advance, and used up by it: {amount}.", amount=offers[0].advance))
    return form_page(visit, one, title, "renew", fields, button, intro=intro)


@AREA.post("/households/<household>/renew", Right.CHANGE_HOUSEHOLDS)
def renew_year(visit: Visit, one: Household) -> Answer:
    """Enrol it for the year."""
    say, chosen = visit.say, visit.sent.get("plan")
    if not chosen.isascii() or not chosen.isdigit() or len(chosen) > 18:
        raise Refused(say("Choose one of the list."), "plan")

    def act(unit: Unit) -> Done:
        refuse_merged(unit, one)
        made = renew(
            unit, visit.tree, visit.parts.services.chart, one, int(chosen), by_of(visit, one.section_id)
        )  # fmt: skip
        if made is None:
            raise Refused(say("This plan isn't open any more."), "plan")
        if made.known:
            return Done(f"/households/{one.id}", say("It was renewed already, from {day}.", day=made.starts_on))
        write = partial(notices.renewed, starts_on=made.starts_on, total=made.total, first=made.first)
        tell_household(unit, visit, "renewed", one, write)
        note = say("Renewed from {day}. To pay now: {amount}.", day=made.starts_on, amount=made.first)
        after = {"from": made.starts_on, "total": made.total, "plan": int(chosen)}
        return Done(f"/households/{one.id}", note, after=after)

    return visit.do("household.renewed", act, about=f"household:{one.id}", place=one.section_id)


@AREA.get("/households/<household>/leave", Right.CHANGE_HOUSEHOLDS)
def leave_page(visit: Visit, one: Household) -> Answer:
    """The whole household leaves the mutuelle."""
    say, today = visit.say, visit.today(one.section_id)
    fields = [
        Field("radios", "because", say("What happened"), options(visit, _LEAVES)),
        Field("text", "day", say("Their last day"), type="date", value=today.isoformat()),
    ]
    intro = [say("Cover ends on that day. What falls due later is cancelled; what was due by then stays due.")]
    title = say("The household leaves")
    return form_page(visit, one, title, "leave", fields, say("See what it does"), intro=intro)


@AREA.post("/households/<household>/leave", Right.CHANGE_HOUSEHOLDS)
def leave_mutuelle(visit: Visit, one: Household) -> Answer:
    """What it does to what is due first, then the leaving itself."""
    say = visit.say
    because: LeavesWhole = visit.choice("because", tuple(_LEAVES))  # type: ignore[assignment]
    day = visit.day("day")

    def left(unit: Unit) -> Left:
        refuse_merged(unit, one)
        try:
            return leave(
                unit, visit.tree, visit.parts.services.chart, one, day, because, by_of(visit, one.section_id)
            )  # fmt: skip
        except family.Refused as why:
            raise refused_day(visit, why) from why

    if not is_sure(visit):

        def tried(unit: Unit) -> tuple[Left, object]:
            done = left(unit)
            return done, standing(unit.connection, one, visit.today(one.section_id)).left

        would, owed = tried_out(visit, tried)
        facts: list[tuple[str, object]] = [
            (say("Their last day"), say.show(day)),
            (say("No longer due"), say.show(would.cancelled)),
            (say("Still to pay"), say.show(owed)),
            (say("Paid too much"), say.show(would.advance)),
        ]
        title = say("Does {name} leave?", name=one.head)
        return sure_page(visit, one, title, "leave", facts, say("They leave"), kind="danger")

    def act(unit: Unit) -> Done:
        done = left(unit)
        note = say("They have left. No longer due: {amount}.", amount=done.cancelled)
        after = {"last_day": day, "because": because, "cancelled": done.cancelled, "advance": done.advance}
        return Done(f"/households/{one.id}", note, after=after)

    return visit.do("household.left", act, about=f"household:{one.id}", place=one.section_id)
