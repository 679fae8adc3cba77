"""Indicators: the figures of a place and a period with their trends, what makes them, and who gets them by SMS."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from typing import Any, Literal

from gateway.console import charts
from gateway.console.answers import Answer, Done, File, NotThere, Page, Refused
from gateway.console.doors import Area, Entrance
from gateway.console.files import sheet_file
from gateway.console.pages.network.words import ROLES
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.indicators import letters, populations
from gateway.indicators.catalogue import INDICATORS, Indicator
from gateway.indicators.figures import Figure
from gateway.indicators.keeping import Standing, look
from gateway.indicators.paper import report_pdf
from gateway.indicators.periods import BadPeriod, Period
from gateway.indicators.places import places_pdf, places_sheet, places_table
from gateway.indicators.rows import source_rows
from gateway.indicators.sheets import figures_sheet
from gateway.indicators.wording import heading, made_from, period_name, short_name, shown, title
from gateway.locale import mark
from gateway.network import staff
from gateway.store.unit import Unit

AREA = Area("indicators", Entrance(mark("Indicators"), "/indicators", Right.SEE_NETWORK))
A_PAGE = 50  # source rows that a page shows; the file has all
PEOPLE_LISTED = 200
_FINE = 1_000  # charts are drawn of whole numbers
# Who may see the rows behind a figure: those of whom or of what they are, and take them away as a file.
SEES = {
    "members": (Right.SEE_HOUSEHOLDS, Right.EXPORT_HOUSEHOLDS),
    "members_before": (Right.SEE_HOUSEHOLDS, Right.EXPORT_HOUSEHOLDS),
    "money": (Right.SEE_MONEY, Right.SEE_MONEY),
    "payments": (Right.SEE_MONEY, Right.SEE_MONEY),
    "costs": (Right.SEE_MONEY, Right.SEE_MONEY),
    "complaints": (Right.SEE_REQUESTS, Right.SEE_REQUESTS),
    "populations": (Right.SEE_NETWORK, Right.SEE_NETWORK),
}


def _period(visit: Visit) -> Period:
    """The period that the address asks for; else this year."""
    try:
        return Period.read(visit.asked.get("period"))
    except BadPeriod:
        return Period(visit.today().year)


def _found(visit: Visit) -> Standing:
    return look(visit.store, visit.tree, visit.at, _period(visit))


def _common(visit: Visit, period: Period) -> dict[str, Any]:
    say = visit.say
    return {
        "period": period,
        "name": period_name(period, say),
        "choices": [(str(one), period_name(one, say)) for one in _choices(visit, period)],
        "tabs": [
            ("/indicators", say("Figures")),
            ("/indicators/places", say("By organisation")),
            ("/indicators/populations", say("Target populations")),
            ("/indicators/letters", say("Monthly SMS")),
        ],
    }


def _choices(visit: Visit, chosen: Period) -> list[Period]:
    """This year's and the last four, the last five quarters and twelve months; and the one that is looked at."""
    today = visit.today()
    years = [*reversed(Period(today.year).trend)]
    quarters = [Period.around(today, 3)]
    while len(quarters) < len(years):
        quarters.append(quarters[-1].before)
    months = [*reversed(Period.around(today, 1).trend)]
    return [*dict.fromkeys((*years, *quarters, *months, chosen))]


# --- figures ----------------------------------------------------------------------------------------------------------


@AREA.get("/indicators", Right.SEE_NETWORK)
def figures_page(visit: Visit) -> Answer:
    """Every figure, what it was divided from, and how members went through time."""
    found, say = _found(visit), visit.say
    rows = [
        (one, title(one, say), shown(one, say), made_from(one, say), _before(found, one, visit))
        for one in found.figures or ()
    ]
    values = {
        **_common(visit, found.period),
        "rows": rows,
        "counted_at": found.counted_at,
        "chart": _chart(visit, found, "households"),
    }
    return Page("indicators/figures.html", heading(visit.at, found.period, say), values)


def _before(found: Standing, one: Figure, visit: Visit) -> str:
    """What it was in the period of the trend before the last."""
    through = [past for period, past in found.through(one.name) if period.last < found.period.first]
    return shown(through[-1], visit.say) if through else ""


def _chart(visit: Visit, found: Standing, name: str) -> Any:
    """The trend of one figure; nothing where there is less than two periods of it."""
    through = [(period, one) for period, one in found.through(name) if one.value is not None]
    if len(through) < 2:
        return ""
    one, say = through[-1][1], visit.say
    fine = 1 if one.unit == "count" else _FINE

    def axis(value: float) -> str:
        on_axis = Figure(one.code, Fraction(round(value), fine), one.unit, None, None, one.currency)
        return shown(on_axis, say).removeprefix("+")

    values = [round((past.value or 0) * fine) for _, past in through]
    labels = [short_name(period) for period, _ in through]
    return charts.bars(title(one, say), labels, [(title(one, say), values)], axis)


@AREA.get("/indicators/one/<word>", Right.SEE_NETWORK)
def one_page(visit: Visit, code: str) -> Answer:
    """One indicator: its formula, its value, and its trend as a chart and as a table."""
    one, say = _known(code), visit.say
    found = _found(visit)
    every = [each for each in found.figures or () if each.code == code]
    values = {
        **_common(visit, found.period),
        "one": one,
        "may_rows": _may(visit, one),
        "counted_at": found.counted_at,
        "figures": [
            (
                title(each, say),
                shown(each, say),
                made_from(each, say),
                _chart(visit, found, each.name),
                [(period_name(period, say), shown(past, say), made_from(past, say))
                 for period, past in found.through(each.name)],
            )
            for each in every
        ],
    }  # fmt: skip
    return Page("indicators/one.html", say(one.name), values)


def _known(code: str) -> Indicator:
    if code not in INDICATORS:
        raise NotThere
    return INDICATORS[code]


def _may(visit: Visit, one: Indicator, as_file: bool = False) -> bool:
    return visit.may(SEES[one.rows][as_file], visit.at.id)


@AREA.get("/indicators/rows/<word>", Right.SEE_NETWORK)
def rows_page(visit: Visit, code: str) -> Answer:
    """The rows behind a figure, the first of them; a file has all."""
    one, period = _known(code), _period(visit)
    if not _may(visit, one):
        raise NotThere
    with visit.store.read() as connection:
        sheet = source_rows(connection, visit.tree, visit.at, period, code, visit.say)
        rows = list(islice(sheet.rows, A_PAGE + 1))
    values = {
        **_common(visit, period),
        "one": one,
        "heads": sheet.heads,
        "rows": rows[:A_PAGE],
        "more": len(rows) > A_PAGE,
        "most": A_PAGE,
        "may_file": _may(visit, one, as_file=True),
    }
    return Page("indicators/rows.html", visit.say("What makes “{name}”", name=visit.say(one.name)), values)


def _form(visit: Visit) -> Literal["csv", "xlsx"]:
    return "xlsx" if visit.asked.get("form") == "xlsx" else "csv"


@AREA.get("/indicators/rows/<word>/file", Right.SEE_NETWORK)
def rows_file(visit: Visit, code: str) -> Answer:
    """All rows behind a figure, for a spreadsheet."""
    one, period = _known(code), _period(visit)
    if not _may(visit, one, as_file=True):
        raise NotThere
    with visit.store.read() as connection:
        sheet = source_rows(connection, visit.tree, visit.at, period, code, visit.say)
        return sheet_file(sheet, f"{code}-{visit.at.code}-{period}", _form(visit))


@AREA.get("/indicators/file", Right.SEE_NETWORK)
def figures_file(visit: Visit) -> Answer:
    """The figures to keep: for a spreadsheet, or on paper with their charts."""
    found = _found(visit)
    name = "-".join((visit.say("indicators"), visit.at.code, str(found.period)))
    if visit.asked.get("form") == "pdf":
        return File(f"{name}.pdf", "application/pdf", report_pdf(found, visit.today(), visit.say))
    return sheet_file(figures_sheet(found, visit.say), name, _form(visit))


@AREA.get("/indicators/places", Right.SEE_NETWORK)
def places_page(visit: Visit) -> Answer:
    """Members, growth and loyalty of everything directly below a place, side by side."""
    period, say = _period(visit), visit.say
    found = places_table(visit.store, visit.tree, visit.at, period)
    values = {
        **_common(visit, period),
        "heads": _on_page(found.heads(say)) if found else [],
        "rows": [_on_page([name, *row.shown(say)]) for name, row in found.every(say)] if found else [],
        "counted_at": found.counted_at if found else None,
    }
    return Page("indicators/places.html", say("Members by organisation"), values)


def _on_page(whole: list[str]) -> list[str]:
    """The columns that a screen has room for: of a year before the households alone. Paper and files have all."""
    name, _, were, _, sections, households, *rest = whole
    return [name, sections, were, households, *rest]


@AREA.get("/indicators/places/file", Right.SEE_NETWORK)
def places_file(visit: Visit) -> Answer:
    """The same table for a spreadsheet, or on paper."""
    found = places_table(visit.store, visit.tree, visit.at, _period(visit))
    if found is None:
        raise NotThere
    name = "-".join((visit.say("members"), visit.at.code, str(found.period)))
    if visit.asked.get("form") == "pdf":
        return File(f"{name}.pdf", "application/pdf", places_pdf(found, visit.today(), visit.say))
    return sheet_file(places_sheet(found, visit.say), name, _form(visit))


# --- target populations -----------------------------------------------------------------------------------------------


@AREA.get("/indicators/populations", Right.SEE_NETWORK)
def populations_page(visit: Visit) -> Answer:
    """How many people could be members, area by area, and from which source."""
    today = visit.today()
    with visit.store.read() as connection:
        own = populations.known(connection, today)
        written = populations.history(connection, visit.at.path, PEOPLE_LISTED)
    reached = populations.reached(visit.tree, own, {})[visit.at.id]
    values = {
        **_common(visit, _period(visit)),
        "total": reached.people,
        "lacking": [visit.tree[one].name for one in reached.lacking[:PEOPLE_LISTED]] if reached.people else [],
        "rows": [(one, visit.tree[one.organisation_id].name) for one in written],
        "places": [(one.code, one.name) for one in visit.places() if one.under(visit.at)][:PEOPLE_LISTED],
        "place": visit.at.code,
        "may_set": visit.may(Right.CHANGE_NETWORK, visit.at.id),
        "today": today,
    }
    return Page("indicators/populations.html", visit.say("Target populations"), values)


@AREA.post("/indicators/populations", Right.CHANGE_NETWORK, shown_by=populations_page)
def set_population(visit: Visit) -> Answer:
    """Write down how many people could be members somewhere, from a day on."""
    place = visit.place("place")
    people = visit.count("people", least=1, most=populations.MOST_PEOPLE)
    since = visit.day("since")
    source = visit.text("source", most=populations.SOURCE_CHARACTERS)

    def act(unit: Unit) -> Done:
        populations.set_population(unit, place, since, people, source, visit.who.name)
        after = {"since": since.isoformat(), "people": people, "source": source}
        note = visit.say("The target population of {place} is written down.", place=place.name)
        return Done("/indicators/populations", note, after=after, about=f"organisation:{place.id}")

    return visit.do("population.set", act, place=place.id)


# --- the monthly SMS --------------------------------------------------------------------------------------------------


@AREA.get("/indicators/letters", Right.SEE_STAFF)
def letters_page(visit: Visit) -> Answer:
    """Who gets five figures by SMS each month, and how it looks."""
    say, place = visit.say, visit.at
    with visit.store.read() as connection:
        kept = letters.letters(connection, visit.tree, place)
        rows = [(one, visit.tree[one.organisation_id].name, _who(visit, connection, one)) for one in kept]
        text = letters.preview(connection, visit.tree, place, visit.now, place.languages[0])
        above = [each.id for each in visit.tree.upward(place.id) if visit.may(Right.SEE_STAFF, each.id)]
        people = [
            one for one in staff.everybody(connection) if one.organisation_id in above and one.role != "agent"
        ][:PEOPLE_LISTED]  # fmt: skip
    values = {
        **_common(visit, _period(visit)),
        "rows": rows,
        "text": text,
        "readers": [
            *((f"role:{role}", say("Everybody: {role}", role=say(name))) for role, name in ROLES.items()
              if role != "agent"),
            *((f"member:{one.id}", ", ".join((one.name, say(ROLES[one.role])))) for one in people),
        ],
        "days": [(day, str(day)) for day in range(1, letters.LAST_DAY + 1)],
        "may_set": visit.may(Right.CHANGE_STAFF, place.id),
    }  # fmt: skip
    return Page("indicators/letters.html", say("Monthly SMS"), values)


def _who(visit: Visit, connection: Any, one: letters.Letter) -> str:
    person = letters.named(connection, one)
    if person is not None:
        return person.name
    assert one.role is not None  # a letter is for somebody, or for a role
    return visit.say("Everybody: {role}", role=visit.say(ROLES[one.role]))


@AREA.post("/indicators/letters", Right.CHANGE_STAFF, shown_by=letters_page)
def set_letter(visit: Visit) -> Answer:
    """Let somebody, or all of a role, get the figures of the place that is looked at."""
    place = visit.place("place")
    kind, _, which = visit.sent.get("who").partition(":")
    day = visit.count("day", least=1, most=letters.LAST_DAY)
    if kind not in ("role", "member") or (kind == "member" and not which.isdigit()):
        raise Refused(visit.say("Choose one of the list."), "who")

    def act(unit: Unit) -> Done:
        person = int(which) if kind == "member" else None
        number = letters.set_letter(
            unit, visit.tree, place, day, visit.who.name, staff_id=person, role=which if kind == "role" else ""
        )
        note = visit.say("The figures of {place} go out on day {day} of each month.", place=place.name, day=day)
        return Done("/indicators/letters", note, after={"who": visit.sent.get("who"), "day": day},
                    about=f"letter:{number}")  # fmt: skip

    return visit.do("letter.set", act, place=place.id)


@AREA.post("/indicators/letters/end", Right.CHANGE_STAFF, shown_by=letters_page)
def end_letter(visit: Visit) -> Answer:
    """Nothing more is sent by a letter."""
    number = visit.count("letter", least=1, most=2**62)
    with visit.store.read() as connection:
        one = letters.letter_with(connection, number)
    if one is None or not visit.may(Right.CHANGE_STAFF, one.organisation_id):
        raise Refused(visit.say("It is ended already."))
    letter = one

    def act(unit: Unit) -> Done:
        if not letters.end_letter(unit, letter.id, visit.who.name):
            raise Refused(visit.say("It is ended already."))
        return Done("/indicators/letters", visit.say("Nothing more is sent."), before={"day": letter.day},
                    about=f"letter:{letter.id}")  # fmt: skip

    return visit.do("letter.ended", act, place=letter.organisation_id)
