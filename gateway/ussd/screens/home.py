"""Home: what one can do from here, for members and for those who aren't yet; and going on after a dropped call."""

from __future__ import annotations

from typing import Literal

from gateway.locale import Say
from gateway.membership.households import Household
from gateway.ussd.effects import SetLanguage
from gateway.ussd.pages import Page
from gateway.ussd.screen import Choice, GoHome, GoOn, See, screen
from gateway.ussd.screens.cover import MyCover
from gateway.ussd.screens.language import Language
from gateway.ussd.screens.pay import PayWhat, pay_what
from gateway.ussd.screens.register import HeadName

# As many as are read of one phone: more names than anybody scrolls through.
MOST_HOUSEHOLDS = 20


@screen
class Home:
    """The first screen of everybody who has a language; it holds the households of the phone that dialled.

    ``unfinished``: the person came away from something half told, which is still there to go on with.
    """

    households: tuple[Household, ...] = ()
    wants: SetLanguage | None = None
    unfinished: bool = False

    def show(self, say: Say, see: See) -> Page:
        households = self.households
        more = [say("Go on where I was")] if self.unfinished else []
        if not households:
            text = say("{mutuelle}. Health cover for your family.", mutuelle=see.root.name)
            return Page(text, [say("Register my family"), say("Language"), *more])
        greeting = households[0].head if len(households) == 1 else see.root.name
        return Page(say("Welcome, {name}.", name=greeting), [say("My cover"), say("Pay"), say("Language"), *more])

    def take(self, choice: Choice, see: See) -> HeadName | MyCover | PayWhat | WhichHousehold | Language | GoOn:
        households = self.households
        if choice > (3 if households else 2):
            return GoOn()
        if not households:
            return HeadName() if choice == 1 else Language()
        if choice == 3:
            return Language()
        if len(households) > 1:
            return WhichHousehold(households[:MOST_HOUSEHOLDS], "cover" if choice == 1 else "pay")
        return MyCover(households[0]) if choice == 1 else pay_what(households[0], see)


@screen
class WhichHousehold:
    """Several households share this phone: whose cover, or whose payment?"""

    households: tuple[Household, ...]
    purpose: Literal["cover", "pay"]

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Which household?"), [one.head for one in self.households])

    def take(self, choice: Choice, see: See) -> MyCover | PayWhat:
        chosen = self.households[choice - 1]
        return MyCover(chosen) if self.purpose == "cover" else pay_what(chosen, see)


@screen
class Resume:
    """The last call was cut off: go on there, or begin again."""

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Your last call was cut off."), [say("Go on"), say("Start again")])

    def take(self, choice: Choice, see: See) -> GoOn | GoHome:
        return GoOn() if choice == 1 else GoHome()
