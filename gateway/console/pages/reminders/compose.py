"""A campaign or news is put together: whom it is for, in which words, at what cost; kept as a draft, changed as one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import LARGEST_FORM, Area
from gateway.console.pages.reminders import words
from gateway.console.pages.reminders.campaigns import budget_typed, preview_values, tabs
from gateway.console.pages.reminders.texts import own_said
from gateway.console.rights import Right
from gateway.console.visit import Upload, Visit
from gateway.kernel.faults import Fault
from gateway.locale import NAMES, Say
from gateway.network.organisations import Organisation
from gateway.payments.statements.lists import read_table
from gateway.sms.campaigns import keeping
from gateway.sms.campaigns.keeping import TITLE_CHARACTERS, Campaign, Draft, Kind
from gateway.sms.campaigns.letters import values_of_place
from gateway.sms.campaigns.lists import MOST_PARTS, Checked, check_list, keep_list
from gateway.sms.campaigns.preview import Preview
from gateway.sms.campaigns.states import State
from gateway.sms.campaigns.who import Who
from gateway.sms.gsm7 import fold
from gateway.sms.templates.checking import check, letters
from gateway.sms.templates.events import EVENTS, Event, Setting
from gateway.sms.templates.kept import words_in_all_languages
from gateway.sms.templates.placeholders import LONGEST_TEMPLATE
from gateway.store.schema import category, plan
from gateway.store.unit import Unit

AREA = Area("reminders_compose")
# The events whose words a campaign may say.
SAYABLE = ("reminder_before", "reminder_due", "reminder_after", "renewal", "campaign")
MOST_CODES = 60  # categories or plans that are offered
LARGEST_FILE = 5 * 1024 * 1024
SHOWN_ROWS = 50  # wrong rows of a file that are told of


@dataclass(frozen=True)
class Typed:
    """What stands in the form: as a draft has it, or as it was sent."""

    title: str = ""
    under: str = ""
    states: Sequence[str] = ()
    owing: bool = False
    overdue: str = ""
    due_on: str = ""
    not_renewed: bool = False
    categories: Sequence[str] = ()
    plans: Sequence[str] = ()
    languages: Sequence[str] = ()
    words: str = "own"
    texts: Mapping[str, str] = field(default_factory=dict)
    budget: str = ""


def _typed(visit: Visit) -> Typed:
    """What was sent."""
    sent = visit.sent
    return Typed(
        sent.get("title"),
        sent.get("under"),
        sent.all("cover"),
        "owing" in sent,
        sent.get("overdue"),
        sent.get("due_on"),
        "not_renewed" in sent,
        sent.all("category"),
        sent.all("plan"),
        sent.all("language"),
        sent.get("words"),
        {language: sent.get(f"text_{language}") for language in NAMES},
        sent.get("budget"),
    )


def _kept(one: Campaign) -> Typed:
    """What a draft has."""
    who = one.who
    budget = words.cost(Say("en"), one.budget_e4, one.currency) if one.budget_e4 is not None else ""
    return Typed(
        one.title,
        who.under,
        who.states,
        who.owing,
        "" if who.overdue_days is None else str(who.overdue_days),
        who.due_on.isoformat() if who.due_on is not None else "",
        who.not_renewed,
        who.categories,
        who.plans,
        who.languages,
        "own",
        one.texts,
        "".join(each for each in budget if each.isdigit() or each == "."),
    )


# --- new, or changed --------------------------------------------------------------------------------------------------


@AREA.get("/reminders/new", Right.SEND_REMINDERS)
def new_page(visit: Visit) -> Answer:
    """A campaign to households."""
    return _page(visit, "reminder", "/reminders/new", _typed(visit) if visit.sent.fields else Typed())


@AREA.post("/reminders/new", Right.SEND_REMINDERS)
def new(visit: Visit) -> Answer:
    """Look what it would be, or keep it as a draft."""
    return _look_or_keep(visit, "reminder", "/reminders/new")


@AREA.get("/reminders/news", Right.SEND_REMINDERS)
def news_page(visit: Visit) -> Answer:
    """News, to those who asked for them."""
    return _page(visit, "news", "/reminders/news", _typed(visit) if visit.sent.fields else Typed())


@AREA.post("/reminders/news", Right.SEND_REMINDERS)
def news(visit: Visit) -> Answer:
    """Look what they would be, or keep them as a draft."""
    return _look_or_keep(visit, "news", "/reminders/news")


@AREA.get("/reminders/campaigns/<campaign>/edit", Right.SEND_REMINDERS)
def edit_page(visit: Visit, row: Row[Any]) -> Answer:
    """A draft, as long as nobody has started it."""
    with visit.store.read() as connection:
        one = keeping.by_id(connection, row.id)
    assert one is not None
    typed = _typed(visit) if visit.sent.fields else _kept(one)
    return _page(visit, one.kind, f"/reminders/campaigns/{one.id}/edit", typed, one=one)


@AREA.post("/reminders/campaigns/<campaign>/edit", Right.SEND_REMINDERS)
def edit(visit: Visit, row: Row[Any]) -> Answer:
    """Look what it would be, or keep it as it is now."""
    with visit.store.read() as connection:
        one = keeping.by_id(connection, row.id)
    assert one is not None
    return _look_or_keep(visit, one.kind, f"/reminders/campaigns/{one.id}/edit", one)


def _look_or_keep(visit: Visit, kind: Kind, to: str, one: Campaign | None = None) -> Answer:
    draft = _draft(visit, kind, one)
    if visit.sent.get("do") != "keep":
        try:
            found = None if kind == "list" else words.look(visit, keeping.unsaved(visit.tree, draft, visit.now))
        except Fault as fault:
            raise Refused(fault.said(visit.say)) from None
        return _page(visit, kind, to, _typed(visit), one=one, draft=draft, found=found)

    def act(unit: Unit) -> Done:
        if one is None:
            its_id = keeping.create(unit, visit.tree, draft)
            note = visit.say("It is kept as a draft: nobody is written to before you start it.")
            before = None
        else:
            its_id, note = one.id, visit.say("It is changed. Look at it once more before you start it.")
            keeping.rewrite(unit, visit.tree, its_id, draft)
            before = {"title": one.title, "who": one.who.as_json(), "texts": one.texts, "budget_e4": one.budget_e4}
        after = {"title": draft.title, "who": draft.who.as_json(), "texts": draft.texts, "budget_e4": draft.budget_e4}
        return Done(f"/reminders/campaigns/{its_id}", note, before, after, about=f"campaign:{its_id}")

    return visit.do("campaign.made" if one is None else "campaign.changed", act, place=draft.organisation_id)


def _draft(visit: Visit, kind: Kind, one: Campaign | None) -> Draft:
    """What was typed, checked; raises :class:`Refused` by its field."""
    title = visit.text("title", most=TITLE_CHARACTERS)
    if one is not None and kind == "list":
        return Draft(
            "list", one.organisation_id, title, one.who, one.texts, visit.who.name, budget_typed(visit, one.currency)
        )
    under = visit.place("under")
    place = visit.tree[one.organisation_id] if one is not None else writer(visit, under)
    with visit.store.read() as connection:
        who = Who(under.code) if kind == "news" else _who(visit, connection, under)
        texts = _texts(visit, connection, kind, place)
    return Draft(kind, place.id, title, who, texts, visit.who.name, budget_typed(visit, place.currency))


def writer(visit: Visit, under: Organisation) -> Organisation:
    """Who writes to the households of an organisation: its mutuelle, where they may act for it."""
    books = visit.tree.books_of(under.id)
    return books if visit.may(Right.SEND_REMINDERS, books.id) else under


def _who(visit: Visit, connection: Connection, under: Organisation) -> Who:
    sent = visit.sent
    categories, plans = _codes(connection, visit, category), _codes(connection, visit, plan)
    due_on: date | None = visit.day("due_on") if sent.get("due_on") else None
    try:
        return Who(
            under.code,
            tuple(each for each in words.COVERS if each in sent.all("cover")),
            "owing" in sent,
            visit.count("overdue", least=0, most=3650) if sent.get("overdue") else None,
            tuple(code for code, _ in categories if code in sent.all("category")),
            tuple(code for code, _ in plans if code in sent.all("plan")),
            tuple(each for each in NAMES if each in sent.all("language")),
            "not_renewed" in sent,
            due_on,
        )
    except Fault as fault:
        raise Refused(fault.said(visit.say)) from None


def _texts(visit: Visit, connection: Connection, kind: Kind, place: Organisation) -> dict[str, str]:
    event = EVENTS["news" if kind == "news" else "campaign"]
    chosen = visit.choice("words", ("own", *_sayable(kind)))
    if chosen != "own":
        said = words_in_all_languages(connection, visit.tree, place, chosen)
        if not said:
            raise Refused(visit.say("Nothing is said of this yet: write it in “Our texts”, or here."), "words")
        return said
    texts = {}
    for language in NAMES:
        typed = visit.text(f"text_{language}", most=LONGEST_TEMPLATE, needed=False)
        if typed:
            try:
                texts[language] = check(event, typed, Setting(language, place.name, (place.currency,))).text
            except Fault as fault:
                raise Refused(own_said(visit, fault), f"text_{language}") from None
    if not texts:
        raise Refused(visit.say("Write the text in one language at least."), f"text_{visit.at.languages[0]}")
    return texts


def _sayable(kind: Kind) -> tuple[str, ...]:
    return ("news",) if kind == "news" else SAYABLE


def _codes(connection: Connection, visit: Visit, table: Any) -> list[tuple[str, str]]:
    """The codes and names of categories or plans that may be meant below, at or above where the page is."""
    rows = connection.execute(select(table.c.organisation_id, table.c.code, table.c.name).distinct())
    found: dict[str, str] = {}
    for row in rows:
        at = visit.tree[row.organisation_id]
        if at.under(visit.at) or visit.at.under(at):
            found.setdefault(row.code, row.name)
    return sorted(found.items())[:MOST_CODES]


def _page(
    visit: Visit,
    kind: Kind,
    to: str,
    typed: Typed,
    *,
    one: Campaign | None = None,
    draft: Draft | None = None,
    found: Preview | None = None,
) -> Page:
    say = visit.say
    place = visit.tree[one.organisation_id] if one is not None else visit.at
    event = EVENTS["news" if kind == "news" else "campaign"]
    with visit.store.read() as connection:
        categories = _codes(connection, visit, category) if kind == "reminder" else []
        plans = _codes(connection, visit, plan) if kind == "reminder" else []
    places = [each for each in words.offered(visit) if one is None or visit.tree.named(each[0]).under(place)]
    if one is not None and one.who.under not in dict(places):
        places.insert(0, (one.who.under, visit.tree.named(one.who.under).name))
    languages = list(dict.fromkeys((*place.languages, *(each for each, text in typed.texts.items() if text))))
    titles = {"news": say("News"), "reminder": say("New campaign"), "list": say("List of numbers")}
    values = {
        "tabs": tabs(visit),
        "to": to,
        "kind": kind,
        "one": one,
        "typed": typed,
        "places": places,
        "under": typed.under or visit.at.code,
        "covers": [(key, say(text), key in typed.states) for key, text in words.COVERS.items()],
        "categories": [(code, name, code in typed.categories) for code, name in categories],
        "plans": [(code, name, code in typed.plans) for code, name in plans],
        "spoken": [(each, words.language_name(each), each in typed.languages) for each in place.languages],
        "words_of": [("own", say("Words of our own, written below"))]
        + [(each, words.event_name(say, each)) for each in _sayable(kind)],
        "texts": [
            (each, words.language_name(each), typed.texts.get(each, ""), samples(event, each, place))
            for each in languages
        ],
        "placeholders": [(f"{{{each.name}}}", say(each.meaning)) for each in event.placeholders],
        "currency": place.currency,
        "seen": _seen(visit, draft, found),
        "open": one is None or one.state is State.DRAFT,
    }
    title = titles[kind] if one is None else say("Change: {title}", title=one.title)
    return Page("reminders/compose.html", title, values)


def _seen(visit: Visit, draft: Draft | None, found: Preview | None) -> dict[str, Any] | None:
    """What the check found: whom, at what cost, on which phones; and letters that are written otherwise."""
    if draft is None or found is None:
        return None
    one = keeping.unsaved(visit.tree, draft, visit.now)
    return {
        "preview": preview_values(visit, one, found),
        "whom": words.whom(visit, one),
        "folded": folded(visit.sent.get(f"text_{each}") for each in NAMES),
    }


def folded(texts: Any) -> list[tuple[str, str]]:
    """The letters of some texts that are written otherwise, or left out, since each would double the cost."""
    found: dict[str, str] = {}
    for text in texts:
        otherwise, left_out = letters(text)
        found |= dict(otherwise) | dict.fromkeys(left_out, "")
    return sorted(found.items())


def samples(event: Event, language: str, place: Organisation) -> str:
    """What placeholders may stand for, for whoever counts letters while they are typed."""
    setting = Setting(language, place.name, (place.currency,))
    return json.dumps({name: fold(setting.say.show(value)) for name, value in event.example(setting).items()})


# --- from a file ------------------------------------------------------------------------------------------------------


@AREA.get("/reminders/file", Right.SEND_REMINDERS)
def file_page(visit: Visit, wrong: Checked | None = None) -> Answer:
    """A campaign to the numbers of a spreadsheet."""
    place = visit.at
    values = {
        "tabs": tabs(visit),
        "places": words.offered(visit),
        "under": visit.at.code,
        "languages": [(each, words.language_name(each)) for each in place.languages],
        "most_parts": MOST_PARTS,
        "wrong": [(each.row, each.fault.said(visit.say)) for each in wrong.wrong[:SHOWN_ROWS]] if wrong else [],
        "wrong_in_all": len(wrong.wrong) if wrong else 0,
        "good": len(wrong.rows) if wrong else 0,
        "example": wrong.rows[0].text if wrong and wrong.rows else "",
        "samples": json.dumps({}),
    }
    return Page("reminders/file.html", visit.say("Campaign from a file"), values, 422 if wrong else 200)


@AREA.post("/reminders/file", Right.SEND_REMINDERS, largest=LARGEST_FILE + LARGEST_FORM)
def from_file(visit: Visit) -> Answer:
    """Check every row and keep the list as a draft; nothing while a row is wrong, unless those are left out."""
    upload = visit.upload("file")
    if len(upload.content) > LARGEST_FILE:
        raise Refused(visit.say("The file is larger than 5 MB: divide it."), "file")
    under = visit.place("under")
    place = writer(visit, under)
    language = visit.choice("language", tuple(NAMES))
    text = visit.text("text", most=LONGEST_TEMPLATE)
    title = visit.text("title", most=TITLE_CHARACTERS, needed=False) or Path(upload.name).stem[:TITLE_CHARACTERS]
    column = visit.text("column", most=60, needed=False) or None
    try:
        checked = _read(visit, upload, column, text, language, place)
    except Fault as fault:
        raise Refused(fault.said(visit.say), "file") from None
    if checked.wrong and not (checked.rows and "without_wrong" in visit.sent):
        shown: Answer = file_page(visit, checked)
        return shown

    def act(unit: Unit) -> Done:
        its_id = keep_list(unit, visit.tree, place.id, title or "list", text, language, checked.rows, visit.who.name)
        note = visit.say.many(
            "{count} number is kept as a draft: nobody is written to before you start it.",
            "{count} numbers are kept as a draft: nobody is written to before you start it.",
            len(checked.rows),
        )
        after = {"numbers": len(checked.rows), "left_out": len(checked.wrong)}
        return Done(f"/reminders/campaigns/{its_id}", note, after=after, about=f"campaign:{its_id}")

    return visit.do("campaign.listed", act, place=place.id)


def _read(visit: Visit, upload: Upload, column: str | None, text: str, language: str, place: Organisation) -> Checked:
    """The rows of the file as letters, and those that are wrong; raises :class:`Fault` where it is no list."""
    with tempfile.NamedTemporaryFile() as kept:  # readable by nobody else, and gone at once
        kept.write(upload.content)
        kept.flush()
        headings, phones, rows = read_table(Path(kept.name), column, upload.name or "-")
        also = values_of_place(visit.tree, place)
        return check_list(headings, rows, text, Say(language), place.country, phones, also)
