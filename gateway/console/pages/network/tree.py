"""The network: the tree of organisations, what each says itself and what it inherits, and new ones below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area, Entrance
from gateway.console.pages.network import words
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.masking import mask_number
from gateway.kernel.money import EXPONENT
from gateway.locale import NAMES, mark, show_count
from gateway.membership.sections import Counted, counted
from gateway.network.organisations import (
    CODE_CHARACTERS,
    MERCHANT_CHARACTERS,
    NAME_CHARACTERS,
    Organisation,
    Own,
    add_below,
    kinds_below,
    own_of,
)
from gateway.network.own import ADDRESS_CHARACTERS, Said, all_said, keep_own
from gateway.network.places import Step, steps_of
from gateway.store.unit import Unit

AREA = Area("network", Entrance(mark("Network"), "/network", Right.SEE_NETWORK))
ROWS = 50
MOST_SHOWN = 250  # so many organisations are shown in one tree; of more, only as many levels as hold no more
ABOVE, OWN, NEVER = "above", "own", "never"


@dataclass
class Node:
    """An organisation in the tree with what is shown below it. ``leaves``: how many sections it has."""

    one: Organisation
    below: list[Node] = field(default_factory=list)
    leaves: int = 0
    households: int = 0


@AREA.get("/network", Right.SEE_NETWORK)
def tree_page(visit: Visit) -> Answer:
    """The tree at and below the organisation that is looked at."""
    own = [one for one in visit.tree.by_id.values() if one.under(visit.at)]
    sections = [one.id for one in visit.tree.sections_under(visit.at.id)]
    with visit.store.read() as connection:
        figures = counted(connection, sections, visit.today())
    shown = _levels(own)
    top = _nodes(visit, own, shown, figures)
    values = {
        "tabs": words.tabs(visit),
        "top": top,
        "kinds": words.KINDS,
        "organisations": len(own),
        "sections": len(sections),
        "households": sum(one.households for one in figures.values()) if figures else None,
        "on": min(one.on for one in figures.values()) if figures else None,
        "folded": len(shown) < len(own),
        "number": lambda count: show_count(count, visit.say.language),
        "may_unmask": visit.may(Right.UNMASK, visit.at.id),
    }
    return Page("network/tree.html", visit.say("Network"), values)


def _levels(own: Sequence[Organisation]) -> set[int]:
    """Which of the organisations are shown: level by level from the top down, as long as they aren't too many."""
    shown: set[int] = set()
    for depth in sorted({one.path.count("/") for one in own}):
        level = {one.id for one in own if one.path.count("/") == depth}
        if shown and len(shown) + len(level) > MOST_SHOWN:
            break
        shown |= level
    return shown


def _nodes(visit: Visit, own: Sequence[Organisation], shown: set[int], figures: dict[int, Counted]) -> Node:
    nodes = {one.id: Node(one) for one in own}
    for one in sorted(own, key=lambda each: (-each.path.count("/"), each.name, each.code)):
        node = nodes[one.id]
        is_leaf = not node.leaves
        if is_leaf and one.id in figures:
            node.households = figures[one.id].households
        if one.id == visit.at.id or one.parent_id is None:
            continue
        above = nodes[one.parent_id]
        above.leaves += node.leaves or 1
        above.households += node.households
        if one.id in shown:
            above.below.append(node)
    return nodes[visit.at.id]


@AREA.get("/network/<organisation>", Right.SEE_NETWORK)
def one_page(visit: Visit, one: Organisation) -> Answer:
    """One organisation: what it says itself, what it inherits, and what is below it."""
    below = sorted((each for each in visit.tree.by_id.values() if each.parent_id == one.id), key=_by_name)
    start = words.after(visit)
    shown = below[start : start + ROWS]
    with visit.store.read() as connection:
        said = all_said(connection, visit.tree, one)
        reached = own_of(connection, one.id)
        steps = steps_of(connection, one.id, one.path)
        leaves = {each.id: [leaf.id for leaf in visit.tree.sections_under(each.id)] for each in [*shown, one]}
        figures = counted(connection, leaves[one.id], visit.today(one.id))
    values = {
        "one": one,
        "kind": visit.say(words.KINDS[one.kind]),
        "above": visit.tree.by_id.get(one.parent_id or 0),
        "may_see_above": one.parent_id is not None and visit.may(Right.SEE_NETWORK, one.parent_id),
        "facts": _facts(visit, one, said),
        "reached": _reached(visit, reached),
        "steps": [_step(visit, each) for each in steps],
        "rows": [(each, _sum(figures, leaves[each.id]), len(leaves[each.id])) for each in shown],
        "count": len(below),
        "figures": _sum(figures, leaves[one.id]),
        "on": min((each.on for each in figures.values()), default=None),
        "more": f"/network/{one.id}?after={start + ROWS}" if len(below) > start + ROWS else "",
        "kinds": words.KINDS,
        "number": lambda count: show_count(count, visit.say.language),
        "may_change": visit.may(Right.CHANGE_NETWORK, one.id),
        "may_add": visit.may(Right.CHANGE_NETWORK, one.id) and bool(kinds_below(one)),
        "may_move": one.parent_id is not None and visit.may(Right.CHANGE_NETWORK, one.parent_id),
        "may_see_staff": visit.may(Right.SEE_STAFF, one.id),
    }
    return Page("network/one.html", one.name, values)


def _reached(visit: Visit, own: Own) -> list[tuple[str, str]]:
    """How its office is reached, as the directory has it; the whole number is in the directory's file."""
    say = visit.say
    pairs = (
        (say("Whom to ask for"), own.contact_name),
        (say("Phone"), visit.number(own.contact_msisdn) if own.contact_msisdn else None),
        (say("Address"), own.address),
    )
    return [(label, value) for label, value in pairs if value]


def _step(visit: Visit, one: Step) -> tuple[str, str, str, str]:
    """A move: from when, what moved, from where to where."""

    def named(its_id: int | None) -> str:
        # What is outside their own part of the network is nobody's business here.
        if its_id is None or its_id not in visit.tree.by_id or not visit.may(Right.SEE_NETWORK, its_id):
            return "—"
        return visit.tree[its_id].name

    return visit.say.show(one.since), named(one.organisation_id), named(one.from_parent_id), named(one.to_parent_id)


def _by_name(one: Organisation) -> tuple[str, str]:
    return one.name, one.code


def _sum(figures: dict[int, Counted], leaves: Sequence[int]) -> tuple[int, int, int] | None:
    """Households, people and covered people; None where nobody was counted yet."""
    found = [figures[one] for one in leaves if one in figures]
    if not found:
        return None
    return sum(one.households for one in found), sum(one.people for one in found), sum(one.covered for one in found)


SETTINGS = {
    "district": mark("District"),
    "country": mark("Country"),
    "currency": mark("Currency"),
    "time_zone": mark("Time zone"),
    "languages": mark("Languages"),
    "merchant_code": mark("Merchant code"),
    "quiet": mark("Quiet hours"),
    "books": mark("Books"),
    "short_code": mark("Short code"),
    "plans": mark("Plans"),
    "categories": mark("Categories"),
    "wallets": mark("Wallets and bank"),
    "treasurer": mark("Treasurers"),
    "animator": mark("Animators"),
    "adviser": mark("Medical advisers"),
    "administrator": mark("Administrators"),
    "texts": mark("Own texts of messages"),
    "reminders": mark("Reminder rules"),
}


def _facts(visit: Visit, one: Organisation, said: Sequence[Said]) -> list[tuple[str, str, str]]:
    """What counts for an organisation: its name, the value, and who says it."""
    say = visit.say

    def whose(each: Said) -> str:
        if each.place is None:
            return say("nobody says it: as the settings have it") if each.value else ""
        if each.place.id == one.id:
            return say("its own")
        return "" if each.name == "books" else say("from {name}", name=each.place.name)

    def value(each: Said) -> str:
        if each.name == "languages":
            return words.languages(one.languages)
        if each.name == "quiet":
            return words.quiet_words(say, (one.quiet_from, one.quiet_until))
        return each.value or "—"

    return [(say(SETTINGS[each.name]), value(each), whose(each)) for each in said]


# --- changing ---------------------------------------------------------------------------------------------------------


@AREA.get("/network/<organisation>/change", Right.CHANGE_NETWORK)
def change_page(visit: Visit, one: Organisation) -> Answer:
    """The form of what an organisation is called and says itself."""
    with visit.store.read() as connection:
        own = own_of(connection, one.id)
    above = visit.tree.by_id.get(one.parent_id or 0)
    quiet = ABOVE if own.quiet is None else NEVER if own.quiet[0] == own.quiet[1] else OWN
    hours = own.quiet or (one.quiet_from, one.quiet_until)
    values = {
        "one": one,
        "name": words.typed(visit, "name", one.name),
        "district": words.typed(visit, "district", own.district or ""),
        "merchant_code": words.typed(visit, "merchant_code", own.merchant_code or ""),
        "above": above,
        "languages": [
            (code, name, code in visit.sent.all("languages") if visit.sent.fields else code in (own.languages or ()))
            for code, name in NAMES.items()
        ],
        "names": list(NAMES.items()),
        "country": words.typed(visit, "country", own.country or ""),
        "currency": words.typed(visit, "currency", own.currency or ""),
        "currencies": [(each, each) for each in sorted(EXPONENT)],
        "time_zone": words.typed(visit, "time_zone", own.time_zone or ""),
        "contact_name": words.typed(visit, "contact_name", own.contact_name or ""),
        "contact_msisdn": words.typed(visit, "contact_msisdn", _shown_number(own)),
        "address": words.typed(visit, "address", own.address or ""),
        "defaults": above or visit.parts.services.defaults,
        "first": words.typed(visit, "language", own.languages[0] if own.languages else ""),
        "quiet": quiet,
        "quiet_choices": [
            (ABOVE, visit.say("As above: {hours}", hours=_quiet_above(visit, above))),
            (OWN, visit.say("Its own hours")),
            (NEVER, visit.say("Never quiet: messages leave at any time")),
        ],
        "hours": [(str(hour), visit.say("{hour} h", hour=hour)) for hour in range(24)],
        "quiet_from": str(hours[0]),
        "quiet_until": str(hours[1]),
        "most": (NAME_CHARACTERS, MERCHANT_CHARACTERS),
    }
    return Page("network/change.html", visit.say("Change {name}", name=one.name), values)


def _quiet_above(visit: Visit, above: Organisation | None) -> str:
    defaults = visit.parts.services.defaults
    hours = (above.quiet_from, above.quiet_until) if above else (defaults.quiet_from, defaults.quiet_until)
    return words.quiet_words(visit.say, hours)


@AREA.post("/network/<organisation>/change", Right.CHANGE_NETWORK)
def change(visit: Visit, one: Organisation) -> Answer:
    """Keep what was typed; what is left empty is as above."""
    changes: dict[str, Any] = {
        "name": visit.text("name", most=NAME_CHARACTERS),
        "languages": _languages(visit),
        "quiet": _quiet(visit),
    }
    for field_name, most in (
        ("district", NAME_CHARACTERS),
        ("merchant_code", MERCHANT_CHARACTERS),
        ("country", 2),
        ("currency", 3),
        ("time_zone", 40),
        ("contact_name", NAME_CHARACTERS),
        ("contact_msisdn", 40),
        ("address", ADDRESS_CHARACTERS),
    ):
        changes[field_name] = visit.text(field_name, most=most, needed=False) or None

    def act(unit: Unit) -> Done:
        number = changes["contact_msisdn"]
        same = bool(number) and number == _shown_number(own_of(unit.connection, one.id))
        new = {name: value for name, value in changes.items() if name != "contact_msisdn" or not same}
        before, after = keep_own(unit, visit.parts.services.defaults, one.id, new)
        return Done(
            f"/network/{one.id}",
            visit.say("Kept. Menus and messages follow within a few seconds."),
            _masked(before),
            _masked(after),
        )

    done = visit.do("network.changed", act, about=f"organisation:{one.id}", place=one.id)
    visit.parts.services.network.forget()
    return done


def _shown_number(own: Own) -> str:
    """The office's phone as the form shows it: masked; sent back like that, it stays."""
    return mask_number(own.contact_msisdn) if own.contact_msisdn else ""


def _masked(values: Mapping[str, Any]) -> dict[str, Any]:
    """What changed, for whoever looks it up later: without a whole number."""
    kept = {name: value for name, value in values.items() if name not in ("quiet_from", "quiet_until")}
    if len(kept) < len(values):
        hours = [values.get(name) for name in ("quiet_from", "quiet_until")]
        kept["quiet_hours"] = hours if hours != [None, None] else None
    number = kept.get("contact_msisdn")
    return {**kept, "contact_msisdn": mask_number(number)} if number else kept


def _languages(visit: Visit) -> tuple[str, ...] | None:
    """The languages that are offered, the first by default; None: as above."""
    first = visit.sent.get("language")
    if not first:
        return None
    visit.choice("language", list(NAMES))
    others = [one for one in visit.sent.all("languages") if one in NAMES and one != first]
    return (first, *others)


def _quiet(visit: Visit) -> tuple[int, int] | None:
    chosen = visit.choice("quiet", (ABOVE, OWN, NEVER))
    if chosen == ABOVE:
        return None
    if chosen == NEVER:
        return 0, 0
    hours = visit.count("quiet_from", least=0, most=23), visit.count("quiet_until", least=0, most=23)
    if hours[0] == hours[1]:
        raise Refused(visit.say("Two different hours, or choose never."), "quiet_until")
    return hours


@AREA.get("/network/<organisation>/new", Right.CHANGE_NETWORK)
def new_page(visit: Visit, one: Organisation) -> Answer:
    """The form of a new organisation below this one."""
    kinds = kinds_below(one)
    values = {
        "one": one,
        "kinds": [(kind, visit.say(words.KINDS[kind])) for kind in kinds],
        "kind": "section" if one.kind == "mutuelle" else "mutuelle",
        "keeps": not any(each.keeps_books for each in visit.tree.upward(one.id)),
        "most": (NAME_CHARACTERS, CODE_CHARACTERS),
    }
    return Page("network/new.html", visit.say("New below {name}", name=one.name), values)


@AREA.post("/network/<organisation>/new", Right.CHANGE_NETWORK)
def new(visit: Visit, one: Organisation) -> Answer:
    """Add a section or mutuelle below this one."""
    name, code = visit.text("name", most=NAME_CHARACTERS), visit.text("code", most=CODE_CHARACTERS).lower()
    kind = visit.choice("kind", kinds_below(one))
    district = visit.text("district", most=NAME_CHARACTERS, needed=False) or None
    keeps_books = visit.sent.get("keeps_books") == "yes" and kind != "section"

    def act(unit: Unit) -> Done:
        new_id = add_below(unit, one, code=code, name=name, kind=kind, district=district, keeps_books=keeps_books)
        after = {"name": name, "code": code, "kind": kind, "district": district, "keeps_books": keeps_books}
        return Done(
            f"/network/{new_id}", visit.say("Added: {name}", name=name), after=after, about=f"organisation:{new_id}"
        )

    done = visit.do("network.added", act, place=one.id)
    visit.parts.services.network.forget()
    return done
