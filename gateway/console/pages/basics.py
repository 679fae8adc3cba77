"""What every page leans on: the language, the part of the network that is looked at, and the style page."""

from __future__ import annotations

from datetime import date

from gateway.console.answers import Answer, Go, NotThere, Page
from gateway.console.doors import Area
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.money import Money

AREA = Area("basics")
A_YEAR_S = 365 * 24 * 3600


@AREA.get("/language/<word>", Right.ANYBODY)
def choose_language(visit: Visit, word: str) -> Answer:
    """Read the office in another language from now on, on this device."""
    if word not in ("fr", "en"):
        raise NotThere
    visit.keep("language", word, A_YEAR_S)
    return Go(_back(visit))


@AREA.get("/place", Right.INSIDE)
def choose_place(visit: Visit) -> Answer:
    """Look at another part of the network from now on."""
    code = visit.asked.get("at")
    if code in {one.code for one in visit.places()}:
        visit.keep("at", code, A_YEAR_S)
    return Go(_back(visit))


def _back(visit: Visit) -> str:
    """The page that they came from, as it was given; never one of elsewhere."""
    there = visit.asked.get("from")
    is_ours = there.startswith("/") and not there.startswith("//") and there.isprintable() and "\\" not in there
    return there[:200] if is_ours else "/"


@AREA.get("/style", Right.INSIDE)
def style(visit: Visit) -> Answer:
    """Every component of the pages, once."""
    values = {"amount": Money(12_500, visit.at.currency), "day": date(2026, 12, 31)}
    return Page("style.html", visit.say("Style"), values)
