"""How the office's pages speak of the network: kinds of organisations, facilities, roles, and the area's own pages."""

from __future__ import annotations

from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.locale import NAMES, Say, mark

KINDS = {
    "platform": mark("Platform"),
    "promoter": mark("Promoter"),
    "union": mark("Union"),
    "mutuelle": mark("Mutuelle"),
    "section": mark("Section"),
}
FACILITY_KINDS = {
    "hospital": mark("Hospital"),
    "centre": mark("Health centre"),
    "clinic": mark("Clinic"),
    "pharmacy": mark("Pharmacy"),
}
OWNERSHIPS = {
    "public": mark("Public"),
    "private": mark("Private"),
    "faith": mark("Of a church or mosque"),
}
ROLES = {
    "treasurer": mark("Treasurer"),
    "animator": mark("Animator"),
    "agent": mark("Agent of a health facility"),
    "adviser": mark("Medical adviser"),
    "administrator": mark("Administrator"),
}
TOLD = {
    "each": mark("Of each payment"),
    "hour": mark("Of the payments of each hour together"),
    "day": mark("Of the payments of a day together"),
}


def named(say: Say, words: dict[str, str]) -> list[tuple[str, str]]:
    """The choices of a list: what is sent, and what is read."""
    return [(key, say(text)) for key, text in words.items()]


def languages(codes: tuple[str, ...] | None) -> str:
    """Languages as their speakers call them."""
    return ", ".join(NAMES[one] for one in codes or ())


def quiet_words(say: Say, hours: tuple[int, int]) -> str:
    """The hours in which nobody is written to who didn't ask."""
    if hours[0] == hours[1]:
        return say("at no time")
    return say("from {first} h to {last} h", first=hours[0], last=hours[1])


def tabs(visit: Visit) -> list[tuple[str, str]]:
    """The pages of the network."""
    say = visit.say
    found = [
        ("/network", say("Organisations")),
        ("/network/plans", say("Plans")),
        ("/network/facilities", say("Health facilities")),
    ]
    if visit.may(Right.CHANGE_NETWORK):
        found.append(("/network/exchange", say("Changed on both sides")))
    if visit.may(Right.SEE_MONEY):
        found.append(("/network/operators", say("Operators")))
    if visit.may(Right.GIVE_KEYS):
        found += [("/network/keys", say("Access keys")), ("/network/webhooks", say("Told of what happens"))]
    return found


def after(visit: Visit, name: str = "after") -> int:
    """The id behind which a page begins; 0 at the beginning."""
    typed = visit.asked.get(name)
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else 0


def typed(visit: Visit, name: str, known: str) -> str:
    """What stands in a field: what was sent, also where it was emptied, or what is known."""
    return visit.sent.get(name) if visit.sent.fields else known
