"""What changed about a household and what was done about it, in words; its time, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from gateway.console.visit import Visit
from gateway.locale import NAMES, Say, mark
from gateway.membership.known import Change
from gateway.membership.rules import State
from gateway.membership.timeline import Stretch

_CHANGES = {
    "birth": mark("{name} was born and is on the card"),
    "marriage": mark("{name} married into the family and is on the card"),
    "arrival": mark("{name} moved in and is on the card"),
    "death": mark("{name} has died and is off the card"),
    "divorce": mark("{name} is divorced and off the card"),
    "departure": mark("{name} moved away and is off the card"),
    "head": mark("{name} is the head now"),
    "corrected": mark("Corrected for {name}; before: {note}"),
    "phone-joined": mark("The phone {note} was added"),
    "phone-left": mark("The phone {note} was removed"),
    "phone-main": mark("Receipts go to the phone {note}"),
    "language": mark("Another language; before: {note}"),
    "category": mark("Category {note}"),
    "renewed": mark("Renewed for the year from {day}"),
    "left": mark("Left the mutuelle: {note}"),
    "moved": mark("Moved to another section: {note}"),
    "merged": mark("Merged into the household with card {note}"),
    "took-in": mark("The household with card {note} was merged into this one"),
    "old-number": mark("Also found by the old number {note}"),
    "unmerged": mark("The merge with card {note} was undone"),
    "went-back": mark("{name} is back on the card they came from"),
    "split": mark("Some people got a card of their own: {note}"),
    "split-off": mark("Split off from the household with card {note}"),
    "pin-set": mark("A PIN was set"),
    "pin-removed": mark("The PIN was taken away"),
}
_WHY_LEFT = {
    "death": mark("a death"),
    "departure": mark("moved away"),
    "import": mark("the register that had brought it was undone"),
    "merged": mark("merged"),
}
_DONE = {
    "household.registered": mark("Registered"),
    "household.unmasked": mark("Saw the whole phone numbers"),
    "household.person_added": mark("Added somebody"),
    "household.person_removed": mark("Took somebody off the card"),
    "household.corrected": mark("Corrected what stands on the card"),
    "household.new_head": mark("Made somebody else the head"),
    "household.phone_added": mark("Added a phone"),
    "household.phone_removed": mark("Removed a phone"),
    "household.phone_main": mark("Chose the phone for receipts"),
    "household.language": mark("Chose the language"),
    "household.category": mark("Chose the category"),
    "household.renewed": mark("Renewed"),
    "household.left": mark("Recorded that the household left"),
    "household.pin_removed": mark("Took the PIN away"),
    "household.merged": mark("Merged another household into it"),
    "household.unmerged": mark("Undid a merge"),
    "household.pair_decided": mark("Said whether it is registered twice"),
    "household.split": mark("Gave some people a card of their own"),
    "household.moved": mark("Moved it to another section"),
    "household.card_printed": mark("Printed its card"),
}


def change_in_words(visit: Visit, each: Change) -> str:
    """A line of a household's story as a sentence; phone numbers are masked."""
    say = visit.say
    note = each.note or ""
    if each.names_phone:
        note = visit.number(note)
    elif each.kind in ("merged", "took-in", "unmerged", "split", "split-off"):
        note = say.card(note)
    elif each.kind == "left":
        note = say(_WHY_LEFT[note]) if note in _WHY_LEFT else note
    elif each.kind == "language":
        note = NAMES.get(note, note)
    note = note or say("none")
    known = _CHANGES.get(each.kind)
    if known is None:
        return each.kind
    return say(known, name=each.person or "", note=note, day=each.happened_on or each.at.date())


def event_in_words(say: Say, what: str) -> str:
    """What somebody of the office did, in words; the event's own name where it has none."""
    known = _DONE.get(what)
    return say(known) if known is not None else what


# --- time, drawn ------------------------------------------------------------------------------------------------------

WIDTH = 1000  # of the drawing, in its own units
_KINDS = {
    State.ACTIVE: "good",
    State.GRACE: "wait",
    State.WAITING: "waiting",
    State.NONE: "none",
}


@dataclass(frozen=True)
class Bar:
    """A stretch of time as a bar: where it begins and how wide it is, and how it looks."""

    x: int
    width: int
    kind: str


@dataclass(frozen=True)
class Drawn:
    """Some years as bars, and where today is; None outside them."""

    bars: tuple[Bar, ...]
    today: int | None


def time_drawn(time: Sequence[Stretch], today: date) -> Drawn | None:
    """A household's time as a drawing that says nothing that isn't written beside it; None for no time."""
    if not time:
        return None
    first, days = time[0].first, sum(each.days for each in time)

    def at(day: date) -> int:
        return (day - first).days * WIDTH // days

    bars = tuple(Bar(at(each.first), max(2, each.days * WIDTH // days), _KINDS.get(each.state, "bad")) for each in time)
    return Drawn(bars, at(today) if time[0].first <= today <= time[-1].last else None)
