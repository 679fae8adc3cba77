"""On paper and as files: the registers of a part of the network, and cards of those ticked or of a whole section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy import Connection, func, select

from gateway.console.answers import Answer, File, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.households.common import area_tabs
from gateway.console.pages.households.files import pdf_file, sheet_file
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.membership import registers
from gateway.membership.cards import card_of, cards_pdf
from gateway.membership.households import Household
from gateway.membership.paper import register_pdf
from gateway.membership.registers import Member, members
from gateway.network.organisations import Organisation
from gateway.store.schema import beneficiary, household
from gateway.words.names import CHECK

AREA = Area("printing")
A_PAGE = 50
MOST_AS_FILE = 50_000  # households: half a minute of a worker; more is for the command line
REGISTERS = {
    "memberships": mark("Register of memberships, for printing (PDF)"),
    "beneficiaries": mark("Register of beneficiaries, for printing (PDF)"),
    "xlsx": mark("Everybody on a card, for a spreadsheet (XLSX)"),
    "csv": mark("Everybody on a card, for another system (CSV)"),
}
FIRST_YEAR, LAST_YEAR = 2000, 2100


@AREA.get("/households/print", Right.EXPORT_HOUSEHOLDS)
def print_page(visit: Visit) -> Answer:
    """Which register, of which part of the network; and the cards."""
    say, today = visit.say, visit.today()
    sections = _sections(visit)
    places = [(one.code, one.name) for one in visit.vantages()]
    known = {code for code, _ in places}
    values = {
        "tabs": area_tabs(visit),
        "places": [*places, *((one.code, one.name) for one in sections if one.code not in known)],
        "chosen_place": visit.at.code,
        "sections": [(one.code, one.name) for one in sections],
        "registers": [(key, say(text)) for key, text in REGISTERS.items()],
        "years": [(str(year), str(year)) for year in (today.year + 1, today.year, today.year - 1)],
    }  # fmt: skip
    return Page("households/printing.html", say("Registers and cards"), values)


def _sections(visit: Visit) -> list[Organisation]:
    roots = visit.roots()
    return [one for one in visit.tree.sections_under(visit.at.id) if any(one.under(root) for root in roots)]


@AREA.post("/households/print", Right.EXPORT_HOUSEHOLDS)
def print_register(visit: Visit) -> File:
    """A register as a file; names and, in those for other systems, phone numbers stand in it, so it is written down."""
    say, at = visit.say, visit.place("place")
    what = visit.choice("what", tuple(REGISTERS))
    if what in ("xlsx", "csv") and not visit.may(Right.UNMASK, at.id):
        raise Refused(say("Phone numbers stand in this file: your role doesn't let you have them."), "what")
    with visit.store.read() as connection:
        if _many(connection, visit, at):
            raise Refused(say("That is too much for one file: print section by section."), "place")
        found = members(connection, visit.tree, at, also_left=what == "memberships")
        name = f"{at.code}-{visit.today(at.id)}".replace("/", "-")
        try:
            if what == "xlsx":
                made = sheet_file(registers.exchange_sheet(found, say), f"{name}.xlsx", "xlsx")
            elif what == "csv":
                made = sheet_file(registers.exchange_sheet(found, say), f"{name}.csv", "csv")
            else:
                as_sheet = registers.memberships_sheet if what == "memberships" else registers.beneficiaries_sheet
                shares, today = registers.SHARES[what], visit.today(at.id)
                made = pdf_file(register_pdf(as_sheet(found, say), shares, at.name, today, say), f"{name}.pdf")
        except Fault as fault:
            raise Refused(fault.said(say), "place") from fault
    _trace(visit, "register.exported", at, {"what": what})
    return made


def _many(connection: Connection, visit: Visit, at: Organisation) -> bool:
    """Are there more households than a file is made of here?"""
    ids = [one.id for one in visit.tree.sections_under(at.id)]
    some = select(household.c.id).where(household.c.section_id.in_(ids)).limit(MOST_AS_FILE + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) > MOST_AS_FILE


def _trace(visit: Visit, what: str, at: Organisation, after: dict[str, object], about: str = "") -> None:
    with visit.store.write() as unit:
        visit.trace(unit, what, about=about, place=at.id, after=after)


# --- cards ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Listed:
    """A household whose card can be ticked."""

    id: int
    card: str
    head: str


@AREA.post("/households/print/cards", Right.EXPORT_HOUSEHOLDS, shown_by=print_page)
def print_cards(visit: Visit) -> File:
    """The cards of a whole section whose year runs, or began in a year."""
    section = visit.place("section")
    year = visit.count("year", least=FIRST_YEAR, most=LAST_YEAR) if visit.sent.get("year") else None
    made = _cards(visit, section, year=year)
    _trace(visit, "cards.printed", section, {"year": year})
    return made


@AREA.get("/households/print/some", Right.EXPORT_HOUSEHOLDS)
def some_page(visit: Visit) -> Answer:
    """The households of a section, to be ticked; a page at a time."""
    return _some(visit)


def _some(visit: Visit) -> Page:
    sections = _sections(visit)
    chosen = visit.tree.by_code.get(visit.asked.get("section"))
    section = chosen if chosen in sections else sections[0] if sections else None
    typed = visit.asked.get("after")
    after = typed if typed.isascii() and typed.isdigit() and len(typed) < 19 else "0"
    rows = []
    if section is not None:
        with visit.store.read() as connection:
            rows = _listed(connection, section, int(after))
    values = {
        "tabs": area_tabs(visit),
        "sections": [(one.code, one.name) for one in sections],
        "section": section,
        "rows": rows,
        "here_after": after,
        "more": f"/households/print/some?section={quote(section.code)}&after={rows[-1].id}"
        if section is not None and len(rows) == A_PAGE
        else "",
    }
    return Page("households/printing_some.html", visit.say("Cards of some households"), values)


def _listed(connection: Connection, section: Organisation, after: int) -> list[_Listed]:
    rows = connection.execute(
        select(household.c.id, household.c.card, beneficiary.c.name)
        .join(beneficiary, (beneficiary.c.household_id == household.c.id) & (beneficiary.c.relation == "head"))
        .where(
            household.c.section_id == section.id,
            household.c.merged_into_id.is_(None),
            household.c.id > after,
            beneficiary.c.left_on.is_(None),
        )
        .order_by(household.c.id)
        .limit(A_PAGE)
    )
    return [_Listed(*row) for row in rows]


@AREA.post("/households/print/some", Right.EXPORT_HOUSEHOLDS)
def print_some(visit: Visit) -> File:
    """The cards of those that were ticked."""
    section = visit.place("section")
    ids = [int(each) for each in visit.sent.all("household") if each.isascii() and each.isdigit() and len(each) < 19]
    if not ids:
        raise Refused(visit.say("Tick at least one household."))
    made = _cards(visit, section, only=ids[:A_PAGE], every=True)
    _trace(visit, "cards.printed", section, {"households": len(ids[:A_PAGE])})
    return made


def _printed_one(visit: Visit, one: Household) -> Answer:
    raise Refused(visit.say("This card can't be printed."))


@AREA.post("/households/<household>/card", Right.EXPORT_HOUSEHOLDS, shown_by=_printed_one)
def print_card(visit: Visit, one: Household) -> File:
    """The card of one household."""
    section = visit.tree[one.section_id]
    made = _cards(visit, section, only=[one.id], every=True)
    _trace(visit, "household.card_printed", section, {}, about=f"household:{one.id}")
    return made


def _cards(
    visit: Visit, at: Organisation, *, only: Sequence[int] = (), year: int | None = None, every: bool = False
) -> File:
    """Cards as a PDF; ``every``: also of those whose year is over. Raises :class:`Refused` where there are none."""
    say, today = visit.say, visit.today(at.id)

    def printed(one: Member) -> bool:
        if one.starts_on is None or one.ends_on is None:
            return every
        return every or (one.starts_on.year == year if year is not None else one.ends_on >= today)

    word = CHECK[say.language][0]
    with visit.store.read() as connection:
        found = (
            card_of(visit.tree, one, word)
            for one in members(connection, visit.tree, at, only=tuple(only))
            if printed(one)
        )
        try:
            content = cards_pdf(found, say)
        except Fault as fault:
            raise Refused(fault.said(say)) from fault
    name = say("cards-{section}", section=at.code).replace("/", "-")
    return pdf_file(content, f"{name}.pdf")
