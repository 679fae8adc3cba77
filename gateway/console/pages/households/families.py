"""Two households become one, one becomes two, one moves to another section: looked at side by side, tried out, done."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from gateway.console import sought
from gateway.console.answers import Answer, Done, Go, NotThere, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.households.common import (
    BADGES,
    by_of,
    cover_in_words,
    household_page,
    may_see,
    tried_out,
)
from gateway.console.pages.households.forms import Field, form_page, is_sure, sure_page
from gateway.console.pages.households.search import MOST_TYPED, Row, found_rows, told
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.locale import mark
from gateway.membership.family import roster
from gateway.membership.households import Household, Standing, by_id, phones_of, standing, standing_and_roster
from gateway.membership.leaving import heads_to_be
from gateway.membership.merging import Merged, check, merge, same_people
from gateway.membership.moves.moving import move
from gateway.membership.people import Beneficiary
from gateway.membership.registers import RELATIONS
from gateway.membership.splitting import Split, split
from gateway.membership.unmerging import UNDO_DAYS
from gateway.network.organisations import Organisation
from gateway.sms.family_notices import tell_merged, tell_moved, tell_split
from gateway.store.schema import household
from gateway.store.unit import Unit

AREA = Area("families")
HOWS = {
    "twice": mark("It always was one family, registered twice: the years of the card that goes count as never begun"),
    "together": mark("Two families come together today: what was due until now stays paid"),
}
_NEW = "new"


# --- two become one ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Side:
    """One of two households as they are compared."""

    one: Household
    stands: Standing
    people: list[Beneficiary]
    phones: list[str]


@AREA.get("/households/<household>/merge", Right.CHANGE_HOUSEHOLDS)
def merge_page(visit: Visit, one: Household) -> Answer:
    """First the other household is looked for; then the two stand side by side."""
    typed = visit.asked.get("with")
    if typed:
        return _compared(visit, one, _other(visit, typed))
    return _looked_for(visit, one, sought.kept(visit, f"/households/{one.id}/merge"))


def _looked_for(visit: Visit, one: Household, typed: str = "") -> Page:
    problem = ""
    rows: list[Row] = []
    if typed:
        rows, found = found_rows(visit, typed)
        rows = [row for row in rows if row.id != one.id]
        problem = told(visit, found)
    title = visit.say("Merge another household into this one")
    return household_page(
        visit, one, "households/families.html", title, rows=rows, problem=problem, most_typed=MOST_TYPED
    )


@AREA.post("/households/<household>/merge/find", Right.CHANGE_HOUSEHOLDS, shown_by=merge_page)
def find_other(visit: Visit, one: Household) -> Answer:
    """Which household is the other."""
    return Go(sought.keep(visit, f"/households/{one.id}/merge", visit.text("q", most=MOST_TYPED)))


def _other(visit: Visit, typed: str) -> Household:
    """The other household, of those that may be changed; raises :class:`NotThere`."""
    if not typed.isascii() or not typed.isdigit() or len(typed) > 18:
        raise NotThere
    with visit.store.read() as connection:
        row = connection.execute(select(household.c.id).where(household.c.id == int(typed))).first()
        if row is None:
            raise NotThere
        found = by_id(connection, visit.tree, int(typed))
    may_see(visit, found.section_id)
    return found


def _side(visit: Visit, connection: Connection, one: Household) -> _Side:
    stands, people = standing_and_roster(connection, one, visit.today(one.section_id))
    return _Side(one, stands, people, [visit.number(each.msisdn) for each in phones_of(connection, one.id)])


def _compared(visit: Visit, one: Household, other: Household) -> Page:
    say = visit.say
    with visit.store.read() as connection:
        stays, goes = _side(visit, connection, one), _side(visit, connection, other)
        proposed = same_people(connection, one, other)
        try:
            check(connection, visit.tree, one, other)
            warning = ""
        except Fault as fault:
            warning = fault.said(say)
    values = {
        "sides": [(say("It stays"), stays), (say("It goes"), goes)],
        "words": lambda side: cover_in_words(say, side.stands),
        "badges": BADGES,
        "relation": lambda each: say(RELATIONS[each.relation]),
        "place": lambda side: visit.tree[side.one.section_id].name,
        "goes": goes,
        "choices": [(_NEW, say("Somebody else: comes onto the card that stays"))]
        + [(str(each.id), say("The same as {name}, {year}", name=each.name, year=each.birth_year))
           for each in stays.people],
        "proposed": {each.id: str(proposed.get(each.id, _NEW)) for each in goes.people},
        "hows": [(key, say(text)) for key, text in HOWS.items()],
        "warning": warning,
        "other": other,
    }  # fmt: skip
    return household_page(visit, one, "households/merge.html", say("Merge two households"), **values)


@AREA.post("/households/<household>/merge", Right.CHANGE_HOUSEHOLDS)
def merge_households(visit: Visit, one: Household) -> Answer:
    """What merging does first: to the people, to the money; then the merging itself."""
    say, other = visit.say, _other(visit, visit.asked.get("with"))
    how = visit.choice("how", tuple(HOWS))
    with visit.store.read() as connection:
        ours, theirs = roster(connection, one.id), roster(connection, other.id)
    same = {}
    for each in theirs:
        chosen = visit.choice(f"who-{each.id}", [_NEW, *(str(its.id) for its in ours)])
        if chosen != _NEW:
            same[each.id] = int(chosen)

    def merged(unit: Unit) -> Merged:
        return merge(
            unit, visit.tree, visit.parts.services.chart, one, other, same, by_of(visit, one.section_id),
            registered_twice=how == "twice",
        )  # fmt: skip

    to = f"merge?with={other.id}"
    if not is_sure(visit):

        def tried(unit: Unit) -> tuple[Merged, Money]:
            done = merged(unit)
            return done, standing(unit.connection, one, visit.today(one.section_id)).left

        would, left = tried_out(visit, tried)
        facts: list[tuple[str, object]] = [
            (say("The card that stays"), say.card(would.card)),
            (say("The card that leads to it from now on"), say.card(would.old_card)),
            (say("People who come onto it"), ", ".join(would.added) or say("Nobody")),
            (say("Phones that come along"), would.phones),
            (say("Money that comes along"), say.show(would.moved)),
            (say("No longer due"), say.show(would.cancelled)),
            (say("Left to pay then"), say.show(left)),
        ]
        warning = say("This can be undone for {days} days, as long as nothing else happens to the household.",
                      days=UNDO_DAYS)  # fmt: skip
        return sure_page(
            visit, one, say("Merge these two?"), to, facts, say("Merge them"), warning=warning, kind="danger"
        )

    def act(unit: Unit) -> Done:
        done = merged(unit)
        tell_merged(unit, visit.tree, one, done.old_card)
        note = say("One household now. The old card {card} leads here.", card=say.card(done.old_card))
        before = {"households": [one.id, other.id]}
        after = {"how": how, "moved": done.moved, "cancelled": done.cancelled, "added": len(done.added)}
        return Done(f"/households/{one.id}", note, before=before, after=after)

    return visit.do("household.merged", act, about=f"household:{one.id}", place=one.section_id)


# --- one becomes two --------------------------------------------------------------------------------------------------


@AREA.get("/households/<household>/split", Right.CHANGE_HOUSEHOLDS)
def split_page(visit: Visit, one: Household) -> Answer:
    """Who goes, who is their head, and whether a phone goes along."""
    say = visit.say
    with visit.store.read() as connection:
        people = roster(connection, one.id)
        phones = phones_of(connection, one.id)
    able = heads_to_be(people, visit.today(one.section_id).year)
    others = [each for each in people if each.relation != "head"]
    numbers = [(f"{place}", visit.number(each.msisdn)) for place, each in enumerate(phones)]
    fields = [
        Field("ticks", "who", say("Who goes to the new card"),
              [(str(each.id), f"{each.name}, {each.birth_year}") for each in others]),
        Field("select", "head", say("Head of the new household"), [(str(each.id), each.name) for each in able],
              help=say("An adult who is ticked above.")),
        Field("select", "phone", say("Phone of the new household"), [*numbers, ("other", say("Another phone"))],
              help=say("It no longer belongs to the old household."), needed=False),
        Field("text", "number", say("Another phone"), type="tel", needed=False, most=20),
    ]  # fmt: skip
    warning = "" if able else say("Nobody else on this card is an adult, who could be the head of a new household.")
    title, button = say("Give some people a card of their own"), say("See what it does")
    return form_page(visit, one, title, "split", fields if able else [], button, warning=warning)


@AREA.post("/households/<household>/split", Right.CHANGE_HOUSEHOLDS)
def split_household(visit: Visit, one: Household) -> Answer:
    """What it does to the money of both first, then the splitting itself."""
    say = visit.say
    with visit.store.read() as connection:
        people, phones = roster(connection, one.id), phones_of(connection, one.id)
    known = {str(each.id): each for each in people}
    going = {int(each) for each in visit.sent.all("who") if each in known}
    head_id = int(visit.choice("head", list(known)))
    if head_id not in going:
        raise Refused(say("Tick everybody who goes, the new head too."), "head")
    msisdn = _split_phone(visit, one, [each.msisdn for each in phones])

    def done_so(unit: Unit) -> Split:
        return split(
            unit, visit.tree, visit.parts.services.chart, one, going, head_id, by_of(visit, one.section_id), msisdn
        )  # fmt: skip

    if not is_sure(visit):

        def tried(unit: Unit) -> tuple[Split, Money]:
            would = done_so(unit)
            return would, standing(unit.connection, one, visit.today(one.section_id)).left

        would, left = tried_out(visit, tried)
        facts: list[tuple[str, object]] = [
            (say("Head of the new household"), would.head),
            (say("Who goes"), ", ".join(each.name for each in people if each.id in going)),
            (say("The new household owes for the rest of the year"), say.show(would.due)),
            (say("Of it paid already"), say.show(would.brought)),
            (say("The old household is let off"), say.show(would.let_off)),
            (say("Left to pay then by the old household"), say.show(left)),
        ]
        title = say("Give them a card of their own?")
        return sure_page(visit, one, title, "split", facts, say("Give them a card"))

    def act(unit: Unit) -> Done:
        done = done_so(unit)
        tell_split(unit, visit.tree, by_id(unit.connection, visit.tree, done.household_id))
        note = say("The new household has card {card}.", card=say.card(done.card))
        before = {"people": len(people)}
        after = {"new_household": done.household_id, "people": len(going), "due": done.due, "let_off": done.let_off}
        return Done(f"/households/{done.household_id}", note, before=before, after=after)

    return visit.do("household.split", act, about=f"household:{one.id}", place=one.section_id)


def _split_phone(visit: Visit, one: Household, phones: list[str]) -> str | None:
    chosen = visit.sent.get("phone")
    if chosen == "other" or (not chosen and visit.sent.get("number")):
        return visit.msisdn("number", visit.tree[one.section_id].country)
    if not chosen:
        return None
    return phones[int(visit.choice("phone", [str(place) for place in range(len(phones))]))]


# --- another section --------------------------------------------------------------------------------------------------


@AREA.get("/households/<household>/move", Right.CHANGE_HOUSEHOLDS)
def move_page(visit: Visit, one: Household) -> Answer:
    """Which other section, of its mutuelle or of another in which they have the right, too."""
    say = visit.say
    books, roots = visit.tree.books_of(one.section_id), visit.roots()
    within = [
        each
        for each in visit.tree.sections
        if each.id != one.section_id and each.currency == one.currency and any(each.under(root) for root in roots)
    ]
    within.sort(key=lambda each: (visit.tree.books_of(each.id).id != books.id, each.name, each.code))
    others = [(each.code, _with_mutuelle(visit, books, each)) for each in within]
    fields = [Field("select", "section", say("To which section"), others)]
    intro = [
        say("Its history, its cover and its money go along. Its phones are told by SMS."),
        say("To another mutuelle its money moves by entries in both books; its year goes on as it was agreed."),
    ]
    warning = "" if others else say("There is no other section here.")
    title = say("Move to another section")
    return form_page(visit, one, title, "move", fields if others else [], say("Move it"), intro=intro, warning=warning)


def _with_mutuelle(visit: Visit, books: Organisation, section: Organisation) -> str:
    own = visit.tree.books_of(section.id)
    return section.name if own.id == books.id else f"{section.name} ({own.name})"


@AREA.post("/households/<household>/move", Right.CHANGE_HOUSEHOLDS)
def move_household(visit: Visit, one: Household) -> Answer:
    """Move it."""
    to = visit.place("section")

    def act(unit: Unit) -> Done:
        chart, by = visit.parts.services.chart, by_of(visit, one.section_id)
        tell_moved(unit, visit.tree, move(unit, visit.tree, chart, one, to, by))
        before = {"section": visit.tree[one.section_id].code}
        note = visit.say("It belongs to {name} now.", name=to.name)
        return Done(f"/households/{one.id}", note, before=before, after={"section": to.code})

    return visit.do("household.moved", act, about=f"household:{one.id}", place=one.section_id)
